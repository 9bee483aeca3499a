//! A wallet that asks for pseudonyms over the interface.

use crate::{PATIENCE, cards::signed_request, holder::Holder, office::reason};
use rand_chacha::ChaCha20Rng;
use std::time::{Duration, Instant};
use symbolon_api::v1::{
    GetChallengeRequest, GetIssuanceRequest, PseudonymRequestState, RequestPseudonymsRequest,
    RequestPseudonymsResponse, pseudonym_service_client::PseudonymServiceClient,
};
use symbolon_ccks::{Authority, CompressedPoint, P256, Period};
use symbolon_pseudonym::{Asking, Issuance, RequestBody, SealedAnswer};
use tonic::{Code, Status, transport::Channel};

const CHALLENGE: &str = "/symbolon.v1.PseudonymService/GetChallenge";
/// Between two times that the same request is sent.
const PAUSE: Duration = Duration::from_millis(100);

/// A request that the card has signed, and what the wallet keeps to read its answer.
pub(crate) struct Asked {
    request: RequestPseudonymsRequest,
    asking: Vec<Asking<P256>>,
    issuance: Issuance,
}

/// Signs a request for `count` pseudonyms of the present period.
pub(crate) async fn ask(
    public: &Channel,
    authority: &Authority<'_, P256>,
    card: &Holder,
    count: u16,
    random: &mut ChaCha20Rng,
) -> Asked {
    let mut service = PseudonymServiceClient::new(public.clone());
    let published = service.get_issuance(GetIssuanceRequest {}).await.unwrap().into_inner();
    let issuance = Issuance::parse(&published.issuance).unwrap();
    let signed = Some(signed_request(card, CHALLENGE, Vec::new(), random));
    let given = service.get_challenge(GetChallengeRequest { signed_request: signed }).await.unwrap().into_inner();
    let challenge = given.challenge.try_into().unwrap();
    let period = Period::at(crate::holder::now(), issuance.boundary()).unwrap();
    let profile = issuance.profile_for(card.credential().identity()).unwrap().id();
    let asking = Asking::begin_request(authority.id(), &issuance, period, profile, challenge, count, random);
    let (asking, body) = asking.unwrap();
    let signed_request = Some(signed_request(card, RequestBody::METHOD, body.encode(), random));
    Asked { request: RequestPseudonymsRequest { signed_request }, asking, issuance }
}

impl Asked {
    /// Sends the request once.
    pub(crate) async fn send(&self, public: &Channel) -> Result<RequestPseudonymsResponse, Status> {
        let mut service = PseudonymServiceClient::new(public.clone());
        Ok(service.request_pseudonyms(self.request.clone()).await?.into_inner())
    }

    /// Sends the same request until it is answered, whatever role is away meanwhile.
    pub(crate) async fn until_ready(&self, public: &Channel) -> RequestPseudonymsResponse {
        let began = Instant::now();
        loop {
            match self.send(public).await {
                Ok(answer) if answer.state() == PseudonymRequestState::Ready => return answer,
                Ok(answer) => assert!(answer.retry_after.is_some(), "{answer:?}"),
                Err(status) => {
                    assert_eq!((status.code(), reason(&status).as_str()), (Code::Unavailable, "ROLE_UNAVAILABLE"));
                }
            }
            assert!(began.elapsed() < PATIENCE, "the request is not answered");
            tokio::time::sleep(PAUSE).await;
        }
    }

    /// U of each pseudonym.
    pub(crate) fn points(&self) -> Vec<CompressedPoint> {
        self.asking.iter().map(|asking| *asking.point()).collect()
    }

    /// Opens and checks the answers.
    pub(crate) fn open(&self, authority: &Authority<'_, P256>, answer: &RequestPseudonymsResponse) -> Vec<Holder> {
        assert_eq!(answer.answers.len(), self.asking.len());
        let answered = self.asking.iter().zip(&answer.answers).map(|(asking, answer)| {
            let sealed = SealedAnswer::parse(&answer.sealed).unwrap();
            Holder::of_key(asking.complete(authority, &self.issuance, &sealed).unwrap())
        });
        answered.collect()
    }
}
