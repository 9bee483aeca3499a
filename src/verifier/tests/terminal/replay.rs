//! Replays and clones at one terminal.

use symbolon_tap::Kind;
use symbolon_verifier::*;

use crate::city::*;
use crate::for_each_suite;

for_each_suite!(declines_replays, declines_a_used_counter, remembers_as_much_as_there_is_room, learns_from_its_journal);

fn ask<S: TestSuite>(terminal: &mut TestTerminal<'_, S>) -> Asked {
    terminal.challenge(&S::city().select(0), &request(Kind::Entry, 1)).unwrap()
}

fn declines_replays<S: TestSuite>() {
    let (key, clock) = (S::city().gate(), TestClock::at(NOON));
    let card = S::city().card();
    let mut memory = [Seen::EMPTY; 8];
    let mut terminal = terminal::<S>(&key, Policy::WITHOUT_BUNDLE, &clock, &mut memory);
    let asked = ask(&mut terminal);
    let recorded = answer(&card, &asked, 1);
    assert!(terminal.decide(asked, recorded.as_bytes()).is_accepted());
    // At once, and again when the terminal asks somebody else.
    assert_eq!(terminal.unasked(recorded.as_bytes()).reason(), Some(Reason::Replayed));
    let asked = ask(&mut terminal);
    let verdict = terminal.decide(asked, recorded.as_bytes());
    assert_eq!(verdict.reason(), Some(Reason::Replayed));
    // A forgery over a known counter is no replay; and neither cost the honest holder its tap.
    let mut forged = *recorded.as_bytes();
    forged[158] ^= 1;
    let verdict = terminal.decide(verdict.into_asked().unwrap(), &forged);
    assert_eq!(verdict.reason(), Some(Reason::BadSignature));
    let asked = verdict.into_asked().unwrap();
    let answered = answer(&card, &asked, 2);
    assert!(terminal.decide(asked, answered.as_bytes()).is_accepted());
    assert_eq!(terminal.unasked(&forged).reason(), Some(Reason::NoChallenge));
    assert_eq!(terminal.devices().storage.journal.len(), 2);
}

fn declines_a_used_counter<S: TestSuite>() {
    let (key, clock) = (S::city().gate(), TestClock::at(NOON));
    let card = S::city().card();
    let mut memory = [Seen::EMPTY; 8];
    let mut terminal = terminal::<S>(&key, Policy::WITHOUT_BUNDLE, &clock, &mut memory);
    for (counter, reason) in [(1, None), (1, Some(Reason::AlreadySeen)), (2, None)] {
        let asked = ask(&mut terminal);
        let answered = answer(&card, &asked, counter);
        assert_eq!(terminal.decide(asked, answered.as_bytes()).reason(), reason);
    }
}

fn remembers_as_much_as_there_is_room<S: TestSuite>() {
    let (key, clock) = (S::city().gate(), TestClock::at(NOON));
    let card = S::city().card();
    let mut memory = [Seen::EMPTY; 2];
    let mut terminal = terminal::<S>(&key, Policy::WITHOUT_BUNDLE, &clock, &mut memory);
    let mut recorded = Vec::new();
    for counter in 1..=5 {
        let asked = ask(&mut terminal);
        let presentation = answer(&card, &asked, counter);
        assert!(terminal.decide(asked, presentation.as_bytes()).is_accepted());
        recorded.push(presentation);
    }
    // The oldest made room. It is declined all the same: the fresh challenge sees to that, the memory names it.
    let reasons = recorded.iter().map(|presentation| terminal.unasked(presentation.as_bytes()).reason().unwrap());
    let (unknown, known) = (Reason::NoChallenge, Reason::Replayed);
    assert_eq!(reasons.collect::<Vec<_>>(), [unknown, unknown, unknown, known, known]);

    let mut terminal = crate::city::terminal::<S>(&key, Policy::WITHOUT_BUNDLE, &clock, &mut []);
    let asked = ask(&mut terminal);
    let presentation = answer(&card, &asked, 1);
    assert!(terminal.decide(asked, presentation.as_bytes()).is_accepted());
    assert_eq!(terminal.unasked(presentation.as_bytes()).reason(), Some(Reason::NoChallenge));
}

fn learns_from_its_journal<S: TestSuite>() {
    let (city, key, clock) = (S::city(), S::city().gate(), TestClock::at(NOON));
    let (mut memory, mut other_memory) = ([Seen::EMPTY; 8], [Seen::EMPTY; 8]);
    let (mut third_memory, mut fourth_memory) = ([Seen::EMPTY; 8], [Seen::EMPTY; 8]);
    let mut before = terminal::<S>(&key, Policy::WITHOUT_BUNDLE, &clock, &mut memory);
    let asked = ask(&mut before);
    let challenge = *asked.challenge();
    let recorded = answer(&city.card(), &asked, 1);
    assert!(before.decide(asked, recorded.as_bytes()).is_accepted());
    let journal = before.devices().storage.journal.clone();

    let mut after = terminal::<S>(&key, Policy::WITHOUT_BUNDLE, &clock, &mut other_memory);
    journal.iter().for_each(|entry| after.remember(entry.record()));
    assert_eq!(after.unasked(recorded.as_bytes()).reason(), Some(Reason::Replayed));
    // The challenge was answered; it is not taken up for a second answer.
    assert_eq!(after.resume(&city.select(0), challenge.as_bytes()).unwrap_err(), Reason::NoChallenge);

    for (slot, entry) in third_memory.iter_mut().zip(&journal) {
        *slot = Seen::of(entry.record());
    }
    let after = terminal::<S>(&key, Policy::WITHOUT_BUNDLE, &clock, &mut third_memory);
    assert_eq!(after.unasked(recorded.as_bytes()).reason(), Some(Reason::Replayed));

    // A terminal that learned of the tap only after it took the challenge up again.
    let mut forgetful = terminal::<S>(&key, Policy::WITHOUT_BUNDLE, &clock, &mut fourth_memory);
    let asked = forgetful.resume(&city.select(0), challenge.as_bytes()).unwrap();
    journal.iter().for_each(|entry| forgetful.remember(entry.record()));
    assert_eq!(forgetful.decide(asked, recorded.as_bytes()).reason(), Some(Reason::Replayed));
}
