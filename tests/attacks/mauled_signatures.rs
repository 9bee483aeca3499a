//! Attack 5: mauled signatures.
//!
//! Whoever sees a valid signature makes another one of it, without the key: for the same message, so that two
//! transactions are told apart that are one, or for a related key. Each test first builds the verifier that lets it
//! happen.

use crate::{
    city::TestSuite,
    forger::{self, decode, times_generator},
};
use elliptic_curve::{CurveGroup, Field, Group, array::Array, ops::Reduce};
use symbolon_ccks::{Class, CompressedPoint, Credential, Purpose, Signature, Signer, Suite, hash_to_scalar};

for_each_suite!(
    a_response_above_the_order,
    a_negated_signature,
    a_related_key,
    every_bit_flipped,
    another_commitment_or_response,
    another_signers_signature,
);

const MESSAGE: &[u8] = b"a bus ride";

fn sign<S: TestSuite>(number: u64) -> (Credential, S::Scalar, Signature) {
    let holder = S::city().issue(&S::city().identity(Class::Card, number), number);
    let signature = holder.key.sign(Purpose::Transaction, &[MESSAGE], &[3; 32]).unwrap();
    let secret = S::decode_scalar(&holder.key.secret_bytes()).unwrap();
    assert!(accepts::<S>(&holder.issued.credential, signature.as_bytes()));
    (holder.issued.credential, secret, signature)
}

fn accepts<S: TestSuite>(credential: &Credential, signature: &[u8]) -> bool {
    let signer = Signer::Credential(credential);
    Signature::parse(signature)
        .is_ok_and(|signature| S::city().authority.verify(signer, Purpose::Transaction, &[MESSAGE], signature).is_ok())
}

fn response<S: TestSuite>(signature: &Signature) -> S::Scalar {
    S::decode_scalar(signature.response()).unwrap()
}

/// `left + right` in as many bytes; the carry is what does not fit.
fn add(left: &[u8; 32], right: &[u8; 32]) -> ([u8; 32], bool) {
    let mut sum = [0; 32];
    let mut carry = 0;
    for index in (0..32).rev() {
        let digit = u16::from(left[index]) + u16::from(right[index]) + carry;
        sum[index] = digit as u8;
        carry = digit >> 8;
    }
    (sum, carry != 0)
}

/// n, big-endian.
fn order<S: Suite>() -> [u8; 32] {
    let mut one = [0; 32];
    one[31] = 1;
    add(&S::encode_scalar(&-S::Scalar::ONE), &one).0
}

/// c of a scheme that hashes R and the message alone: neither who signs, nor for what.
fn bare_challenge<S: Suite>(commitment: &[u8], message: &[u8]) -> S::Scalar {
    hash_to_scalar::<S>("BARE", &[commitment, message])
}

fn a_response_above_the_order<S: TestSuite>() {
    // z + n is the same number modulo n. A verifier that reduces what it reads takes both.
    let (credential, _, signature) = sign::<S>(1);
    let reduces = |response: &[u8]| {
        let mut wide = [0; 48];
        wide[48 - response.len()..].copy_from_slice(response);
        let signature = forger::signature::<S>(signature.commitment(), &S::Scalar::reduce(&Array(wide)));
        accepts::<S>(&credential, signature.as_bytes())
    };
    let (sum, carry) = add(signature.response(), &order::<S>());
    let raised = [&[u8::from(carry)], sum.as_slice()].concat();
    assert!(reduces(signature.response()));
    assert!(reduces(&raised), "z + n, read by a verifier that reduces");

    // Ours has 32 bytes for z, mostly too few for z + n, and refuses everything from n on.
    let commitment = signature.commitment().as_bytes().as_slice();
    assert!(!accepts::<S>(&credential, &[commitment, &raised].concat()));
    assert!(!accepts::<S>(&credential, &[commitment, &sum].concat()));
    let mut one = [0; 32];
    one[31] = 1;
    let (order, above) = (order::<S>(), add(&order::<S>(), &one).0);
    for response in [order, above, [0xff; 32], [0; 32]] {
        assert!(!accepts::<S>(&credential, &[commitment, &response].concat()));
    }
}

fn a_negated_signature<S: TestSuite>() {
    // With c hashed over the x-coordinate of R alone and not over the key, (-R, -z) is a signature under -Q.
    let secret = forger::scalar::<S>("somebody's secret");
    let nonce = forger::scalar::<S>("nonce");
    let commitment = times_generator::<S>(&nonce);
    let response = nonce + bare_challenge::<S>(commitment.x(), MESSAGE) * secret;
    let holds = |key: S::Projective, commitment: &CompressedPoint, response: S::Scalar| {
        let challenge = bare_challenge::<S>(commitment.x(), MESSAGE);
        S::Projective::mul_by_generator(&response) == decode::<S>(commitment) + key * challenge
    };
    let key = S::Projective::mul_by_generator(&secret);
    let negated = S::encode_point(&-decode::<S>(&commitment)).unwrap();
    assert!(holds(key, &commitment, response));
    assert!(holds(-key, &negated, -response));

    // Ours hashes R with the parity of its y, and the credential: every combination of signs is refused.
    let (credential, _, signature) = sign::<S>(1);
    let commitment = *signature.commitment();
    let negated = S::encode_point(&-decode::<S>(&commitment)).unwrap();
    let z = self::response::<S>(&signature);
    for (commitment, response) in [(negated, z), (commitment, -z), (negated, -z)] {
        let mauled = forger::signature::<S>(&commitment, &response);
        assert!(!accepts::<S>(&credential, mauled.as_bytes()));
    }
    // Nor does the credential with -P, whose key is another one, take any of them.
    let mut other = *credential.as_bytes();
    other[56] ^= 1;
    let other = Credential::parse(&other).unwrap();
    for (commitment, response) in [(commitment, z), (negated, z), (commitment, -z), (negated, -z)] {
        let mauled = forger::signature::<S>(&commitment, &response);
        assert!(!accepts::<S>(other, mauled.as_bytes()));
    }
}

fn a_related_key<S: TestSuite>() {
    // Without the key in the hash, (R, z) under Q becomes (R, z + c*t) under Q + tG. Combined keys are full of known
    // differences: an insider of the archive knows s, and with it where two keys of one U stand to each other.
    let secret = forger::scalar::<S>("somebody's secret");
    let shift = forger::scalar::<S>("a known difference");
    let nonce = forger::scalar::<S>("nonce");
    let commitment = times_generator::<S>(&nonce);
    let challenge = bare_challenge::<S>(commitment.as_bytes(), MESSAGE);
    let z = nonce + challenge * secret;
    let related = S::Projective::mul_by_generator(&(secret + shift));
    let left = S::Projective::mul_by_generator(&(z + challenge * shift));
    assert!(left == decode::<S>(&commitment) + related * challenge);

    // Ours: give the forger even the difference of two cards' keys. The challenge of the one is not that of the other.
    let (from, from_secret, signature) = sign::<S>(1);
    let (to, to_secret, _) = sign::<S>(2);
    let id = S::city().authority.id();
    let shift = to_secret - from_secret;
    for signer in [&from, &to] {
        let challenge = forger::challenge::<S>(
            id,
            signature.commitment(),
            Signer::Credential(signer),
            Purpose::Transaction,
            MESSAGE,
        );
        let shifted = response::<S>(&signature) + challenge * shift;
        let mauled = forger::signature::<S>(signature.commitment(), &shifted);
        assert!(!accepts::<S>(&to, mauled.as_bytes()));
    }
}

fn every_bit_flipped<S: TestSuite>() {
    let (credential, _, signature) = sign::<S>(1);
    for bit in 0..Signature::SIZE * 8 {
        let mut mauled = *signature.as_bytes();
        mauled[bit / 8] ^= 1 << (bit % 8);
        assert!(!accepts::<S>(&credential, &mauled), "bit {bit}");
    }
    for length in 0..Signature::SIZE {
        assert!(!accepts::<S>(&credential, &signature.as_bytes()[..length]));
    }
    let longer = [signature.as_bytes().as_slice(), &[0]].concat();
    assert!(!accepts::<S>(&credential, &longer));
}

fn another_commitment_or_response<S: TestSuite>() {
    let (credential, _, signature) = sign::<S>(1);
    let z = response::<S>(&signature);
    let shift = forger::scalar::<S>("shift");
    let shifted = (decode::<S>(signature.commitment()) + S::Projective::mul_by_generator(&shift)).to_affine();
    let shifted = S::encode_point(&shifted.into()).unwrap();
    let own_key = S::city().authority.public_key(&credential).unwrap();
    let generator = S::encode_point(&S::Projective::generator()).unwrap();
    // R + tG with z + t balances the equation but for c; the others are R from elsewhere.
    for (commitment, response) in [
        (shifted, z + shift),
        (shifted, z),
        (*signature.commitment(), z + shift),
        (own_key, z),
        (generator, z),
        (*credential.reconstruction_point(), z),
    ] {
        let mauled = forger::signature::<S>(&commitment, &response);
        assert!(!accepts::<S>(&credential, mauled.as_bytes()));
    }
}

fn another_signers_signature<S: TestSuite>() {
    let (one, _, by_one) = sign::<S>(1);
    let (two, _, by_two) = sign::<S>(2);
    assert!(!accepts::<S>(&one, by_two.as_bytes()));
    assert!(!accepts::<S>(&two, by_one.as_bytes()));
    // The halves of two valid signatures.
    let mixed = forger::signature::<S>(by_one.commitment(), &response::<S>(&by_two));
    assert!(!accepts::<S>(&one, mixed.as_bytes()));
    assert!(!accepts::<S>(&two, mixed.as_bytes()));
}
