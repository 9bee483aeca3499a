//! Periods, seeds, values, subjects, and what is published of them: nothing here knows a curve.

use symbolon_ccks::{LinkageAuthority, LinkageSeed, Period, PeriodBoundary, Time};
use symbolon_tap::{RevokedSeed, RevokedSeeds};

use super::city::{NOON, fixed_bytes, time};
use super::model::Hex;
use super::model::pseudonyms::{LinkageVector, PeriodVector, PublishedVector};

/// The period in which everything happens.
pub(crate) fn today() -> Period {
    Period::at(time(NOON), PeriodBoundary::DEFAULT).expect("noon is later than 1970")
}

/// The seeds of both linkage authorities for a card.
pub(crate) fn seeds(card: &str) -> [LinkageSeed; 2] {
    LinkageAuthority::ALL.map(|authority| {
        LinkageSeed::from_bytes(fixed_bytes(&format!("{card}: linkage seed of {:x}", authority.byte())))
    })
}

/// Several cards, periods and places, among them the first and the last of each.
pub(crate) fn linkage() -> Vec<LinkageVector> {
    let today = today().number();
    let extreme = |byte| [byte, byte].map(|byte: u8| LinkageSeed::from_bytes([byte; 32]));
    let cases = [
        (seeds("card"), today, 0),
        (seeds("card"), today, 1),
        (seeds("card"), today, 19),
        (seeds("other card"), today, 0),
        (seeds("other card"), 0, 255),
        (seeds("other card"), today + 1, 256),
        (seeds("third card"), Period::LAST.number() - 10, 65_535),
        (seeds("third card"), 1, u32::MAX),
        // Both authorities alike: the values cancel out in this period, and in no other.
        (extreme(0), 0, 0),
        (extreme(0xff), 0, 1),
    ];
    cases.into_iter().map(|(seeds, period, j)| linkage_case(&seeds, period, j)).collect()
}

fn linkage_case(seeds: &[LinkageSeed; 2], period: u32, j: u32) -> LinkageVector {
    let [a, b] = seeds;
    let (value_41, value_42) = (a.value(j), b.value(j));
    LinkageVector {
        seed_41: Hex::of(a.as_bytes()),
        seed_42: Hex::of(b.as_bytes()),
        period,
        j,
        value_41: Hex::of(value_41.as_bytes()),
        value_42: Hex::of(value_42.as_bytes()),
        subject: Hex::of(value_41.subject_with(&value_42).as_bytes()),
        seed_41_ten_on: Hex::of(a.after(LinkageAuthority::A, 10).as_bytes()),
        seed_42_ten_on: Hex::of(b.after(LinkageAuthority::B, 10).as_bytes()),
    }
}

/// Times at and beside the boundaries.
pub(crate) fn periods() -> Vec<PeriodVector> {
    let mut vectors = Vec::new();
    for boundary in [0, 68_400, 86_399] {
        let at = PeriodBoundary::new(boundary).expect("within a day");
        let first = u64::from(boundary);
        let start = |period: Period| period.start(at).seconds();
        let last = start(Period::LAST);
        let of_today = start(today());
        let times = [
            0,
            first,
            first + 86_399,
            first + 86_400,
            of_today,
            of_today + 86_400,
            NOON,
            last,
            last + 86_399,
            last + 86_400,
        ];
        let before = [first, of_today, of_today + 86_400].map(|second: u64| second.saturating_sub(1));
        let mut times = [times.as_slice(), &before, &[Time::LIMIT_SECONDS - 1]].concat();
        times.sort_unstable();
        times.dedup();
        vectors.extend(times.into_iter().map(|seconds| period_case(seconds, at)));
    }
    vectors
}

fn period_case(seconds: u64, boundary: PeriodBoundary) -> PeriodVector {
    let period = Period::at(time(seconds), boundary);
    let times = |period: Period| [period.start(boundary), period.end(boundary), period.expiry(boundary)];
    PeriodVector {
        boundary: boundary.seconds(),
        time: seconds,
        period: period.map(Period::number),
        start_end_expiry: period.map(|period| times(period).map(Time::seconds)),
    }
}

/// Cards revoked on several days, and one section of a single entry.
pub(crate) fn published() -> Vec<PublishedVector> {
    let revoked = |card: &str, days_ago| {
        let period = Period::new(today().number() - days_ago).expect("it is before today");
        let [a, b] = seeds(card);
        let seeds = [a.after(LinkageAuthority::A, 1), b.after(LinkageAuthority::B, 1)];
        RevokedSeed::new(period, &seeds)
    };
    let mut several = [revoked("card", 2), revoked("other card", 0), revoked("third card", 0)];
    several.sort_unstable();
    let boundary = PeriodBoundary::new(0).expect("within a day");
    vec![published_case(PeriodBoundary::DEFAULT, 3, &several), published_case(boundary, 1, &several[..1])]
}

fn published_case(boundary: PeriodBoundary, per_period: u32, entries: &[RevokedSeed]) -> PublishedVector {
    let seeds = RevokedSeeds::new(boundary, per_period, entries).expect("they ascend");
    let entries: Vec<_> = entries.iter().map(|entry| Hex(entry_bytes(entry))).collect();
    let head = [boundary.seconds().to_be_bytes(), per_period.to_be_bytes()].concat();
    let section = [&head, entries.iter().flat_map(|entry| entry.0.clone()).collect::<Vec<_>>().as_slice()].concat();
    let (first, last) = (Period::new(today().number() - 1).expect("it is before today"), today().next());
    let mut subjects: Vec<_> = seeds.subjects(first, last).collect();
    subjects.sort_unstable();
    PublishedVector {
        boundary: boundary.seconds(),
        per_period,
        entries,
        section: Hex(section),
        first_period: first.number(),
        last_period: last.number(),
        subjects: subjects.into_iter().map(|subject| Hex::of(subject.as_bytes())).collect(),
    }
}

/// The 68 bytes of an entry.
pub(crate) fn entry_bytes(entry: &RevokedSeed) -> Vec<u8> {
    let [a, b] = entry.seeds_at(entry.period()).expect("its own period is not before it");
    [entry.period().number().to_be_bytes().as_slice(), a.as_bytes(), b.as_bytes()].concat()
}
