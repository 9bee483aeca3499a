//! Asking the service for pseudonyms, and other requests that a card signs.

use crate::connect::refused;
use anyhow::{Context, Error, Result};
use rand_core::Rng;
use std::time::Duration;
use symbolon_api::v1::{
    GetChallengeRequest, PseudonymAnswer, PseudonymRefusal, PseudonymRequestState, RequestPseudonymsRequest,
    SignedRequest, pseudonym_service_client::PseudonymServiceClient,
};
use symbolon_ccks::{SigningKey, Suite, Time};
use symbolon_pseudonym::SealedAnswer;
use symbolon_tap::RequestDigest;
use symbolon_wallet::{ItemAnswer, PendingRequest};
use tonic::{Code, Status, transport::Channel};
use tonic_types::StatusExt;

const CHALLENGE_METHOD: &str = "/symbolon.v1.PseudonymService/GetChallenge";

/// How far a request for pseudonyms is.
pub(crate) enum Progress {
    /// Every item has its answer.
    Ready(Vec<ItemAnswer>),
    /// The same request is to be sent again after so long.
    Waiting(Duration),
}

/// Why a request for pseudonyms has no answer.
pub(crate) struct Unanswered {
    /// Whether the service refused it for good: it may be forgotten.
    pub(crate) is_final: bool,
    /// Whether the account does not reach for so many.
    pub(crate) lacks_funds: bool,
    /// In words.
    pub(crate) error: Error,
}

/// Signs a request with a card's key.
pub(crate) fn signed_request<S: Suite>(
    key: &SigningKey<S>,
    method: &str,
    body: Vec<u8>,
    now: Time,
    random: &mut impl Rng,
) -> Result<SignedRequest> {
    let (mut id, mut hedge) = ([0; 16], [0; 32]);
    random.fill_bytes(&mut id);
    random.fill_bytes(&mut hedge);
    let signature = RequestDigest::of(method, now, &id, &body)?.sign(key, &hedge)?;
    Ok(SignedRequest {
        credential: key.credential().context("a card's key has a credential")?.as_bytes().to_vec(),
        time_seconds: now.seconds(),
        request_id: id.to_vec(),
        body,
        signature: signature.as_bytes().to_vec(),
    })
}

/// Gets a challenge that a request may answer.
pub(crate) async fn challenge<S: Suite>(
    channel: Channel,
    key: &SigningKey<S>,
    now: Time,
    random: &mut impl Rng,
) -> Result<[u8; 32]> {
    let request = signed_request(key, CHALLENGE_METHOD, Vec::new(), now, random)?;
    let answer = PseudonymServiceClient::new(channel)
        .get_challenge(GetChallengeRequest { signed_request: Some(request) })
        .await
        .map_err(refused("asking for pseudonyms"))?;
    answer.into_inner().challenge.try_into().ok().context("the service's challenge has not 32 bytes")
}

/// A kept request as it is sent, the same bytes every time.
pub(crate) fn to_wire(pending: &PendingRequest) -> SignedRequest {
    SignedRequest {
        credential: pending.credential().as_bytes().to_vec(),
        time_seconds: pending.time().seconds(),
        request_id: pending.id().to_vec(),
        body: pending.body().to_vec(),
        signature: pending.signature().as_bytes().to_vec(),
    }
}

/// Sends a request for pseudonyms, the first time or again.
pub(crate) async fn send(channel: Channel, request: SignedRequest) -> Result<Progress, Unanswered> {
    let request = RequestPseudonymsRequest { signed_request: Some(request) };
    let answer = PseudonymServiceClient::new(channel).request_pseudonyms(request).await.map_err(unanswered)?;
    let answer = answer.into_inner();
    match answer.state() {
        PseudonymRequestState::Ready => {
            let answers = answer.answers.iter().map(item).collect::<Result<_>>();
            answers.map(Progress::Ready).map_err(|error| Unanswered { is_final: false, lacks_funds: false, error })
        }
        PseudonymRequestState::Waiting | PseudonymRequestState::Unspecified => {
            let after = answer.retry_after.and_then(|after| u64::try_from(after.seconds).ok()).unwrap_or(1);
            Ok(Progress::Waiting(Duration::from_secs(after.max(1))))
        }
    }
}

fn item(answer: &PseudonymAnswer) -> Result<ItemAnswer> {
    let refusal = answer.refusal();
    if refusal == PseudonymRefusal::Unspecified {
        let sealed = SealedAnswer::parse(&answer.sealed).context("an answer of the service cannot be read")?;
        return Ok(ItemAnswer::Sealed(sealed));
    }
    let name = refusal.as_str_name().trim_start_matches("PSEUDONYM_REFUSAL_");
    Ok(ItemAnswer::Refused(name.to_ascii_lowercase()))
}

fn unanswered(status: Status) -> Unanswered {
    let reason = status.get_details_error_info().map(|info| info.reason).unwrap_or_default();
    let is_final = match status.code() {
        Code::InvalidArgument
        | Code::NotFound
        | Code::AlreadyExists
        | Code::PermissionDenied
        | Code::FailedPrecondition
        | Code::OutOfRange
        | Code::Unauthenticated => true,
        // Else it is the service that is busy, or the network.
        _ => reason == "QUOTA_EXCEEDED" || reason == "INSUFFICIENT_FUNDS",
    };
    Unanswered {
        is_final,
        lacks_funds: reason == "INSUFFICIENT_FUNDS",
        error: refused("asking for pseudonyms")(status),
    }
}
