//! The exchange: what terminals accepted offline is uploaded, checked and posted, each transaction once.
//!
//! A record is judged by its own time, never by when it arrives. In this order:
//!
//! | found | outcome |
//! | --- | --- |
//! | not a record, another authority, a terminal as holder, a screen code | refused |
//! | the holder's signature over terms, uploading terminal and counter does not verify | refused `bad_signature` |
//! | verifies, but the credential was never issued | refused `never_issued`: an alarm |
//! | (credential, counter) is known with the same message | duplicate, with the original outcome |
//! | (credential, counter) is known with another message | misuse `double_use` |
//! | sector, currency, validity or limit do not fit holder or terminal; in the future; a refund | refused |
//! | taken by a terminal after it was retired, or of a card so long revoked that every bundle told it | refused `revoked` |
//! | the same agreement settled under another counter: one challenge answered twice | duplicate |
//! | purchases and entries would sum to more than the budget | misuse `overspend` |
//! | else | settled |
//!
//! A card revoked shortly before the record's time is settled and the settlement marked: until the last bundle without
//! the revocation has run out the terminal could not know, its operator has delivered, and the card's budget bounds the
//! loss. What is refused is not remembered as a transaction: sent again it is judged again.
//!
//! An upload is known by the SHA-256 of all its bytes. Sent again whole, it gets the same answer byte for byte; the same
//! records in another upload are duplicates. The terminal's number of an upload is kept and means nothing here: other
//! bytes under the same number are another upload.

mod answer;
mod fares;
mod journeys;
mod judging;
mod misuse;
mod reading;
mod settling;

use std::sync::Arc;

use symbolon_ccks::{Suite, Time};
use symbolon_store::{Store, Transaction, records::NewUpload};
use symbolon_tap::{Acknowledgement, AcknowledgementFields, Upload};
use zerocopy::IntoBytes as _;

pub use self::answer::{RecordOutcome, Refusal, UploadAnswer};
pub use self::fares::{FareTable, Station};
pub use self::misuse::{MisuseReader, MisuseReport};
pub use self::reading::{UploadSummary, UploadedRecord};
use self::{judging::Judged, settling::Settling};
use crate::{Context, ServiceError, authority::AuthorityKeys};

/// Takes uploads and tells what became of them.
pub struct Exchange<S: Suite, D> {
    context: Context<D>,
    keys: Arc<AuthorityKeys<S>>,
    fares: Arc<FareTable>,
}

impl<S: Suite, D: Clone> Clone for Exchange<S, D> {
    fn clone(&self) -> Self {
        Self { context: self.context.clone(), keys: Arc::clone(&self.keys), fares: Arc::clone(&self.fares) }
    }
}

/// An answer, and whether it had been given before.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Answered {
    /// The answer.
    pub answer: UploadAnswer,
    /// Whether the upload had been answered before.
    pub repeated: bool,
}

/// Everything about an upload that needs no database.
struct Prepared {
    upload: NewUpload,
    judged: Vec<Judged>,
    terminal: symbolon_ccks::Credential,
}

impl<S: Suite, D: Store> Exchange<S, D> {
    /// The use cases of an authority on a store, with the fares that journeys are priced by.
    pub fn new(context: Context<D>, keys: Arc<AuthorityKeys<S>>, fares: FareTable) -> Self {
        Self { context, keys, fares: Arc::new(fares) }
    }

    /// Settles an upload, or gives the answer it got before.
    ///
    /// # Errors
    /// [`ServiceError::Malformed`] when it is none; [`ServiceError::BadSignature`] when the terminal did not sign it;
    /// [`ServiceError::NeverIssued`] for a terminal credential that was never issued. Nothing was kept then.
    pub async fn upload(&self, bytes: Vec<u8>) -> Result<Answered, ServiceError> {
        let now = self.context.now();
        let digest = self.check_whole(&bytes)?;
        let before = self.context.store().read(move |unit| Ok::<_, ServiceError>(unit.upload(&digest)?)).await?;
        if let Some(before) = before {
            return Ok(Answered { answer: UploadAnswer::kept(&before.answer)?, repeated: true });
        }
        let latest = now.saturating_add(self.context.policy().record_lead_seconds);
        let keys = Arc::clone(&self.keys);
        // Verifying thousands of signatures would hold up every other task of this thread.
        let prepare = tokio::task::spawn_blocking(move || prepare(&keys, &bytes, digest, now, latest));
        let prepared = prepare.await.map_err(|_| ServiceError::Internal("verifying an upload was given up"))??;
        self.settle(prepared, now).await
    }

    /// Parses an upload and verifies the terminal's signature; its digest.
    fn check_whole(&self, bytes: &[u8]) -> Result<[u8; 32], ServiceError> {
        let upload = Upload::parse(bytes)?;
        upload.verify(self.keys.authority())?;
        Ok(upload.digest())
    }

    async fn settle(&self, prepared: Prepared, now: Time) -> Result<Answered, ServiceError> {
        let (keys, fares, random) = (Arc::clone(&self.keys), Arc::clone(&self.fares), self.context.random());
        let bundle_validity_seconds = self.context.policy().bundle_validity_seconds;
        let settle = move |unit: &mut dyn Transaction| {
            // The same upload may have been settled since it was looked for.
            if let Some(before) = unit.upload(&prepared.upload.digest)? {
                return Ok(Answered { answer: UploadAnswer::kept(&before.answer)?, repeated: true });
            }
            let mut settling = Settling::begin(unit, &prepared, &fares, now, bundle_validity_seconds)?;
            let outcomes = settling.settle_all(&prepared.judged)?;
            let upload = settling.upload();
            let count =
                |counted: fn(&RecordOutcome) -> bool| outcomes.iter().filter(|outcome| counted(outcome)).count() as u16;
            let acknowledgement = Acknowledgement::new(AcknowledgementFields {
                upload_digest: prepared.upload.digest,
                settled: count(RecordOutcome::is_settled),
                duplicate: count(RecordOutcome::is_duplicate),
                refused: count(RecordOutcome::is_refused),
                time: now,
            });
            let signature = acknowledgement
                .sign(keys.own_key(), &random)
                .map_err(|_| ServiceError::Internal("the acknowledgement cannot be signed"))?;
            let answer = UploadAnswer::new(acknowledgement, signature, outcomes);
            unit.answer_upload(upload, &answer.encode())?;
            Ok(Answered { answer, repeated: false })
        };
        self.context.store().write(settle).await
    }
}

/// Judges the records of an upload that was checked.
fn prepare<S: Suite>(
    keys: &AuthorityKeys<S>,
    bytes: &[u8],
    digest: [u8; 32],
    now: Time,
    latest: Time,
) -> Result<Prepared, ServiceError> {
    let upload = Upload::parse(bytes)?;
    let terminal = *upload.terminal();
    let judged = judging::judge_all(keys.authority(), &terminal, upload.records(), latest);
    let upload = NewUpload {
        digest,
        // Settling puts in the operator that the terminal belongs to.
        operator: *keys.name(),
        terminal: terminal.identity().subject(),
        terminal_digest: terminal.digest(),
        number: upload.number(),
        records: upload.records().as_bytes().to_vec(),
        received: now,
    };
    Ok(Prepared { upload, judged, terminal })
}
