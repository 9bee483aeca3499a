//! What an item gets, and gets again.

use std::collections::BTreeSet;

use symbolon_ccks::{Credential, Identity, Secp256k1};
use symbolon_pseudonym::ProfileId;
use symbolon_service::links::{IssueItem, IssuerLink as _, ItemOutcome, ItemRefusal};

use super::{Asked, Bureau, TestSuite, answer};

async fn pseudonyms_are_what_was_asked_for_in<S: TestSuite>() {
    let bureau = Bureau::<S>::of_suite(5);
    let asked = (0..12).map(|j| bureau.asked(j)).collect::<Vec<_>>();
    let outcomes = bureau.issue(&asked.iter().collect::<Vec<_>>()).await;
    let keys = asked.iter().zip(&outcomes).map(|(asked, outcome)| asked.complete(answer(outcome)));
    let credentials = keys.map(|key| *key.credential().unwrap()).collect::<Vec<_>>();
    let state = bureau.others.state();
    for credential in &credentials {
        assert!(state.registered.contains(&credential.digest()));
        assert!(state.bound.contains_key(&credential.identity().subject()));
    }
    assert_eq!((state.registered.len(), state.bound.len()), (12, 12));
}

#[tokio::test]
async fn pseudonyms_are_what_was_asked_for() {
    pseudonyms_are_what_was_asked_for_in::<symbolon_ccks::P256>().await;
    pseudonyms_are_what_was_asked_for_in::<Secp256k1>().await;
}

/// A credential without what must be its own: subject and P.
fn common(credential: &Credential) -> Vec<u8> {
    let bytes = credential.as_bytes();
    [&bytes[..12], &bytes[28..Identity::SIZE]].concat()
}

#[tokio::test]
async fn no_field_but_subject_and_point_varies_within_a_profile_and_period() {
    let bureau = Bureau::new();
    let mut seen = BTreeSet::new();
    for (moment, j) in [0, 7, 3_000, 9_999].into_iter().zip(0..) {
        bureau.scene.clock.set(moment);
        let asked = [bureau.asked(2 * j), bureau.asked(2 * j + 1)];
        let outcomes = bureau.issue(&[&asked[0], &asked[1]]).await;
        seen.extend(asked.iter().zip(&outcomes).map(|(asked, one)| common(&asked.open(answer(one)).credential)));
    }
    assert_eq!(seen.len(), 1, "the time of asking shows in the credential");
    // Another profile is another shape, and so is another period.
    let asked = bureau.asked(100);
    let other = IssueItem { profile: ProfileId(3), ..asked.item().clone() };
    let outcome = bureau.issue_one(other).await;
    assert!(seen.insert(common(&asked.open(answer(&outcome)).credential)));
    let asked = bureau.asked_for(bureau.present().next(), 101);
    let outcome = bureau.issue(&[&asked]).await.remove(0);
    assert!(seen.insert(common(&asked.open(answer(&outcome)).credential)));
}

#[tokio::test]
async fn an_item_gets_its_answer_again_whatever_comes_with_it() {
    let mut bureau = Bureau::new();
    let (asked, other) = (bureau.asked(0), bureau.asked(1));
    let first = bureau.issue(&[&asked]).await.remove(0);
    assert_eq!(bureau.issue(&[&other, &asked, &asked]).await[1..], [first.clone(), first.clone()]);
    bureau.reopen();
    assert_eq!(bureau.issue(&[&asked]).await, std::slice::from_ref(&first));
    // The attester may put what it likes beside the commitment: it gets nothing new.
    let (item, other) = (asked.item(), other.item());
    let changed = [
        IssueItem { tag: other.tag, ..item.clone() },
        IssueItem { values: other.values, ..item.clone() },
        IssueItem { sealed: other.sealed.clone(), ..item.clone() },
        IssueItem { challenge: other.challenge, ..item.clone() },
        IssueItem { period: bureau.present().next(), ..item.clone() },
        IssueItem { profile: ProfileId(2), ..item.clone() },
    ];
    for item in changed {
        assert_eq!(bureau.issue_one(item).await, first);
    }
    let state = bureau.others.state();
    assert_eq!((state.registered.len(), state.bound.len()), (2, 2));
    assert_eq!(state.bound[&asked.subject()], item.tag);
}

#[tokio::test(flavor = "multi_thread")]
async fn items_that_come_many_times_at_once_are_issued_once() {
    let bureau = Bureau::new();
    let asked = (0..8).map(|j| bureau.asked(j)).collect::<Vec<_>>();
    let send = |turn: usize| {
        let issuer = bureau.issuer().clone();
        let mut items = asked.iter().map(|asked| asked.item().clone()).collect::<Vec<_>>();
        items.rotate_left(turn % 8);
        tokio::spawn(async move {
            let mut outcomes = issuer.issue(items).await.unwrap();
            outcomes.rotate_right(turn % 8);
            outcomes
        })
    };
    let sent = (0..12).map(send).collect::<Vec<_>>();
    let mut answers = Vec::new();
    for one in sent {
        answers.push(one.await.unwrap());
    }
    // Whoever came while they were under way was told so or got the same.
    let last = bureau.issue(&asked.iter().collect::<Vec<_>>()).await;
    for outcomes in answers {
        assert_eq!(outcomes, last);
    }
    assert_eq!(bureau.others.state().registered.len(), 8);
    asked.iter().zip(&last).for_each(|(asked, outcome)| drop(asked.complete(answer(outcome))));
}

#[tokio::test]
async fn what_is_wrong_with_one_item_does_not_hurt_those_beside_it() {
    let bureau = Bureau::new();
    let asked = (0..9).map(|j| bureau.asked(j)).collect::<Vec<_>>();
    let mut items = asked.iter().map(|asked: &Asked<_>| asked.item().clone()).collect::<Vec<_>>();
    items[1].sealed = items[0].sealed.clone();
    items[4].profile = ProfileId(99);
    items[7].values.swap(0, 1);
    let outcomes = bureau.issue_items(items).await;
    for (place, (asked, outcome)) in asked.iter().zip(&outcomes).enumerate() {
        let refusal = match place {
            1 => ItemRefusal::Unopened,
            4 => ItemRefusal::UnknownProfile,
            7 => ItemRefusal::BadLinkageValue,
            _ => {
                asked.complete(answer(outcome));
                continue;
            }
        };
        assert_eq!(*outcome, ItemOutcome::Refused(refusal));
    }
    // What was refused for what came with it can be asked for again as it should be.
    let again = bureau.issue(&asked.iter().collect::<Vec<_>>()).await;
    asked.iter().zip(&again).for_each(|(asked, outcome)| drop(asked.complete(answer(outcome))));
    assert_eq!((&again[0], &again[8]), (&outcomes[0], &outcomes[8]));
}

#[tokio::test]
async fn a_call_has_a_greatest_size() {
    let bureau = Bureau::new();
    let item = bureau.asked(0).item().clone();
    assert!(bureau.issuer().issue(vec![item; 4_097]).await.is_err());
    assert_eq!(bureau.issue_items(Vec::new()).await, []);
}
