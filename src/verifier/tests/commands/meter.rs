//! A meter that a card brings vouchers.

use symbolon_ccks::{Class, Subject, Suite};
use symbolon_tap::Kind;
use symbolon_tap::apdu::port::MeterCredit;
use symbolon_tap::apdu::{CardCommand, PortCommand, Status};
use symbolon_tap::voucher::{SignedVoucher, Unit, Voucher, VoucherFields};
use symbolon_verifier::reader::{Fault, Outcome, Phase, Wanted};
use symbolon_verifier::{ChallengeRefused, Reason};

use super::for_each_suite;
use crate::city::{City, NOON, Station, time};

for_each_suite!(
    a_voucher_is_credited_once_and_leaves_the_card,
    a_voucher_whose_receipt_was_lost_is_not_credited_twice,
    a_meter_that_restarts_before_it_took_it_takes_it_then,
    what_is_not_for_this_meter_is_not_asked_for,
    a_card_that_shows_something_else_is_not_credited,
);

const METER: Subject = Subject::from_bytes([Class::Terminal as u8; 16]);

fn sell<S: Suite>(city: &City<S>, meter: Subject, sequence: u32) -> SignedVoucher {
    let fields = VoucherFields {
        unit: Unit::WattHours,
        meter,
        sequence,
        quantity: 1_000,
        time: time(NOON - 5),
        not_after: time(NOON + 50_000),
    };
    Voucher::new(fields).unwrap().sign(&city.institution(), &[4; 32]).unwrap()
}

fn credit<S: Suite>(station: &mut Station<S>) -> (u32, u64) {
    let bytes = station.port(&PortCommand::Meter).unwrap();
    let credit = MeterCredit::parse(&bytes).unwrap();
    assert_eq!(credit.unit(), Unit::WattHours);
    (credit.highest(), credit.credited())
}

fn a_voucher_is_credited_once_and_leaves_the_card<S: Suite>() {
    let city = City::<S>::new(1);
    let (mut meter, mut card) = (city.station(), city.card());
    for sequence in [7, 5] {
        card.application.keepsakes().carry(city.authority, sell(&city, METER, sequence).as_bytes()).unwrap();
    }
    for (quantity, sequence, left) in [(1_000, 5, 1), (2_000, 7, 0)] {
        let outcome = meter.tap(&mut card, Wanted::Voucher);
        let Outcome::Accepted { accepted, receipt: Ok(()) } = outcome else { panic!("{outcome:?}") };
        let credited = accepted.credited().unwrap();
        assert_eq!((credited.sequence(), credited.quantity(), credited.unit()), (sequence, 1_000, Unit::WattHours));
        assert_eq!(accepted.record().terms().kind(), Kind::Credit);
        assert_eq!((credit(&mut meter).1, card.application.keepsakes().vouchers().count()), (quantity, left));
    }
    let outcome = meter.tap(&mut card, Wanted::Voucher);
    let none = Fault::Status(Status::NotFound as u16);
    assert_eq!(outcome, Outcome::Failed { phase: Phase::Voucher, fault: none });
    assert_eq!(credit(&mut meter.restart()), (7, 2_000));
}

fn a_voucher_whose_receipt_was_lost_is_not_credited_twice<S: Suite>() {
    let city = City::<S>::new(1);
    let (mut meter, mut card) = (city.station(), city.card());
    let voucher = sell(&city, METER, 5);
    card.application.keepsakes().carry(city.authority, voucher.as_bytes()).unwrap();
    meter.tap_with(Wanted::Voucher, |command| {
        let is_receipt = matches!(CardCommand::parse(command), Ok(CardCommand::Receipt { .. }));
        (!is_receipt).then(|| card.answer(command).response)
    });
    let mut meter = meter.restart();
    assert_eq!((credit(&mut meter), card.application.keepsakes().vouchers().count()), ((5, 1_000), 1));
    assert_eq!(meter.tap(&mut card, Wanted::Voucher), Outcome::Repeated { receipt: Ok(()) });
    assert_eq!((credit(&mut meter), meter.waiting()), ((5, 1_000), 1));
    assert_eq!(card.application.keepsakes().vouchers().count(), 0, "the receipt says that it was credited");

    // Another card with a copy of the voucher gets nothing, and no receipt.
    let mut copy = city.card();
    copy.application.keepsakes().carry(city.authority, voucher.as_bytes()).unwrap();
    let outcome = meter.tap(&mut copy, Wanted::Voucher);
    assert_eq!(outcome, Outcome::NotAsked(ChallengeRefused::Voucher(Reason::VoucherUsed)));
    assert_eq!((credit(&mut meter), meter.waiting(), copy.receipts()), ((5, 1_000), 1, 0));
}

fn a_meter_that_restarts_before_it_took_it_takes_it_then<S: Suite>() {
    let city = City::<S>::new(1);
    let (mut meter, mut card) = (city.station(), city.card());
    card.application.keepsakes().carry(city.authority, sell(&city, METER, 5).as_bytes()).unwrap();
    meter.tap_with(Wanted::Voucher, |command| {
        let response = card.answer(command).response;
        let is_present = matches!(CardCommand::parse(command), Ok(CardCommand::Present { .. }));
        (!is_present).then_some(response)
    });
    let mut meter = meter.restart();
    assert_eq!(credit(&mut meter), (0, 0));
    let outcome = meter.tap(&mut card, Wanted::Voucher);
    assert!(matches!(outcome, Outcome::Accepted { receipt: Ok(()), .. }), "{outcome:?}");
    assert_eq!((credit(&mut meter), card.application.keepsakes().vouchers().count()), ((5, 1_000), 0));
}

fn what_is_not_for_this_meter_is_not_asked_for<S: Suite>() {
    let city = City::<S>::new(1);
    let mut meter = city.station();
    let honest = sell(&city, METER, 5);
    let theirs = sell(&City::<S>::new(2), METER, 5);
    let other = sell(&city, Subject::from_bytes([9; 16]), 5);
    let mut forged = *honest.as_bytes();
    // A kilowatt-hour more.
    forged[27] ^= 1;
    for (voucher, reason) in [
        (theirs.as_bytes(), Reason::VoucherRefused),
        (other.as_bytes(), Reason::VoucherOtherMeter),
        (&forged, Reason::VoucherRefused),
        (&[0; 109], Reason::VoucherRefused),
    ] {
        let mut card = city.card();
        let outcome = meter.tap_with(Wanted::Voucher, |command| match CardCommand::parse(command).unwrap() {
            CardCommand::Voucher { .. } => Some([voucher.as_slice(), &[0x90, 0x00]].concat()),
            _ => Some(card.answer(command).response),
        });
        assert_eq!(outcome, Outcome::NotAsked(ChallengeRefused::Voucher(reason)));
    }
    assert_eq!((credit(&mut meter), meter.waiting()), ((0, 0), 0));
}

/// A card brings an honest voucher, and for its delivery an answer that was given to another terminal.
fn a_card_that_shows_something_else_is_not_credited<S: Suite>() {
    let city = City::<S>::new(1);
    let (mut meter, mut card) = (city.station(), city.card());
    let voucher = sell(&city, METER, 5);
    let mut heard = None;
    city.station().tap_with(crate::city::entry(), |command| {
        let response = card.answer(command).response;
        heard = (response.len() == 161).then(|| response.clone()).or(heard.take());
        Some(response)
    });
    let outcome = meter.tap_with(Wanted::Voucher, |command| match CardCommand::parse(command).unwrap() {
        CardCommand::Voucher { .. } => Some([voucher.as_bytes().as_slice(), &[0x90, 0x00]].concat()),
        CardCommand::Present { .. } => heard.clone(),
        _ => Some(card.answer(command).response),
    });
    assert_eq!(outcome, Outcome::Declined(Reason::BadSignature));
    assert_eq!((credit(&mut meter), meter.waiting()), ((0, 0), 0));
}
