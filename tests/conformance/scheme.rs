//! Every field of the scheme files against the crates' public interface.

use std::collections::BTreeSet;

use elliptic_curve::Group;
use elliptic_curve::point::AffineCoordinates;
use rand_chacha::ChaCha20Rng;
use rand_core::SeedableRng;
use symbolon_ccks::*;
use symbolon_tap::Upload;
use symbolon_tap::misuse::{self, Item};
use symbolon_tests::fresh::Fresh;
use symbolon_verifier::{Devices, Domain, Established, Policy, Revocation, Seen, Terminal, Verdict};
use xtask::vectors::model::{CredentialVector, SchemeFile, SignatureVector, SignerVector, TapVector, UploadVector};

use crate::files::{authority, fixed, scheme};
use crate::for_each_suite;

for_each_suite!(authorities, credentials, institutions, signatures, taps, uploads, misuse_pairs,);

/// The authority's secrets, from its seed. The issuer secret is not in the files; nothing here depends on it.
fn secret<S: Suite>(scheme: &SchemeFile) -> AuthoritySecret<S> {
    let scalars = (0..1_089_u32).flat_map(|index| {
        let message = [scheme.authority.seed.0.as_slice(), &index.to_be_bytes()];
        S::encode_scalar(&hash_to_scalar::<S>("TEST-AUTHORITY", &message))
    });
    let stored: Vec<u8> = scalars.chain([0; 32]).collect();
    AuthoritySecret::from_bytes(&stored).unwrap()
}

fn authorities<S: Suite>() {
    let scheme = scheme::<S>();
    let authority = authority::<S>(&scheme);
    assert_eq!(authority.id().as_bytes(), &fixed(&scheme.authority.authority_id));
    assert_eq!(authority.name().as_str(), scheme.authority.name);
    assert_eq!(authority.created().seconds(), scheme.authority.created);
    let (created, name) = (Time::new(scheme.authority.created).unwrap(), *authority.name());
    assert_eq!(secret::<S>(&scheme).parameters(created, &name), scheme.authority.parameters.0);
}

fn credentials<S: Suite>() {
    let scheme = scheme::<S>();
    let authority = authority::<S>(&scheme);
    let mut classes = BTreeSet::new();
    for vector in &scheme.credentials {
        check_credential(&authority, vector);
        classes.insert(vector.identity.0[2]);
    }
    assert_eq!(classes.into_iter().collect::<Vec<_>>(), [1, 2, 3]);
}

fn check_credential<S: Suite>(authority: &Authority<'_, S>, vector: &CredentialVector) {
    let identity = Identity::parse(&vector.identity.0).unwrap();
    assert_eq!(Identity::new(identity.fields()).unwrap(), *identity);
    let credential = Credential::parse(&vector.credential.0).unwrap();
    assert_eq!(credential.identity(), identity);
    let enrolment = EnrolmentKey::<S>::from_bytes(&fixed(&vector.u)).unwrap();
    assert_eq!(enrolment.point().as_bytes(), &fixed(&vector.holder_point));

    let nonce = fixed(&vector.offer_nonce);
    let offer = Offer::new(*identity, nonce);
    let message = match (identity.class(), vector.period) {
        (Class::Pseudonym, Some(period)) => PossessionMessage::Pseudonym { period, challenge: &nonce },
        (Class::Card | Class::Terminal, None) => PossessionMessage::Offer(&offer),
        other => panic!("a pseudonym and nothing else has a period: {other:?}"),
    };
    let possession = Signature::parse(&vector.possession.0).unwrap();
    assert!(message.verify(authority, enrolment.point(), possession));

    let digits = authority.digits(identity).map(|digit| char::from_digit(digit.into(), 16).unwrap());
    assert_eq!(digits.iter().collect::<String>(), hex::encode(&vector.digits.0));
    let matrix_point = S::encode_point(&authority.matrix_point(identity).unwrap()).unwrap();
    assert_eq!(matrix_point.as_bytes(), &fixed(&vector.matrix_point));
    let factor = hash_to_scalar::<S>("CREDENTIAL", &[authority.id().as_bytes(), credential.as_bytes()]);
    assert_eq!(S::encode_scalar(&factor), fixed(&vector.e));
    let k = S::decode_scalar(&fixed(&vector.k)).unwrap();
    let holder_point = S::decode_point(enrolment.point()).unwrap();
    let reconstruction = S::encode_point(&(S::Projective::mul_by_generator(&k) + holder_point));
    assert_eq!(reconstruction.as_ref(), Some(credential.reconstruction_point()));

    let contribution = fixed(&vector.s);
    assert!(authority.archive_binds(credential, enrolment.point(), &contribution));
    let key = enrolment.complete(authority, identity, credential, &contribution).unwrap();
    assert_eq!(*key.secret_bytes(), fixed(&vector.d));
    assert_eq!(key.public_key().unwrap().as_bytes(), &fixed(&vector.public_key));
    assert_eq!(authority.public_key(credential).unwrap().as_bytes(), &fixed(&vector.public_key));
}

fn institutions<S: Suite>() {
    let scheme = scheme::<S>();
    let (authority, secret) = (authority::<S>(&scheme), secret::<S>(&scheme));
    for vector in &scheme.institutions {
        let name = Name::parse(&vector.name).unwrap();
        let public_key = authority.institution_key(&name).unwrap();
        assert_eq!(public_key.as_bytes(), &fixed(&vector.public_key));
        let key = secret.institution_key(&authority, &name);
        assert_eq!(*key.secret_bytes(), fixed(&vector.d));
        assert_eq!(key.public_key(), Some(public_key));
    }
}

/// The key of a credential of the file.
fn key_of<S: Suite>(scheme: &SchemeFile, authority: &Authority<'_, S>, credential: &Credential) -> SigningKey<S> {
    let vector = scheme.credentials.iter().find(|vector| vector.credential.0 == credential.as_bytes()).unwrap();
    SigningKey::from_credential(authority, credential, &fixed(&vector.d)).unwrap()
}

fn signatures<S: Suite>() {
    let scheme = scheme::<S>();
    let (authority, secret) = (authority::<S>(&scheme), secret::<S>(&scheme));
    let mut purposes = BTreeSet::new();
    for vector in &scheme.signatures {
        let purpose = Purpose::ALL.into_iter().find(|purpose| *purpose as u8 == vector.purpose).unwrap();
        purposes.insert(purpose);
        let signature = Signature::parse(&vector.signature.0).unwrap();
        with_signer(&vector.signer, |signer| {
            assert_eq!(authority.verify(signer, purpose, &[&vector.message.0], signature), Ok(()));
            // However the message is cut into parts.
            let (start, end) = vector.message.0.split_at(vector.message.0.len() / 2);
            assert_eq!(authority.verify(signer, purpose, &[start, end], signature), Ok(()));
        });
        assert_eq!(made_again(&scheme, &authority, &secret, vector, purpose), *signature);
    }
    assert_eq!(purposes.len(), 10);
}

/// Gives the signer named in a vector to `with`.
pub(crate) fn with_signer<T>(vector: &SignerVector, with: impl FnOnce(Signer<'_>) -> T) -> T {
    match (&vector.credential, &vector.institution, &vector.point, vector.rotation) {
        (Some(credential), None, None, None) => with(Signer::Credential(Credential::parse(&credential.0).unwrap())),
        (None, Some(name), None, None) => with(Signer::Institution(&Name::parse(name).unwrap())),
        (None, None, Some(point), None) => with(Signer::Point(CompressedPoint::parse(&point.0).unwrap())),
        (None, None, None, Some(true)) => with(Signer::Rotation),
        other => panic!("not one signer: {other:?}"),
    }
}

/// The signature from its randomness.
fn made_again<S: Suite>(
    scheme: &SchemeFile,
    authority: &Authority<'_, S>,
    secret: &AuthoritySecret<S>,
    vector: &SignatureVector,
    purpose: Purpose,
) -> Signature {
    let random = fixed(&vector.random);
    with_signer(&vector.signer, |signer| {
        let key = match signer {
            Signer::Credential(credential) => key_of(scheme, authority, credential),
            Signer::Institution(name) => secret.institution_key(authority, name),
            Signer::Rotation => secret.rotation_key(authority),
            Signer::Point(point) => {
                let of_point = |issue: &&CredentialVector| issue.holder_point.0 == point.as_bytes();
                let issue = scheme.credentials.iter().find(of_point).unwrap();
                let key = EnrolmentKey::<S>::from_bytes(&fixed(&issue.u)).unwrap();
                let (period, challenge) = vector.message.0.strip_prefix(&[3]).unwrap().split_first_chunk().unwrap();
                let (period, challenge) = (u32::from_be_bytes(*period), challenge.try_into().unwrap());
                let message = PossessionMessage::Pseudonym { period, challenge: &challenge };
                return key.prove_possession(authority.id(), message, &random).unwrap();
            }
        };
        key.sign(purpose, &[&vector.message.0], &random).unwrap()
    })
}

/// The verdict of a fresh terminal without a bundle, at which just this challenge is outstanding: `None` when it
/// accepts, else the reason.
pub(crate) fn verdict<S: Suite>(
    scheme: &SchemeFile,
    authority: &Authority<'_, S>,
    tap: &TapVector,
) -> Option<&'static str> {
    let terminals = scheme.credentials.iter().filter(|vector| vector.identity.0[2] == Class::Terminal as u8);
    let asked_by = tap.challenge.0.get(50..139).unwrap_or_default();
    // A challenge that no terminal of this city made is outstanding at none of them.
    let own = terminals.max_by_key(|vector| vector.credential.0 == asked_by).unwrap();
    let key = key_of(scheme, authority, Credential::parse(&own.credential.0).unwrap());
    let now = Time::new(tap.now).unwrap();
    let devices = Devices { clock: || now, random: ChaCha20Rng::seed_from_u64(1), storage: Fresh };
    let mut memory = [Seen::EMPTY; 4];
    let domain = Domain::new(authority, &key).unwrap();
    let mut terminal = Terminal::new(domain, Policy::WITHOUT_BUNDLE, devices, &mut memory);
    let asked = match terminal.resume(&tap.select.0, &tap.challenge.0) {
        Ok(asked) => asked,
        Err(reason) => return Some(reason.name()),
    };
    match terminal.decide(asked, &tap.presentation.0) {
        Verdict::Declined(refusal) | Verdict::Referred(refusal) => Some(refusal.reason().name()),
        Verdict::Accepted(accepted) => {
            assert_eq!(accepted.record().terms().as_bytes(), &tap.challenge.0[..50]);
            assert_eq!(accepted.record().presentation().as_bytes().as_slice(), tap.presentation.0);
            assert_eq!(accepted.established(), Established::ALL);
            assert_eq!(accepted.revocation(), Revocation::Unknown);
            None
        }
    }
}

fn taps<S: Suite>() {
    let scheme = scheme::<S>();
    let authority = authority::<S>(&scheme);
    let mut reasons = BTreeSet::new();
    for (index, tap) in scheme.taps.iter().enumerate() {
        assert_eq!(verdict(&scheme, &authority, tap), tap.reason.as_deref(), "tap {index}");
        assert_eq!(tap.accepted, tap.reason.is_none(), "tap {index}");
        reasons.insert(tap.reason.as_deref());
    }
    // Accepted, and every reason that a fresh terminal without a bundle can have.
    assert_eq!(reasons.len(), 1 + 13, "{reasons:?}");
}

fn uploads<S: Suite<Affine: AffineCoordinates>>() {
    let scheme = scheme::<S>();
    let authority = authority::<S>(&scheme);
    let mut hinted = BTreeSet::new();
    for vector in &scheme.uploads {
        let upload = Upload::parse(&vector.upload.0).unwrap();
        assert_eq!(upload.verify(&authority), Ok(()));
        hinted.insert(upload.hints().is_some());
        coefficients(&authority, &upload, vector);
        for (index, record) in upload.records().iter().enumerate() {
            let record = record.parse().unwrap();
            let (terms, presentation) = (record.terms(), record.presentation());
            assert_eq!(terms.fits(presentation.holder().identity()), Ok(()));
            assert_eq!(terms.fits(upload.terminal().identity()), Ok(()));
            assert_eq!(presentation.verify(&authority, terms, &upload.terminal().digest()), Ok(()));
            if let Some(hint) = upload.hints().map(|hints| hints[index]) {
                let y = |point: &CompressedPoint| S::decode_point(point).unwrap().y();
                let of_holder = y(presentation.holder().reconstruction_point());
                assert_eq!(of_holder.as_ref(), hint.reconstruction_y());
                assert_eq!(y(presentation.signature().commitment()).as_ref(), hint.commitment_y());
            }
        }
    }
    assert_eq!(hinted.len(), 2);
}

/// By what the records' signatures are multiplied in one equation; and that it holds with them.
fn coefficients<S: Suite>(authority: &Authority<'_, S>, upload: &Upload<'_>, vector: &UploadVector) {
    let terminal = upload.terminal().digest();
    let records: Vec<_> = upload.records().iter().map(|record| record.parse().unwrap()).collect();
    let claims = records.iter().map(|record| record.presentation().claim(record.terms(), &terminal).unwrap());
    let claims: Vec<_> = claims.collect();
    let secret = fixed(&vector.batch_secret);
    let computed = authority.batch_coefficients(&claims, &secret);
    assert_eq!(computed.len(), vector.coefficients.len());
    for (computed, given) in computed.iter().zip(&vector.coefficients) {
        assert_eq!(computed.to_be_bytes().as_slice(), given.0);
    }
    assert_eq!(authority.verify_batch(&claims, &secret, Bound::default()), vec![Ok(()); claims.len()]);
}

fn misuse_pairs<S: Suite>() {
    let scheme = scheme::<S>();
    let authority = authority::<S>(&scheme);
    let mut proved = BTreeSet::new();
    for vector in &scheme.misuse {
        let [first, second] = [&vector.first, &vector.second].map(|item| *Item::parse(&item.0).unwrap());
        for items in [[first, second], [second, first]] {
            let finding = misuse::check(&authority, &items);
            assert_eq!(finding.proves().name(), vector.proves);
            let convicted = (vector.proves != "nothing").then(|| first.presentation().holder());
            assert_eq!(finding.credential(), convicted);
        }
        proved.insert(vector.proves.as_str());
    }
    assert_eq!(proved.into_iter().collect::<Vec<_>>(), ["double_use", "nothing", "overspend"]);
}
