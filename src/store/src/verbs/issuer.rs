//! The verbs of the issuer of pseudonyms.

use symbolon_ccks::{CompressedPoint, Period, Subject, Time};
use symbolon_pseudonym::Commitment;

use super::{Listed, Page, Result};
use crate::records::{ArchiveOpening, ArchivedPseudonymRecord, PseudonymState};

/// The archive of pseudonyms, and those in it that are still on their way.
pub trait PseudonymArchive {
    /// The pseudonym issued for this commitment.
    fn archived_for(&self, commitment: &Commitment) -> Result<Option<ArchivedPseudonymRecord>>;
    /// The pseudonym of this subject.
    fn archived_pseudonym(&self, subject: &Subject) -> Result<Option<ArchivedPseudonymRecord>>;
    /// Whether a pseudonym was issued over this U.
    fn point_archived(&self, point: &CompressedPoint) -> Result<bool>;
    /// Keeps a pseudonym. Subject, commitment and U are each taken for ever.
    fn archive_pseudonym(&mut self, pseudonym: &ArchivedPseudonymRecord) -> Result<()>;
    /// Whether the linkage value of this keyed hash was used in a period.
    fn linkage_value_used(&self, period: Period, hash: &[u8; 32]) -> Result<bool>;
    /// Keeps that the linkage value of this keyed hash is used in a period.
    fn use_linkage_value(&mut self, period: Period, hash: &[u8; 32]) -> Result<()>;
    /// Pseudonyms in a state that is not the last, in no telling order.
    fn pseudonyms_under_way(&self, state: PseudonymState, limit: u16) -> Result<Vec<ArchivedPseudonymRecord>>;
    /// How many wait for clearing, and how many for the exchange.
    fn count_pseudonyms_under_way(&self) -> Result<(u64, u64)>;
    /// Clearing took the tag of a waiting pseudonym, or refused it: the tag is forgotten either way, and when refused the
    /// answer too. Does nothing to one that does not wait.
    fn settle_tag(&mut self, subject: &Subject, taken: bool) -> Result<()>;
    /// The exchange knows of a bound pseudonym: its answer may leave. Does nothing to one that is not bound.
    fn release_pseudonym(&mut self, subject: &Subject) -> Result<()>;
    /// Forgets which linkage values were used in periods before `period`, and says how many.
    fn forget_linkage_values_before(&mut self, period: Period) -> Result<u64>;
    /// Forgets the answers to pseudonyms of periods before `period`; one that still waits is refused. Says how many.
    fn forget_answers_before(&mut self, period: Period) -> Result<u64>;
    /// Notes that the archive gave a pseudonym for a case.
    fn note_archive_opening(&mut self, case: &str, subject: &Subject, now: Time) -> Result<()>;
    /// What was given, oldest first.
    fn archive_openings(&self, page: Page) -> Result<Vec<Listed<ArchiveOpening>>>;
}
