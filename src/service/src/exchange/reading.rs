//! What operators and auditors see of uploads.

use symbolon_ccks::{Name, Subject, Suite, Time};
use symbolon_store::{
    Listed, Page, Store, Transaction,
    records::{RecordPosition, UploadDigest, UploadRecord},
};
use symbolon_tap::RecordBytes;
use zerocopy::FromBytes as _;

use super::{Exchange, RecordOutcome, UploadAnswer};
use crate::ServiceError;

/// Uploads read at a time while records are listed; each has up to 1.7 MB.
const UPLOADS_AT_A_TIME: u16 = 4;

/// An upload without its records.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct UploadSummary {
    /// SHA-256 of all of it.
    pub digest: UploadDigest,
    /// The operator whose terminal it came from.
    pub operator: Name,
    /// The terminal.
    pub terminal: Subject,
    /// The terminal's own number of it.
    pub number: u32,
    /// How many records it has.
    pub record_count: u16,
    /// What was answered.
    pub answer: UploadAnswer,
    /// When it was received.
    pub received: Time,
}

/// A record and what became of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct UploadedRecord {
    /// Names the record, and is its position in the list.
    pub position: RecordPosition,
    /// SHA-256 of the upload it came in.
    pub upload: UploadDigest,
    /// Its place in the upload, from 0.
    pub index: u16,
    /// The terminal that took it.
    pub terminal: Subject,
    /// The operator of the terminal.
    pub operator: Name,
    /// The record.
    pub record: RecordBytes,
    /// What became of it.
    pub outcome: RecordOutcome,
}

impl<S: Suite, D: Store> Exchange<S, D> {
    /// Gives an upload; of this operator, or of any when there is none.
    ///
    /// # Errors
    /// [`ServiceError::NotFound`] when there is none or it is another operator's.
    pub async fn upload_summary(
        &self,
        operator: Option<&Name>,
        digest: UploadDigest,
    ) -> Result<UploadSummary, ServiceError> {
        let operator = operator.copied();
        self.context.store().read(move |unit| summary(&owned(unit, operator.as_ref(), &digest)?)).await
    }

    /// Lists uploads, oldest first; of this operator, or all when there is none.
    ///
    /// # Errors
    /// [`ServiceError::Store`].
    pub async fn upload_summaries(
        &self,
        operator: Option<&Name>,
        page: Page,
    ) -> Result<Vec<Listed<UploadSummary>>, ServiceError> {
        let operator = operator.copied();
        let list = move |unit: &dyn Transaction| {
            let uploads = unit.uploads(operator.as_ref(), page)?;
            let summaries = uploads
                .into_iter()
                .map(|upload| Ok(Listed { position: upload.position, record: summary(&upload.record)? }));
            summaries.collect()
        };
        self.list(page, list).await
    }

    /// Reads a page of uploads, or of what came in them; when it is the last one and not all are listed that there are, those
    /// are listed first.
    async fn list<T: Send + 'static>(
        &self,
        page: Page,
        list: impl Fn(&dyn Transaction) -> Result<Vec<T>, ServiceError> + Clone + Send + 'static,
    ) -> Result<Vec<T>, ServiceError> {
        let (store, again) = (self.context.store(), list.clone());
        let look = move |unit: &dyn Transaction| {
            let found = list(unit)?;
            let is_all = found.len() == usize::from(page.limit) || !unit.has_unlisted_uploads()?;
            Ok::<_, ServiceError>((found, is_all))
        };
        let (found, is_all) = store.read(look).await?;
        if is_all {
            return Ok(found);
        }
        store.write_for(Vec::new(), |unit| Ok::<_, ServiceError>(unit.list_uploads()?)).await?;
        store.read(move |unit| again(unit)).await
    }

    /// Lists records in the order in which they arrived: of one upload, or of all; of this operator, or of any when there
    /// is none. Go on behind the last one's position.
    ///
    /// # Errors
    /// [`ServiceError::NotFound`] for an upload that there is not or that is another operator's.
    pub async fn records(
        &self,
        operator: Option<&Name>,
        upload: Option<UploadDigest>,
        page: Page,
    ) -> Result<Vec<UploadedRecord>, ServiceError> {
        let operator = operator.copied();
        let list = move |unit: &dyn Transaction| match upload {
            Some(digest) => {
                let mut records = records_of(&owned(unit, operator.as_ref(), &digest)?)?;
                records.retain(|record| record.position.0 > page.after);
                records.truncate(usize::from(page.limit));
                Ok(records)
            }
            None => all_records(unit, operator.as_ref(), page),
        };
        match upload {
            Some(_) => self.context.store().read(list).await,
            None => self.list(page, list).await,
        }
    }
}

fn owned(unit: &dyn Transaction, operator: Option<&Name>, digest: &UploadDigest) -> Result<UploadRecord, ServiceError> {
    let upload = unit.upload(digest)?;
    let upload = upload.filter(|upload| operator.is_none_or(|operator| *operator == upload.upload.operator));
    upload.ok_or(ServiceError::NotFound("upload"))
}

fn summary(record: &UploadRecord) -> Result<UploadSummary, ServiceError> {
    let answer = UploadAnswer::kept(&record.answer)?;
    Ok(UploadSummary {
        digest: record.upload.digest,
        operator: record.upload.operator,
        terminal: record.upload.terminal,
        number: record.upload.number,
        record_count: answer.outcomes().len() as u16,
        answer,
        received: record.upload.received,
    })
}

/// The records of one upload.
fn records_of(upload: &UploadRecord) -> Result<Vec<UploadedRecord>, ServiceError> {
    let answer = UploadAnswer::kept(&upload.answer)?;
    let records = <[RecordBytes]>::ref_from_bytes(&upload.upload.records)
        .map_err(|_| ServiceError::Internal("the records of an upload were not kept whole"))?;
    let records = (0..).zip(records).zip(answer.outcomes()).map(|((index, record), outcome)| UploadedRecord {
        position: RecordPosition::new(upload.id, index),
        upload: upload.upload.digest,
        index,
        terminal: upload.upload.terminal,
        operator: upload.upload.operator,
        record: *record,
        outcome: *outcome,
    });
    Ok(records.collect())
}

/// The record at a place among all, if there is one.
pub(super) fn record_at(
    unit: &dyn Transaction,
    position: RecordPosition,
) -> Result<Option<UploadedRecord>, ServiceError> {
    let Some(upload) = unit.upload_by_id(position.upload())? else { return Ok(None) };
    Ok(records_of(&upload)?.into_iter().nth(position.position().into()))
}

/// Gives records one after another, and reads the upload they came in once for those that follow each other.
#[derive(Default)]
pub(super) struct UploadRecords {
    last: Vec<UploadedRecord>,
}

impl UploadRecords {
    /// The record at a place among all, where one was settled.
    pub(super) fn record(
        &mut self,
        unit: &dyn Transaction,
        position: RecordPosition,
    ) -> Result<UploadedRecord, ServiceError> {
        const MISSING: ServiceError = ServiceError::Internal("a settled record is missing");
        if self.last.first().is_none_or(|first| first.position.upload() != position.upload()) {
            let upload = unit.upload_by_id(position.upload())?.ok_or(MISSING)?;
            self.last = records_of(&upload)?;
        }
        self.last.get(usize::from(position.position())).cloned().ok_or(MISSING)
    }
}

fn all_records(
    unit: &dyn Transaction,
    operator: Option<&Name>,
    page: Page,
) -> Result<Vec<UploadedRecord>, ServiceError> {
    let mut listed = Vec::new();
    // The upload that the page before ended in may go on.
    let mut after = RecordPosition(page.after).upload().0.saturating_sub(1);
    while listed.len() < usize::from(page.limit) {
        let uploads = unit.uploads(operator, Page { after, limit: UPLOADS_AT_A_TIME })?;
        let Some(last) = uploads.last() else { break };
        after = last.position;
        for upload in &uploads {
            let records = records_of(&upload.record)?;
            listed.extend(records.into_iter().filter(|record| record.position.0 > page.after));
        }
    }
    listed.truncate(usize::from(page.limit));
    Ok(listed)
}
