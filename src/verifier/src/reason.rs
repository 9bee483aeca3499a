//! Why a tap is declined or referred: a closed list, so that people, logs and other programs can rely on it.

mod sentences;

use core::fmt;

use symbolon_tap::Misfit;

pub use sentences::Language;

/// Why a tap is declined or referred. Names and numbers are stable: one is never given to another reason.
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
    /// The rules of the trust bundle, or this terminal, do not serve this class of credential in this sector and currency.
    NotServed = 20,
    /// The terminal's clock is behind a time that the authority signed, or far ahead of the last one.
    ClockWrong = 21,
    /// The memory of codes is full of codes that have not expired.
    NoRoom = 22,
    /// The filter of revoked subjects has a hit, which is one of a revoked card or, rarely, none.
    RevocationUnclear = 23,
    /// The voucher is for another meter, or for another sector than this one's.
    VoucherOtherMeter = 24,
    /// The meter has taken a voucher of this sequence, or it is too far behind the highest it has taken.
    VoucherUsed = 25,
    /// The voucher's `not_after` is over.
    VoucherExpired = 26,
    /// The voucher is malformed, or the authority did not sign it.
    VoucherRefused = 27,
    /// The credential's spend limit is above the tier that the rules serve.
    OverTier = 28,
    /// The code's reference names another operator than this terminal's.
    OtherOperator = 29,
    /// The credential's authority is held here and not in use yet, or is in use no more.
    NotInUse = 30,
    /// The device does not give the data that a decision needs.
    OutOfOrder = 31,
}

impl Reason {
    /// Every reason, in the order of their numbers.
    pub const ALL: [Self; 31] = [
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
        Self::NotServed,
        Self::ClockWrong,
        Self::NoRoom,
        Self::RevocationUnclear,
        Self::VoucherOtherMeter,
        Self::VoucherUsed,
        Self::VoucherExpired,
        Self::VoucherRefused,
        Self::OverTier,
        Self::OtherOperator,
        Self::NotInUse,
        Self::OutOfOrder,
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
            Self::NotServed => "not_served",
            Self::ClockWrong => "clock_wrong",
            Self::NoRoom => "no_room",
            Self::RevocationUnclear => "revocation_unclear",
            Self::VoucherOtherMeter => "voucher_other_meter",
            Self::VoucherUsed => "voucher_used",
            Self::VoucherExpired => "voucher_expired",
            Self::VoucherRefused => "voucher_refused",
            Self::OverTier => "over_tier",
            Self::OtherOperator => "other_operator",
            Self::NotInUse => "not_in_use",
            Self::OutOfOrder => "out_of_order",
        }
    }

    /// The reason of a stable name.
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|reason| reason.name() == name)
    }

    /// The reason of a stable number.
    pub fn from_number(number: u8) -> Option<Self> {
        Self::ALL.into_iter().find(|reason| reason.number() == number)
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
