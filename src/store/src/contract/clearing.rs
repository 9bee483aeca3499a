//! What clearing keeps of pseudonyms.

use symbolon_ccks::Period;
use symbolon_pseudonym::AccountHandle;

use super::{
    conflicts, read,
    samples::{CURRENCY, account as ledger_account, name, subject, time},
    write,
};
use crate::{
    Page, Store, Transaction,
    records::{BindingRecord, CaseEvent, CaseRecord, Release, ReservationRecord, SetAside},
};

const ALL: Page = Page { after: 0, limit: 100 };

fn period(number: u32) -> Period {
    Period::new(number).expect("samples have small periods")
}

fn account(number: u8) -> AccountHandle {
    AccountHandle::from_bytes([number; 16])
}

/// Three pseudonyms of 100 each for the account 1 in the period 7, until 50.
fn reservation(number: u8) -> ReservationRecord {
    ReservationRecord {
        id: [number; 16],
        account: account(1),
        period: period(7),
        count: 3,
        budget: 100,
        line: 9,
        currency: CURRENCY,
        until: time(50),
        release: None,
    }
}

/// A pseudonym of the account 1 in the period 7, until 60.
fn binding(number: u8) -> BindingRecord {
    BindingRecord {
        subject: subject(number),
        account: account(1),
        period: period(7),
        nonce: [number; 12],
        charged: 0,
        until: time(60),
    }
}

pub(super) async fn money_is_set_aside_by_period_until_it_is_released_or_ends<D: Store>(store: D) {
    let others = [
        ReservationRecord { until: time(55), ..reservation(2) },
        ReservationRecord { period: period(8), until: time(80), ..reservation(3) },
        ReservationRecord { account: account(2), ..reservation(4) },
    ];
    write(&store, |unit| unit.add_reservation(&reservation(1))).await;
    write(&store, move |unit| others.iter().try_for_each(|other| unit.add_reservation(other))).await;
    conflicts(&store, |unit| unit.add_reservation(&reservation(1))).await;
    write(&store, |unit| unit.add_binding(&binding(1))).await;
    write(&store, |unit| unit.add_binding(&BindingRecord { period: period(8), ..binding(2) })).await;
    write(&store, |unit| unit.charge_binding(&subject(1), 70)).await;
    let release = Release { asked: 3, released: 2 };
    write(&store, move |unit| unit.release_reservation(&[1; 16], release)).await;
    conflicts(&store, move |unit| unit.release_reservation(&[1; 16], release)).await;
    conflicts(&store, move |unit| unit.release_reservation(&[9; 16], release)).await;
    let released = ReservationRecord { release: Some(release), ..reservation(1) };
    assert_eq!(read(&store, |unit| unit.reservation(&[1; 16])).await, Some(released));
    assert_eq!(read(&store, |unit| unit.reservations(&account(1))).await.len(), 3);

    let at = |now| move |unit: &dyn Transaction| unit.set_aside(&account(1), time(now));
    let of_eighth = SetAside { period: period(8), pseudonyms: 3, bound: 1, exposure: 300, charged: 0, until: time(80) };
    let of_seventh =
        SetAside { period: period(7), pseudonyms: 4, bound: 1, exposure: 400, charged: 70, until: time(55) };
    assert_eq!(read(&store, at(49)).await, [of_seventh, of_eighth]);
    let after_the_first = SetAside { pseudonyms: 3, exposure: 300, ..of_seventh };
    assert_eq!(read(&store, at(50)).await, [after_the_first, of_eighth]);
    assert_eq!(read(&store, at(55)).await, [of_eighth]);
    assert_eq!(write(&store, |unit| unit.forget_reservations_until(time(55))).await, 3);
    assert_eq!(read(&store, |unit| unit.reservations(&account(1))).await.len(), 1);
}

pub(super) async fn a_subject_and_a_tag_bind_once<D: Store>(store: D) {
    write(&store, |unit| unit.add_binding(&binding(1))).await;
    conflicts(&store, |unit| unit.add_binding(&BindingRecord { nonce: [9; 12], ..binding(1) })).await;
    conflicts(&store, |unit| unit.add_binding(&BindingRecord { subject: subject(9), ..binding(1) })).await;
    write(&store, |unit| unit.add_binding(&BindingRecord { until: time(61), ..binding(2) })).await;
    assert!(read(&store, |unit| unit.is_tag_used(&[2; 12])).await);
    assert!(!read(&store, |unit| unit.is_tag_used(&[3; 12])).await);
    write(&store, |unit| unit.charge_binding(&subject(1), 70)).await;
    write(&store, |unit| unit.charge_binding(&subject(1), -90)).await;
    conflicts(&store, |unit| unit.charge_binding(&subject(3), 1)).await;
    assert_eq!(
        read(&store, |unit| unit.binding(&subject(1))).await,
        Some(BindingRecord { charged: -20, ..binding(1) })
    );
    assert_eq!(read(&store, |unit| unit.bindings(&account(1))).await.len(), 2);
    assert_eq!(read(&store, |unit| unit.bindings(&account(2))).await, []);
    assert_eq!(write(&store, |unit| unit.forget_bindings_until(time(59))).await, 0);
    assert_eq!(write(&store, |unit| unit.forget_bindings_until(time(60))).await, 1);
    assert_eq!(read(&store, |unit| unit.binding(&subject(1))).await, None);
}

pub(super) async fn payers_are_found_and_charged_together<D: Store>(store: D) {
    write(&store, |unit| {
        (1..=3).try_for_each(|number| unit.add_binding(&binding(number)))?;
        (4..=5).try_for_each(|number| unit.open_account(&ledger_account(number)))
    })
    .await;
    let asked = [3, 9, 1, 3].map(subject);
    let found = read(&store, move |unit| unit.bindings_of(&asked)).await;
    assert_eq!(found, [Some(binding(3)), None, Some(binding(1)), Some(binding(3))]);
    assert_eq!(read(&store, |unit| unit.bindings_of(&[])).await, []);
    let names = [5, 9, 4].map(|number| ledger_account(number).name);
    let found = read(&store, move |unit| unit.accounts_named(&names)).await;
    assert_eq!(found, [Some(ledger_account(5)), None, Some(ledger_account(4))]);
    assert_eq!(read(&store, |unit| unit.accounts_named(&[])).await, []);

    write(&store, |unit| unit.charge_bindings(&[(subject(1), 70), (subject(2), -5)])).await;
    write(&store, |unit| unit.charge_bindings(&[])).await;
    conflicts(&store, |unit| unit.charge_bindings(&[(subject(1), 1), (subject(9), 1)])).await;
    let charged = read(&store, |unit| unit.bindings_of(&[1, 2, 3].map(subject))).await;
    assert_eq!(charged.into_iter().flatten().map(|binding| binding.charged).collect::<Vec<_>>(), [70, -5, 0]);
}

pub(super) async fn a_batch_is_posted_once_until_it_is_forgotten<D: Store>(store: D) {
    write(&store, |unit| unit.add_posted_batch(&[1; 16], &[2; 32], time(10))).await;
    conflicts(&store, |unit| unit.add_posted_batch(&[1; 16], &[3; 32], time(11))).await;
    assert_eq!(read(&store, |unit| unit.posted_batch(&[1; 16])).await, Some([2; 32]));
    assert_eq!(write(&store, |unit| unit.forget_posted_batches_before(time(10))).await, 0);
    assert_eq!(write(&store, |unit| unit.forget_posted_batches_before(time(11))).await, 1);
    assert_eq!(read(&store, |unit| unit.posted_batch(&[1; 16])).await, None);
}

pub(super) async fn the_newest_approval_of_a_case_and_subject_is_told<D: Store>(store: D) {
    let event = |event, case: &str, number, seconds| CaseRecord {
        event,
        case: case.to_owned(),
        subject: subject(number),
        account: account(number),
        officer: name("officer"),
        time: time(seconds),
    };
    let events = [
        event(CaseEvent::Approved, "a", 1, 10),
        event(CaseEvent::Approved, "a", 1, 20),
        event(CaseEvent::Opened, "a", 1, 30),
        event(CaseEvent::Approved, "b", 2, 40),
    ];
    let kept = events.clone();
    write(&store, move |unit| kept.iter().try_for_each(|event| unit.add_case_event(event))).await;
    assert_eq!(read(&store, |unit| unit.case_approval("a", &subject(1))).await.as_ref(), Some(&events[1]));
    assert_eq!(read(&store, |unit| unit.case_approval("b", &subject(1))).await, None);
    assert_eq!(read(&store, |unit| unit.case_approval("a", &subject(2))).await, None);
    let of_one = read(&store, |unit| unit.case_events(Some(&account(1)), ALL)).await;
    assert_eq!(of_one.iter().map(|listed| listed.record.clone()).collect::<Vec<_>>(), events[..3]);
    let rest = Page { after: of_one[2].position, limit: 100 };
    let rest = read(&store, move |unit| unit.case_events(None, rest)).await;
    assert_eq!(rest.into_iter().map(|listed| listed.record).collect::<Vec<_>>(), events[3..]);
}
