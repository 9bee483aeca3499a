//! The filter: it knows every subject that was put in, and few others.

use std::collections::BTreeSet;

use proptest::prelude::*;
use rand_chacha::ChaCha20Rng;
use rand_chacha::rand_core::{Rng, SeedableRng};
use symbolon_ccks::{Class, Identity, IdentityFields, P256, Period, PeriodBoundary, Subject};
use symbolon_tap::{
    Bundle, BundleContent, Filter, FilterAnswer, FilterContent, FilterKey, FilterSet, Scope, SignRefused, encode_bundle,
};

use crate::bundles::{refused, section, with_body};
use crate::world::{RANDOM, Samples, TestSuite, bundle_fields, filter_sets, holder_fields, time};

fn subjects(random: &mut ChaCha20Rng, count: usize) -> Vec<Subject> {
    let subject = |_| {
        let mut bytes = [0; 16];
        random.fill_bytes(&mut bytes);
        Subject::from_bytes(bytes)
    };
    (0..count).map(subject).collect()
}

fn period(number: u32) -> Scope {
    Scope::period(Period::new(number).unwrap())
}

/// A bundle with these sets.
fn bundle(sets: &[FilterSet]) -> Vec<u8> {
    let filter = FilterContent { boundary: PeriodBoundary::DEFAULT, sets };
    let content = BundleContent { filter, ..BundleContent::default() };
    encode_bundle(&P256::world().city(), &bundle_fields(), &content, &RANDOM).unwrap()
}

fn hits(filter: &Filter<'_>, scope: Scope, subjects: &[Subject]) -> usize {
    let answer = |subject: &&Subject| filter.lookup(scope, &FilterKey::of(subject)) == Ok(FilterAnswer::Hit);
    subjects.iter().filter(answer).count()
}

/// Every size from none to some hundreds, and some larger ones: every subject is found, and where it is not in scope
/// nothing is said.
#[test]
fn no_subject_is_missed() {
    let mut random = ChaCha20Rng::seed_from_u64(1);
    for count in (0..300).chain([1_009, 1_010, 3_361, 3_362, 11_200, 40_000]) {
        let subjects = subjects(&mut random, count);
        let set = FilterSet::build(period(7), &subjects, count as u64).unwrap();
        assert_eq!(set.keys(), count as u32);
        let bytes = bundle(&[set]);
        let filter = Bundle::parse(&bytes).unwrap().filter().unwrap();
        assert_eq!(hits(&filter, period(7), &subjects), count);
        let key = FilterKey::of(&Subject::from_bytes([1; 16]));
        assert_eq!(filter.lookup(period(6), &key), Ok(FilterAnswer::OutOfScope));
        assert_eq!(filter.lookup(period(8), &key), Ok(FilterAnswer::OutOfScope));
        assert_eq!(filter.lookup(Scope::CARDS, &key), Ok(FilterAnswer::OutOfScope));
    }
}

/// One in 65,536: of a million strangers 15.3 are expected; fewer than 2 or more than 40 have less than a chance of one in a
/// hundred thousand.
#[test]
fn few_strangers_are_hit() {
    let mut random = ChaCha20Rng::seed_from_u64(2);
    let revoked = subjects(&mut random, 20_000);
    let bytes = bundle(&[FilterSet::build(period(7), &revoked, 1).unwrap()]);
    let filter = Bundle::parse(&bytes).unwrap().filter().unwrap();
    let strangers = (0..100).map(|_| hits(&filter, period(7), &subjects(&mut random, 10_000))).sum::<usize>();
    assert!((2..=40).contains(&strangers), "{strangers}");
}

/// With about 1.24 places of 16 bits for each, in a set of the size that a sixteenth of a large city has.
#[test]
fn a_set_is_small() {
    let subjects = subjects(&mut ChaCha20Rng::seed_from_u64(3), 12_500);
    let set = FilterSet::build(period(7), &subjects, 1).unwrap();
    assert!((28_000..33_000).contains(&set.size()), "{}", set.size());
}

#[test]
fn a_set_depends_on_its_subjects_and_seed_alone() {
    let mut given = subjects(&mut ChaCha20Rng::seed_from_u64(4), 500);
    let set = FilterSet::build(Scope::CARDS, &given, 1).unwrap();
    given.reverse();
    given.extend_from_within(..250);
    given.extend_from_within(100..150);
    assert_eq!(FilterSet::build(Scope::CARDS, &given, 1), Ok(set.clone()));
    assert_ne!(FilterSet::build(Scope::CARDS, &given, 2), Ok(set.clone()));
    assert_eq!(set.keys(), 500, "each counted once however often it is given");
    let one = FilterSet::build(Scope::CARDS, &[given[0]; 1000], 1).unwrap();
    assert_eq!(one.keys(), 1);
    let bytes = bundle(&[one]);
    let filter = Bundle::parse(&bytes).unwrap().filter().unwrap();
    assert_eq!(hits(&filter, Scope::CARDS, &given[..1]), 1);
}

/// A set of nothing says that nothing is revoked; no set says nothing.
#[test]
fn nothing_revoked_is_not_nothing_known() {
    let empty = FilterSet::build(Scope::CARDS, &[], 1).unwrap();
    assert_eq!((empty.keys(), empty.size()), (0, 32));
    let bytes = bundle(&[empty]);
    let filter = Bundle::parse(&bytes).unwrap().filter().unwrap();
    let key = FilterKey::of(&Subject::from_bytes([0; 16]));
    assert_eq!(filter.lookup(Scope::CARDS, &key), Ok(FilterAnswer::Absent));
    assert_eq!(filter.lookup(period(0), &key), Ok(FilterAnswer::OutOfScope));
    let bytes = bundle(&[]);
    assert!(Bundle::parse(&bytes).unwrap().filter().is_none());
}

#[test]
fn sets_are_sorted_and_each_scope_is_there_once() {
    let set = |scope, byte| FilterSet::build(scope, &[Subject::from_bytes([byte; 16])], 1).unwrap();
    let bytes = bundle(&[set(Scope::CARDS, 1), set(period(8), 2), set(period(7), 3)]);
    let filter = Bundle::parse(&bytes).unwrap().filter().unwrap();
    for (scope, byte) in [(Scope::CARDS, 1), (period(8), 2), (period(7), 3)] {
        for other in 1..=3 {
            let found = hits(&filter, scope, &[Subject::from_bytes([other; 16])]) == 1;
            assert_eq!(found, other == byte, "{scope:?} {other}");
        }
    }
    let filter = FilterContent { boundary: PeriodBoundary::DEFAULT, sets: &[set(period(7), 1), set(period(7), 2)] };
    let content = BundleContent { filter, ..BundleContent::default() };
    let twice = encode_bundle(&P256::world().city(), &bundle_fields(), &content, &RANDOM);
    assert_eq!(twice, Err(SignRefused::Fields));
}

#[test]
fn a_credential_is_looked_for_among_its_own() {
    let authority = &P256::world().authority;
    let scope = |class, not_before| {
        let fields = IdentityFields { not_before, ..holder_fields(authority, class, [1; 16]) };
        Scope::of(&Identity::new(fields).unwrap(), PeriodBoundary::DEFAULT)
    };
    let start = |number| Period::new(number).unwrap().start(PeriodBoundary::DEFAULT);
    assert_eq!(scope(Class::Card, start(5)), Some(Scope::CARDS));
    assert_eq!(scope(Class::Terminal, start(5)), None);
    assert_eq!(scope(Class::Pseudonym, start(5)), Some(period(5)));
    assert_eq!(scope(Class::Pseudonym, start(6).saturating_sub(1)), Some(period(5)));
    assert_eq!(scope(Class::Pseudonym, time(0)), None);
}

proptest! {
    /// Every subject belongs to one part, whatever their number; and neither part is much larger than another.
    #[test]
    fn parts_are_disjoint_and_complete(parts in 1_u16..=64, seed: u64) {
        let mut random = ChaCha20Rng::seed_from_u64(seed);
        let all = subjects(&mut random, 64 * usize::from(parts));
        let mut sizes = vec![0; parts.into()];
        for subject in &all {
            let part = FilterKey::of(subject).part(parts);
            prop_assert!(part < parts);
            sizes[usize::from(part)] += 1;
        }
        prop_assert!(sizes.iter().all(|size| (10..150).contains(size)), "{:?}", sizes);
        prop_assert_eq!(FilterKey::of(&all[0]).part(1), 0);
    }

    /// Parts made one by one find together what is in one: each its own, and no other is asked.
    #[test]
    fn parts_know_together_what_the_whole_knows(parts in 1_u16..=8, count in 0_usize..400, seed: u64) {
        let revoked = subjects(&mut ChaCha20Rng::seed_from_u64(seed), count);
        let mut found = BTreeSet::new();
        for part in 0..parts {
            let own = revoked.iter().copied().filter(|subject| FilterKey::of(subject).part(parts) == part);
            let own = own.collect::<Vec<_>>();
            let bytes = bundle(&[FilterSet::build(period(7), &own, seed).unwrap()]);
            let filter = Bundle::parse(&bytes).unwrap().filter().unwrap();
            prop_assert_eq!(hits(&filter, period(7), &own), own.len());
            found.extend(own);
        }
        prop_assert_eq!(found, revoked.into_iter().collect());
    }
}

/// The section of the sample, and where its parts are: the head 8, the empty set of the cards comes last.
fn sample_section() -> Vec<u8> {
    let bytes = Samples::new(P256::world()).bundle;
    Bundle::parse(&bytes).unwrap().sections().last().unwrap().bytes().to_vec()
}

#[test]
fn a_filter_has_one_encoding() {
    let good = sample_section();
    let with = |offset: usize, bytes: &[u8]| {
        let mut changed = good.clone();
        changed[offset..offset + bytes.len()].copy_from_slice(bytes);
        refused(&section(8, 1, &changed))
    };
    assert!(Bundle::parse(&with_body(&section(8, 1, &good))).is_ok());
    let (lengths, segments) = ("a filter is not as long as its sets are", "a power of two from 4 to 262,144 long");
    let set_length = "a filter's set is not as long as its segments say";
    assert_eq!(refused(&section(8, 0, &good)), "rules, tariffs, fares or a filter that are not critical");
    assert_eq!(refused(&section(8, 1, &[])), "rules, tariffs, fares or a filter without an entry");
    assert_eq!(refused(&section(8, 1, &good[..7])), lengths);
    assert_eq!(refused(&section(8, 1, &good[..good.len() - 1])), lengths);
    assert_eq!(refused(&section(8, 1, &[&good[..], &[0]].concat())), lengths);
    assert_eq!(with(0, &[2]), "a filter of an unknown kind");
    assert_eq!(with(1, &[1]), "the filter's zero byte is not zero");
    assert_eq!(with(2, &[0, 0]), "a filter without a set");
    assert_eq!(with(2, &[0, 1]), lengths);
    assert_eq!(with(2, &[0, 3]), lengths);
    assert_eq!(with(4, &86_400_u32.to_be_bytes()), "not within a day");
    assert_eq!(with(8, &12_725_827_u32.to_be_bytes()), "beyond the times that can be written");
    assert_eq!(with(8, &[0xff; 4]), "a filter's sets do not ascend");
    for segment in [0, 1, 2, 3, 6, 7, 9, 1 << 19, u32::MAX] {
        assert!(with(20, &segment.to_be_bytes()).ends_with(segments), "{segment}");
    }
    for places in [0_u32, 4, 9, 12] {
        assert_eq!(with(24, &places.to_be_bytes()), "a filter's places are not whole segments");
    }
    for places in [16, !7_u32] {
        assert_eq!(with(24, &places.to_be_bytes()), set_length);
    }
    assert_eq!(with(20, &4_u32.to_be_bytes()), set_length);
    assert_eq!(with(28, &25_u32.to_be_bytes()), set_length);
    assert_eq!(with(28, &0_u32.to_be_bytes()), "a filter's set of nothing that is not all zero");
    assert_eq!(with(32, &23_u32.to_be_bytes()), set_length);
    assert_eq!(with(36, &[1]), "a zero byte of a filter's set is not zero");
    let last = good.len() - 32;
    for field in [4, 11, 15, 19, 27] {
        assert_eq!(with(last + field, &[1]), "a filter's set of nothing that is not all zero", "{field}");
    }
}

#[test]
fn sample_sets_are_those_of_the_samples() {
    let size = filter_sets().iter().map(FilterSet::size).sum::<usize>();
    assert_eq!(sample_section().len(), 8 + size);
}
