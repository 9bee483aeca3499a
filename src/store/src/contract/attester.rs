//! Pseudonyms as the attester sees them.

use symbolon_ccks::{LinkageSeed, Period};
use symbolon_pseudonym::{
    ClearingTag, Commitment, ItemChallenge, LinkageHandle, ProfileId, SealedAnswer, SealedItem, SealedValue,
};

use super::{
    conflicts, read,
    samples::{credential, signature, subject, time},
    write,
};
use crate::{
    Page, Store, StoreError,
    records::{
        ChallengeRecord, ItemEnd, LinkageHandleRecord, PseudonymQuota, PseudonymRequestRecord, PseudonymRequestState,
        PublishedSeedsRecord, TraceApprovalRecord, TraceAuditRecord, WaitingItemRecord, WaitingItems,
    },
};

fn period(number: u32) -> Period {
    Period::new(number).expect("samples have small periods")
}

fn challenge(number: u8, card: u8) -> ChallengeRecord {
    let (challenge, asked_by) = ([number; 32], [number; 16]);
    ChallengeRecord { challenge, card: subject(card), asked_by, expires: time(100), used_by: None }
}

fn handle(number: u8) -> LinkageHandle {
    LinkageHandle::from_bytes([number; 16])
}

fn commitment(number: u8) -> Commitment {
    Commitment::from_bytes([number; 32])
}

fn answer(number: u8) -> SealedAnswer {
    SealedAnswer::parse(&[number; SealedAnswer::SIZE]).expect("a sample answer has its length")
}

/// A request of a card that was just taken.
fn request(card: u8, id: u8) -> PseudonymRequestRecord {
    PseudonymRequestRecord {
        card: subject(card),
        id: [id; 16],
        credential: credential(card, 1000),
        signed: time(20),
        body: vec![id; 50],
        signature: signature(id),
        period: period(7),
        count: 2,
        profile: ProfileId(3),
        reservation: [id; 16],
        budget: 2_000,
        line: 50,
        state: PseudonymRequestState::Taken,
        first: None,
        received: time(21),
    }
}

fn waiting(number: u8, since: u64) -> WaitingItemRecord {
    let value = |byte| SealedValue::parse(&[byte; SealedValue::SIZE]).expect("a sample value has its length");
    WaitingItemRecord {
        commitment: commitment(number),
        challenge: ItemChallenge::from_bytes([number; 32]),
        period: period(7),
        profile: ProfileId(3),
        sealed: SealedItem::parse(&[number; SealedItem::SIZE]).expect("a sample item has its length"),
        values: [value(number), value(number + 100)],
        tag: ClearingTag::parse(&[number; ClearingTag::SIZE]).expect("a sample tag has its length"),
        since: time(since),
        passed: false,
    }
}

pub(super) async fn a_challenge_is_used_by_one_request_until_it_expires<D: Store>(store: D) {
    write(&store, |unit| unit.add_challenge(&challenge(1, 1))).await;
    conflicts(&store, |unit| unit.add_challenge(&challenge(1, 2))).await;
    conflicts(&store, |unit| unit.add_challenge(&ChallengeRecord { challenge: [9; 32], ..challenge(1, 1) })).await;
    write(&store, |unit| unit.add_challenge(&challenge(2, 1))).await;
    let asked = |card: u8, by: u8| move |unit: &dyn crate::Transaction| unit.challenge_for(&subject(card), &[by; 16]);
    assert_eq!(read(&store, asked(1, 2)).await, Some(challenge(2, 1)));
    assert_eq!(read(&store, asked(2, 2)).await, None);
    let using = |by: u8| move |unit: &mut dyn crate::Transaction| unit.use_challenge(&[1; 32], &[by; 16]);
    assert!(write(&store, using(5)).await);
    assert!(write(&store, using(5)).await, "the same request again");
    assert!(!write(&store, using(6)).await);
    let used = ChallengeRecord { used_by: Some([5; 16]), ..challenge(1, 1) };
    assert_eq!(read(&store, |unit| unit.challenge(&[1; 32])).await, Some(used));
    assert!(!write(&store, |unit| unit.use_challenge(&[3; 32], &[5; 16])).await);
    assert_eq!(write(&store, |unit| unit.forget_expired_challenges(time(99))).await, 0);
    assert_eq!(write(&store, |unit| unit.forget_expired_challenges(time(100))).await, 2);
    assert_eq!(read(&store, |unit| unit.challenge(&[1; 32])).await, None);
}

pub(super) async fn handles_and_quotas_are_kept_by_card<D: Store>(store: D) {
    let known = LinkageHandleRecord { handle: handle(1), created: time(3) };
    write(&store, move |unit| unit.add_linkage_handle(&subject(1), &known)).await;
    conflicts(&store, move |unit| unit.add_linkage_handle(&subject(2), &known)).await;
    let other = LinkageHandleRecord { handle: handle(2), created: time(3) };
    conflicts(&store, move |unit| unit.add_linkage_handle(&subject(1), &other)).await;
    assert_eq!(read(&store, |unit| unit.linkage_handle(&subject(1))).await, Some(known));
    assert_eq!(read(&store, |unit| unit.linkage_handle(&subject(2))).await, None);

    let of = |used, next| PseudonymQuota { used, next };
    assert_eq!(read(&store, |unit| unit.pseudonym_quota(&subject(1), period(7))).await, of(0, 0));
    write(&store, move |unit| {
        unit.set_pseudonym_quota(&subject(1), period(8), of(9, 9))?;
        unit.set_pseudonym_quota(&subject(1), period(7), of(4, 0))?;
        unit.set_pseudonym_quota(&subject(1), period(7), of(4, 4))?;
        unit.set_pseudonym_quota(&subject(2), period(7), of(6, 5))
    })
    .await;
    conflicts(&store, move |unit| unit.set_pseudonym_quota(&subject(1), period(7), of(4, 5))).await;
    let quotas = read(&store, |unit| unit.pseudonym_quotas(&subject(1))).await;
    assert_eq!(quotas, [(period(7), of(4, 4)), (period(8), of(9, 9))]);
    assert_eq!(read(&store, |unit| unit.most_pseudonyms_since(period(7))).await, 9);
    assert_eq!(read(&store, |unit| unit.most_pseudonyms_since(period(9))).await, 0);
}

pub(super) async fn a_request_is_kept_as_it_was_signed_and_its_items_in_order<D: Store>(store: D) {
    let items = [commitment(9), commitment(4)];
    write(&store, move |unit| unit.add_pseudonym_request(&request(1, 1), &items)).await;
    write(&store, |unit| unit.add_pseudonym_request(&request(2, 2), &[commitment(5), commitment(6)])).await;
    conflicts(&store, |unit| unit.add_pseudonym_request(&request(1, 1), &[commitment(1)])).await;
    // An item comes in one request, whoever sends it.
    conflicts(&store, |unit| unit.add_pseudonym_request(&request(2, 3), &[commitment(7), commitment(4)])).await;
    assert_eq!(read(&store, |unit| unit.pseudonym_request(&subject(1), &[1; 16])).await, Some(request(1, 1)));
    assert_eq!(read(&store, |unit| unit.pseudonym_request(&subject(2), &[1; 16])).await, None);
    assert_eq!(read(&store, |unit| unit.pseudonym_requests(&subject(1))).await, [request(1, 1)]);
    let of = |number: u8| move |unit: &dyn crate::Transaction| unit.request_of_commitment(&commitment(number));
    assert_eq!(read(&store, of(4)).await, Some((request(1, 1), 1)));
    assert_eq!(read(&store, of(7)).await, None);
    let kept = read(&store, |unit| unit.pseudonym_items(&subject(1), &[1; 16])).await;
    assert_eq!(kept.iter().map(|item| item.commitment).collect::<Vec<_>>(), items);
    assert!(kept.iter().all(|item| item.end.is_none()));

    let reserved = PseudonymRequestRecord { state: PseudonymRequestState::Reserved, first: Some(4), ..request(1, 1) };
    let expected = reserved.clone();
    write(&store, move |unit| unit.update_pseudonym_request(&reserved)).await;
    assert_eq!(read(&store, |unit| unit.unprepared_requests(10)).await, [expected.clone(), request(2, 2)]);
    let prepared = PseudonymRequestRecord { state: PseudonymRequestState::Prepared, ..expected };
    write(&store, move |unit| unit.update_pseudonym_request(&prepared)).await;
    assert_eq!(read(&store, |unit| unit.unprepared_requests(10)).await, [request(2, 2)]);
    conflicts(&store, |unit| unit.update_pseudonym_request(&request(3, 3))).await;
    write(&store, |unit| unit.drop_pseudonym_request(&subject(2), &[2; 16])).await;
    assert_eq!(read(&store, |unit| unit.unprepared_requests(10)).await, []);
    write(&store, |unit| unit.add_pseudonym_request(&request(2, 3), &[commitment(5)])).await;
}

pub(super) async fn an_item_waits_until_it_ends_once<D: Store>(store: D) {
    write(&store, |unit| {
        unit.add_pseudonym_request(&request(1, 1), &[commitment(1), commitment(2)])?;
        unit.add_pseudonym_request(&request(2, 2), &[commitment(3)])?;
        [waiting(3, 30), waiting(1, 40), waiting(2, 35)].iter().try_for_each(|item| unit.add_waiting_item(item))
    })
    .await;
    conflicts(&store, |unit| unit.add_waiting_item(&waiting(4, 30))).await;
    let count = |fresh, oldest: Option<u64>, passed| WaitingItems { fresh, oldest: oldest.map(time), passed };
    assert_eq!(read(&store, |unit| unit.waiting(period(0), Period::LAST)).await, count(3, Some(30), 0));
    assert_eq!(read(&store, |unit| unit.waiting(period(7), period(7))).await, count(3, Some(30), 0));
    for (first, last) in [(0, 6), (8, 9)] {
        assert_eq!(read(&store, move |unit| unit.waiting(period(first), period(last))).await, WaitingItems::default());
    }
    let all = [(subject(1), waiting(1, 40)), (subject(1), waiting(2, 35)), (subject(2), waiting(3, 30))];
    assert_eq!(read(&store, |unit| unit.waiting_items(false)).await, all);
    assert_eq!(read(&store, |unit| unit.waiting_items(true)).await, []);
    write(&store, |unit| unit.mark_passed(&[commitment(3)])).await;
    assert_eq!(read(&store, |unit| unit.waiting(period(0), Period::LAST)).await, count(2, Some(35), 1));
    let seen = WaitingItemRecord { passed: true, ..waiting(3, 30) };
    assert_eq!(read(&store, |unit| unit.waiting_items(true)).await, [(subject(2), seen)]);

    let end = |number: u8, end: ItemEnd| {
        move |unit: &mut dyn crate::Transaction| unit.end_pseudonym_item(&commitment(number), &end)
    };
    assert!(write(&store, end(2, ItemEnd::Answered(answer(2)))).await);
    assert!(!write(&store, end(2, ItemEnd::Refused("point_used".to_owned()))).await);
    assert!(write(&store, end(1, ItemEnd::Refused("point_used".to_owned()))).await);
    let kept = read(&store, |unit| unit.pseudonym_items(&subject(1), &[1; 16])).await;
    let ends = kept.into_iter().map(|item| item.end).collect::<Vec<_>>();
    assert_eq!(ends, [Some(ItemEnd::Refused("point_used".to_owned())), Some(ItemEnd::Answered(answer(2)))]);
    assert_eq!(read(&store, |unit| unit.waiting(period(0), Period::LAST)).await, count(0, None, 1));
}

pub(super) async fn requests_go_with_their_period<D: Store>(store: D) {
    write(&store, |unit| {
        let next = PseudonymRequestRecord { period: period(8), ..request(1, 2) };
        unit.add_pseudonym_request(&request(1, 1), &[commitment(1), commitment(2)])?;
        unit.add_pseudonym_request(&next, &[commitment(3)])?;
        unit.add_waiting_item(&waiting(1, 30))?;
        unit.set_pseudonym_quota(&subject(1), period(7), PseudonymQuota { used: 2, next: 0 })?;
        unit.add_release(&[1; 16], 2)
    })
    .await;
    assert_eq!(write(&store, |unit| unit.forget_pseudonym_requests_before(period(7))).await, 0);
    assert_eq!(write(&store, |unit| unit.forget_pseudonym_requests_before(period(8))).await, 1);
    assert_eq!(read(&store, |unit| unit.pseudonym_request(&subject(1), &[1; 16])).await, None);
    assert_eq!(read(&store, |unit| unit.pseudonym_items(&subject(1), &[2; 16])).await.len(), 1);
    assert_eq!(read(&store, |unit| unit.waiting(period(0), Period::LAST)).await, WaitingItems::default());
    assert_eq!(read(&store, |unit| unit.pseudonym_quotas(&subject(1))).await, []);
    // What is owed to clearing stays until it is told.
    conflicts(&store, |unit| unit.add_release(&[1; 16], 2)).await;
    assert_eq!(read(&store, |unit| unit.releases(10)).await, [([1; 16], 2)]);
    write(&store, |unit| unit.drop_release(&[1; 16])).await;
    assert_eq!(read(&store, |unit| unit.releases(10)).await, []);
}

pub(super) async fn seeds_are_published_once_without_their_handle<D: Store>(store: D) {
    let seeds = |from: u32, byte: u8| PublishedSeedsRecord {
        period: period(from),
        seeds: [byte, byte + 100].map(|byte| LinkageSeed::from_bytes([byte; 32])),
        published: time(50),
    };
    write(&store, |unit| {
        unit.reveal_seeds(&handle(2), time(40))?;
        unit.reveal_seeds(&handle(1), time(41))?;
        unit.reveal_seeds(&handle(3), time(42))?;
        unit.reveal_seeds(&handle(2), time(45))
    })
    .await;
    let to_reveal = read(&store, |unit| unit.seeds_to_reveal(2)).await;
    assert_eq!(to_reveal, [(handle(2), time(40)), (handle(1), time(41))]);
    let before = read(&store, |unit| unit.revocation_revision()).await;
    write(&store, move |unit| unit.publish_seeds(&handle(3), None)).await;
    assert_eq!(read(&store, |unit| unit.revocation_revision()).await, before, "nothing was published");
    for (of, from, byte) in [(2, 9, 1), (1, 8, 2), (2, 9, 3)] {
        write(&store, move |unit| unit.publish_seeds(&handle(of), Some(&seeds(from, byte)))).await;
    }
    assert_eq!(read(&store, |unit| unit.seeds_to_reveal(9)).await, []);
    assert_eq!(read(&store, |unit| unit.published_seeds_since(period(8))).await, [seeds(8, 2), seeds(9, 1)]);
    assert_eq!(read(&store, |unit| unit.published_seeds_since(period(9))).await, [seeds(9, 1)]);
    assert_eq!(read(&store, |unit| unit.revocation_revision()).await, before + 2, "a bundle is to tell it");
    assert_eq!(write(&store, |unit| unit.forget_published_seeds_before(period(9))).await, 1);
    assert_eq!(read(&store, |unit| unit.attester_counts()).await.published_seeds, 1);
}

pub(super) async fn approvals_end_and_traces_stay_on_record<D: Store>(store: D) {
    let approval = |digest: u8, officer: &str, approved: u64| TraceApprovalRecord {
        digest: [digest; 32],
        case_number: "case".to_owned(),
        officer: officer.to_owned(),
        approved: time(approved),
    };
    for approval in [approval(1, "anna", 10), approval(1, "carl", 20), approval(2, "anna", 30), approval(1, "anna", 25)]
    {
        write(&store, move |unit| unit.approve_trace(&approval)).await;
    }
    let since = |from: u64| move |unit: &dyn crate::Transaction| unit.trace_approvals(&[1; 32], time(from));
    assert_eq!(read(&store, since(0)).await, [approval(1, "carl", 20), approval(1, "anna", 25)]);
    assert_eq!(read(&store, since(25)).await, [approval(1, "anna", 25)]);
    let first = read(&store, |unit| unit.trace_approvals_listed(Page { after: 0, limit: 2 })).await;
    assert_eq!(first.len(), 2);
    let after = first[1].position;
    let rest = read(&store, move |unit| unit.trace_approvals_listed(Page { after, limit: 2 })).await;
    assert_eq!(rest.into_iter().map(|listed| listed.record).collect::<Vec<_>>(), [approval(2, "anna", 30)]);
    assert_eq!(write(&store, |unit| unit.forget_trace_approvals_before(time(25))).await, 1);

    let audit = |card: u8, case: &str| TraceAuditRecord {
        card: subject(card),
        case_number: case.to_owned(),
        period: period(7),
        attester_officer: "anna".to_owned(),
        attester_approved: time(25),
        clearing_officer: "bert".to_owned(),
        clearing_approved: time(26),
        opened_by: "carl".to_owned(),
        opened: time(27),
    };
    let entries = [audit(1, "one"), audit(2, "two"), audit(1, "three")];
    write(&store, move |unit| entries.iter().try_for_each(|entry| unit.add_trace_audit(entry))).await;
    assert_eq!(read(&store, |unit| unit.trace_audits(&subject(1))).await, [audit(1, "one"), audit(1, "three")]);
    assert_eq!(read(&store, |unit| unit.trace_audits(&subject(3))).await, []);
}

pub(super) async fn everything_issued_to_a_subject_is_listed<D: Store>(store: D) {
    let renewed = super::samples::issued(1, 2000);
    let renewed = crate::records::IssuedRecord { offer_nonce: [7; 32], ..renewed };
    let (first, second) = (super::samples::issued(1, 1000), renewed);
    let expected = [first.clone(), second.clone()];
    write(&store, move |unit| {
        unit.add_issued(&second)?;
        unit.add_issued(&super::samples::issued(2, 1000))?;
        unit.add_issued(&first)
    })
    .await;
    assert_eq!(read(&store, |unit| unit.issued_to(&subject(1))).await, expected);
    assert_eq!(read(&store, |unit| unit.issued_to(&subject(3))).await, []);
}

/// That a refused unit leaves nothing is the store's own; here that half a request is never there.
pub(super) async fn a_refused_request_leaves_no_item<D: Store>(store: D) {
    let refused = store
        .write::<(), StoreError, _>(|unit| unit.add_pseudonym_request(&request(1, 1), &[commitment(1), commitment(1)]));
    assert!(matches!(refused.await, Err(StoreError::Conflict(_))));
    assert_eq!(read(&store, |unit| unit.request_of_commitment(&commitment(1))).await, None);
    assert_eq!(read(&store, |unit| unit.pseudonym_requests(&subject(1))).await, []);
}
