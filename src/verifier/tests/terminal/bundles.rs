//! Trust bundles: which are taken, and what they change.

use symbolon_ccks::*;
use symbolon_tap::{BundleContent, BundleFields, Kind, Limit, encode_bundle};
use symbolon_verifier::*;

use crate::city::*;
use crate::for_each_suite;

for_each_suite!(
    declines_the_revoked,
    caps_offline_amounts,
    stops_when_the_data_are_stale,
    wants_a_bundle_where_policy_says_so,
    takes_bundles_forward_only,
    refuses_bundles_that_are_not_for_it,
    takes_a_bundle_as_the_floor_of_its_clock,
);

const DAY: u64 = 86_400;

fn fields(sequence: u64) -> BundleFields {
    BundleFields {
        sectors: Sectors::ALL,
        sequence,
        issued_at: time(NOON - 100),
        valid_until: time(NOON + 200),
        oldest_not_before: time(0),
        part: 0,
        parts: 1,
    }
}

fn bundle_of<S: Suite>(city: &City<S>, fields: &BundleFields, revoked: &[Subject], limits: &[Limit]) -> Vec<u8> {
    let key = city.secret.institution_key(&city.authority, city.authority.name());
    encode_bundle(&key, fields, &BundleContent { revoked, limits, ..BundleContent::default() }, &[1; 32]).unwrap()
}

/// Whether a tap of the ordinary card for `amount` is accepted, and with what knowledge.
fn tap<S: TestSuite>(
    terminal: &mut TestTerminal<'_, S>,
    card: &SigningKey<S>,
    amount: u32,
) -> Result<Revocation, Reason> {
    let city = S::city();
    let asked = terminal.challenge(&city.select(0), &request(Kind::Entry, amount)).map_err(ChallengeRefused::reason)?;
    let counter = u32::try_from(terminal.devices().storage.journal.len()).unwrap();
    let answered = answer(card, &asked, counter);
    match terminal.decide(asked, answered.as_bytes()) {
        Verdict::Accepted(accepted) => Ok(accepted.revocation()),
        Verdict::Declined(refusal) | Verdict::Referred(refusal) => Err(refusal.reason()),
    }
}

fn declines_the_revoked<S: TestSuite>() {
    let (city, key, clock) = (S::city(), S::city().gate(), TestClock::at(NOON));
    let with_subject =
        |byte| city.key(IdentityFields { subject: Subject::from_bytes([byte; 16]), ..city.card_fields() });
    let revoked = [3, 9, 7].map(|byte| Subject::from_bytes([byte; 16]));
    let bundle = bundle_of(city, &fields(1), &revoked, &[]);
    let older = BundleFields { oldest_not_before: time(NOON - 999), ..fields(2) };
    let older = bundle_of(city, &older, &[], &[]);
    let mut memory = [Seen::EMPTY; 8];
    let mut terminal = terminal::<S>(&key, Policy::STRICT, &clock, &mut memory);
    terminal.install(&[Source::from(bundle.as_slice())]).unwrap();
    assert_eq!(tap(&mut terminal, &with_subject(7), 1), Err(Reason::Revoked));
    assert_eq!(tap(&mut terminal, &with_subject(3), 0), Err(Reason::Revoked));
    assert_eq!(tap(&mut terminal, &with_subject(8), 1), Ok(Revocation::NotListed { age_seconds: 100 }));
    clock.set(NOON + 50);
    assert_eq!(tap(&mut terminal, &with_subject(8), 1), Ok(Revocation::NotListed { age_seconds: 150 }));
    // Credentials that became valid before a bundle's horizon are no longer listed, so no longer accepted.
    terminal.install(&[Source::from(older.as_slice())]).unwrap();
    assert_eq!(tap(&mut terminal, &with_subject(8), 1), Err(Reason::Revoked));
}

fn caps_offline_amounts<S: TestSuite>() {
    let (city, key, clock) = (S::city(), S::city().gate(), TestClock::at(NOON));
    let limits = [Limit::new(Sector::Transport, 156, 300), Limit::new(Sector::Water, 156, 1)];
    let bundle = bundle_of(city, &fields(1), &[], &limits);
    let mut memory = [Seen::EMPTY; 8];
    let mut terminal = terminal::<S>(&key, Policy::STRICT, &clock, &mut memory);
    terminal.install(&[Source::from(bundle.as_slice())]).unwrap();
    assert_eq!(tap(&mut terminal, &city.card(), 301), Err(Reason::OverLimit));
    assert!(tap(&mut terminal, &city.card(), 300).is_ok());
}

fn stops_when_the_data_are_stale<S: TestSuite>() {
    let (city, key, clock) = (S::city(), S::city().gate(), TestClock::at(NOON));
    let bundle = bundle_of(city, &fields(1), &[], &[]);
    let (mut memory, mut other_memory) = ([Seen::EMPTY; 8], [Seen::EMPTY; 8]);
    let mut strict = terminal::<S>(&key, Policy::STRICT, &clock, &mut memory);
    strict.install(&[Source::from(bundle.as_slice())]).unwrap();
    clock.set(NOON + 199);
    assert!(tap(&mut strict, &city.card(), 1).is_ok());
    clock.set(NOON + 200);
    assert_eq!(tap(&mut strict, &city.card(), 1), Err(Reason::StaleData));

    let policy = Policy { after_expiry: Offline::UpTo(100), after_expiry_seconds: 50, ..Policy::STRICT };
    let mut lenient = terminal::<S>(&key, policy, &clock, &mut other_memory);
    lenient.install(&[Source::from(bundle.as_slice())]).unwrap();
    assert_eq!(tap(&mut lenient, &city.card(), 101), Err(Reason::StaleData));
    assert!(tap(&mut lenient, &city.card(), 100).is_ok());
    clock.set(NOON + 249);
    assert!(tap(&mut lenient, &city.card(), 100).is_ok());
    clock.set(NOON + 250);
    assert_eq!(tap(&mut lenient, &city.card(), 100), Err(Reason::StaleData));
}

fn wants_a_bundle_where_policy_says_so<S: TestSuite>() {
    let (city, key, clock) = (S::city(), S::city().gate(), TestClock::at(NOON));
    let (mut memory, mut other_memory) = ([Seen::EMPTY; 8], [Seen::EMPTY; 8]);
    let mut strict = terminal::<S>(&key, Policy::STRICT, &clock, &mut memory);
    assert_eq!(tap(&mut strict, &city.card(), 0), Err(Reason::StaleData));
    let policy = Policy { without_bundle: Offline::UpTo(0), ..Policy::STRICT };
    let mut lets_out = terminal::<S>(&key, policy, &clock, &mut other_memory);
    assert_eq!(tap(&mut lets_out, &city.card(), 1), Err(Reason::StaleData));
    let asked = lets_out.challenge(&city.select(0), &request(Kind::Exit, 0)).unwrap();
    let answered = answer(&city.card(), &asked, 9);
    assert!(lets_out.decide(asked, answered.as_bytes()).is_accepted());
}

fn takes_bundles_forward_only<S: TestSuite>() {
    let (city, key, clock) = (S::city(), S::city().gate(), TestClock::at(NOON));
    let bundle = |sequence| bundle_of(city, &fields(sequence), &[], &[]);
    let (fifth, sixth, far, too_far) = (bundle(5), bundle(6), bundle(6 + 65_536), bundle(7 + 65_536));
    let other_sixth = bundle_of(city, &fields(6), &[Subject::from_bytes([7; 16])], &[]);
    let (mut memory, mut other_memory) = ([Seen::EMPTY; 8], [Seen::EMPTY; 8]);
    let mut before = terminal::<S>(&key, Policy::STRICT, &clock, &mut memory);
    before.devices().storage.keeps_marks = false;
    assert_eq!(before.install(&[Source::from(fifth.as_slice())]), Err(BundleRefused::Storage(StorageError::Failed)));
    assert_eq!(tap(&mut before, &city.card(), 1), Err(Reason::StaleData));
    before.devices().storage.keeps_marks = true;
    assert_eq!(before.install(&[Source::from(fifth.as_slice())]), Ok(()));
    assert_eq!(before.install(&[Source::from(sixth.as_slice())]), Ok(()));
    assert_eq!(before.install(&[Source::from(fifth.as_slice())]), Err(BundleRefused::NotNewer));
    let marks = before.devices().storage.marks.clone();

    // After a restart: the same one again, none before it, no other of its number, none too far ahead.
    let mut after = terminal::<S>(&key, Policy::STRICT, &clock, &mut other_memory);
    after.devices().storage.marks = marks;
    assert_eq!(after.install(&[Source::from(fifth.as_slice())]), Err(BundleRefused::NotNewer));
    assert_eq!(after.install(&[Source::from(other_sixth.as_slice())]), Err(BundleRefused::NotNewer));
    assert_eq!(after.install(&[Source::from(sixth.as_slice())]), Ok(()));
    assert_eq!(after.install(&[Source::from(too_far.as_slice())]), Err(BundleRefused::SequenceJump));
    assert_eq!(after.install(&[Source::from(far.as_slice())]), Ok(()));
    assert!(tap(&mut after, &city.card(), 1).is_ok());
}

fn refuses_bundles_that_are_not_for_it<S: TestSuite>() {
    let (city, key, clock) = (S::city(), S::city().gate(), TestClock::at(NOON));
    let good = bundle_of(city, &fields(1), &[], &[]);
    let mut flipped = good.clone();
    flipped[108 + 64] ^= 1;
    let foreign = bundle_of(S::elsewhere(), &fields(1), &[], &[]);
    let only_power = BundleFields { sectors: Sectors::from(Sector::Power), ..fields(1) };
    let only_power = bundle_of(city, &only_power, &[], &[]);
    let mut memory = [Seen::EMPTY; 8];
    let mut terminal = terminal::<S>(&key, Policy::STRICT, &clock, &mut memory);
    assert!(matches!(terminal.install(&[Source::from(&good[1..])]), Err(BundleRefused::Malformed(_))));
    assert_eq!(terminal.install(&[Source::from(flipped.as_slice())]), Err(BundleRefused::BadSignature));
    assert_eq!(terminal.install(&[Source::from(foreign.as_slice())]), Err(BundleRefused::OtherAuthority));
    assert_eq!(terminal.install(&[Source::from(only_power.as_slice())]), Err(BundleRefused::OtherSectors));
    assert_eq!(terminal.install(&[]), Err(BundleRefused::Parts));
    assert_eq!(terminal.devices().storage.marks.len(), 0);
    assert_eq!(terminal.devices().storage.floor, None);
}

fn takes_a_bundle_as_the_floor_of_its_clock<S: TestSuite>() {
    let (city, key, clock) = (S::city(), S::city().gate(), TestClock::at(NOON - 100 - DAY));
    let bundle = bundle_of(city, &fields(1), &[], &[]);
    let mut memory = [Seen::EMPTY; 8];
    let mut terminal = terminal::<S>(&key, Policy::STRICT, &clock, &mut memory);
    clock.set(NOON - 101 - DAY);
    assert_eq!(terminal.install(&[Source::from(bundle.as_slice())]), Err(BundleRefused::FromTheFuture));
    clock.set(NOON - 100 - DAY);
    terminal.install(&[Source::from(bundle.as_slice())]).unwrap();
    assert_eq!(terminal.devices().storage.floor, Some(time(NOON - 100)));
    // A few seconds behind what is signed is no fault of a clock; more is, and is told as itself.
    clock.set(NOON - 106);
    assert_eq!(tap(&mut terminal, &city.card(), 1), Err(Reason::ClockWrong));
    clock.set(NOON - 105);
    let asked = terminal.challenge(&city.select(0), &request(Kind::Entry, 1)).unwrap();
    assert_eq!(asked.challenge().terms().time(), time(NOON - 100));
    assert_eq!(tap(&mut terminal, &city.card(), 1), Ok(Revocation::NotListed { age_seconds: 0 }));
}
