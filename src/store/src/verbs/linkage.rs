//! The verbs of a linkage authority.

use symbolon_ccks::Period;
use symbolon_pseudonym::LinkageHandle;

use super::Result;
use crate::records::LinkageSeedRecord;

/// Seeds, one for each handle.
pub trait LinkageSeeds {
    /// The seed of this handle.
    fn linkage_seed(&self, handle: &LinkageHandle) -> Result<Option<LinkageSeedRecord>>;
    /// Adds the seed of a handle met for the first time.
    fn add_linkage_seed(&mut self, seed: &LinkageSeedRecord) -> Result<()>;
    /// Overwrites a seed with that of a later period, or of the same to be published. A published one stays.
    fn replace_linkage_seed(&mut self, seed: &LinkageSeedRecord) -> Result<()>;
    /// Seeds of periods before `period` that are not published.
    fn linkage_seeds_before(&self, period: Period, limit: u16) -> Result<Vec<LinkageSeedRecord>>;
}
