//! What clearing keeps of pseudonyms.

use symbolon_ccks::{Subject, Time};
use symbolon_pseudonym::AccountHandle;

use super::{Listed, Page, Result};
use crate::records::{BindingRecord, CaseRecord, Release, ReservationRecord, SetAside};

/// Money set aside.
pub trait Reservations {
    /// The reservation of this id.
    fn reservation(&self, id: &[u8; 16]) -> Result<Option<ReservationRecord>>;
    /// Every reservation of an account that is still kept, by period.
    fn reservations(&self, account: &AccountHandle) -> Result<Vec<ReservationRecord>>;
    /// What is set aside for an account at `now`, by period.
    fn set_aside(&self, account: &AccountHandle, now: Time) -> Result<Vec<SetAside>>;
    /// Adds a reservation of which nothing was given back.
    fn add_reservation(&mut self, reservation: &ReservationRecord) -> Result<()>;
    /// Gives back a part of a reservation, once.
    fn release_reservation(&mut self, id: &[u8; 16], release: Release) -> Result<()>;
    /// Forgets reservations that ended at `time` or before, and says how many.
    fn forget_reservations_until(&mut self, time: Time) -> Result<u64>;
}

/// Who pays for pseudonyms.
pub trait Bindings {
    /// Who pays for this subject.
    fn binding(&self, subject: &Subject) -> Result<Option<BindingRecord>>;
    /// Everything an account pays for, by period; within one, in no order that says anything.
    fn bindings(&self, account: &AccountHandle) -> Result<Vec<BindingRecord>>;
    /// Whether a tag of this nonce has bound a subject that is still kept.
    fn is_tag_used(&self, nonce: &[u8; 12]) -> Result<bool>;
    /// Adds a binding; one subject, one nonce.
    fn add_binding(&mut self, binding: &BindingRecord) -> Result<()>;
    /// Adds to what was charged to a subject, minor units; below zero when it gets something back.
    fn charge_binding(&mut self, subject: &Subject, amount: i64) -> Result<()>;
    /// Forgets bindings that ended at `time` or before, and says how many.
    fn forget_bindings_until(&mut self, time: Time) -> Result<u64>;
}

/// Batches of the exchange.
pub trait PostedBatches {
    /// The digest of the batch that was posted under this id.
    fn posted_batch(&self, id: &[u8; 16]) -> Result<Option<[u8; 32]>>;
    /// Keeps that a batch was posted.
    fn add_posted_batch(&mut self, id: &[u8; 16], digest: &[u8; 32], now: Time) -> Result<()>;
    /// Forgets batches posted before `time`, and says how many.
    fn forget_posted_batches_before(&mut self, time: Time) -> Result<u64>;
}

/// What was done at clearing in cases.
pub trait ClearingCases {
    /// The newest approval of exactly this case and subject.
    fn case_approval(&self, case: &str, subject: &Subject) -> Result<Option<CaseRecord>>;
    /// Everything done, oldest first; concerning an account or all.
    fn case_events(&self, account: Option<&AccountHandle>, page: Page) -> Result<Vec<Listed<CaseRecord>>>;
    /// Adds something done.
    fn add_case_event(&mut self, event: &CaseRecord) -> Result<()>;
}
