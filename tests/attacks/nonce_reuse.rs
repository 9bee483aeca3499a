//! Attack 3: one issuing nonce used twice.
//!
//! `s = e*k + m`. If an authority uses one k with two points U of one identity, because its random source repeats, a
//! snapshot is restored, or a request is retried, whoever has both answers solves for k and m. And m is as good as the
//! authority, for this identity: it makes as many keys as one likes that verify and that nobody issued. k beside s does
//! the same, and so k is never kept.
//!
//! Ours derives k from the issuer secret, the random bytes and everything that it is used for, so that it repeats only
//! where the whole answer repeats.

use crate::{
    city::{City, TestSuite},
    forger::{self, decode, factor, times_generator},
};
use elliptic_curve::Field;
use rand_chacha::{ChaCha20Rng, rand_core::SeedableRng};
use std::collections::BTreeSet;
use symbolon_ccks::{AuthoritySecret, Class, CompressedPoint, Credential, EnrolmentKey, Identity, Issued};

for_each_suite!(a_reused_nonce_gives_the_matrix_secret, our_nonce_is_never_reused, a_stuck_random_source_is_survived,);

/// An answer as two parties see it: the credential, s, and the U that it was made over.
struct Answer<S: TestSuite> {
    credential: Credential,
    contribution: S::Scalar,
    holder_point: CompressedPoint,
}

/// An issuer that takes k from elsewhere.
fn weak_issue<S: TestSuite>(
    city: &City<S>,
    identity: &Identity,
    holder_point: &CompressedPoint,
    nonce: &S::Scalar,
) -> Answer<S> {
    let point = decode::<S>(&times_generator::<S>(nonce)) + decode::<S>(holder_point);
    let credential = Credential::new(*identity, S::encode_point(&point).unwrap());
    let factor = factor::<S>(city.authority.id(), &credential);
    Answer { credential, contribution: factor * nonce + city.matrix_secret(identity), holder_point: *holder_point }
}

fn our_issue<S: TestSuite>(
    city: &City<S>,
    identity: &Identity,
    enrolment: &EnrolmentKey<S>,
    random: &[u8; 32],
) -> Answer<S> {
    let Issued { credential, contribution } = city.answer(identity, enrolment, random);
    Answer {
        credential,
        contribution: S::decode_scalar(contribution.as_bytes()).unwrap(),
        holder_point: *enrolment.point(),
    }
}

/// What two answers would give if they had k in common: `k = (s1 - s2)/(e1 - e2)` and `m = s1 - e1*k`.
fn solve<S: TestSuite>(city: &City<S>, answers: [&Answer<S>; 2]) -> Option<S::Scalar> {
    let [e1, e2] = answers.map(|answer| factor::<S>(city.authority.id(), &answer.credential));
    let [s1, s2] = answers.map(|answer| answer.contribution);
    let inverse: Option<S::Scalar> = (e1 - e2).invert().into();
    Some(s1 - e1 * (s1 - s2) * inverse?)
}

/// Whether `m` makes keys: a credential of the identity with a P of the forger's own, which our verifier accepts.
fn makes_keys<S: TestSuite>(city: &City<S>, identity: &Identity, matrix_secret: S::Scalar) -> bool {
    let nonce = forger::scalar::<S>("a key that nobody issued");
    let credential = Credential::new(*identity, times_generator::<S>(&nonce));
    let secret = factor::<S>(city.authority.id(), &credential) * nonce + matrix_secret;
    forger::opens(&city.authority, &credential, &secret)
}

/// `kG = P - U`, which everybody who has an answer can compute.
fn nonce_point<S: TestSuite>(answer: &Answer<S>) -> CompressedPoint {
    let point = decode::<S>(answer.credential.reconstruction_point());
    S::encode_point(&(point - decode::<S>(&answer.holder_point))).unwrap()
}

fn enrolment<S: TestSuite>(seed: u64) -> EnrolmentKey<S> {
    EnrolmentKey::generate(&mut ChaCha20Rng::seed_from_u64(seed))
}

fn a_reused_nonce_gives_the_matrix_secret<S: TestSuite>() {
    let city = S::city();
    let identity = city.identity(Class::Card, 1);
    let nonce = forger::scalar::<S>("the issuer's nonce");
    let [first, second] = [1, 2].map(|seed| weak_issue(city, &identity, enrolment::<S>(seed).point(), &nonce));
    assert_eq!(nonce_point(&first), nonce_point(&second));
    let solved = solve(city, [&first, &second]).unwrap();
    assert_eq!(solved, city.matrix_secret(&identity));
    assert!(makes_keys(city, &identity, solved));

    // k itself beside s does it with one answer.
    let e = factor::<S>(city.authority.id(), &first.credential);
    assert!(makes_keys(city, &identity, first.contribution - e * nonce));
}

fn our_nonce_is_never_reused<S: TestSuite>() {
    let city = S::city();
    let identity = city.identity(Class::Card, 1);
    let issue = |seed, random| our_issue(city, &identity, &enrolment(seed), random);
    let first = issue(1, &[2; 32]);

    // The same random bytes over another U: another k, and the solver goes wrong.
    let second = issue(2, &[2; 32]);
    assert_ne!(nonce_point(&first), nonce_point(&second));
    let solved = solve(city, [&first, &second]).unwrap();
    assert_ne!(solved, city.matrix_secret(&identity));
    assert!(!makes_keys(city, &identity, solved));

    // The same everything: the same answer to the last bit, of which a second copy says nothing new.
    let again = issue(1, &[2; 32]);
    assert_eq!(again.credential, first.credential);
    assert_eq!(again.contribution, first.contribution);
    assert_eq!(solve(city, [&first, &again]), None);

    // The same U with other random bytes: another k as well.
    let third = issue(1, &[3; 32]);
    assert_ne!(nonce_point(&first), nonce_point(&third));
    assert!(!makes_keys(city, &identity, solve(city, [&first, &third]).unwrap()));
}

fn a_stuck_random_source_is_survived<S: TestSuite>() {
    // Twenty issues with a random source that says zero for ever, in every combination of identity and U, and under
    // another issuer secret: as many nonces.
    let city = S::city();
    let mut bytes = city.secret.to_bytes();
    *bytes.last_mut().unwrap() ^= 1;
    let same_matrix =
        City::with_secret(AuthoritySecret::<S>::from_bytes(&bytes).unwrap(), city.authority.name().as_str());
    assert_eq!(same_matrix.authority.id(), city.authority.id());
    let mut nonces = BTreeSet::new();
    let mut issues = 0;
    for number in 1..=5 {
        let identity = city.identity(Class::Card, number);
        for seed in [1, 2] {
            for city in [city, &same_matrix] {
                let answer = our_issue(city, &identity, &enrolment(seed), &[0; 32]);
                nonces.insert(nonce_point(&answer));
                issues += 1;
            }
        }
    }
    assert_eq!((nonces.len(), issues), (20, 20));
}
