//! A card's life as its holder and the terminals see it: suspended, replaced, renewed.

use crate::{
    holder::{self, Enrolment, Holder, bytes, now, settle},
    office::{Town, balanced_ledger, create_card, get_card, reason, request_id},
};
use rand_chacha::ChaCha20Rng;
use symbolon_api::v1::{
    BeginRenewalRequest, CardState, CompleteRenewalRequest, GetAccountRequest, GetTrustBundleRequest,
    ListAccountsRequest, Outcome, ReplaceCardRequest, ResumeCardRequest, SignedRequest, SuspendCardRequest,
    authority_service_client::AuthorityServiceClient, card_service_client::CardServiceClient,
    enrolment_service_client::EnrolmentServiceClient, ledger_service_client::LedgerServiceClient,
};
use symbolon_ccks::{Offer, Sector, Subject};
use symbolon_tap::{Bundle, Kind, RequestDigest};
use tonic::Code;

/// The newest trust bundle's sequence and the subjects revoked in it, its signature verified.
async fn newest_bundle(town: &Town) -> (u64, Vec<Subject>) {
    let mut service = AuthorityServiceClient::new(town.public.clone());
    let answer = service.get_trust_bundle(GetTrustBundleRequest::default()).await.unwrap().into_inner();
    let bundle = Bundle::parse(&answer.bundle).unwrap();
    bundle.verify(&town.authority).unwrap();
    assert_eq!(bundle.header().sequence(), answer.sequence);
    let subjects = bundle.revoked().as_slice().to_vec();
    (answer.sequence, subjects)
}

pub(crate) fn signed_request(holder: &Holder, method: &str, body: Vec<u8>, random: &mut ChaCha20Rng) -> SignedRequest {
    let (time, request_id) = (now(), bytes::<16>(random));
    let digest = RequestDigest::of(method, time, &request_id, &body).unwrap();
    SignedRequest {
        credential: holder.credential().as_bytes().to_vec(),
        time_seconds: time.seconds(),
        request_id: request_id.to_vec(),
        body,
        signature: digest.sign(holder.key(), &bytes(random)).unwrap().as_bytes().to_vec(),
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_suspended_card_is_in_the_next_bundle_until_it_is_resumed() {
    let mut random = holder::random(21);
    let town = Town::start(|_| ()).await;
    let made = create_card(&town.bank, &mut random).await;
    let card = Holder::enrol(&town.public, &town.authority, &made.activation_code, &mut random).await;
    let (subject, name) = (card.credential().identity().subject(), made.card.unwrap().name);
    let (first, subjects) = newest_bundle(&town).await;
    assert!(subjects.is_empty());

    let mut cards = CardServiceClient::new(town.bank.clone());
    let suspend = SuspendCardRequest { name: name.clone(), request_id: request_id(&mut random) };
    cards.suspend_card(suspend).await.unwrap();
    let (second, subjects) = newest_bundle(&town).await;
    assert_eq!(subjects, [subject]);
    assert!(second > first, "the sequence rises with every change");

    let resume = ResumeCardRequest { name: name.clone(), request_id: request_id(&mut random) };
    cards.resume_card(resume).await.unwrap();
    let (third, subjects) = newest_bundle(&town).await;
    assert!(subjects.is_empty() && third > second);
    assert_eq!(get_card(&town.bank, &name).await.state(), CardState::Active);
    town.service.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_replaced_card_gives_way_to_a_new_one_on_the_same_account() {
    let mut random = holder::random(22);
    let town = Town::start(|_| ()).await;
    let made = create_card(&town.bank, &mut random).await;
    let lost = Holder::enrol(&town.public, &town.authority, &made.activation_code, &mut random).await;
    let lost_name = made.card.unwrap().name;
    let mut cards = CardServiceClient::new(town.bank.clone());
    let request = ReplaceCardRequest { name: lost_name.clone(), request_id: request_id(&mut random) };
    let replaced = cards.replace_card(request.clone()).await.unwrap().into_inner();
    assert_eq!(cards.replace_card(request).await.unwrap().into_inner(), replaced, "a retry replaces nothing");

    let former = get_card(&town.bank, &lost_name).await;
    let card = replaced.card.unwrap();
    assert_eq!((former.state(), &former.replaced_by), (CardState::Replaced, &card.name));
    assert_eq!((&card.replaces, &card.account), (&lost_name, &former.account));
    let (_, subjects) = newest_bundle(&town).await;
    assert_eq!(subjects, [lost.credential().identity().subject()]);

    let mut next = Holder::enrol(&town.public, &town.authority, &replaced.activation_code, &mut random).await;
    let mut gate = town.terminal(&mut random).await;
    let record = next.pay(&gate, Sector::Transport, 70, &mut random);
    settle(&town.public, gate.upload(&[record], &mut random)).await;
    let request = GetAccountRequest { name: card.account };
    let account = LedgerServiceClient::new(town.bank.clone()).get_account(request).await.unwrap().into_inner();
    assert_eq!(account.account.unwrap().balance, -70, "the new card pays from the old card's account");

    // Who found the lost card cannot renew it.
    let signed = signed_request(&lost, BEGIN_RENEWAL, Vec::new(), &mut random);
    let request = BeginRenewalRequest { signed_request: Some(signed) };
    let status = EnrolmentServiceClient::new(town.public.clone()).begin_renewal(request).await.unwrap_err();
    assert_eq!((status.code(), reason(&status).as_str()), (Code::FailedPrecondition, "NOT_ENROLLABLE"));
    town.service.stop().await;
}

const BEGIN_RENEWAL: &str = "/symbolon.v1.EnrolmentService/BeginRenewal";
const COMPLETE_RENEWAL: &str = "/symbolon.v1.EnrolmentService/CompleteRenewal";

#[tokio::test(flavor = "multi_thread")]
async fn a_renewed_card_pays_with_its_new_key_and_settles_what_the_old_one_paid() {
    let mut random = holder::random(23);
    let town = Town::start(|_| ()).await;
    let mut old = town.card(&mut random).await;
    let mut gate = town.terminal(&mut random).await;
    let mut service = EnrolmentServiceClient::new(town.public.clone());

    let signed = signed_request(&old, BEGIN_RENEWAL, Vec::new(), &mut random);
    let request = BeginRenewalRequest { signed_request: Some(signed.clone()) };
    let offered = service.begin_renewal(request.clone()).await.unwrap().into_inner();
    let again = service.begin_renewal(request).await.unwrap().into_inner();
    assert_eq!(again.offer, offered.offer, "asked again, the offer is the same");

    // A signature for one method is none for another, nor over another body, nor of another holder.
    let stranger = town.card(&mut random).await;
    let elsewhere = SignedRequest {
        signature: signed_request(&old, COMPLETE_RENEWAL, Vec::new(), &mut random).signature,
        ..signed.clone()
    };
    let as_stranger = SignedRequest { credential: stranger.credential().as_bytes().to_vec(), ..signed.clone() };
    let later = SignedRequest { time_seconds: signed.time_seconds + 1, ..signed };
    for wrong in [elsewhere, as_stranger, later] {
        let status = service.begin_renewal(BeginRenewalRequest { signed_request: Some(wrong) }).await.unwrap_err();
        assert_eq!((status.code(), reason(&status).as_str()), (Code::Unauthenticated, "BAD_SIGNATURE"));
    }

    let enrolment = Enrolment::new(*Offer::parse(&offered.offer).unwrap(), &mut random);
    let body = enrolment.renewal_body(&town.authority, &mut random);
    let request =
        CompleteRenewalRequest { signed_request: Some(signed_request(&old, COMPLETE_RENEWAL, body, &mut random)) };
    let answer = service.complete_renewal(request.clone()).await.unwrap().into_inner();
    assert_eq!(service.complete_renewal(request).await.unwrap().into_inner(), answer);
    let mut new = enrolment.finish(&town.authority, &answer.credential, &answer.contribution);
    assert_ne!(new.credential().digest(), old.credential().digest());
    assert_eq!(new.credential().identity().subject(), old.credential().identity().subject());

    let other = enrolment.with_another_point(&mut random);
    let body = other.renewal_body(&town.authority, &mut random);
    let signed = signed_request(&old, COMPLETE_RENEWAL, body, &mut random);
    let status = service.complete_renewal(CompleteRenewalRequest { signed_request: Some(signed) }).await.unwrap_err();
    assert_eq!(reason(&status), "IDENTITY_ALREADY_ISSUED");

    let before = old.pay(&gate, Sector::Transport, 5, &mut random);
    let after = new.pay(&gate, Sector::Transport, 6, &mut random);
    let answer = settle(&town.public, gate.upload(&[before, after], &mut random)).await;
    assert!(answer.outcomes.iter().all(|outcome| outcome.outcome() == Outcome::Settled), "{answer:?}");
    town.service.stop().await;
}

/// A journey is held at its entry and priced at its exit, whichever comes first.
#[tokio::test(flavor = "multi_thread")]
async fn a_journey_costs_its_fare_whichever_end_arrives_first() {
    let mut random = holder::random(24);
    let town = Town::start(|city| city.configure("fares", "default_fare", 300)).await;
    let mut card = town.card(&mut random).await;
    let mut gates = [town.terminal(&mut random).await, town.terminal(&mut random).await];
    let entry = card.tap(&gates[0], Kind::Entry, Sector::Transport, 800, &mut random);
    let exit = card.tap(&gates[1], Kind::Exit, Sector::Transport, 0, &mut random);
    for (gate, record) in [(1, exit), (0, entry)] {
        let upload = gates[gate].upload(&[record], &mut random);
        let answer = settle(&town.public, upload).await;
        assert_eq!(answer.outcomes[0].outcome(), Outcome::Settled, "{answer:?}");
    }
    let mut ledger = LedgerServiceClient::new(town.metro.clone());
    let accounts = ledger.list_accounts(ListAccountsRequest::default()).await.unwrap().into_inner().accounts;
    assert_eq!(accounts.iter().map(|account| account.balance).collect::<Vec<_>>(), [300]);
    balanced_ledger(&town.court).await;
    town.service.stop().await;
}
