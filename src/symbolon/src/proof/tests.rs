use super::*;
use p256::ecdsa::{Signature, SigningKey as HolderKey, signature::Signer};
use rand_chacha::ChaCha20Rng;
use rand_core::SeedableRng;
use symbolon_ccks::{
    AuthoritySecret, Class, EnrolmentKey, Identity, IdentityFields, Name, P256, PossessionMessage, Sector, Sectors,
    Subject, Time,
};
use symbolon_tap::{Flags, Kind, Presentation, Record, Terms, TermsFields};

const RANDOM: [u8; 32] = [3; 32];

/// The parameters, and the proof of a double use with its whole archive.
fn double_use() -> (Vec<u8>, ProofFile) {
    let mut random = ChaCha20Rng::seed_from_u64(1);
    let secret = AuthoritySecret::<P256>::generate(&mut random);
    let begin = Time::new(1_700_000_000).unwrap();
    let parameters = secret.parameters(begin, &Name::parse("city").unwrap());
    let authority = Authority::<P256>::parse(&parameters).unwrap();
    let identity = Identity::new(IdentityFields {
        suite: symbolon_ccks::SuiteId::P256Sha256,
        class: Class::Card,
        sectors: Sectors::ALL,
        authority_prefix: authority.id().prefix(),
        subject: Subject::from_bytes([1; 16]),
        not_before: begin,
        not_after: begin.saturating_add(86_400),
        spend_limit: 100,
        budget: 100,
        currency: 156,
        tariff: 0,
    });
    let offer = Offer::new(identity.unwrap(), RANDOM);
    let u = EnrolmentKey::<P256>::generate(&mut random);
    let message = PossessionMessage::Offer(&offer);
    let possession = u.prove_possession(authority.id(), message, &RANDOM).unwrap();
    let issued = secret.issue(&authority, offer.identity(), message, u.point(), &possession, &RANDOM).unwrap();
    let key = u.complete(&authority, offer.identity(), &issued.credential, issued.contribution.as_bytes()).unwrap();

    let digest = symbolon_ccks::CredentialDigest::from_bytes([9; 32]);
    let item = |amount| {
        let terms = Terms::new(TermsFields {
            kind: Kind::Purchase,
            sector: Sector::Water,
            flags: Flags::Tap,
            nonce: [0; 16],
            time: begin,
            amount,
            currency: 156,
            reference: [0; 16],
        })
        .unwrap();
        let presentation = Presentation::sign(&key, &terms, &digest, 1, &RANDOM).unwrap();
        hex::encode(Item::new(&Record::new(terms, presentation), digest).as_bytes())
    };
    let holder = HolderKey::from_slice(&[5; 32]).unwrap();
    let request = holder_request(authority.id(), &offer, u.point());
    let signature: Signature = holder.sign(&request);
    let archive = ArchiveFile {
        enrolment_point: hex::encode(u.point().as_bytes()),
        contribution: hex::encode(issued.contribution.as_bytes()),
        holder_request: hex::encode(request),
        holder_signature: hex::encode(signature.to_bytes()),
        holder_key: hex::encode(holder.verifying_key().to_sec1_point(true).as_bytes()),
    };
    let proof = ProofFile { name: String::new(), proof: item(1) + &item(2), archive: Some(archive) };
    (parameters, proof)
}

/// The archive, changed.
fn with(proof: &ProofFile, change: impl FnOnce(&mut ArchiveFile)) -> ProofFile {
    let mut archive = proof.archive.clone().unwrap();
    change(&mut archive);
    ProofFile { archive: Some(archive), ..proof.clone() }
}

#[test]
fn the_whole_archive_convicts_the_person() {
    let (parameters, proof) = double_use();
    let checked = check(&proof, &parameters).unwrap();
    assert_eq!((checked.proves, checked.convicts, checked.missing), (Proves::DoubleUse, Convicts::Person, "nothing"));
}

#[test]
fn a_request_for_another_issue_convicts_no_person() {
    let (parameters, proof) = double_use();
    let holder = HolderKey::from_slice(&[5; 32]).unwrap();
    let request = hex::decode(&proof.archive.as_ref().unwrap().holder_request).unwrap();
    // The subject of the offer, its nonce, U, the authority: each signed for by the holder, but not this issue.
    for position in [26 + 32 + 12, request.len() - 34, request.len() - 1, 26] {
        let mut other = request.clone();
        other[position] ^= 1;
        let signature: Signature = holder.sign(&other);
        let changed = with(&proof, |archive| {
            archive.holder_request = hex::encode(&other);
            archive.holder_signature = hex::encode(signature.to_bytes());
        });
        let checked = check(&changed, &parameters).unwrap();
        // The nonce is the holder's and the authority's business; whoever asked under it asked for this issue.
        let expected = if position == request.len() - 34 { Convicts::Person } else { Convicts::Credential };
        assert_eq!(checked.convicts, expected, "{position}");
    }
}

#[test]
fn anything_less_convicts_the_credential_alone() {
    let (parameters, proof) = double_use();
    let other_point = "02".to_owned() + &"6b".repeat(32);
    let zeros = "00".repeat(64);
    let weaker = [
        (ProofFile { archive: None, ..proof.clone() }, "there is no archived record of the issue"),
        (with(&proof, |archive| archive.enrolment_point = other_point), "the archived record is of another issue"),
        (with(&proof, |archive| archive.contribution = "01".repeat(32)), "the archived record is of another issue"),
        (with(&proof, |archive| archive.holder_signature = zeros), "nothing shows that the holder's"),
        (with(&proof, |archive| archive.holder_request.clear()), "nothing shows that the holder's"),
        (
            with(&proof, |archive| archive.holder_request.replace_range(120..122, "ff")),
            "nothing shows that the holder's",
        ),
        (with(&proof, |archive| archive.holder_key.clear()), "nothing shows that the holder's"),
    ];
    for (proof, missing) in weaker {
        let checked = check(&proof, &parameters).unwrap();
        assert_eq!((checked.proves, checked.convicts), (Proves::DoubleUse, Convicts::Credential), "{missing}");
        assert!(checked.missing.starts_with(missing), "{missing}: {}", checked.missing);
    }
}
