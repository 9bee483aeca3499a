//! What the holder decides of its pseudonyms.

use core::fmt;
use core::str::FromStr;

use zerocopy::{Immutable, IntoBytes, KnownLayout, TryFromBytes, Unaligned};

/// How often one pseudonym is shown. Whoever sees two taps of one pseudonym knows that they are of one card.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, TryFromBytes, IntoBytes, KnownLayout, Immutable, Unaligned)]
#[repr(u8)]
pub enum PursePolicy {
    /// A fresh one each tap; entry and exit of one journey share theirs.
    #[default]
    Fresh = 1,
    /// One for each sector and period, until its budget does not reach.
    PerSector = 2,
    /// One for each period, until its budget does not reach.
    PerDay = 3,
}

impl PursePolicy {
    /// Every policy.
    pub const ALL: [Self; 3] = [Self::Fresh, Self::PerSector, Self::PerDay];

    /// Its name.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Fresh => "fresh",
            Self::PerSector => "per-sector",
            Self::PerDay => "per-day",
        }
    }
}

impl fmt::Display for PursePolicy {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(self.as_str())
    }
}

impl FromStr for PursePolicy {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        Self::ALL.into_iter().find(|policy| policy.as_str() == text).ok_or("use fresh, per-sector or per-day")
    }
}

/// What to do when no pseudonym is left.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, TryFromBytes, IntoBytes, KnownLayout, Immutable, Unaligned)]
#[repr(u8)]
pub enum Fallback {
    /// Refuse: nothing that can be linked is ever shown unasked.
    #[default]
    Refuse = 0,
    /// Show the card's own number.
    CardNumber = 1,
}

/// A holder's settings.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PurseSettings {
    /// How often one pseudonym is shown.
    pub policy: PursePolicy,
    /// What to do when none is left.
    pub fallback: Fallback,
    /// How many to ask for at a time; at most three, one for each sector, or two where one does for a period.
    pub per_refill: u16,
    /// At how many unused ones to ask for more.
    pub low_water: u16,
    /// How long before a period's end to ask for the next one's, seconds.
    pub next_period_lead_seconds: u32,
}

impl PurseSettings {
    /// At how many unused pseudonyms to ask for more, and for how many: fewer where each is shown more often.
    pub(super) fn refill(&self) -> (u16, u16) {
        let (low_water, count) = match self.policy {
            PursePolicy::Fresh => (u16::MAX, u16::MAX),
            PursePolicy::PerSector => (1, 3),
            PursePolicy::PerDay => (0, 2),
        };
        (self.low_water.min(low_water), self.per_refill.min(count))
    }
}

impl Default for PurseSettings {
    /// Fresh ones, never the card's own number; six at a time when two are left, the next day's three hours ahead.
    fn default() -> Self {
        Self {
            policy: PursePolicy::Fresh,
            fallback: Fallback::Refuse,
            per_refill: 6,
            low_water: 2,
            next_period_lead_seconds: 3 * 3_600,
        }
    }
}
