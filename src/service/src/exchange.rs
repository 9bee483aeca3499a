//! The exchange: what terminals accepted offline is uploaded, checked and charged, each transaction once.
//!
//! It has a database of its own and knows no account. Of cards that took part under their own numbers it asks the
//! attester, once an upload; pseudonyms it knows from the issuer, and never asks the attester about. What is to be paid it
//! passes on to clearing: see [`Exchange::deliver`].
//!
//! A record is judged by its own time, never by when it arrives. In this order:
//!
//! | found | outcome |
//! | --- | --- |
//! | not a record, another authority, a terminal as holder, a screen code | refused |
//! | the holder's signature over terms, uploading terminal and counter does not verify | refused `bad_signature` |
//! | (credential, counter) is known with the same message | duplicate, with the original outcome |
//! | (credential, counter) is known with another message | misuse `double_use` |
//! | of a pseudonym whose records are no longer awaited | refused `too_late` |
//! | verifies, but the credential was never issued | refused `never_issued`: an alarm |
//! | sector, currency, validity or limit do not fit holder or terminal; in the future | refused |
//! | a refund, until its operator authorises it: see [`Exchange::authorise_refund`] | refused `not_authorised` |
//! | taken by a terminal after it was retired, or of a card so long revoked that every bundle told it | refused `revoked` |
//! | the same agreement settled under another counter: one challenge answered twice | duplicate |
//! | purchases and entries would sum to more than the budget | misuse `overspend` |
//! | else | settled |
//!
//! A card revoked shortly before the record's time is settled and the settlement marked: until the last bundle without
//! the revocation has run out the terminal could not know, its operator has delivered, and the card's budget bounds the
//! loss. For a pseudonym the same holds from when the seeds that tell it were published, and it is recognised from the
//! period of the seeds on, never before. What is refused is not remembered as a transaction: sent again it is judged again.
//!
//! An upload is known by the SHA-256 of all its bytes. Sent again whole, it gets the same answer byte for byte; the same
//! records in another upload are duplicates. The terminal's number of an upload is kept and means nothing here: other
//! bytes under the same number are another upload.

mod answer;
mod books;
mod charging;
mod delivering;
mod ending;
mod fares;
mod journeys;
mod judging;
mod known;
mod misuse;
mod pseudonyms;
mod reading;
mod refunds;
mod revoked;
mod routing;
mod settling;
mod verifying;

use std::sync::Arc;

use symbolon_ccks::{Credential, CredentialDigest, Suite, Time};
use symbolon_store::{
    Store, Transaction,
    records::{Agreement, NewUpload},
};
use symbolon_tap::{Acknowledgement, AcknowledgementFields, Record, RecordBytes, Terms, Upload};
use zerocopy::{FromBytes as _, IntoBytes as _};

pub use self::answer::{RecordOutcome, Refusal, UploadAnswer};
pub use self::fares::{FareTable, Station};
pub use self::misuse::{MisuseReader, MisuseReport};
pub use self::pseudonyms::ExchangeCounts;
pub use self::reading::{UploadSummary, UploadedRecord};
pub use self::routing::{CollectedRecord, RouteCursor};
use self::{
    judging::Judged,
    known::Known,
    revoked::RevokedPseudonyms,
    settling::{Rules, Settling, ToPassOn},
    verifying::Judges,
};
use crate::{
    Context, ServiceError,
    authority::AuthorityKeys,
    links::{ClearingLink, RegistryLink},
};

/// Takes uploads and tells what became of them.
pub struct Exchange<S: Suite, D> {
    context: Context<D>,
    keys: Arc<AuthorityKeys<S>>,
    fares: Arc<FareTable>,
    registry: Arc<dyn RegistryLink>,
    clearing: Arc<dyn ClearingLink>,
    revoked: RevokedPseudonyms,
    judges: Judges,
}

impl<S: Suite, D: Clone> Clone for Exchange<S, D> {
    fn clone(&self) -> Self {
        Self {
            context: self.context.clone(),
            keys: Arc::clone(&self.keys),
            fares: Arc::clone(&self.fares),
            registry: Arc::clone(&self.registry),
            clearing: Arc::clone(&self.clearing),
            revoked: self.revoked.clone(),
            judges: self.judges.clone(),
        }
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
}

impl Prepared {
    /// What was found of each record; of one that its holder did sign, the record too.
    fn records(&self) -> impl Iterator<Item = Result<Signed<'_>, Refusal>> {
        // The records are those that were judged.
        let records = <[RecordBytes]>::ref_from_bytes(&self.upload.records).unwrap_or_default();
        (0..).zip(&self.judged).zip(records).map(|((position, judged), record)| match (judged, record.parse()) {
            (Judged::Refused(refusal), _) => Err(*refusal),
            (Judged::Signed { .. }, Err(_)) => Err(Refusal::Malformed),
            (Judged::Signed { digest, agreement, misfit }, Ok(record)) => {
                Ok(Signed { record, position, digest: *digest, agreement: *agreement, misfit: *misfit })
            }
        })
    }

    /// The records that their holders did sign.
    fn signed(&self) -> impl Iterator<Item = Signed<'_>> {
        self.records().filter_map(Result::ok)
    }
}

/// A record that its holder did sign.
struct Signed<'r> {
    record: &'r Record,
    position: u16,
    /// The digest of the holder's credential.
    digest: CredentialDigest,
    agreement: Agreement,
    /// Why it cannot settle, unless it did before.
    misfit: Option<Refusal>,
}

impl Signed<'_> {
    fn terms(&self) -> &Terms {
        self.record.terms()
    }

    fn counter(&self) -> u32 {
        self.record.presentation().counter()
    }

    fn holder(&self) -> &Credential {
        self.record.presentation().holder()
    }
}

impl<S: Suite, D: Store> Exchange<S, D> {
    /// The use cases of an authority on the exchange's store, with the fares that journeys are priced by.
    pub fn new(
        context: Context<D>,
        keys: Arc<AuthorityKeys<S>>,
        fares: FareTable,
        registry: Arc<dyn RegistryLink>,
        clearing: Arc<dyn ClearingLink>,
    ) -> Self {
        let revoked = RevokedPseudonyms::new(&context.policy().pseudonyms);
        Self { context, keys, fares: Arc::new(fares), registry, clearing, revoked, judges: Judges::default() }
    }

    /// Settles an upload, or gives the answer it got before.
    ///
    /// What cards owe is posted before the answer, unless clearing is away: what was settled is answered all the same,
    /// and [`Self::deliver`] makes up for it.
    ///
    /// # Errors
    /// [`ServiceError::Malformed`] when it is none; [`ServiceError::BadSignature`] when the terminal did not sign it;
    /// [`ServiceError::NeverIssued`] for a terminal credential that was never issued; [`ServiceError::RoleUnavailable`]
    /// when the attester does not answer: send it again. Nothing was kept then.
    pub async fn upload(&self, bytes: Vec<u8>) -> Result<Answered, ServiceError> {
        let now = self.context.now();
        let digest = self.check_whole(&bytes)?;
        let before = self.context.store().read(move |unit| Ok::<_, ServiceError>(unit.upload(&digest)?)).await?;
        if let Some(before) = before {
            return Ok(Answered { answer: UploadAnswer::kept(&before.answer)?, repeated: true });
        }
        let latest = now.saturating_add(self.context.policy().record_lead_seconds);
        let bytes = Arc::<[u8]>::from(bytes);
        let judged = self.judges.judge(&self.keys, Arc::clone(&bytes), latest, self.context.random()).await?;
        let prepared = self.prepare(&bytes, digest, judged, now)?;
        let known = self.ask_who(&prepared).await?;
        let (answered, to_pass_on) = self.settle(prepared, known, now).await?;
        self.pass_on_at_once(to_pass_on, now).await;
        Ok(answered)
    }

    /// Passes on what should not wait for the chores. What fails is written down already, and they try it again.
    async fn pass_on_at_once(&self, to_pass_on: ToPassOn, now: Time) {
        if let Some(batch) = to_pass_on.batch
            && let Err(error) = self.post(batch, now).await
        {
            tracing::warn!(%error, "what was settled is not posted yet; it will be tried again");
        }
        if to_pass_on.suspends
            && let Err(error) = self.pass_on_suspensions(now).await
        {
            tracing::warn!(%error, "misused cards are not suspended yet; it will be tried again");
        }
    }

    /// Parses an upload and verifies the terminal's signature; its digest.
    fn check_whole(&self, bytes: &[u8]) -> Result<[u8; 32], ServiceError> {
        let upload = Upload::parse(bytes)?;
        upload.verify(self.keys.authority())?;
        Ok(upload.digest())
    }

    fn prepare(
        &self,
        bytes: &[u8],
        digest: [u8; 32],
        judged: Vec<Judged>,
        now: Time,
    ) -> Result<Prepared, ServiceError> {
        let upload = Upload::parse(bytes)?;
        let terminal = upload.terminal();
        let upload = NewUpload {
            digest,
            // Settling puts in the operator that the terminal belongs to.
            operator: *self.keys.name(),
            terminal: terminal.identity().subject(),
            terminal_digest: terminal.digest(),
            number: upload.number(),
            records: upload.records().as_bytes().to_vec(),
            received: now,
        };
        Ok(Prepared { upload, judged })
    }

    async fn settle(&self, prepared: Prepared, known: Known, now: Time) -> Result<(Answered, ToPassOn), ServiceError> {
        let (keys, fares, random) = (Arc::clone(&self.keys), Arc::clone(&self.fares), self.context.random());
        let (batch, policy) = (self.context.random(), self.context.policy().clone());
        let holders = prepared.signed().map(|signed| signed.digest).collect();
        let settle = move |unit: &mut dyn Transaction| {
            // The same upload may have been settled since it was looked for.
            if let Some(before) = unit.upload(&prepared.upload.digest)? {
                let answered = Answered { answer: UploadAnswer::kept(&before.answer)?, repeated: true };
                return Ok((answered, ToPassOn { batch: None, suspends: false }));
            }
            let rules = Rules { known: &known, fares: &fares, policy: &policy, now, batch };
            let mut settling = Settling::begin(unit, &prepared, rules)?;
            let outcomes = settling.settle_all(&prepared)?;
            let (upload, to_pass_on) = (settling.upload(), settling.to_pass_on());
            let telling = settling.into_telling();
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
            telling.tell(unit, &known.operator, upload, answer.outcomes(), now)?;
            Ok((Answered { answer, repeated: false }, to_pass_on))
        };
        self.context.store().write_for(holders, settle).await
    }
}
