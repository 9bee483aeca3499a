//! Pseudonyms as wallets, operators and officers see them: the same in one process and in six.

use crate::{
    apart,
    asking::{self, Asked, PATIENCE, ask},
    city::{City, reason},
    renewing::signed,
};
use std::time::Instant;
use symbolon_api::v1::{
    self, authority_service_client::AuthorityServiceClient, trace_service_client::TraceServiceClient,
};
use symbolon_ccks::{P256, SigningKey, Subject};
use symbolon_service::{
    Role,
    attester::{EXPORT_METHOD, PRIVACY_METHOD},
    config::{Config, Waiting},
    links::ServiceRole,
};
use symbolon_tap::Bundle;
use tonic::transport::Channel;

const TOP_UP: u32 = 100_000;
const COUNT: u16 = 3;

/// Nothing waits for anything else, so that a test need not.
pub(crate) fn at_once(config: &mut Config) {
    config.pseudonyms.mixing = Waiting { items: 1, delay_seconds: 0 };
    config.pseudonyms.charging = Waiting { items: 1, delay_seconds: 0 };
    config.bundles.validity_hours = 1;
    config.bundles.refresh_minutes = 10;
}

/// A card with money, and a gate.
struct Cast {
    name: String,
    account: String,
    card: SigningKey<P256>,
    gate: SigningKey<P256>,
}

async fn cast(city: &mut City) -> Cast {
    let created = city.create_card("bank").await;
    let described = created.card.unwrap();
    let card = city.enrol(&created.activation_code).await;
    let gate = city.create_terminal("metro").await;
    let gate = city.enrol(&gate.activation_code).await;
    let request_id = city.request_id();
    let top_up = v1::TopUpAccountRequest { name: described.account.clone(), amount: TOP_UP, request_id };
    city.ledger(Role::Issuer, "bank").await.top_up_account(top_up).await.unwrap();
    Cast { name: described.name, account: described.account, card, gate }
}

async fn balance(city: &City, account: &str) -> i64 {
    let request = v1::GetAccountRequest { name: account.to_owned() };
    let mut ledger = city.ledger(Role::Auditor, "court").await;
    ledger.get_account(request).await.unwrap().into_inner().account.unwrap().balance
}

/// Waits until an account has this balance, which it passes never.
async fn reaches(city: &City, account: &str, expected: i64) {
    let began = Instant::now();
    loop {
        let found = balance(city, account).await;
        if found == expected {
            return;
        }
        assert!(found > expected, "{found} is less than {expected}: something was charged twice");
        assert!(began.elapsed() < PATIENCE, "{found}, not {expected}");
        tokio::task::yield_now().await;
    }
}

/// Each key taps with this counter.
async fn upload(
    city: &mut City,
    cast: &Cast,
    number: u32,
    counter: u32,
    taps: &[(&SigningKey<P256>, u32)],
) -> v1::UploadResponse {
    let records: Vec<_> = taps.iter().map(|(key, amount)| city.pay(key, &cast.gate, counter, *amount)).collect();
    let upload = city.upload_of(&cast.gate, number, &records);
    city.send(vec![upload]).await.unwrap().remove(0)
}

fn subject(pseudonym: &SigningKey<P256>) -> Subject {
    pseudonym.credential().unwrap().identity().subject()
}

/// From asking to the ledger; the pseudonyms.
async fn pays_anonymously(city: &mut City) -> (Cast, Vec<SigningKey<P256>>) {
    let cast = cast(city).await;
    let asked = ask(city, &cast.card, COUNT).await;
    let answer = asked.until_ready(city).await;
    let pseudonyms = asked.open(city, &answer);
    assert_eq!(asked.send(city).await.unwrap(), answer, "the same request gets the same answer");

    let taps: Vec<_> = pseudonyms.iter().zip([100, 200, 300]).collect();
    let answered = upload(city, &cast, 1, 1, &taps).await;
    assert!(answered.outcomes.iter().all(|outcome| outcome.outcome() == v1::Outcome::Settled), "{answered:?}");
    reaches(city, &cast.account, i64::from(TOP_UP) - 600).await;
    let check = city.ledger(Role::Auditor, "court").await.check_ledger(v1::CheckLedgerRequest {}).await.unwrap();
    assert!(check.get_ref().balanced, "{check:?}");
    (cast, pseudonyms)
}

async fn officers(city: &City) -> (TraceServiceClient<Channel>, TraceServiceClient<Channel>) {
    let of_attester = city.client_at(ServiceRole::Attester, Role::AttesterOfficer, "li").await;
    let of_clearing = city.client_at(ServiceRole::Clearing, Role::ClearingOfficer, "wang").await;
    (TraceServiceClient::new(of_attester), TraceServiceClient::new(of_clearing))
}

/// Neither officer alone opens a pseudonym; both do, and the owner sees it.
async fn is_opened_by_two_officers(city: &mut City, cast: &Cast, pseudonym: &SigningKey<P256>) {
    let (mut of_attester, mut of_clearing) = officers(city).await;
    let (case_number, subject) = ("2026-17".to_owned(), subject(pseudonym).as_bytes().to_vec());
    let open = v1::OpenTraceRequest { case_number: case_number.clone(), subject: subject.clone() };
    let approve = v1::ApproveTraceRequest { case_number: case_number.clone(), subject: subject.clone() };
    assert_eq!(reason(of_attester.open_trace(open.clone()).await), "NOT_APPROVED");
    of_attester.approve_trace(approve.clone()).await.unwrap();
    assert_eq!(reason(of_attester.open_trace(open.clone()).await), "NOT_APPROVED");
    assert_eq!(reason(of_clearing.open_trace(open.clone()).await), "ROLE_REQUIRED");
    of_clearing.approve_trace(approve).await.unwrap();
    let opened = of_attester.open_trace(open).await.unwrap().into_inner();
    assert_eq!(opened.card, cast.name);
    assert_eq!(opened.credential, pseudonym.credential().unwrap().as_bytes());

    let list = v1::ListTracesRequest::default();
    let listed = of_attester.list_traces(list.clone()).await.unwrap().into_inner().traces;
    assert_eq!((listed.len(), listed[0].approved_by.as_str(), listed[0].subject.is_empty()), (1, "li", true));
    let listed = of_clearing.list_traces(list.clone()).await.unwrap().into_inner().traces;
    assert_eq!(listed.iter().map(|trace| trace.opened).collect::<Vec<_>>(), [false, true]);
    assert_eq!(reason(of_clearing.list_traces(v1::ListTracesRequest { role: 1, ..list }).await), "INVALID_FIELD");

    let signed_request = Some(signed(city, &cast.card, PRIVACY_METHOD, Vec::new()));
    let mut service = asking::service(city).await;
    let view = service.get_privacy(v1::GetPrivacyRequest { signed_request }).await.unwrap().into_inner();
    assert_eq!((view.uses[0].asked_count, view.uses[0].issued_count), (u32::from(COUNT), u32::from(COUNT)));
    let opened = &view.opened[0];
    assert_eq!((opened.case_number.as_str(), opened.clearing_officer.as_str()), (case_number.as_str(), "wang"));
}

async fn is_exported(city: &mut City, cast: &Cast) {
    let key = symbolon_pseudonym::SealingSecret::generate(city.generator());
    let signed_request = Some(signed(city, &cast.card, EXPORT_METHOD, key.public().as_bytes().to_vec()));
    let mut service = asking::service(city).await;
    let exported = service.export_holdings(v1::ExportHoldingsRequest { signed_request }).await.unwrap().into_inner();
    let roles: Vec<_> = exported.holdings.iter().map(|part| part.role.as_str()).collect();
    assert_eq!(roles, ["attester", "linkage-a", "linkage-b", "clearing"]);
    let [attester, .., clearing] = exported.holdings.as_slice() else { panic!("{roles:?}") };
    assert!(attester.json.contains(cast.name.trim_start_matches("cards/")) && attester.sealed.is_empty());
    assert!(clearing.json.is_empty() && clearing.sealed.len() > 48);
}

/// How many revoked cards the newest bundle has seeds of.
async fn published(city: &City) -> usize {
    let mut authority = AuthorityServiceClient::new(city.public().await);
    let newest = authority.get_trust_bundle(v1::GetTrustBundleRequest::default()).await.unwrap().into_inner();
    Bundle::parse(&newest.bundle).unwrap().revoked_seeds().entries().len()
}

/// A revoked card gets no more, and what it has left is refused.
async fn is_revoked(city: &mut City, cast: &Cast, left: &SigningKey<P256>) {
    let request = v1::RevokeCardRequest { name: cast.name.clone(), request_id: city.request_id() };
    city.cards("bank").await.revoke_card(request).await.unwrap();
    let signed_request = Some(signed(city, &cast.card, symbolon_service::attester::CHALLENGE_METHOD, Vec::new()));
    let mut service = asking::service(city).await;
    assert_eq!(reason(service.get_challenge(v1::GetChallengeRequest { signed_request }).await), "CARD_NOT_ACTIVE");
    // The seeds are published by the chores; from then on the bundle has them.
    let began = Instant::now();
    while published(city).await == 0 {
        assert!(began.elapsed() < PATIENCE, "the seeds are not published");
        tokio::task::yield_now().await;
    }
    let signed_request = Some(signed(city, &cast.card, PRIVACY_METHOD, Vec::new()));
    let view = service.get_privacy(v1::GetPrivacyRequest { signed_request }).await.unwrap().into_inner();
    assert_eq!(view.published_from_period, Some(view.period));
    // Every terminal can know by then, and the pseudonym would still be good.
    city.clock.advance(2 * 3_600);
    let answered = upload(city, cast, 2, 2, &[(left, 50)]).await;
    let outcome = &answered.outcomes[0];
    assert_eq!((outcome.outcome(), outcome.refusal_reason()), (v1::Outcome::Refused, v1::RefusalReason::Revoked));
    reaches(city, &cast.account, i64::from(TOP_UP) - 600).await;
}

async fn the_whole_story(city: &mut City) {
    let (cast, pseudonyms) = pays_anonymously(city).await;
    is_opened_by_two_officers(city, &cast, &pseudonyms[0]).await;
    is_exported(city, &cast).await;
    is_revoked(city, &cast, &pseudonyms[2]).await;
    city.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn in_one_process() {
    let mut city = City::found_with(at_once).await;
    the_whole_story(&mut city).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn in_six_processes_that_have_nothing_but_their_own() {
    let mut city = apart::found(at_once).await;
    the_whole_story(&mut city).await;
}

/// Whichever role dies while a request is under way: it is finished when the role is back, and nothing is counted,
/// reserved or charged twice.
#[tokio::test(flavor = "multi_thread")]
async fn a_role_that_dies_is_waited_for() {
    let mut city = apart::found(at_once).await;
    let cast = cast(&mut city).await;
    let (mut paid, mut number) = (0, 0);
    let dying = [ServiceRole::Issuer, ServiceRole::LinkageA, ServiceRole::Clearing, ServiceRole::Exchange];
    for role in dying {
        let asked = ask(&mut city, &cast.card, 1).await;
        let config = city.kill(role);
        let first = asked.send(&city).await;
        let ready = first.is_ok_and(|answer| answer.state() == v1::PseudonymRequestState::Ready);
        assert!(!ready, "a pseudonym was issued without the {role}");
        city.start_process(config).await;
        let answer = asked.until_ready(&city).await;
        let pseudonym = asked.open(&city, &answer).remove(0);
        number += 1;
        let answered = upload(&mut city, &cast, number, 1, &[(&pseudonym, 700)]).await;
        assert_eq!(answered.outcomes[0].outcome(), v1::Outcome::Settled, "{role}");
        paid += 700;
        reaches(&city, &cast.account, i64::from(TOP_UP) - paid).await;
    }
    assert_eq!(used(&mut city, &cast).await, dying.len() as u32);
    // Clearing dies between the tap and the charge.
    let asked = ask(&mut city, &cast.card, 1).await;
    let answer = asked.until_ready(&city).await;
    let pseudonym = asked.open(&city, &answer).remove(0);
    let config = city.kill(ServiceRole::Clearing);
    let answered = upload(&mut city, &cast, number + 1, 1, &[(&pseudonym, 900)]).await;
    assert_eq!(answered.outcomes[0].outcome(), v1::Outcome::Settled);
    city.start_process(config).await;
    reaches(&city, &cast.account, i64::from(TOP_UP) - paid - 900).await;
    city.stop().await;
}

/// How many pseudonyms the attester counts for the card in all.
async fn used(city: &mut City, cast: &Cast) -> u32 {
    let signed_request = Some(signed(city, &cast.card, PRIVACY_METHOD, Vec::new()));
    let mut service = asking::service(city).await;
    let view = service.get_privacy(v1::GetPrivacyRequest { signed_request }).await.unwrap().into_inner();
    view.uses.iter().map(|of_period| of_period.asked_count).sum()
}

#[tokio::test(flavor = "multi_thread")]
async fn what_cannot_be_given_is_refused_with_a_reason() {
    let mut city = City::found_with(|config| {
        at_once(config);
        config.pseudonyms.per_period = 2;
    })
    .await;
    let poor = city.create_card("bank").await;
    let poor = city.enrol(&poor.activation_code).await;
    let asked: Asked = ask(&mut city, &poor, 1).await;
    assert_eq!(reason_of(&asked, &city).await, "INSUFFICIENT_FUNDS");
    let rich = cast(&mut city).await;
    let greedy = ask(&mut city, &rich.card, 3).await;
    assert_eq!(reason_of(&greedy, &city).await, "QUOTA_EXCEEDED");
    let asked = ask(&mut city, &rich.card, 2).await;
    asked.until_ready(&city).await;
    assert_eq!(used(&mut city, &rich).await, 2);
    assert_eq!(balance(&city, &rich.account).await, i64::from(TOP_UP), "set aside, not charged");

    let mut service = asking::service(&city).await;
    let none = v1::RequestPseudonymsRequest { signed_request: None };
    assert_eq!(reason(service.request_pseudonyms(none).await), "INVALID_FIELD");
    let signed_request = Some(signed(&mut city, &rich.card, "/symbolon.v1.PseudonymService/GetIssuance", Vec::new()));
    assert_eq!(reason(service.get_challenge(v1::GetChallengeRequest { signed_request }).await), "BAD_SIGNATURE");
    let body = vec![1; 40];
    let signed_request = Some(signed(&mut city, &rich.card, symbolon_pseudonym::RequestBody::METHOD, body));
    let request = v1::RequestPseudonymsRequest { signed_request };
    assert_eq!(reason(service.request_pseudonyms(request).await), "MALFORMED");
}

async fn reason_of(asked: &Asked, city: &City) -> String {
    crate::city::reason_of(&asked.send(city).await.unwrap_err())
}
