//! Vouchers.

use symbolon_ccks::Sector;
use symbolon_pseudonym::AccountHandle;

use super::{
    conflicts, read,
    samples::{account, credential, name, settlement, signature, subject, time, upload},
    write,
};
use crate::{
    Store, StoreError, Transaction,
    records::{
        DeliveryRecord, EntryKind, IssuedVoucher, MeterStanding, NewEntry, NewSettlement, SettlementId, Transfer,
        VoucherCounts, VoucherMovement, VoucherPostingRecord, VoucherRecord, VoucherState,
    },
};

/// A voucher that card `card` asked for under request `number`, for meter 9.
fn asked(number: u8, card: u8) -> VoucherRecord {
    VoucherRecord {
        id: [number; 16],
        card: subject(card),
        request: [number; 16],
        credential: credential(card, 1000),
        signed: time(20),
        body: vec![number; 28],
        signature: signature(number),
        account: AccountHandle::from_bytes([card; 16]),
        line: 7,
        operator: name("grid"),
        currency: 156,
        amount: 500,
        meter: subject(9),
        sector: Sector::Power,
        quantity: 10_000,
        asked: time(21),
        state: VoucherState::Asked,
        issued: None,
    }
}

fn issued(sequence: u32, not_after: u64) -> IssuedVoucher {
    let reference = std::array::from_fn(|index| sequence.to_be_bytes()[index % 4]);
    IssuedVoucher { sequence, not_after: time(not_after), reference, bytes: [sequence as u8; 109] }
}

async fn issue<D: Store>(store: &D, number: u8, what: IssuedVoucher) {
    write(store, move |unit| unit.issue_voucher(&[number; 16], &what)).await;
}

async fn add<D: Store>(store: &D, voucher: VoucherRecord) {
    write(store, move |unit| unit.add_voucher(&voucher)).await;
}

pub(super) async fn a_voucher_is_asked_for_once_and_found_again<D: Store>(store: D) {
    add(&store, asked(1, 1)).await;
    add(&store, asked(2, 1)).await;
    add(&store, VoucherRecord { id: [3; 16], ..asked(1, 2) }).await;
    conflicts(&store, |unit| unit.add_voucher(&VoucherRecord { id: [9; 16], ..asked(1, 1) })).await;
    conflicts(&store, |unit| unit.add_voucher(&VoucherRecord { request: [9; 16], ..asked(1, 1) })).await;
    assert_eq!(read(&store, |unit| unit.voucher(&[1; 16])).await, Some(asked(1, 1)));
    assert_eq!(read(&store, |unit| unit.voucher_asked(&subject(1), &[2; 16])).await, Some(asked(2, 1)));
    assert_eq!(read(&store, |unit| unit.voucher_asked(&subject(2), &[2; 16])).await, None);
    issue(&store, 1, issued(4, 90)).await;
    let found = read(&store, |unit| unit.voucher_of_reference(&issued(4, 90).reference)).await;
    let expected = VoucherRecord { state: VoucherState::Issued, issued: Some(issued(4, 90)), ..asked(1, 1) };
    assert_eq!(found, Some(expected.clone()));
    let newest = |limit| move |unit: &dyn Transaction| unit.vouchers_of_card(&subject(1), limit);
    assert_eq!(read(&store, newest(1)).await, [asked(2, 1)]);
    assert_eq!(read(&store, newest(9)).await, [asked(2, 1), expected]);
}

pub(super) async fn a_meter_never_has_a_sequence_twice<D: Store>(store: D) {
    for number in 1..=4 {
        add(&store, asked(number, 1)).await;
    }
    add(&store, VoucherRecord { meter: subject(8), ..asked(5, 1) }).await;
    issue(&store, 1, issued(1, 90)).await;
    issue(&store, 2, issued(7, 90)).await;
    for sequence in [1, 6, 7] {
        conflicts(&store, move |unit| unit.issue_voucher(&[3; 16], &issued(sequence, 91))).await;
    }
    // What was issued stays what it is.
    conflicts(&store, |unit| unit.issue_voucher(&[2; 16], &issued(8, 90))).await;
    conflicts(&store, |unit| unit.issue_voucher(&[99; 16], &issued(8, 90))).await;
    // Another meter counts for itself.
    let of_other = IssuedVoucher { reference: [0xee; 16], ..issued(7, 90) };
    write(&store, move |unit| unit.issue_voucher(&[5; 16], &of_other)).await;
    issue(&store, 3, issued(8, 90)).await;
    let standing = read(&store, |unit| unit.meter_standing(&subject(9), &subject(1), time(50))).await;
    assert_eq!(standing, MeterStanding { newest: 8, oldest_outstanding: Some(1), asked: 1, of_card: 4 });
}

pub(super) async fn what_a_meter_may_still_take_shrinks_as_it_takes_and_as_time_runs_out<D: Store>(store: D) {
    let at = |card, now| move |unit: &dyn Transaction| unit.meter_standing(&subject(9), &subject(card), time(now));
    assert_eq!(read(&store, at(1, 50)).await, MeterStanding::default());
    for (number, card, not_after) in [(1, 1, 60), (2, 2, 80), (3, 1, 90)] {
        add(&store, asked(number, card)).await;
        issue(&store, number, issued(number.into(), not_after)).await;
    }
    let standing = |oldest, of_card| MeterStanding { newest: 3, oldest_outstanding: oldest, asked: 0, of_card };
    assert_eq!(read(&store, at(1, 59)).await, standing(Some(1), 2));
    assert_eq!(read(&store, at(1, 60)).await, standing(Some(2), 1));
    let deliver =
        |unit: &mut dyn Transaction| unit.move_voucher(&[2; 16], VoucherState::Issued, VoucherState::Delivered);
    assert!(write(&store, deliver).await);
    assert!(!write(&store, deliver).await, "it was delivered before");
    assert_eq!(read(&store, at(2, 60)).await, standing(Some(3), 0));
    assert_eq!(read(&store, at(1, 90)).await, standing(None, 0));
}

pub(super) async fn vouchers_are_in_hand_until_they_come_to_an_end<D: Store>(store: D) {
    use VoucherState::{Asked, Delivered, Issued, Lapsed, Owed, Refunded, Refused};
    for number in 1..=3 {
        add(&store, asked(number, 1)).await;
    }
    let counts = |asked, lapsed, owed| VoucherCounts { asked, lapsed, owed };
    assert_eq!(read(&store, |unit| unit.voucher_counts()).await, counts(3, 0, 0));
    assert_eq!(read(&store, |unit| unit.vouchers_in(Asked, 2)).await, [asked(1, 1), asked(2, 1)]);
    issue(&store, 1, issued(1, 60)).await;
    issue(&store, 2, issued(2, 70)).await;
    let moved = |number: u8, from, to| write(&store, move |unit| unit.move_voucher(&[number; 16], from, to));
    assert!(moved(3, Asked, Refused).await);
    let ended = |now| move |unit: &dyn Transaction| unit.vouchers_ended(time(now), 9);
    assert_eq!(read(&store, ended(59)).await, []);
    let ids = |found: Vec<VoucherRecord>| found.into_iter().map(|voucher| voucher.id[0]).collect::<Vec<_>>();
    assert_eq!(ids(read(&store, ended(60)).await), [1]);
    assert_eq!(ids(read(&store, ended(70)).await), [1, 2]);
    assert!(moved(1, Issued, Lapsed).await);
    assert_eq!(ids(read(&store, ended(70)).await), [2]);
    assert_eq!(read(&store, |unit| unit.voucher_counts()).await, counts(0, 1, 0));
    assert!(moved(1, Lapsed, Refunded).await && moved(1, Refunded, Owed).await);
    assert_eq!(read(&store, |unit| unit.voucher_counts()).await, counts(0, 0, 1));
    assert_eq!(ids(read(&store, |unit| unit.vouchers_in(Owed, 9)).await), [1]);
    assert!(moved(1, Owed, Delivered).await);
    assert_eq!(read(&store, |unit| unit.voucher_counts()).await, counts(0, 0, 0));
    // One that was refused and turned out to be paid is issued after all.
    issue(&store, 3, issued(3, 70)).await;
    // What was never issued cannot be with a meter.
    add(&store, asked(4, 1)).await;
    conflicts(&store, |unit| unit.move_voucher(&[4; 16], Asked, Delivered)).await;
}

pub(super) async fn a_movement_of_a_sale_is_posted_once<D: Store>(store: D) {
    let (from, to) = (account(1), account(2));
    let transfer = Transfer { from: from.name.clone(), to: to.name.clone(), amount: 500 };
    let entry = write(&store, move |unit| {
        unit.open_account(&from)?;
        unit.open_account(&to)?;
        let entry = NewEntry::of_transfers(EntryKind::Purchase, 156, None, time(30), [transfer.clone()]);
        unit.post(&entry.ok_or(StoreError::GivenUp)?)
    })
    .await;
    let posting = move |movement| VoucherPostingRecord {
        sale: [1; 16],
        movement,
        account: AccountHandle::from_bytes([1; 16]),
        operator: name("grid"),
        currency: 156,
        amount: 500,
        entry,
    };
    for movement in VoucherMovement::ALL {
        assert_eq!(read(&store, move |unit| unit.voucher_posting(&[1; 16], movement)).await, None);
        write(&store, move |unit| unit.add_voucher_posting(&posting(movement))).await;
        conflicts(&store, move |unit| unit.add_voucher_posting(&posting(movement))).await;
        let found = read(&store, move |unit| unit.voucher_posting(&[1; 16], movement)).await;
        assert_eq!(found, Some(posting(movement)));
    }
    let of = |number| move |unit: &dyn Transaction| unit.voucher_postings_of(&AccountHandle::from_bytes([number; 16]));
    let mut found = read(&store, of(1)).await;
    found.sort_unstable_by_key(|posting| posting.movement as u8);
    assert_eq!(found, VoucherMovement::ALL.map(posting));
    assert_eq!(read(&store, of(2)).await, []);
}

pub(super) async fn a_delivery_waits_until_it_is_told<D: Store>(store: D) {
    let delivery =
        |id: SettlementId, number: u8| DeliveryRecord { settlement: id, reference: [number; 16], meter: subject(9) };
    let settlements = write(&store, |unit| {
        let upload = unit.add_upload(&upload(1, "grid", 2))?;
        let second = NewSettlement { position: 1, ..settlement(upload, 1, 2) };
        Ok([unit.add_settlement(&settlement(upload, 1, 1))?, unit.add_settlement(&second)?])
    })
    .await;
    let [first, second] = [delivery(settlements[0], 1), delivery(settlements[1], 1)];
    // Whether one voucher was taken twice is not for the exchange to say.
    write(&store, move |unit| [first, second].iter().try_for_each(|delivery| unit.add_delivery(delivery))).await;
    conflicts(&store, move |unit| unit.add_delivery(&first)).await;
    assert_eq!(read(&store, |unit| unit.waiting_deliveries(1)).await, [first]);
    for _ in 0..2 {
        write(&store, move |unit| unit.mark_delivery_told(first.settlement, time(40))).await;
        assert_eq!(read(&store, |unit| unit.waiting_deliveries(9)).await, [second]);
        assert_eq!(read(&store, |unit| unit.count_waiting_deliveries()).await, 1);
    }
}
