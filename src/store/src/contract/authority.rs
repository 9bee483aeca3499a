//! Institutions, revocations, bundles and requests.

use super::{
    conflicts, read,
    samples::{issued, name, subject, time},
    write,
};
use crate::{
    Store, StoreError,
    records::{BundlePartRecord, BundleRecord, RequestKey, RequestRecord},
};

pub(super) async fn sixty_three_institutions_are_counted_and_no_more<D: Store>(store: D) {
    for number in 1..=63_u8 {
        let ordinal = write(&store, move |unit| unit.count_institution(&name(&format!("i{number}")), time(9))).await;
        assert_eq!(ordinal, number);
    }
    let full = store.write(|unit| unit.count_institution(&name("i64"), time(9))).await;
    assert!(matches!(full, Err(StoreError::Full(_))), "{full:?}");
    let second = read(&store, |unit| unit.institution(&name("i2"))).await.expect("it was counted");
    assert_eq!((second.ordinal, second.name, second.derived), (2, name("i2"), time(9)));
    assert_eq!(read(&store, |unit| unit.institution(&name("i64"))).await, None);
    let all = read(&store, |unit| unit.institutions()).await;
    assert!(all.iter().map(|institution| institution.ordinal).eq(1..=63));
}

pub(super) async fn revocations_are_told_while_a_credential_lives<D: Store>(store: D) {
    write(&store, |unit| {
        unit.add_issued(&issued(2, 1000))?;
        unit.add_issued(&issued(1, 500))?;
        unit.add_issued(&issued(1, 2000))?;
        for number in [2, 1, 3] {
            unit.revoke(&subject(number), time(100))?;
        }
        Ok(())
    })
    .await;
    let told = |now| move |unit: &dyn crate::Transaction| unit.revoked_subjects(time(now));
    assert_eq!(read(&store, told(100)).await, [subject(1), subject(2)]);
    assert_eq!(read(&store, told(1000)).await, [subject(1)]);
    let revision = read(&store, |unit| unit.revocation_revision()).await;
    write(&store, |unit| unit.revoke(&subject(1), time(200))).await;
    assert_eq!(read(&store, |unit| unit.revoked_since(&subject(1))).await, Some(time(100)));
    assert_eq!(read(&store, |unit| unit.revocation_revision()).await, revision, "nothing changed");
    write(&store, |unit| unit.lift_revocation(&subject(1))).await;
    assert_eq!(read(&store, |unit| unit.revoked_since(&subject(1))).await, None);
    assert_eq!(read(&store, told(100)).await, [subject(2)]);
    let after = read(&store, |unit| unit.revocation_revision()).await;
    assert!(after > revision);
    write(&store, |unit| unit.lift_revocation(&subject(1))).await;
    assert_eq!(read(&store, |unit| unit.revocation_revision()).await, after, "nothing changed");
}

pub(super) async fn the_sequence_of_bundles_rises<D: Store>(store: D) {
    let bundle = |sequence| BundleRecord {
        sequence,
        revision: 5,
        issued: time(10),
        valid_until: time(20),
        bytes: vec![sequence as u8; 3],
    };
    assert_eq!(read(&store, |unit| unit.newest_bundle()).await, None);
    for sequence in [1, 2, 7] {
        write(&store, move |unit| unit.add_bundle(&bundle(sequence))).await;
        assert_eq!(read(&store, |unit| unit.newest_bundle()).await, Some(bundle(sequence)));
        assert_eq!(read(&store, move |unit| unit.bundle(sequence)).await, Some(bundle(sequence)));
    }
    assert_eq!(read(&store, |unit| unit.bundle(u64::MAX)).await, None);
    for sequence in [0, 2, 7] {
        conflicts(&store, move |unit| unit.add_bundle(&bundle(sequence))).await;
    }
}

pub(super) async fn the_parts_of_a_bundle_never_change<D: Store>(store: D) {
    let part = |sequence: u64, part: u16| BundlePartRecord {
        sequence,
        part,
        parts: 3,
        valid_until: time(20),
        bytes: vec![sequence as u8, part as u8],
    };
    let add = move |sequence: u64, count: u16| {
        let parts = (0..count).map(|number| part(sequence, number).bytes).collect::<Vec<_>>();
        move |unit: &mut dyn crate::Transaction| unit.add_bundle_parts(sequence, time(20), &parts)
    };
    let find = |sequence, number| move |unit: &dyn crate::Transaction| unit.bundle_part(sequence, number);
    assert_eq!(read(&store, find(1, 0)).await, None);
    for sequence in [1, 2, 4, 7] {
        write(&store, add(sequence, 3)).await;
    }
    conflicts(&store, add(4, 1)).await;
    assert_eq!(read(&store, find(1, 2)).await, Some(part(1, 2)));
    assert_eq!(read(&store, find(4, 1)).await, Some(part(4, 1)));
    assert_eq!(read(&store, find(4, 9)).await, Some(part(4, 2)), "the last one says how many there are");
    for none in [3, u64::MAX] {
        assert_eq!(read(&store, find(none, 0)).await, None);
    }
    write(&store, add(8, 1)).await;
    assert_eq!(read(&store, find(1, 0)).await, None, "four bundles' parts are kept");
    assert_eq!(read(&store, find(2, 0)).await, Some(part(2, 0)));
}

pub(super) async fn a_request_is_answered_once<D: Store>(store: D) {
    let request = |principal: &str, method, id| RequestRecord {
        key: RequestKey { principal: principal.to_owned(), method, id: [id; 16] },
        digest: [1; 32],
        answer: vec![id, 1, 2],
        time: time(u64::from(id)),
    };
    let keep = |request: RequestRecord| {
        let store = &store;
        async move { write(store, move |unit| unit.add_answered_request(&request)).await }
    };
    keep(request("issuer a", "create", 1)).await;
    // Another caller, another method or another identifier is another request.
    keep(request("issuer b", "create", 1)).await;
    keep(request("issuer a", "revoke", 1)).await;
    keep(request("issuer a", "create", 2)).await;
    conflicts(&store, move |unit| unit.add_answered_request(&request("issuer a", "create", 1))).await;
    let find =
        move |id| move |unit: &dyn crate::Transaction| unit.answered_request(&request("issuer a", "create", id).key);
    assert_eq!(read(&store, find(1)).await, Some(request("issuer a", "create", 1)));
    assert_eq!(read(&store, find(3)).await, None);
    assert_eq!(write(&store, |unit| unit.forget_requests_before(time(2))).await, 3);
    assert_eq!(read(&store, find(1)).await, None);
    assert!(read(&store, find(2)).await.is_some());
}
