//! `TraceService`.

use super::{caller, page::PageTokens, roles::Denied, status};
use crate::{Client, Role, attester::Attester, clearing::Clearing, enrolment::SignedRequest, links::ServiceRole};
use symbolon_api::{
    CardName, InvalidField,
    v1::{self, trace_service_server::TraceService},
};
use symbolon_ccks::{Subject, Suite};
use symbolon_store::{
    Page, Store,
    records::{CaseEvent, CaseRecord, TraceApprovalRecord, TraceAuditRecord},
};
use tonic::{Request, Response, Status};

/// Each role that runs here keeps its own record of cases.
pub(super) struct Adapter<S: Suite, D> {
    attester: Option<(Attester<S, D>, PageTokens)>,
    clearing: Option<(Clearing<D>, PageTokens)>,
}

impl<S: Suite, D: Store> Adapter<S, D> {
    pub(super) const fn new(
        attester: Option<(Attester<S, D>, PageTokens)>,
        clearing: Option<(Clearing<D>, PageTokens)>,
    ) -> Self {
        Self { attester, clearing }
    }

    fn attester(&self) -> Result<&(Attester<S, D>, PageTokens), Status> {
        self.attester.as_ref().ok_or_else(|| status::denied(Denied::ServedElsewhere(&[ServiceRole::Attester])))
    }

    fn clearing(&self) -> Result<&(Clearing<D>, PageTokens), Status> {
        self.clearing.as_ref().ok_or_else(|| status::denied(Denied::ServedElsewhere(&[ServiceRole::Clearing])))
    }

    /// Each role's pages are its own.
    fn tokens(&self, role: v1::TraceRole) -> Result<&PageTokens, Status> {
        match role {
            v1::TraceRole::Clearing => Ok(&self.clearing()?.1),
            v1::TraceRole::Attester | v1::TraceRole::Unspecified => Ok(&self.attester()?.1),
        }
    }

    async fn page(&self, role: v1::TraceRole, page: Page) -> Result<Vec<(u64, v1::Trace)>, Status> {
        match role {
            v1::TraceRole::Clearing => {
                let listed = self.clearing()?.0.cases(page).await?;
                Ok(listed.iter().map(|listed| (listed.position, case_to_wire(&listed.record))).collect())
            }
            v1::TraceRole::Attester | v1::TraceRole::Unspecified => {
                let listed = self.attester()?.0.approvals(page).await?;
                Ok(listed.iter().map(|listed| (listed.position, approval_to_wire(&listed.record))).collect())
            }
        }
    }
}

#[tonic::async_trait]
impl<S: Suite, D: Store> TraceService for Adapter<S, D> {
    async fn approve_trace(
        &self,
        request: Request<v1::ApproveTraceRequest>,
    ) -> Result<Response<v1::ApproveTraceResponse>, Status> {
        let client = caller::client(&request)?;
        let asked = request.get_ref();
        let subject = subject(&asked.subject)?;
        // The table of roles lets officers in here, and nobody else.
        let expires = match client.role() {
            Role::ClearingOfficer => self.clearing()?.0.approve(&asked.case_number, subject, client.name()).await?,
            _ => self.attester()?.0.approve(&asked.case_number, subject, client.name()).await?,
        };
        Ok(Response::new(v1::ApproveTraceResponse { expire_time: Some(symbolon_api::time_to_wire(expires)) }))
    }

    async fn open_trace(
        &self,
        request: Request<v1::OpenTraceRequest>,
    ) -> Result<Response<v1::OpenTraceResponse>, Status> {
        let client = caller::client(&request)?;
        let asked = request.get_ref();
        let subject = subject(&asked.subject)?;
        let opened = self.attester()?.0.open(&asked.case_number, subject, client.name()).await?;
        let evidence = opened.evidence;
        Ok(Response::new(v1::OpenTraceResponse {
            card: CardName::new(opened.card).to_string(),
            credential: evidence.archived.credential.as_bytes().to_vec(),
            enrolment_point: evidence.archived.point.as_bytes().to_vec(),
            salt: evidence.archived.salt.to_vec(),
            contribution: evidence.archived.contribution.to_vec(),
            request: Some(signed_to_wire(evidence.request)),
            position: evidence.position,
            opened: Some(opened_to_wire(&opened.audit)),
        }))
    }

    async fn list_traces(
        &self,
        request: Request<v1::ListTracesRequest>,
    ) -> Result<Response<v1::ListTracesResponse>, Status> {
        let client = caller::client(&request)?;
        let asked = request.get_ref();
        let role = viewed(&client, asked.role()).map_err(|invalid| status::invalid_field(&invalid))?;
        let list = format!("traces of {} for {client}", role.as_str_name());
        let tokens = self.tokens(role)?;
        let page = tokens.page(&list, asked.page_size, &asked.page_token)?;
        let listed = self.page(role, page).await?;
        let next_page_token = tokens.next(&list, page, listed.iter().map(|(position, _)| *position));
        let traces = listed.into_iter().map(|(_, trace)| trace).collect();
        Ok(Response::new(v1::ListTracesResponse { traces, next_page_token }))
    }
}

fn subject(bytes: &[u8]) -> Result<Subject, Status> {
    let bytes = symbolon_api::bytes("subject", bytes).map_err(|invalid| status::invalid_field(&invalid))?;
    Ok(Subject::from_bytes(*bytes))
}

/// Whose record a client sees.
fn viewed(client: &Client, asked: v1::TraceRole) -> Result<v1::TraceRole, InvalidField> {
    let own = match client.role() {
        Role::ClearingOfficer => Some(v1::TraceRole::Clearing),
        Role::AttesterOfficer => Some(v1::TraceRole::Attester),
        Role::Issuer | Role::Operator | Role::Auditor | Role::Administrator => None,
    };
    match (own, asked) {
        (Some(own), asked) if asked == own || asked == v1::TraceRole::Unspecified => Ok(own),
        (Some(_), _) => Err(InvalidField::new("role", "an officer sees the record of the own role alone")),
        (None, v1::TraceRole::Unspecified) => Err(InvalidField::new("role", "required: whose record")),
        (None, asked) => Ok(asked),
    }
}

fn signed_to_wire(signed: SignedRequest) -> v1::SignedRequest {
    v1::SignedRequest {
        credential: signed.credential.as_bytes().to_vec(),
        time_seconds: signed.time.seconds(),
        request_id: signed.request_id.to_vec(),
        body: signed.body,
        signature: signed.signature.as_bytes().to_vec(),
    }
}

fn approval_to_wire(approval: &TraceApprovalRecord) -> v1::Trace {
    v1::Trace {
        case_number: approval.case_number.clone(),
        subject: Vec::new(),
        approved_by: approval.officer.clone(),
        event_time: Some(symbolon_api::time_to_wire(approval.approved)),
        opened: false,
    }
}

fn case_to_wire(case: &CaseRecord) -> v1::Trace {
    v1::Trace {
        case_number: case.case.clone(),
        subject: case.subject.as_bytes().to_vec(),
        approved_by: case.officer.to_string(),
        event_time: Some(symbolon_api::time_to_wire(case.time)),
        opened: case.event == CaseEvent::Opened,
    }
}

pub(super) fn opened_to_wire(audit: &TraceAuditRecord) -> v1::OpenedTrace {
    v1::OpenedTrace {
        case_number: audit.case_number.clone(),
        period: audit.period.number(),
        attester_officer: audit.attester_officer.clone(),
        attester_approve_time: Some(symbolon_api::time_to_wire(audit.attester_approved)),
        clearing_officer: audit.clearing_officer.clone(),
        clearing_approve_time: Some(symbolon_api::time_to_wire(audit.clearing_approved)),
        opened_by: audit.opened_by.clone(),
        open_time: Some(symbolon_api::time_to_wire(audit.opened)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use symbolon_ccks::Name;

    #[test]
    fn an_officer_sees_the_record_of_the_own_role_alone() {
        let client = |role| Client::new(role, Name::parse("li").unwrap());
        let (of_attester, of_clearing) = (client(Role::AttesterOfficer), client(Role::ClearingOfficer));
        let auditor = client(Role::Auditor);
        let [none, attester, clearing] = [v1::TraceRole::Unspecified, v1::TraceRole::Attester, v1::TraceRole::Clearing];
        assert_eq!((viewed(&of_attester, none), viewed(&of_clearing, none)), (Ok(attester), Ok(clearing)));
        assert!(viewed(&of_attester, clearing).is_err() && viewed(&of_clearing, attester).is_err());
        assert!(viewed(&auditor, none).is_err());
        assert_eq!((viewed(&auditor, attester), viewed(&auditor, clearing)), (Ok(attester), Ok(clearing)));
    }
}
