//! Every field of `linkage-and-pseudonyms.json`.

use std::collections::BTreeSet;
use std::convert::Infallible;
use std::fs;

use rand_chacha::ChaCha20Rng;
use rand_core::{SeedableRng, TryCryptoRng, TryRng};
use symbolon_ccks::*;
use symbolon_pseudonym::{
    AccountHandle, Answer, Asking, ClearingTag, Commitment, Issuance, ItemChallenge, ItemContent, PairwiseKey, Profile,
    ProfileFields, ProfileId, RequestBody, RequestItem, ResponseKey, SealedAnswer, SealedItem, SealedValue, SealingKey,
    SealingSecret, TagUse,
};
use symbolon_tap::{BundleContent, BundleFields, RevokedSeed, RevokedSeeds, encode_bundle};
use xtask::vectors::model::Hex;
use xtask::vectors::model::pseudonyms::{PseudonymFile, PseudonymVector};

use crate::files::{authority, fixed, scheme};
use crate::for_each_suite;

for_each_suite!(reads_pseudonyms, reads_requests);

fn file() -> PseudonymFile {
    let path = xtask::vectors::folder().join("linkage-and-pseudonyms.json");
    serde_json::from_str(&fs::read_to_string(path).unwrap()).unwrap()
}

/// Randomness that is known.
struct Known<'a>(&'a [u8]);

impl TryRng for Known<'_> {
    type Error = Infallible;

    fn try_next_u32(&mut self) -> Result<u32, Infallible> {
        unreachable!("keys are drawn as bytes")
    }

    fn try_next_u64(&mut self) -> Result<u64, Infallible> {
        unreachable!("keys are drawn as bytes")
    }

    fn try_fill_bytes(&mut self, place: &mut [u8]) -> Result<(), Infallible> {
        place.copy_from_slice(self.0);
        Ok(())
    }
}

impl TryCryptoRng for Known<'_> {}

fn period(number: u32) -> Period {
    Period::new(number).unwrap()
}

#[test]
fn reads_linkage() {
    let vectors = file().linkage;
    assert!(vectors.len() >= 10);
    for vector in vectors {
        let [a, b] = [&vector.seed_41, &vector.seed_42].map(|seed| LinkageSeed::from_bytes(fixed(seed)));
        period(vector.period);
        let (value_a, value_b) = (a.value(vector.j), b.value(vector.j));
        assert_eq!((value_a.as_bytes(), value_b.as_bytes()), (&fixed(&vector.value_41), &fixed(&vector.value_42)));
        assert_eq!(value_a.subject_with(&value_b).as_bytes(), &fixed(&vector.subject));
        assert_eq!(a.after(LinkageAuthority::A, 10).as_bytes(), &fixed(&vector.seed_41_ten_on));
        assert_eq!(b.after(LinkageAuthority::B, 10).as_bytes(), &fixed(&vector.seed_42_ten_on));
    }
}

#[test]
fn reads_periods() {
    let vectors = file().periods;
    assert!(vectors.iter().any(|vector| vector.period.is_none()) && vectors.len() >= 30);
    for vector in vectors {
        let boundary = PeriodBoundary::new(vector.boundary).unwrap();
        let found = Period::at(Time::new(vector.time).unwrap(), boundary);
        assert_eq!(found.map(Period::number), vector.period, "{vector:?}");
        let times = found.map(|period| [period.start(boundary), period.end(boundary), period.expiry(boundary)]);
        assert_eq!(times.map(|times| times.map(Time::seconds)), vector.start_end_expiry, "{vector:?}");
    }
}

#[test]
fn reads_what_is_published() {
    let secret = AuthoritySecret::<P256>::generate(&mut ChaCha20Rng::seed_from_u64(1));
    let parameters = secret.parameters(Time::new(1).unwrap(), &Name::parse("city").unwrap());
    let city = Authority::<P256>::parse(&parameters).unwrap();
    let key = secret.institution_key(&city, city.name());
    let (now, later) = (Time::new(1_000).unwrap(), Time::new(2_000).unwrap());
    let fields = BundleFields {
        sectors: Sectors::ALL,
        sequence: 1,
        issued_at: now,
        valid_until: later,
        oldest_not_before: now,
        part: 0,
        parts: 1,
    };
    for vector in file().published {
        let entries = vector.entries.iter().map(|entry| {
            let (number, seeds) = entry.0.split_first_chunk::<4>().unwrap();
            let (a, b) = seeds.split_at(32);
            let seeds = [a, b].map(|seed| LinkageSeed::from_bytes(seed.try_into().unwrap()));
            RevokedSeed::new(period(u32::from_be_bytes(*number)), &seeds)
        });
        let entries = entries.collect::<Vec<_>>();
        let boundary = PeriodBoundary::new(vector.boundary).unwrap();
        let seeds = RevokedSeeds::new(boundary, vector.per_period, &entries).unwrap();
        let content = BundleContent { seeds, ..BundleContent::default() };
        let bundle = encode_bundle(&key, &fields, &content, &[0; 32]).unwrap();
        let bundle = symbolon_tap::Bundle::parse(&bundle).unwrap();
        assert_eq!(bundle.body().split_at(8).1, vector.section.0);
        let read = bundle.revoked_seeds();
        assert_eq!((read.boundary(), read.per_period()), (boundary, vector.per_period));
        let subjects = read.subjects(period(vector.first_period), period(vector.last_period));
        let subjects = subjects.map(|subject| subject.as_bytes().to_vec()).collect::<BTreeSet<_>>();
        assert_eq!(subjects, vector.subjects.iter().map(|subject| subject.0.clone()).collect());
        assert_eq!(subjects.len(), vector.subjects.len());
    }
}

#[test]
fn reads_sealed_values_and_tags() {
    let file = file();
    assert!(file.sealed_values.len() >= 4 && file.clearing_tags.len() >= 4);
    for vector in &file.sealed_values {
        let authority = LinkageAuthority::ALL.into_iter().find(|known| known.byte() == vector.authority).unwrap();
        let (key, item) =
            (PairwiseKey::from_bytes(fixed(&vector.key)), Commitment::from_bytes(fixed(&vector.commitment)));
        let value = LinkageValue::from_bytes(fixed(&vector.value));
        let sealed = SealedValue::seal(&value, authority, period(vector.period), &item, &key, fixed(&vector.nonce));
        assert_eq!(sealed.as_bytes().as_slice(), vector.sealed.0);
        assert_eq!(sealed.open(authority, period(vector.period), &item, &key), Ok(value));
        check_cipher(&vector.cipher_key, &vector.associated, &vector.sealed, &vector.value);
        check_key(&vector.key, &vector.associated, &vector.cipher_key);
    }
    for vector in &file.clearing_tags {
        let usage = vector.period.map_or(TagUse::Named, |number| TagUse::Pseudonym(period(number)));
        let (key, account) =
            (PairwiseKey::from_bytes(fixed(&vector.key)), AccountHandle::from_bytes(fixed(&vector.account)));
        let tag = ClearingTag::seal(&account, usage, &key, fixed(&vector.nonce));
        assert_eq!(tag.as_bytes().as_slice(), vector.sealed.0);
        assert_eq!(tag.open(usage, &key), Ok(account));
        check_cipher(&vector.cipher_key, &vector.associated, &vector.sealed, &vector.account);
        check_key(&vector.key, &vector.associated, &vector.cipher_key);
    }
}

/// Opens with the cipher alone, knowing nothing of what is bound to what.
fn check_cipher(key: &Hex, associated: &Hex, sealed: &Hex, plain: &Hex) {
    use aes_gcm::aead::{Aead, KeyInit, Payload};
    let (nonce, ciphertext) = sealed.0.split_first_chunk::<12>().unwrap();
    let cipher = aes_gcm::Aes256Gcm::new_from_slice(&key.0).unwrap();
    let opened = cipher.decrypt(&(*nonce).into(), Payload { msg: ciphertext, aad: &associated.0 });
    assert_eq!(opened.unwrap(), plain.0);
}

/// HMAC-SHA-256 by its definition (RFC 2104), for keys of 32 bytes.
fn check_key(key: &Hex, message: &Hex, derived: &Hex) {
    use sha2::{Digest, Sha256};
    let pad = |byte: u8| key.0.iter().map(|key| key ^ byte).chain([byte; 32]).collect::<Vec<_>>();
    let inner = Sha256::new_with_prefix(pad(0x36)).chain_update(&message.0).finalize();
    let outer = Sha256::new_with_prefix(pad(0x5c)).chain_update(inner).finalize();
    assert_eq!(outer.as_slice(), derived.0);
}

#[test]
fn reads_issuance() {
    let vectors = file().issuance;
    assert!(vectors.len() >= 3);
    for vector in vectors {
        let profiles = vector.profiles.iter().map(|profile| {
            let fields = ProfileFields {
                id: ProfileId(profile.id),
                sectors: Sectors::new(profile.sectors).unwrap(),
                tariff: profile.tariff,
                spend_limit: profile.spend_limit,
                budget: profile.budget,
                currency: profile.currency,
            };
            Profile::new(fields).unwrap()
        });
        let boundary = PeriodBoundary::new(vector.boundary).unwrap();
        let key = SealingKey::from_bytes(fixed(&vector.issuer_key));
        let issuance = Issuance::new(boundary, vector.per_period, key, profiles.collect()).unwrap();
        assert_eq!(issuance.encode(), vector.bytes.0);
        assert_eq!(Issuance::parse(&vector.bytes.0), Ok(issuance));
    }
}

fn reads_pseudonyms<S: Suite>() {
    let vectors = file().pseudonyms.into_iter().filter(|vector| vector.suite == S::NAME).collect::<Vec<_>>();
    assert!(vectors.len() >= 3);
    let city = authority::<S>(&scheme::<S>());
    for vector in vectors {
        let (content, challenge) = check_item(&city, &vector);
        check_answer(&city, &vector, &content, &challenge);
    }
}

/// From the request to the sealed item.
fn check_item<S: Suite>(city: &Authority<'_, S>, vector: &PseudonymVector) -> (ItemContent, ItemChallenge) {
    let challenge = ItemChallenge::of(&fixed(&vector.request_challenge), vector.j);
    assert_eq!(challenge.as_bytes(), &fixed(&vector.challenge));
    let enrolment = EnrolmentKey::<S>::from_bytes(&fixed(&vector.u)).unwrap();
    assert_eq!(enrolment.point().as_bytes(), &fixed(&vector.holder_point));
    let message = PossessionMessage::Pseudonym { period: vector.period, challenge: challenge.as_bytes() };
    let possession = enrolment.prove_possession(city.id(), message, &fixed(&vector.random)).unwrap();
    assert_eq!(possession.as_bytes(), &fixed(&vector.possession));
    let content = ItemContent {
        suite: S::ID,
        period: period(vector.period),
        point: *enrolment.point(),
        possession,
        salt: fixed(&vector.salt),
        response_key: ResponseKey::from_bytes(fixed(&vector.response_key)),
    };
    assert_eq!(content.commitment().as_bytes(), &fixed(&vector.commitment));
    let secret = SealingSecret::from_bytes(&fixed(&vector.issuer_secret));
    assert_eq!(secret.public().as_bytes(), &fixed(&vector.issuer_key));
    let sealed = content.seal(city.id(), &challenge, secret.public(), &mut Known(&vector.ikm_e.0)).unwrap();
    assert_eq!(sealed.as_bytes().as_slice(), vector.sealed_item.0);
    assert_eq!(sealed.open(city.id(), &challenge, &content.commitment(), &secret).unwrap(), content);
    let plain = secret.open(&vector.info.0, &vector.associated.0, &vector.sealed_item.0).unwrap();
    assert_eq!(plain.as_slice(), vector.content.0);
    (content, challenge)
}

/// From the linkage values to the holder's key.
fn check_answer<S: Suite>(
    city: &Authority<'_, S>,
    vector: &PseudonymVector,
    content: &ItemContent,
    challenge: &ItemChallenge,
) {
    let [a, b] = [&vector.value_41, &vector.value_42].map(|value| LinkageValue::from_bytes(fixed(value)));
    let (profile, boundary) =
        (Profile::parse(&vector.profile.0).unwrap(), PeriodBoundary::new(vector.boundary).unwrap());
    let identity = profile.identity(S::ID, city.id().prefix(), a.subject_with(&b), content.period, boundary).unwrap();
    let credential = Credential::parse(&vector.credential.0).unwrap();
    assert_eq!(credential.identity(), &identity);
    let answer = Answer { credential: *credential, contribution: Contribution::from_bytes(fixed(&vector.s)) };
    let sealed = SealedAnswer::seal(&answer, &content.response_key, &content.commitment());
    assert_eq!(sealed.as_bytes().as_slice(), vector.sealed_answer.0);
    {
        use aes_gcm::aead::{Aead, KeyInit, Payload};
        let cipher = aes_gcm::Aes128Gcm::new_from_slice(&vector.response_key.0).unwrap();
        let nonce: [u8; 12] = fixed(&vector.answer_nonce);
        let payload = Payload { msg: vector.sealed_answer.0.as_slice(), aad: &vector.answer_associated.0 };
        assert_eq!(
            cipher.decrypt(&nonce.into(), payload).unwrap(),
            [vector.credential.0.as_slice(), &vector.s.0].concat()
        );
    }
    // A wallet that asked for just this takes the answer.
    let stored = [
        &[1, S::ID.to_byte(), profile.id().0, 0],
        vector.period.to_be_bytes().as_slice(),
        &vector.u.0,
        &vector.salt.0,
        &vector.response_key.0,
    ]
    .concat();
    let asking = Asking::<S>::parse(&stored).unwrap();
    assert_eq!(asking.commitment(), &content.commitment());
    let key = SealingKey::from_bytes(fixed(&vector.issuer_key));
    let issuance = Issuance::new(boundary, 20, key, vec![*profile]).unwrap();
    let key = asking.complete(city, &issuance, &sealed).unwrap();
    assert_eq!(key.secret_bytes().as_slice(), vector.d.0);
    assert_eq!(key.public_key().unwrap().as_bytes(), &fixed(&vector.public_key));
    let message = PossessionMessage::Pseudonym { period: vector.period, challenge: challenge.as_bytes() };
    assert!(message.verify(city, &content.point, &content.possession));
}

fn reads_requests<S: Suite>() {
    let vectors = file().requests.into_iter().filter(|vector| vector.suite == S::NAME).collect::<Vec<_>>();
    assert!(!vectors.is_empty());
    for vector in vectors {
        let items = vector.commitments.iter().zip(&vector.sealed_items).map(|(commitment, sealed)| RequestItem {
            commitment: Commitment::from_bytes(fixed(commitment)),
            sealed: SealedItem::parse(&sealed.0).unwrap(),
        });
        assert_eq!(vector.commitments.len(), vector.sealed_items.len());
        let body = RequestBody::new(period(vector.period), fixed(&vector.challenge), items.collect()).unwrap();
        assert_eq!(body.encode(), vector.body.0);
        assert_eq!(RequestBody::parse(&vector.body.0), Ok(body));
    }
}

/// The fields that the library does not show (the shared secret, key and nonce) are checked by the second implementation.
#[test]
fn reads_rfc_9180() {
    let vector = file().rfc_9180;
    let secret = SealingSecret::from_bytes(&fixed(&vector.sk_r));
    assert_eq!(secret.public().as_bytes(), &fixed(&vector.pk_r));
    let ephemeral = SealingSecret::from_bytes(&fixed(&vector.sk_e));
    assert_eq!(ephemeral.public().as_bytes(), &fixed(&vector.enc));
    let random = &mut Known(&vector.ikm_e.0);
    let sealed = secret.public().seal(&vector.info.0, &vector.associated.0, &vector.plaintext.0, random).unwrap();
    assert_eq!(sealed, [vector.enc.0.as_slice(), &vector.ciphertext.0].concat());
    let opened = secret.open(&vector.info.0, &vector.associated.0, &sealed).unwrap();
    assert_eq!(opened.as_slice(), vector.plaintext.0);
    use aes_gcm::aead::{Aead, KeyInit, Payload};
    let nonce: [u8; 12] = fixed(&vector.base_nonce);
    let payload = Payload { msg: vector.plaintext.0.as_slice(), aad: &vector.associated.0 };
    let cipher = aes_gcm::Aes128Gcm::new_from_slice(&vector.key.0).unwrap();
    assert_eq!(cipher.encrypt(&nonce.into(), payload).unwrap(), vector.ciphertext.0);
}
