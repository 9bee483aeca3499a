//! The scheme as its users meet it, every test written once and run for each suite.

#![allow(clippy::unwrap_used, reason = "a test panics where it fails")]

use elliptic_curve::{Field, Group, PrimeField as _, ops::Reduce};
use proptest::prelude::*;
use rand_chacha::{ChaCha20Rng, rand_core::SeedableRng};
use std::sync::{
    LazyLock,
    atomic::{AtomicBool, Ordering},
};
use symbolon_ccks::*;

/// An authority, made once a suite, with everything that a test needs beside it.
struct City<S: Suite> {
    secret: AuthoritySecret<S>,
    parameters: Vec<u8>,
    authority: Authority<'static, S>,
}

impl<S: Suite> City<S> {
    fn new(seed: u64, name: &str) -> Self {
        let secret = AuthoritySecret::generate(&mut ChaCha20Rng::seed_from_u64(seed));
        let name = Name::parse(name).unwrap();
        let parameters = secret.parameters(Time::new(1_700_000_000).unwrap(), &name);
        let authority = Authority::parse(&parameters).unwrap();
        Self { secret, parameters, authority }
    }

    fn identity(&self, class: Class, subject: u8) -> Identity {
        Identity::new(IdentityFields {
            suite: S::ID,
            class,
            sectors: Sectors::ALL,
            authority_prefix: self.authority.id().prefix(),
            subject: Subject::from_bytes([subject; 16]),
            not_before: Time::new(1_000).unwrap(),
            not_after: Time::new(2_000).unwrap(),
            spend_limit: 500,
            budget: 5_000,
            currency: 156,
            tariff: 0,
        })
        .unwrap()
    }

    fn issue(&self, identity: &Identity, seed: u64) -> (SigningKey<S>, EnrolmentKey<S>, Issued) {
        let enrolment = EnrolmentKey::<S>::generate(&mut ChaCha20Rng::seed_from_u64(seed));
        let offer = Offer::new(*identity, [9; 32]);
        let challenge = [8; 32];
        let message = match identity.class() {
            Class::Pseudonym => PossessionMessage::Pseudonym { period: 3, challenge: &challenge },
            _ => PossessionMessage::Offer(&offer),
        };
        let possession = enrolment.prove_possession(self.authority.id(), message, &[1; 32]).unwrap();
        let issued =
            self.secret.issue(&self.authority, identity, message, enrolment.point(), &possession, &[2; 32]).unwrap();
        let key =
            enrolment.complete(&self.authority, identity, &issued.credential, issued.contribution.as_bytes()).unwrap();
        (key, enrolment, issued)
    }
}

trait TestSuite: Suite {
    fn city() -> &'static City<Self>;
    fn elsewhere() -> &'static City<Self>;
}

static P256_CITY: LazyLock<City<P256>> = LazyLock::new(|| City::new(1, "beijing"));
static P256_ELSEWHERE: LazyLock<City<P256>> = LazyLock::new(|| City::new(2, "tianjin"));
static SECP256K1_CITY: LazyLock<City<Secp256k1>> = LazyLock::new(|| City::new(1, "beijing"));
static SECP256K1_ELSEWHERE: LazyLock<City<Secp256k1>> = LazyLock::new(|| City::new(2, "tianjin"));

impl TestSuite for P256 {
    fn city() -> &'static City<Self> {
        &P256_CITY
    }
    fn elsewhere() -> &'static City<Self> {
        &P256_ELSEWHERE
    }
}

impl TestSuite for Secp256k1 {
    fn city() -> &'static City<Self> {
        &SECP256K1_CITY
    }
    fn elsewhere() -> &'static City<Self> {
        &SECP256K1_ELSEWHERE
    }
}

/// Runs each generic function for both suites.
macro_rules! for_each_suite {
    ($($name:ident),* $(,)?) => {
        mod p256 { $(#[test] fn $name() { super::$name::<symbolon_ccks::P256>(); })* }
        mod secp256k1 { $(#[test] fn $name() { super::$name::<symbolon_ccks::Secp256k1>(); })* }
    };
}

for_each_suite!(
    issues_and_signs,
    refuses_wrong_issues,
    issue_is_hedged,
    enforces_who_signs_what,
    refuses_mauled_signatures,
    refuses_bad_parameters,
    opened_where_it_is_kept_it_is_the_same_authority,
    opened_with_its_own_key_it_is_the_same_authority,
    open_refuses_what_is_not_the_prepared_authority,
    a_point_that_cannot_be_read_verifies_nothing,
    institution_keys_agree,
    ties_the_archive_to_the_holder,
    keeps_the_relations_of_sec_4,
    stores_and_restores_secrets,
    redacts_secrets,
    hashes_as_rfc_9380,
    refuses_every_bit_flip_of_a_credential,
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

fn enforces_who_signs_what<S: TestSuite>() {
    use Purpose::*;
    let city = S::city();
    let key = |class| city.issue(&city.identity(class, 7), 7).0;
    let own = city.secret.institution_key(&city.authority, city.authority.name());
    let other = Name::parse("water-company").unwrap();
    let holders: [(SigningKey<S>, &[Purpose]); 6] = [
        (key(Class::Card), &[Transaction, Request]),
        (key(Class::Terminal), &[Challenge, Upload, Receipt, Request]),
        (key(Class::Pseudonym), &[Transaction]),
        (own, &[Bundle, Acknowledgement, Voucher]),
        (city.secret.institution_key(&city.authority, &other), &[]),
        (city.secret.rotation_key(&city.authority), &[Successor]),
    ];
    for (key, allowed) in &holders {
        for purpose in Purpose::ALL {
            let signed = key.sign(purpose, &[b"message"], &[0; 32]);
            assert_eq!(signed.is_ok(), allowed.contains(&purpose), "{key:?} {purpose:?}");
            let Ok(signature) = signed else { continue };
            for verified_as in Purpose::ALL {
                let verdict = city.authority.verify(key.signer(), verified_as, &[b"message"], &signature);
                assert_eq!(verdict.is_ok(), verified_as == purpose, "{key:?} {purpose:?}");
            }
        }
    }
    let enrolment = EnrolmentKey::<S>::generate(&mut ChaCha20Rng::seed_from_u64(5));
    for purpose in Purpose::ALL {
        let may = Signer::Point(enrolment.point()).may_sign(purpose, city.authority.name());
        assert_eq!(may, purpose == Possession);
    }
}

fn refuses_mauled_signatures<S: TestSuite>() {
    let city = S::city();
    let (key, ..) = city.issue(&city.identity(Class::Card, 1), 1);
    let signature = key.sign(Purpose::Transaction, &[b"m"], &[3; 32]).unwrap();
    let verify = |bytes: &[u8]| {
        Signature::parse(bytes).ok().is_some_and(|signature| {
            city.authority.verify(key.signer(), Purpose::Transaction, &[b"m"], signature).is_ok()
        })
    };
    assert!(verify(signature.as_bytes()));
    for bit in 0..Signature::SIZE * 8 {
        let mut bytes = *signature.as_bytes();
        bytes[bit / 8] ^= 1 << (bit % 8);
        assert!(!verify(&bytes), "bit {bit}");
    }
    // z + n has the same value modulo n and must be refused; so must 0 and n themselves.
    let minus_one = S::encode_scalar(&-S::Scalar::ONE);
    let mut order = minus_one;
    order[31] += 1;
    for response in [[0; 32], order, [0xff; 32], minus_one] {
        let mut bytes = *signature.as_bytes();
        bytes[33..].copy_from_slice(&response);
        assert!(!verify(&bytes));
    }
    // -R with any z.
    let mut bytes = *signature.as_bytes();
    bytes[0] ^= 1;
    let z = S::decode_scalar(signature.response()).unwrap();
    bytes[33..].copy_from_slice(&S::encode_scalar(&-z));
    assert!(!verify(&bytes));
}

fn refuses_bad_parameters<S: TestSuite>() {
    let parameters = &S::city().parameters;
    let problem = |bytes: &[u8]| Authority::<S>::parse(bytes).err().map(|error| error.problem);
    assert_eq!(problem(parameters), None);
    assert_eq!(problem(&parameters[..parameters.len() - 1]), Some("truncated"));
    let mut longer = parameters.clone();
    longer.push(0);
    assert_eq!(problem(&longer), Some("trailing bytes"));
    for length in [0, 1, 16, 17, 49, 50, 51, 57, 58] {
        assert_eq!(problem(&parameters[..length]), Some("truncated"), "{length}");
    }
    let with = |offset: usize, byte: u8| {
        let mut bytes = parameters.clone();
        bytes[offset] = byte;
        problem(&bytes)
    };
    assert_eq!(with(0, b's'), Some("does not begin with SYMB"));
    assert_eq!(with(4, 2), Some("the version is not 1"));
    assert_eq!(with(5, 3), Some("the suite is not known"));
    assert_eq!(with(5, 3 - S::ID.to_byte()), Some("of another suite"));
    for offset in [6, 7, 8] {
        assert_eq!(with(offset, 17), Some("not 16 rows, 64 columns and 64 institutions"));
    }
    assert_eq!(with(9, 1), Some("the time of creation is 2^40 seconds or more"));
    assert_eq!(with(51, b'B'), Some("a character other than a-z, 0-9, '-' and '.'"));
    assert_eq!(with(50, 0), Some("empty"));
    // A point at the start, in the middle and at the end: an uncompressed prefix, the identity's, an x off the field.
    for offset in [17, 58 + 33 * 700, parameters.len() - 33] {
        for prefix in [0, 1, 4, 5] {
            assert_eq!(with(offset, prefix), Some("a point is not on the curve"));
        }
        let mut bytes = parameters.clone();
        bytes[offset + 1..offset + 33].fill(0xff);
        assert_eq!(problem(&bytes), Some("a point is not on the curve"));
    }
}

/// Bytes kept in a device that fails from an offset on.
struct Device<'a> {
    bytes: &'a [u8],
    fails_from: usize,
}

impl ByteSource for Device<'_> {
    fn read(&self, offset: usize, into: &mut [u8]) -> Result<(), ReadFailed> {
        if offset + into.len() > self.fails_from {
            Err(ReadFailed)
        } else {
            Source::from(self.bytes).read(offset, into)
        }
    }
}

fn whole_of(device: &dyn ByteSource, length: usize) -> Source<'_> {
    Source::Device { device, offset: 0, length }
}

fn opened_where_it_is_kept_it_is_the_same_authority<S: TestSuite>() {
    let city = S::city();
    let mut flash = vec![0xa5; 100];
    flash.extend(prepare_parameters(&city.parameters).unwrap());
    let length = flash.len() - 100;
    assert_eq!(length, Authority::<S>::prepared_size(city.authority.name().as_ascii().len()));
    let device = Device { bytes: &flash, fails_from: usize::MAX };
    let kept = Source::Device { device: &device, offset: 100, length };
    for source in [kept, Source::from(&flash[100..])] {
        let authority = Authority::<S>::open(source, city.authority.id()).unwrap();
        assert_eq!(authority.id(), city.authority.id());
        assert_eq!(authority.name(), city.authority.name());
        assert_eq!(authority.created(), city.authority.created());
        assert_eq!(authority.rotation_key(), city.authority.rotation_key());
        let own_key = authority.institution_key(authority.name()).unwrap();
        assert_eq!(own_key, city.authority.institution_key(authority.name()).unwrap());
        for (subject, class) in (0..8).flat_map(|subject| [(subject, Class::Card), (subject, Class::Terminal)]) {
            let identity = city.identity(class, subject);
            assert_eq!(authority.digits(&identity), city.authority.digits(&identity));
            assert_eq!(authority.matrix_point(&identity), city.authority.matrix_point(&identity));
        }
        let (key, ..) = city.issue(&city.identity(Class::Card, 1), 1);
        let bank = city.secret.institution_key(&city.authority, city.authority.name());
        let rotation = city.secret.rotation_key(&city.authority);
        let signers = [(&key, Purpose::Transaction), (&bank, Purpose::Bundle), (&rotation, Purpose::Successor)];
        for (key, purpose) in signers {
            let signature = key.sign(purpose, &[b"m"], &[3; 32]).unwrap();
            assert_eq!(authority.verify(key.signer(), purpose, &[b"m"], &signature), Ok(()));
            assert_eq!(authority.verify(key.signer(), purpose, &[b"n"], &signature), Err(BadSignature));
        }
    }
}

fn opened_with_its_own_key_it_is_the_same_authority<S: TestSuite>() {
    let city = S::city();
    let (id, own_key) = (city.authority.id(), city.authority.own_key());
    let prepared = prepare_parameters(&city.parameters).unwrap();
    let open = |bytes, id, own_key| Authority::<S>::open_with_key(Source::from(bytes), id, own_key);
    let computed = Authority::<S>::open(Source::from(&*prepared), id).unwrap();
    assert_eq!(computed.own_key(), own_key);
    let authority = open(&*prepared, id, &own_key).unwrap();
    let bank = city.secret.institution_key(&city.authority, city.authority.name());
    let signature = bank.sign(Purpose::Bundle, &[b"m"], &[3; 32]).unwrap();
    assert_eq!(authority.verify(bank.signer(), Purpose::Bundle, &[b"m"], &signature), Ok(()));
    // The parameters are held to the id as ever; another key verifies nothing, and what is no point is refused.
    let other = S::elsewhere().authority.own_key();
    let wrong = open(&*prepared, id, &other).unwrap();
    assert_eq!(wrong.verify(bank.signer(), Purpose::Bundle, &[b"m"], &signature), Err(BadSignature));
    let elsewhere = S::elsewhere().authority.id();
    assert_eq!(open(&*prepared, elsewhere, &other).err(), Some(AuthorityRefused::OtherAuthority));
    let mut off_curve = own_key;
    off_curve[63] ^= 1;
    assert!(matches!(open(&*prepared, id, &off_curve).err(), Some(AuthorityRefused::Malformed(_))));
    assert!(matches!(open(&*prepared, id, &[0xff; 64]).err(), Some(AuthorityRefused::Malformed(_))));
}

fn open_refuses_what_is_not_the_prepared_authority<S: TestSuite>() {
    let city = S::city();
    let id = city.authority.id();
    let prepared = prepare_parameters(&city.parameters).unwrap();
    let open = |bytes: &[u8]| Authority::<S>::open(Source::from(bytes), id).err();
    assert_eq!(open(&prepared), None);
    assert_eq!(
        Authority::<S>::open(Source::from(&*prepared), S::elsewhere().authority.id()).err(),
        Some(AuthorityRefused::OtherAuthority)
    );
    let malformed = |problem| Some(AuthorityRefused::Malformed(Malformed::new("authority parameters", problem)));
    for length in [0, 1, 16, 50, 57, 58, 70, prepared.len() - 1] {
        assert_eq!(open(&prepared[..length]), malformed("truncated"), "{length}");
    }
    assert_eq!(open(&[&*prepared, &[0]].concat()), malformed("trailing bytes"));
    assert_eq!(open(&city.parameters), malformed("truncated"), "not prepared");
    // Every byte of the header, and of a few points; a changed byte of a point takes it off the curve.
    let first_point = prepared.len() - AFFINE_POINTS * 64;
    let offsets = (0..first_point + 64).chain(first_point + 700 * 64..first_point + 701 * 64);
    for offset in offsets.chain(prepared.len() - 64..prepared.len()).step_by(7) {
        let mut changed = prepared.clone();
        changed[offset] ^= 0x10;
        let refusal = open(&changed);
        assert!(refusal.is_some(), "{offset}");
        if offset >= first_point {
            assert_eq!(refusal, malformed("a point is not on the curve"), "{offset}");
        }
    }
    // y of the right parity, but of no point; the opposite point; another of the matrix; x and x + p, y and y + p.
    for index in [0, 1, 500, AFFINE_POINTS - 1] {
        let place = first_point + index * 64;
        let mut other_y = prepared.clone();
        other_y[place + 62] ^= 1;
        assert_eq!(open(&other_y), malformed("a point is not on the curve"));
        let mut swapped = prepared.clone();
        let other = first_point + (index + 7) % AFFINE_POINTS * 64;
        swapped.copy_within(other..other + 64, place);
        assert!(open(&swapped).is_some());
        let mut beyond = prepared.clone();
        beyond[place..place + 32].fill(0xff);
        assert_eq!(open(&beyond), malformed("a point is not on the curve"));
    }
    let [of_key, of_point] = [0, 700].map(|index| {
        let mut negated = prepared.clone();
        let place = first_point + index * 64;
        let bytes = &prepared[place..place + 64];
        let point = [&[3 - (bytes[63] & 1)], &bytes[..32]].concat();
        let point = S::decode_point(CompressedPoint::parse(&point).unwrap()).unwrap();
        let [_, y] = S::coordinates(&point);
        negated[place + 32..place + 64].copy_from_slice(&y.to_repr());
        open(&negated)
    });
    assert_eq!(of_key, malformed("the rotation key is another than the header's"));
    assert_eq!(of_point, Some(AuthorityRefused::OtherAuthority));
}

fn a_point_that_cannot_be_read_verifies_nothing<S: TestSuite>() {
    let city = S::city();
    let prepared = prepare_parameters(&city.parameters).unwrap();
    let whole = Device { bytes: &prepared, fails_from: prepared.len() };
    assert!(Authority::<S>::open(whole_of(&whole, prepared.len()), city.authority.id()).is_ok());
    for fails_from in [0, 60, prepared.len() - 1] {
        let failing = Device { bytes: &prepared, fails_from };
        let refusal = Authority::<S>::open(whole_of(&failing, prepared.len()), city.authority.id()).err();
        assert_eq!(refusal, Some(AuthorityRefused::Unreadable));
    }
    // Read when it was opened, and worn out since.
    let flash = Wearing { bytes: prepared.clone(), worn: AtomicBool::new(false) };
    let authority = Authority::<S>::open(whole_of(&flash, prepared.len()), city.authority.id()).unwrap();
    let (key, ..) = city.issue(&city.identity(Class::Card, 1), 1);
    let signature = key.sign(Purpose::Transaction, &[b"m"], &[3; 32]).unwrap();
    assert_eq!(authority.verify(key.signer(), Purpose::Transaction, &[b"m"], &signature), Ok(()));
    flash.worn.store(true, Ordering::Relaxed);
    assert_eq!(authority.verify(key.signer(), Purpose::Transaction, &[b"m"], &signature), Err(BadSignature));
    assert_eq!(authority.matrix_point(&city.identity(Class::Card, 1)), None);
    assert_eq!(authority.public_key(key.credential().unwrap()), Err(BadSignature));
}

/// Bytes kept in a device that stops giving them.
struct Wearing {
    bytes: Vec<u8>,
    worn: AtomicBool,
}

impl ByteSource for Wearing {
    fn read(&self, offset: usize, into: &mut [u8]) -> Result<(), ReadFailed> {
        if self.worn.load(Ordering::Relaxed) { Err(ReadFailed) } else { Source::from(&*self.bytes).read(offset, into) }
    }
}

fn institution_keys_agree<S: TestSuite>() {
    let city = S::city();
    for name in ["beijing", "water-company", "a", &"z".repeat(63)] {
        let name = Name::parse(name).unwrap();
        let key = city.secret.institution_key(&city.authority, &name);
        assert_eq!(city.authority.institution_key(&name).ok(), key.public_key(), "{name}");
    }
    assert_eq!(city.authority.rotation_key(), city.secret.rotation_key(&city.authority).public_key());
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

fn stores_and_restores_secrets<S: TestSuite>() {
    let city = S::city();
    let bytes = city.secret.to_bytes();
    assert_eq!(bytes.len(), AuthoritySecret::<S>::SIZE);
    let restored = AuthoritySecret::<S>::from_bytes(&bytes).unwrap();
    assert_eq!(*restored.to_bytes(), *bytes);
    assert!(AuthoritySecret::<S>::from_bytes(&bytes[1..]).is_err());
    for bad in [[0; 32], [0xff; 32]] {
        let mut bytes = bytes.to_vec();
        bytes[500 * 32..501 * 32].copy_from_slice(&bad);
        assert!(AuthoritySecret::<S>::from_bytes(&bytes).is_err());
    }
    let (key, enrolment, issued) = city.issue(&city.identity(Class::Card, 1), 1);
    assert!(SigningKey::from_credential(&city.authority, &issued.credential, &key.secret_bytes()).is_ok());
    let wrong = enrolment.secret_bytes();
    assert!(SigningKey::from_credential(&city.authority, &issued.credential, &wrong).is_err());
    assert!(EnrolmentKey::<S>::from_bytes(&enrolment.secret_bytes()).is_some());
    assert!(EnrolmentKey::<S>::from_bytes(&[0; 32]).is_none());
    assert!(EnrolmentKey::<S>::from_bytes(&[0xff; 32]).is_none());
}

fn redacts_secrets<S: TestSuite>() {
    let city = S::city();
    let (key, enrolment, issued) = city.issue(&city.identity(Class::Card, 1), 1);
    let shown = format!("{key:?} {enrolment:?} {:?} {:?}", issued, city.secret);
    let s = *issued.contribution.as_bytes();
    for secret in [*key.secret_bytes(), *enrolment.secret_bytes(), s] {
        assert!(!shown.contains(&hex::encode(secret)));
        assert!(!shown.contains(&format!("{secret:?}")));
    }
}

fn hashes_as_rfc_9380<S: TestSuite>() {
    // expand_message_xmd written out after RFC 9380, 5.3.1, then reduced by long division.
    use sha2::{Digest, Sha256};
    for message in [b"".as_slice(), b"abc", &[0x5a; 200]] {
        let mut tag = format!("SYMBOLON-V1-{}-CREDENTIAL", S::NAME).into_bytes();
        tag.push(tag.len() as u8);
        let b0 = Sha256::new().chain_update([0; 64]).chain_update(message).chain_update([0, 48, 0]);
        let b0 = b0.chain_update(&tag).finalize();
        let b1 = Sha256::new().chain_update(b0).chain_update([1]).chain_update(&tag).finalize();
        let mixed: Vec<u8> = b0.iter().zip(b1).map(|(left, right)| left ^ right).collect();
        let b2 = Sha256::new().chain_update(mixed).chain_update([2]).chain_update(&tag).finalize();
        let wide: Vec<u8> = b1.iter().chain(&b2[..16]).copied().collect();
        let expected = wide
            .iter()
            .fold(S::Scalar::ZERO, |sum, byte| sum * S::Scalar::from(256) + S::Scalar::from(u64::from(*byte)));
        assert_eq!(hash_to_scalar::<S>("CREDENTIAL", &[message]), expected);
        let wide: [u8; 48] = wide.try_into().unwrap();
        assert_eq!(S::Scalar::reduce(&elliptic_curve::array::Array(wide)), expected);
    }
}

fn refuses_every_bit_flip_of_a_credential<S: TestSuite>() {
    let city = S::city();
    let (key, _, issued) = city.issue(&city.identity(Class::Card, 1), 1);
    let signature = key.sign(Purpose::Transaction, &[b"m"], &[3; 32]).unwrap();
    for bit in 0..Credential::SIZE * 8 {
        let mut bytes = *issued.credential.as_bytes();
        bytes[bit / 8] ^= 1 << (bit % 8);
        let Ok(credential) = Credential::parse(&bytes) else {
            continue;
        };
        let signer = Signer::Credential(credential);
        let verdict = city.authority.verify(signer, Purpose::Transaction, &[b"m"], &signature);
        assert_eq!(verdict, Err(BadSignature), "bit {bit}");
    }
}

#[test]
fn names_take_only_their_characters() {
    for good in ["a", "water-company", "beijing.cn-1", &"x".repeat(63)] {
        assert_eq!(Name::parse(good).unwrap().as_str(), good);
        assert_eq!(Name::parse(good).unwrap().encoded()[0] as usize, good.len());
    }
    for bad in ["", "A", "a b", "ü", "a_b", "a,b", "a\0", &"x".repeat(64), &"x".repeat(300)] {
        assert!(Name::parse(bad).is_err(), "{bad:?}");
    }
}

#[test]
fn identities_keep_their_rules() {
    let identity = P256_CITY.identity(Class::Card, 1);
    let problem_with = |offset: usize, byte: u8| {
        let mut bytes = *identity.as_bytes();
        bytes[offset] = byte;
        Identity::parse(&bytes).err().map(|error| error.problem)
    };
    assert_eq!(problem_with(0, 2), Some("the version is not 1"));
    assert_eq!(problem_with(1, 3), Some("the suite is not known"));
    for class in [0, 4] {
        assert_eq!(problem_with(2, class), Some("the class is not card, terminal or pseudonym"));
    }
    assert_eq!(problem_with(3, 0), Some("no sector is set"));
    assert_eq!(problem_with(3, 8), Some("an unknown sector is set"));
    assert_eq!(problem_with(28, 1), Some("a time is 2^40 seconds or more"));
    assert_eq!(problem_with(42, 0), Some("not_after is not later than not_before"));
    assert_eq!(problem_with(44, 1), Some("spend_limit is above the budget"));
    assert_eq!(problem_with(55, 1), Some("byte 55 is not zero"));
    assert_eq!(Identity::parse(&[0; 55]).unwrap_err().problem, "wrong length");
    assert_eq!(Identity::parse(&[0; 57]).unwrap_err().problem, "wrong length");
}

proptest! {
    #[test]
    fn reads_back_what_it_wrote(mut bytes in proptest::array::uniform::<_, 89>(any::<u8>())) {
        // Steer random bytes towards legal ones, so that both outcomes are met.
        bytes[0] = 1;
        bytes[1] = 1 + bytes[1] % 2;
        bytes[2] = 1 + bytes[2] % 4;
        bytes[3] %= 9;
        bytes[28..31].fill(0);
        bytes[36..39].fill(0);
        bytes[55] %= 2;
        bytes[56] = 2 + bytes[56] % 3;
        if let Ok(credential) = Credential::parse(&bytes) {
            prop_assert_eq!(credential.as_bytes(), &bytes);
            let identity = Identity::new(credential.identity().fields()).unwrap();
            prop_assert_eq!(identity.as_bytes(), &bytes[..56]);
        }
    }
}
