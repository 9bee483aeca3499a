//! Why a tap is declined: a closed list, so that people, logs and other programs can rely on it.

use core::fmt;

use symbolon_tap::Misfit;

/// Why a tap is declined. Names and numbers are stable: one is never given to another reason.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[repr(u8)]
pub enum Reason {
    /// The bytes are not the one encoding of anything.
    Malformed = 1,
    /// Of another suite than this terminal's authority.
    WrongSuite = 2,
    /// Of another authority.
    WrongAuthority = 3,
    /// A terminal's credential where a card's or a pseudonym's belongs.
    WrongClass = 4,
    /// The credential does not hold the sector.
    WrongSector = 5,
    /// The credential is of another currency.
    WrongCurrency = 6,
    /// The credential's concession group is not the one declared when the tap began.
    WrongTariff = 7,
    /// The credential's validity is over.
    Expired = 8,
    /// The credential's validity has not begun.
    NotYetValid = 9,
    /// More than the credential, or the operator offline, allows for one tap.
    OverLimit = 10,
    /// Listed in the trust bundle as revoked.
    Revoked = 11,
    /// These very bytes were accepted here before.
    Replayed = 12,
    /// No challenge is outstanding that this could answer.
    NoChallenge = 13,
    /// The answer came outside the time that a challenge is good for.
    TimedOut = 14,
    /// The signature does not verify.
    BadSignature = 15,
    /// This terminal does not do transactions of this kind.
    WrongKind = 16,
    /// The tap could not be recorded durably.
    JournalFull = 17,
    /// The trust bundle is missing or too old for this amount, or cannot tell whether this pseudonym is revoked.
    StaleData = 18,
    /// The credential used this counter here before, for something else.
    AlreadySeen = 19,
}

impl Reason {
    /// Every reason, in the order of their numbers.
    pub const ALL: [Self; 19] = [
        Self::Malformed,
        Self::WrongSuite,
        Self::WrongAuthority,
        Self::WrongClass,
        Self::WrongSector,
        Self::WrongCurrency,
        Self::WrongTariff,
        Self::Expired,
        Self::NotYetValid,
        Self::OverLimit,
        Self::Revoked,
        Self::Replayed,
        Self::NoChallenge,
        Self::TimedOut,
        Self::BadSignature,
        Self::WrongKind,
        Self::JournalFull,
        Self::StaleData,
        Self::AlreadySeen,
    ];

    /// The stable number, 1 and up.
    pub const fn number(self) -> u8 {
        self as u8
    }

    /// The stable name.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Malformed => "malformed",
            Self::WrongSuite => "wrong_suite",
            Self::WrongAuthority => "wrong_authority",
            Self::WrongClass => "wrong_class",
            Self::WrongSector => "wrong_sector",
            Self::WrongCurrency => "wrong_currency",
            Self::WrongTariff => "wrong_tariff",
            Self::Expired => "expired",
            Self::NotYetValid => "not_yet_valid",
            Self::OverLimit => "over_limit",
            Self::Revoked => "revoked",
            Self::Replayed => "replayed",
            Self::NoChallenge => "no_challenge",
            Self::TimedOut => "timed_out",
            Self::BadSignature => "bad_signature",
            Self::WrongKind => "wrong_kind",
            Self::JournalFull => "journal_full",
            Self::StaleData => "stale_data",
            Self::AlreadySeen => "already_seen",
        }
    }

    /// One sentence for people.
    pub const fn sentence(self) -> &'static str {
        match self {
            Self::Malformed => "What the card sent cannot be read.",
            Self::WrongSuite => "The card uses another set of algorithms than this terminal.",
            Self::WrongAuthority => "The card belongs to another authority.",
            Self::WrongClass => "What was presented is a terminal's credential, not a card's.",
            Self::WrongSector => "The card is not valid for this service.",
            Self::WrongCurrency => "The card is kept in another currency.",
            Self::WrongTariff => "The card's concession is not the one that it declared.",
            Self::Expired => "The card has expired.",
            Self::NotYetValid => "The card is not valid yet.",
            Self::OverLimit => "The amount is above what one tap may take.",
            Self::Revoked => "The card has been revoked.",
            Self::Replayed => "This answer was accepted here before and counts only once.",
            Self::NoChallenge => "The terminal has not asked for anything that this would answer.",
            Self::TimedOut => "The answer did not come in time: tap again.",
            Self::BadSignature => "The signature does not verify: the card is counterfeit or the data were changed.",
            Self::WrongKind => "This terminal does not do transactions of this kind.",
            Self::JournalFull => "The terminal cannot record the tap: its journal has to be uploaded first.",
            Self::StaleData => {
                "The terminal's trust bundle is missing, too old for this amount, or no help with this pseudonym."
            }
            Self::AlreadySeen => "The card used this counter here before: it may have been cloned.",
        }
    }

    /// The reason of a stable name.
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|reason| reason.name() == name)
    }
}

impl fmt::Display for Reason {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(self.sentence())
    }
}

impl core::error::Error for Reason {}

impl From<Misfit> for Reason {
    fn from(misfit: Misfit) -> Self {
        match misfit {
            Misfit::WrongSector => Self::WrongSector,
            Misfit::WrongCurrency => Self::WrongCurrency,
            Misfit::NotYetValid => Self::NotYetValid,
            Misfit::Expired => Self::Expired,
            Misfit::OverLimit => Self::OverLimit,
        }
    }
}
