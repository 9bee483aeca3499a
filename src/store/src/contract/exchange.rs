//! Uploads, settlements, journeys and misuse.

use symbolon_tap::Kind;

use super::{
    conflicts, read,
    samples::{credential, name, settlement, time, upload},
    write,
};
use crate::{
    Page, Store, StoreError, Transaction,
    records::{
        AgreementKey, JourneyRecord, JourneyRole, MisuseKind, MisuseRecord, NewMisuse, NewSettlement, SettlementId,
        SettlementOutcome, SettlementRecord, UploadRecord,
    },
    verbs::Concerning,
};

const ALL: Page = Page { after: 0, limit: 100 };

/// Lists what is durable.
async fn list<D: Store>(store: &D) {
    if read(store, |unit| unit.has_unlisted_uploads()).await {
        store.write_for::<_, StoreError, _>(Vec::new(), |unit| unit.list_uploads()).await.expect("it is listed");
    }
}

pub(super) async fn an_upload_is_kept_and_answered_once<D: Store>(store: D) {
    let id = write(&store, |unit| {
        let id = unit.add_upload(&upload(1, "metro", 2))?;
        unit.answer_upload(id, b"answer")?;
        Ok(id)
    })
    .await;
    conflicts(&store, |unit| unit.add_upload(&upload(1, "metro", 2))).await;
    conflicts(&store, move |unit| unit.answer_upload(id, b"another")).await;
    let kept = UploadRecord { id, upload: upload(1, "metro", 2), answer: b"answer".to_vec() };
    assert_eq!(read(&store, |unit| unit.upload(&[1; 32])).await, Some(kept));
    assert_eq!(read(&store, |unit| unit.upload(&[2; 32])).await, None);
    write(&store, |unit| {
        for (number, operator) in [(2, "water"), (3, "metro")] {
            let id = unit.add_upload(&upload(number, operator, 1))?;
            unit.answer_upload(id, b"answer")?;
        }
        Ok(())
    })
    .await;
    list(&store).await;
    assert!(!read(&store, |unit| unit.has_unlisted_uploads()).await);
    let of_metro = read(&store, |unit| unit.uploads(Some(&name("metro")), ALL)).await;
    assert_eq!(of_metro.iter().map(|upload| upload.record.upload.digest[0]).collect::<Vec<_>>(), [1, 3]);
    let rest = Page { after: of_metro[0].position, limit: 100 };
    assert_eq!(read(&store, move |unit| unit.uploads(Some(&name("metro")), rest)).await, of_metro[1..]);
    assert_eq!(read(&store, |unit| unit.uploads(None, ALL)).await.len(), 3);
}

/// Uploads of many, side by side, and somebody who reads on behind the last one that he saw.
pub(super) async fn no_upload_appears_behind_one_that_was_listed<D: Store>(store: D) {
    const UPLOADERS: u8 = 8;
    const EACH: u8 = 8;
    let uploading = (0..UPLOADERS).map(|uploader| {
        let store = store.clone();
        tokio::spawn(async move {
            for round in 0..EACH {
                let (holder, number) = (credential(uploader, 1000).digest(), uploader * EACH + round);
                let keep = move |unit: &mut dyn Transaction| {
                    let id = unit.add_upload(&upload(number, "metro", 1))?;
                    unit.add_settlement(&settlement(id, uploader, round.into()))?;
                    unit.answer_upload(id, b"answer")
                };
                store.write_for::<_, StoreError, _>(vec![holder], keep).await.expect("it is kept");
            }
        })
    });
    let uploading = uploading.collect::<Vec<_>>();
    let (mut seen, mut after) = (Vec::new(), 0);
    while seen.len() < usize::from(UPLOADERS * EACH) {
        let are_done = uploading.iter().all(tokio::task::JoinHandle::is_finished);
        list(&store).await;
        let found = read(&store, move |unit| unit.uploads(None, Page { after, limit: 1000 })).await;
        assert!(!are_done || !found.is_empty(), "{} were seen, and no more are listed", seen.len());
        after = found.last().map_or(after, |last| last.position);
        seen.extend(found.iter().map(|listed| listed.record.upload.digest[0]));
        tokio::task::yield_now().await;
    }
    for uploader in uploading {
        uploader.await.expect("nobody panics");
    }
    seen.sort_unstable();
    assert!(seen.into_iter().eq(0..UPLOADERS * EACH), "one was listed twice");
}

pub(super) async fn a_counter_settles_once<D: Store>(store: D) {
    let (id, upload) = write(&store, |unit| {
        let upload = unit.add_upload(&upload(1, "metro", 2))?;
        Ok((unit.add_settlement(&settlement(upload, 1, 5))?, upload))
    })
    .await;
    conflicts(&store, move |unit| {
        unit.add_settlement(&NewSettlement { agreement: [9; 32], ..settlement(upload, 1, 5) })
    })
    .await;
    write(&store, move |unit| unit.add_settlement(&NewSettlement { position: 1, ..settlement(upload, 2, 5) })).await;
    let digest = credential(1, 1000).digest();
    let expected = SettlementRecord { id, settlement: settlement(upload, 1, 5) };
    assert_eq!(read(&store, move |unit| unit.settlement(&digest, 5)).await, Some(expected.clone()));
    assert_eq!(read(&store, move |unit| unit.settlement(&digest, 6)).await, None);
    assert_eq!(read(&store, move |unit| unit.settlement_by_id(id)).await, Some(expected));
    let item = read(&store, move |unit| unit.settlement_item(id)).await.expect("it was settled");
    assert_eq!((item.counter, item.amount, item.operator), (5, 100, name("metro")));
    assert_eq!(item.record.as_bytes(), &[0; 209]);
}

pub(super) async fn an_agreement_settles_once_under_all_counters<D: Store>(store: D) {
    let (id, upload) = write(&store, |unit| {
        let upload = unit.add_upload(&upload(1, "metro", 2))?;
        Ok((unit.add_settlement(&settlement(upload, 1, 5))?, upload))
    })
    .await;
    let again = move || NewSettlement { agreement: [5; 32], position: 1, ..settlement(upload, 1, 6) };
    conflicts(&store, move |unit| unit.add_settlement(&again())).await;
    write(&store, move |unit| {
        let outcome = SettlementOutcome::AnsweredTwice;
        unit.add_settlement(&NewSettlement { outcome, repeats: Some(id), ..again() })
    })
    .await;
    let digest = credential(1, 1000).digest();
    let key = settlement(upload, 1, 5).agreement_key();
    let settled = read(&store, move |unit| unit.settled_agreement(&key)).await;
    assert_eq!(settled.map(|settled| settled.id), Some(id));
    let unknown = AgreementKey { agreement: [6; 32], ..key };
    assert_eq!(read(&store, move |unit| unit.settled_agreement(&unknown)).await, None);
    let item = read(&store, move |unit| unit.settlement(&digest, 6)).await.expect("it was kept");
    let item = read(&store, move |unit| unit.settlement_item(item.id)).await.expect("it was kept");
    assert_eq!(item.record.as_bytes(), &[1; 209], "the record at position 1");
}

pub(super) async fn what_was_spent_is_what_settled_and_spends<D: Store>(store: D) {
    write(&store, |unit| {
        let upload = unit.add_upload(&upload(1, "metro", 5))?;
        let one = |counter: u32, kind, amount, outcome| NewSettlement {
            position: counter as u16,
            kind,
            amount,
            outcome,
            ..settlement(upload, 1, counter)
        };
        unit.add_settlement(&one(1, Kind::Purchase, 100, SettlementOutcome::Settled))?;
        unit.add_settlement(&one(2, Kind::Entry, 300, SettlementOutcome::Settled))?;
        unit.add_settlement(&one(3, Kind::Exit, 0, SettlementOutcome::Settled))?;
        let misuse = unit.add_misuse(&misuse(1))?;
        let bad = one(4, Kind::Purchase, 900, SettlementOutcome::Misuse);
        unit.add_settlement(&NewSettlement { misuse: Some(misuse), ..bad })?;
        unit.add_settlement(&settlement(upload, 2, 1))
    })
    .await;
    let digest = credential(1, 1000).digest();
    assert_eq!(read(&store, move |unit| unit.spent(&digest)).await, 400);
    // Counters come in any order: what was spent is the same from whichever end it is counted.
    for (number, counter) in [(2, 9_u32), (3, 7), (4, 8), (5, 0), (6, 10)] {
        write(&store, move |unit| {
            let upload = unit.add_upload(&upload(number, "metro", 1))?;
            let agreement = [number + 100; 32];
            unit.add_settlement(&NewSettlement { amount: 1, agreement, ..settlement(upload, 1, counter) })
        })
        .await;
        let spent = read(&store, move |unit| unit.spent(&digest)).await;
        assert_eq!(spent, 400 + u64::from(number) - 1, "after counter {counter}");
    }
    assert_eq!(read(&store, |unit| unit.spent(&credential(3, 1000).digest())).await, 0);
    let items = read(&store, move |unit| unit.spent_items(&digest)).await;
    let (dear, cheap) = items.split_at(2);
    assert_eq!(dear.iter().map(|item| (item.counter, item.amount)).collect::<Vec<_>>(), [(2, 300), (1, 100)]);
    assert_eq!(cheap.iter().map(|item| item.counter).collect::<Vec<_>>(), [0, 7, 8, 9, 10]);
}

pub(super) async fn journeys_are_kept_in_the_order_of_their_times<D: Store>(store: D) {
    let digest = credential(1, 1000).digest();
    let end = move |settlement, role, seconds, counter| JourneyRecord {
        settlement,
        credential_digest: digest,
        operator: name("metro"),
        role,
        time: time(seconds),
        counter,
        amount: if role == JourneyRole::Entry { 500 } else { 0 },
        reference: [seconds as u8; 16],
        closed: None,
        ended: None,
    };
    let ids = write(&store, move |unit| {
        let upload = unit.add_upload(&upload(1, "metro", 5))?;
        let mut ids = Vec::new();
        for (role, seconds, counter) in [
            (JourneyRole::Exit, 20, 4),
            (JourneyRole::Entry, 20, 3),
            (JourneyRole::Entry, 10, 2),
            (JourneyRole::Exit, 5, 1),
            (JourneyRole::Entry, 20, 5),
        ] {
            let position = counter as u16;
            let id = unit.add_settlement(&NewSettlement { position, ..settlement(upload, 1, counter) })?;
            unit.add_journey(&end(id, role, seconds, counter))?;
            ids.push(id);
        }
        Ok(ids)
    })
    .await;
    let (exit, entry) = (ids[0], ids[1]);
    let ends = read(&store, move |unit| unit.journeys_around(&digest, &name("metro"), time(1))).await;
    // Within a second, in the order in which the holder signed.
    let order = ends.iter().map(|end| (end.time.seconds(), end.counter)).collect::<Vec<_>>();
    assert_eq!(order, [(5, 1), (10, 2), (20, 3), (20, 4), (20, 5)]);
    assert_eq!(ends[2], end(entry, JourneyRole::Entry, 20, 3));
    assert_eq!(read(&store, move |unit| unit.journeys_around(&digest, &name("water"), time(1))).await, []);

    assert_eq!(read(&store, move |unit| unit.fare_of_exit(exit)).await, None);
    write(&store, move |unit| unit.close_journey(entry, Some((exit, 120)))).await;
    assert_eq!(read(&store, move |unit| unit.fare_of_exit(exit)).await, Some(120));
    let ends = read(&store, move |unit| unit.journeys_around(&digest, &name("metro"), time(1))).await;
    assert_eq!(ends[2].closed, Some((exit, 120)));
    // Around a time: from where the earliest journey began that goes on then.
    for (seconds, first) in [(1, 1), (5, 1), (9, 2), (10, 2), (20, 2), (21, 2)] {
        let ends = read(&store, move |unit| unit.journeys_around(&digest, &name("metro"), time(seconds))).await;
        assert_eq!(ends.first().map(|end| end.counter), Some(first), "{seconds}");
    }
    let other_entry = ids[2];
    conflicts(&store, move |unit| unit.close_journey(other_entry, Some((exit, 120)))).await;
    conflicts(&store, move |unit| unit.close_journey(exit, None)).await;
    conflicts(&store, move |unit| unit.close_journey(entry, Some((exit, 501)))).await;
    write(&store, move |unit| unit.close_journey(entry, None)).await;
    assert_eq!(read(&store, move |unit| unit.fare_of_exit(exit)).await, None);
    conflicts(&store, move |unit| unit.add_journey(&end(SettlementId(999), JourneyRole::Entry, 1, 9))).await;
}

fn misuse(number: u8) -> NewMisuse {
    NewMisuse {
        kind: MisuseKind::DoubleUse,
        credential: credential(number, 1000),
        offence: [number; 32],
        issuer: Some(name("issuer")),
        operators: vec![name("metro"), name("water")],
        items: vec![number; 2 * 241],
        found: time(40),
    }
}

pub(super) async fn misuse_is_told_to_whom_it_concerns<D: Store>(store: D) {
    let first = write(&store, |unit| unit.add_misuse(&misuse(1))).await;
    let second = write(&store, |unit| {
        let issuer = Some(name("another"));
        unit.add_misuse(&NewMisuse { issuer, operators: vec![name("water")], kind: MisuseKind::Overspend, ..misuse(2) })
    })
    .await;
    conflicts(&store, |unit| unit.add_misuse(&misuse(1))).await;
    let kept = MisuseRecord { id: first, misuse: misuse(1) };
    assert_eq!(read(&store, move |unit| unit.misuse(first)).await, Some(kept.clone()));
    assert_eq!(read(&store, |unit| unit.misuse_of(&credential(1, 1000), &[1; 32])).await, Some(kept));
    assert_eq!(read(&store, |unit| unit.misuse_of(&credential(1, 1000), &[2; 32])).await, None);
    let ids = |records: Vec<MisuseRecord>| records.into_iter().map(|record| record.id).collect::<Vec<_>>();
    let of_issuer = read(&store, |unit| unit.misuses(Concerning::Issuer(&name("issuer")), ALL)).await;
    assert_eq!(ids(of_issuer), [first]);
    let of_metro = read(&store, |unit| unit.misuses(Concerning::Operator(&name("metro")), ALL)).await;
    assert_eq!(ids(of_metro), [first]);
    let of_water = read(&store, |unit| unit.misuses(Concerning::Operator(&name("water")), ALL)).await;
    assert_eq!(ids(of_water), [first, second]);
    assert_eq!(ids(read(&store, |unit| unit.misuses(Concerning::All, ALL)).await), [first, second]);
    let rest = Page { after: first.0, limit: 100 };
    assert_eq!(ids(read(&store, move |unit| unit.misuses(Concerning::All, rest)).await), [second]);
}
