//! The service is back: everything is uploaded, twice, and has to come out once.

use super::{
    city::{RunningCity, stream},
    enrolment::{EnrolledTerminal, trust_bundle},
};
use crate::{
    commands::{list_accounts, list_misuse_proofs},
    connect::refused,
    settlement::{self, Outcomes},
};
use anyhow::{Context, Result, ensure};
use indicatif::ProgressBar;
use rand_core::Rng;
use std::{sync::Arc, time::Duration};
use symbolon_api::v1::{
    Account, AccountKind, CheckLedgerRequest, CheckLedgerResponse, MisuseProof, UploadResponse,
    ledger_service_client::LedgerServiceClient,
};
use symbolon_ccks::{Authority, Suite};
use symbolon_service::links::ServiceRole;
use symbolon_tap::{Kind, MAX_RECORDS, Record};

/// Where the random streams of uploads begin.
const UPLOAD_STREAMS: u64 = 1 << 43;
/// Uploads that are sent in one stream: several messages, far from any limit.
const UPLOADS_IN_A_STREAM: usize = 8;
/// How often, and after how long, the auditor looks whether everything is posted.
const MOST_LOOKS: u32 = 600;
const BETWEEN_LOOKS: Duration = Duration::from_millis(50);

/// What settlement came to.
#[derive(Debug, Default)]
pub(super) struct Settled {
    /// Records of the first round.
    pub(super) uploaded: u64,
    pub(super) uploads: u64,
    pub(super) first: Outcomes,
    /// The same records in other uploads.
    pub(super) second: Outcomes,
    /// Whether the very same uploads got the very same answers.
    pub(super) same_answers: bool,
    /// What the operators are owed for all of it, minor units.
    pub(super) owed: i64,
    pub(super) check: CheckLedgerResponse,
    pub(super) accounts: Vec<Account>,
    pub(super) proofs: Vec<MisuseProof>,
    /// The trust bundle that terminals get next.
    pub(super) bundle: Vec<u8>,
}

impl Settled {
    /// The sum of the balances of accounts of a kind, of one owner or of all.
    pub(super) fn balance(&self, kind: AccountKind, owner: Option<&str>) -> i64 {
        let is_asked_for = |account: &&Account| {
            account.kind == kind as i32 && owner.is_none_or(|owner| account.owner.ends_with(&format!("/{owner}")))
        };
        self.accounts.iter().filter(is_asked_for).map(|account| account.balance).sum()
    }
}

/// Makes the uploads of all terminals; the numbers begin at `first_number`.
fn uploads<S: Suite>(
    terminals: &[EnrolledTerminal<S>],
    journals: &[Vec<Record>],
    seed: u64,
    first_number: u32,
) -> Result<Vec<Vec<u8>>> {
    let mut random = stream(seed, UPLOAD_STREAMS + u64::from(first_number));
    let mut uploads = Vec::new();
    for (terminal, journal) in terminals.iter().zip(journals) {
        for (number, records) in (first_number..).zip(journal.chunks(MAX_RECORDS.into())) {
            let mut hedge = [0; 32];
            random.fill_bytes(&mut hedge);
            let upload = settlement::encode(&terminal.key, number, records, &hedge);
            uploads.push(upload.map_err(|refused| anyhow::anyhow!("an upload is not signed: {refused}"))?);
        }
    }
    Ok(uploads)
}

/// Sends uploads and verifies every acknowledgement.
async fn send<S: Suite>(
    city: &RunningCity<'_>,
    authority: &Authority<'_, S>,
    uploads: &[Vec<u8>],
    progress: &ProgressBar,
) -> Result<Vec<UploadResponse>> {
    let mut answers = Vec::with_capacity(uploads.len());
    for batch in uploads.chunks(UPLOADS_IN_A_STREAM) {
        let answered = settlement::send(city.public(ServiceRole::Exchange)?, batch.to_vec()).await?;
        for (upload, answer) in batch.iter().zip(answered) {
            settlement::acknowledgement(authority, upload, &answer)?;
            progress.inc(answer.outcomes.len() as u64);
            answers.push(answer);
        }
    }
    Ok(answers)
}

/// Uploads everything, the same uploads again, and the same records in other uploads.
pub(super) async fn settle<S: Suite>(
    city: &RunningCity<'_>,
    authority: &Arc<Authority<'static, S>>,
    terminals: &[EnrolledTerminal<S>],
    journals: &[Vec<Record>],
    seed: u64,
    progress: &ProgressBar,
) -> Result<Settled> {
    let first = uploads(terminals, journals, seed, 0)?;
    let first_answers = send(city, authority, &first, progress).await?;
    let repeated = send(city, authority, &first, progress).await?;
    let second = uploads(terminals, journals, seed, 1 << 16)?;
    let second_answers = send(city, authority, &second, progress).await?;
    progress.finish_and_clear();

    let is_same = |(first, again): (&UploadResponse, &UploadResponse)| {
        !first.repeated
            && again.repeated
            && first.acknowledgement == again.acknowledgement
            && first.outcomes == again.outcomes
    };
    let mut settled = Settled {
        uploaded: journals.iter().map(|journal| journal.len() as u64).sum(),
        uploads: first.len() as u64,
        same_answers: first_answers.len() == repeated.len() && first_answers.iter().zip(&repeated).all(is_same),
        ..Settled::default()
    };
    first_answers.iter().for_each(|answer| settled.first.add(answer));
    second_answers.iter().for_each(|answer| settled.second.add(answer));
    settled.owed = owed(journals, &second_answers);
    Ok(settled)
}

/// What was charged for purchases and journeys. It is told with duplicates: when an exit came first, its entry had not.
fn owed(journals: &[Vec<Record>], answers: &[UploadResponse]) -> i64 {
    let records = journals.iter().flat_map(|journal| journal.chunks(MAX_RECORDS.into())).flatten();
    let outcomes = answers.iter().flat_map(|answer| &answer.outcomes);
    let charged =
        records.zip(outcomes).filter(|(record, _)| matches!(record.terms().kind(), Kind::Purchase | Kind::Exit));
    charged.map(|(_, outcome)| i64::from(outcome.settled_amount)).sum()
}

/// Looks at the books, once everything that was settled is in them. The service does that by itself, with its chores.
pub(super) async fn close_the_books(city: &RunningCity<'_>, settled: &mut Settled) -> Result<()> {
    let auditor = city.auditor(ServiceRole::Clearing)?;
    for _ in 0..MOST_LOOKS {
        settled.accounts = list_accounts(auditor.clone()).await.context("the auditor looks at the accounts")?;
        if settled.balance(AccountKind::Operator, None) == settled.owed {
            // Accounts are listed a page at a time, so that this list may be of several moments. From here on nothing
            // is posted any more, and the next one is of one.
            settled.accounts =
                list_accounts(auditor.clone()).await.context("the auditor looks at the accounts again")?;
            break;
        }
        tokio::time::sleep(BETWEEN_LOOKS).await;
    }
    let check = LedgerServiceClient::new(auditor).check_ledger(CheckLedgerRequest {}).await;
    settled.check = check.map_err(refused("checking the ledger"))?.into_inner();
    settled.proofs = list_misuse_proofs(city.auditor(ServiceRole::Exchange)?).await?;
    ensure!(!settled.accounts.is_empty(), "the ledger has no account");
    settled.bundle = trust_bundle(city.public(ServiceRole::Attester)?).await?;
    Ok(())
}
