//! What issuers do with cards.

use symbolon_ccks::Subject;
use symbolon_service::cards::NewCard;
use symbolon_store::{
    Page,
    records::{AccountName, CardState},
};

use crate::city::{ALL, City, name, new_card, request, time};

#[tokio::test]
async fn the_same_request_creates_one_card_and_tells_its_code_again() {
    let mut city = City::new();
    let issuer = name("issuer");
    let first = city.roles().cards.create(request([1; 16], [1; 32]), &issuer, new_card()).await.unwrap();
    city.reopen();
    city.clock.set(50);
    let again = city.roles().cards.create(request([1; 16], [1; 32]), &issuer, new_card()).await.unwrap();
    assert_eq!(first, again);
    let reused = city.roles().cards.create(request([1; 16], [2; 32]), &issuer, new_card()).await.unwrap_err();
    assert_eq!(reused.reason(), "request_id_reused");
    assert_eq!(city.roles().cards.list(&issuer, ALL).await.unwrap().len(), 1);
    city.enrol(&again.activation_code.expose()).await.unwrap();
}

#[tokio::test]
async fn no_code_stands_in_the_database() {
    let mut city = City::new();
    let (_, code) = city.create_card(new_card()).await;
    city.roles = None;
    let plain = code.replace('-', "");
    for entry in std::fs::read_dir(city.folder.path()).unwrap() {
        let bytes = std::fs::read(entry.unwrap().path()).unwrap();
        for needle in [code.as_bytes(), plain.as_bytes()] {
            assert!(!bytes.windows(needle.len()).any(|window| window == needle));
        }
    }
}

#[tokio::test]
async fn an_issuer_sees_and_touches_its_own_cards_alone() {
    let city = City::new();
    let (card, _) = city.create_card(new_card()).await;
    let (mine, other) = (name("issuer"), name("other"));
    let cards = &city.roles().cards;
    assert_eq!(cards.get(&mine, card.number).await.unwrap(), card);
    assert_eq!(cards.get(&other, card.number).await.unwrap_err().reason(), "not_found");
    assert_eq!(cards.get(&mine, Subject::from_bytes([0; 16])).await.unwrap_err().reason(), "not_found");
    assert_eq!(cards.revoke(city.request(), &other, card.number).await.unwrap_err().reason(), "not_found");
    assert_eq!(cards.replace(city.request(), &other, card.number).await.unwrap_err().reason(), "not_found");
    assert!(cards.list(&other, ALL).await.unwrap().is_empty());
    assert_eq!(cards.get(&mine, card.number).await.unwrap().state, CardState::Pending);
}

#[tokio::test]
async fn a_card_goes_through_its_states_and_a_retry_gets_the_answer_of_then() {
    let city = City::new();
    let wallet = city.wallet().await;
    let (issuer, number) = (name("issuer"), wallet.card.number);
    let cards = &city.roles().cards;
    let suspend = request([9; 16], [1; 32]);
    let suspended = cards.suspend(suspend.clone(), &issuer, number).await.unwrap();
    assert_eq!(suspended.state, CardState::Suspended);
    let twice = cards.suspend(city.request(), &issuer, number).await.unwrap_err();
    assert_eq!(twice.reason(), "invalid_state_transition");
    assert_eq!(twice.to_string(), "a card that is suspended cannot be suspended");
    assert_eq!(cards.resume(city.request(), &issuer, number).await.unwrap().state, CardState::Active);
    assert_eq!(cards.suspend(suspend, &issuer, number).await.unwrap(), suspended);
    assert_eq!(cards.get(&issuer, number).await.unwrap().state, CardState::Active, "a retry does nothing again");
    assert_eq!(cards.revoke(city.request(), &issuer, number).await.unwrap().state, CardState::Revoked);
    let resumed = cards.resume(city.request(), &issuer, number).await.unwrap_err();
    assert_eq!(resumed.reason(), "invalid_state_transition");
}

#[tokio::test]
async fn a_replaced_card_hands_its_account_on() {
    let city = City::new();
    let wallet = city.wallet().await;
    let issuer = name("issuer");
    let replace = request([9; 16], [1; 32]);
    let next = city.roles().cards.replace(replace.clone(), &issuer, wallet.card.number).await.unwrap();
    assert_eq!(next, city.roles().cards.replace(replace, &issuer, wallet.card.number).await.unwrap());
    assert_eq!(next.record.account, wallet.card.account);
    assert_eq!(next.record.replaces, Some(wallet.card.number));
    let old = city.roles().cards.get(&issuer, wallet.card.number).await.unwrap();
    assert_eq!((old.state, old.replaced_by), (CardState::Replaced, Some(next.record.number)));
    city.enrol(&next.activation_code.expose()).await.unwrap();
    let again = city.roles().cards.replace(city.request(), &issuer, wallet.card.number).await.unwrap_err();
    assert_eq!(again.reason(), "invalid_state_transition");
}

#[tokio::test]
async fn what_does_not_go_together_is_refused_by_field() {
    let city = City::new();
    let refused = [
        (NewCard { currency: 0, ..new_card() }, "currency"),
        (NewCard { currency: 1000, ..new_card() }, "currency"),
        (NewCard { spend_limit: 5001, ..new_card() }, "spend_limit"),
        (NewCard { not_before: Some(time(5)), not_after: Some(time(5)), ..new_card() }, "not_after"),
        (NewCard { holder_key: Some([9; 33]), ..new_card() }, "holder_key"),
    ];
    for (card, field) in refused {
        let error = city.roles().cards.create(city.request(), &name("issuer"), card).await.unwrap_err();
        assert_eq!(error.reason(), "invalid_field");
        assert!(error.to_string().starts_with(field), "{error}");
    }
}

#[tokio::test]
async fn cards_share_an_account_of_their_issuer_and_currency() {
    let city = City::new();
    let (first, _) = city.create_card(new_card()).await;
    let sharing = |account: &AccountName| NewCard { account: Some(account.clone()), ..new_card() };
    let (second, _) = city.create_card(sharing(&first.account)).await;
    assert_eq!(second.account, first.account);
    let elsewhere = AccountName::from_caller("holder-00");
    let dollars = NewCard { currency: 840, ..sharing(&first.account) };
    let cards = &city.roles().cards;
    for (issuer, card) in [("issuer", sharing(&elsewhere)), ("other", sharing(&first.account)), ("issuer", dollars)] {
        let refused = cards.create(city.request(), &name(issuer), card).await.unwrap_err();
        assert_eq!(refused.reason(), "not_found");
    }
}

#[tokio::test]
async fn a_card_is_expired_from_its_end_on_whether_or_not_that_was_written() {
    let city = City::new();
    let wallet = city.wallet_of(NewCard { not_after: Some(time(100)), ..new_card() }).await;
    let (issuer, number) = (name("issuer"), wallet.card.number);
    let cards = &city.roles().cards;
    city.clock.set(99);
    assert_eq!(cards.get(&issuer, number).await.unwrap().state, CardState::Active);
    assert_eq!(cards.expire_run_out(10).await.unwrap(), 0);
    city.clock.set(100);
    assert_eq!(cards.get(&issuer, number).await.unwrap().state, CardState::Expired);
    assert_eq!(cards.list(&issuer, ALL).await.unwrap()[0].record.state, CardState::Expired);
    let refused = cards.suspend(city.request(), &issuer, number).await.unwrap_err();
    assert_eq!(refused.to_string(), "a card that is expired cannot be suspended");
    assert_eq!(cards.expire_run_out(10).await.unwrap(), 1);
    assert_eq!(cards.expire_run_out(10).await.unwrap(), 0);
    assert_eq!(cards.get(&issuer, number).await.unwrap().state, CardState::Expired);
}

#[tokio::test]
async fn lists_go_on_behind_a_position() {
    let city = City::new();
    let mut numbers = Vec::new();
    for _ in 0..5 {
        numbers.push(city.create_card(new_card()).await.0.number);
    }
    let (mut listed, mut after) = (Vec::new(), 0);
    loop {
        let page = city.roles().cards.list(&name("issuer"), Page { after, limit: 2 }).await.unwrap();
        let Some(last) = page.last() else { break };
        after = last.position;
        listed.extend(page.iter().map(|card| card.record.number));
    }
    assert_eq!(listed, numbers);
}
