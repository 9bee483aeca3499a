//! What a terminal says to a presentation.

use core::fmt;

use symbolon_ccks::{CredentialDigest, Time};
use symbolon_tap::{Flags, Outcome, Record};

use crate::{Asked, Credited, Reason, TakenVoucher};

/// What a terminal says to a presentation.
#[derive(Debug)]
pub enum Verdict {
    /// The tap counts; it is in the journal.
    Accepted(Accepted),
    /// The tap does not count here; whoever knows more than this terminal may take it. The holder did sign.
    Referred(Refusal),
    /// The tap does not count. Nothing has changed but, when it timed out, that its challenge is void.
    Declined(Refusal),
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
            Self::Referred(refusal) | Self::Declined(refusal) => Some(refusal.reason()),
        }
    }

    /// The accepted tap.
    pub const fn accepted(&self) -> Option<&Accepted> {
        match self {
            Self::Accepted(accepted) => Some(accepted),
            Self::Referred(_) | Self::Declined(_) => None,
        }
    }

    /// The challenge, if it is still open for an answer: a stranger's bytes do not cost the holder its tap.
    pub fn into_asked(self) -> Option<Asked> {
        match self {
            Self::Accepted(_) => None,
            Self::Referred(refusal) | Self::Declined(refusal) => refusal.into_asked(),
        }
    }

    /// The verdict in one word, for logs and programs.
    pub const fn name(&self) -> &'static str {
        match self {
            Self::Accepted(_) => "accepted",
            Self::Referred(_) => "referred",
            Self::Declined(_) => "declined",
        }
    }
}

/// A tap that does not count.
#[derive(Debug)]
pub struct Refusal {
    reason: Reason,
    data_age_seconds: Option<u64>,
    asked: Option<Asked>,
}

impl Refusal {
    pub(crate) const fn new(reason: Reason, data_age_seconds: Option<u64>, asked: Option<Asked>) -> Self {
        Self { reason, data_age_seconds, asked }
    }

    /// Why.
    pub const fn reason(&self) -> Reason {
        self.reason
    }

    /// How old the terminal's data were, seconds, if they had a part in it.
    pub const fn data_age_seconds(&self) -> Option<u64> {
        self.data_age_seconds
    }

    /// The challenge, if it is still open for an answer.
    pub fn into_asked(self) -> Option<Asked> {
        self.asked
    }
}

/// What an accepted presentation established.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Established {
    /// The holder of the authority's credential signed just these terms: for this terminal, after it asked, or for its
    /// operator within the last minute, when it was a code.
    Signature,
    /// The credential is valid at the terms' time.
    Validity,
    /// The credential holds the sector and the currency.
    Sector,
    /// The concession group is the one declared; in a code, the one that the credential has.
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
    /// The data say nothing of this credential: the terminal holds other parts of the bundle, or none for its period.
    NotCovered {
        /// The age of the revocation data, seconds.
        age_seconds: u64,
    },
}

impl Revocation {
    /// How old the data are, seconds; `None` without any.
    pub const fn age_seconds(self) -> Option<u64> {
        match self {
            Self::Unknown => None,
            Self::NotListed { age_seconds } | Self::NotCovered { age_seconds } => Some(age_seconds),
        }
    }
}

impl fmt::Display for Revocation {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Unknown => formatter.write_str("revocation was not checked: there is no trust bundle"),
            Self::NotListed { age_seconds } => {
                write!(formatter, "not revoked as of {age_seconds} seconds ago, unknown since")
            }
            Self::NotCovered { age_seconds } => {
                write!(formatter, "revocation was not checked: data of {age_seconds} seconds ago leave this card out")
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
    is_stale: bool,
    time: Time,
    voucher: Option<TakenVoucher>,
}

/// What is known of a credential when it is accepted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Knowledge {
    pub(crate) revocation: Revocation,
    /// The data were too old, or left the credential out, and the rules accept it all the same.
    pub(crate) is_stale: bool,
}

impl Accepted {
    pub(crate) const fn new(
        record: Record,
        credential: CredentialDigest,
        knowledge: Knowledge,
        time: Time,
        voucher: Option<TakenVoucher>,
    ) -> Self {
        let Knowledge { revocation, is_stale } = knowledge;
        Self { record, credential, revocation, is_stale, time, voucher }
    }

    /// What is in the journal.
    pub const fn record(&self) -> &Record {
        &self.record
    }

    /// SHA-256 of the holder's credential; with the presentation's counter the identity of the transaction.
    pub const fn credential(&self) -> &CredentialDigest {
        &self.credential
    }

    /// When it was decided, by the terminal's clock.
    pub const fn time(&self) -> Time {
        self.time
    }

    /// What a meter has to credit.
    pub const fn credited(&self) -> Option<Credited> {
        self.voucher
    }

    /// What its receipt says.
    pub const fn outcome(&self) -> Outcome {
        if self.voucher.is_some() { Outcome::Credited } else { Outcome::Accepted }
    }

    /// What is established; the same of every accepted tap.
    pub const fn established(&self) -> [Established; 5] {
        Established::ALL
    }

    /// What is known of revocation, and from when.
    pub const fn revocation(&self) -> Revocation {
        self.revocation
    }

    /// Whether it was accepted on data too old or without any on this credential, as the rules allow up to a lower cap.
    pub const fn is_stale(&self) -> bool {
        self.is_stale
    }

    /// Whether it was a code shown on a screen.
    pub fn is_code(&self) -> bool {
        self.record.terms().flags() == Flags::ScreenCode
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
    /// Whether a copy of the card, or of the code, or the card itself, spent its budget at other terminals. The
    /// credential's limit, budget and lifetime bound it; settlement finds it and can prove it.
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
