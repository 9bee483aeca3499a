//! Compact bundles: filters, parts, and what a terminal says where they do not reach.

use std::sync::atomic::{AtomicBool, Ordering};

use symbolon_ccks::*;
use symbolon_tap::{
    BundleContent, BundleFields, FilterContent, FilterKey, FilterSet, Kind, RevokedSeed, RevokedSeeds, Rule,
    RuleFields, Scope, StaleAction,
};
use symbolon_verifier::*;

use crate::city::*;
use crate::for_each_suite;

for_each_suite!(
    refers_what_the_filter_has,
    looks_pseudonyms_up_in_their_period,
    judges_what_its_parts_leave_out_as_stale,
    goes_by_seeds_before_the_filter,
    takes_only_parts_of_one_bundle,
    says_when_its_data_cannot_be_read,
    refuses_another_choice_of_parts_of_the_same_bundle,
);

fn subject(byte: u8) -> Subject {
    Subject::from_bytes([byte; 16])
}

fn card<S: TestSuite>(byte: u8) -> SigningKey<S> {
    S::city().key(IdentityFields { subject: subject(byte), ..S::city().card_fields() })
}

fn set(scope: Scope, bytes: impl IntoIterator<Item = u8>) -> FilterSet {
    let subjects = bytes.into_iter().map(subject).collect::<Vec<_>>();
    FilterSet::build(scope, &subjects, 1).unwrap()
}

fn compact<S: TestSuite>(fields: &BundleFields, sets: &[FilterSet], rules: &[Rule]) -> Vec<u8> {
    let filter = FilterContent { boundary: PeriodBoundary::DEFAULT, sets };
    bundle_with(S::city(), fields, &BundleContent { filter, rules, ..BundleContent::default() })
}

fn entry<S: TestSuite>(terminal: &mut TestTerminal<'_, S>, holder: &SigningKey<S>, counter: u32) -> Verdict {
    tap(terminal, holder, &request(Kind::Entry, 10), counter)
}

fn refers_what_the_filter_has<S: TestSuite>() {
    let (key, clock) = (S::city().gate(), TestClock::at(NOON));
    let bundle = compact::<S>(&bundle_fields(1), &[set(Scope::CARDS, [3, 7, 9])], &[]);
    let mut memory = [Seen::EMPTY; 8];
    let mut terminal = terminal::<S>(&key, Policy::STRICT, &clock, &mut memory);
    terminal.install(&[Source::from(bundle.as_slice())]).unwrap();
    for byte in [3, 7, 9] {
        let verdict = entry(&mut terminal, &card(byte), 1);
        // A person has to look: one in 65,536 of the good ones is among them, so nobody is called revoked.
        assert_eq!((verdict.name(), verdict.reason()), ("referred", Some(Reason::RevocationUnclear)));
    }
    let verdict = entry(&mut terminal, &card(8), 1);
    assert_eq!(verdict.accepted().unwrap().revocation(), Revocation::NotListed { age_seconds: 0 });
    assert_eq!(terminal.devices().storage.journal.len(), 1);
}

fn pseudonym<S: TestSuite>(byte: u8, period: Period) -> SigningKey<S> {
    let boundary = PeriodBoundary::DEFAULT;
    S::city().key(IdentityFields {
        class: Class::Pseudonym,
        subject: subject(byte),
        not_before: period.start(boundary),
        not_after: period.expiry(boundary),
        ..S::city().card_fields()
    })
}

fn looks_pseudonyms_up_in_their_period<S: TestSuite>() {
    let city = S::city();
    let today = Period::at(time(NOON), PeriodBoundary::DEFAULT).unwrap();
    let (start, end) = (today.start(PeriodBoundary::DEFAULT), today.end(PeriodBoundary::DEFAULT));
    let key = city.key(IdentityFields { not_before: time(NOON - 1_000_000), ..city.gate_fields() });
    let clock = TestClock::at(end.seconds() + 60);
    let sets = [set(Scope::CARDS, []), set(Scope::period(today), [1]), set(Scope::period(today.next()), [2])];
    let fields = BundleFields { issued_at: start, ..bundle_fields(1) };
    let (both, one) = (compact::<S>(&fields, &sets, &[]), compact::<S>(&fields, &sets[1..2], &[]));
    let (mut memory, mut other_memory) = ([Seen::EMPTY; 8], [Seen::EMPTY; 8]);

    let mut first = terminal::<S>(&key, Policy::STRICT, &clock, &mut memory);
    first.install(&[Source::from(both.as_slice())]).unwrap();
    let unclear = Some(Reason::RevocationUnclear);
    let reasons = [(1, today, unclear), (2, today, None), (1, today.next(), None), (2, today.next(), unclear)];
    for (byte, period, reason) in reasons {
        assert_eq!(entry(&mut first, &pseudonym(byte, period), 1).reason(), reason, "{byte} of {period:?}");
    }
    // A period, or the cards, of which the bundle has no set: it says nothing of them.
    let mut second = terminal::<S>(&key, Policy::STRICT, &clock, &mut other_memory);
    second.install(&[Source::from(one.as_slice())]).unwrap();
    assert_eq!(entry(&mut second, &pseudonym(1, today.next()), 1).reason(), Some(Reason::StaleData));
    let day_card = city.key(IdentityFields { not_after: end.saturating_add(1_000), ..city.card_fields() });
    assert_eq!(entry(&mut second, &day_card, 1).reason(), Some(Reason::StaleData));
}

/// The parts of a bundle of four, each with a filter of the subjects that belong to it.
fn four_parts<S: TestSuite>(sequence: u64, revoked: &[u8], rules: &[Rule]) -> Vec<Vec<u8>> {
    let belongs = |byte: u8, part| FilterKey::of(&subject(byte)).part(4) == part;
    let of = |part| {
        let own = revoked.iter().copied().filter(|byte| belongs(*byte, part));
        let fields = BundleFields { part, parts: 4, ..bundle_fields(sequence) };
        compact::<S>(&fields, &[set(Scope::CARDS, own)], rules)
    };
    (0..4).map(of).collect()
}

fn sources(parts: &[Vec<u8>]) -> Vec<Source<'_>> {
    parts.iter().map(|part| Source::from(part.as_slice())).collect()
}

fn judges_what_its_parts_leave_out_as_stale<S: TestSuite>() {
    let accept = RuleFields {
        sector: Sector::Transport,
        class: Class::Card,
        currency: 156,
        tier: 500,
        tap_cap: 300,
        fresh_seconds: 1_000,
        stale: StaleAction::Accept,
        stale_cap: 10,
        stale_seconds: 0,
    };
    let refer = RuleFields { stale: StaleAction::Refer, stale_cap: 0, ..accept };
    let [accept, refer] = [accept, refer].map(|fields| Rule::new(fields).unwrap());
    let revoked = [10, 20, 30, 40, 50, 60, 70, 80];
    let lenient = Policy { after_expiry: Offline::UpTo(10), ..Policy::STRICT };
    for (rule, policy) in
        [(None, Policy::STRICT), (None, lenient), (Some(accept), Policy::STRICT), (Some(refer), Policy::STRICT)]
    {
        let parts = four_parts::<S>(1, &revoked, rule.as_slice());
        let (key, clock) = (S::city().gate(), TestClock::at(NOON));
        let mut memory = [Seen::EMPTY; 64];
        let mut terminal = terminal::<S>(&key, policy, &clock, &mut memory);
        terminal.install(&sources(&parts[1..3])).unwrap();
        assert_eq!(terminal.parts_held(S::city().authority.id()), 2);
        let mut reached = [0; 4];
        for byte in revoked.into_iter().chain(101..=116) {
            let part = FilterKey::of(&subject(byte)).part(4);
            let verdict = entry(&mut terminal, &card(byte), 1);
            let told = (verdict.name(), verdict.reason());
            let is_held = part == 1 || part == 2;
            let expected = match (is_held, revoked.contains(&byte), &rule) {
                (true, true, _) => ("referred", Some(Reason::RevocationUnclear)),
                (true, false, _) => ("accepted", None),
                (false, _, None) if policy == Policy::STRICT => ("declined", Some(Reason::StaleData)),
                (false, _, Some(rule)) if rule.stale() == StaleAction::Refer => ("referred", Some(Reason::StaleData)),
                (false, ..) => ("accepted", None),
            };
            assert_eq!(told, expected, "{byte} in {part} by {rule:?}");
            if let Some(accepted) = verdict.accepted() {
                assert_eq!(accepted.is_stale(), !is_held);
                let left_out = Revocation::NotCovered { age_seconds: 0 };
                assert_eq!(accepted.revocation() == left_out, !is_held, "nobody reads more into it than there is");
            }
            reached[usize::from(part)] += 1;
        }
        assert!(reached.iter().all(|count| *count > 0), "the subjects reach every part: {reached:?}");
    }
}

fn goes_by_seeds_before_the_filter<S: TestSuite>() {
    let (city, boundary) = (S::city(), PeriodBoundary::DEFAULT);
    let today = Period::at(time(NOON), boundary).unwrap();
    let key = city.key(IdentityFields { not_before: time(NOON - 1_000_000), ..city.gate_fields() });
    let seeds = [LinkageSeed::from_bytes([1; 32]), LinkageSeed::from_bytes([2; 32])];
    let [a, b] = &seeds;
    let entries = [RevokedSeed::new(today, &seeds)];
    let (revoked, good) = (a.value(0).subject_with(&b.value(0)), subject(5));
    // A filter that has both: of the good one as a false positive would.
    let both = FilterSet::build(Scope::period(today), &[revoked, good], 1).unwrap();
    let content = BundleContent {
        seeds: RevokedSeeds::new(boundary, 1, &entries).unwrap(),
        filter: FilterContent { boundary, sets: &[both] },
        ..BundleContent::default()
    };
    let bundle = bundle_with(city, &bundle_fields(1), &content);
    let clock = TestClock::at(NOON);
    let holder = |subject| {
        let (not_before, not_after) = (today.start(boundary), today.expiry(boundary));
        city.key(IdentityFields { class: Class::Pseudonym, subject, not_before, not_after, ..city.card_fields() })
    };
    for (room, reasons) in
        [(2, [Some(Reason::Revoked), None]), (0, [Some(Reason::RevocationUnclear), Some(Reason::RevocationUnclear)])]
    {
        let (mut memory, mut slots) = ([Seen::EMPTY; 4], vec![subject(0); room]);
        let mut terminal = terminal::<S>(&key, Policy::STRICT, &clock, &mut memory).with_subject_slots(&mut slots);
        terminal.install(&[Source::from(bundle.as_slice())]).unwrap();
        let told = [revoked, good].map(|subject| entry(&mut terminal, &holder(subject), 1).reason());
        assert_eq!(told, reasons, "room for {room}");
    }
}

fn takes_only_parts_of_one_bundle<S: TestSuite>() {
    let (key, clock) = (S::city().gate(), TestClock::at(NOON));
    let parts = four_parts::<S>(1, &[1, 2, 3], &[]);
    let others = four_parts::<S>(2, &[1, 2, 3], &[]);
    let odd = |change: fn(&mut BundleFields)| {
        let mut fields = BundleFields { part: 1, parts: 4, ..bundle_fields(1) };
        change(&mut fields);
        compact::<S>(&fields, &[set(Scope::CARDS, [])], &[])
    };
    let odd = [
        odd(|fields| fields.parts = 5),
        odd(|fields| fields.issued_at = time(NOON - 1)),
        odd(|fields| fields.valid_until = time(NOON + 1)),
        odd(|fields| fields.oldest_not_before = time(1)),
        odd(|fields| fields.sectors = Sectors::from(Sector::Transport) | Sectors::from(Sector::Water)),
    ];
    let many = (0..17).map(|part| {
        let fields = BundleFields { part, parts: 17, ..bundle_fields(3) };
        compact::<S>(&fields, &[set(Scope::CARDS, [])], &[])
    });
    let many = many.collect::<Vec<_>>();
    let mut flipped = parts[1].clone();
    flipped[120] ^= 1;
    let mut memory = [Seen::EMPTY; 4];
    let mut terminal = terminal::<S>(&key, Policy::STRICT, &clock, &mut memory);
    let mut install = |parts: &[&'static Vec<u8>]| {
        let sources = parts.iter().map(|part| Source::from(part.as_slice())).collect::<Vec<_>>();
        terminal.install(&sources)
    };
    let [parts, others, odd, many] = [parts, others, odd.to_vec(), many].map(|bytes| &*Vec::leak(bytes));
    let flipped: &'static Vec<u8> = Box::leak(Box::new(flipped));
    assert_eq!(install(&[]), Err(BundleRefused::Parts));
    assert_eq!(install(&[&parts[1], &parts[0]]), Err(BundleRefused::Parts), "out of order");
    assert_eq!(install(&[&parts[0], &parts[0]]), Err(BundleRefused::Parts), "one twice");
    assert_eq!(install(&[&parts[0], &others[1]]), Err(BundleRefused::Parts), "of two bundles");
    assert_eq!(install(&[&parts[0], flipped]), Err(BundleRefused::BadSignature));
    for odd in odd {
        assert_eq!(install(&[&parts[0], odd]), Err(BundleRefused::Parts));
    }
    assert_eq!(install(&many.iter().collect::<Vec<_>>()), Err(BundleRefused::Parts), "17 parts");
    assert_eq!(install(&many[1..].iter().collect::<Vec<_>>()), Ok(()), "16 of 17");
    assert_eq!(install(&[&parts[0]]), Err(BundleRefused::NotNewer));
}

fn refuses_another_choice_of_parts_of_the_same_bundle<S: TestSuite>() {
    // Of one sequence there is one choice: what a terminal holds is what it goes by after a restart, too.
    let (key, clock) = (S::city().gate(), TestClock::at(NOON));
    let (parts, next) = (four_parts::<S>(1, &[1], &[]), four_parts::<S>(2, &[1], &[]));
    let mut memory = [Seen::EMPTY; 4];
    let mut terminal = terminal::<S>(&key, Policy::STRICT, &clock, &mut memory);
    terminal.install(&sources(&parts[..2])).unwrap();
    assert_eq!(terminal.install(&sources(&parts[..1])), Err(BundleRefused::NotNewer));
    assert_eq!(terminal.install(&sources(&parts[..2])), Ok(()));
    assert_eq!(terminal.install(&sources(&next[2..])), Ok(()));
}

/// A device that can fall silent.
struct Flaky {
    bytes: Vec<u8>,
    fails: AtomicBool,
}

impl ByteSource for Flaky {
    fn read(&self, offset: usize, into: &mut [u8]) -> Result<(), ReadFailed> {
        if self.fails.load(Ordering::Relaxed) {
            return Err(ReadFailed);
        }
        Source::from(self.bytes.as_slice()).read(offset, into)
    }
}

fn says_when_its_data_cannot_be_read<S: TestSuite>() {
    let (key, clock) = (S::city().gate(), TestClock::at(NOON));
    let bytes = compact::<S>(&bundle_fields(1), &[set(Scope::CARDS, [3])], &[]);
    let device = Flaky { bytes, fails: AtomicBool::new(true) };
    let source = Source::Device { device: &device, offset: 0, length: device.bytes.len() };
    let mut memory = [Seen::EMPTY; 4];
    let mut terminal = terminal::<S>(&key, Policy::STRICT, &clock, &mut memory);
    assert_eq!(terminal.install(&[source]), Err(BundleRefused::Unreadable));
    device.fails.store(false, Ordering::Relaxed);
    terminal.install(&[source]).unwrap();
    assert_eq!(entry(&mut terminal, &card(3), 1).reason(), Some(Reason::RevocationUnclear));
    device.fails.store(true, Ordering::Relaxed);
    let verdict = entry(&mut terminal, &card(8), 1);
    assert_eq!((verdict.name(), verdict.reason()), ("declined", Some(Reason::OutOfOrder)));
    device.fails.store(false, Ordering::Relaxed);
    assert!(entry(&mut terminal, &card(8), 1).is_accepted());
}
