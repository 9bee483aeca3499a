//! Vouchers on their way to a meter.

use symbolon_ccks::{Subject, Suite};
use symbolon_tap::apdu::Status;
use symbolon_tap::voucher::{SignedVoucher, Unit, Voucher, VoucherFields};
use symbolon_tap::{Kind, Outcome, TermsFields};
use symbolon_wallet::{Event, Keepsakes, MOST_VOUCHERS, VoucherNotKept};

use super::{card, data, entry, record, status};
use crate::world::{NOW_SECONDS, RANDOM, TestSuite, World, for_each_suite, now, time};

for_each_suite!(
    a_voucher_is_carried_until_its_receipt_comes,
    a_meter_gets_its_own_alone,
    one_that_is_not_taken_keeps_no_other_back,
    only_what_the_authority_sold_is_carried,
);

const METER: Subject = Subject::from_bytes([2; 16]);

fn fields(sequence: u32) -> VoucherFields {
    let not_after = time(NOW_SECONDS + 86_400);
    VoucherFields { unit: Unit::Litres, meter: METER, sequence, quantity: 500, time: now(), not_after }
}

fn sell<S: Suite>(world: &World<S>, fields: VoucherFields) -> SignedVoucher {
    let key = world.secret.institution_key(&world.authority, world.authority.name());
    Voucher::new(fields).unwrap().sign(&key, &RANDOM).unwrap()
}

/// What a meter asks for a voucher.
fn delivery(voucher: &SignedVoucher, number: u8) -> TermsFields {
    let sector = voucher.voucher().sector();
    TermsFields { kind: Kind::Credit, sector, amount: 0, reference: voucher.reference(), ..entry(number) }
}

fn a_voucher_is_carried_until_its_receipt_comes<S: TestSuite>() {
    let world = S::world();
    let mut card = card(world);
    let (first, second) = (sell(world, fields(1)), sell(world, fields(2)));
    for voucher in [&first, &second] {
        card.application.keepsakes().carry(&world.authority, voucher.as_bytes()).unwrap();
    }
    card.select();
    let answer = card.voucher(METER);
    assert_eq!((data(&answer), &answer.event), (&first.as_bytes()[..], &Event::VoucherGiven(Box::new(first))));
    let (challenge, answer) = card.tap(world, delivery(&first, 1));
    let given = record(&challenge, &answer);
    assert_eq!(card.application.keepsakes().vouchers().count(), 2, "the meter has not said that it took it");
    data(&card.receive(world, &given, Outcome::Credited));
    assert_eq!(card.application.keepsakes().vouchers().collect::<Vec<_>>(), [&second]);

    // A receipt of anything but the credit leaves the voucher.
    let (challenge, answer) = card.tap(world, delivery(&second, 2));
    data(&card.receive(world, &record(&challenge, &answer), Outcome::Accepted));
    assert_eq!(card.application.keepsakes().vouchers().count(), 1);
    let store = card.application.into_parts().1.into_store();
    assert_eq!(Keepsakes::open(store).unwrap().vouchers().collect::<Vec<_>>(), [&second]);
}

fn a_meter_gets_its_own_alone<S: TestSuite>() {
    let world = S::world();
    let mut card = card(world);
    card.application.keepsakes().carry(&world.authority, sell(world, fields(1)).as_bytes()).unwrap();
    card.select();
    assert_eq!(status(&card.voucher(Subject::from_bytes([3; 16]))), Status::NotFound);
    data(&card.voucher(METER));
    card.now = time(NOW_SECONDS + 86_400);
    assert_eq!(status(&card.voucher(METER)), Status::NotFound, "it has expired");
}

fn one_that_is_not_taken_keeps_no_other_back<S: TestSuite>() {
    let world = S::world();
    let mut card = card(world);
    for sequence in [3, 1, 2] {
        card.application.keepsakes().carry(&world.authority, sell(world, fields(sequence)).as_bytes()).unwrap();
    }
    let mut offered = Vec::new();
    for _ in 0..6 {
        card.select();
        offered.push(SignedVoucher::parse(data(&card.voucher(METER))).unwrap().voucher().sequence());
    }
    assert_eq!(offered, [1, 2, 3, 1, 2, 3]);
}

fn only_what_the_authority_sold_is_carried<S: TestSuite>() {
    let world = S::world();
    let mut card = card(world);
    let honest = sell(world, fields(0));
    let keepsakes = card.application.keepsakes();
    for bit in 0..honest.as_bytes().len() * 8 {
        let mut forged = *honest.as_bytes();
        forged[bit / 8] ^= 1 << (bit % 8);
        assert!(keepsakes.carry(&world.authority, &forged).is_err(), "bit {bit}");
    }
    assert!(matches!(keepsakes.carry(&world.authority, &honest.as_bytes()[1..]), Err(VoucherNotKept::Malformed(_))));
    let elsewhere = World::<S>::new(2);
    let theirs = keepsakes.carry(&world.authority, sell(&elsewhere, fields(1)).as_bytes());
    assert_eq!(theirs, Err(VoucherNotKept::BadSignature));
    assert_eq!(keepsakes.vouchers().count(), 0);
    keepsakes.carry(&world.authority, honest.as_bytes()).unwrap();
    assert_eq!(keepsakes.carry(&world.authority, honest.as_bytes()), Err(VoucherNotKept::Known));
    for sequence in 1..MOST_VOUCHERS as u32 {
        keepsakes.carry(&world.authority, sell(world, fields(sequence)).as_bytes()).unwrap();
    }
    let surplus = sell(world, fields(MOST_VOUCHERS as u32));
    assert_eq!(keepsakes.carry(&world.authority, surplus.as_bytes()), Err(VoucherNotKept::Full));
}
