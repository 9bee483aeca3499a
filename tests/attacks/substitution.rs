//! Attack 4: what was made for one thing is used for another.
//!
//! A signature, or a credential, is taken out of its place and put where it was not meant to be: as a message, under
//! another purpose, another class, another suite, another authority. The weak construction is, each time, the same
//! equation with less in the hash.

use crate::{
    city::{City, TestSuite},
    forger::{self, decode, factor, holds_under, times_generator},
};
use elliptic_curve::{Field, Group};
use symbolon_ccks::{
    Authority, BadSignature, Class, CompressedPoint, Credential, Identity, IdentityFields, P256, Purpose, Secp256k1,
    Signature, Signer, Suite, Time,
};

for_each_suite!(
    a_credential_as_the_message,
    a_purpose_that_is_not_the_signers,
    another_purpose,
    another_class,
    another_authority_with_the_same_secrets,
    an_issuers_key_under_another_id,
);

/// What the credential's forger chooses beside it: the coefficients of its points.
struct SelfSigned<S: Suite> {
    credential: Credential,
    commitment_factor: S::Scalar,
    matrix_part: S::Scalar,
}

/// x of a point as a scalar, as ECDSA has it.
fn ecdsa_r<S: Suite>(point: &CompressedPoint) -> Option<S::Scalar> {
    S::decode_scalar(point.x())
}

/// `R = fD`, `P = -G/r + bD` with r = x(R) and b anything.
fn self_signed<S: TestSuite>(identity: &Identity) -> SelfSigned<S> {
    let matrix_point = S::city().authority.matrix_point(identity).unwrap();
    let matrix_part = forger::scalar::<S>("b");
    (0..)
        .find_map(|attempt| {
            let commitment_factor = forger::scalar::<S>(&format!("f {attempt}"));
            let r = ecdsa_r::<S>(&S::encode_point(&(matrix_point * commitment_factor))?)?;
            let generator_part = -Option::<S::Scalar>::from(r.invert())?;
            let point = S::Projective::mul_by_generator(&generator_part);
            let point = S::encode_point(&(point + matrix_point * matrix_part))?;
            Some(SelfSigned { credential: Credential::new(*identity, point), commitment_factor, matrix_part })
        })
        .unwrap()
}

fn a_credential_as_the_message<S: TestSuite>() {
    // Implicit certificates and ECDSA do not mix when both hash alike: if the message is the certificate itself, its
    // hash is e, and then P = -G/r + bD with R = fD makes the generator's part of the equation vanish. Anybody signs,
    // for an identity that was never issued, a message that is its own credential.
    let authority = &S::city().authority;
    let identity = S::city().identity(Class::Card, 1);
    let matrix_point = authority.matrix_point(&identity).unwrap();
    let forged = self_signed::<S>(&identity);
    let e = factor::<S>(authority.id(), &forged.credential);
    let key = decode::<S>(forged.credential.reconstruction_point()) * e + matrix_point;
    let commitment = S::encode_point(&(matrix_point * forged.commitment_factor)).unwrap();
    let r = ecdsa_r::<S>(&commitment).unwrap();
    let s = r * (e * forged.matrix_part + S::Scalar::ONE) * forged.commitment_factor.invert().unwrap();
    let inverse = s.invert().unwrap();
    let message_hash = e;
    let recovered = S::Projective::mul_by_generator(&(message_hash * inverse)) + key * (r * inverse);
    assert_eq!(S::encode_point(&recovered), Some(commitment), "ECDSA accepts");

    // Ours separates the two hashes, and c covers R: to make the matrix's part vanish, f + c(eb + 1) = 0 has to hold for
    // the c and e that come out of f and b. The forger supposes that they stay what they were, and never catches up.
    let signer = Signer::Credential(&forged.credential);
    let message = forged.credential.as_bytes();
    let c = forger::challenge::<S>(authority.id(), &commitment, signer, Purpose::Transaction, message);
    let generator_part = -r.invert().unwrap();
    for response in [s, c * e * generator_part, c * s] {
        let signature = forger::signature::<S>(&commitment, &response);
        for purpose in Purpose::ALL {
            let verdict = authority.verify(signer, purpose, &[message], &signature);
            assert_eq!(verdict, Err(BadSignature));
        }
    }
    let balanced = -(c * (e * forged.matrix_part + S::Scalar::ONE));
    assert_ne!(balanced, forged.commitment_factor);
    let commitment = S::encode_point(&(matrix_point * balanced)).unwrap();
    let signature = forger::signature::<S>(&commitment, &(c * e * generator_part));
    let verdict = authority.verify(signer, Purpose::Transaction, &[message], &signature);
    assert_eq!(verdict, Err(BadSignature));
}

fn a_purpose_that_is_not_the_signers<S: TestSuite>() {
    // A holder with a true key signs what is not for it to sign: a card a challenge, a terminal a transaction, an
    // operator a trust bundle. The equation holds, since the key is true; the pairing is refused before it is looked at.
    let city = S::city();
    let authority = &city.authority;
    let operator = symbolon_ccks::Name::parse("water-company").unwrap();
    let keys = [
        city.issue(&city.identity(Class::Card, 1), 1).key,
        city.issue(&city.identity(Class::Terminal, 1), 1).key,
        city.issue(&city.identity(Class::Pseudonym, 1), 1).key,
        city.secret.institution_key(authority, &operator),
        city.secret.institution_key(authority, authority.name()),
        city.secret.rotation_key(authority),
    ];
    let mut refused = 0;
    for key in &keys {
        let secret = S::decode_scalar(&key.secret_bytes()).unwrap();
        let public = decode::<S>(&key.public_key().unwrap());
        for purpose in Purpose::ALL {
            let signer = key.signer();
            let signature = forger::sign::<S>(authority.id(), signer, purpose, b"it", &secret);
            assert!(holds_under::<S>(&public, authority.id(), signer, purpose, b"it", &signature));
            let verdict = authority.verify(signer, purpose, &[b"it"], &signature);
            assert_eq!(verdict.is_ok(), signer.may_sign(purpose, authority.name()));
            refused += usize::from(verdict.is_err());
        }
    }
    // 2 purposes for a card, 4 for a terminal, 1 for a pseudonym, 3 for the authority's name, 1 for its rotation key.
    assert_eq!(refused, keys.len() * Purpose::ALL.len() - (2 + 4 + 1 + 3 + 1));
}

fn another_purpose<S: TestSuite>() {
    // A terminal's receipt is played as its challenge: without the purpose in the hash, one is the other.
    let city = S::city();
    let terminal = city.issue(&city.identity(Class::Terminal, 1), 1);
    let signer = terminal.key.signer();
    for made_for in [Purpose::Challenge, Purpose::Upload, Purpose::Receipt, Purpose::Request] {
        let signature = terminal.key.sign(made_for, &[b"it"], &[3; 32]).unwrap();
        for used_for in Purpose::ALL {
            let verdict = city.authority.verify(signer, used_for, &[b"it"], &signature);
            assert_eq!(verdict.is_ok(), used_for == made_for);
        }
    }
    // Moving the boundary between purpose and message does not help: the purpose as the message's first byte.
    let signature = terminal.key.sign(Purpose::Challenge, &[&[Purpose::Receipt as u8], b"it"], &[3; 32]).unwrap();
    let verdict = city.authority.verify(signer, Purpose::Receipt, &[b"it"], &signature);
    assert_eq!(verdict, Err(BadSignature));
}

/// The credential with other fields and the same P.
fn with_fields(credential: &Credential, change: impl FnOnce(&mut IdentityFields)) -> Credential {
    let mut fields = credential.identity().fields();
    change(&mut fields);
    let identity = Identity::new(fields).unwrap();
    Credential::new(identity, *credential.reconstruction_point())
}

fn another_class<S: TestSuite>() {
    // A card that writes terminal into its credential, or a larger limit, or a later end: P and the key stay, and the
    // public key that they would belong to is another one.
    let city = S::city();
    let holder = city.issue(&city.identity(Class::Card, 1), 1);
    let secret = S::decode_scalar(&holder.key.secret_bytes()).unwrap();
    let credential = &holder.issued.credential;
    let changes: [fn(&mut IdentityFields); 6] = [
        |fields| fields.class = Class::Pseudonym,
        |fields| fields.class = Class::Terminal,
        |fields| fields.spend_limit = fields.budget,
        |fields| fields.not_after = Time::new(fields.not_after.seconds() + 1).unwrap(),
        |fields| fields.tariff = 1,
        |fields| fields.currency = 978,
    ];
    for change in changes {
        let forged = with_fields(credential, change);
        let signer = Signer::Credential(&forged);
        for purpose in [Purpose::Transaction, Purpose::Challenge] {
            let signature = forger::sign::<S>(city.authority.id(), signer, purpose, b"it", &secret);
            let verdict = city.authority.verify(signer, purpose, &[b"it"], &signature);
            assert_eq!(verdict, Err(BadSignature), "{:?}", forged.identity());
        }
    }
    assert!(forger::opens(&city.authority, credential, &secret));
}

fn another_authority_with_the_same_secrets<S: TestSuite>() {
    // An authority is set up a second time from the same secrets under a new name: every point is the same, and the
    // rotation key and every U have the same secret behind them. Only the id in the hash keeps the two apart.
    let city = S::city();
    let bytes = city.secret.to_bytes();
    let twin = City::with_secret(symbolon_ccks::AuthoritySecret::<S>::from_bytes(&bytes).unwrap(), "beijing-2");
    assert_eq!(twin.authority.rotation_key(), city.authority.rotation_key());
    let rotation_key = city.secret.rotation_key(&city.authority);
    let signature = rotation_key.sign(Purpose::Successor, &[b"tianjin follows"], &[3; 32]).unwrap();
    let verify = |authority: &Authority<'_, S>| {
        let message: &[&[u8]] = &[b"tianjin follows"];
        authority.verify(Signer::Rotation, Purpose::Successor, message, &signature)
    };
    assert_eq!(verify(&city.authority), Ok(()));
    assert_eq!(verify(&twin.authority), Err(BadSignature));

    // A credential of the one, with the other's first 8 bytes written in, does not open there with the same key.
    let holder = city.issue(&city.identity(Class::Card, 1), 1);
    let secret = S::decode_scalar(&holder.key.secret_bytes()).unwrap();
    let moved = with_fields(&holder.issued.credential, |fields| {
        fields.authority_prefix = twin.authority.id().prefix();
    });
    for authority in [&city.authority, &twin.authority, &S::elsewhere().authority] {
        let as_issued = forger::opens(authority, &holder.issued.credential, &secret);
        assert_eq!(as_issued, authority.id() == city.authority.id());
        assert!(!forger::opens(authority, &moved, &secret));
    }
}

fn an_issuers_key_under_another_id<S: TestSuite>() {
    // The prefix in a credential routes and no more: a verifier that went by it alone would take a signature made under
    // any id that begins alike. The whole id is in the hash, so that one bit in its last byte is enough.
    let city = S::city();
    let holder = city.issue(&city.identity(Class::Card, 1), 1);
    let secret = S::decode_scalar(&holder.key.secret_bytes()).unwrap();
    let mut id = *city.authority.id().as_bytes();
    id[31] ^= 1;
    let id = symbolon_ccks::AuthorityId::from_bytes(id);
    assert_eq!(id.prefix(), city.authority.id().prefix());
    let signer = holder.key.signer();
    let signature = forger::sign::<S>(&id, signer, Purpose::Transaction, b"it", &secret);
    let public = decode::<S>(&times_generator::<S>(&secret));
    assert!(holds_under::<S>(&public, &id, signer, Purpose::Transaction, b"it", &signature));
    let verdict = city.authority.verify(signer, Purpose::Transaction, &[b"it"], &signature);
    assert_eq!(verdict, Err(BadSignature));
}

#[test]
fn another_suite() {
    crossed::<P256, Secp256k1>();
    crossed::<Secp256k1, P256>();
}

/// A card of one suite tries its luck at an authority of the other, with its secret, which is a scalar there as well.
fn crossed<From: TestSuite, To: TestSuite>() {
    let (from, to) = (From::city(), To::city());
    let holder = from.issue(&from.identity(Class::Card, 1), 1);
    let secret = To::decode_scalar(&holder.key.secret_bytes()).unwrap();
    let credential = &holder.issued.credential;
    let moved = with_fields(credential, |fields| {
        fields.suite = To::ID;
        fields.authority_prefix = to.authority.id().prefix();
    });
    let routed = with_fields(credential, |fields| {
        fields.authority_prefix = to.authority.id().prefix();
    });
    let signature = holder.key.sign(Purpose::Transaction, &[b"it"], &[3; 32]).unwrap();
    for credential in [credential, &moved, &routed] {
        assert!(!forger::opens(&to.authority, credential, &secret));
        let as_signed: &Signature = &signature;
        let signer = Signer::Credential(credential);
        let verdict = to.authority.verify(signer, Purpose::Transaction, &[b"it"], as_signed);
        assert_eq!(verdict, Err(BadSignature));
    }
}
