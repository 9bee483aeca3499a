//! Work that one process does for all.

use symbolon_ccks::Time;

use super::Result;
use crate::records::LeaseHolder;

/// Leases: who does what is to be done by one at a time.
pub trait Leases {
    /// Takes the lease of this name for so many seconds, or prolongs it; whether `holder` has it now.
    ///
    /// One that ran out is anybody's, and so is one that runs for more than twice as long: a clock that was far ahead
    /// holds nobody up. So two may believe that they have it while their clocks differ by more than its length, and
    /// what is done under it has to bear that.
    fn take_lease(&mut self, name: &str, holder: &LeaseHolder, now: Time, seconds: u64) -> Result<bool>;
    /// Gives a lease back, for the next one to take at once; does nothing when `holder` has it not.
    fn give_lease_back(&mut self, name: &str, holder: &LeaseHolder) -> Result<()>;
}
