//! `symbolon ledger`.

mod settlement;

use crate::{
    cli::LedgerCommand,
    connect::{ClientFile, refused},
    files::{self, Readers},
    output::Output,
    proof::ProofFile,
    source,
};
use anyhow::{Context, Result};
use serde_json::{Value, json};
use std::{fmt::Write, fs, path::Path, process::ExitCode};
use symbolon::calendar::{money, utc};
use symbolon_api::v1::{
    Account, AccountKind, CheckLedgerRequest, CheckLedgerResponse, Entry, ListAccountsRequest, ListEntriesRequest,
    ListMisuseProofsRequest, MisuseProof, PostingKind, TopUpAccountRequest,
    exchange_service_client::ExchangeServiceClient, ledger_service_client::LedgerServiceClient,
};
use tonic::{Code, transport::Channel};

/// Asked for in one answer.
const PAGE_SIZE: i32 = 1_000;

pub(super) fn run(command: &LedgerCommand, output: &Output) -> Result<ExitCode> {
    match command {
        LedgerCommand::Show { account, client } => {
            let client = ClientFile::read(client)?;
            match account {
                Some(account) => super::converse(show_entries(&client, account, output)),
                None => super::converse(show_accounts(&client, output)),
            }
        }
        LedgerCommand::TopUp { account, amount, client } => {
            super::converse(top_up(&ClientFile::read(client)?, account, *amount, output))
        }
        LedgerCommand::Report { day, operator, client } => {
            super::converse(settlement::report(&ClientFile::read(client)?, operator.as_deref(), day, output))
        }
        LedgerCommand::Netting { day, client } => {
            super::converse(settlement::netting(&ClientFile::read(client)?, day, output))
        }
        LedgerCommand::Collect { cursor, client } => {
            super::converse(settlement::collect(&ClientFile::read(client)?, cursor.as_deref(), output))
        }
        LedgerCommand::Refund { refund, purchase, client } => {
            super::converse(settlement::refund(&ClientFile::read(client)?, refund, purchase, output))
        }
        LedgerCommand::Void { entry, client } => {
            super::converse(settlement::void(&ClientFile::read(client)?, entry, output))
        }
        LedgerCommand::Misuse { out, client } => {
            super::converse(misuse(&ClientFile::read(client)?, out.as_deref(), output))
        }
    }
}

async fn show_accounts(client: &ClientFile, output: &Output) -> Result<ExitCode> {
    let channel = client.connect()?;
    let accounts = list_accounts(channel.clone()).await?;
    // Issuers and operators may not check the whole; they see their part.
    let check = match LedgerServiceClient::new(channel).check_ledger(CheckLedgerRequest {}).await {
        Ok(answer) => Some(answer.into_inner()),
        Err(status) if status.code() == Code::PermissionDenied => None,
        Err(status) => return Err(refused("checking the ledger")(status)),
    };
    let mut text = String::new();
    for account in &accounts {
        // Writing into a String cannot fail.
        let _ = writeln!(
            text,
            "{:<48}  {:<8}  {:<24} {:>16}",
            account.name,
            kind_name(account.kind),
            account.owner,
            money(account.balance, currency(account.currency)),
        );
    }
    let _ = match &check {
        Some(check) => writeln!(text, "\n{}", check_text(check)),
        None => writeln!(text, "\n{} accounts", accounts.len()),
    };
    let value = json!({
        "accounts": accounts.iter().map(account_to_json).collect::<Vec<_>>(),
        "check": check.as_ref().map(check_to_json),
    });
    output.answer(&text, &value)?;
    let sound = check.is_none_or(|check| check.balanced);
    Ok(if sound { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

fn check_text(check: &CheckLedgerResponse) -> String {
    let counted = format!("{} postings over {} accounts", check.posting_count, check.account_count);
    match check.balanced {
        true => format!("{counted} sum to {}: the ledger is balanced.", check.sum),
        false => format!("{counted} sum to {}: NOT balanced.\n{}", check.sum, check.problems.join("\n")),
    }
}

fn check_to_json(check: &CheckLedgerResponse) -> Value {
    json!({
        "balanced": check.balanced,
        "postings": check.posting_count,
        "accounts": check.account_count,
        "sum": check.sum,
        "problems": check.problems,
    })
}

/// All accounts that the caller may see.
pub(crate) async fn list_accounts(channel: Channel) -> Result<Vec<Account>> {
    let mut client = LedgerServiceClient::new(channel);
    let mut accounts = Vec::new();
    let mut page_token = String::new();
    loop {
        let request = ListAccountsRequest { page_size: PAGE_SIZE, page_token };
        let answer = client.list_accounts(request).await.map_err(refused("listing accounts"))?.into_inner();
        accounts.extend(answer.accounts);
        page_token = answer.next_page_token;
        if page_token.is_empty() {
            return Ok(accounts);
        }
    }
}

async fn show_entries(client: &ClientFile, account: &str, output: &Output) -> Result<ExitCode> {
    let mut ledger = LedgerServiceClient::new(client.connect()?);
    let request = symbolon_api::v1::GetAccountRequest { name: account.to_owned() };
    let answer = ledger.get_account(request).await.map_err(refused("asking for the account"))?;
    let found = answer.into_inner().account.unwrap_or_default();
    let mut entries: Vec<Entry> = Vec::new();
    let mut page_token = String::new();
    loop {
        let request = ListEntriesRequest { parent: account.to_owned(), page_size: PAGE_SIZE, page_token };
        let answer = ledger.list_entries(request).await.map_err(refused("listing entries"))?.into_inner();
        entries.extend(answer.entries);
        page_token = answer.next_page_token;
        if page_token.is_empty() {
            break;
        }
    }
    let mut text = String::new();
    for entry in &entries {
        let _ = writeln!(
            text,
            "{}  {:<10} {:>16}  {}",
            seconds(entry.create_time).map(utc).unwrap_or_default(),
            posting_name(entry.kind),
            money(entry.amount, currency(found.currency)),
            entry.record,
        );
    }
    let _ = writeln!(text, "\n{} has {}", found.name, money(found.balance, currency(found.currency)));
    let value = json!({
        "account": account_to_json(&found),
        "entries": entries.iter().map(entry_to_json).collect::<Vec<_>>(),
    });
    output.answer(&text, &value)?;
    Ok(ExitCode::SUCCESS)
}

async fn top_up(client: &ClientFile, account: &str, amount: u32, output: &Output) -> Result<ExitCode> {
    let request = TopUpAccountRequest {
        name: account.to_owned(),
        amount,
        request_id: source::request_id(&mut source::random()?),
    };
    let answer = LedgerServiceClient::new(client.connect()?)
        .top_up_account(request)
        .await
        .map_err(refused("topping up the account"))?
        .into_inner();
    let account = answer.account.unwrap_or_default();
    let balance = money(account.balance, currency(account.currency));
    let text = format!(
        "Credited {} with {}; it has {balance} now.",
        account.name,
        money(amount.into(), currency(account.currency))
    );
    output.answer(&text, &json!({ "account": account_to_json(&account) }))?;
    Ok(ExitCode::SUCCESS)
}

async fn misuse(client: &ClientFile, out: Option<&Path>, output: &Output) -> Result<ExitCode> {
    let proofs = list_misuse_proofs(client.connect()?).await?;
    let mut text = String::new();
    let mut listed = Vec::new();
    for proof in &proofs {
        let path = out.map(|folder| write_proof(folder, proof)).transpose()?;
        let shown = path.as_ref().map(|path| path.display().to_string()).unwrap_or_default();
        let _ = writeln!(text, "{}  {}  {shown}", proof.name, proof.card);
        listed.push(json!({ "name": proof.name, "card": proof.card, "file": path }));
    }
    let _ = writeln!(text, "{} misuse proofs", proofs.len());
    output.answer(&text, &json!({ "misuse_proofs": listed }))?;
    Ok(ExitCode::SUCCESS)
}

/// All misuse proofs that the caller may see.
pub(crate) async fn list_misuse_proofs(channel: Channel) -> Result<Vec<MisuseProof>> {
    let mut client = ExchangeServiceClient::new(channel);
    let mut proofs = Vec::new();
    let mut page_token = String::new();
    loop {
        let request = ListMisuseProofsRequest { page_size: PAGE_SIZE, page_token };
        let answer = client.list_misuse_proofs(request).await.map_err(refused("listing misuse proofs"))?.into_inner();
        proofs.extend(answer.misuse_proofs);
        page_token = answer.next_page_token;
        if page_token.is_empty() {
            return Ok(proofs);
        }
    }
}

/// Writes a proof into a file of its own for `verify-proof`.
pub(crate) fn write_proof(folder: &Path, proof: &MisuseProof) -> Result<std::path::PathBuf> {
    fs::create_dir_all(folder).with_context(|| format!("cannot make {}", folder.display()))?;
    let identifier = proof.name.rsplit('/').next().unwrap_or_default();
    let path = folder.join(format!("misuse-{identifier}.json"));
    let json = serde_json::to_vec_pretty(&ProofFile::from(proof)).context("cannot write the proof")?;
    files::replace(&path, &json, Readers::Owner)?;
    Ok(path)
}

fn account_to_json(account: &Account) -> Value {
    json!({
        "name": account.name,
        "kind": kind_name(account.kind),
        "owner": account.owner,
        "currency": account.currency,
        "balance": account.balance,
    })
}

fn entry_to_json(entry: &Entry) -> Value {
    json!({
        "name": entry.name,
        "posting": entry.posting,
        "kind": posting_name(entry.kind),
        "amount": entry.amount,
        "record": entry.record,
        "time": seconds(entry.create_time),
    })
}

fn kind_name(kind: i32) -> &'static str {
    match AccountKind::try_from(kind) {
        Ok(AccountKind::Holder) => "holder",
        Ok(AccountKind::Operator) => "operator",
        Ok(AccountKind::Issuer) => "issuer",
        Ok(AccountKind::Clearing) => "clearing",
        Ok(AccountKind::Suspense) => "suspense",
        Ok(AccountKind::Unspecified) | Err(_) => "unknown",
    }
}

fn posting_name(kind: i32) -> &'static str {
    match PostingKind::try_from(kind) {
        Ok(PostingKind::TopUp) => "top-up",
        Ok(PostingKind::Purchase) => "purchase",
        Ok(PostingKind::Entry) => "entry",
        Ok(PostingKind::Exit) => "exit",
        Ok(PostingKind::Refund) => "refund",
        Ok(PostingKind::Correction) => "correction",
        Ok(PostingKind::Charges) => "charges",
        Ok(PostingKind::Unspecified) | Err(_) => "unknown",
    }
}

fn currency(code: u32) -> u16 {
    u16::try_from(code).unwrap_or_default()
}

fn seconds(timestamp: Option<prost_types::Timestamp>) -> Option<u64> {
    timestamp.and_then(|timestamp| u64::try_from(timestamp.seconds).ok())
}
