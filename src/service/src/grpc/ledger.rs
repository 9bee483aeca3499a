//! `LedgerService`.

use super::{caller, exchange::record_name, page::PageTokens, status};
use crate::{Client, Role, ServiceError, ledger::Ledger};
use std::mem;
use symbolon_api::{
    AccountName, EntryName, IssuerName, OperatorName,
    v1::{self, ledger_service_server::LedgerService},
};
use symbolon_ccks::{Name, Time};
use symbolon_store::{
    Store,
    records::{
        self, AccountKind, AccountRecord, EntryKind, NetPosition, PostingRecord, StatementLine, StatementRecord,
    },
};
use tonic::{Request, Response, Status};

pub(super) struct Adapter<D> {
    ledger: Ledger<D>,
    tokens: PageTokens,
}

impl<D: Store> Adapter<D> {
    pub(super) const fn new(ledger: Ledger<D>, tokens: PageTokens) -> Self {
        Self { ledger, tokens }
    }

    /// The account, if the client may see it.
    async fn viewed_account(&self, client: &Client, name: records::AccountName) -> Result<AccountRecord, Status> {
        let account = self.ledger.account(viewed(client), name).await?;
        if may_see(client, &account) { Ok(account) } else { Err(ServiceError::NotFound("account").into()) }
    }
}

#[tonic::async_trait]
impl<D: Store> LedgerService for Adapter<D> {
    async fn get_account(
        &self,
        request: Request<v1::GetAccountRequest>,
    ) -> Result<Response<v1::GetAccountResponse>, Status> {
        let client = caller::client(&request)?;
        let name = account_name("name", &request.get_ref().name)?;
        let account = self.viewed_account(&client, name).await?;
        Ok(Response::new(v1::GetAccountResponse { account: Some(account_to_wire(&account)) }))
    }

    async fn list_accounts(
        &self,
        request: Request<v1::ListAccountsRequest>,
    ) -> Result<Response<v1::ListAccountsResponse>, Status> {
        let client = caller::client(&request)?;
        let asked = request.get_ref();
        let list = format!("accounts for {client}");
        let page = self.tokens.page(&list, asked.page_size, &asked.page_token)?;
        let listed = self.ledger.accounts(viewed(&client), page).await?;
        let next_page_token = self.tokens.next(&list, page, listed.iter().map(|listed| listed.position));
        let seen = listed.iter().filter(|listed| may_see(&client, &listed.record));
        let accounts = seen.map(|listed| account_to_wire(&listed.record)).collect();
        Ok(Response::new(v1::ListAccountsResponse { accounts, next_page_token }))
    }

    async fn list_entries(
        &self,
        request: Request<v1::ListEntriesRequest>,
    ) -> Result<Response<v1::ListEntriesResponse>, Status> {
        let client = caller::client(&request)?;
        let asked = request.get_ref();
        let account = account_name("parent", &asked.parent)?;
        let list = format!("entries of {account} for {client}");
        let page = self.tokens.page(&list, asked.page_size, &asked.page_token)?;
        self.viewed_account(&client, account.clone()).await?;
        let listed = self.ledger.postings(viewed(&client), account, page).await?;
        let next_page_token = self.tokens.next(&list, page, listed.iter().map(|listed| listed.position));
        let entries = listed.iter().map(|listed| posting_to_wire(&listed.record)).collect();
        Ok(Response::new(v1::ListEntriesResponse { entries, next_page_token }))
    }

    async fn top_up_account(
        &self,
        request: Request<v1::TopUpAccountRequest>,
    ) -> Result<Response<v1::TopUpAccountResponse>, Status> {
        let client = caller::client(&request)?;
        let mut asked = request.into_inner();
        let id = mem::take(&mut asked.request_id);
        let identified = caller::identified(&client, "TopUpAccount", &id, &asked)?;
        let account = account_name("name", &asked.name)?;
        let topped_up = self.ledger.top_up(identified, client.name(), account, asked.amount).await;
        let topped_up = topped_up?;
        Ok(Response::new(v1::TopUpAccountResponse {
            account: Some(account_to_wire(&topped_up.account)),
            entry: Some(posting_to_wire(&topped_up.posting)),
        }))
    }

    async fn get_settlement_report(
        &self,
        request: Request<v1::GetSettlementReportRequest>,
    ) -> Result<Response<v1::GetSettlementReportResponse>, Status> {
        let client = caller::client(&request)?;
        let asked = request.get_ref();
        let operator = reported(&client, &asked.operator)?;
        let (from, until) = span(&asked.start_time, &asked.end_time)?;
        let report = self.ledger.settlement_report(operator.as_ref(), from, until).await?;
        let statements = report.iter().map(statement_to_wire).collect();
        Ok(Response::new(v1::GetSettlementReportResponse { statements }))
    }

    async fn get_netting(
        &self,
        request: Request<v1::GetNettingRequest>,
    ) -> Result<Response<v1::GetNettingResponse>, Status> {
        let asked = request.get_ref();
        let (from, until) = span(&asked.start_time, &asked.end_time)?;
        let positions = self.ledger.netting(from, until).await?;
        Ok(Response::new(v1::GetNettingResponse { positions: positions.iter().map(position_to_wire).collect() }))
    }

    async fn check_ledger(
        &self,
        _request: Request<v1::CheckLedgerRequest>,
    ) -> Result<Response<v1::CheckLedgerResponse>, Status> {
        let audit = self.ledger.check().await?;
        Ok(Response::new(v1::CheckLedgerResponse {
            balanced: audit.sum == 0 && audit.problems.is_empty(),
            // What the interface calls a posting is an entry of the store, whose postings are its sides.
            posting_count: audit.entries,
            account_count: audit.accounts,
            sum: audit.sum,
            problems: audit.problems,
        }))
    }
}

/// The time that a report is about.
fn span(start: &Option<prost_types::Timestamp>, end: &Option<prost_types::Timestamp>) -> Result<(Time, Time), Status> {
    let time = |field, time: &Option<_>| {
        let time = symbolon_api::required(field, time.as_ref());
        time.and_then(|time| symbolon_api::time_from_wire(field, time))
            .map_err(|invalid| status::invalid_field(&invalid))
    };
    Ok((time("start_time", start)?, time("end_time", end)?))
}

/// The operator whose report a client gets; `None` for all.
fn reported(client: &Client, asked: &str) -> Result<Option<Name>, Status> {
    let asked = (!asked.is_empty()).then(|| OperatorName::parse("operator", asked)).transpose();
    let asked = asked.map_err(|invalid| status::invalid_field(&invalid))?.map(OperatorName::into_identifier);
    match (client.role(), asked) {
        (Role::Auditor | Role::Administrator, asked) => Ok(asked),
        (_, Some(operator)) if operator != *client.name() => Err(ServiceError::NotFound("operator").into()),
        (_, _) => Ok(Some(*client.name())),
    }
}

/// The owner whose accounts a client sees; `None` for those who see all.
fn viewed(client: &Client) -> Option<&Name> {
    match client.role() {
        // The table of roles lets no officer in here; should it ever, they own nothing.
        Role::Issuer | Role::Operator | Role::AttesterOfficer | Role::ClearingOfficer => Some(client.name()),
        Role::Auditor | Role::Administrator => None,
    }
}

/// An owner is known by its name alone; an issuer and an operator of one name do not see each other's accounts.
fn may_see(client: &Client, account: &AccountRecord) -> bool {
    match client.role() {
        Role::Issuer => matches!(account.kind, AccountKind::Holder | AccountKind::Issuer),
        Role::Operator => account.kind == AccountKind::Operator,
        Role::Auditor | Role::Administrator => true,
        Role::AttesterOfficer | Role::ClearingOfficer => false,
    }
}

fn account_name(field: &'static str, name: &str) -> Result<records::AccountName, Status> {
    let name = AccountName::parse(field, name).map_err(|invalid| status::invalid_field(&invalid))?;
    Ok(records::AccountName::from_caller(name.identifier()))
}

fn account_name_to_wire(name: &records::AccountName) -> AccountName {
    AccountName::new(name.as_str().to_owned())
}

/// Whose an account is, in words of the interface.
fn owner_to_wire(kind: AccountKind, owner: Option<Name>) -> (v1::AccountKind, String) {
    let (kind, owner) = match kind {
        AccountKind::Holder => (v1::AccountKind::Holder, owner.map(issuer)),
        AccountKind::Operator => (v1::AccountKind::Operator, owner.map(operator)),
        AccountKind::Issuer => (v1::AccountKind::Issuer, owner.map(issuer)),
        AccountKind::Journeys => (v1::AccountKind::Clearing, None),
        AccountKind::Suspense => (v1::AccountKind::Suspense, None),
    };
    (kind, owner.unwrap_or_default())
}

fn account_to_wire(account: &AccountRecord) -> v1::Account {
    let (kind, owner) = owner_to_wire(account.kind, account.owner);
    v1::Account {
        name: account_name_to_wire(&account.name).to_string(),
        kind: kind.into(),
        owner,
        currency: account.currency.into(),
        balance: account.balance,
        create_time: Some(symbolon_api::time_to_wire(account.created)),
    }
}

fn issuer(name: Name) -> String {
    IssuerName::new(name).to_string()
}

fn operator(name: Name) -> String {
    OperatorName::new(name).to_string()
}

fn position_to_wire(position: &NetPosition) -> v1::NetPosition {
    let (kind, party) = owner_to_wire(position.kind, position.owner);
    v1::NetPosition {
        kind: kind.into(),
        party,
        currency: position.currency.into(),
        credited: position.credited,
        debited: position.debited,
        net: position.net(),
    }
}

fn statement_to_wire(statement: &StatementRecord) -> v1::Statement {
    let line = |line: &StatementLine| v1::StatementLine {
        kind: kind_to_wire(line.kind).into(),
        entry_count: line.postings,
        credited: line.credited,
        debited: line.debited,
    };
    v1::Statement {
        account: account_name_to_wire(&statement.account.name).to_string(),
        operator: statement.account.owner.map(operator).unwrap_or_default(),
        currency: statement.account.currency.into(),
        opening_balance: statement.opening,
        lines: statement.lines.iter().map(line).collect(),
        closing_balance: statement.closing(),
    }
}

const fn kind_to_wire(kind: EntryKind) -> v1::PostingKind {
    match kind {
        EntryKind::TopUp => v1::PostingKind::TopUp,
        EntryKind::Purchase => v1::PostingKind::Purchase,
        EntryKind::Entry => v1::PostingKind::Entry,
        EntryKind::Exit => v1::PostingKind::Exit,
        EntryKind::Refund => v1::PostingKind::Refund,
        EntryKind::Correction => v1::PostingKind::Correction,
        EntryKind::Charges => v1::PostingKind::Charges,
    }
}

fn posting_to_wire(posting: &PostingRecord) -> v1::Entry {
    let number = posting.entry.0.to_string();
    v1::Entry {
        name: EntryName::new(account_name_to_wire(&posting.account), number.clone()).to_string(),
        posting: number,
        kind: kind_to_wire(posting.kind).into(),
        amount: posting.amount,
        record: posting.record.map(|record| record_name(record).to_string()).unwrap_or_default(),
        create_time: Some(symbolon_api::time_to_wire(posting.time)),
    }
}
