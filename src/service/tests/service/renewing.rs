//! Renewal: requests that the present key signs.

use crate::city::{City, reason};
use symbolon_api::v1;
use symbolon_ccks::{Offer, P256, SigningKey};
use symbolon_service::{
    Clock,
    enrolment::{BEGIN_RENEWAL_METHOD, COMPLETE_RENEWAL_METHOD},
};
use symbolon_tap::RequestDigest;

pub(crate) fn signed(city: &mut City, key: &SigningKey<P256>, method: &str, body: Vec<u8>) -> v1::SignedRequest {
    let time = city.clock.now();
    let mut request_id = [0; 16];
    request_id.copy_from_slice(&city.random()[..16]);
    let digest = RequestDigest::of(method, time, &request_id, &body).unwrap();
    let signature = digest.sign(key, &city.random()).unwrap();
    v1::SignedRequest {
        credential: key.credential().unwrap().as_bytes().to_vec(),
        time_seconds: time.seconds(),
        request_id: request_id.to_vec(),
        body,
        signature: signature.as_bytes().to_vec(),
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_present_key_asks_for_the_next() {
    let mut city = City::found().await;
    let created = city.create_card("bank").await;
    let key = city.enrol(&created.activation_code).await;
    city.clock.advance(1_000);
    let mut enrolment = city.enrolment().await;
    let begin = signed(&mut city, &key, BEGIN_RENEWAL_METHOD, Vec::new());
    let begun = enrolment.begin_renewal(v1::BeginRenewalRequest { signed_request: Some(begin) }).await.unwrap();
    let offer = *Offer::parse(&begun.into_inner().offer).unwrap();
    let present = key.credential().unwrap().identity();
    assert_eq!(offer.identity().subject(), present.subject());
    assert_ne!(offer.identity(), present);

    let (next, complete) = city.completion(&offer);
    let body = [complete.offer_nonce, complete.enrolment_point, complete.possession].concat();
    let complete = signed(&mut city, &key, COMPLETE_RENEWAL_METHOD, body);
    let request = v1::CompleteRenewalRequest { signed_request: Some(complete) };
    let first = enrolment.complete_renewal(request.clone()).await.unwrap().into_inner();
    let again = enrolment.complete_renewal(request).await.unwrap().into_inner();
    assert!(first == again);
    let completed = v1::CompleteEnrolmentResponse { credential: first.credential, contribution: first.contribution };
    city.finish(&next, &offer, &completed);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_request_for_another_method_time_or_body_is_refused() {
    let mut city = City::found().await;
    let created = city.create_card("bank").await;
    let key = city.enrol(&created.activation_code).await;
    let mut enrolment = city.enrolment().await;
    let request = |signed| v1::BeginRenewalRequest { signed_request: Some(signed) };

    let other_method = signed(&mut city, &key, COMPLETE_RENEWAL_METHOD, Vec::new());
    assert_eq!(reason(enrolment.begin_renewal(request(other_method)).await), "BAD_SIGNATURE");
    let mut other_time = signed(&mut city, &key, BEGIN_RENEWAL_METHOD, Vec::new());
    let stale = other_time.clone();
    other_time.time_seconds += 1;
    assert_eq!(reason(enrolment.begin_renewal(request(other_time)).await), "BAD_SIGNATURE");
    let body = signed(&mut city, &key, BEGIN_RENEWAL_METHOD, vec![1]);
    assert_eq!(reason(enrolment.begin_renewal(request(body)).await), "INVALID_FIELD");
    city.clock.advance(city.config.enrolment.clock_difference_seconds + 1);
    assert_eq!(reason(enrolment.begin_renewal(request(stale)).await), "STALE_REQUEST");
    assert_eq!(reason(enrolment.begin_renewal(v1::BeginRenewalRequest::default()).await), "INVALID_FIELD");
}
