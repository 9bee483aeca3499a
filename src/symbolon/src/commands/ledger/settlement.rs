//! What operators do in settlement: collect, refund, void, and the report of a day.

use super::{currency, kind_name as account_kind_name, posting_name};
use crate::{
    connect::{ClientFile, refused},
    output::Output,
};
use anyhow::{Context, Result};
use serde_json::{Value, json};
use std::{fmt::Write, process::ExitCode};
use symbolon::calendar::{day_begins, money};
use symbolon_api::v1::{
    AuthoriseRefundRequest, CollectRecordsRequest, CollectedRecord, GetNettingRequest, GetSettlementReportRequest,
    NetPosition, Record, RecordEvent, RecordKind, Statement, VoidJourneyRequest,
    exchange_service_client::ExchangeServiceClient, ledger_service_client::LedgerServiceClient,
};

const DAY_SECONDS: i64 = 86_400;

/// The report of a day as CSV: a line for each account and why, one with the balances where nothing was posted.
pub(super) async fn report(
    client: &ClientFile,
    operator: Option<&str>,
    day: &str,
    output: &Output,
) -> Result<ExitCode> {
    let [start_time, end_time] = ends_of(day)?;
    let operator = operator.map(|operator| format!("operators/{operator}")).unwrap_or_default();
    let request = GetSettlementReportRequest { operator, start_time, end_time };
    let answer = LedgerServiceClient::new(client.connect()?).get_settlement_report(request).await;
    let statements = answer.map_err(refused("asking for the report"))?.into_inner().statements;
    let mut csv = String::from("day,operator,account,currency,line,entries,credited,debited,net\n");
    for statement in &statements {
        let mut line = |line: &str, entries: u64, credited: i64, debited: i64, net: i64| {
            let Statement { operator, account, currency, .. } = statement;
            // No name has a comma or a quotation mark in it; and writing into a String cannot fail.
            let _ = writeln!(csv, "{day},{operator},{account},{currency},{line},{entries},{credited},{debited},{net}");
        };
        line("opening", 0, 0, 0, statement.opening_balance);
        for posted in &statement.lines {
            let net = posted.credited - posted.debited;
            line(posting_name(posted.kind), posted.entry_count, posted.credited, posted.debited, net);
        }
        line("closing", 0, 0, 0, statement.closing_balance);
    }
    output.answer(
        csv.trim_end(),
        &json!({ "day": day, "statements": statements.iter().map(statement).collect::<Vec<_>>() }),
    )?;
    Ok(ExitCode::SUCCESS)
}

/// When a day begins, and when it ends.
fn ends_of(day: &str) -> Result<[Option<prost_types::Timestamp>; 2]> {
    let begins = day_begins(day).with_context(|| format!("{day} is no day: write it as 2026-11-23"))?;
    Ok([begins, begins + DAY_SECONDS].map(|seconds| Some(prost_types::Timestamp { seconds, nanos: 0 })))
}

/// Net positions of a day as CSV: a line for each party and currency.
pub(super) async fn netting(client: &ClientFile, day: &str, output: &Output) -> Result<ExitCode> {
    let [start_time, end_time] = ends_of(day)?;
    let request = GetNettingRequest { start_time, end_time };
    let answer = LedgerServiceClient::new(client.connect()?).get_netting(request).await;
    let positions = answer.map_err(refused("asking for net positions"))?.into_inner().positions;
    let mut csv = String::from("day,kind,party,currency,credited,debited,net\n");
    let mut listed = Vec::new();
    for NetPosition { kind, party, currency, credited, debited, net } in &positions {
        let kind = account_kind_name(*kind);
        // No name has a comma or a quotation mark in it; and writing into a String cannot fail.
        let _ = writeln!(csv, "{day},{kind},{party},{currency},{credited},{debited},{net}");
        listed.push(json!({
            "kind": kind,
            "party": party,
            "currency": currency,
            "credited": credited,
            "debited": debited,
            "net": net,
        }));
    }
    output.answer(csv.trim_end(), &json!({ "day": day, "positions": listed }))?;
    Ok(ExitCode::SUCCESS)
}

fn statement(statement: &Statement) -> Value {
    let lines = statement.lines.iter().map(|line| {
        json!({
            "line": posting_name(line.kind),
            "entries": line.entry_count,
            "credited": line.credited,
            "debited": line.debited,
        })
    });
    json!({
        "operator": statement.operator,
        "account": statement.account,
        "currency": statement.currency,
        "opening": statement.opening_balance,
        "lines": lines.collect::<Vec<_>>(),
        "closing": statement.closing_balance,
    })
}

/// Everything behind a cursor; the last line has the cursor to go on with.
pub(super) async fn collect(client: &ClientFile, cursor: Option<&str>, output: &Output) -> Result<ExitCode> {
    let request = CollectRecordsRequest { cursor: cursor.unwrap_or_default().to_owned(), follow: false };
    let mut exchange = ExchangeServiceClient::new(client.connect()?);
    let mut stream = exchange.collect_records(request).await.map_err(refused("collecting records"))?.into_inner();
    let (mut csv, mut listed) = (String::from("cursor,event,record,kind,amount,currency,gain\n"), Vec::new());
    let mut last = cursor.unwrap_or_default().to_owned();
    while let Some(message) = stream.message().await.map_err(refused("collecting records"))? {
        for collected in message.collected_records {
            let CollectedRecord { cursor, event, gain, record, .. } = collected;
            let record = record.unwrap_or_default();
            let (event, kind) = (event_name(event), kind_name(record.kind));
            let Record { name, amount, currency, .. } = record;
            let _ = writeln!(csv, "{cursor},{event},{name},{kind},{amount},{currency},{gain}");
            listed.push(json!({
                "cursor": &cursor,
                "event": event,
                "record": name,
                "kind": kind,
                "amount": amount,
                "currency": currency,
                "gain": gain,
            }));
            last = cursor;
        }
    }
    output.answer(csv.trim_end(), &json!({ "records": listed, "cursor": last }))?;
    Ok(ExitCode::SUCCESS)
}

pub(super) async fn refund(client: &ClientFile, refund: &str, purchase: &str, output: &Output) -> Result<ExitCode> {
    let request = AuthoriseRefundRequest { name: refund.to_owned(), purchase: purchase.to_owned() };
    let answer = ExchangeServiceClient::new(client.connect()?).authorise_refund(request).await;
    let record = answer.map_err(refused("authorising the refund"))?.into_inner().record.unwrap_or_default();
    let amount = money(record.settled_amount.into(), currency(record.currency));
    let text = format!("Gave back {amount} by {} for {purchase}.", record.name);
    output.answer(&text, &json!({ "record": record.name, "purchase": purchase, "amount": record.settled_amount }))?;
    Ok(ExitCode::SUCCESS)
}

pub(super) async fn void(client: &ClientFile, entry: &str, output: &Output) -> Result<ExitCode> {
    let answer = ExchangeServiceClient::new(client.connect()?)
        .void_journey(VoidJourneyRequest { name: entry.to_owned() })
        .await
        .map_err(refused("voiding the journey"))?;
    let record = answer.into_inner().record.unwrap_or_default();
    output.answer(&format!("The journey of {} is void.", record.name), &json!({ "record": record.name }))?;
    Ok(ExitCode::SUCCESS)
}

fn event_name(event: i32) -> &'static str {
    match RecordEvent::try_from(event) {
        Ok(RecordEvent::Settled) => "settled",
        Ok(RecordEvent::Priced) => "priced",
        Ok(RecordEvent::Closed) => "closed",
        Ok(RecordEvent::Voided) => "voided",
        Ok(RecordEvent::Unspecified) | Err(_) => "unknown",
    }
}

fn kind_name(kind: i32) -> &'static str {
    match RecordKind::try_from(kind) {
        Ok(RecordKind::Purchase) => "purchase",
        Ok(RecordKind::Entry) => "entry",
        Ok(RecordKind::Exit) => "exit",
        Ok(RecordKind::Credit) => "credit",
        Ok(RecordKind::Refund) => "refund",
        Ok(RecordKind::Unspecified) | Err(_) => "unknown",
    }
}
