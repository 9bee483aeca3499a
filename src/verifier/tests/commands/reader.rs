//! Taps that go well, and taps that the power broke off.

use symbolon_tap::apdu::CardCommand;
use symbolon_verifier::Reason;
use symbolon_verifier::reader::{Fault, Outcome, Phase};

use super::for_each_suite;
use crate::city::{City, PATIENCE, entry, is_accepted};
use symbolon_ccks::{Class, IdentityFields, Subject, Suite};

for_each_suite!(
    a_tap_is_kept_and_has_its_receipt,
    the_gate_may_open_before_the_receipt_is_taken,
    a_tap_that_was_kept_gets_its_receipt_after_a_restart,
    a_tap_that_was_not_kept_is_answered_anew,
    silence_ends_a_tap_and_what_comes_late_counts_for_nothing,
    a_revoked_card_is_declined_and_gets_no_receipt,
    a_full_journal_says_so,
);

fn a_tap_is_kept_and_has_its_receipt<S: Suite>() {
    let city = City::<S>::new(1);
    let (mut station, mut card) = (city.station(), city.card());
    for taps in 1..=3 {
        let outcome = station.tap(&mut card, entry());
        assert!(is_accepted(&outcome), "{outcome:?}");
        assert_eq!((station.waiting(), card.receipts()), (taps, taps as usize));
    }
    assert_eq!(station.reader.deadline_milliseconds(), None);
}

fn the_gate_may_open_before_the_receipt_is_taken<S: Suite>() {
    let city = City::<S>::new(1);
    let (mut station, mut card) = (city.station(), city.card());
    let outcome = station.tap_with(entry(), |command| match CardCommand::parse(command).unwrap() {
        CardCommand::Receipt { .. } => None,
        _ => Some(card.answer(command).response),
    });
    let Outcome::Accepted { accepted, receipt: Err(Fault::Silent) } = outcome else { panic!("{outcome:?}") };
    assert_eq!((accepted.record().terms().amount(), station.waiting()), (800, 1));
    // The same tap comes again, and is not paid for twice.
    let outcome = station.tap(&mut card, entry());
    assert_eq!((outcome, station.waiting(), card.counter()), (Outcome::Repeated { receipt: Ok(()) }, 1, 1));
    assert_eq!(card.receipts(), 1);
}

/// Breaks the tap off, by a restart, instead of sending the command that `is_last` knows.
fn breaks_off<S: Suite>(
    city: &City<S>,
    is_last: fn(&CardCommand<'_>) -> bool,
) -> (crate::city::Station<S>, crate::city::Card<S>) {
    let (mut station, mut card) = (city.station(), city.card());
    station.tap_with(entry(), |command| {
        let response = card.answer(command).response;
        (!is_last(&CardCommand::parse(command).unwrap())).then_some(response)
    });
    (station.restart(), card)
}

fn a_tap_that_was_kept_gets_its_receipt_after_a_restart<S: Suite>() {
    let city = City::<S>::new(1);
    let (mut station, mut card) = (city.station(), city.card());
    station.tap_with(entry(), |command| {
        // The power goes while the receipt is on its way.
        let is_receipt = matches!(CardCommand::parse(command), Ok(CardCommand::Receipt { .. }));
        (!is_receipt).then(|| card.answer(command).response)
    });
    let mut station = station.restart();
    assert_eq!((station.waiting(), card.receipts()), (1, 0));
    assert_eq!(station.tap(&mut card, entry()), Outcome::Repeated { receipt: Ok(()) });
    assert_eq!((station.waiting(), card.receipts(), card.counter()), (1, 1, 1));
    assert!(is_accepted(&station.tap(&mut card, entry())), "the next tap is a tap of its own");
    assert_eq!((station.waiting(), card.receipts(), card.counter()), (2, 2, 2));
}

fn a_tap_that_was_not_kept_is_answered_anew<S: Suite>() {
    let city = City::<S>::new(1);
    // The card answered, and the answer never reached the journal.
    let (mut station, mut card) = breaks_off(&city, |command| matches!(command, CardCommand::Present { .. }));
    assert_eq!((station.waiting(), card.counter()), (0, 1));
    assert!(is_accepted(&station.tap(&mut card, entry())));
    assert_eq!((station.waiting(), card.receipts(), card.counter()), (1, 1, 2));
    // Or it was not even asked.
    let (mut station, mut card) = breaks_off(&city, |command| matches!(command, CardCommand::Select));
    assert!(is_accepted(&station.tap(&mut card, entry())));
    assert_eq!((station.waiting(), card.counter()), (1, 1));
}

fn silence_ends_a_tap_and_what_comes_late_counts_for_nothing<S: Suite>() {
    let city = City::<S>::new(1);
    let (mut station, mut card) = (city.station(), city.card());
    let outcome = station.tap_with(entry(), |_| None);
    assert_eq!(outcome, Outcome::Failed { phase: Phase::Select, fault: Fault::Silent });
    assert_eq!(station.reader.poll(u64::MAX), None, "it is over");

    let mut held = None;
    let outcome = station.tap_with(entry(), |command| {
        let response = card.answer(command).response;
        if matches!(CardCommand::parse(command), Ok(CardCommand::Present { .. })) {
            held = Some(response);
            return None;
        }
        Some(response)
    });
    assert_eq!(outcome, Outcome::Failed { phase: Phase::Present, fault: Fault::Silent });
    let late = station.reader.respond(&mut station.terminal, &held.unwrap(), station.milliseconds);
    let unasked = Outcome::Failed { phase: Phase::Select, fault: Fault::Unasked };
    assert_eq!(late, symbolon_verifier::reader::Step::Done(unasked));

    // An answer behind the deadline is as good as none, whether or not anybody polled.
    let select = station.reader.start(entry(), 0);
    let response = card.answer(select.as_slice()).response;
    let late = station.reader.respond(&mut station.terminal, &response, u64::from(PATIENCE) + 1);
    let silent = Outcome::Failed { phase: Phase::Select, fault: Fault::Silent };
    assert_eq!(late, symbolon_verifier::reader::Step::Done(silent));
    assert_eq!(station.waiting(), 0);
    assert!(is_accepted(&station.tap(&mut card, entry())));
}

fn a_revoked_card_is_declined_and_gets_no_receipt<S: Suite>() {
    let city = City::<S>::new(1);
    let (mut station, mut card) = (city.station(), city.card());
    station.bring_bundle(&city.bundle(2, NOON_LATER, &[Subject::from_bytes([Class::Card as u8; 16])]));
    station.set_clock(NOON_LATER);
    assert_eq!(station.tap(&mut card, entry()), Outcome::Declined(Reason::Revoked));
    assert_eq!((station.waiting(), card.receipts()), (0, 0));
    let other = IdentityFields { subject: Subject::from_bytes([8; 16]), ..city.fields(Class::Card) };
    assert!(is_accepted(&station.tap(&mut city.card_of(city.key(other)), entry())));
}

const NOON_LATER: u64 = crate::city::NOON + 5;

fn a_full_journal_says_so<S: Suite>() {
    let city = City::<S>::new(1);
    let (mut station, mut card) = (city.station(), city.card());
    let mut accepted = 0;
    let full = loop {
        match station.tap(&mut card, entry()) {
            outcome if is_accepted(&outcome) => accepted += 1,
            outcome => break outcome,
        }
        assert!(accepted < 100, "the journal has an end");
    };
    assert_eq!(full, Outcome::Declined(Reason::JournalFull));
    assert_eq!(station.waiting(), accepted);
}
