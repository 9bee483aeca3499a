//! What settling an upload needs, for all of its records at once.
//!
//! Verbs that look give one answer for each question, in the order of the questions. Those that add do it in the order
//! given, so that what comes later may refer to what comes before; when one conflicts, the whole unit of work is to be
//! given up.

use symbolon_ccks::{CredentialDigest, Period};

use super::Result;
use crate::records::{AgreementKey, NewCharge, NewSettlement, SettlementRecord};

/// The bulk forms of verbs on settlements, pseudonyms and charges.
pub trait Settling {
    /// The settlements of these identities (credential, counter).
    fn settlements_of(&self, identities: &[(CredentialDigest, u32)]) -> Result<Vec<Option<SettlementRecord>>>;
    /// The one settlement that posted each of these agreements.
    fn settled_agreements(&self, agreements: &[AgreementKey]) -> Result<Vec<Option<SettlementRecord>>>;
    /// What was settled of purchases and entries of each of these credentials, minor units.
    fn spent_by(&self, credentials: &[CredentialDigest]) -> Result<Vec<u64>>;
    /// The periods of the pseudonyms of these digests; `None` for one that is not known.
    fn pseudonym_periods(&self, digests: &[CredentialDigest]) -> Result<Vec<Option<Period>>>;
    /// Keeps settlements, each under [`NewSettlement::id`]; what is settled and spends counts into what was spent.
    fn add_settlements(&mut self, settlements: &[NewSettlement]) -> Result<()>;
    /// Adds charges.
    fn add_charges(&mut self, charges: &[NewCharge]) -> Result<()>;
}
