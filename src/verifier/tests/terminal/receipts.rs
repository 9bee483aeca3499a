//! Receipts.

use symbolon_ccks::*;
use symbolon_tap::{Kind, Outcome, Record};
use symbolon_verifier::*;

use crate::city::*;
use crate::for_each_suite;

for_each_suite!(verify_under_the_terminals_key, come_once_more_after_a_restart, are_given_for_what_was_accepted_alone,);

fn verify_under_the_terminals_key<S: TestSuite>() {
    let (city, key, clock) = (S::city(), S::city().gate(), TestClock::at(NOON));
    let mut memory = [Seen::EMPTY; 4];
    let mut terminal = terminal::<S>(&key, Policy::WITHOUT_BUNDLE, &clock, &mut memory);
    let asked = terminal.challenge(&city.select(0), &request(Kind::Entry, 1)).unwrap();
    let answered = answer(&city.card(), &asked, 1);
    clock.set(NOON + 7);
    let verdict = terminal.decide(asked, answered.as_bytes());
    let accepted = verdict.accepted().unwrap();
    let signed = terminal.receipt(accepted).unwrap();
    let receipt = signed.receipt();
    assert_eq!((receipt.outcome(), receipt.time()), (Outcome::Accepted, time(NOON + 7)));
    assert!(receipt.is_of(accepted.record()));
    assert_eq!(receipt.verify(&city.authority, terminal.credential(), signed.signature()), Ok(()));
    let other = city.key(IdentityFields { subject: Subject::from_bytes([2; 16]), ..city.gate_fields() });
    let other = other.credential().unwrap();
    assert_eq!(receipt.verify(&city.authority, other, signed.signature()), Err(BadSignature));
    let bytes = signed.to_bytes();
    assert_eq!((&bytes[..41], &bytes[41..]), (&receipt.as_bytes()[..], &signed.signature().as_bytes()[..]));
}

fn come_once_more_after_a_restart<S: TestSuite>() {
    let (city, key, clock) = (S::city(), S::city().gate(), TestClock::at(NOON));
    let (mut memory, mut other_memory) = ([Seen::EMPTY; 4], [Seen::EMPTY; 4]);
    let mut before = terminal::<S>(&key, Policy::WITHOUT_BUNDLE, &clock, &mut memory);
    let accepted = *tap(&mut before, &city.card(), &request(Kind::Entry, 1), 1).accepted().unwrap();
    let presentation = accepted.record().presentation().as_bytes();
    let storage = std::mem::take(&mut before.devices().storage);
    let mut after = terminal::<S>(&key, Policy::WITHOUT_BUNDLE, &clock, &mut other_memory);
    assert_eq!(after.again(presentation).unwrap_err(), Reason::NoChallenge, "this journal does not have it");
    after.devices().storage = storage;
    for _ in 0..2 {
        let signed = after.again(presentation).unwrap();
        assert!(signed.receipt().is_of(accepted.record()));
        assert_eq!(signed.receipt().outcome(), Outcome::Accepted);
        assert_eq!(signed.receipt().verify(&city.authority, after.credential(), signed.signature()), Ok(()));
    }
    assert_eq!(after.devices().storage.journal.len(), 1);
    // A clock that has not been set since does not keep the receipt from the holder.
    clock.set(0);
    after.devices().storage.floor = Some(time(NOON));
    assert_eq!(after.again(presentation).unwrap().receipt().time(), accepted.record().terms().time());
}

fn are_given_for_what_was_accepted_alone<S: TestSuite>() {
    let (city, key, clock) = (S::city(), S::city().gate(), TestClock::at(NOON));
    let mut memory = [Seen::EMPTY; 4];
    let mut terminal = terminal::<S>(&key, Policy::WITHOUT_BUNDLE, &clock, &mut memory);
    let accepted = *tap(&mut terminal, &city.card(), &request(Kind::Entry, 1), 1).accepted().unwrap();
    let honest = *accepted.record().presentation().as_bytes();
    assert_eq!(terminal.again(&honest[..158]).unwrap_err(), Reason::Malformed);
    // The same transaction with other signature bytes, and other counters: not what is in the journal.
    for offset in [4, 100, 158] {
        let mut changed = honest;
        changed[offset] ^= 1;
        assert!(terminal.again(&changed).is_err(), "{offset}");
    }
    let asked = terminal.challenge(&city.select(0), &request(Kind::Entry, 1)).unwrap();
    let unanswered = Record::new(*asked.challenge().terms(), answer(&city.card(), &asked, 2));
    assert_eq!(terminal.again(unanswered.presentation().as_bytes()).unwrap_err(), Reason::NoChallenge);
}
