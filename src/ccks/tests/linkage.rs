//! Linkage of pseudonyms: periods, the chains of seeds, values and subjects.

#![allow(clippy::unwrap_used, reason = "a test panics where it fails")]

use std::collections::BTreeSet;

use proptest::prelude::*;
use sha2::{Digest as _, Sha256};
use symbolon_ccks::{LinkageAuthority, LinkageSeed, LinkageValue, Period, PeriodBoundary, Time};

const DAY: u64 = 86_400;

fn time(seconds: u64) -> Time {
    Time::new(seconds).unwrap()
}

fn number(seconds: u64, boundary: PeriodBoundary) -> Option<u32> {
    Period::at(time(seconds), boundary).map(Period::number)
}

#[test]
fn begins_periods_at_the_boundary() {
    let boundary = PeriodBoundary::DEFAULT;
    assert_eq!(boundary.seconds(), 68_400);
    assert_eq!(number(0, boundary), None);
    assert_eq!(number(68_399, boundary), None);
    assert_eq!(number(68_400, boundary), Some(0));
    assert_eq!(number(68_400 + DAY - 1, boundary), Some(0));
    assert_eq!(number(68_400 + DAY, boundary), Some(1));
    // Three in the morning of 16 January 2027 in Beijing is 19:00 UTC of the 15th.
    assert_eq!(number(1_800_039_599, boundary), Some(20_832));
    assert_eq!(number(1_800_039_600, boundary), Some(20_833));
    let midnight = PeriodBoundary::new(0).unwrap();
    assert_eq!((number(0, midnight), number(DAY, midnight)), (Some(0), Some(1)));
    assert!(PeriodBoundary::new(86_399).is_ok() && PeriodBoundary::new(86_400).is_err());
}

#[test]
fn ends_before_times_that_cannot_be_written() {
    let latest = PeriodBoundary::new(86_399).unwrap();
    let last = Period::LAST;
    assert!(Period::new(last.number()).is_ok() && Period::new(last.number() + 1).is_err());
    assert_eq!(last.next(), last);
    assert_eq!(last.expiry(latest).seconds() - last.start(latest).seconds(), 30 * 3_600);
    assert!(last.expiry(latest).seconds() < Time::LIMIT_SECONDS);
    // Two days later it would not be: the limit is no tighter than a boundary late in the day needs.
    assert!(last.expiry(latest).seconds() + 2 * DAY >= Time::LIMIT_SECONDS);
    assert_eq!(Period::at(time(Time::LIMIT_SECONDS - 1), PeriodBoundary::DEFAULT), None);
    assert_eq!(Period::at(last.start(latest), latest), Some(last));
    assert!(Period::new(u32::MAX).is_err());
}

/// The formulas of the scheme, once more.
#[test]
fn derives_as_written_down() {
    let seed = LinkageSeed::from_bytes([7; 32]);
    for (authority, byte) in [(LinkageAuthority::A, 0x41), (LinkageAuthority::B, 0x42)] {
        let hashed: [u8; 32] =
            Sha256::digest([b"SYMBOLON-V1-LINKAGE-SEED".as_slice(), &[byte], &[7; 32]].concat()).into();
        assert_eq!(seed.next(authority).as_bytes(), &hashed);
    }
    // HMAC by its definition (RFC 2104).
    let pad = |byte: u8| [[7 ^ byte; 32], [byte; 32]].concat();
    let message = [b"SYMBOLON-V1-LINKAGE-VALUE".as_slice(), &258_u32.to_be_bytes()].concat();
    let inner = Sha256::digest([pad(0x36), message].concat());
    let outer = Sha256::digest([pad(0x5c), inner.to_vec()].concat());
    assert_eq!(seed.value(258).as_bytes(), &outer[..16]);
}

/// What is published of a revoked card tells its later values, and no earlier one.
#[test]
fn goes_on_and_never_back() {
    let (authority, first) = (LinkageAuthority::A, LinkageSeed::from_bytes([1; 32]));
    let values = |seed: &LinkageSeed| (0..50).map(|j| *seed.value(j).as_bytes()).collect::<BTreeSet<_>>();
    let published = first.after(authority, 5);
    let reachable = (0..100).flat_map(|on| values(&published.after(authority, on))).collect::<BTreeSet<_>>();
    assert_eq!(reachable.len(), 100 * 50);
    for on in 0..10 {
        let of_period = values(&first.after(authority, on));
        assert_eq!(of_period.is_subset(&reachable), on >= 5, "period {on}");
        assert_eq!(of_period.is_disjoint(&reachable), on < 5, "period {on}");
    }
    // Nor do the chains of the two authorities meet, though they began alike.
    assert_ne!(first.next(LinkageAuthority::A), first.next(LinkageAuthority::B));
}

#[test]
fn tells_no_seed_when_printed() {
    let seed = LinkageSeed::from_bytes([0xab; 32]);
    assert_eq!(format!("{seed:?} {:?}", seed.value(0)), "LinkageSeed(..) LinkageValue(..)");
}

proptest! {
    #[test]
    fn periods_follow_each_other_without_a_gap(seconds in 0..Time::LIMIT_SECONDS - 3 * DAY, boundary in 0..86_400_u32) {
        let boundary = PeriodBoundary::new(boundary).unwrap();
        match Period::at(time(seconds), boundary) {
            None => prop_assert!(seconds < u64::from(boundary.seconds())),
            Some(period) => {
                prop_assert!(period.start(boundary) <= time(seconds) && time(seconds) < period.end(boundary));
                prop_assert_eq!(period.next().start(boundary), period.end(boundary));
                prop_assert_eq!(period.expiry(boundary).seconds(), period.end(boundary).seconds() + 6 * 3_600);
                prop_assert_eq!(Period::at(period.start(boundary), boundary), Some(period));
                prop_assert_eq!(Period::at(period.end(boundary), boundary), Some(period.next()));
            }
        }
    }

    #[test]
    fn a_chain_can_be_walked_in_any_strides(seed: [u8; 32], first in 0..20_u32, second in 0..20_u32) {
        let seed = LinkageSeed::from_bytes(seed);
        for authority in LinkageAuthority::ALL {
            let walked = seed.after(authority, first).after(authority, second);
            prop_assert_eq!(walked, seed.after(authority, first + second));
        }
    }

    #[test]
    fn a_subject_is_the_exclusive_or(left: [u8; 16], right: [u8; 16]) {
        let (a, b) = (LinkageValue::from_bytes(left), LinkageValue::from_bytes(right));
        let subject = a.subject_with(&b);
        prop_assert_eq!(subject, b.subject_with(&a));
        // Either value and the subject give the other: neither authority alone knows anything of it.
        let other = |value| *LinkageValue::from_bytes(*subject.as_bytes()).subject_with(value).as_bytes();
        prop_assert_eq!((other(&a), other(&b)), (right, left));
    }
}
