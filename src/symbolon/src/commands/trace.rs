//! `symbolon trace`.

use crate::{
    cli::{Case, RecordOf, TraceCommand},
    connect::{ClientFile, refused},
    output::Output,
};
use anyhow::{Context, Result, ensure};
use serde_json::{Value, json};
use std::{fmt::Write, path::Path, process::ExitCode};
use symbolon::calendar::utc;
use symbolon_api::v1::{
    ApproveTraceRequest, ListTracesRequest, OpenTraceRequest, OpenTraceResponse, Trace, TraceRole,
    trace_service_client::TraceServiceClient,
};
use symbolon_ccks::{CompressedPoint, Credential, Subject};
use symbolon_pseudonym::{Commitment, RequestBody};

/// Asked for in one answer.
const PAGE_SIZE: i32 = 1_000;

pub(super) fn run(command: &TraceCommand, output: &Output) -> Result<ExitCode> {
    match command {
        TraceCommand::Approve(case) => super::converse(approve(case, output)),
        TraceCommand::Open(case) => super::converse(open(case, output)),
        TraceCommand::List { client, role } => super::converse(list(client, *role, output)),
    }
}

fn subject_of(case: &Case) -> Result<Subject> {
    let bytes = hex::decode(&case.subject).ok().and_then(|bytes| bytes.try_into().ok());
    bytes.map(Subject::from_bytes).context("--subject is 32 hex digits: the subject of a pseudonym's credential")
}

async fn approve(case: &Case, output: &Output) -> Result<ExitCode> {
    let subject = subject_of(case)?;
    let channel = ClientFile::read(&case.client)?.connect()?;
    let request = ApproveTraceRequest { case_number: case.case.clone(), subject: subject.as_bytes().to_vec() };
    let answer =
        TraceServiceClient::new(channel).approve_trace(request).await.map_err(refused("approving the case"))?;
    let expires = answer.into_inner().expire_time.map_or(0, |time| time.seconds);
    let text = format!(
        "Approved case {} for {subject}, until {}. It opens nothing before an officer of the other role approves it too.",
        case.case,
        utc(u64::try_from(expires).unwrap_or(0)),
    );
    output.answer(&text, &json!({ "case": case.case, "subject": subject.to_string(), "expires": expires }))?;
    Ok(ExitCode::SUCCESS)
}

async fn open(case: &Case, output: &Output) -> Result<ExitCode> {
    let subject = subject_of(case)?;
    let channel = ClientFile::read(&case.client)?.connect()?;
    let request = OpenTraceRequest { case_number: case.case.clone(), subject: subject.as_bytes().to_vec() };
    let answer = TraceServiceClient::new(channel).open_trace(request).await.map_err(refused("opening the case"))?;
    let opened = answer.into_inner();
    check(&opened, subject).context("what the service opened does not hold together: believe none of it")?;
    let text = format!(
        "Case {} opened {subject}: it is a pseudonym of {}.\n\
         The card signed the commitment to this pseudonym's point U; its owner can see that the case was opened.",
        case.case, opened.card
    );
    let value = json!({
        "case": case.case,
        "subject": subject.to_string(),
        "card": opened.card,
        "credential": hex::encode(&opened.credential),
        "enrolment_point": hex::encode(&opened.enrolment_point),
        "salt": hex::encode(&opened.salt),
        "contribution": hex::encode(&opened.contribution),
        "position": opened.position,
        "request": opened.request.as_ref().map(|request| json!({
            "credential": hex::encode(&request.credential),
            "time": request.time_seconds,
            "request_id": hex::encode(&request.request_id),
            "body": hex::encode(&request.body),
            "signature": hex::encode(&request.signature),
        })),
    });
    output.answer(&text, &value)?;
    Ok(ExitCode::SUCCESS)
}

/// Whether the pseudonym is the one of the case, and the card's request has the commitment to its U.
fn check(opened: &OpenTraceResponse, subject: Subject) -> Result<()> {
    let credential = Credential::parse(&opened.credential).context("the credential cannot be read")?;
    ensure!(credential.identity().subject() == subject, "the credential is another pseudonym's");
    let point = CompressedPoint::parse(&opened.enrolment_point).context("U cannot be read")?;
    let salt = opened.salt.as_slice().try_into().context("the salt has not 32 bytes")?;
    let request = opened.request.as_ref().context("the card's request is missing")?;
    let body = RequestBody::parse(&request.body).context("the card's request cannot be read")?;
    let item = usize::try_from(opened.position).ok().and_then(|position| body.items().get(position));
    let signed = item.is_some_and(|item| item.commitment == Commitment::to(point, salt));
    ensure!(signed, "the card's request does not have the commitment");
    let card = Credential::parse(&request.credential).context("the card's credential cannot be read")?.identity();
    ensure!(opened.card.ends_with(&card.subject().to_string()), "another card signed the request");
    Ok(())
}

async fn list(client: &Path, role: Option<RecordOf>, output: &Output) -> Result<ExitCode> {
    let role = match role {
        None => TraceRole::Unspecified,
        Some(RecordOf::Attester) => TraceRole::Attester,
        Some(RecordOf::Clearing) => TraceRole::Clearing,
    };
    let mut client = TraceServiceClient::new(ClientFile::read(client)?.connect()?);
    let mut traces: Vec<Trace> = Vec::new();
    let mut page_token = String::new();
    loop {
        let request = ListTracesRequest { role: role.into(), page_size: PAGE_SIZE, page_token };
        let page = client.list_traces(request).await.map_err(refused("listing the cases"))?.into_inner();
        traces.extend(page.traces);
        page_token = page.next_page_token;
        if page_token.is_empty() {
            break;
        }
    }
    let mut text = String::new();
    for trace in &traces {
        // Writing into a String cannot fail.
        let _ = writeln!(
            text,
            "{:<20}  {:<32}  {} by {} at {}",
            trace.case_number,
            hex::encode(&trace.subject),
            if trace.opened { "opened" } else { "approved" },
            trace.approved_by,
            time(trace.event_time.as_ref()),
        );
    }
    let _ = writeln!(text, "{} on record", traces.len());
    output.answer(&text, &json!({ "traces": traces.iter().map(to_json).collect::<Vec<_>>() }))?;
    Ok(ExitCode::SUCCESS)
}

fn time(time: Option<&prost_types::Timestamp>) -> String {
    time.map(|time| utc(u64::try_from(time.seconds).unwrap_or(0))).unwrap_or_default()
}

fn to_json(trace: &Trace) -> Value {
    json!({
        "case": trace.case_number,
        "subject": (!trace.subject.is_empty()).then(|| hex::encode(&trace.subject)),
        "officer": trace.approved_by,
        "event": if trace.opened { "opened" } else { "approved" },
        "time": trace.event_time.as_ref().map(|time| time.seconds),
    })
}
