//! `PseudonymService`.

use super::{cards::state_to_wire, enrolment::signed_request, refusal::to_wallet, trace::opened_to_wire};
use crate::{
    attester::{Attester, Holdings, PeriodUse, Pseudonyms},
    links::{ItemRefusal, ServiceRole},
};
use symbolon_api::v1::{self, pseudonym_service_server::PseudonymService};
use symbolon_ccks::{Period, Suite};
use symbolon_pseudonym::SealedAnswer;
use symbolon_store::Store;
use tonic::{Request, Response, Status};

pub(super) struct Adapter<S: Suite, D> {
    attester: Attester<S, D>,
    /// Those that run in this process.
    roles: Vec<ServiceRole>,
}

impl<S: Suite, D: Store> Adapter<S, D> {
    pub(super) const fn new(attester: Attester<S, D>, roles: Vec<ServiceRole>) -> Self {
        Self { attester, roles }
    }
}

#[tonic::async_trait]
impl<S: Suite, D: Store> PseudonymService for Adapter<S, D> {
    async fn get_issuance(
        &self,
        _request: Request<v1::GetIssuanceRequest>,
    ) -> Result<Response<v1::GetIssuanceResponse>, Status> {
        Ok(Response::new(v1::GetIssuanceResponse { issuance: self.attester.issuance().encode() }))
    }

    async fn get_challenge(
        &self,
        request: Request<v1::GetChallengeRequest>,
    ) -> Result<Response<v1::GetChallengeResponse>, Status> {
        let signed = signed_request(request.get_ref().signed_request.as_ref())?;
        let given = self.attester.challenge(signed).await?;
        Ok(Response::new(v1::GetChallengeResponse {
            challenge: given.challenge.to_vec(),
            expire_time: Some(symbolon_api::time_to_wire(given.expires)),
        }))
    }

    async fn request_pseudonyms(
        &self,
        request: Request<v1::RequestPseudonymsRequest>,
    ) -> Result<Response<v1::RequestPseudonymsResponse>, Status> {
        let signed = signed_request(request.get_ref().signed_request.as_ref())?;
        Ok(Response::new(pseudonyms_to_wire(&self.attester.request(signed).await?)))
    }

    async fn get_privacy(
        &self,
        request: Request<v1::GetPrivacyRequest>,
    ) -> Result<Response<v1::GetPrivacyResponse>, Status> {
        let signed = signed_request(request.get_ref().signed_request.as_ref())?;
        let view = self.attester.privacy(signed).await?;
        Ok(Response::new(v1::GetPrivacyResponse {
            card_state: state_to_wire(view.state).into(),
            period: view.period.number(),
            per_period: view.per_period.into(),
            uses: view.uses.iter().map(use_to_wire).collect(),
            published_from_period: view.published_from.map(Period::number),
            roles_together: self.roles.iter().map(ToString::to_string).collect(),
            opened: view.traces.iter().map(opened_to_wire).collect(),
        }))
    }

    async fn export_holdings(
        &self,
        request: Request<v1::ExportHoldingsRequest>,
    ) -> Result<Response<v1::ExportHoldingsResponse>, Status> {
        let signed = signed_request(request.get_ref().signed_request.as_ref())?;
        let holdings = holdings_to_wire(&self.attester.export(signed).await?);
        Ok(Response::new(v1::ExportHoldingsResponse { holdings }))
    }
}

fn pseudonyms_to_wire(pseudonyms: &Pseudonyms) -> v1::RequestPseudonymsResponse {
    match pseudonyms {
        Pseudonyms::Ready(answers) => v1::RequestPseudonymsResponse {
            state: v1::PseudonymRequestState::Ready.into(),
            retry_after: None,
            answers: answers.iter().map(answer_to_wire).collect(),
        },
        Pseudonyms::Waiting { retry_after_seconds } => v1::RequestPseudonymsResponse {
            state: v1::PseudonymRequestState::Waiting.into(),
            retry_after: Some(prost_types::Duration {
                seconds: i64::try_from(*retry_after_seconds).unwrap_or(i64::MAX),
                nanos: 0,
            }),
            answers: Vec::new(),
        },
    }
}

fn answer_to_wire(answer: &Result<SealedAnswer, ItemRefusal>) -> v1::PseudonymAnswer {
    match answer {
        Ok(sealed) => v1::PseudonymAnswer { sealed: sealed.as_bytes().to_vec(), refusal: 0 },
        Err(refusal) => v1::PseudonymAnswer { sealed: Vec::new(), refusal: to_wallet(*refusal).into() },
    }
}

fn use_to_wire(used: &PeriodUse) -> v1::PseudonymUse {
    v1::PseudonymUse {
        period: used.period.number(),
        asked_count: used.asked.into(),
        issued_count: used.issued.into(),
        outstanding: used.outstanding,
    }
}

fn holdings_to_wire(holdings: &Holdings) -> Vec<v1::RoleHoldings> {
    let open = |role: ServiceRole, json| v1::RoleHoldings { role: role.to_string(), json, sealed: Vec::new() };
    let linkage = holdings.linkage.iter().zip([ServiceRole::LinkageA, ServiceRole::LinkageB]);
    let sealed = v1::RoleHoldings {
        role: ServiceRole::Clearing.to_string(),
        json: String::new(),
        sealed: holdings.clearing.clone(),
    };
    [open(ServiceRole::Attester, holdings.attester.clone())]
        .into_iter()
        .chain(linkage.map(|(holding, role)| open(role, Holdings::linkage_json(holding))))
        .chain([sealed])
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_waiting_request_says_when_to_come_again() {
        let waiting = pseudonyms_to_wire(&Pseudonyms::Waiting { retry_after_seconds: 7 });
        assert_eq!(waiting.state(), v1::PseudonymRequestState::Waiting);
        assert_eq!(waiting.retry_after.unwrap().seconds, 7);
        let ready = pseudonyms_to_wire(&Pseudonyms::Ready(vec![Err(ItemRefusal::PointUsed)]));
        assert_eq!(ready.answers[0].refusal(), v1::PseudonymRefusal::PointUsed);
        assert!(ready.retry_after.is_none() && ready.answers[0].sealed.is_empty());
    }
}
