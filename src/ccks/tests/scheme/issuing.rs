//! Issuing: who gets which key, and what ties it to the holder.

use elliptic_curve::Group as _;
use rand_chacha::{ChaCha20Rng, rand_core::SeedableRng as _};
use symbolon_ccks::*;

use crate::city::TestSuite;
use crate::for_each_suite;

for_each_suite!(
    issues_and_signs,
    refuses_wrong_issues,
    issue_is_hedged,
    ties_the_archive_to_the_holder,
    keeps_the_relations_of_sec_4,
);

fn issues_and_signs<S: TestSuite>() {
    let city = S::city();
    for class in [Class::Card, Class::Terminal, Class::Pseudonym] {
        let identity = city.identity(class, class as u8);
        let (key, ..) = city.issue(&identity, 5);
        let purpose = if class == Class::Terminal { Purpose::Challenge } else { Purpose::Transaction };
        let signature = key.sign(purpose, &[b"to ", b"be ", b"paid"], &[3; 32]).unwrap();
        let credential = key.credential().unwrap();
        let signer = Signer::Credential(credential);
        assert_eq!(city.authority.verify(signer, purpose, &[b"to be paid"], &signature), Ok(()));
        assert_eq!(city.authority.verify(signer, purpose, &[b"to be paid!"], &signature), Err(BadSignature));
        assert_eq!(S::elsewhere().authority.verify(signer, purpose, &[b"to be paid"], &signature), Err(BadSignature));
        assert_eq!(city.authority.public_key(credential).ok(), key.public_key());
    }
}

fn refuses_wrong_issues<S: TestSuite>() {
    let city = S::city();
    let (card, pseudonym) = (city.identity(Class::Card, 1), city.identity(Class::Pseudonym, 1));
    let key = EnrolmentKey::<S>::generate(&mut ChaCha20Rng::seed_from_u64(5));
    let (offer, other) = (Offer::new(card, [9; 32]), Offer::new(card, [10; 32]));
    let sign = |message| key.prove_possession(city.authority.id(), message, &[1; 32]).unwrap();
    let possession = sign(PossessionMessage::Offer(&offer));
    let issue = |identity: &Identity, message, point: &CompressedPoint| {
        city.secret.issue(&city.authority, identity, message, point, &possession, &[2; 32]).err()
    };
    assert_eq!(issue(&card, PossessionMessage::Offer(&offer), key.point()), None);
    assert_eq!(issue(&card, PossessionMessage::Offer(&other), key.point()), Some(IssueError::BadPossession));
    let stranger = EnrolmentKey::<S>::generate(&mut ChaCha20Rng::seed_from_u64(6));
    assert_eq!(issue(&card, PossessionMessage::Offer(&offer), stranger.point()), Some(IssueError::BadPossession));
    assert_eq!(issue(&pseudonym, PossessionMessage::Offer(&offer), key.point()), Some(IssueError::OtherIdentity));
    let offered_pseudonym = Offer::new(pseudonym, [9; 32]);
    assert_eq!(
        issue(&pseudonym, PossessionMessage::Offer(&offered_pseudonym), key.point()),
        Some(IssueError::OtherIdentity)
    );
    let message = PossessionMessage::Pseudonym { period: 1, challenge: &[0; 32] };
    assert_eq!(issue(&card, message, key.point()), Some(IssueError::OtherIdentity));
    let foreign = S::elsewhere().identity(Class::Card, 1);
    let foreign_offer = Offer::new(foreign, [9; 32]);
    assert_eq!(
        issue(&foreign, PossessionMessage::Offer(&foreign_offer), key.point()),
        Some(IssueError::WrongAuthority)
    );

    // The holder refuses an answer for another identity, over another U, or with another s.
    let (_, enrolment, issued) = city.issue(&card, 5);
    let complete = |key: &EnrolmentKey<S>, identity: &Identity, s: &[u8; 32]| {
        key.complete(&city.authority, identity, &issued.credential, s).err()
    };
    let mut s = *issued.contribution.as_bytes();
    assert_eq!(complete(&enrolment, &card, &s), None);
    assert_eq!(complete(&enrolment, &city.identity(Class::Card, 2), &s), Some(IssueRefused::OtherIdentity));
    assert_eq!(complete(&stranger, &card, &s), Some(IssueRefused::WrongContribution));
    s[31] ^= 1;
    assert_eq!(complete(&enrolment, &card, &s), Some(IssueRefused::WrongContribution));
}

fn issue_is_hedged<S: TestSuite>() {
    // One issuer randomness over two points, or two identities, still gives two nonces: P - U = kG differs.
    let city = S::city();
    let nonce_point = |subject, seed| {
        let (_, enrolment, issued) = city.issue(&city.identity(Class::Card, subject), seed);
        let decode = |point: &CompressedPoint| S::Projective::from(S::decode_point(point).unwrap());
        S::encode_point(&(decode(issued.credential.reconstruction_point()) - decode(enrolment.point())))
    };
    assert_eq!(nonce_point(1, 5), nonce_point(1, 5));
    assert_ne!(nonce_point(1, 5), nonce_point(1, 6));
    assert_ne!(nonce_point(1, 5), nonce_point(2, 5));
}

fn ties_the_archive_to_the_holder<S: TestSuite>() {
    let city = S::city();
    let identity = city.identity(Class::Card, 1);
    let (_, holder, issued) = city.issue(&identity, 1);
    let binds = |point: &CompressedPoint, s: &[u8; 32]| city.authority.archive_binds(&issued.credential, point, s);
    assert!(binds(holder.point(), issued.contribution.as_bytes()));
    let stranger = EnrolmentKey::<S>::generate(&mut ChaCha20Rng::seed_from_u64(2));
    assert!(!binds(stranger.point(), issued.contribution.as_bytes()));
    // The issuer makes itself a second key for the same identity: its archive does not bind the holder's U.
    let (_, framer, framed) = city.issue(&identity, 99);
    assert_ne!(framed.credential.digest(), issued.credential.digest());
    let binds_framed = |point: &CompressedPoint| {
        city.authority.archive_binds(&framed.credential, point, framed.contribution.as_bytes())
    };
    assert!(binds_framed(framer.point()));
    assert!(!binds_framed(holder.point()));
}

fn keeps_the_relations_of_sec_4<S: TestSuite>() {
    // d = e*u + s and dG = e*P + D (SEC 4, 2.4: the certificate's own public key taken by D), computed apart.
    let city = S::city();
    let (key, holder, issued) = city.issue(&city.identity(Class::Card, 3), 3);
    let scalar = |bytes: &[u8; 32]| S::decode_scalar(bytes).unwrap();
    let e = hash_to_scalar::<S>("CREDENTIAL", &[city.authority.id().as_bytes(), issued.credential.as_bytes()]);
    let d = e * scalar(&holder.secret_bytes()) + scalar(issued.contribution.as_bytes());
    assert_eq!(S::encode_scalar(&d), *key.secret_bytes());
    let p = S::Projective::from(S::decode_point(issued.credential.reconstruction_point()).unwrap());
    let combined = p * e + city.authority.matrix_point(issued.credential.identity()).unwrap();
    assert_eq!(S::Projective::generator() * d, combined);
}
