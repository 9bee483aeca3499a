//! The rules of a trust bundle: whom a terminal serves, up to what, and on what data; and its prices.

use symbolon_ccks::*;
use symbolon_tap::{BundleContent, BundleFields, Fare, FareFields, Kind, Limit, Rule, RuleFields, StaleAction, Tariff};
use symbolon_verifier::*;

use crate::city::*;
use crate::for_each_suite;

for_each_suite!(
    serves_whom_the_rules_list,
    caps_a_tap_by_rule_and_limit,
    does_with_stale_data_as_the_rule_says,
    counts_data_as_stale_once_nobody_vouches_for_them,
    refers_nobody_who_did_not_sign,
    leaves_old_rules_behind,
    prices_by_the_tariff_table,
    prices_journeys_by_the_fare_table,
);

/// What the gate serves: cards in transport, whose data are fresh for 100 seconds and usable for 200 more.
fn rule(stale: StaleAction) -> RuleFields {
    RuleFields {
        sector: Sector::Transport,
        class: Class::Card,
        currency: 156,
        tier: 500,
        tap_cap: 300,
        fresh_seconds: 100,
        stale,
        stale_cap: if stale == StaleAction::Accept { 50 } else { 0 },
        stale_seconds: if stale == StaleAction::Decline { 0 } else { 200 },
    }
}

fn bundle_of<S: TestSuite>(fields: &BundleFields, rules: &[RuleFields], limits: &[Limit]) -> Vec<u8> {
    let rules = rules.iter().map(|rule| Rule::new(*rule).unwrap()).collect::<Vec<_>>();
    bundle_with(S::city(), fields, &BundleContent { rules: &rules, limits, ..BundleContent::default() })
}

/// Runs a test at a terminal that has taken `bundle`.
fn with_bundle<S: TestSuite>(bundle: &[u8], test: impl FnOnce(&mut TestTerminal<'_, S>, &TestClock)) {
    let (key, clock) = (S::city().gate(), TestClock::at(NOON));
    let mut memory = [Seen::EMPTY; 64];
    let mut terminal = terminal::<S>(&key, Policy::STRICT, &clock, &mut memory);
    terminal.install(&[Source::from(bundle)]).unwrap();
    test(&mut terminal, &clock);
}

fn serves_whom_the_rules_list<S: TestSuite>() {
    let city = S::city();
    let bundle = bundle_of::<S>(&bundle_fields(1), &[rule(StaleAction::Decline)], &[]);
    with_bundle::<S>(&bundle, |terminal, _| {
        let fields = city.card_fields();
        let pseudonym = city.key(IdentityFields { class: Class::Pseudonym, ..fields });
        let rich = city.key(IdentityFields { spend_limit: 501, ..fields });
        let entry = request(Kind::Entry, 1);
        let water = Request { sector: Sector::Water, ..entry };
        assert_eq!(tap(terminal, &pseudonym, &entry, 1).reason(), Some(Reason::NotServed));
        assert_eq!(tap(terminal, &city.card(), &water, 1).reason(), Some(Reason::NotServed));
        assert_eq!(tap(terminal, &rich, &entry, 1).reason(), Some(Reason::OverTier));
        assert_eq!(tap(terminal, &city.card(), &entry, 1).reason(), None);
    });
}

fn caps_a_tap_by_rule_and_limit<S: TestSuite>() {
    let city = S::city();
    for (cap, most) in [(None, 300), (Some(200), 200), (Some(400), 300)] {
        let limits = cap.map(|cap| Limit::new(Sector::Transport, 156, cap));
        let bundle = bundle_of::<S>(&bundle_fields(1), &[rule(StaleAction::Decline)], limits.as_slice());
        with_bundle::<S>(&bundle, |terminal, _| {
            let over = tap(terminal, &city.card(), &request(Kind::Entry, most + 1), 1);
            assert_eq!(over.reason(), Some(Reason::OverLimit), "{cap:?}");
            assert!(tap(terminal, &city.card(), &request(Kind::Entry, most), 1).is_accepted(), "{cap:?}");
            // What takes nothing from the holder has no cap.
            assert!(tap(terminal, &city.card(), &request(Kind::Refund, 5_000), 2).is_accepted());
        });
    }
}

/// What becomes of a tap.
fn told(verdict: &Verdict) -> (&'static str, Option<Reason>, Option<bool>) {
    (verdict.name(), verdict.reason(), verdict.accepted().map(Accepted::is_stale))
}

fn does_with_stale_data_as_the_rule_says<S: TestSuite>() {
    const FRESH: (&str, Option<Reason>, Option<bool>) = ("accepted", None, Some(false));
    const OLD: (&str, Option<Reason>, Option<bool>) = ("accepted", None, Some(true));
    const REFERRED: (&str, Option<Reason>, Option<bool>) = ("referred", Some(Reason::StaleData), None);
    const DECLINED: (&str, Option<Reason>, Option<bool>) = ("declined", Some(Reason::StaleData), None);
    let cases = [
        (StaleAction::Decline, 50, [FRESH, DECLINED, DECLINED, DECLINED]),
        (StaleAction::Refer, 50, [FRESH, REFERRED, REFERRED, DECLINED]),
        (StaleAction::Accept, 50, [FRESH, OLD, OLD, DECLINED]),
        (StaleAction::Accept, 51, [FRESH, DECLINED, DECLINED, DECLINED]),
    ];
    for (action, amount, expected) in cases {
        let bundle = bundle_of::<S>(&bundle_fields(1), &[rule(action)], &[]);
        with_bundle::<S>(&bundle, |terminal, clock| {
            for (age_seconds, expected) in [99, 100, 299, 300].into_iter().zip(expected) {
                clock.set(NOON + age_seconds);
                let counter = u32::try_from(age_seconds).unwrap();
                let verdict = tap(terminal, &S::city().card(), &request(Kind::Entry, amount), counter);
                assert_eq!(told(&verdict), expected, "{action:?} of {amount} at {age_seconds}");
                let age = match &verdict {
                    Verdict::Accepted(accepted) => accepted.revocation().age_seconds(),
                    Verdict::Referred(refusal) | Verdict::Declined(refusal) => refusal.data_age_seconds(),
                };
                assert_eq!(age, Some(age_seconds));
            }
        });
    }
}

fn counts_data_as_stale_once_nobody_vouches_for_them<S: TestSuite>() {
    let fields = BundleFields { valid_until: time(NOON + 60), ..bundle_fields(1) };
    let bundle = bundle_of::<S>(&fields, &[rule(StaleAction::Accept)], &[]);
    with_bundle::<S>(&bundle, |terminal, clock| {
        for (age_seconds, amount, expected) in [(59, 51, None), (60, 51, Some(Reason::StaleData)), (60, 50, None)] {
            clock.set(NOON + age_seconds);
            let verdict = tap(terminal, &S::city().card(), &request(Kind::Entry, amount), amount);
            assert_eq!(verdict.reason(), expected, "{amount} at {age_seconds}");
            terminal.devices().storage.journal.clear();
        }
    });
}

fn refers_nobody_who_did_not_sign<S: TestSuite>() {
    let city = S::city();
    let bundle = bundle_of::<S>(&bundle_fields(1), &[rule(StaleAction::Refer)], &[]);
    with_bundle::<S>(&bundle, |terminal, clock| {
        clock.set(NOON + 150);
        let asked = terminal.challenge(&city.select(0), &request(Kind::Entry, 1)).unwrap();
        let honest = answer(&city.card(), &asked, 1);
        let mut forged = *honest.as_bytes();
        forged[158] ^= 1;
        let verdict = terminal.decide(asked, &forged);
        assert_eq!((verdict.name(), verdict.reason()), ("declined", Some(Reason::BadSignature)));
        let verdict = terminal.decide(verdict.into_asked().unwrap(), honest.as_bytes());
        assert_eq!((verdict.name(), verdict.reason()), ("referred", Some(Reason::StaleData)));
        // Referring took nothing: once the terminal knows more, the same answer counts.
        let asked = verdict.into_asked().unwrap();
        assert!(terminal.devices().storage.journal.is_empty());
        let newer = BundleFields { issued_at: time(NOON + 150), ..bundle_fields(2) };
        let newer = bundle_of::<S>(&newer, &[rule(StaleAction::Refer)], &[]).leak();
        terminal.install(&[Source::from(&*newer)]).unwrap();
        assert!(terminal.decide(asked, honest.as_bytes()).is_accepted());
    });
}

fn leaves_old_rules_behind<S: TestSuite>() {
    let city = S::city();
    let first = bundle_of::<S>(&bundle_fields(1), &[rule(StaleAction::Decline)], &[]);
    let second = bundle_of::<S>(&bundle_fields(2), &[], &[]);
    let (key, clock) = (city.gate(), TestClock::at(NOON));
    let mut memory = [Seen::EMPTY; 8];
    let mut terminal = terminal::<S>(&key, Policy::STRICT, &clock, &mut memory);
    let water = Request { sector: Sector::Water, ..request(Kind::Entry, 1) };
    terminal.install(&[Source::from(first.as_slice())]).unwrap();
    assert_eq!(tap(&mut terminal, &city.card(), &water, 1).reason(), Some(Reason::NotServed));
    // Without rules the device's own policy goes on.
    terminal.install(&[Source::from(second.as_slice())]).unwrap();
    assert!(tap(&mut terminal, &city.card(), &water, 1).is_accepted());
}

fn prices_by_the_tariff_table<S: TestSuite>() {
    let city = S::city();
    let tariffs = [
        Tariff::new(Sector::Transport, 1, 500).unwrap(),
        Tariff::new(Sector::Transport, 2, 0).unwrap(),
        Tariff::new(Sector::Water, 1, 999).unwrap(),
    ];
    let content = BundleContent { tariffs: &tariffs, ..BundleContent::default() };
    let bundle = bundle_with(city, &bundle_fields(1), &content);
    with_bundle::<S>(&bundle, |terminal, _| {
        let price = |tariff, sector, full| terminal.price(&city.select(tariff), sector, full).unwrap();
        let prices = [(0, 301, 301), (1, 301, 150), (1, 1, 1), (1, 0, 0), (2, 301, 0), (3, 301, 301)];
        for (tariff, full, expected) in prices {
            assert_eq!(price(tariff, Sector::Transport, full), expected, "{tariff} of {full}");
        }
        assert_eq!(price(1, Sector::Water, u32::MAX), (u64::from(u32::MAX) * 999 / 1_000) as u32);
        assert_eq!(price(1, Sector::Power, 7), 7);
        assert_eq!(terminal.price(&S::elsewhere().select(0), Sector::Water, 1), Err(Reason::WrongAuthority));
        assert_eq!(terminal.price(&[], Sector::Water, 1), Err(Reason::Malformed));
    });
    let key = city.gate();
    let terminal = terminal::<S>(&key, Policy::STRICT, &TestClock::at(NOON), &mut []);
    assert_eq!(terminal.price(&city.select(1), Sector::Water, 9), Ok(9), "without a bundle the full fare");
    assert_eq!(terminal.entry_hold(&city.select(1)), Ok(None));
}

fn prices_journeys_by_the_fare_table<S: TestSuite>() {
    let city = S::city();
    let fare = |name: &str, currency, from, to, fare| {
        let operator = operator_tag(&Name::parse(name).unwrap());
        Fare::new(FareFields { operator, currency, from: [from; 16], to: [to; 16], fare }).unwrap()
    };
    let fares = [
        fare("metro", 156, 1, 2, 300),
        fare("metro", 156, 2, 1, 250),
        fare("metro", 156, 0, 0, 900),
        fare("bus", 156, 1, 3, 100),
        fare("metro", 978, 1, 3, 50),
    ];
    let bundle = bundle_with(city, &bundle_fields(1), &BundleContent { fares: &fares, ..BundleContent::default() });
    with_bundle::<S>(&bundle, |terminal, _| {
        let select = city.select(0);
        for (from, to, expected) in [(1, 2, 300), (2, 1, 250), (1, 3, 900), (0, 0, 900)] {
            assert_eq!(terminal.fare(&select, &[from; 16], &[to; 16]), Ok(Some(expected)), "{from} to {to}");
        }
        assert_eq!(terminal.entry_hold(&select), Ok(Some(900)));
    });
}
