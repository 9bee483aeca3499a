//! Work that one process does for all.

use symbolon_ccks::Time;

use super::Result;
use crate::records::LeaseHolder;

/// Leases: who does what is to be done by one at a time.
pub trait Leases {
    /// What time it is now by the clock of the database that all processes share; `None` where one process uses it, whose
    /// own clock then counts.
    fn shared_time(&self) -> Result<Option<Time>>;
    /// Takes the lease of this name for so many seconds, or prolongs it; whether `holder` has it now. `now` is by
    /// [`Self::shared_time`], so that all who ask for it judge by one clock.
    ///
    /// One that ran out is anybody's, and so is one that runs for more than twice as long: a clock that was far ahead
    /// holds nobody up. Who has had it may go on for as long as it takes to notice that it ran out, and what is done
    /// under it has to bear that.
    fn take_lease(&mut self, name: &str, holder: &LeaseHolder, now: Time, seconds: u64) -> Result<bool>;
    /// Gives a lease back, for the next one to take at once; does nothing when `holder` has it not.
    fn give_lease_back(&mut self, name: &str, holder: &LeaseHolder) -> Result<()>;
}
