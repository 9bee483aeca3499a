//! Points in time, as the wire has them.

use crate::{Malformed, wire::U64};
use core::fmt;

/// Seconds since 1970-01-01 00:00 UTC, below 2^40.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Time(u64);

impl Time {
    /// One more than the last second that can be written.
    pub const LIMIT_SECONDS: u64 = 1 << 40;

    /// Takes seconds since 1970 UTC.
    ///
    /// # Errors
    /// [`Malformed`] from 2^40 on.
    pub const fn new(seconds: u64) -> Result<Self, Malformed> {
        if seconds < Self::LIMIT_SECONDS {
            Ok(Self(seconds))
        } else {
            Err(Malformed::new("time", "2^40 seconds or more"))
        }
    }

    /// Reads a time from a wire structure, naming that structure in the error.
    ///
    /// # Errors
    /// [`Malformed`] from 2^40 on.
    pub fn from_wire(structure: &'static str, seconds: U64) -> Result<Self, Malformed> {
        Self::new(seconds.get()).map_err(|_| Malformed::new(structure, "a time is 2^40 seconds or more"))
    }

    /// A time whose range the enclosing structure's `parse` has checked.
    pub fn from_checked_wire(seconds: U64) -> Self {
        Self(seconds.get())
    }

    /// As a wire structure carries it.
    pub fn to_wire(self) -> U64 {
        U64::new(self.0)
    }

    /// Seconds since 1970 UTC.
    pub const fn seconds(self) -> u64 {
        self.0
    }

    /// This time moved by `seconds`, stopping at the last time that can be written.
    #[must_use]
    pub const fn saturating_add(self, seconds: u64) -> Self {
        let sum = self.0.saturating_add(seconds);
        if sum < Self::LIMIT_SECONDS { Self(sum) } else { Self(Self::LIMIT_SECONDS - 1) }
    }

    /// This time moved back by `seconds`, stopping at 1970.
    #[must_use]
    pub const fn saturating_sub(self, seconds: u64) -> Self {
        Self(self.0.saturating_sub(seconds))
    }
}

impl fmt::Display for Time {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{}", self.0)
    }
}
