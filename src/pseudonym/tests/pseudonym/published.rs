//! What is published: profiles and issuance parameters.

use proptest::prelude::*;
use symbolon_ccks::{Class, PeriodBoundary, Sectors, Subject, Suite as _};
use symbolon_pseudonym::{Issuance, Profile, ProfileFields, ProfileId, SealingKey};

use crate::world::{period, profile_fields};

fn profile(id: u8) -> Profile {
    Profile::new(profile_fields(id)).unwrap()
}

fn issuance(profiles: impl IntoIterator<Item = u8>) -> Issuance {
    let profiles = profiles.into_iter().map(profile).collect();
    Issuance::new(PeriodBoundary::DEFAULT, 20, SealingKey::from_bytes([9; 32]), profiles).unwrap()
}

#[test]
fn lays_out_a_profile_as_written_down() {
    let expected = [7, 4, 3, 0, 0, 0, 0x05, 0xdc, 0, 0, 0x07, 0xd0, 0, 156, 0, 0];
    assert_eq!(profile(7).as_bytes(), &expected);
    assert_eq!(Profile::parse(&expected).unwrap().fields(), profile_fields(7));
}

#[test]
fn refuses_what_is_no_profile() {
    let bytes = *profile(7).as_bytes();
    for (place, value) in [(1, 0), (1, 8), (3, 1), (4, 1), (14, 1), (15, 1)] {
        let mut changed = bytes;
        changed[place] = value;
        assert!(Profile::parse(&changed).is_err(), "byte {place} is {value}");
    }
    for length in [0, 15, 17] {
        assert!(Profile::parse(&vec![1; length]).is_err(), "{length} bytes");
    }
    assert!(Profile::new(ProfileFields { spend_limit: 2_001, ..profile_fields(1) }).is_err());
}

#[test]
fn makes_identities_that_differ_in_the_subject_alone() {
    let identity = |subject| {
        let subject = Subject::from_bytes([subject; 16]);
        profile(7).identity(symbolon_ccks::P256::ID, [8; 8], subject, period(), PeriodBoundary::DEFAULT).unwrap()
    };
    let (first, second) = (identity(1), identity(2));
    let differing =
        first.as_bytes().iter().zip(second.as_bytes()).enumerate().filter(|(_, (left, right))| left != right);
    assert_eq!(differing.map(|(place, _)| place).collect::<Vec<_>>(), (12..28).collect::<Vec<_>>());
    let fields = first.fields();
    let start = u64::from(period().number()) * 86_400 + 19 * 3_600;
    assert_eq!((fields.not_before.seconds(), fields.not_after.seconds()), (start, start + 30 * 3_600));
    assert_eq!((fields.class, fields.sectors, fields.tariff), (Class::Pseudonym, profile_fields(7).sectors, 3));
    assert_eq!((fields.spend_limit, fields.budget, fields.currency), (1_500, 2_000, 156));
}

#[test]
fn lays_out_issuance_as_written_down() {
    let bytes = issuance([7]).encode();
    let head = [&[1, 1, 0, 20, 0, 1, 0x0b, 0x30][..], &[9; 32]].concat();
    assert_eq!(bytes, [head.as_slice(), profile(7).as_bytes()].concat());
    let read = Issuance::parse(&bytes).unwrap();
    assert_eq!((read.boundary(), read.per_period()), (PeriodBoundary::DEFAULT, 20));
    assert_eq!((read.issuer_key(), read.profiles()), (&SealingKey::from_bytes([9; 32]), &[profile(7)][..]));
    assert_eq!(read.profile(ProfileId(7)), Some(&profile(7)));
    assert_eq!(read.profile(ProfileId(8)), None);
}

#[test]
fn refuses_what_is_no_issuance() {
    let bytes = issuance([7, 8]).encode();
    // Version, number of profiles, none a period, a boundary of a whole day, profiles out of order.
    let wrong: [(usize, &[u8]); 7] =
        [(0, &[0]), (0, &[2]), (1, &[1]), (1, &[3]), (2, &[0, 0]), (4, &[0, 1, 0x51, 0x80]), (40, &[8])];
    for (place, value) in wrong {
        let mut changed = bytes.clone();
        changed[place..place + value.len()].copy_from_slice(value);
        assert!(Issuance::parse(&changed).is_err(), "{value:?} at {place}");
    }
    for length in 0..bytes.len() {
        assert!(Issuance::parse(&bytes[..length]).is_err(), "{length} bytes");
    }
    assert!(Issuance::parse(&[bytes.as_slice(), &[0]].concat()).is_err());
    let mut without = bytes[..40].to_vec();
    without[1] = 0;
    assert!(Issuance::parse(&without).is_err(), "no profile");
    let make =
        |profiles: Vec<Profile>| Issuance::new(PeriodBoundary::DEFAULT, 1, SealingKey::from_bytes([9; 32]), profiles);
    assert!(make((0..64).map(profile).collect()).is_ok());
    assert!(make((0..65).map(profile).collect()).is_err());
    assert!(make(vec![profile(2), profile(2)]).is_err());
}

proptest! {
    #[test]
    fn writes_what_it_reads(bytes in prop::collection::vec(any::<u8>(), 40..90), count in 0..3_u8) {
        let mut bytes = bytes;
        bytes.truncate(40 + 16 * usize::from(count));
        bytes[..2].copy_from_slice(&[1, count]);
        bytes[4..6].copy_from_slice(&[0, 0]);
        for (place, value) in [(3, 0), (14, 0), (15, 0), (4, 0), (8, 1)] {
            (0..usize::from(count)).for_each(|index| {
                if let Some(byte) = bytes.get_mut(40 + 16 * index + place) {
                    *byte = value;
                }
            });
        }
        if let Ok(issuance) = Issuance::parse(&bytes) {
            prop_assert_eq!(issuance.encode(), bytes);
        }
    }

    #[test]
    fn reads_what_it_writes(
        id: u8, sectors in 1..8_u8, tariff: u8, limits: (u32, u32), currency: u16, per_period in 1..=u16::MAX,
        boundary in 0..86_400_u32, key: [u8; 32]
    ) {
        let (spend_limit, budget) = (limits.0.min(limits.1), limits.0.max(limits.1));
        let sectors = Sectors::new(sectors).unwrap();
        let fields = ProfileFields { id: ProfileId(id), sectors, tariff, spend_limit, budget, currency };
        let profile = Profile::new(fields).unwrap();
        prop_assert_eq!(profile.fields(), fields);
        let boundary = PeriodBoundary::new(boundary).unwrap();
        let issuance = Issuance::new(boundary, per_period, SealingKey::from_bytes(key), vec![profile]).unwrap();
        prop_assert_eq!(Issuance::parse(&issuance.encode()).unwrap(), issuance);
    }
}
