//! A request breaks off at any step, and goes on or leaves nothing.

use symbolon_service::attester::Pseudonyms;

use super::{
    line::Lost,
    town::{Town, at_once, name},
};

#[tokio::test]
async fn a_request_that_breaks_off_anywhere_goes_on_and_is_paid_for_once() {
    let mut town = Town::new(at_once());
    for lost in Lost::ALL {
        for after in 0.. {
            // Enough for four, and not for one more.
            let wallet = town.wallet(8_000).await;
            let (asking, request) = town.ask(&wallet, 4).await;
            town.line.cut(after, lost);
            town.request_until_stopped(&request).await;
            if !town.line.mend() {
                assert_eq!(after, 4, "setting aside, two linkage authorities, the issuer");
                break;
            }
            town.reopen();
            if after % 2 == 0 {
                town.attester().tend().await.unwrap();
            }
            let answer = town.attester().request(request.clone()).await.unwrap();
            assert_eq!(town.open(&asking, &answer).len(), 4, "{lost:?} {after}");
            assert_eq!(town.set_aside(&wallet).await, (4, 4), "{lost:?} {after}");
            let counts = town.attester().counts().await.unwrap();
            assert_eq!((counts.unfinished_requests, counts.releases, counts.waiting), (0, 0, Default::default()));
            let (_, more) = town.ask(&wallet, 1).await;
            assert_eq!(town.attester().request(more).await.unwrap_err().reason(), "insufficient_funds");
            let (_, more) = town.ask(&wallet, 17).await;
            assert_eq!(town.attester().request(more).await.unwrap_err().reason(), "quota_exceeded");
        }
    }
}

#[tokio::test]
async fn a_request_that_nobody_brings_on_in_its_period_is_withdrawn_and_costs_nothing() {
    let mut town = Town::new(at_once());
    for (after, lost) in [(0, Lost::Before), (0, Lost::After), (1, Lost::Before), (2, Lost::After), (3, Lost::Before)] {
        let wallet = town.wallet(8_000).await;
        let (_, request) = town.ask(&wallet, 4).await;
        town.line.cut(after, lost);
        assert!(town.request_until_stopped(&request).await.is_none());
        town.reopen();
        town.clock.advance(86_400);
        if after % 2 == 0 {
            town.attester().tend().await.unwrap();
        }
        let answer = town.attester().request(request).await.unwrap();
        assert_eq!(town.set_aside(&wallet).await, (0, 0), "{lost:?} {after}");
        let Pseudonyms::Ready(answers) = answer else { panic!("not ready") };
        let refusals = answers.iter().map(|answer| answer.as_ref().unwrap_err().as_str()).collect::<Vec<_>>();
        assert_eq!(refusals, ["withdrawn"; 4]);
        assert_eq!(town.pseudonyms(&wallet, 4).await.len(), 4);
    }
}

#[tokio::test]
async fn a_card_revoked_half_way_gets_nothing_and_has_its_money_back() {
    let mut town = Town::new(at_once());
    for (after, lost) in [(0, Lost::After), (1, Lost::Before), (2, Lost::After), (3, Lost::Call)] {
        let wallet = town.wallet(8_000).await;
        let (_, request) = town.ask(&wallet, 4).await;
        town.line.cut(after, lost);
        town.request_until_stopped(&request).await;
        town.reopen();
        town.roles().cards.revoke(town.id(), &name("issuer"), wallet.card.number).await.unwrap();
        town.attester().tend().await.unwrap();
        let Pseudonyms::Ready(answers) = town.attester().request(request).await.unwrap() else { panic!("not ready") };
        assert!(answers.iter().all(|answer| answer.as_ref().unwrap_err().as_str() == "withdrawn"), "{lost:?} {after}");
        town.attester().tend().await.unwrap();
        assert_eq!(town.set_aside(&wallet).await, (0, 0), "{lost:?} {after}");
        assert_eq!(town.attester().counts().await.unwrap().unfinished_requests, 0);
    }
}

#[tokio::test]
async fn money_given_back_is_told_to_clearing_until_it_has_heard() {
    let mut town = Town::new(at_once());
    for lost in Lost::ALL {
        let wallet = town.wallet(8_000).await;
        let (_, request) = town.ask(&wallet, 4).await;
        town.line.cut(3, Lost::Call);
        town.attester().request(request.clone()).await.unwrap();
        town.roles().cards.revoke(town.id(), &name("issuer"), wallet.card.number).await.unwrap();
        town.line.cut(0, lost);
        town.request_until_stopped(&request).await;
        assert!(town.line.mend());
        town.reopen();
        town.attester().tend().await.unwrap();
        town.attester().tend().await.unwrap();
        assert_eq!(town.set_aside(&wallet).await, (0, 0), "{lost:?}");
        assert_eq!(town.attester().counts().await.unwrap().releases, 0);
    }
}

#[tokio::test]
async fn a_card_is_created_on_one_account_however_often_it_is_asked_for() {
    let mut town = Town::new(at_once());
    for lost in [Lost::Call, Lost::Answer] {
        let request = town.id();
        town.line.cut(0, lost);
        let new = super::town::new_card();
        let failed = town.roles().cards.create(request.clone(), &name("issuer"), new.clone()).await.unwrap_err();
        assert_eq!(failed.reason(), "role_unavailable");
        town.reopen();
        let created = town.roles().cards.create(request.clone(), &name("issuer"), new.clone()).await.unwrap();
        let calls = town.line.calls.lock().unwrap().len();
        assert_eq!(town.roles().cards.create(request, &name("issuer"), new).await.unwrap(), created);
        assert_eq!(town.line.calls.lock().unwrap().len(), calls, "what was answered asks nobody");
    }
    assert_eq!(town.accounts().await, 2);
}
