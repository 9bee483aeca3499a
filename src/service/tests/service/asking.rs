//! A wallet that asks for pseudonyms and pays with them.

use crate::{
    city::{City, reason_of},
    renewing::signed,
};
use std::time::{Duration, Instant};
use symbolon_api::v1::{self, PseudonymRequestState, pseudonym_service_client::PseudonymServiceClient};
use symbolon_ccks::{P256, Period, SigningKey};
use symbolon_pseudonym::{Asking, Issuance, ProfileId, RequestBody, SealedAnswer};
use symbolon_service::{Clock, attester::CHALLENGE_METHOD};
use tonic::{Code, Status, transport::Channel};

/// How long anything that a test waits for may take.
pub(crate) const PATIENCE: Duration = Duration::from_secs(60);
/// All sectors at the full fare.
const PROFILE: ProfileId = ProfileId(1);

/// A request that was signed, and what the wallet keeps to read its answer.
pub(crate) struct Asked {
    pub(crate) request: v1::RequestPseudonymsRequest,
    asking: Vec<Asking<P256>>,
    issuance: Issuance,
}

pub(crate) async fn service(city: &City) -> PseudonymServiceClient<Channel> {
    PseudonymServiceClient::new(city.public().await)
}

/// Signs a request for `count` pseudonyms of the present period.
pub(crate) async fn ask(city: &mut City, card: &SigningKey<P256>, count: u16) -> Asked {
    let mut service = service(city).await;
    let issuance = service.get_issuance(v1::GetIssuanceRequest {}).await.unwrap().into_inner().issuance;
    let issuance = Issuance::parse(&issuance).unwrap();
    let signed_request = Some(signed(city, card, CHALLENGE_METHOD, Vec::new()));
    let given = service.get_challenge(v1::GetChallengeRequest { signed_request }).await.unwrap().into_inner();
    let challenge = given.challenge.try_into().unwrap();
    let period = Period::at(city.clock.now(), issuance.boundary()).unwrap();
    let authority = *city.authority.id();
    let random = city.generator();
    let (asking, body) =
        Asking::begin_request(&authority, &issuance, period, PROFILE, challenge, count, random).unwrap();
    let signed_request = Some(signed(city, card, RequestBody::METHOD, body.encode()));
    Asked { request: v1::RequestPseudonymsRequest { signed_request }, asking, issuance }
}

impl Asked {
    /// Sends the request once.
    pub(crate) async fn send(&self, city: &City) -> Result<v1::RequestPseudonymsResponse, Status> {
        Ok(service(city).await.request_pseudonyms(self.request.clone()).await?.into_inner())
    }

    /// Sends the same request until it is answered, whatever role is away meanwhile.
    pub(crate) async fn until_ready(&self, city: &City) -> v1::RequestPseudonymsResponse {
        let began = Instant::now();
        loop {
            match self.send(city).await {
                Ok(answer) if answer.state() == PseudonymRequestState::Ready => return answer,
                Ok(answer) => assert_eq!(answer.state(), PseudonymRequestState::Waiting),
                Err(status) => {
                    assert_eq!((status.code(), reason_of(&status).as_str()), (Code::Unavailable, "ROLE_UNAVAILABLE"));
                }
            }
            assert!(began.elapsed() < PATIENCE, "the request is not answered");
            tokio::task::yield_now().await;
        }
    }

    /// Opens and checks the answers: the pseudonyms' keys.
    pub(crate) fn open(&self, city: &City, answer: &v1::RequestPseudonymsResponse) -> Vec<SigningKey<P256>> {
        assert_eq!(answer.answers.len(), self.asking.len());
        let open = |(asking, answer): (&Asking<P256>, &v1::PseudonymAnswer)| {
            assert_eq!(answer.refusal(), v1::PseudonymRefusal::Unspecified);
            let sealed = SealedAnswer::parse(&answer.sealed).unwrap();
            asking.complete(&city.authority, &self.issuance, &sealed).unwrap()
        };
        self.asking.iter().zip(&answer.answers).map(open).collect()
    }
}
