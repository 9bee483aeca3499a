//! `TerminalService`.

use super::{caller, cards::credential_to_wire, page::PageTokens, status};
use crate::terminals::{NewTerminal, Terminals};
use std::mem;
use symbolon_api::{
    InvalidField, OperatorName, TerminalName,
    v1::{self, terminal_service_server::TerminalService},
};
use symbolon_store::{
    Store,
    records::{TerminalRecord, TerminalState},
};
use tonic::{Request, Response, Status};

pub(super) struct Adapter<D> {
    terminals: Terminals<D>,
    tokens: PageTokens,
}

impl<D: Store> Adapter<D> {
    pub(super) const fn new(terminals: Terminals<D>, tokens: PageTokens) -> Self {
        Self { terminals, tokens }
    }
}

#[tonic::async_trait]
impl<D: Store> TerminalService for Adapter<D> {
    async fn create_terminal(
        &self,
        request: Request<v1::CreateTerminalRequest>,
    ) -> Result<Response<v1::CreateTerminalResponse>, Status> {
        let client = caller::client(&request)?;
        let mut asked = request.into_inner();
        let id = mem::take(&mut asked.request_id);
        let identified = caller::identified(&client, "CreateTerminal", &id, &asked)?;
        let new = new_terminal(&asked).map_err(|invalid| status::invalid_field(&invalid))?;
        let created = self.terminals.create(identified, client.name(), new).await;
        let created = created.map_err(|error| status::of_service_error_within("terminal", &error))?;
        Ok(Response::new(v1::CreateTerminalResponse {
            terminal: Some(terminal_to_wire(&created.record)),
            activation_code: created.activation_code.expose().to_string(),
            activation_expire_time: Some(symbolon_api::time_to_wire(created.activation_expires)),
        }))
    }

    async fn get_terminal(
        &self,
        request: Request<v1::GetTerminalRequest>,
    ) -> Result<Response<v1::GetTerminalResponse>, Status> {
        let client = caller::client(&request)?;
        let subject = terminal_name(&request.get_ref().name)?.into_identifier();
        let terminal = self.terminals.get(client.name(), subject).await?;
        Ok(Response::new(v1::GetTerminalResponse { terminal: Some(terminal_to_wire(&terminal)) }))
    }

    async fn list_terminals(
        &self,
        request: Request<v1::ListTerminalsRequest>,
    ) -> Result<Response<v1::ListTerminalsResponse>, Status> {
        let client = caller::client(&request)?;
        let asked = request.get_ref();
        let list = format!("terminals of {}", client.name());
        let page = self.tokens.page(&list, asked.page_size, &asked.page_token)?;
        let listed = self.terminals.list(client.name(), page).await?;
        let next_page_token = self.tokens.next(&list, page, listed.iter().map(|listed| listed.position));
        let terminals = listed.iter().map(|listed| terminal_to_wire(&listed.record)).collect();
        Ok(Response::new(v1::ListTerminalsResponse { terminals, next_page_token }))
    }

    async fn retire_terminal(
        &self,
        request: Request<v1::RetireTerminalRequest>,
    ) -> Result<Response<v1::RetireTerminalResponse>, Status> {
        let client = caller::client(&request)?;
        let mut asked = request.into_inner();
        let id = mem::take(&mut asked.request_id);
        let identified = caller::identified(&client, "RetireTerminal", &id, &asked)?;
        let subject = terminal_name(&asked.name)?.into_identifier();
        let terminal = self.terminals.retire(identified, client.name(), subject).await?;
        Ok(Response::new(v1::RetireTerminalResponse { terminal: Some(terminal_to_wire(&terminal)) }))
    }
}

fn terminal_name(name: &str) -> Result<TerminalName, Status> {
    TerminalName::parse("name", name).map_err(|invalid| status::invalid_field(&invalid))
}

fn new_terminal(asked: &v1::CreateTerminalRequest) -> Result<NewTerminal, InvalidField> {
    let terminal = symbolon_api::required("terminal", asked.terminal.as_ref())?;
    let time = symbolon_api::optional_time;
    Ok(NewTerminal {
        number: terminal.number,
        sectors: symbolon_api::sectors_from_wire("terminal.sectors", &terminal.sectors)?,
        currency: symbolon_api::currency("terminal.currency", terminal.currency)?,
        not_before: time("terminal.not_before_time", terminal.not_before_time.as_ref())?,
        not_after: time("terminal.not_after_time", terminal.not_after_time.as_ref())?,
    })
}

fn terminal_to_wire(terminal: &TerminalRecord) -> v1::Terminal {
    let state = match terminal.state {
        TerminalState::Pending => v1::TerminalState::Pending,
        TerminalState::Active => v1::TerminalState::Active,
        TerminalState::Retired => v1::TerminalState::Retired,
    };
    v1::Terminal {
        name: TerminalName::new(terminal.subject).to_string(),
        state: state.into(),
        operator: OperatorName::new(terminal.operator).to_string(),
        number: Some(terminal.number()),
        sectors: symbolon_api::sectors_to_wire(terminal.sectors),
        currency: terminal.currency.into(),
        not_before_time: Some(symbolon_api::time_to_wire(terminal.not_before)),
        not_after_time: Some(symbolon_api::time_to_wire(terminal.not_after)),
        credential: terminal.credential.as_ref().map(credential_to_wire).unwrap_or_default(),
        create_time: Some(symbolon_api::time_to_wire(terminal.created)),
        update_time: Some(symbolon_api::time_to_wire(terminal.updated)),
    }
}
