//! Pseudonyms, charges and suspensions.

use symbolon_ccks::Period;
use symbolon_pseudonym::ClearingTag;

use super::{
    conflicts, read,
    samples::{CURRENCY, credential, settlement, subject, time, upload},
    write,
};
use crate::{
    Store, Transaction,
    records::{
        ChargeBatchId, EntryKind, MisuseKind, NewCharge, NewMisuse, Payer, RecordPosition, SettlementId,
        SuspensionRecord, Waiting,
    },
};

fn period(number: u32) -> Period {
    Period::new(number).expect("samples have small periods")
}

pub(super) async fn pseudonyms_are_known_until_their_period_is_forgotten<D: Store>(store: D) {
    let digest = |number| credential(number, 1000).digest();
    write(&store, move |unit| {
        unit.register_pseudonym(&digest(1), period(7))?;
        unit.register_pseudonym(&digest(2), period(8))?;
        unit.register_pseudonym(&digest(1), period(7))
    })
    .await;
    assert_eq!(read(&store, |unit| unit.count_pseudonyms()).await, 2);
    assert_eq!(read(&store, move |unit| unit.pseudonym(&digest(1))).await, Some(period(7)));
    assert_eq!(read(&store, move |unit| unit.pseudonym(&digest(3))).await, None);
    assert_eq!(write(&store, |unit| unit.forget_pseudonyms_before(period(7))).await, 0);
    assert_eq!(write(&store, |unit| unit.forget_pseudonyms_before(period(8))).await, 1);
    assert_eq!(read(&store, move |unit| unit.pseudonym(&digest(1))).await, None);
    assert_eq!(read(&store, move |unit| unit.pseudonym(&digest(2))).await, Some(period(8)));
}

/// A charge of the settlement, of a card when it is in a batch and else of a pseudonym.
fn charge(settlement: SettlementId, seconds: u64, batch: Option<ChargeBatchId>) -> NewCharge {
    let tag = ClearingTag::parse(&[seconds as u8; ClearingTag::SIZE]).expect("every 44 bytes may be a tag");
    NewCharge {
        settlement,
        kind: EntryKind::Purchase,
        currency: CURRENCY,
        payer: if batch.is_some() { Payer::Named(tag) } else { Payer::Pseudonym(subject(seconds as u8)) },
        moves: format!("[{seconds}]"),
        settled: time(seconds),
        batch,
    }
}

/// Three settlements, at positions 0 to 2 of the first upload.
fn three_settlements(unit: &mut dyn Transaction) -> Result<Vec<SettlementId>, crate::StoreError> {
    let upload = unit.add_upload(&upload(1, "metro", 3))?;
    let settle = |position| {
        let of_card = settlement(upload, 1, u32::from(position));
        unit.add_settlement(&crate::records::NewSettlement { position, ..of_card })
    };
    (0..3).map(settle).collect()
}

pub(super) async fn a_charge_waits_is_batched_once_and_is_kept<D: Store>(store: D) {
    let ids = write(&store, three_settlements).await;
    let of = ids.clone();
    write(&store, move |unit| {
        unit.add_batch(&[1; 16], time(50))?;
        unit.add_charge(&charge(of[0], 40, Some([1; 16])))?;
        for (id, seconds) in of.iter().zip([32, 30, 31]) {
            unit.add_charge(&charge(*id, seconds, None))?;
        }
        Ok(())
    })
    .await;
    let waits = |count, oldest| Waiting { count, oldest: Some(time(oldest)) };
    assert_eq!(read(&store, |unit| unit.waiting_charges()).await, waits(3, 30));
    assert_eq!(read(&store, |unit| unit.oldest_waiting_charges(2)).await, waits(2, 30));
    assert_eq!(read(&store, |unit| unit.oldest_waiting_charges(9)).await, waits(3, 30));
    conflicts(&store, |unit| unit.add_batch(&[1; 16], time(51))).await;
    let first = ids[0];
    conflicts(&store, move |unit| unit.add_charge(&charge(first, 41, Some([9; 16])))).await;
    conflicts(&store, |unit| unit.add_charge(&charge(SettlementId(999), 41, None))).await;

    let form = |unit: &mut dyn Transaction| {
        unit.add_batch(&[2; 16], time(60))?;
        Ok((unit.batch_waiting(&[2; 16], 2)?, unit.waiting_charges()?))
    };
    assert_eq!(write(&store, form).await, (2, waits(1, 32)));
    // The two that had waited longest, as they are, and where their records are.
    let batched = read(&store, |unit| unit.charges_of(&[2; 16])).await;
    let found = batched.iter().map(|charge| (charge.record, charge.charge.clone())).collect::<Vec<_>>();
    let at = |index: usize| RecordPosition::new(crate::records::UploadId(1), index as u16);
    let kept =
        |index: usize, seconds| (at(index), NewCharge { batch: Some([2; 16]), ..charge(ids[index], seconds, None) });
    assert_eq!(found, [kept(1, 30), kept(2, 31)]);
    let named = read(&store, |unit| unit.charges_of(&[1; 16])).await;
    assert_eq!(named.into_iter().map(|charge| charge.charge).collect::<Vec<_>>(), [charge(first, 40, Some([1; 16]))]);
    assert_eq!(read(&store, |unit| unit.charges_of(&[3; 16])).await, []);
}

pub(super) async fn a_batch_is_undelivered_until_that_is_noted<D: Store>(store: D) {
    let ids = write(&store, three_settlements).await;
    write(&store, |unit| (1..=3).try_for_each(|number| unit.add_batch(&[number; 16], time(50 + u64::from(number)))))
        .await;
    assert_eq!(read(&store, |unit| unit.undelivered_batches()).await, Waiting { count: 3, oldest: Some(time(51)) });
    write(&store, |unit| unit.mark_delivered(&[2; 16], time(60))).await;
    write(&store, |unit| unit.mark_delivered(&[2; 16], time(61))).await;
    let next = |after: Option<ChargeBatchId>| {
        let store = store.clone();
        async move { read(&store, move |unit| unit.next_undelivered_batch(after.as_ref())).await }
    };
    assert_eq!(next(None).await, Some([1; 16]));
    assert_eq!(next(Some([1; 16])).await, Some([3; 16]));
    assert_eq!(next(Some([2; 16])).await, Some([3; 16]), "behind one that is delivered");
    assert_eq!(next(Some([3; 16])).await, None);
    // What is posted gets no charge any more.
    conflicts(&store, move |unit| unit.add_charge(&charge(ids[0], 40, Some([2; 16])))).await;
}

pub(super) async fn a_suspension_waits_until_it_is_passed_on<D: Store>(store: D) {
    let suspension = |misuse, number| SuspensionRecord { misuse, credential_digest: credential(number, 1000).digest() };
    let ids = write(&store, move |unit| {
        let proof = |number| NewMisuse {
            kind: MisuseKind::DoubleUse,
            credential: credential(number, 1000),
            offence: [number; 32],
            issuer: None,
            operators: Vec::new(),
            items: Vec::new(),
            found: time(40),
        };
        let ids = [unit.add_misuse(&proof(1))?, unit.add_misuse(&proof(2))?];
        unit.add_suspension(&suspension(ids[0], 1))?;
        unit.add_suspension(&suspension(ids[1], 2))?;
        Ok(ids)
    })
    .await;
    conflicts(&store, move |unit| unit.add_suspension(&suspension(ids[0], 1))).await;
    let both = read(&store, |unit| unit.waiting_suspensions(9)).await;
    assert_eq!(both, [suspension(ids[0], 1), suspension(ids[1], 2)]);
    assert_eq!(read(&store, |unit| unit.waiting_suspensions(1)).await, both[..1]);
    write(&store, move |unit| unit.mark_passed_on(ids[0], time(50))).await;
    write(&store, move |unit| unit.mark_passed_on(ids[0], time(51))).await;
    assert_eq!(read(&store, |unit| unit.waiting_suspensions(9)).await, both[1..]);
    assert_eq!(read(&store, |unit| unit.count_waiting_suspensions()).await, 1);
}
