//! `EnrolmentService`.

use super::{attempts::Attempts, caller, status};
use crate::{
    ServiceError,
    enrolment::{Enrolled, Enrolment, Offered, SignedRequest},
};
use std::{net::IpAddr, time::Instant};
use symbolon_api::{
    InvalidField,
    v1::{self, enrolment_service_server::EnrolmentService},
};
use symbolon_ccks::{AuthorityId, CompressedPoint, Credential, Malformed, Signature, Suite, Time};
use symbolon_store::Store;
use tonic::{Request, Response, Status};

pub(super) struct Adapter<S: Suite, D> {
    enrolment: Enrolment<S, D>,
    authority_id: AuthorityId,
    attempts: Attempts,
}

impl<S: Suite, D: Store> Adapter<S, D> {
    pub(super) const fn new(enrolment: Enrolment<S, D>, authority_id: AuthorityId, attempts: Attempts) -> Self {
        Self { enrolment, authority_id, attempts }
    }

    /// Trades a code, unless too many that are none came from this address.
    async fn begin(&self, address: Option<IpAddr>, code: &str) -> Result<Offered, Status> {
        let may_try = address.is_none_or(|address| self.attempts.may_try(address, Instant::now()));
        if !may_try {
            return Err(status::too_many_attempts());
        }
        let offered = self.enrolment.begin(code).await;
        if let (Some(address), Err(ServiceError::ActivationCodeInvalid)) = (address, &offered) {
            self.attempts.failed(address, Instant::now());
        }
        Ok(offered?)
    }
}

#[tonic::async_trait]
impl<S: Suite, D: Store> EnrolmentService for Adapter<S, D> {
    async fn begin_enrolment(
        &self,
        request: Request<v1::BeginEnrolmentRequest>,
    ) -> Result<Response<v1::BeginEnrolmentResponse>, Status> {
        let offered = self.begin(caller::address(&request), &request.get_ref().activation_code).await?;
        Ok(Response::new(v1::BeginEnrolmentResponse {
            offer: offered.offer.as_bytes().to_vec(),
            expire_time: Some(symbolon_api::time_to_wire(offered.expires)),
            authority_id: self.authority_id.as_bytes().to_vec(),
            holder_signature_required: offered.holder_signature_required,
        }))
    }

    async fn complete_enrolment(
        &self,
        request: Request<v1::CompleteEnrolmentRequest>,
    ) -> Result<Response<v1::CompleteEnrolmentResponse>, Status> {
        let Completion { nonce, point, possession, holder_signature } =
            completion(request.get_ref()).map_err(|invalid| status::invalid_field(&invalid))?;
        let enrolled = self.enrolment.complete(nonce, point, possession, holder_signature).await;
        let (credential, contribution) = enrolled_to_wire(&enrolled?);
        Ok(Response::new(v1::CompleteEnrolmentResponse { credential, contribution }))
    }

    async fn begin_renewal(
        &self,
        request: Request<v1::BeginRenewalRequest>,
    ) -> Result<Response<v1::BeginRenewalResponse>, Status> {
        let signed = signed_request(request.get_ref().signed_request.as_ref())?;
        let offered = self.enrolment.begin_renewal(signed).await?;
        Ok(Response::new(v1::BeginRenewalResponse {
            offer: offered.offer.as_bytes().to_vec(),
            expire_time: Some(symbolon_api::time_to_wire(offered.expires)),
        }))
    }

    async fn complete_renewal(
        &self,
        request: Request<v1::CompleteRenewalRequest>,
    ) -> Result<Response<v1::CompleteRenewalResponse>, Status> {
        let signed = signed_request(request.get_ref().signed_request.as_ref())?;
        let enrolled = self.enrolment.complete_renewal(signed).await?;
        let (credential, contribution) = enrolled_to_wire(&enrolled);
        Ok(Response::new(v1::CompleteRenewalResponse { credential, contribution }))
    }
}

struct Completion {
    nonce: [u8; 32],
    point: CompressedPoint,
    possession: Signature,
    holder_signature: Option<[u8; 64]>,
}

fn completion(asked: &v1::CompleteEnrolmentRequest) -> Result<Completion, InvalidField> {
    let holder_signature = (!asked.holder_signature.is_empty())
        .then(|| symbolon_api::bytes::<64>("holder_signature", &asked.holder_signature))
        .transpose()?;
    Ok(Completion {
        nonce: *symbolon_api::bytes("offer_nonce", &asked.offer_nonce)?,
        point: *parsed("enrolment_point", CompressedPoint::parse(&asked.enrolment_point))?,
        possession: *parsed("possession", Signature::parse(&asked.possession))?,
        holder_signature: holder_signature.copied(),
    })
}

pub(super) fn signed_request(signed: Option<&v1::SignedRequest>) -> Result<SignedRequest, Status> {
    let read = || {
        let signed = symbolon_api::required("signed_request", signed)?;
        Ok(SignedRequest {
            credential: *parsed("signed_request.credential", Credential::parse(&signed.credential))?,
            time: parsed("signed_request.time_seconds", Time::new(signed.time_seconds))?,
            request_id: *symbolon_api::bytes("signed_request.request_id", &signed.request_id)?,
            body: signed.body.clone(),
            signature: *parsed("signed_request.signature", Signature::parse(&signed.signature))?,
        })
    };
    read().map_err(|invalid| status::invalid_field(&invalid))
}

fn parsed<T>(field: &'static str, parsed: Result<T, Malformed>) -> Result<T, InvalidField> {
    parsed.map_err(|malformed| InvalidField::new(field, malformed.problem))
}

fn enrolled_to_wire(enrolled: &Enrolled) -> (Vec<u8>, Vec<u8>) {
    (enrolled.credential.as_bytes().to_vec(), enrolled.contribution.as_bytes().to_vec())
}
