//! Items of many cards go on together.

use std::collections::BTreeSet;

use symbolon_service::{Batching, PseudonymPolicy, attester::Pseudonyms, links::ServiceRole};
use symbolon_store::records::WaitingItems;

use super::{
    line::Lost,
    town::{Town, at_once, name, with_pseudonyms},
};

fn mixing(items: u32, delay_seconds: u64) -> Town {
    let mixing = Batching { items, delay_seconds };
    Town::new(with_pseudonyms(PseudonymPolicy { mixing, ..at_once().pseudonyms }))
}

async fn waiting(town: &Town) -> WaitingItems {
    town.attester().counts().await.unwrap().waiting
}

#[tokio::test]
async fn a_batch_goes_when_enough_items_wait() {
    let town = mixing(12, 1_000);
    let (one, other) = (town.wallet(100_000).await, town.wallet(100_000).await);
    let (first, request) = town.ask(&one, 10).await;
    let answer = town.attester().request(request.clone()).await.unwrap();
    assert_eq!(answer, Pseudonyms::Waiting { retry_after_seconds: 1_000 });
    town.clock.advance(10);
    let answer = town.attester().request(request.clone()).await.unwrap();
    assert_eq!(answer, Pseudonyms::Waiting { retry_after_seconds: 990 });
    assert_eq!(town.line.passed.lock().unwrap().len(), 0);
    let (second, last) = town.ask(&other, 10).await;
    assert_eq!(town.open(&second, &town.attester().request(last).await.unwrap()).len(), 10);
    assert_eq!(town.open(&first, &town.attester().request(request).await.unwrap()).len(), 10);
    let passed = town.line.passed.lock().unwrap();
    assert_eq!(passed.iter().map(Vec::len).collect::<Vec<_>>(), [20]);
    // Whose is whose: neither one after the other, nor in the order of anything in them.
    let of_first = first.iter().map(|asking| *asking.commitment()).collect::<BTreeSet<_>>();
    let order = passed[0].iter().map(|item| of_first.contains(&item.commitment)).collect::<Vec<_>>();
    assert!(order.windows(2).filter(|pair| pair[0] != pair[1]).count() > 4, "{order:?}");
    assert!(!passed[0].is_sorted_by_key(|item| item.commitment));
    let asked = first.iter().chain(&second).map(|asking| *asking.commitment());
    assert!(passed[0].iter().map(|item| item.commitment).ne(asked));
}

#[tokio::test]
async fn a_batch_goes_when_the_oldest_item_has_waited_enough() {
    let town = mixing(1_000, 60);
    let wallet = town.wallet(100_000).await;
    let (asking, request) = town.ask(&wallet, 2).await;
    assert!(matches!(town.attester().request(request.clone()).await.unwrap(), Pseudonyms::Waiting { .. }));
    town.clock.advance(59);
    assert_eq!(town.attester().pass_on(town.now()).await.unwrap(), 0);
    town.clock.advance(1);
    assert_eq!(town.attester().pass_on(town.now()).await.unwrap(), 2);
    assert_eq!(town.open(&asking, &town.attester().request(request).await.unwrap()).len(), 2);
    assert_eq!(waiting(&town).await, WaitingItems::default());
}

#[tokio::test]
async fn items_of_the_next_period_wait_for_many_and_never_beyond_its_start() {
    let pseudonyms = PseudonymPolicy {
        mixing: Batching { items: 2, delay_seconds: 60 },
        mixing_ahead: Batching { items: 6, delay_seconds: 3_600 },
        ..at_once().pseudonyms
    };
    let town = Town::new(with_pseudonyms(pseudonyms));
    let passed = || town.line.passed.lock().unwrap().iter().map(Vec::len).collect::<Vec<_>>();
    let next = town.period().next();
    let (one, other) = (town.wallet(100_000).await, town.wallet(100_000).await);
    let (ahead, request) = town.ask_for(&one, 3, next).await;
    let waits = |retry_after_seconds| Pseudonyms::Waiting { retry_after_seconds };
    assert_eq!(town.attester().request(request.clone()).await.unwrap(), waits(3_600));
    // What somebody waits for goes by itself, and takes nothing of the next period along.
    let (urgent, now) = town.ask(&other, 2).await;
    assert_eq!(town.open(&urgent, &town.attester().request(now).await.unwrap()).len(), 2);
    assert_eq!(passed(), [2]);
    town.clock.advance(60);
    assert_eq!(town.attester().request(request.clone()).await.unwrap(), waits(3_540));
    let (more, last) = town.ask_for(&other, 3, next).await;
    assert_eq!(town.open(&more, &town.attester().request(last).await.unwrap()).len(), 3);
    assert_eq!(town.open(&ahead, &town.attester().request(request).await.unwrap()).len(), 3);
    assert_eq!(passed(), [2, 6]);

    // Close to its start nobody waits longer than until then.
    let left = next.start(town.policy.pseudonyms.boundary).seconds() - town.now().seconds();
    town.clock.advance(left - 100);
    let (late, request) = town.ask_for(&one, 2, next).await;
    assert_eq!(town.attester().request(request.clone()).await.unwrap(), waits(100));
    town.clock.advance(100);
    assert_eq!(town.open(&late, &town.attester().request(request).await.unwrap()).len(), 2);
}

#[tokio::test]
async fn items_of_one_request_share_nothing_but_period_and_profile() {
    let town = mixing(1_000, 60);
    let wallet = town.wallet(100_000).await;
    let (_, request) = town.ask(&wallet, 20).await;
    town.attester().request(request.clone()).await.unwrap();
    town.clock.advance(60);
    town.attester().tend().await.unwrap();
    let passed = town.line.passed.lock().unwrap().concat();
    let different = |part: &dyn Fn(&symbolon_service::links::IssueItem) -> Vec<u8>| {
        passed.iter().map(part).collect::<BTreeSet<_>>().len()
    };
    assert_eq!(passed.len(), 20);
    assert_eq!(different(&|item| item.challenge.as_bytes().to_vec()), 20);
    assert_eq!(different(&|item| item.commitment.as_bytes().to_vec()), 20);
    for part in 0..202 / 16 {
        assert_eq!(
            different(&|item| item.sealed.as_bytes()[part * 16..][..16].to_vec()),
            20,
            "sealed, from {part} * 16"
        );
    }
    for part in [0, 12, 28] {
        assert_eq!(different(&|item| item.tag.as_bytes()[part..][..12].to_vec()), 20);
        assert_eq!(different(&|item| item.values[0].as_bytes()[part..][..12].to_vec()), 20);
        assert_eq!(different(&|item| item.values[1].as_bytes()[part..][..12].to_vec()), 20);
    }
    let shared = symbolon_pseudonym::RequestBody::parse(&request.body).unwrap();
    for item in &passed {
        let parts = [item.sealed.as_bytes().as_slice(), item.challenge.as_bytes()].concat();
        assert!(!parts.windows(32).any(|window| window == shared.challenge()), "the challenge itself stays here");
    }
}

#[tokio::test]
async fn what_the_issuer_has_seen_does_not_make_fresh_items_go_early() {
    let mut town = mixing(4, 60);
    let (one, other) = (town.wallet(100_000).await, town.wallet(100_000).await);
    let (first, request) = town.ask(&one, 4).await;
    *town.line.away.lock().unwrap() = Some(ServiceRole::Issuer);
    assert!(matches!(town.attester().request(request.clone()).await.unwrap(), Pseudonyms::Waiting { .. }));
    assert_eq!(waiting(&town).await, WaitingItems { fresh: 0, oldest: None, passed: 4 });
    town.reopen();
    *town.line.away.lock().unwrap() = None;
    town.clock.advance(100);
    let (second, later) = town.ask(&other, 3).await;
    assert!(matches!(town.attester().request(later.clone()).await.unwrap(), Pseudonyms::Waiting { .. }));
    assert_eq!(town.open(&first, &town.attester().request(request).await.unwrap()).len(), 4);
    let commitments = |batch: &[symbolon_service::links::IssueItem]| batch.iter().map(|item| item.commitment).collect();
    let passed = town.line.passed.lock().unwrap().iter().map(|batch| commitments(batch)).collect::<Vec<BTreeSet<_>>>();
    assert_eq!(passed.len(), 2);
    assert_eq!(passed[0], passed[1], "the same items again, and no others");
    assert_eq!(waiting(&town).await.fresh, 3);
    town.clock.advance(60);
    town.attester().tend().await.unwrap();
    assert_eq!(town.open(&second, &town.attester().request(later).await.unwrap()).len(), 3);
}

#[tokio::test]
async fn an_answer_lost_on_its_way_comes_again_from_the_archive() {
    let town = mixing(1, 0);
    let wallet = town.wallet(100_000).await;
    let (asking, request) = town.ask(&wallet, 3).await;
    town.line.cut(3, Lost::Answer);
    assert!(matches!(town.attester().request(request.clone()).await.unwrap(), Pseudonyms::Waiting { .. }));
    let answer = town.attester().request(request.clone()).await.unwrap();
    assert_eq!(town.open(&asking, &answer).len(), 3);
    assert_eq!(town.attester().request(request).await.unwrap(), answer);
    assert_eq!(town.set_aside(&wallet).await, (3, 3));
}

#[tokio::test]
async fn waiting_items_of_a_card_out_of_use_are_dropped_and_released() {
    let town = mixing(1_000, 60);
    let (revoked, suspended, good) = (town.wallet(8_000).await, town.wallet(8_000).await, town.wallet(8_000).await);
    let mut asked = Vec::new();
    for wallet in [&revoked, &suspended, &good] {
        let (asking, request) = town.ask(wallet, 4).await;
        town.attester().request(request.clone()).await.unwrap();
        asked.push((asking, request));
    }
    town.roles().cards.revoke(town.id(), &name("issuer"), revoked.card.number).await.unwrap();
    town.roles().cards.suspend(town.id(), &name("issuer"), suspended.card.number).await.unwrap();
    town.clock.advance(60);
    town.attester().tend().await.unwrap();
    assert_eq!(town.line.passed.lock().unwrap().concat().len(), 4);
    for (wallet, (_, request)) in [&revoked, &suspended].into_iter().zip(&asked) {
        let answer = town.attester().request(request.clone()).await.unwrap();
        let Pseudonyms::Ready(answers) = answer else { panic!("not ready") };
        assert!(answers.iter().all(|answer| answer.as_ref().unwrap_err().as_str() == "withdrawn"));
        assert_eq!(town.set_aside(wallet).await, (0, 0));
    }
    let (asking, request) = &asked[2];
    assert_eq!(town.open(asking, &town.attester().request(request.clone()).await.unwrap()).len(), 4);
    assert_eq!(town.set_aside(&good).await, (4, 4));
}
