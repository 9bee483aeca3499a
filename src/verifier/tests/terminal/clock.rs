//! The clock: what is behind a signed time or far ahead of it is told as that, and not as an expired card.

use symbolon_ccks::*;
use symbolon_tap::{BundleContent, BundleFields, Kind};
use symbolon_verifier::*;

use crate::city::*;
use crate::for_each_suite;

for_each_suite!(
    tells_a_wrong_clock_as_itself,
    keeps_the_floor_over_a_restart,
    raises_the_floor_by_signed_times_alone,
    holds_a_tap_to_the_clock,
);

const DAY: u64 = 86_400;

fn tells_a_wrong_clock_as_itself<S: TestSuite>() {
    let (city, key, clock) = (S::city(), S::city().gate(), TestClock::at(NOON));
    let policy = Policy { clock_ahead_seconds: 30 * DAY, ..Policy::WITHOUT_BUNDLE };
    let mut terminal = terminal::<S>(&key, policy, &clock, &mut []);
    let mut told = |seconds: u64, floor: Option<u64>| {
        clock.set(seconds);
        terminal.devices().storage.floor = floor.map(time);
        let time = terminal.time();
        (time, terminal.challenge(&city.select(0), &request(Kind::Entry, 1)).map_err(ChallengeRefused::reason).err())
    };
    let right = |seconds| (Ok(time(seconds)), None);
    let wrong = |how| (Err(how), Some(Reason::ClockWrong));
    assert_eq!(told(NOON, None), right(NOON), "nothing signed was seen: any clock is believed");
    assert_eq!(told(NOON, Some(NOON)), right(NOON));
    assert_eq!(told(NOON, Some(NOON + 5)), right(NOON + 5), "never before a signed time");
    assert_eq!(told(NOON, Some(NOON + 6)), wrong(ClockWrong::Behind));
    assert_eq!(told(0, Some(NOON)), wrong(ClockWrong::Behind));
    // The terminal's credential is good for 1,000,000 seconds, which 30 days are not.
    let later = NOON + 900_000;
    assert_eq!(told(later, Some(later - 30 * DAY)), right(later));
    assert_eq!(told(later + 1, Some(later - 30 * DAY)), wrong(ClockWrong::FarAhead));
    assert_eq!(told(Time::LIMIT_SECONDS - 1, Some(NOON)), wrong(ClockWrong::FarAhead));
}

fn keeps_the_floor_over_a_restart<S: TestSuite>() {
    let (city, key, clock) = (S::city(), S::city().gate(), TestClock::at(NOON));
    let bundle = bundle_with(city, &bundle_fields(1), &BundleContent::default());
    let mut before = terminal::<S>(&key, Policy::STRICT, &clock, &mut []);
    before.install(&[Source::from(bundle.as_slice())]).unwrap();
    let storage = std::mem::take(&mut before.devices().storage);
    // A clock that begins at nothing, as one without a battery.
    let mut after = terminal::<S>(&key, Policy::STRICT, &TestClock::at(0), &mut []);
    after.devices().storage = storage;
    assert_eq!(after.time(), Err(ClockWrong::Behind));
    let refused = after.challenge(&city.select(0), &request(Kind::Entry, 1)).unwrap_err();
    assert_eq!(refused, ChallengeRefused::Clock(ClockWrong::Behind));
    // The bundle that it had is taken again all the same.
    after.install(&[Source::from(bundle.as_slice())]).unwrap();
}

fn raises_the_floor_by_signed_times_alone<S: TestSuite>() {
    let (city, key, clock) = (S::city(), S::city().gate(), TestClock::at(NOON));
    let issued = |sequence, seconds| {
        let fields =
            BundleFields { issued_at: time(seconds), valid_until: time(NOON + 90 * DAY), ..bundle_fields(sequence) };
        bundle_with(city, &fields, &BundleContent::default())
    };
    let mut forged = issued(1, NOON + 60);
    forged[51] ^= 1;
    let (ahead, too_far, older) = (issued(1, NOON + DAY), issued(2, NOON + 2 * DAY + 1), issued(2, NOON));
    let mut terminal = terminal::<S>(&key, Policy::STRICT, &clock, &mut []);
    assert!(terminal.install(&[Source::from(forged.as_slice())]).is_err());
    assert_eq!(terminal.devices().storage.floor, None);
    terminal.install(&[Source::from(ahead.as_slice())]).unwrap();
    assert_eq!(terminal.devices().storage.floor, Some(time(NOON + DAY)));
    // One bundle moves the clock by a day at most, a wrong authority's clock by no more than that each time.
    assert_eq!(terminal.install(&[Source::from(too_far.as_slice())]), Err(BundleRefused::FromTheFuture));
    terminal.install(&[Source::from(older.as_slice())]).unwrap();
    assert_eq!(terminal.devices().storage.floor, Some(time(NOON + DAY)), "it never goes back");
}

fn holds_a_tap_to_the_clock<S: TestSuite>() {
    let (city, key, clock) = (S::city(), S::city().gate(), TestClock::at(NOON));
    let mut memory = [Seen::EMPTY; 4];
    let mut terminal = terminal::<S>(&key, Policy::WITHOUT_BUNDLE, &clock, &mut memory);
    terminal.devices().storage.floor = Some(time(NOON - 10));
    let asked = terminal.challenge(&city.select(0), &request(Kind::Entry, 1)).unwrap();
    let answered = answer(&city.card(), &asked, 1);
    clock.set(NOON - 1_000_000_000);
    let verdict = terminal.decide(asked, answered.as_bytes());
    assert_eq!(verdict.reason(), Some(Reason::ClockWrong));
    clock.set(NOON + 500 * DAY);
    let verdict = terminal.decide(verdict.into_asked().unwrap(), answered.as_bytes());
    assert_eq!(verdict.reason(), Some(Reason::ClockWrong), "nor is it the card that expired");
    // Set right, the tap goes on.
    clock.set(NOON + 1);
    assert!(terminal.decide(verdict.into_asked().unwrap(), answered.as_bytes()).is_accepted());
}
