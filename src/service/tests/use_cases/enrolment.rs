//! Enrolment: a code works once, an identity is issued once, and whoever asks again is answered again.

use p256::ecdsa::signature::Signer as _;
use symbolon_ccks::{PossessionMessage, Sectors};
use symbolon_service::{Policy, cards::NewCard, holder_key::holder_request};
use symbolon_store::records::CardState;

use crate::city::{ALL, CURRENCY, City, name, new_card, time};

#[tokio::test]
async fn a_wallet_enrols_and_its_card_is_active() {
    let city = City::new();
    let wallet = city.wallet().await;
    let cards = city.roles().cards.list(&name("issuer"), ALL).await.unwrap();
    let card = &cards[0].record;
    assert_eq!(card.state, CardState::Active);
    assert_eq!(card.credential.as_ref(), Some(wallet.credential()));
    let identity = wallet.credential().identity();
    assert_eq!((identity.subject(), identity.budget(), identity.currency()), (card.number, 5000, CURRENCY));
    assert_eq!((identity.not_before(), identity.not_after()), (card.not_before, card.not_after));
    assert_eq!((identity.sectors(), identity.tariff()), (Sectors::ALL, 0));
}

#[tokio::test]
async fn the_same_u_gets_the_stored_answer_however_late_and_another_is_refused() {
    let mut city = City::new();
    let (_, code) = city.create_card(new_card()).await;
    let offered = city.roles().enrolment.begin(&code).await.unwrap();
    let holder = city.holder();
    let first = city.complete(&offered, &holder).await.unwrap();
    city.reopen();
    city.clock.set(1_000_000);
    let again = city.complete(&offered, &holder).await.unwrap();
    assert_eq!(first.credential(), again.credential());
    assert_eq!(*first.secret_bytes(), *again.secret_bytes());
    let other = city.complete(&offered, &city.holder()).await.unwrap_err();
    assert_eq!(other.reason(), "identity_already_issued");
    let used = city.roles().enrolment.begin(&code).await.unwrap_err();
    assert_eq!(used.reason(), "activation_code_used");
}

#[tokio::test]
async fn a_standing_offer_is_given_again_and_a_fresh_one_has_the_same_identity() {
    let city = City::new();
    let (_, code) = city.create_card(new_card()).await;
    let first = city.roles().enrolment.begin(&code).await.unwrap();
    city.clock.set(10);
    assert_eq!(city.roles().enrolment.begin(&code).await.unwrap(), first);
    city.clock.set(city.policy.offer_lifetime_seconds);
    let expired = city.complete(&first, &city.holder()).await.unwrap_err();
    assert_eq!(expired.reason(), "offer_expired");
    let fresh = city.roles().enrolment.begin(&code).await.unwrap();
    assert_ne!(fresh.offer.nonce(), first.offer.nonce());
    assert_eq!(fresh.offer.identity(), first.offer.identity());
    city.complete(&fresh, &city.holder()).await.unwrap();
}

#[tokio::test]
async fn of_two_holders_at_once_one_is_issued_the_identity() {
    let city = City::new();
    for _ in 0..5 {
        let (_, code) = city.create_card(new_card()).await;
        let offered = city.roles().enrolment.begin(&code).await.unwrap();
        let (one, other) = (city.holder(), city.holder());
        let (first, second) = tokio::join!(city.complete(&offered, &one), city.complete(&offered, &other));
        let reasons = [first, second].map(|result| result.map(|_| ()).map_err(|error| error.reason()));
        assert!(
            reasons.contains(&Ok(())) && reasons.contains(&Err("identity_already_issued")),
            "one and only one: {reasons:?}"
        );
    }
}

#[tokio::test]
async fn the_same_holder_at_once_is_given_one_key() {
    let city = City::new();
    for _ in 0..5 {
        let (_, code) = city.create_card(new_card()).await;
        let offered = city.roles().enrolment.begin(&code).await.unwrap();
        let holder = city.holder();
        let (first, second) = tokio::join!(city.complete(&offered, &holder), city.complete(&offered, &holder));
        assert_eq!(first.unwrap().credential(), second.unwrap().credential());
    }
}

#[tokio::test]
async fn wrong_codes_are_counted_and_lock_their_locator() {
    let city = City::with_policy(Policy { activation_attempts: 3, ..Policy::default() });
    let (_, code) = city.create_card(new_card()).await;
    let last = if code.ends_with('0') { '1' } else { '0' };
    let wrong = format!("{}{last}", &code[..code.len() - 1]);
    for _ in 0..3 {
        let refused = city.roles().enrolment.begin(&wrong).await.unwrap_err();
        assert_eq!(refused.reason(), "activation_code_invalid");
    }
    for code in [&wrong, &code] {
        let locked = city.roles().enrolment.begin(code).await.unwrap_err();
        assert_eq!(locked.reason(), "activation_code_locked");
    }
    for nonsense in ["", "hello", "0000-0000-0000-0000-0000-0000"] {
        let refused = city.roles().enrolment.begin(nonsense).await.unwrap_err();
        assert_eq!(refused.reason(), "activation_code_invalid");
    }
}

#[tokio::test]
async fn a_code_expires() {
    let city = City::new();
    let (_, code) = city.create_card(new_card()).await;
    city.clock.set(city.policy.activation_code_lifetime_seconds);
    let expired = city.roles().enrolment.begin(&code).await.unwrap_err();
    assert_eq!(expired.reason(), "activation_code_expired");
}

#[tokio::test]
async fn a_bad_possession_is_refused_and_uses_nothing_up() {
    let city = City::new();
    let (_, code) = city.create_card(new_card()).await;
    let offered = city.roles().enrolment.begin(&code).await.unwrap();
    let (holder, thief) = (city.holder(), city.holder());
    let message = PossessionMessage::Offer(&offered.offer);
    let possession = thief.prove_possession(city.keys.id(), message, &city.random()).unwrap();
    let refused = city.roles().enrolment.complete(*offered.offer.nonce(), *holder.point(), possession, None).await;
    assert_eq!(refused.unwrap_err().reason(), "bad_signature");
    let unknown = city.roles().enrolment.complete([0; 32], *thief.point(), possession, None).await;
    assert_eq!(unknown.unwrap_err().reason(), "offer_unknown");
    city.complete(&offered, &holder).await.unwrap();
}

#[tokio::test]
async fn a_card_taken_out_before_it_was_enrolled_is_not_issued() {
    let city = City::new();
    let (card, code) = city.create_card(new_card()).await;
    let offered = city.roles().enrolment.begin(&code).await.unwrap();
    city.roles().cards.revoke(city.request(), &name("issuer"), card.number).await.unwrap();
    let refused = city.complete(&offered, &city.holder()).await.unwrap_err();
    assert_eq!(refused.reason(), "not_enrollable");
    let refused = city.roles().enrolment.begin(&code).await.unwrap_err();
    assert_eq!(refused.reason(), "not_enrollable");
    let short = NewCard { not_after: Some(time(100)), ..new_card() };
    let (_, code) = city.create_card(short).await;
    city.clock.set(100);
    let expired = city.roles().enrolment.begin(&code).await.unwrap_err();
    assert_eq!(expired.reason(), "not_enrollable");
}

#[tokio::test]
async fn a_registered_key_has_to_sign_and_an_unregistered_one_must_not() {
    let city = City::new();
    let registered = p256::ecdsa::SigningKey::from_slice(&[5; 32]).unwrap();
    let public = registered.verifying_key().to_sec1_point(true).as_bytes().try_into().unwrap();
    let (_, code) = city.create_card(NewCard { holder_key: Some(public), ..new_card() }).await;
    let offered = city.roles().enrolment.begin(&code).await.unwrap();
    assert!(offered.holder_signature_required);
    let holder = city.holder();
    let message = PossessionMessage::Offer(&offered.offer);
    let possession = holder.prove_possession(city.keys.id(), message, &city.random()).unwrap();
    let complete =
        |signature| city.roles().enrolment.complete(*offered.offer.nonce(), *holder.point(), possession, signature);
    assert_eq!(complete(None).await.unwrap_err().reason(), "holder_signature_required");
    assert_eq!(complete(Some([1; 64])).await.unwrap_err().reason(), "bad_signature");
    let request = holder_request(city.keys.id(), &offered.offer, holder.point());
    let signature: p256::ecdsa::Signature = registered.sign(&request);
    complete(Some(signature.to_bytes().into())).await.unwrap();

    let (_, code) = city.create_card(new_card()).await;
    let offered = city.roles().enrolment.begin(&code).await.unwrap();
    assert!(!offered.holder_signature_required);
    let message = PossessionMessage::Offer(&offered.offer);
    let possession = holder.prove_possession(city.keys.id(), message, &city.random()).unwrap();
    let unexpected =
        city.roles().enrolment.complete(*offered.offer.nonce(), *holder.point(), possession, Some([1; 64])).await;
    assert_eq!(unexpected.unwrap_err().reason(), "holder_signature_unexpected");
}
