//! The archive of pseudonyms.

use symbolon_ccks::{Class, Credential, Identity, IdentityFields, Period, Sectors, Subject, SuiteId};
use symbolon_pseudonym::{ClearingTag, Commitment, SealedAnswer};

use super::{
    conflicts, read,
    samples::{CURRENCY, point, subject, time},
    write,
};
use crate::{
    Page, Store,
    records::{ArchivedPseudonymRecord, PseudonymState},
};

fn period(number: u32) -> Period {
    Period::new(number).expect("samples have small periods")
}

fn identity(number: u8) -> Identity {
    Identity::new(IdentityFields {
        suite: SuiteId::P256Sha256,
        class: Class::Pseudonym,
        sectors: Sectors::ALL,
        authority_prefix: [9; 8],
        subject: subject(number),
        not_before: time(10),
        not_after: time(20),
        spend_limit: 500,
        budget: 500,
        currency: CURRENCY,
        tariff: 0,
    })
    .expect("a sample identity is well formed")
}

/// A waiting pseudonym of period `day`.
fn pseudonym(number: u8, day: u32) -> ArchivedPseudonymRecord {
    ArchivedPseudonymRecord {
        credential: Credential::new(identity(number), point(number)),
        commitment: Commitment::from_bytes([number; 32]),
        period: period(day),
        point: point(number),
        salt: [number; 32],
        contribution: [number; 32],
        state: PseudonymState::Waiting,
        tag: Some(ClearingTag::parse(&[number; 44]).expect("44 bytes are a tag")),
        answer: Some(SealedAnswer::parse(&[number; 137]).expect("137 bytes are an answer")),
    }
}

async fn archived<D: Store>(store: &D, number: u8) -> ArchivedPseudonymRecord {
    read(store, move |unit| unit.archived_pseudonym(&subject(number))).await.expect("it was archived")
}

pub(super) async fn subject_commitment_and_point_are_taken_once<D: Store>(store: D) {
    write(&store, |unit| unit.archive_pseudonym(&pseudonym(1, 5))).await;
    let of = |credential: u8, commitment: u8, other: u8| ArchivedPseudonymRecord {
        commitment: Commitment::from_bytes([commitment; 32]),
        point: point(other),
        ..pseudonym(credential, 5)
    };
    conflicts(&store, move |unit| unit.archive_pseudonym(&of(1, 2, 2))).await;
    conflicts(&store, move |unit| unit.archive_pseudonym(&of(2, 1, 2))).await;
    conflicts(&store, move |unit| unit.archive_pseudonym(&of(2, 2, 1))).await;
    write(&store, move |unit| unit.archive_pseudonym(&of(2, 2, 2))).await;
    let found = |number: u8| read(&store, move |unit| unit.archived_for(&Commitment::from_bytes([number; 32])));
    assert_eq!(found(1).await, Some(pseudonym(1, 5)));
    assert_eq!(found(3).await, None);
    let points = read(&store, |unit| Ok((unit.point_archived(&point(2))?, unit.point_archived(&point(3))?))).await;
    assert_eq!(points, (true, false));
    assert_eq!(read(&store, |unit| unit.archived_pseudonym(&subject(3))).await, None);
}

pub(super) async fn a_pseudonym_comes_to_its_end_and_stays_there<D: Store>(store: D) {
    write(&store, |unit| [1, 2, 3].iter().try_for_each(|number| unit.archive_pseudonym(&pseudonym(*number, 5)))).await;
    assert_eq!(read(&store, |unit| unit.count_pseudonyms_under_way()).await, (3, 0));
    write(&store, |unit| unit.release_pseudonym(&subject(3))).await;
    assert_eq!(archived(&store, 3).await, pseudonym(3, 5), "one that waits is not released");
    write(&store, |unit| {
        unit.settle_tag(&subject(1), true)?;
        unit.settle_tag(&subject(2), false)
    })
    .await;
    assert_eq!(read(&store, |unit| unit.count_pseudonyms_under_way()).await, (1, 1));
    let bound = ArchivedPseudonymRecord { state: PseudonymState::Bound, tag: None, ..pseudonym(1, 5) };
    let refused =
        ArchivedPseudonymRecord { state: PseudonymState::Refused, tag: None, answer: None, ..pseudonym(2, 5) };
    let under_way = |state, limit| read(&store, move |unit| unit.pseudonyms_under_way(state, limit));
    assert_eq!(under_way(PseudonymState::Waiting, 9).await, [pseudonym(3, 5)]);
    assert_eq!(under_way(PseudonymState::Bound, 9).await, std::slice::from_ref(&bound));
    assert_eq!(under_way(PseudonymState::Refused, 9).await, []);
    assert_eq!(under_way(PseudonymState::Waiting, 0).await, []);
    assert_eq!(archived(&store, 2).await, refused);
    write(&store, |unit| {
        [1, 2].iter().try_for_each(|number| unit.release_pseudonym(&subject(*number)))?;
        // Later news of the same tags changes nothing.
        [1, 2].iter().try_for_each(|number| unit.settle_tag(&subject(*number), *number == 2))
    })
    .await;
    assert_eq!(archived(&store, 1).await, ArchivedPseudonymRecord { state: PseudonymState::Released, ..bound });
    assert_eq!(archived(&store, 2).await, refused);
}

pub(super) async fn what_a_period_needed_goes_with_it<D: Store>(store: D) {
    write(&store, |unit| unit.use_linkage_value(period(5), &[1; 32])).await;
    conflicts(&store, |unit| unit.use_linkage_value(period(5), &[1; 32])).await;
    write(&store, |unit| unit.use_linkage_value(period(6), &[1; 32])).await;
    let used = |day, hash| read(&store, move |unit| unit.linkage_value_used(period(day), &[hash; 32]));
    assert_eq!([used(5, 1).await, used(6, 1).await, used(5, 2).await], [true, true, false]);
    assert_eq!(write(&store, |unit| unit.forget_linkage_values_before(period(6))).await, 1);
    assert_eq!([used(5, 1).await, used(6, 1).await], [false, true]);

    write(&store, |unit| {
        [pseudonym(1, 5), pseudonym(2, 5), pseudonym(3, 6)].iter().try_for_each(|one| unit.archive_pseudonym(one))?;
        unit.settle_tag(&subject(1), true)
    })
    .await;
    assert_eq!(write(&store, |unit| unit.forget_answers_before(period(6))).await, 2);
    assert_eq!(write(&store, |unit| unit.forget_answers_before(period(6))).await, 0);
    let (bound, waiting) = (archived(&store, 1).await, archived(&store, 2).await);
    assert_eq!((bound.state, bound.answer), (PseudonymState::Bound, None));
    assert_eq!((waiting.state, waiting.tag, waiting.answer), (PseudonymState::Refused, None, None));
    assert_eq!(archived(&store, 3).await, pseudonym(3, 6));
}

pub(super) async fn openings_stay_on_record<D: Store>(store: D) {
    write(&store, |unit| {
        unit.note_archive_opening("2027-1", &subject(1), time(7))?;
        unit.note_archive_opening("2027-1", &Subject::from_bytes([2; 16]), time(8))
    })
    .await;
    let all = read(&store, |unit| unit.archive_openings(Page { after: 0, limit: 9 })).await;
    let told = all.iter().map(|listed| (listed.record.case.as_str(), listed.record.subject, listed.record.time));
    assert_eq!(told.collect::<Vec<_>>(), [("2027-1", subject(1), time(7)), ("2027-1", subject(2), time(8))]);
    let after = all.first().expect("there are two").position;
    let rest = read(&store, move |unit| unit.archive_openings(Page { after, limit: 9 })).await;
    assert_eq!(rest.len(), 1);
}
