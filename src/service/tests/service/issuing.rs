//! Cards and terminals over gRPC: requests repeated, pages, errors with their details, other people's things.

use crate::city::{City, any_card, reason, reason_of};
use symbolon_api::v1;
use symbolon_ccks::Offer;
use symbolon_service::Role;
use tonic::Code;
use tonic_types::StatusExt;

#[tokio::test(flavor = "multi_thread")]
async fn a_repeated_request_gets_the_same_answer_and_another_one_is_refused() {
    let mut city = City::found().await;
    let mut cards = city.cards("bank").await;
    let request = v1::CreateCardRequest { card: Some(any_card()), request_id: city.request_id() };
    let first = cards.create_card(request.clone()).await.unwrap().into_inner();
    let again = cards.create_card(request.clone()).await.unwrap().into_inner();
    assert!(first == again && !first.activation_code.is_empty());
    let listed = cards.list_cards(v1::ListCardsRequest::default()).await.unwrap().into_inner();
    assert_eq!(listed.cards.len(), 1);

    let other = v1::Card { budget: 6_000, ..any_card() };
    let refused = cards.create_card(v1::CreateCardRequest { card: Some(other), ..request }).await.unwrap_err();
    assert_eq!((refused.code(), reason_of(&refused).as_str()), (Code::AlreadyExists, "REQUEST_ID_REUSED"));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_wrong_field_is_named() {
    let mut city = City::found().await;
    let mut cards = city.cards("bank").await;
    let time = |seconds| Some(prost_types::Timestamp { seconds, nanos: 0 });
    let wrong = [
        ("card", None),
        ("card.sectors", Some(v1::Card { sectors: vec![], ..any_card() })),
        ("card.sectors", Some(v1::Card { sectors: vec![3], ..any_card() })),
        ("card.tariff", Some(v1::Card { tariff: 256, ..any_card() })),
        ("card.currency", Some(v1::Card { currency: 1_000, ..any_card() })),
        ("card.spend_limit", Some(v1::Card { spend_limit: 5_001, ..any_card() })),
        ("card.not_before_time", Some(v1::Card { not_before_time: time(-1), ..any_card() })),
        ("card.not_after_time", Some(v1::Card { not_before_time: time(9), not_after_time: time(9), ..any_card() })),
        ("card.account", Some(v1::Card { account: "cards/1".to_owned(), ..any_card() })),
        ("card.holder_key", Some(v1::Card { holder_key: vec![2; 32], ..any_card() })),
        ("card.holder_key", Some(v1::Card { holder_key: vec![9; 33], ..any_card() })),
    ];
    for (field, card) in wrong {
        let request = v1::CreateCardRequest { card, request_id: city.request_id() };
        let refused = cards.create_card(request).await.unwrap_err();
        assert_eq!(refused.code(), Code::InvalidArgument, "{field}");
        assert_eq!(refused.get_details_bad_request().unwrap().field_violations[0].field, field);
    }
    let refused = cards.create_card(v1::CreateCardRequest { card: Some(any_card()), request_id: String::new() });
    let refused = refused.await.unwrap_err();
    assert_eq!(refused.get_details_bad_request().unwrap().field_violations[0].field, "request_id");
    let refused = cards.get_card(v1::GetCardRequest { name: "cards/1".to_owned() }).await.unwrap_err();
    assert_eq!(refused.get_details_bad_request().unwrap().field_violations[0].field, "name");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_list_comes_in_pages() {
    let mut city = City::found().await;
    let mut created = Vec::new();
    for _ in 0..5 {
        created.push(city.create_card("bank").await.card.unwrap().name);
    }
    let mut cards = city.cards("bank").await;
    let (mut listed, mut page_token) = (Vec::new(), String::new());
    loop {
        let request = v1::ListCardsRequest { page_size: 2, page_token };
        let page = cards.list_cards(request).await.unwrap().into_inner();
        assert!(page.cards.len() <= 2);
        listed.extend(page.cards.into_iter().map(|card| card.name));
        if page.next_page_token.is_empty() {
            break;
        }
        page_token = page.next_page_token;
    }
    assert_eq!(listed, created);

    let page = cards.list_cards(v1::ListCardsRequest { page_size: 2, page_token: String::new() }).await.unwrap();
    let stolen = v1::ListCardsRequest { page_size: 2, page_token: page.into_inner().next_page_token };
    let mut others = city.cards("other-bank").await;
    assert_eq!(reason(others.list_cards(stolen).await), "INVALID_PAGE_TOKEN");
    let invented = v1::ListCardsRequest { page_size: 2, page_token: "2".to_owned() };
    assert_eq!(reason(cards.list_cards(invented).await), "INVALID_PAGE_TOKEN");
    let negative = v1::ListCardsRequest { page_size: -1, page_token: String::new() };
    assert_eq!(reason(cards.list_cards(negative).await), "INVALID_FIELD");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_card_goes_from_state_to_state() {
    let mut city = City::found().await;
    let created = city.create_card("bank").await;
    let card = created.card.unwrap();
    assert_eq!(card.state(), v1::CardState::Pending);
    let name = card.name;
    let mut cards = city.cards("bank").await;

    let suspend = v1::SuspendCardRequest { name: name.clone(), request_id: city.request_id() };
    let refused = cards.suspend_card(suspend).await.unwrap_err();
    assert_eq!((refused.code(), reason_of(&refused).as_str()), (Code::FailedPrecondition, "INVALID_STATE_TRANSITION"));

    let key = city.enrol(&created.activation_code).await;
    let get = v1::GetCardRequest { name: name.clone() };
    let card = cards.get_card(get.clone()).await.unwrap().into_inner().card.unwrap();
    assert_eq!(card.state(), v1::CardState::Active);
    assert_eq!(card.credential, key.credential().unwrap().as_bytes());

    let suspend = v1::SuspendCardRequest { name: name.clone(), request_id: city.request_id() };
    let card = cards.suspend_card(suspend).await.unwrap().into_inner().card.unwrap();
    assert_eq!(card.state(), v1::CardState::Suspended);
    let resume = v1::ResumeCardRequest { name: name.clone(), request_id: city.request_id() };
    let card = cards.resume_card(resume).await.unwrap().into_inner().card.unwrap();
    assert_eq!(card.state(), v1::CardState::Active);

    let replace = v1::ReplaceCardRequest { name: name.clone(), request_id: city.request_id() };
    let replaced = cards.replace_card(replace.clone()).await.unwrap().into_inner();
    let repeated = cards.replace_card(replace).await.unwrap().into_inner();
    assert!(replaced == repeated);
    let successor = replaced.card.unwrap();
    assert_eq!((successor.replaces.as_str(), successor.account.as_str()), (name.as_str(), card.account.as_str()));
    let former = cards.get_card(get).await.unwrap().into_inner().card.unwrap();
    assert_eq!((former.state(), former.replaced_by), (v1::CardState::Replaced, successor.name.clone()));

    let revoke = v1::RevokeCardRequest { name: successor.name, request_id: city.request_id() };
    let card = cards.revoke_card(revoke).await.unwrap().into_inner().card.unwrap();
    assert_eq!(card.state(), v1::CardState::Revoked);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_anothers_is_not_found() {
    let mut city = City::found().await;
    let card = city.create_card("bank").await.card.unwrap();
    let terminal = city.create_terminal("metro").await.terminal.unwrap();
    let mut cards = city.cards("other-bank").await;
    assert_eq!(reason(cards.get_card(v1::GetCardRequest { name: card.name.clone() }).await), "NOT_FOUND");
    let revoke = v1::RevokeCardRequest { name: card.name.clone(), request_id: city.request_id() };
    assert_eq!(reason(cards.revoke_card(revoke).await), "NOT_FOUND");
    let mut terminals = city.terminals("bus").await;
    let get = v1::GetTerminalRequest { name: terminal.name.clone() };
    assert_eq!(reason(terminals.get_terminal(get).await), "NOT_FOUND");
    let retire = v1::RetireTerminalRequest { name: terminal.name, request_id: city.request_id() };
    assert_eq!(reason(terminals.retire_terminal(retire).await), "NOT_FOUND");

    let mut ledger = city.ledger(Role::Issuer, "other-bank").await;
    let get = v1::GetAccountRequest { name: card.account.clone() };
    assert_eq!(reason(ledger.get_account(get).await), "NOT_FOUND");
    let top_up = v1::TopUpAccountRequest { name: card.account, amount: 1, request_id: city.request_id() };
    assert_eq!(reason(ledger.top_up_account(top_up).await), "NOT_FOUND");
}

#[tokio::test(flavor = "multi_thread")]
async fn terminals_are_made_listed_and_retired() {
    let mut city = City::found().await;
    let mut terminals = city.terminals("metro").await;
    let terminal = v1::Terminal { sectors: vec![4], currency: 156, number: Some(7), ..v1::Terminal::default() };
    let request = v1::CreateTerminalRequest { terminal: Some(terminal), request_id: city.request_id() };
    let created = terminals.create_terminal(request.clone()).await.unwrap().into_inner();
    assert!(created == terminals.create_terminal(request.clone()).await.unwrap().into_inner());
    let terminal = created.terminal.unwrap();
    assert_eq!((terminal.number, terminal.operator.as_str()), (Some(7), "operators/metro"));
    let taken = v1::CreateTerminalRequest { request_id: city.request_id(), ..request };
    assert_eq!(reason(terminals.create_terminal(taken).await), "ALREADY_EXISTS");
    let listed = terminals.list_terminals(v1::ListTerminalsRequest::default()).await.unwrap().into_inner();
    assert_eq!(listed.terminals, std::slice::from_ref(&terminal));
    let retire = v1::RetireTerminalRequest { name: terminal.name, request_id: city.request_id() };
    let retired = terminals.retire_terminal(retire).await.unwrap().into_inner().terminal.unwrap();
    assert_eq!(retired.state(), v1::TerminalState::Retired);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_activation_code_works_once_and_the_same_point_gets_the_same_credential() {
    let mut city = City::found().await;
    let created = city.create_card("bank").await;
    let mut enrolment = city.enrolment().await;
    let begin = v1::BeginEnrolmentRequest { activation_code: created.activation_code.to_ascii_lowercase() };
    let begun = enrolment.begin_enrolment(begin.clone()).await.unwrap().into_inner();
    assert_eq!(begun.authority_id, city.authority.id().as_bytes());
    assert_eq!(enrolment.begin_enrolment(begin.clone()).await.unwrap().into_inner().offer, begun.offer);
    let offer = *Offer::parse(&begun.offer).unwrap();
    let (key, complete) = city.completion(&offer);
    let first = enrolment.complete_enrolment(complete.clone()).await.unwrap().into_inner();
    let again = enrolment.complete_enrolment(complete).await.unwrap().into_inner();
    assert!(first == again);
    city.finish(&key, &offer, &first);

    let (_, other) = city.completion(&offer);
    let refused = enrolment.complete_enrolment(other).await.unwrap_err();
    assert_eq!((refused.code(), reason_of(&refused).as_str()), (Code::AlreadyExists, "IDENTITY_ALREADY_ISSUED"));
    assert_eq!(reason(enrolment.begin_enrolment(begin).await), "ACTIVATION_CODE_USED");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_offer_and_a_code_run_out() {
    let mut city = City::found().await;
    let created = city.create_card("bank").await;
    let mut enrolment = city.enrolment().await;
    let begin = v1::BeginEnrolmentRequest { activation_code: created.activation_code };
    let begun = enrolment.begin_enrolment(begin.clone()).await.unwrap().into_inner();
    city.clock.advance(city.config.enrolment.offer_seconds);
    let (_, late) = city.completion(Offer::parse(&begun.offer).unwrap());
    assert_eq!(reason(enrolment.complete_enrolment(late).await), "OFFER_EXPIRED");
    city.clock.advance(city.config.enrolment.activation_code_days * 86_400);
    assert_eq!(reason(enrolment.begin_enrolment(begin).await), "ACTIVATION_CODE_EXPIRED");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_point_without_its_secret_gets_no_credential() {
    let mut city = City::found().await;
    let created = city.create_card("bank").await;
    let mut enrolment = city.enrolment().await;
    let begin = v1::BeginEnrolmentRequest { activation_code: created.activation_code };
    let offer = enrolment.begin_enrolment(begin).await.unwrap().into_inner().offer;
    let offer = *Offer::parse(&offer).unwrap();
    let (_, mut complete) = city.completion(&offer);
    let (other, _) = city.completion(&offer);
    complete.enrolment_point = other.point().as_bytes().to_vec();
    assert_eq!(reason(enrolment.complete_enrolment(complete.clone()).await), "BAD_SIGNATURE");
    complete.possession.pop();
    let refused = enrolment.complete_enrolment(complete).await.unwrap_err();
    assert_eq!(refused.get_details_bad_request().unwrap().field_violations[0].field, "possession");
}
