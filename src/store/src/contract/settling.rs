//! Settling whole uploads: what the bulk verbs do is what the single ones would, one after another.

use symbolon_ccks::{CredentialDigest, Period};
use symbolon_tap::Kind;

use super::{
    conflicts, read,
    samples::{CURRENCY, credential, settlement, subject, time, upload},
    write,
};
use crate::{
    Store, StoreError, Transaction,
    records::{
        AgreementKey, EntryKind, NewCharge, NewSettlement, Payer, SettlementId, SettlementOutcome, UploadId, Waiting,
    },
};

fn digest(number: u8) -> CredentialDigest {
    credential(number, 1000).digest()
}

/// Of two cards: settled, settled, the first again under another counter, and one that does not spend.
fn several(upload: UploadId) -> [NewSettlement; 4] {
    let at = |position, number, counter| NewSettlement { position, ..settlement(upload, number, counter) };
    let first = at(0, 1, 5);
    let again = NewSettlement {
        agreement: first.agreement,
        outcome: SettlementOutcome::AnsweredTwice,
        repeats: Some(first.id()),
        ..at(2, 1, 6)
    };
    [first, at(1, 2, 5), again, NewSettlement { kind: Kind::Exit, amount: 0, ..at(3, 1, 7) }]
}

fn keep(unit: &mut dyn Transaction) -> Result<UploadId, StoreError> {
    let upload = unit.add_upload(&upload(1, "metro", 4))?;
    unit.add_settlements(&several(upload))?;
    Ok(upload)
}

pub(super) async fn settlements_are_kept_and_found_together<D: Store>(store: D) {
    let upload = write(&store, keep).await;
    let kept = several(upload);
    let identities = kept.clone().map(|kept| (kept.credential_digest, kept.counter));
    let found = read(&store, move |unit| unit.settlements_of(&identities)).await;
    for (found, kept) in found.into_iter().zip(&kept) {
        let found = found.expect("it was kept");
        assert_eq!((found.id, &found.settlement), (kept.id(), kept));
    }
    // In the order of the questions, of which some have no answer and one is asked twice.
    let asked = [(digest(3), 5), (digest(1), 7), (digest(2), 5), (digest(1), 8), (digest(1), 7)];
    let found = read(&store, move |unit| unit.settlements_of(&asked)).await;
    let ids = found.into_iter().map(|found| found.map(|found| found.id)).collect::<Vec<_>>();
    assert_eq!(ids, [None, Some(kept[3].id()), Some(kept[1].id()), None, Some(kept[3].id())]);
    assert_eq!(read(&store, |unit| unit.settlements_of(&[])).await, []);

    let asked = [digest(2), digest(3), digest(1)];
    assert_eq!(read(&store, move |unit| unit.spent_by(&asked)).await, [100, 0, 100]);
    let key = kept[0].agreement_key();
    let asked = [
        kept[1].agreement_key(),
        AgreementKey { credential_digest: digest(2), time: time(26), ..key },
        AgreementKey { agreement: [9; 32], ..key },
        key,
    ];
    let found = read(&store, move |unit| unit.settled_agreements(&asked)).await;
    let ids = found.into_iter().map(|found| found.map(|found| found.id)).collect::<Vec<_>>();
    assert_eq!(ids, [Some(kept[1].id()), None, None, Some(kept[0].id())]);
}

pub(super) async fn settlements_that_contradict_are_refused_together<D: Store>(store: D) {
    let first = write(&store, keep).await;
    let bad = |change: fn(&mut [NewSettlement; 4])| {
        move |unit: &mut dyn Transaction| {
            let upload = unit.add_upload(&upload(2, "metro", 4))?;
            // Others than those that are kept.
            let mut settlements = several(upload).map(|settlement| NewSettlement {
                counter: settlement.counter + 100,
                agreement: [settlement.agreement[0] + 100; 32],
                ..settlement
            });
            change(&mut settlements);
            unit.add_settlements(&settlements)
        }
    };
    // A counter twice within; one that is kept; an agreement twice within; one that is kept; an unknown upload.
    conflicts(&store, bad(|all| all[3].counter = all[0].counter)).await;
    conflicts(&store, bad(|all| all[1].counter = 5)).await;
    conflicts(&store, bad(|all| all[2].outcome = SettlementOutcome::Settled)).await;
    conflicts(&store, bad(|all| all[0].agreement = [5; 32])).await;
    conflicts(&store, bad(|all| all[3].upload = UploadId(999))).await;
    // Nothing of them is left, and without the contradiction they are kept.
    let asked = [digest(1), digest(2)];
    assert_eq!(read(&store, move |unit| unit.spent_by(&asked)).await, [100, 100]);
    write(&store, bad(|_| ())).await;
    assert_eq!(read(&store, move |unit| unit.spent_by(&asked)).await, [200, 200]);
    let id = several(first)[0].id();
    assert!(read(&store, move |unit| unit.settlement_by_id(id)).await.is_some());
}

pub(super) async fn pseudonyms_and_charges_go_together_too<D: Store>(store: D) {
    let period = |number| Period::new(number).expect("a small period");
    let charge = |settlement, batch| NewCharge {
        settlement,
        kind: EntryKind::Purchase,
        currency: CURRENCY,
        payer: Payer::Pseudonym(subject(1)),
        moves: "[]".to_owned(),
        settled: time(40),
        batch,
    };
    let ids = write(&store, move |unit| {
        unit.register_pseudonym(&digest(1), period(7))?;
        unit.register_pseudonym(&digest(3), period(8))?;
        unit.add_batch(&[1; 16], time(40))?;
        let upload = keep(unit)?;
        Ok(several(upload).map(|settlement| settlement.id()))
    })
    .await;
    let asked = [digest(3), digest(2), digest(1)];
    let periods = read(&store, move |unit| unit.pseudonym_periods(&asked)).await;
    assert_eq!(periods, [Some(period(8)), None, Some(period(7))]);

    let all = move || [charge(ids[0], None), charge(ids[1], Some([1; 16])), charge(ids[2], Some([1; 16]))];
    write(&store, move |unit| unit.add_charges(&all())).await;
    assert_eq!(read(&store, |unit| unit.waiting_charges()).await, Waiting { count: 1, oldest: Some(time(40)) });
    let batched = read(&store, |unit| unit.charges_of(&[1; 16])).await;
    assert_eq!(batched.into_iter().map(|charge| charge.charge).collect::<Vec<_>>(), all()[1..]);
    conflicts(&store, move |unit| unit.add_charges(&[charge(ids[0], None), charge(ids[1], Some([9; 16]))])).await;
    conflicts(&store, move |unit| unit.add_charges(&[charge(SettlementId(999), None)])).await;
    assert_eq!(read(&store, |unit| unit.waiting_charges()).await.count, 1);
}
