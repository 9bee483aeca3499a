//! The pseudonyms of revoked cards, recognised by the seeds in a bundle.

use symbolon_ccks::*;
use symbolon_tap::{Bundle, BundleContent, BundleFields, Kind, RevokedSeed, RevokedSeeds, encode_bundle};
use symbolon_verifier::*;

use crate::city::*;
use crate::for_each_suite;

for_each_suite!(
    declines_every_pseudonym_of_a_revoked_card,
    follows_the_card_into_later_periods,
    recognises_the_period_that_ends_and_the_one_that_begins,
    says_nothing_of_periods_before_the_revocation,
    declines_pseudonyms_that_it_cannot_search,
    declines_pseudonyms_of_no_period,
    keeps_to_the_bundle_that_is_installed,
);

const BOUNDARY: PeriodBoundary = PeriodBoundary::DEFAULT;
const HOUR: u64 = 3_600;
const PER_PERIOD: u32 = 5;

/// The period of noon.
fn today() -> Period {
    Period::at(time(NOON), BOUNDARY).unwrap()
}

fn tomorrow() -> Period {
    today().next()
}

fn yesterday() -> Period {
    Period::new(today().number() - 1).unwrap()
}

/// What both linkage authorities keep of a card, for the period before noon's.
fn card_seeds(card: u8) -> [LinkageSeed; 2] {
    [LinkageSeed::from_bytes([card; 32]), LinkageSeed::from_bytes([card ^ 0xff; 32])]
}

fn subject(card: u8, period: Period, j: u32) -> Subject {
    let periods = period.number() - yesterday().number();
    let [a, b] = card_seeds(card);
    let (a, b) = (a.after(LinkageAuthority::A, periods), b.after(LinkageAuthority::B, periods));
    a.value(j).subject_with(&b.value(j))
}

fn entry(card: u8, period: Period) -> RevokedSeed {
    let seeds = RevokedSeed::new(yesterday(), &card_seeds(card)).seeds_at(period).unwrap();
    RevokedSeed::new(period, &seeds)
}

fn pseudonym<S: TestSuite>(subject: Subject, not_before: Time, not_after: Time) -> SigningKey<S> {
    let city = S::city();
    city.key(IdentityFields { class: Class::Pseudonym, subject, not_before, not_after, ..city.card_fields() })
}

fn bundle_of<S: TestSuite>(sequence: u64, entries: &[RevokedSeed]) -> Vec<u8> {
    let city = S::city();
    let fields = BundleFields {
        sectors: Sectors::ALL,
        sequence,
        issued_at: yesterday().start(BOUNDARY),
        valid_until: time(NOON + 10 * 24 * HOUR),
        oldest_not_before: time(0),
        part: 0,
        parts: 1,
    };
    let seeds = RevokedSeeds::new(BOUNDARY, PER_PERIOD, entries).unwrap();
    let key = city.secret.institution_key(&city.authority, city.authority.name());
    encode_bundle(&key, &fields, &BundleContent { seeds, ..BundleContent::default() }, &[1; 32]).unwrap()
}

/// A gate of the city whose credential is valid around all these periods.
fn gate<S: TestSuite>() -> SigningKey<S> {
    let city = S::city();
    city.key(IdentityFields { not_before: time(NOON - 1_000_000), ..city.gate_fields() })
}

/// Taps a pseudonym at the terminal; why it was declined.
fn tap<S: TestSuite>(terminal: &mut TestTerminal<'_, S>, holder: &SigningKey<S>) -> Option<Reason> {
    let city = S::city();
    let asked = terminal.challenge(&city.select(0), &request(Kind::Entry, 100)).unwrap();
    let answered = answer(holder, &asked, 1);
    terminal.decide(asked, answered.as_bytes()).reason()
}

fn tap_as<S: TestSuite>(terminal: &mut TestTerminal<'_, S>, card: u8, period: Period, j: u32) -> Option<Reason> {
    let subject = subject(card, period, j);
    tap(terminal, &pseudonym(subject, period.start(BOUNDARY), period.expiry(BOUNDARY)))
}

fn declines_every_pseudonym_of_a_revoked_card<S: TestSuite>() {
    let (key, clock) = (gate::<S>(), TestClock::at(NOON));
    let mut entries = [entry(1, today()), entry(2, today())];
    entries.sort_unstable();
    let bundle = bundle_of::<S>(1, &entries);
    let (mut memory, mut slots) = ([Seen::EMPTY; 32], [Subject::from_bytes([0; 16]); 2 * 5 * 2]);
    let mut terminal = terminal::<S>(&key, Policy::STRICT, &clock, &mut memory).with_subject_slots(&mut slots);
    terminal.install(&[Source::from(bundle.as_slice())]).unwrap();
    assert!(terminal.recognises_pseudonyms());
    assert_eq!(terminal.subject_slots_needed(), 20);
    assert_eq!(subject_slots(&Bundle::parse(&bundle).unwrap().revoked_seeds()), 20);
    for j in 0..PER_PERIOD {
        assert_eq!(tap_as(&mut terminal, 1, today(), j), Some(Reason::Revoked), "{j}");
        assert_eq!(tap_as(&mut terminal, 2, today(), j), Some(Reason::Revoked), "{j}");
        assert_eq!(tap_as(&mut terminal, 3, today(), j), None, "{j}");
    }
    // A card is not a pseudonym, whatever its number: it is listed by that.
    let named = S::city().key(IdentityFields { subject: subject(1, today(), 0), ..S::city().card_fields() });
    assert_eq!(tap(&mut terminal, &named), None);
}

fn follows_the_card_into_later_periods<S: TestSuite>() {
    let (key, clock) = (gate::<S>(), TestClock::at(NOON));
    let bundle = bundle_of::<S>(1, &[entry(1, yesterday())]);
    let (mut memory, mut slots) = ([Seen::EMPTY; 32], [Subject::from_bytes([0; 16]); 10]);
    let mut terminal = terminal::<S>(&key, Policy::STRICT, &clock, &mut memory).with_subject_slots(&mut slots);
    terminal.install(&[Source::from(bundle.as_slice())]).unwrap();
    let mut period = today();
    for day in 0..4 {
        clock.set(NOON + day * 24 * HOUR);
        assert_eq!(tap_as(&mut terminal, 1, period, PER_PERIOD - 1), Some(Reason::Revoked), "day {day}");
        assert_eq!(tap_as(&mut terminal, 2, period, PER_PERIOD - 1), None, "day {day}");
        period = period.next();
    }
}

fn recognises_the_period_that_ends_and_the_one_that_begins<S: TestSuite>() {
    let (key, clock) = (gate::<S>(), TestClock::at(NOON));
    let bundle = bundle_of::<S>(1, &[entry(1, today())]);
    let (mut memory, mut slots) = ([Seen::EMPTY; 32], [Subject::from_bytes([0; 16]); 10]);
    let mut terminal = terminal::<S>(&key, Policy::STRICT, &clock, &mut memory).with_subject_slots(&mut slots);
    terminal.install(&[Source::from(bundle.as_slice())]).unwrap();
    let (end, expiry) = (today().end(BOUNDARY).seconds(), today().expiry(BOUNDARY).seconds());
    let both = |terminal: &mut _, card| [today(), tomorrow()].map(|period| tap_as::<S>(terminal, card, period, 2));
    for prepared in [false, true] {
        for seconds in [end - 1, end, expiry - 1, expiry] {
            clock.set(seconds);
            if prepared {
                terminal.prepare();
            }
            let [of_today, of_tomorrow] = both(&mut terminal, 1);
            let revoked = Some(Reason::Revoked);
            let expected = if seconds == expiry { Some(Reason::Expired) } else { revoked };
            assert_eq!(of_today, expected, "{seconds}");
            let expected = if seconds < end { Some(Reason::NotYetValid) } else { revoked };
            assert_eq!(of_tomorrow, expected, "{seconds}");
        }
    }
    clock.set(end);
    assert_eq!(both(&mut terminal, 2), [None, None]);
}

fn says_nothing_of_periods_before_the_revocation<S: TestSuite>() {
    // In the hours in which both periods' pseudonyms are valid: the card is revoked from the later period on.
    let clock = TestClock::at(today().start(BOUNDARY).seconds() + HOUR);
    let key = gate::<S>();
    let bundle = bundle_of::<S>(1, &[entry(1, today())]);
    let (mut memory, mut slots) = ([Seen::EMPTY; 32], [Subject::from_bytes([0; 16]); 10]);
    let mut terminal = terminal::<S>(&key, Policy::STRICT, &clock, &mut memory).with_subject_slots(&mut slots);
    terminal.install(&[Source::from(bundle.as_slice())]).unwrap();
    for j in 0..PER_PERIOD {
        assert_eq!(tap_as(&mut terminal, 1, yesterday(), j), None, "{j}");
        assert_eq!(tap_as(&mut terminal, 1, today(), j), Some(Reason::Revoked), "{j}");
    }
}

fn declines_pseudonyms_that_it_cannot_search<S: TestSuite>() {
    let (key, clock) = (gate::<S>(), TestClock::at(NOON));
    let (empty, bundle) = (bundle_of::<S>(1, &[]), bundle_of::<S>(2, &[entry(1, today())]));
    for room in [0, 9] {
        let mut memory = [Seen::EMPTY; 32];
        let mut slots = vec![Subject::from_bytes([0; 16]); room];
        let mut terminal = terminal::<S>(&key, Policy::STRICT, &clock, &mut memory).with_subject_slots(&mut slots);
        terminal.install(&[Source::from(empty.as_slice())]).unwrap();
        assert!(terminal.recognises_pseudonyms(), "there is nothing to recognise");
        assert_eq!(tap_as(&mut terminal, 3, today(), 0), None);
        // Half of what is needed would do for one period; it is not taken for enough.
        terminal.install(&[Source::from(bundle.as_slice())]).unwrap();
        assert!(!terminal.recognises_pseudonyms());
        assert_eq!(terminal.subject_slots_needed(), 10);
        assert_eq!(tap_as(&mut terminal, 1, today(), 0), Some(Reason::StaleData), "room for {room}");
        assert_eq!(tap_as(&mut terminal, 3, today(), 0), Some(Reason::StaleData), "room for {room}");
        assert_eq!(tap(&mut terminal, &S::city().card()), None, "cards go on");
    }
}

fn declines_pseudonyms_of_no_period<S: TestSuite>() {
    let (key, clock) = (gate::<S>(), TestClock::at(NOON));
    let (empty, bundle) = (bundle_of::<S>(1, &[]), bundle_of::<S>(2, &[entry(1, today())]));
    let (mut memory, mut slots) = ([Seen::EMPTY; 32], [Subject::from_bytes([0; 16]); 10]);
    let mut terminal = terminal::<S>(&key, Policy::STRICT, &clock, &mut memory).with_subject_slots(&mut slots);
    let (start, expiry) = (today().start(BOUNDARY), today().expiry(BOUNDARY));
    let fresh = Subject::from_bytes([3; 16]);
    let odd = [
        pseudonym::<S>(fresh, start.saturating_add(1), expiry),
        pseudonym::<S>(fresh, start, expiry.saturating_add(1)),
        pseudonym::<S>(fresh, start, today().end(BOUNDARY)),
        pseudonym::<S>(fresh, yesterday().start(BOUNDARY), expiry),
    ];
    terminal.install(&[Source::from(empty.as_slice())]).unwrap();
    odd.iter().for_each(|odd| assert_eq!(tap(&mut terminal, odd), None, "nothing is revoked that it could be"));
    terminal.install(&[Source::from(bundle.as_slice())]).unwrap();
    for odd in &odd {
        assert_eq!(tap(&mut terminal, odd), Some(Reason::StaleData));
    }
    assert_eq!(tap(&mut terminal, &pseudonym(fresh, start, expiry)), None);
}

fn keeps_to_the_bundle_that_is_installed<S: TestSuite>() {
    let (key, clock) = (gate::<S>(), TestClock::at(NOON));
    let (first, second) = (bundle_of::<S>(1, &[entry(1, today())]), bundle_of::<S>(2, &[entry(2, today())]));
    let (mut memory, mut slots) = ([Seen::EMPTY; 32], [Subject::from_bytes([0; 16]); 10]);
    let mut terminal = terminal::<S>(&key, Policy::STRICT, &clock, &mut memory).with_subject_slots(&mut slots);
    terminal.install(&[Source::from(first.as_slice())]).unwrap();
    assert_eq!([1, 2].map(|card| tap_as(&mut terminal, card, today(), 0)), [Some(Reason::Revoked), None]);
    terminal.install(&[Source::from(second.as_slice())]).unwrap();
    assert_eq!([1, 2].map(|card| tap_as(&mut terminal, card, today(), 1)), [None, Some(Reason::Revoked)]);
    assert!(terminal.install(&[Source::from(first.as_slice())]).is_err());
    assert_eq!([1, 2].map(|card| tap_as(&mut terminal, card, today(), 2)), [None, Some(Reason::Revoked)]);
}
