//! Cards that do not answer as they must, and strangers in between: the tap ends, nothing is accepted, the next one works.

use std::cell::Cell;

use symbolon_ccks::{Class, IdentityFields, Subject, Suite};
use symbolon_tap::Presentation;
use symbolon_tap::apdu::CardCommand;
use symbolon_verifier::Reason;
use symbolon_verifier::reader::{Fault, Outcome, Phase};

use super::for_each_suite;
use crate::city::{Card, City, Station, entry, is_accepted};

for_each_suite!(
    whatever_is_answered_the_tap_ends_and_the_next_works,
    a_flipped_bit_anywhere_is_not_accepted,
    an_overheard_tap_opens_nothing,
    anothers_answer_is_not_accepted,
    answers_out_of_order_are_not_accepted,
);

/// The answers that an honest card gives in a tap, with what they answer.
fn overhear<S: Suite>(station: &mut Station<S>, card: &mut Card<S>) -> Vec<Vec<u8>> {
    let mut heard = Vec::new();
    let outcome = station.tap_with(entry(), |command| {
        let response = card.answer(command).response;
        heard.push(response.clone());
        Some(response)
    });
    assert!(is_accepted(&outcome), "{outcome:?}");
    heard
}

fn phase_of(command: &[u8]) -> Phase {
    match CardCommand::parse(command).unwrap() {
        CardCommand::Select => Phase::Select,
        CardCommand::Voucher { .. } => Phase::Voucher,
        CardCommand::Present { .. } => Phase::Present,
        CardCommand::Receipt { .. } => Phase::Receipt,
    }
}

fn whatever_is_answered_the_tap_ends_and_the_next_works<S: Suite>() {
    let city = City::<S>::new(1);
    let (mut station, mut card) = (city.station(), city.card());
    let mut accepted = 0;
    for phase in [Phase::Select, Phase::Present, Phase::Receipt] {
        let lengths = (0..=258).filter(|length| *length != right_length(phase));
        let mut wrong: Vec<(Vec<u8>, Fault)> = lengths
            .step_by(13)
            .chain([right_length(phase) - 1, right_length(phase) + 1, 0, 1, 258])
            .map(|length| (of_length(length), Fault::Length))
            .collect();
        for status in [[0x6A, 0x88], [0x69, 0x85], [0x6F, 0x00], [0x61, 0x10], [0x00, 0x90], [0xFF, 0xFF]] {
            let fault = Fault::Status(u16::from_be_bytes(status));
            wrong.extend([(status.to_vec(), fault), ([of_length(161), status.to_vec()].concat(), fault)]);
        }
        for (response, expected) in wrong {
            let before = station.waiting();
            let outcome = station.tap_with(entry(), |command| {
                Some(if phase_of(command) == phase { response.clone() } else { card.answer(command).response })
            });
            // A card that kept its receipt but was not heard counts all the same.
            accepted += u32::from(phase == Phase::Receipt && matches!(outcome, Outcome::Accepted { .. }));
            match (phase, outcome) {
                (Phase::Receipt, Outcome::Accepted { receipt, .. } | Outcome::Repeated { receipt }) => {
                    assert_eq!(receipt, Err(expected));
                    station.terminal.devices().storage.unacknowledged().unwrap();
                }
                (_, Outcome::Failed { phase: at, fault }) => {
                    assert_eq!((at, fault, station.waiting()), (phase, expected, before));
                }
                (_, other) => panic!("{phase:?} {response:02x?}: {other:?}"),
            }
        }
        // The journal is small: a new flash for the next phase.
        assert!(matches!(
            station.tap(&mut card, entry()),
            Outcome::Accepted { receipt: Ok(()), .. } | Outcome::Repeated { receipt: Ok(()) }
        ));
        (station, card) = (city.station(), city.card());
    }
    assert!(accepted > 0);
}

fn right_length(phase: Phase) -> usize {
    match phase {
        Phase::Select => 22,
        Phase::Present => 161,
        Phase::Voucher => 111,
        Phase::Receipt => 2,
    }
}

/// Bytes that end as success does, as far as there is room for that.
fn of_length(length: usize) -> Vec<u8> {
    let mut bytes = vec![0x55; length];
    if let Some(place) = length.checked_sub(2).and_then(|at| bytes.get_mut(at..)) {
        place.copy_from_slice(&[0x90, 0x00]);
    }
    bytes
}

fn a_flipped_bit_anywhere_is_not_accepted<S: Suite>() {
    let city = City::<S>::new(1);
    let mut station = city.station();
    // The tariff is not signed by the select response, but the credential bears it out; so every bit counts but the
    // holder's nonce, which is the holder's own affair and which the wallet checks.
    let bits = (0..22 * 8).map(|bit| (Phase::Select, bit)).chain((0..161 * 8).map(|bit| (Phase::Present, bit)));
    for (phase, bit) in bits.step_by(5) {
        let mut card = city.card();
        let outcome = station.tap_with(entry(), |command| {
            let mut response = card.answer(command).response;
            if phase_of(command) == phase {
                response[bit / 8] ^= 1 << (bit % 8);
            }
            Some(response)
        });
        assert!(
            !matches!(outcome, Outcome::Accepted { .. } | Outcome::Repeated { .. }),
            "{phase:?} {bit}: {outcome:?}"
        );
    }
    assert_eq!(station.waiting(), 0);
    assert!(is_accepted(&station.tap(&mut city.card(), entry())));
}

/// What was overheard of an accepted tap is shown again, at once and after a restart.
fn an_overheard_tap_opens_nothing<S: Suite>() {
    let city = City::<S>::new(1);
    let (mut station, mut card) = (city.station(), city.card());
    let heard = overhear(&mut station, &mut card);
    for restarts in [false, true] {
        station = if restarts { station.restart() } else { station };
        let mut answers = heard.iter();
        let outcome = station.tap_with(entry(), |_| answers.next().cloned());
        // The receipt is no secret from whoever heard the tap; nothing opens for it.
        assert_eq!(outcome, Outcome::Repeated { receipt: Ok(()) });
        assert_eq!(station.waiting(), 1);
    }
    assert!(is_accepted(&station.tap(&mut card, entry())));
}

/// A card shows what another one answered elsewhere, or answers a select that another gave.
fn anothers_answer_is_not_accepted<S: Suite>() {
    let city = City::<S>::new(1);
    let (mut station, mut victim) = (city.station(), city.card());
    let mut elsewhere = city.station_elsewhere();
    let heard = overhear(&mut elsewhere, &mut victim);
    let presented = Cell::new(0);
    let outcome = station.tap_with(entry(), |command| match phase_of(command) {
        Phase::Present => {
            presented.set(presented.get() + 1);
            Some(heard[1].clone())
        }
        _ => Some(heard[0].clone()),
    });
    assert_eq!(
        (outcome, presented.get()),
        (Outcome::Declined(Reason::BadSignature), 2),
        "asked once more, and no more"
    );

    // A challenge is for whoever was selected: the wallet of another refuses it.
    let other = IdentityFields { subject: Subject::from_bytes([8; 16]), ..city.fields(Class::Card) };
    let mut other = city.card_of(city.key(other));
    let outcome = station.tap_with(entry(), |command| match phase_of(command) {
        Phase::Select => {
            other.answer(command);
            Some(victim.answer(command).response)
        }
        _ => Some(other.answer(command).response),
    });
    let Outcome::Failed { phase: Phase::Present, fault: Fault::Status(0x6982) } = outcome else {
        panic!("{outcome:?}")
    };
    assert_eq!(station.waiting(), 0);
}

fn answers_out_of_order_are_not_accepted<S: Suite>() {
    let city = City::<S>::new(1);
    let (mut station, mut card) = (city.station(), city.card());
    let heard = overhear(&mut city.station_elsewhere(), &mut city.card());
    let [select, presentation, receipt] = heard.as_slice() else { panic!("{heard:02x?}") };
    assert_eq!(presentation.len(), Presentation::SIZE + 2);
    for order in [[presentation, select], [receipt, presentation], [select, select], [select, receipt]] {
        let mut answers = order.into_iter();
        let outcome = station.tap_with(entry(), |_| answers.next().cloned());
        assert!(matches!(outcome, Outcome::Failed { fault: Fault::Length, .. }), "{outcome:?}");
    }
    assert_eq!(station.waiting(), 0);
    assert!(is_accepted(&station.tap(&mut card, entry())));
}
