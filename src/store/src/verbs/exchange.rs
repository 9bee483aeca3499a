//! What the exchange keeps for and of other roles: pseudonyms, charges, suspensions.

use symbolon_ccks::{CredentialDigest, Period, Time};

use super::Result;
use crate::records::{
    ChargeBatchId, ChargeRecord, MisuseId, NewCharge, Payer, SettlementId, SuspensionRecord, Waiting,
};

/// Pseudonyms that were issued.
pub trait Pseudonyms {
    /// The period of the pseudonym of this digest.
    fn pseudonym(&self, digest: &CredentialDigest) -> Result<Option<Period>>;
    /// How many are known.
    fn count_pseudonyms(&self) -> Result<u64>;
    /// Learns of a pseudonym; does nothing when it is known.
    fn register_pseudonym(&mut self, digest: &CredentialDigest, period: Period) -> Result<()>;
    /// Forgets the pseudonyms of periods before `period`, and says how many.
    fn forget_pseudonyms_before(&mut self, period: Period) -> Result<u64>;
}

/// Money that settlements move, on its way to clearing.
pub trait Charges {
    /// What waits to be put into a batch.
    fn waiting_charges(&self) -> Result<Waiting>;
    /// The same of the oldest, at most so many.
    fn oldest_waiting_charges(&self, most: u32) -> Result<Waiting>;
    /// What waits in batches that are not delivered: how many batches, and since when.
    fn undelivered_batches(&self) -> Result<Waiting>;
    /// The oldest batch not delivered that was formed after the one of `after`.
    fn next_undelivered_batch(&self, after: Option<&ChargeBatchId>) -> Result<Option<ChargeBatchId>>;
    /// The charges of a batch, in the order of their settlements.
    fn charges_of(&self, batch: &ChargeBatchId) -> Result<Vec<ChargeRecord>>;
    /// Who pays for a settled entry, and in which currency; `None` when nothing was charged for it.
    fn payer_of_entry(&self, entry: SettlementId) -> Result<Option<(Payer, u16)>>;
    /// Adds a batch with nothing in it.
    fn add_batch(&mut self, batch: &ChargeBatchId, now: Time) -> Result<()>;
    /// Adds a charge.
    fn add_charge(&mut self, charge: &NewCharge) -> Result<()>;
    /// Puts charges that wait, the oldest first and at most `limit`, into a batch; says how many.
    fn batch_waiting(&mut self, batch: &ChargeBatchId, limit: u32) -> Result<u64>;
    /// Notes that clearing has posted a batch; does nothing when that is noted.
    fn mark_delivered(&mut self, batch: &ChargeBatchId, now: Time) -> Result<()>;
}

/// Cards to be suspended for misuse.
pub trait Suspensions {
    /// What is not passed on, oldest first.
    fn waiting_suspensions(&self, limit: u16) -> Result<Vec<SuspensionRecord>>;
    /// How many are not passed on.
    fn count_waiting_suspensions(&self) -> Result<u64>;
    /// Adds the suspension of a proof.
    fn add_suspension(&mut self, suspension: &SuspensionRecord) -> Result<()>;
    /// Notes that the attester has taken it; does nothing when that is noted.
    fn mark_passed_on(&mut self, misuse: MisuseId, now: Time) -> Result<()>;
}
