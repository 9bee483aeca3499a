//! Challenges: what a terminal asks, and what it refuses to ask.

use std::collections::HashSet;

use symbolon_ccks::*;
use symbolon_tap::{Challenge, Kind, Misfit, TermsFields};
use symbolon_verifier::*;

use crate::city::*;
use crate::for_each_suite;

for_each_suite!(
    asks_what_was_requested,
    refuses_what_it_may_not_ask,
    refuses_foreign_cards,
    never_repeats_a_nonce,
    resumes_its_own_challenges_alone,
    runs_on_a_terminals_key_alone,
);

fn asks_what_was_requested<S: TestSuite>() {
    let (key, clock) = (S::city().gate(), TestClock::at(NOON));
    let mut memory = [Seen::EMPTY; 4];
    let mut terminal = terminal::<S>(&key, Policy::WITHOUT_BUNDLE, &clock, &mut memory);
    let asked = terminal.challenge(&S::city().select(7), &request(Kind::Entry, 300)).unwrap();
    let challenge = asked.challenge();
    assert_eq!(challenge.verify(&S::city().authority), Ok(()));
    let fields = challenge.terms().fields();
    let expected = TermsFields {
        kind: Kind::Entry,
        sector: Sector::Transport,
        time: time(NOON),
        amount: 300,
        currency: 156,
        reference: [4; 16],
        ..fields
    };
    assert_eq!(fields, expected);
    assert_eq!(challenge.terms().holder_nonce(), [5; 8]);
    assert_eq!((terminal.is_open(&asked), asked.tariff()), (true, 7));
    terminal.abandon();
    assert_eq!((terminal.is_open(&asked), terminal.is_asking()), (false, false));
}

fn refuses_what_it_may_not_ask<S: TestSuite>() {
    let (key, clock) = (S::city().gate(), TestClock::at(NOON));
    let (mut memory, mut other_memory) = ([Seen::EMPTY; 4], [Seen::EMPTY; 4]);
    let select = S::city().select(0);
    let policy = Policy { kinds: Kinds::of(&[Kind::Entry, Kind::Exit]), ..Policy::WITHOUT_BUNDLE };
    let mut gate = terminal::<S>(&key, policy, &clock, &mut memory);
    let refused = gate.challenge(&select, &request(Kind::Purchase, 1)).unwrap_err();
    assert_eq!((refused, refused.reason()), (ChallengeRefused::Kind, Reason::WrongKind));
    let refused = gate.challenge(&select, &request(Kind::Exit, 1)).unwrap_err();
    assert!(matches!(refused, ChallengeRefused::Request(_)), "{refused:?}");
    let power = Request { sector: Sector::Power, ..request(Kind::Entry, 1) };
    let refused = gate.challenge(&select, &power).unwrap_err();
    assert_eq!(refused, ChallengeRefused::Terminal(Misfit::WrongSector));
    clock.set(NOON + 1_000_000);
    let refused = gate.challenge(&select, &request(Kind::Entry, 1)).unwrap_err();
    assert_eq!(refused, ChallengeRefused::Terminal(Misfit::Expired));
    assert!(!gate.is_asking());
    assert_eq!(gate.devices().storage.nonces, 0, "no number is used up for what is not asked");

    // The credential holds water too; the policy does not.
    let policy = Policy { sectors: Sectors::from(Sector::Transport), ..Policy::WITHOUT_BUNDLE };
    let mut gate = terminal::<S>(&key, policy, &TestClock::at(NOON), &mut other_memory);
    let water = Request { sector: Sector::Water, ..request(Kind::Purchase, 1) };
    let refused = gate.challenge(&select, &water).unwrap_err();
    assert_eq!(refused, ChallengeRefused::Terminal(Misfit::WrongSector));
}

fn refuses_foreign_cards<S: TestSuite>() {
    let (key, clock) = (S::city().gate(), TestClock::at(NOON));
    let mut memory = [Seen::EMPTY; 4];
    let mut terminal = terminal::<S>(&key, Policy::WITHOUT_BUNDLE, &clock, &mut memory);
    let mut reason = |select: &[u8]| terminal.challenge(select, &request(Kind::Entry, 1)).unwrap_err().reason();
    let select = S::city().select(0);
    assert_eq!(reason(&select[..19]), Reason::Malformed);
    let mut other_suite = select;
    other_suite[1] = 3 - other_suite[1];
    assert_eq!(reason(&other_suite), Reason::WrongSuite);
    assert_eq!(reason(&S::elsewhere().select(0)), Reason::WrongAuthority);
}

fn never_repeats_a_nonce<S: TestSuite>() {
    struct Stuck;
    impl rand_core::TryRng for Stuck {
        type Error = core::convert::Infallible;
        fn try_next_u32(&mut self) -> Result<u32, Self::Error> {
            Ok(7)
        }
        fn try_next_u64(&mut self) -> Result<u64, Self::Error> {
            Ok(7)
        }
        fn try_fill_bytes(&mut self, bytes: &mut [u8]) -> Result<(), Self::Error> {
            bytes.fill(7);
            Ok(())
        }
    }
    impl rand_core::TryCryptoRng for Stuck {}

    // A random source that is stuck, and restarts that keep the storage.
    let (city, key) = (S::city(), S::city().gate());
    let mut storage = TestStorage::with_room(1);
    let mut seen = HashSet::new();
    for _ in 0..3 {
        let devices = Devices { clock: || time(NOON), random: Stuck, storage: &mut storage };
        let domain = Domain::new(&city.authority, &key).unwrap();
        let mut terminal = Terminal::new(domain, Policy::STRICT, devices, &mut []);
        for _ in 0..5 {
            let asked = terminal.challenge(&city.select(0), &request(Kind::Entry, 1)).unwrap();
            assert!(seen.insert(asked.challenge().terms().terminal_nonce()));
        }
    }
    storage.nonces = u32::MAX;
    let devices = Devices { clock: || time(NOON), random: Stuck, storage: &mut storage };
    let mut terminal = Terminal::new(Domain::new(&city.authority, &key).unwrap(), Policy::STRICT, devices, &mut []);
    let refused = terminal.challenge(&city.select(0), &request(Kind::Entry, 1)).unwrap_err();
    assert_eq!(refused, ChallengeRefused::Storage(StorageError::Full));
}

fn resumes_its_own_challenges_alone<S: TestSuite>() {
    let (city, key, clock) = (S::city(), S::city().gate(), TestClock::at(NOON));
    let (mut memory, mut other_memory) = ([Seen::EMPTY; 4], [Seen::EMPTY; 4]);
    let select = city.select(0);
    let mut before = terminal::<S>(&key, Policy::WITHOUT_BUNDLE, &clock, &mut memory);
    let asked = before.challenge(&select, &request(Kind::Entry, 300)).unwrap();
    let challenge = *asked.challenge();
    let mut after = terminal::<S>(&key, Policy::WITHOUT_BUNDLE, &clock, &mut other_memory);

    let mut changed = *challenge.as_bytes();
    changed[203] ^= 1;
    let mut refused = |select: &[u8], challenge: &[u8]| after.resume(select, challenge).unwrap_err();
    assert_eq!(refused(&select, &changed), Reason::NoChallenge);
    assert_eq!(refused(&select, &changed[..203]), Reason::NoChallenge);
    let other_gate = city.key(IdentityFields { subject: Subject::from_bytes([2; 16]), ..city.gate_fields() });
    let others = Challenge::sign(&other_gate, *challenge.terms(), &[0; 32]).unwrap();
    assert_eq!(refused(&select, others.as_bytes()), Reason::NoChallenge);
    let mut other_select = select;
    other_select[12] ^= 1;
    assert_eq!(refused(&other_select, challenge.as_bytes()), Reason::NoChallenge);
    assert_eq!(refused(&S::elsewhere().select(0), challenge.as_bytes()), Reason::WrongAuthority);
    assert!(!after.is_asking());

    let asked = after.resume(&select, challenge.as_bytes()).unwrap();
    let answered = answer(&city.card(), &asked, 1);
    assert!(after.decide(asked, answered.as_bytes()).is_accepted());
}

fn runs_on_a_terminals_key_alone<S: TestSuite>() {
    let city = S::city();
    let refused = |key: &SigningKey<S>, authority: &'static Authority<'static, S>| Domain::new(authority, key).err();
    assert_eq!(refused(&city.gate(), &city.authority), None);
    assert_eq!(refused(&city.card(), &city.authority), Some(KeyRefused::NotATerminal));
    let rotation = city.secret.rotation_key(&city.authority);
    assert_eq!(refused(&rotation, &city.authority), Some(KeyRefused::NotATerminal));
    assert_eq!(refused(&city.gate(), &S::elsewhere().authority), Some(KeyRefused::OtherAuthority));
}
