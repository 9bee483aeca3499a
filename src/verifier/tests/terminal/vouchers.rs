//! Vouchers at a meter.

use symbolon_ccks::*;
use symbolon_tap::voucher::{SignedVoucher, Unit, Voucher, VoucherFields};
use symbolon_tap::{Kind, Outcome};
use symbolon_verifier::*;

use crate::city::*;
use crate::for_each_suite;

for_each_suite!(
    credits_a_voucher_once,
    takes_vouchers_in_any_order_within_the_window,
    refuses_what_is_not_for_it,
    refuses_every_bit_flip,
    takes_nothing_before_the_card_signed,
    keeps_record_and_voucher_together,
    knows_its_vouchers_after_a_restart,
);

fn meter_fields<S: TestSuite>() -> IdentityFields {
    IdentityFields {
        sectors: Sectors::from(Sector::Water),
        subject: Subject::terminal(&Name::parse("waterworks").unwrap(), [2; 8]),
        ..S::city().gate_fields()
    }
}

fn fields<S: TestSuite>(sequence: u32) -> VoucherFields {
    VoucherFields {
        unit: Unit::Litres,
        meter: meter_fields::<S>().subject,
        sequence,
        quantity: 1_500,
        time: time(NOON - 50),
        not_after: time(NOON + 500),
    }
}

fn sold<S: TestSuite>(city: &City<S>, fields: VoucherFields) -> SignedVoucher {
    let key = city.secret.institution_key(&city.authority, city.authority.name());
    Voucher::new(fields).unwrap().sign(&key, &[2; 32]).unwrap()
}

fn ask<S: TestSuite>(meter: &mut TestTerminal<'_, S>, voucher: &[u8]) -> Result<Asked, Reason> {
    meter.challenge_voucher(&S::city().select(0), voucher).map_err(ChallengeRefused::reason)
}

/// Delivers a voucher by a card; what becomes of it.
fn deliver<S: TestSuite>(
    meter: &mut TestTerminal<'_, S>,
    voucher: &SignedVoucher,
    counter: u32,
) -> Result<Accepted, Reason> {
    let asked = ask(meter, voucher.as_bytes())?;
    let answered = answer(&S::city().card(), &asked, counter);
    match meter.decide(asked, answered.as_bytes()) {
        Verdict::Accepted(accepted) => Ok(accepted),
        Verdict::Referred(refusal) | Verdict::Declined(refusal) => Err(refusal.reason()),
    }
}

fn credits_a_voucher_once<S: TestSuite>() {
    let (key, clock) = (S::city().key(meter_fields::<S>()), TestClock::at(NOON));
    let mut memory = [Seen::EMPTY; 4];
    let mut meter = terminal::<S>(&key, Policy::WITHOUT_BUNDLE, &clock, &mut memory);
    let voucher = sold(S::city(), fields::<S>(7));
    let asked = ask(&mut meter, voucher.as_bytes()).unwrap();
    let terms = *asked.challenge().terms();
    assert_eq!((terms.kind(), terms.sector(), terms.amount()), (Kind::Credit, Sector::Water, 0));
    assert_eq!(terms.reference(), &voucher.reference());
    let answered = answer(&S::city().card(), &asked, 1);
    let verdict = meter.decide(asked, answered.as_bytes());
    let accepted = verdict.accepted().unwrap();
    let credited = accepted.credited().unwrap();
    assert_eq!((credited.unit(), credited.quantity(), credited.sequence()), (Unit::Litres, 1_500, 7));
    assert_eq!(meter.devices().storage.journal, [Entry::new(*accepted.record(), Some(credited))]);
    assert_eq!(meter.devices().storage.vouchers.total(Unit::Litres), 1_500);
    let receipt = meter.receipt(accepted).unwrap();
    assert_eq!(receipt.receipt().outcome(), Outcome::Credited);
    assert!(receipt.receipt().is_of(accepted.record()));
    assert_eq!(deliver(&mut meter, &voucher, 2).unwrap_err(), Reason::VoucherUsed);
    // By another card, or sold once more with the same number: neither.
    let other = VoucherFields { quantity: 9, ..fields::<S>(7) };
    assert_eq!(deliver(&mut meter, &sold(S::city(), other), 3).unwrap_err(), Reason::VoucherUsed);
}

fn takes_vouchers_in_any_order_within_the_window<S: TestSuite>() {
    let (key, clock) = (S::city().key(meter_fields::<S>()), TestClock::at(NOON));
    let mut memory = [Seen::EMPTY; 4];
    let mut meter = terminal::<S>(&key, Policy::WITHOUT_BUNDLE, &clock, &mut memory);
    let order = [(100, true), (98, true), (37, true), (36, false), (98, false), (101, true), (37, false), (38, true)];
    for (counter, (sequence, is_taken)) in (1..).zip(order) {
        let told = deliver(&mut meter, &sold(S::city(), fields::<S>(sequence)), counter);
        assert_eq!(told.map(|accepted| accepted.credited().unwrap().sequence()).ok(), is_taken.then_some(sequence));
    }
    assert_eq!(meter.devices().storage.vouchers.total(Unit::Litres), 5 * 1_500);
}

fn refuses_what_is_not_for_it<S: TestSuite>() {
    let (city, clock) = (S::city(), TestClock::at(NOON));
    let key = city.key(meter_fields::<S>());
    let mut memory = [Seen::EMPTY; 4];
    let mut meter = terminal::<S>(&key, Policy::WITHOUT_BUNDLE, &clock, &mut memory);
    let good = fields::<S>(1);
    let other_meter = VoucherFields { meter: Subject::terminal(&Name::parse("waterworks").unwrap(), [3; 8]), ..good };
    assert_eq!(deliver(&mut meter, &sold(city, other_meter), 1).unwrap_err(), Reason::VoucherOtherMeter);
    let expired = VoucherFields { not_after: time(NOON), ..good };
    assert_eq!(deliver(&mut meter, &sold(city, expired), 1).unwrap_err(), Reason::VoucherExpired);
    let lasting = VoucherFields { not_after: time(NOON + 1), ..fields::<S>(2) };
    assert!(deliver(&mut meter, &sold(city, lasting), 1).is_ok());
    assert_eq!(deliver(&mut meter, &sold(S::elsewhere(), good), 2).unwrap_err(), Reason::VoucherRefused);
    // Kilowatt-hours, though the voucher names this meter: its credential does not hold the sector.
    let power = VoucherFields { unit: Unit::WattHours, ..good };
    assert_eq!(deliver(&mut meter, &sold(city, power), 2).unwrap_err(), Reason::WrongSector);
    assert_eq!(ask(&mut meter, &[0; 109]).unwrap_err(), Reason::VoucherRefused);
    assert_eq!(ask(&mut meter, &sold(city, good).as_bytes()[..108]).unwrap_err(), Reason::VoucherRefused);
    // A gate does no such thing.
    let (gate_key, mut memory) = (city.gate(), [Seen::EMPTY; 1]);
    let no_credit = Policy { kinds: Kinds::of(&[Kind::Entry, Kind::Exit]), ..Policy::WITHOUT_BUNDLE };
    let mut gate = terminal::<S>(&gate_key, no_credit, &clock, &mut memory);
    let for_gate = VoucherFields { meter: city.gate_fields().subject, ..good };
    assert_eq!(ask(&mut gate, sold(city, for_gate).as_bytes()).unwrap_err(), Reason::WrongKind);
    assert!(deliver(&mut meter, &sold(city, good), 2).is_ok(), "none of it used the sequence up");
}

fn refuses_every_bit_flip<S: TestSuite>() {
    let (key, clock) = (S::city().key(meter_fields::<S>()), TestClock::at(NOON));
    let mut memory = [Seen::EMPTY; 4];
    let mut meter = terminal::<S>(&key, Policy::WITHOUT_BUNDLE, &clock, &mut memory);
    let voucher = sold(S::city(), fields::<S>(1));
    for bit in 0..SignedVoucher::SIZE * 8 {
        let mut bytes = *voucher.as_bytes();
        bytes[bit / 8] ^= 1 << (bit % 8);
        assert!(ask(&mut meter, &bytes).is_err(), "bit {bit}");
    }
    assert_eq!(meter.devices().storage.nonces, 0);
    assert!(deliver(&mut meter, &voucher, 1).is_ok());
}

fn takes_nothing_before_the_card_signed<S: TestSuite>() {
    let (city, clock) = (S::city(), TestClock::at(NOON));
    let key = city.key(meter_fields::<S>());
    let mut memory = [Seen::EMPTY; 4];
    let mut meter = terminal::<S>(&key, Policy::WITHOUT_BUNDLE, &clock, &mut memory);
    let voucher = sold(city, fields::<S>(1));
    let asked = ask(&mut meter, voucher.as_bytes()).unwrap();
    let mut forged = *answer(&city.card(), &asked, 1).as_bytes();
    forged[158] ^= 1;
    let verdict = meter.decide(asked, &forged);
    assert_eq!(verdict.reason(), Some(Reason::BadSignature));
    assert!(meter.devices().storage.vouchers().takes(1));
    // The answer to one voucher is none to another: the reference names it.
    let asked = verdict.into_asked().unwrap();
    let answered = answer(&city.card(), &asked, 1);
    let second = ask(&mut meter, sold(city, fields::<S>(2)).as_bytes()).unwrap();
    assert_eq!(meter.decide(asked, answered.as_bytes()).reason(), Some(Reason::NoChallenge));
    assert_eq!(meter.decide(second, answered.as_bytes()).reason(), Some(Reason::BadSignature));
    assert_eq!(meter.devices().storage.vouchers(), VoucherWindow::default());
}

fn keeps_record_and_voucher_together<S: TestSuite>() {
    let (key, clock) = (S::city().key(meter_fields::<S>()), TestClock::at(NOON));
    let mut memory = [Seen::EMPTY; 4];
    let mut meter = terminal::<S>(&key, Policy::WITHOUT_BUNDLE, &clock, &mut memory);
    let voucher = sold(S::city(), fields::<S>(1));
    meter.devices().storage.room = 0;
    assert_eq!(deliver(&mut meter, &voucher, 1).unwrap_err(), Reason::JournalFull);
    assert!(meter.devices().storage.vouchers().takes(1), "what is not in the journal is not taken");
    meter.devices().storage.room = 1;
    assert!(deliver(&mut meter, &voucher, 1).is_ok());
}

fn knows_its_vouchers_after_a_restart<S: TestSuite>() {
    let (key, clock) = (S::city().key(meter_fields::<S>()), TestClock::at(NOON));
    let (mut memory, mut other_memory) = ([Seen::EMPTY; 4], [Seen::EMPTY; 4]);
    let voucher = sold(S::city(), fields::<S>(1));
    let mut before = terminal::<S>(&key, Policy::WITHOUT_BUNDLE, &clock, &mut memory);
    let accepted = deliver(&mut before, &voucher, 1).unwrap();
    let storage = std::mem::take(&mut before.devices().storage);
    let mut after = terminal::<S>(&key, Policy::WITHOUT_BUNDLE, &clock, &mut other_memory);
    after.devices().storage = storage;
    assert_eq!(deliver(&mut after, &voucher, 2).unwrap_err(), Reason::VoucherUsed);
    // The card that never saw the receipt gets it, and the meter credits nothing for it.
    let receipt = after.again(accepted.record().presentation().as_bytes()).unwrap();
    assert_eq!(receipt.receipt().outcome(), Outcome::Credited);
    assert_eq!(after.devices().storage.vouchers.total(Unit::Litres), 1_500);
}
