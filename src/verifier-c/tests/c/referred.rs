//! What a terminal in C refers to a person, beside one in Rust: old data, and what a filter says.

use symbolon_ccks::*;
use symbolon_tap::{
    BundleContent, BundleFields, FilterContent, FilterKey, FilterSet, Rule, RuleFields, Scope, StaleAction,
    encode_bundle,
};
use symbolon_terminal::{
    SYMBOLON_OUTCOME_ACCEPTED, SYMBOLON_OUTCOME_DECLINED, SYMBOLON_OUTCOME_REFERRED, SYMBOLON_STATUS_OK,
};
use symbolon_verifier::Policy;

use crate::city::{City, NOON, time};
use crate::driven::{Pair, Told};
use crate::for_each_suite;

for_each_suite!(refers_on_old_data, refers_what_the_filter_has, refers_through_the_reader_too);

const FRESH_SECONDS: u32 = 1_000;
const STALE_SECONDS: u32 = 500;

fn rule(stale: StaleAction, stale_cap: u32) -> Rule {
    Rule::new(RuleFields {
        sector: Sector::Transport,
        class: Class::Card,
        currency: 156,
        tier: 500,
        tap_cap: 300,
        fresh_seconds: FRESH_SECONDS,
        stale,
        stale_cap,
        stale_seconds: if stale == StaleAction::Decline { 0 } else { STALE_SECONDS },
    })
    .unwrap()
}

/// A bundle of noon, or a part of one.
fn bundle<S: Suite>(city: &City<S>, (part, parts): (u16, u16), content: &BundleContent<'_>) -> Vec<u8> {
    let fields = BundleFields {
        sectors: Sectors::ALL,
        sequence: 1,
        issued_at: time(NOON),
        valid_until: time(NOON + 40_000),
        oldest_not_before: time(0),
        part,
        parts,
    };
    encode_bundle(&city.institution(), &fields, content, &[1; 32]).unwrap()
}

fn subject(byte: u8) -> Subject {
    Subject::from_bytes([byte; 16])
}

fn card<S: Suite>(city: &City<S>, byte: u8) -> SigningKey<S> {
    city.key(IdentityFields { subject: subject(byte), ..city.card_fields() })
}

fn refused(verdict: u8, reason: u8, data_age_seconds: u64) -> Told {
    Told { verdict, reason, is_stale: false, data_age_seconds, established: 0, amount: 0, counter: 0 }
}

/// Reasons, by their numbers.
const STALE_DATA: u8 = 18;
const REVOCATION_UNCLEAR: u8 = 23;

fn refers_on_old_data<S: Suite>() {
    let accepted = |counter, data_age_seconds, is_stale| Told {
        verdict: 1,
        reason: 0,
        is_stale,
        data_age_seconds,
        established: 0x3f,
        amount: 250,
        counter,
    };
    let (fresh, both) = (u64::from(FRESH_SECONDS), u64::from(FRESH_SECONDS + STALE_SECONDS));
    for (stale, stale_cap) in [(StaleAction::Refer, 0), (StaleAction::Accept, 250), (StaleAction::Decline, 0)] {
        let mut pair = Pair::<S>::new(Policy::STRICT, 8);
        let card = card(pair.city, 7);
        assert_eq!(pair.tap(&card, 250, 1), refused(3, STALE_DATA, 0), "without a bundle nothing is old");
        let rules = [rule(stale, stale_cap)];
        pair.install(&[bundle(pair.city, (0, 1), &BundleContent { rules: &rules, ..BundleContent::default() })]);
        let mut verdicts = Vec::new();
        for (counter, age) in (2..).zip([0, fresh - 1, fresh + 1, both - 1, both + 1]) {
            pair.set_clock(NOON + age);
            let told = pair.tap(&card, 250, counter);
            let expected = match told.verdict {
                1 => accepted(counter, age, age > fresh),
                verdict => refused(verdict, STALE_DATA, age),
            };
            assert_eq!(told, expected, "{stale:?} after {age}");
            verdicts.push(told.verdict);
        }
        let then = match stale {
            StaleAction::Accept => 1,
            StaleAction::Refer => 2,
            StaleAction::Decline => 3,
        };
        assert_eq!(verdicts, [1, 1, then, then, 3], "{stale:?}");
        if stale == StaleAction::Refer {
            // What is referred was not taken: the same counter counts later, on newer data.
            pair.set_clock(NOON + fresh - 1);
            assert_eq!(pair.tap(&card, 250, 4).verdict, 1);
        }
        pair.driven.finish();
    }
}

fn refers_what_the_filter_has<S: Suite>() {
    let mut pair = Pair::<S>::new(Policy::STRICT, 8);
    let revoked = [10, 20, 30, 40, 50, 60, 70, 80];
    let part_of = |byte: u8| FilterKey::of(&subject(byte)).part(2);
    let rules = [rule(StaleAction::Refer, 0)];
    let held = |part| {
        let subjects = revoked.into_iter().filter(|byte| part_of(*byte) == part).map(subject).collect::<Vec<_>>();
        let sets = [FilterSet::build(Scope::CARDS, &subjects, 1).unwrap()];
        let filter = FilterContent { boundary: PeriodBoundary::DEFAULT, sets: &sets };
        bundle(pair.city, (part, 2), &BundleContent { rules: &rules, filter, ..BundleContent::default() })
    };
    let second = held(1);
    pair.install(&[second]);
    pair.set_clock(NOON + 300);
    let mut reached = [0; 3];
    for byte in revoked.into_iter().chain(101..=108) {
        let told = pair.tap(&card(pair.city, byte), 250, 1);
        let expected = match (part_of(byte) == 1, revoked.contains(&byte)) {
            // Never revoked: of the good ones, the filter has some too.
            (true, true) => refused(2, REVOCATION_UNCLEAR, 300),
            (true, false) => Told {
                verdict: 1,
                reason: 0,
                is_stale: false,
                data_age_seconds: 300,
                established: 0x3f,
                amount: 250,
                counter: 1,
            },
            // Of the other part, nothing is known.
            (false, _) => refused(2, STALE_DATA, 300),
        };
        assert_eq!(told, expected, "{byte}");
        reached[usize::from(told.verdict == 1) + usize::from(told.reason == STALE_DATA) * 2] += 1;
    }
    assert!(reached.into_iter().all(|count| count > 0), "{reached:?}");
    // Who is no holder is not sent to a person.
    let hit = revoked.into_iter().find(|byte| part_of(*byte) == 1).unwrap();
    let told = pair.bent_tap(&card(pair.city, hit), (250, 2), |answer| answer[158] ^= 1);
    assert_eq!(told.names(), ("declined", "bad_signature"));
    pair.driven.finish();
}

/// As a gate does it: by SELECT and PRESENT.
fn refers_through_the_reader_too<S: Suite>() {
    let mut pair = Pair::<S>::new(Policy::STRICT, 8);
    let rules = [rule(StaleAction::Refer, 0)];
    pair.install(&[bundle(pair.city, (0, 1), &BundleContent { rules: &rules, ..BundleContent::default() })]);
    let age = u64::from(FRESH_SECONDS) + 7;
    pair.set_clock(NOON + age);
    let card = card(pair.city, 7);
    let (outcome, told) = pair.driven.tap_by_the_reader(&card, 250, 1);
    assert_eq!((outcome, told), (SYMBOLON_OUTCOME_REFERRED, refused(2, STALE_DATA, age)));
    pair.set_clock(NOON + age + u64::from(STALE_SECONDS));
    let (outcome, told) = pair.driven.tap_by_the_reader(&card, 250, 1);
    let too_old = refused(3, STALE_DATA, age + u64::from(STALE_SECONDS));
    assert_eq!((outcome, told), (SYMBOLON_OUTCOME_DECLINED, too_old));
    pair.set_clock(NOON + 1);
    let (outcome, told) = pair.driven.tap_by_the_reader(&card, 250, 1);
    assert_eq!((outcome, told.data_age_seconds), (SYMBOLON_OUTCOME_ACCEPTED, 1));
    assert_eq!(pair.driven.status("close"), SYMBOLON_STATUS_OK);
    pair.driven.finish();
}
