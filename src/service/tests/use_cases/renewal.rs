//! Renewal: the present key asks for the next one.

use symbolon_ccks::{
    Class, Credential, EnrolmentKey, Identity, IdentityFields, Offer, P256, PossessionMessage, SigningKey,
};
use symbolon_service::{
    ServiceError,
    enrolment::{BEGIN_RENEWAL_METHOD, COMPLETE_RENEWAL_METHOD, Offered, RenewalBody, SignedRequest},
};
use symbolon_store::records::CardState;
use symbolon_tap::RequestDigest;

use crate::city::{ALL, City, name, time};

/// A request that `key` signs `after_start` seconds after the city's start.
fn signed(key: &SigningKey<P256>, method: &str, body: Vec<u8>, after_start: u64) -> SignedRequest {
    let (time, request_id) = (time(after_start), [6; 16]);
    let digest = RequestDigest::of(method, time, &request_id, &body).unwrap();
    let signature = digest.sign(key, &[8; 32]).unwrap();
    SignedRequest { credential: *key.credential().unwrap(), time, request_id, body, signature }
}

async fn begin(city: &City, key: &SigningKey<P256>, now: u64) -> Result<Offered, ServiceError> {
    city.clock.set(now);
    city.roles().enrolment.begin_renewal(signed(key, BEGIN_RENEWAL_METHOD, Vec::new(), now)).await
}

/// What completes the renewal of `key` with `holder`.
fn completion(
    city: &City,
    key: &SigningKey<P256>,
    holder: &EnrolmentKey<P256>,
    offer: &Offer,
    now: u64,
) -> SignedRequest {
    let possession = holder.prove_possession(city.keys.id(), PossessionMessage::Offer(offer), &city.random()).unwrap();
    let body = RenewalBody { nonce: *offer.nonce(), point: *holder.point(), possession };
    signed(key, COMPLETE_RENEWAL_METHOD, body.to_bytes(), now)
}

async fn renew(city: &City, key: &SigningKey<P256>, now: u64) -> Result<SigningKey<P256>, ServiceError> {
    let offered = begin(city, key, now).await?;
    let holder = city.holder();
    let enrolled = city.roles().enrolment.complete_renewal(completion(city, key, &holder, &offered.offer, now)).await?;
    let (identity, s) = (offered.offer.identity(), enrolled.contribution.as_bytes());
    Ok(holder.complete(city.keys.authority(), identity, &enrolled.credential, s).unwrap())
}

#[tokio::test]
async fn a_card_and_a_terminal_renew_into_a_new_window_of_validity() {
    let city = City::new();
    let (wallet, gate) = (city.wallet().await, city.gate("metro").await);
    for key in [&wallet.key, &gate.key] {
        let renewed = renew(&city, key, 1000).await.unwrap();
        let (before, after) = (key.credential().unwrap().identity(), renewed.credential().unwrap().identity());
        assert_eq!(before.subject(), after.subject());
        assert_eq!(after.not_before(), time(1000));
        assert_eq!(
            after.not_after().seconds() - after.not_before().seconds(),
            before.not_after().seconds() - before.not_before().seconds()
        );
    }
    let card = &city.roles().cards.list(&name("issuer"), ALL).await.unwrap()[0].record;
    assert_eq!(card.state, CardState::Active);
    assert_ne!(card.credential.as_ref(), Some(wallet.credential()));
}

#[tokio::test]
async fn only_the_newest_credential_renews() {
    let city = City::new();
    let wallet = city.wallet().await;
    let renewed = renew(&city, &wallet.key, 1000).await.unwrap();
    let refused = renew(&city, &wallet.key, 1001).await.unwrap_err();
    assert_eq!(refused.reason(), "not_enrollable");
    renew(&city, &renewed, 1001).await.unwrap();
}

#[tokio::test]
async fn of_two_offers_to_one_credential_one_is_taken() {
    let city = City::new();
    let wallet = city.wallet().await;
    let first = begin(&city, &wallet.key, 1000).await.unwrap();
    assert_eq!(begin(&city, &wallet.key, 1001).await.unwrap(), first, "it still stands");
    let later = 1000 + city.policy.offer_lifetime_seconds;
    let second = begin(&city, &wallet.key, later).await.unwrap();
    assert_ne!(first.offer.identity(), second.offer.identity());
    let holder = city.holder();
    let expired = completion(&city, &wallet.key, &holder, &first.offer, later);
    assert_eq!(city.roles().enrolment.complete_renewal(expired).await.unwrap_err().reason(), "offer_expired");
    let good = completion(&city, &wallet.key, &holder, &second.offer, later);
    let issued = city.roles().enrolment.complete_renewal(good.clone()).await.unwrap();
    let again = city.roles().enrolment.complete_renewal(good).await.unwrap();
    assert_eq!(issued.credential, again.credential);
}

#[tokio::test]
async fn another_holder_cannot_take_the_offer_nor_a_code_replace_the_signature() {
    let city = City::new();
    let (wallet, other) = (city.wallet().await, city.wallet().await);
    let offered = begin(&city, &wallet.key, 1000).await.unwrap();
    let holder = city.holder();
    let stolen = completion(&city, &other.key, &holder, &offered.offer, 1000);
    assert_eq!(city.roles().enrolment.complete_renewal(stolen).await.unwrap_err().reason(), "offer_unknown");
    assert_eq!(city.complete(&offered, &holder).await.unwrap_err().reason(), "offer_unknown");
}

#[tokio::test]
async fn what_is_not_signed_as_it_is_sent_is_refused() {
    let city = City::new();
    let wallet = city.wallet().await;
    city.clock.set(1000);
    let good = || signed(&wallet.key, BEGIN_RENEWAL_METHOD, Vec::new(), 1000);
    let other_method = signed(&wallet.key, COMPLETE_RENEWAL_METHOD, Vec::new(), 1000);
    let tampered = [
        (other_method, "bad_signature"),
        (SignedRequest { time: time(1001), ..good() }, "bad_signature"),
        (SignedRequest { request_id: [7; 16], ..good() }, "bad_signature"),
        (SignedRequest { body: vec![1], ..good() }, "bad_signature"),
        (signed(&wallet.key, BEGIN_RENEWAL_METHOD, Vec::new(), 1301), "stale_request"),
        (signed(&wallet.key, BEGIN_RENEWAL_METHOD, Vec::new(), 699), "stale_request"),
        (signed(&wallet.key, BEGIN_RENEWAL_METHOD, vec![1], 1000), "invalid_field"),
    ];
    for (request, reason) in tampered {
        let refused = city.roles().enrolment.begin_renewal(request.clone()).await.unwrap_err();
        assert_eq!(refused.reason(), reason, "{request:?}");
    }
    let short = signed(&wallet.key, COMPLETE_RENEWAL_METHOD, vec![1; 129], 1000);
    assert_eq!(city.roles().enrolment.complete_renewal(short).await.unwrap_err().reason(), "malformed");
    city.roles().enrolment.begin_renewal(good()).await.unwrap();
}

#[tokio::test]
async fn a_pseudonym_is_not_renewed_here_and_a_suspended_card_not_at_all() {
    let city = City::new();
    let wallet = city.wallet().await;
    let fields = IdentityFields { class: Class::Pseudonym, ..wallet.credential().identity().fields() };
    let pseudonym = Credential::new(Identity::new(fields).unwrap(), *wallet.credential().reconstruction_point());
    city.clock.set(1000);
    let good = signed(&wallet.key, BEGIN_RENEWAL_METHOD, Vec::new(), 1000);
    let refused = city.roles().enrolment.begin_renewal(SignedRequest { credential: pseudonym, ..good }).await;
    assert_eq!(refused.unwrap_err().reason(), "class_not_offered");
    city.roles().cards.suspend(city.request(), &name("issuer"), wallet.card.number).await.unwrap();
    let refused = begin(&city, &wallet.key, 1000).await.unwrap_err();
    assert_eq!(refused.reason(), "not_enrollable");
}

#[tokio::test]
async fn a_card_suspended_after_the_offer_is_not_issued_until_it_is_resumed() {
    let city = City::new();
    let wallet = city.wallet().await;
    let (issuer, number) = (name("issuer"), wallet.card.number);
    let offered = begin(&city, &wallet.key, 1000).await.unwrap();
    let holder = city.holder();
    let request = completion(&city, &wallet.key, &holder, &offered.offer, 1000);
    city.roles().cards.suspend(city.request(), &issuer, number).await.unwrap();
    let refused = city.roles().enrolment.complete_renewal(request.clone()).await.unwrap_err();
    assert_eq!(refused.reason(), "not_enrollable");
    city.roles().cards.resume(city.request(), &issuer, number).await.unwrap();
    city.roles().enrolment.complete_renewal(request).await.unwrap();
}
