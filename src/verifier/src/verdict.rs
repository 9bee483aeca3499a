//! What a terminal says to a presentation.

use core::fmt;

use symbolon_ccks::CredentialDigest;
use symbolon_tap::Record;

use crate::Reason;

/// What a terminal says to a presentation.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[expect(clippy::large_enum_variant, reason = "there is no heap to put it on, and one exists at a time")]
pub enum Verdict {
    /// The tap counts; it is in the journal.
    Accepted(Accepted),
    /// The tap does not count; nothing has changed but, when it timed out, that its challenge is void.
    Declined(Reason),
}

impl Verdict {
    /// Whether the tap counts.
    pub const fn is_accepted(&self) -> bool {
        matches!(self, Self::Accepted(_))
    }

    /// Why it does not.
    pub const fn reason(&self) -> Option<Reason> {
        match self {
            Self::Accepted(_) => None,
            Self::Declined(reason) => Some(*reason),
        }
    }
}

/// What an accepted presentation established.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Established {
    /// The holder of the authority's credential signed just these terms, for this terminal, after it asked.
    Signature,
    /// The credential is valid at the terms' time.
    Validity,
    /// The credential holds the sector and the currency.
    Sector,
    /// The concession group is the one declared.
    Tariff,
    /// The amount is within the limits for one tap.
    Limit,
}

impl Established {
    /// Everything that every accepted tap established.
    pub const ALL: [Self; 5] = [Self::Signature, Self::Validity, Self::Sector, Self::Tariff, Self::Limit];

    /// Stable lower-case name.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Signature => "signature",
            Self::Validity => "validity",
            Self::Sector => "sector",
            Self::Tariff => "tariff",
            Self::Limit => "limit",
        }
    }
}

/// What is known of revocation.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Revocation {
    /// Nothing: the terminal has no trust bundle.
    Unknown,
    /// The credential was not revoked when the data were issued, this many seconds ago. Later revocations are unknown.
    NotListed {
        /// The age of the revocation data, seconds.
        age_seconds: u64,
    },
}

impl fmt::Display for Revocation {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Unknown => formatter.write_str("revocation was not checked: there is no trust bundle"),
            Self::NotListed { age_seconds } => {
                write!(formatter, "not revoked as of {age_seconds} seconds ago, unknown since")
            }
        }
    }
}

/// An accepted tap: what is in the journal, what that establishes, and what it does not.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Accepted {
    record: Record,
    credential: CredentialDigest,
    revocation: Revocation,
}

impl Accepted {
    pub(crate) const fn new(record: Record, credential: CredentialDigest, revocation: Revocation) -> Self {
        Self { record, credential, revocation }
    }

    /// What is in the journal.
    pub const fn record(&self) -> &Record {
        &self.record
    }

    /// SHA-256 of the holder's credential; with the presentation's counter the identity of the transaction.
    pub const fn credential(&self) -> &CredentialDigest {
        &self.credential
    }

    /// What is established; the same of every accepted tap.
    pub const fn established(&self) -> [Established; 5] {
        Established::ALL
    }

    /// What is known of revocation, and from when.
    pub const fn revocation(&self) -> Revocation {
        self.revocation
    }

    /// What is not established, so that nobody reads more into an accepted tap than there is.
    pub const fn not_established(&self) -> [NotEstablished; 2] {
        [NotEstablished::Revocation(self.revocation), NotEstablished::SpentElsewhere]
    }
}

/// What an accepted presentation leaves open, as every offline acceptance does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NotEstablished {
    /// Whether the credential was revoked since the revocation data were issued.
    Revocation(Revocation),
    /// Whether a copy of the card, or the card itself, spent its budget at other terminals. The credential's limit,
    /// budget and lifetime bound it; settlement finds it and can prove it.
    SpentElsewhere,
}

impl NotEstablished {
    /// Stable lower-case name.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Revocation(_) => "revocation",
            Self::SpentElsewhere => "spent_elsewhere",
        }
    }
}

impl fmt::Display for NotEstablished {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Revocation(revocation) => revocation.fmt(formatter),
            Self::SpentElsewhere => {
                formatter.write_str("what the card or a copy of it spent elsewhere shows at settlement")
            }
        }
    }
}
