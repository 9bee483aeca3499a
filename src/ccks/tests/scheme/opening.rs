//! An authority's parameters, as they are published and as a device keeps them prepared.

use elliptic_curve::PrimeField as _;
use std::sync::atomic::{AtomicBool, Ordering};
use symbolon_ccks::*;

use crate::city::TestSuite;
use crate::for_each_suite;

for_each_suite!(
    refuses_bad_parameters,
    opened_where_it_is_kept_it_is_the_same_authority,
    opened_with_its_own_key_it_is_the_same_authority,
    open_refuses_what_is_not_the_prepared_authority,
    a_point_that_cannot_be_read_verifies_nothing,
);

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
