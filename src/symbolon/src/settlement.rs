//! Sending uploads to the service, and believing its answers only as far as they are signed.

use crate::connect::refused;
use anyhow::{Context, Result, ensure};
use std::{collections::BTreeMap, time::Duration};
use symbolon_api::v1::{
    Outcome, RefusalReason, UploadRequest, UploadResponse, exchange_service_client::ExchangeServiceClient,
};
use symbolon_ccks::{Authority, Signature, SigningKey, Suite};
use symbolon_tap::{Acknowledgement, Record, SignRefused, Upload, encode_upload};
use tonic::{Status, transport::Channel};
use tonic_types::StatusExt;

/// How long is waited in all for a service that asks to be asked again later.
const PATIENCE: Duration = Duration::from_secs(50);
/// No wait is shorter, whatever is advised.
const SHORTEST_WAIT: Duration = Duration::from_millis(100);

/// Signs an upload of records, with hints to their signatures: who uploads has time that the exchange has not.
pub(crate) fn encode<S: Suite>(
    key: &SigningKey<S>,
    number: u32,
    records: &[Record],
    random: &[u8; 32],
) -> Result<Vec<u8>, SignRefused> {
    // Where a record has no hint, none is sent: the exchange does without, and refuses that record.
    let hints = records.iter().map(Record::hint::<S>).collect::<Result<Vec<_>, _>>().ok();
    encode_upload(key, number, records, hints.as_deref(), random)
}

/// Sends uploads in one stream and gives an answer for each. Where the service advises to try again later, that is done, as
/// long as [`PATIENCE`] lasts.
pub(crate) async fn send(channel: Channel, uploads: Vec<Vec<u8>>) -> Result<Vec<UploadResponse>> {
    let mut all = Vec::with_capacity(uploads.len());
    let mut waited = Duration::ZERO;
    while let Err(status) = send_once(channel.clone(), uploads.get(all.len()..).unwrap_or_default(), &mut all).await {
        let advised = status.get_details_retry_info().and_then(|info| info.retry_delay);
        let advised = advised.map(|advised| advised.max(SHORTEST_WAIT)).filter(|advised| waited + *advised <= PATIENCE);
        let Some(advised) = advised else { return Err(refused("uploading")(status)) };
        tokio::time::sleep(advised).await;
        waited += advised;
    }
    ensure!(
        all.len() == uploads.len(),
        "{} of {} uploads were answered; send the rest again",
        all.len(),
        uploads.len()
    );
    Ok(all)
}

/// Sends uploads until one is refused; what is answered is added to `all`.
async fn send_once(channel: Channel, uploads: &[Vec<u8>], all: &mut Vec<UploadResponse>) -> Result<(), Status> {
    let requests = uploads.iter().map(|upload| UploadRequest { upload: upload.clone() }).collect::<Vec<_>>();
    let mut answers = ExchangeServiceClient::new(channel).upload(tokio_stream::iter(requests)).await?.into_inner();
    while let Some(answer) = answers.message().await? {
        all.push(answer);
    }
    Ok(())
}

/// The acknowledgement of an upload, its signature verified.
pub(crate) fn acknowledgement<S: Suite>(
    authority: &Authority<'_, S>,
    upload: &[u8],
    answer: &UploadResponse,
) -> Result<Acknowledgement> {
    let parts = answer.acknowledgement.split_at_checked(Acknowledgement::SIZE);
    let (acknowledgement, signature) = parts.context("the acknowledgement is too short")?;
    let acknowledgement = Acknowledgement::parse(acknowledgement)?;
    let signed = acknowledgement.verify(authority, Signature::parse(signature)?);
    ensure!(signed.is_ok(), "the acknowledgement is not signed by the authority: the records are kept");
    let upload = Upload::parse(upload)?;
    ensure!(
        *acknowledgement.upload_digest() == upload.digest() && answer.outcomes.len() == upload.records().len(),
        "the acknowledgement is of another upload: the records are kept"
    );
    Ok(*acknowledgement)
}

/// How many records had which outcome.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Outcomes {
    pub(crate) settled: u64,
    pub(crate) duplicates: u64,
    pub(crate) misuse: u64,
    /// By reason.
    pub(crate) refused: BTreeMap<&'static str, u64>,
}

impl Outcomes {
    /// Counts the outcomes of an answer too.
    pub(crate) fn add(&mut self, answer: &UploadResponse) {
        for outcome in &answer.outcomes {
            match Outcome::try_from(outcome.outcome) {
                Ok(Outcome::Settled) => self.settled += 1,
                Ok(Outcome::Duplicate) => self.duplicates += 1,
                Ok(Outcome::Misuse) => self.misuse += 1,
                Ok(Outcome::Refused | Outcome::Unspecified) | Err(_) => {
                    let reason = RefusalReason::try_from(outcome.refusal_reason).unwrap_or_default();
                    *self.refused.entry(reason.as_str_name()).or_default() += 1;
                }
            }
        }
    }

    /// How many records were refused.
    pub(crate) fn refused_count(&self) -> u64 {
        self.refused.values().sum()
    }
}
