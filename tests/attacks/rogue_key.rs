//! Attack 1: a rogue accompanying key.
//!
//! Plain CPK gives everybody of one identity the same key, so its combined variants let the holder add a key pair of its
//! own: the public key is `Q = D + A`, where D comes out of the matrix and A is sent along. If nothing binds A, a forger
//! who has no secret of anybody picks x, sends `A = xG - D`, and then `Q = xG`: it signs as whomever it likes.
//!
//! Ours multiplies the point that is sent by a hash that covers it, `Q = e(P)*P + D`. To make `Q = xG` the forger would
//! have to find P with `e(P)*P = xG - D`, but every P that it tries changes e.

use crate::{
    city::TestSuite,
    forger::{self, factor, holds_under, times_generator},
};
use elliptic_curve::{Field, Group};
use symbolon_ccks::{
    BadSignature, Class, CompressedPoint, Credential, IssueError, Offer, PossessionMessage, Purpose, Signer, SigningKey,
};

for_each_suite!(
    forges_plain_cpk_and_fails_here,
    fails_with_every_guess_of_the_factor,
    cannot_have_a_rogue_point_combined,
);

const MESSAGE: &[u8] = b"a thousand litres of water";

/// `xG - D`, encoded.
fn rogue_point<S: TestSuite>(x: &S::Scalar, matrix_point: &S::Projective) -> CompressedPoint {
    S::encode_point(&(S::Projective::mul_by_generator(x) - matrix_point)).unwrap()
}

fn forges_plain_cpk_and_fails_here<S: TestSuite>() {
    let authority = &S::city().authority;
    let id = authority.id();
    // The victim need not exist: its identity is all that the forger knows of it.
    let victim = S::city().identity(Class::Card, 1);
    let matrix_point = authority.matrix_point(&victim).unwrap();
    let x = forger::scalar::<S>("x");
    let forged = Credential::new(victim, rogue_point::<S>(&x, &matrix_point));
    let signer = Signer::Credential(&forged);
    let signature = forger::sign::<S>(id, signer, Purpose::Transaction, MESSAGE, &x);

    // Plain CPK adds the accompanying key to D, and accepts.
    let plain_key = matrix_point + forger::decode::<S>(forged.reconstruction_point());
    assert!(holds_under::<S>(&plain_key, id, signer, Purpose::Transaction, MESSAGE, &signature));

    // Ours combines another key out of the same bytes, and refuses.
    let verdict = authority.verify(signer, Purpose::Transaction, &[MESSAGE], &signature);
    assert_eq!(verdict, Err(BadSignature));
    assert_ne!(authority.public_key(&forged).unwrap(), times_generator::<S>(&x));
    let x = S::encode_scalar(&x);
    assert!(SigningKey::from_credential(authority, &forged, &x).is_err());
}

fn fails_with_every_guess_of_the_factor<S: TestSuite>() {
    // A forger who knows the scheme aims better: P = (xG - D)/e for the e that it expects. It takes e from the last P
    // that it tried, which is as good as any guess; each new P has a new e, and the walk never comes to rest.
    let authority = &S::city().authority;
    let victim = S::city().identity(Class::Card, 1);
    let x = forger::scalar::<S>("x");
    let target = S::Projective::mul_by_generator(&x) - authority.matrix_point(&victim).unwrap();
    let mut guess = S::Scalar::ONE;
    for _ in 0..32 {
        let point = S::encode_point(&(target * guess.invert().unwrap())).unwrap();
        let forged = Credential::new(victim, point);
        assert!(!forger::opens(authority, &forged, &x));
        let factor = factor::<S>(authority.id(), &forged);
        assert_ne!(factor, guess);
        guess = factor;
    }
    // The aim itself is right: where e is what was guessed, the equation gives xG. Only the hash stands in between.
    let aimed = (target * guess.invert().unwrap()) * guess + authority.matrix_point(&victim).unwrap();
    assert_eq!(S::encode_point(&aimed).unwrap(), times_generator::<S>(&x), "the forger's algebra");
}

fn cannot_have_a_rogue_point_combined<S: TestSuite>() {
    // The same trick one step earlier: ask the issuer to combine a U = xG - D whose logarithm the forger does not know.
    // The issuer asks for a signature under U itself, and x is not its secret.
    let city = S::city();
    let identity = city.identity(Class::Card, 1);
    let x = forger::scalar::<S>("x");
    let rogue = rogue_point::<S>(&x, &city.authority.matrix_point(&identity).unwrap());
    let offer = Offer::new(identity, [9; 32]);
    let signer = Signer::Point(&rogue);
    let possession = forger::sign::<S>(city.authority.id(), signer, Purpose::Possession, offer.as_bytes(), &x);
    let message = PossessionMessage::Offer(&offer);
    let answer = city.secret.issue(&city.authority, &identity, message, &rogue, &possession, &[2; 32]);
    assert_eq!(answer.err(), Some(IssueError::BadPossession));
}
