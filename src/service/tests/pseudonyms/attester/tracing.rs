//! Two officers open a pseudonym to its card; the card's owner sees it, and all that is kept.

use symbolon_pseudonym::{Commitment, RequestBody, SealingSecret};
use symbolon_service::{
    ServiceError,
    attester::{EXPORT_METHOD, PRIVACY_METHOD},
    cards::NewCard,
    links::ServiceRole,
};
use symbolon_store::records::CardState;

use super::{
    line::Lost,
    town::{Town, Wallet, at_once, name, new_card},
};

const CASE: &str = "2026/0815";

async fn opened_by_both(town: &Town, subject: symbolon_ccks::Subject) {
    town.attester().approve(CASE, subject, &name("anna")).await.unwrap();
    town.roles().clearing.approve(CASE, subject, &name("bert")).await.unwrap();
}

fn subject_of(key: &symbolon_ccks::SigningKey<symbolon_ccks::P256>) -> symbolon_ccks::Subject {
    key.credential().unwrap().identity().subject()
}

#[tokio::test]
async fn a_case_is_opened_with_two_approvals_and_proves_itself() {
    let town = Town::new(at_once());
    let (wallet, other) = (town.wallet(100_000).await, town.wallet(100_000).await);
    town.pseudonyms(&other, 3).await;
    let pseudonyms = town.pseudonyms(&wallet, 3).await;
    let subject = subject_of(&pseudonyms[1]);
    let open = async || town.attester().open(CASE, subject, &name("anna")).await;
    assert_eq!(open().await.unwrap_err(), ServiceError::NotApproved(ServiceRole::Attester));
    town.attester().approve(CASE, subject, &name("anna")).await.unwrap();
    assert_eq!(open().await.unwrap_err(), ServiceError::NotApproved(ServiceRole::Clearing));
    town.roles().clearing.approve("another", subject, &name("bert")).await.unwrap();
    assert_eq!(open().await.unwrap_err(), ServiceError::NotApproved(ServiceRole::Clearing));
    town.roles().clearing.approve(CASE, subject, &name("bert")).await.unwrap();
    let opened = open().await.unwrap();
    assert_eq!(opened.card, wallet.card.number);

    // Whoever reads the evidence checks it with the authority's parameters alone.
    let (evidence, authority) = (&opened.evidence, town.keys.authority());
    assert_eq!(evidence.archived.credential, *pseudonyms[1].credential().unwrap());
    evidence.request.verify(authority, RequestBody::METHOD, evidence.request.time, 0).unwrap();
    assert_eq!(evidence.request.credential, *wallet.key.credential().unwrap());
    let body = RequestBody::parse(&evidence.request.body).unwrap();
    assert_eq!(body.items()[evidence.position as usize].commitment, evidence.commitment);
    assert_eq!(Commitment::to(&evidence.archived.point, &evidence.archived.salt), evidence.commitment);
    assert!(authority.archive_binds(
        &evidence.archived.credential,
        &evidence.archived.point,
        &evidence.archived.contribution
    ));
    // Only that one was opened.
    let elsewhere = town.attester().open(CASE, subject_of(&pseudonyms[0]), &name("anna")).await.unwrap_err();
    assert_eq!(elsewhere, ServiceError::NotApproved(ServiceRole::Attester));
}

#[tokio::test]
async fn one_person_does_not_approve_for_both_and_approvals_end() {
    let town = Town::new(at_once());
    let wallet = town.wallet(100_000).await;
    let subject = subject_of(&town.pseudonyms(&wallet, 1).await[0]);
    let open = async || town.attester().open(CASE, subject, &name("anna")).await;
    town.attester().approve(CASE, subject, &name("anna")).await.unwrap();
    town.roles().clearing.approve(CASE, subject, &name("anna")).await.unwrap();
    assert_eq!(open().await.unwrap_err().reason(), "not_approved");
    town.attester().approve(CASE, subject, &name("carl")).await.unwrap();
    assert_eq!(open().await.unwrap().audit.attester_officer, "carl");
    town.clock.advance(town.policy.pseudonyms.approval_seconds + 1);
    assert_eq!(open().await.unwrap_err(), ServiceError::NotApproved(ServiceRole::Attester));
    town.attester().approve(CASE, subject, &name("anna")).await.unwrap();
    assert_eq!(open().await.unwrap_err(), ServiceError::NotApproved(ServiceRole::Clearing));
    for case in ["", " blank", "line\nbreak"] {
        assert_eq!(town.attester().approve(case, subject, &name("anna")).await.unwrap_err().reason(), "invalid_field");
    }
}

#[tokio::test]
async fn of_cards_on_one_account_the_one_that_signed_is_found() {
    let town = Town::new(at_once());
    let first = town.wallet(100_000).await;
    let shared = NewCard { account: Some(first.card.account.clone()), ..new_card() };
    let second = town.wallet_of(shared, 0).await;
    for wallet in [&first, &second] {
        let subject = subject_of(&town.pseudonyms(wallet, 2).await[1]);
        opened_by_both(&town, subject).await;
        assert_eq!(town.attester().open(CASE, subject, &name("anna")).await.unwrap().card, wallet.card.number);
    }
}

#[tokio::test]
async fn what_was_tampered_with_convicts_nobody_and_leaves_nothing_on_a_cards_record() {
    for (tampering, reason) in [
        // Another card's signed request, another's account, a request that was never signed like this, none at all.
        ("UPDATE cards SET account = (SELECT account FROM cards WHERE number <> ?1) WHERE number = ?1", "internal"),
        ("UPDATE pseudonym_requests SET signed = signed + 1 WHERE card = ?1", "bad_signature"),
        (
            "UPDATE pseudonym_requests SET credential = (SELECT credential FROM cards WHERE number <> ?1)
             WHERE card = ?1",
            "bad_signature",
        ),
        (
            "UPDATE pseudonym_requests SET card = (SELECT number FROM cards WHERE number <> ?1) WHERE card = ?1",
            "internal",
        ),
        ("UPDATE pseudonym_items SET commitment = randomblob(32) WHERE ?1 = ?1", "not_found"),
    ] {
        let mut town = Town::new(at_once());
        let (wallet, other) = (town.wallet(100_000).await, town.wallet(100_000).await);
        let subject = subject_of(&town.pseudonyms(&wallet, 1).await[0]);
        opened_by_both(&town, subject).await;
        let file = rusqlite::Connection::open(town.folder.path().join("attester.db")).unwrap();
        assert_eq!(file.execute(tampering, [wallet.card.number.as_bytes()]).unwrap(), 1);
        drop(file);
        town.reopen();
        let refused = town.attester().open(CASE, subject, &name("anna")).await.unwrap_err();
        assert_eq!(refused.reason(), reason, "{tampering}");
        for wallet in [&wallet, &other] {
            assert_eq!(view(&town, wallet).await.traces, []);
        }
    }
}

#[tokio::test]
async fn a_case_that_breaks_off_is_opened_when_asked_again_and_stays_on_record_once() {
    let town = Town::new(at_once());
    let wallet = town.wallet(100_000).await;
    let subject = subject_of(&town.pseudonyms(&wallet, 1).await[0]);
    opened_by_both(&town, subject).await;
    for after in [0, 1] {
        town.line.cut(after, Lost::Answer);
        let lost = town.attester().open(CASE, subject, &name("anna")).await.unwrap_err();
        assert_eq!(lost.reason(), "role_unavailable");
    }
    assert_eq!(view(&town, &wallet).await.traces, []);
    let opened = town.attester().open(CASE, subject, &name("anna")).await.unwrap();
    assert_eq!(view(&town, &wallet).await.traces, [opened.audit]);
}

#[tokio::test]
async fn who_holds_the_card_in_anothers_place_sees_the_traces_of_both() {
    let town = Town::new(at_once());
    let wallet = town.wallet(100_000).await;
    let subject = subject_of(&town.pseudonyms(&wallet, 1).await[0]);
    let replacement = town.roles().cards.replace(town.id(), &name("issuer"), wallet.card.number).await.unwrap();
    let replacement = town.enrolled(replacement).await;
    opened_by_both(&town, subject).await;
    town.attester().open(CASE, subject, &name("anna")).await.unwrap();
    let own = subject_of(&town.pseudonyms(&replacement, 1).await[0]);
    opened_by_both(&town, own).await;
    town.attester().open(CASE, own, &name("anna")).await.unwrap();
    let seen = view(&town, &replacement).await.traces.iter().map(|trace| trace.card).collect::<Vec<_>>();
    assert_eq!(seen, [wallet.card.number, replacement.card.number]);
    // The card that was replaced can still be asked for.
    assert_eq!(view(&town, &wallet).await.traces.len(), 1);
}

async fn view(town: &Town, wallet: &Wallet) -> symbolon_service::attester::PrivacyView {
    town.attester().privacy(town.signed(wallet, PRIVACY_METHOD, Vec::new())).await.unwrap()
}

#[tokio::test]
async fn the_owner_of_a_card_sees_what_could_be_told_of_it_and_nobody_elses() {
    let town = Town::new(at_once());
    let (wallet, other) = (town.wallet(100_000).await, town.wallet(100_000).await);
    let pseudonyms = town.pseudonyms(&wallet, 3).await;
    opened_by_both(&town, subject_of(&pseudonyms[0])).await;
    town.attester().open(CASE, subject_of(&pseudonyms[0]), &name("anna")).await.unwrap();
    town.clock.advance(2 * 86_400);
    town.pseudonyms(&wallet, 2).await;
    let seen = view(&town, &wallet).await;
    assert_eq!((seen.state, seen.period, seen.per_period), (CardState::Active, town.period(), 20));
    let uses = seen.uses.iter().map(|of| (of.period.number(), of.asked, of.issued, of.outstanding));
    let today = town.period().number();
    assert_eq!(uses.collect::<Vec<_>>(), [(today - 2, 3, 3, false), (today, 2, 2, true)]);
    let trace = &seen.traces[0];
    assert_eq!((trace.case_number.as_str(), trace.clearing_officer.as_str()), (CASE, "bert"));
    assert_eq!((trace.attester_officer.as_str(), trace.period.number()), ("anna", today - 2));
    let nothing = view(&town, &other).await;
    assert_eq!((nothing.uses, nothing.traces, nothing.published_from), (vec![], vec![], None));
    town.roles().cards.revoke(town.id(), &name("issuer"), wallet.card.number).await.unwrap();
    town.attester().tend().await.unwrap();
    assert_eq!(view(&town, &wallet).await.published_from, Some(town.period()));
    let unsigned = town.signed(&wallet, EXPORT_METHOD, Vec::new());
    assert_eq!(town.attester().privacy(unsigned).await.unwrap_err().reason(), "bad_signature");
}

#[tokio::test]
async fn a_holder_is_given_all_that_is_kept_and_clearings_part_for_its_eyes_alone() {
    let town = Town::new(at_once());
    let wallet = town.wallet(100_000).await;
    let (_, request) = town.ask(&wallet, 2).await;
    town.attester().request(request.clone()).await.unwrap();
    let secret = SealingSecret::from_bytes(&[6; 32]);
    let signed = town.signed(&wallet, EXPORT_METHOD, secret.public().as_bytes().to_vec());
    let holdings = town.attester().export(signed).await.unwrap();
    let kept: serde_json::Value = serde_json::from_str(&holdings.attester).unwrap();
    let hex = |bytes: &[u8]| bytes.iter().map(|byte| format!("{byte:02x}")).collect::<String>();
    assert_eq!(kept["card"]["number"], hex(wallet.card.number.as_bytes()));
    assert_eq!(kept["credentials"][0]["credential"], hex(wallet.key.credential().unwrap().as_bytes()));
    assert_eq!(kept["offers"][0]["used"], town.now().seconds());
    assert_eq!(kept["activation_code"]["used"], town.now().seconds());
    assert_eq!(kept["challenges"][0]["used_by"], hex(&request.request_id));
    assert_eq!(kept["pseudonym_requests"][0]["body"], hex(&request.body));
    assert_eq!(kept["pseudonym_requests"][0]["items"].as_array().unwrap().len(), 2);
    let handle = town.line.values.lock().unwrap()[0].handle;
    assert_eq!(kept["linkage_handle"], handle.to_string());
    for held in &holdings.linkage {
        assert_eq!(held.as_ref().unwrap().period, town.period());
    }
    let balance = b"100000";
    let reads = |bytes: &[u8]| bytes.windows(balance.len()).any(|window| window == balance);
    assert!(!reads(&holdings.clearing));
    let short = town.signed(&wallet, EXPORT_METHOD, vec![1; 31]);
    assert_eq!(town.attester().export(short).await.unwrap_err().reason(), "invalid_field");
}
