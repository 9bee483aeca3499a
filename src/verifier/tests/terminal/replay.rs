//! Replays and clones at one terminal.

use symbolon_tap::Kind;
use symbolon_verifier::*;

use crate::city::*;
use crate::for_each_suite;

for_each_suite!(declines_replays, declines_a_used_counter, remembers_as_much_as_there_is_room, learns_from_its_journal);

fn declines_replays<S: TestSuite>() {
    let (city, key, clock) = (S::city(), S::city().gate(), TestClock::at(NOON));
    let card = city.card();
    let mut memory = [None; 8];
    let mut terminal = terminal::<S>(&key, Policy::WITHOUT_BUNDLE, &clock, &mut memory);
    let challenge = terminal.challenge(&city.select(0), &request(Kind::Entry, 1)).unwrap();
    let recorded = answer(&card, &challenge, 1);
    assert!(terminal.decide(recorded.as_bytes()).is_accepted());
    // At once, and again when the terminal asks somebody else.
    assert_eq!(terminal.decide(recorded.as_bytes()), Verdict::Declined(Reason::Replayed));
    let next = terminal.challenge(&city.select(0), &request(Kind::Entry, 1)).unwrap();
    assert_eq!(terminal.decide(recorded.as_bytes()), Verdict::Declined(Reason::Replayed));
    // A forgery over a known counter is no replay; and neither cost the honest holder its tap.
    let mut forged = *recorded.as_bytes();
    forged[158] ^= 1;
    assert_eq!(terminal.decide(&forged), Verdict::Declined(Reason::BadSignature));
    assert!(terminal.decide(answer(&card, &next, 2).as_bytes()).is_accepted());
    assert_eq!(terminal.decide(&forged), Verdict::Declined(Reason::NoChallenge));
    assert_eq!(terminal.devices().storage.journal.len(), 2);
}

fn declines_a_used_counter<S: TestSuite>() {
    let (city, key, clock) = (S::city(), S::city().gate(), TestClock::at(NOON));
    let card = city.card();
    let mut memory = [None; 8];
    let mut terminal = terminal::<S>(&key, Policy::WITHOUT_BUNDLE, &clock, &mut memory);
    for (counter, reason) in [(1, None), (1, Some(Reason::AlreadySeen)), (2, None)] {
        let challenge = terminal.challenge(&city.select(0), &request(Kind::Entry, 1)).unwrap();
        let verdict = terminal.decide(answer(&card, &challenge, counter).as_bytes());
        assert_eq!(verdict.reason(), reason);
    }
}

fn remembers_as_much_as_there_is_room<S: TestSuite>() {
    let (city, key, clock) = (S::city(), S::city().gate(), TestClock::at(NOON));
    let card = city.card();
    let mut memory = [None; 2];
    let mut terminal = terminal::<S>(&key, Policy::WITHOUT_BUNDLE, &clock, &mut memory);
    let mut recorded = Vec::new();
    for counter in 1..=3 {
        let challenge = terminal.challenge(&city.select(0), &request(Kind::Entry, 1)).unwrap();
        let presentation = answer(&card, &challenge, counter);
        assert!(terminal.decide(presentation.as_bytes()).is_accepted());
        recorded.push(presentation);
    }
    // The oldest made room. It is declined all the same: the fresh challenge sees to that, the memory names it.
    let reasons = recorded.iter().map(|presentation| terminal.decide(presentation.as_bytes()).reason().unwrap());
    assert_eq!(reasons.collect::<Vec<_>>(), [Reason::NoChallenge, Reason::Replayed, Reason::Replayed]);

    let mut terminal = crate::city::terminal::<S>(&key, Policy::WITHOUT_BUNDLE, &clock, &mut []);
    let challenge = terminal.challenge(&city.select(0), &request(Kind::Entry, 1)).unwrap();
    let presentation = answer(&card, &challenge, 1);
    assert!(terminal.decide(presentation.as_bytes()).is_accepted());
    assert_eq!(terminal.decide(presentation.as_bytes()), Verdict::Declined(Reason::NoChallenge));
}

fn learns_from_its_journal<S: TestSuite>() {
    let (city, key, clock) = (S::city(), S::city().gate(), TestClock::at(NOON));
    let (mut memory, mut other_memory) = ([None; 8], [None; 8]);
    let (mut third_memory, mut fourth_memory) = ([None; 8], [None; 8]);
    let mut before = terminal::<S>(&key, Policy::WITHOUT_BUNDLE, &clock, &mut memory);
    let challenge = before.challenge(&city.select(0), &request(Kind::Entry, 1)).unwrap();
    let recorded = answer(&city.card(), &challenge, 1);
    assert!(before.decide(recorded.as_bytes()).is_accepted());
    let journal = before.devices().storage.journal.clone();

    let mut after = terminal::<S>(&key, Policy::WITHOUT_BUNDLE, &clock, &mut other_memory);
    journal.iter().for_each(|record| after.remember(record));
    assert_eq!(after.decide(recorded.as_bytes()), Verdict::Declined(Reason::Replayed));
    // The challenge was answered; it is not taken up for a second answer.
    assert_eq!(after.resume(&city.select(0), challenge.as_bytes()), Err(Reason::NoChallenge));

    for (slot, record) in third_memory.iter_mut().zip(&journal) {
        *slot = Some(Seen::of(record));
    }
    let mut after = terminal::<S>(&key, Policy::WITHOUT_BUNDLE, &clock, &mut third_memory);
    assert_eq!(after.decide(recorded.as_bytes()), Verdict::Declined(Reason::Replayed));

    // A terminal that learned of the tap only after it took the challenge up again.
    let mut forgetful = terminal::<S>(&key, Policy::WITHOUT_BUNDLE, &clock, &mut fourth_memory);
    assert_eq!(forgetful.resume(&city.select(0), challenge.as_bytes()), Ok(()));
    journal.iter().for_each(|record| forgetful.remember(record));
    assert_eq!(forgetful.decide(recorded.as_bytes()), Verdict::Declined(Reason::Replayed));
}
