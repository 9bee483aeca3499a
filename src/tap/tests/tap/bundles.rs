//! Trust bundles and their sections.

use std::collections::BTreeSet;

use sha2::{Digest, Sha256};
use symbolon_ccks::{LinkageAuthority, LinkageSeed, Malformed, P256, Period, PeriodBoundary, Sector, Subject};
use symbolon_tap::{
    Bundle, BundleContent, BundleFields, Limit, MAX_SEQUENCE_STEP, RevokedSeed, RevokedSeeds, SignRefused,
    encode_bundle,
};
use zerocopy::IntoBytes;

use crate::world::{NOW_SECONDS, RANDOM, Samples, TestSuite, bundle_fields, revoked_seeds, time};

/// The sample bundle with another body, which its header then fits; its signature does not.
pub(crate) fn with_body(body: &[u8]) -> Vec<u8> {
    let mut bytes = Samples::new(P256::world()).bundle;
    bytes.truncate(Bundle::HEAD_SIZE);
    bytes[68..72].copy_from_slice(&(body.len() as u32).to_be_bytes());
    bytes[76..108].copy_from_slice(&Sha256::digest(body));
    bytes.extend_from_slice(body);
    bytes
}

pub(crate) fn section(section_type: u8, critical: u8, bytes: &[u8]) -> Vec<u8> {
    [&[section_type, critical, 0, 0], (bytes.len() as u32).to_be_bytes().as_slice(), bytes].concat()
}

pub(crate) fn refused(body: &[u8]) -> &'static str {
    Bundle::parse(&with_body(body)).map(|_| ()).unwrap_err().problem
}

#[test]
fn a_bundle_says_what_was_put_into_it() {
    let bytes = Samples::new(P256::world()).bundle;
    let bundle = Bundle::parse(&bytes).unwrap();
    let listed: Vec<_> = bundle.revoked().as_slice().iter().map(|subject| subject.as_bytes()[0]).collect();
    assert_eq!(listed, [1, 2, 3]);
    assert!(bundle.revoked().contains(&Subject::from_bytes([2; 16])));
    assert!(!bundle.revoked().contains(&Subject::from_bytes([4; 16])));
    assert_eq!(bundle.limits().offline_cap(Sector::Water, 156), Some(700));
    assert_eq!(bundle.limits().offline_cap(Sector::Transport, 156), Some(900));
    assert_eq!(bundle.limits().offline_cap(Sector::Power, 156), None);
    assert_eq!(bundle.limits().offline_cap(Sector::Water, 978), None);
    let header = bundle.header();
    assert_eq!((header.part(), header.parts(), header.sequence()), (1, 3, 0x0102_0304));
    assert_eq!(header.issued_at(), time(NOW_SECONDS));
    let seeds = bundle.revoked_seeds();
    assert_eq!((seeds.boundary(), seeds.per_period()), (PeriodBoundary::DEFAULT, 20));
    assert_eq!(seeds.entries(), revoked_seeds());
    assert_eq!(bundle.issuance(), Some(b"for wallets".as_slice()));
    let critical: Vec<_> = bundle.sections().map(|section| (section.section_type(), section.is_critical())).collect();
    assert_eq!(critical, [(1, true), (2, true), (3, true), (4, false), (5, true), (6, true), (7, true), (8, true)]);
}

#[test]
fn a_bundle_may_say_nothing() {
    let world = P256::world();
    let bytes = encode_bundle(&world.city(), &bundle_fields(), &BundleContent::default(), &RANDOM).unwrap();
    assert_eq!(bytes.len(), Bundle::HEAD_SIZE);
    let bundle = Bundle::parse(&bytes).unwrap();
    assert_eq!(bundle.verify(&world.authority), Ok(()));
    assert!(bundle.revoked().is_empty() && bundle.limits().as_slice().is_empty());
    assert!(bundle.revoked_seeds().is_empty() && bundle.issuance().is_none());
    assert!(bundle.rules().is_empty() && bundle.tariffs().is_empty() && bundle.fares().is_empty());
    assert!(bundle.filter().is_none());
}

#[test]
fn an_unknown_section_is_passed_over_unless_it_is_critical() {
    let body = [section(1, 1, &[1; 16]), section(200, 0, b"from later")].concat();
    let bytes = with_body(&body);
    let bundle = Bundle::parse(&bytes).unwrap();
    assert_eq!(bundle.revoked().len(), 1);
    assert_eq!(bundle.sections().last().unwrap().bytes(), b"from later");
    assert_eq!(refused(&section(200, 1, b"from later")), "an unknown section is critical");
    assert_eq!(refused(&section(0, 1, b"")), "an unknown section is critical");
}

#[test]
fn sections_have_one_encoding() {
    let subjects = |first: u8, second: u8| section(1, 1, &[[first; 16], [second; 16]].concat());
    assert_eq!(Bundle::parse(&with_body(&subjects(1, 2))).map(|bundle| bundle.revoked().len()), Ok(2));
    assert_eq!(refused(&subjects(2, 1)), "the revoked subjects do not ascend");
    assert_eq!(refused(&subjects(1, 1)), "the revoked subjects do not ascend");
    assert_eq!(refused(&section(1, 1, &[0; 17])), "the revoked subjects are not 16 bytes each");
    assert_eq!(refused(&[subjects(1, 2), subjects(3, 4)].concat()), "the sections' types do not ascend");
    assert_eq!(refused(&[section(2, 1, &[]), subjects(1, 2)].concat()), "the sections' types do not ascend");
    assert_eq!(refused(&[1, 2, 0, 0, 0, 0, 0, 0]), "critical is not 0 or 1");
    assert_eq!(refused(&[1, 1, 1, 0, 0, 0, 0, 0]), "a zero byte is not zero");
    assert_eq!(refused(&[1, 1, 0, 1, 0, 0, 0, 0]), "a zero byte is not zero");
    assert_eq!(refused(&[1, 1, 0, 0, 0, 0, 0, 1]), "longer than what is left of the body");
    assert_eq!(refused(&[1, 1, 0, 0, 0xff, 0xff, 0xff, 0xff]), "longer than what is left of the body");
    assert_eq!(refused(&[1, 1, 0]), "longer than what is left of the body");
}

#[test]
fn limits_have_one_encoding() {
    let water = [1, 0, 0, 156, 0, 0, 2, 188];
    let transport = [4, 0, 0, 156, 0, 0, 2, 188];
    let limits = |limits: &[[u8; 8]]| section(2, 1, limits.as_flattened());
    let limit_bytes = "the limits are not 8 bytes each of a sector, zero and a cap";
    assert!(Bundle::parse(&with_body(&limits(&[water, transport]))).is_ok());
    assert_eq!(refused(&limits(&[transport, water])), "the limits do not ascend");
    assert_eq!(refused(&limits(&[water, water])), "the limits do not ascend");
    assert_eq!(refused(&limits(&[[3, 0, 0, 156, 0, 0, 2, 188]])), limit_bytes);
    assert_eq!(refused(&limits(&[[1, 1, 0, 156, 0, 0, 2, 188]])), limit_bytes);
    assert_eq!(refused(&section(2, 1, &water[..7])), limit_bytes);
    let world = P256::world();
    let twice = [Limit::new(Sector::Water, 156, 1), Limit::new(Sector::Water, 156, 2)];
    let twice = BundleContent { limits: &twice, ..BundleContent::default() };
    let refused = encode_bundle(&world.city(), &bundle_fields(), &twice, &RANDOM);
    assert_eq!(refused, Err(SignRefused::Fields));
}

#[test]
fn revoked_seeds_have_one_encoding() {
    let head = |boundary: u32, per_period: u32| [boundary.to_be_bytes(), per_period.to_be_bytes()].concat();
    let entry = |period: u32, seed: u8| [period.to_be_bytes().as_slice(), &[seed; 64]].concat();
    let seeds = |parts: &[Vec<u8>]| section(3, 1, &parts.concat());
    let good = [head(86_399, 65_535), entry(1, 9), entry(2, 8), entry(2, 9)];
    let bytes = with_body(&seeds(&good));
    let bundle = Bundle::parse(&bytes).unwrap();
    assert_eq!(bundle.revoked_seeds().entries().as_bytes(), good[1..].concat());
    assert!(bundle.issuance().is_none());
    let not_whole = "the revoked seeds are not a head and 68 bytes each";
    let (unsorted, last) = ("the revoked seeds do not ascend", 12_725_826);
    assert_eq!(refused(&section(3, 1, &[0; 7])), not_whole);
    assert_eq!(refused(&seeds(&[head(0, 1), entry(1, 1), vec![0]])), not_whole);
    assert_eq!(refused(&seeds(&[head(0, 1)])), "no revoked seed where some were announced");
    assert_eq!(refused(&seeds(&[head(0, 1), entry(2, 8), entry(1, 9)])), unsorted);
    assert_eq!(refused(&seeds(&[head(0, 1), entry(1, 9), entry(1, 9)])), unsorted);
    assert_eq!(refused(&seeds(&[head(86_400, 1), entry(1, 1)])), "not within a day");
    assert_eq!(refused(&seeds(&[head(0, 0), entry(1, 1)])), "not 1 to 65,535 pseudonyms a period");
    assert_eq!(refused(&seeds(&[head(0, 65_536), entry(1, 1)])), "not 1 to 65,535 pseudonyms a period");
    assert!(Bundle::parse(&with_body(&seeds(&[head(0, 1), entry(last, 1)]))).is_ok());
    let beyond = refused(&seeds(&[head(0, 1), entry(1, 1), entry(last + 1, 1)]));
    assert_eq!(beyond, "beyond the times that can be written");
    assert_eq!(refused(&section(3, 0, &good.concat())), "the revoked seeds are not critical");
    assert_eq!(refused(&section(4, 1, b"issuance")), "the issuance parameters are critical");
    assert_eq!(refused(&section(4, 0, b"")), "the issuance parameters are empty");
}

#[test]
fn revoked_seeds_are_not_published_out_of_order() {
    let entries = revoked_seeds();
    let put_together =
        |per_period, entries: &[RevokedSeed]| RevokedSeeds::new(PeriodBoundary::DEFAULT, per_period, entries).is_ok();
    assert!(put_together(1, &entries[..]) && put_together(1, &[]));
    assert!(!put_together(0, &entries) && !put_together(65_536, &entries));
    assert!(!put_together(1, &[entries[1], entries[0]]) && !put_together(1, &[entries[0]; 2]));
}

#[test]
fn seeds_recognise_their_period_and_later_ones() {
    let entries = revoked_seeds();
    let seeds = RevokedSeeds::new(PeriodBoundary::DEFAULT, 3, &entries).unwrap();
    let period = |number| Period::new(number).unwrap();
    // The scheme's own way: hash each authority's seed on, take the value of j, combine.
    let by_hand = |first: u8, periods, j| {
        let seed = |authority, byte| LinkageSeed::from_bytes([byte; 32]).after(authority, periods);
        let (a, b) = (seed(LinkageAuthority::A, first), seed(LinkageAuthority::B, 7));
        a.value(j).subject_with(&b.value(j))
    };
    let expected = |cards: &[(u8, u32)]| -> BTreeSet<_> {
        cards.iter().flat_map(|&(first, periods)| (0..3).map(move |j| by_hand(first, periods, j))).collect()
    };
    let subjects = |first, last| -> BTreeSet<_> { seeds.subjects(period(first), period(last)).collect() };
    assert_eq!(subjects(99, 99), BTreeSet::new());
    assert_eq!(subjects(99, 100), expected(&[(3, 0), (4, 0)]));
    assert_eq!(subjects(101, 101), expected(&[(3, 1), (4, 1), (1, 0)]));
    assert_eq!(subjects(109, 110), expected(&[(3, 9), (4, 9), (1, 8), (3, 10), (4, 10), (1, 9)]));
    assert_eq!(subjects(110, 109), BTreeSet::new());
    assert!(entries[2].seeds_at(period(100)).is_none());
    assert_eq!(entries[2].subjects(period(100), 3).count(), 0);
    // An entry of a later period is what the authorities' own later seeds make.
    let later = RevokedSeed::new(period(110), &entries[0].seeds_at(period(110)).unwrap());
    assert!(later.subjects(period(111), 3).eq(entries[0].subjects(period(111), 3)));
}

/// What is published says nothing of earlier periods: no value of them is had from it by going on, by the other
/// authority's hash, or by taking what is published for an earlier seed.
#[test]
fn published_seeds_do_not_lead_back() {
    let first = revoked_seeds()[0];
    let period = |number| Period::new(number).unwrap();
    let published = RevokedSeed::new(period(110), &first.seeds_at(period(110)).unwrap());
    let earlier: BTreeSet<_> = (100..110).flat_map(|number| first.subjects(period(number), 20)).collect();
    assert_eq!(earlier.len(), 200);
    let had = (0..=110).flat_map(|number| published.subjects(period(number), 20));
    let later = (110..400).flat_map(|number| published.subjects(period(number), 20));
    let [a, b] = published.seeds_at(period(110)).unwrap();
    let swapped = (0..60).flat_map(|periods| {
        let (a, b) = (a.after(LinkageAuthority::B, periods), b.after(LinkageAuthority::A, periods));
        (0..20).map(move |j| a.value(j).subject_with(&b.value(j)))
    });
    let moved = RevokedSeed::new(period(100), &[a.clone(), b.clone()]);
    let moved = (100..110).flat_map(|number| moved.subjects(period(number), 20));
    assert!(had.chain(later).chain(swapped).chain(moved).all(|subject| !earlier.contains(&subject)));
}

#[test]
fn a_header_out_of_range_is_refused() {
    let good = Samples::new(P256::world()).bundle;
    let with = |offset: usize, bytes: &[u8]| -> Result<(), Malformed> {
        let mut changed = good.clone();
        changed[offset..offset + bytes.len()].copy_from_slice(bytes);
        Bundle::parse(&changed).map(|_| ())
    };
    let limit = (1u64 << 40).to_be_bytes();
    let problems: [(usize, &[u8], &str); 14] = [
        (0, &[2], "the version is not 1"),
        (1, &[0], "an unknown suite"),
        (1, &[3], "an unknown suite"),
        (2, &[1], "the zero byte is not zero"),
        (3, &[0], "none is set"),
        (3, &[8], "an unknown bit is set"),
        (44, &limit, "a time is 2^40 seconds or more"),
        (52, &limit, "a time is 2^40 seconds or more"),
        (60, &limit, "a time is 2^40 seconds or more"),
        (52, &[0; 8], "valid_until is before issued_at"),
        (68, &[0, 0, 0, 0], "wrong length"),
        (72, &[0, 3], "the part is not below the number of parts"),
        (74, &[0, 0], "the part is not below the number of parts"),
        (76, &[0; 32], "the body does not have the digest that the header gives"),
    ];
    for (offset, bytes, problem) in problems {
        assert_eq!(with(offset, bytes).unwrap_err().problem, problem, "at {offset}");
    }
    assert_eq!(with(36, &[0xff; 8]), Ok(()), "a sequence has no limit of its own");
}

#[test]
fn a_header_out_of_range_is_not_signed() {
    let city = P256::world().city();
    let refused = |fields: BundleFields| encode_bundle(&city, &fields, &BundleContent::default(), &RANDOM).err();
    assert_eq!(refused(BundleFields { valid_until: time(1), ..bundle_fields() }), Some(SignRefused::Fields));
    assert_eq!(refused(BundleFields { part: 3, ..bundle_fields() }), Some(SignRefused::Fields));
    assert_eq!(refused(BundleFields { part: 0, parts: 0, ..bundle_fields() }), Some(SignRefused::Fields));
}

#[test]
fn a_sequence_rises_by_a_bounded_step() {
    let bytes = Samples::new(P256::world()).bundle;
    let header = *Bundle::parse(&bytes).unwrap().header();
    let sequence = header.sequence();
    assert!(!header.may_follow(sequence + 1));
    assert!(!header.may_follow(sequence));
    assert!(header.may_follow(sequence - 1));
    assert!(header.may_follow(sequence - MAX_SEQUENCE_STEP));
    assert!(!header.may_follow(sequence - MAX_SEQUENCE_STEP - 1));
}
