//! What an upload was answered, read again from its bytes.

use std::fmt;

use symbolon_ccks::{Authority, Signature, Suite};
use symbolon_tap::{Acknowledgement, Misfit};

/// Why a record is refused, by the numbers that an answer is kept with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Reason(u8);

impl Reason {
    pub(super) const MALFORMED: Self = Self(1);
    pub(super) const BAD_SIGNATURE: Self = Self(2);
    pub(super) const WRONG_AUTHORITY: Self = Self(3);
    pub(super) const WRONG_CLASS: Self = Self(4);
    pub(super) const REVOKED: Self = Self(10);
    pub(super) const NEVER_ISSUED: Self = Self(11);
    pub(super) const NOT_AUTHORISED: Self = Self(13);
    pub(super) const TIME_AHEAD: Self = Self(14);
    pub(super) const WRONG_KIND: Self = Self(15);
    pub(super) const TOO_LATE: Self = Self(16);

    /// Whether a party did not fit the terms, the limit left aside, which is the holder's alone.
    pub(super) const fn may_be_the_terminals(self) -> bool {
        matches!(self.0, 5..=8)
    }

    const fn name(self) -> &'static str {
        match self.0 {
            1 => "malformed",
            2 => "bad_signature",
            3 => "wrong_authority",
            4 => "wrong_class",
            5 => "wrong_sector",
            6 => "wrong_currency",
            7 => "expired",
            8 => "not_yet_valid",
            9 => "over_limit",
            10 => "revoked",
            11 => "never_issued",
            13 => "not_authorised",
            14 => "time_ahead",
            15 => "wrong_kind",
            16 => "too_late",
            _ => "for an unknown reason",
        }
    }
}

impl From<Misfit> for Reason {
    fn from(misfit: Misfit) -> Self {
        Self(match misfit {
            Misfit::WrongSector => 5,
            Misfit::WrongCurrency => 6,
            Misfit::Expired => 7,
            Misfit::NotYetValid => 8,
            Misfit::OverLimit => 9,
        })
    }
}

/// What became of a record.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Outcome {
    /// Settled, and what was charged; `None` of an exit, which is priced when all ends are known.
    Settled(Option<u32>),
    Duplicate(Option<u32>),
    Refused(Reason),
    /// The proof, where it is known.
    Misuse(Option<i64>),
    /// Nothing that an answer says.
    Unreadable,
}

impl Outcome {
    const SIZE: usize = 14;

    fn read(bytes: &[u8; Self::SIZE]) -> Self {
        let [which, why, a, b, c, d, proof @ ..] = *bytes;
        let amount = u32::from_be_bytes([a, b, c, d]);
        match which {
            1 => Self::Settled(Some(amount)),
            2 => Self::Duplicate(Some(amount)),
            3 => Self::Refused(Reason(why)),
            4 => Self::Misuse(i64::try_from(u64::from_be_bytes(proof)).ok()),
            _ => Self::Unreadable,
        }
    }

    /// Whether `answered` is this; an amount or a proof that is not known is any.
    pub(super) fn is(self, answered: Self) -> bool {
        let any = |one: Option<u32>, other: Option<u32>| one.is_none() || one == other;
        match (self, answered) {
            (Self::Settled(one), Self::Settled(other)) | (Self::Duplicate(one), Self::Duplicate(other)) => {
                any(one, other)
            }
            (Self::Misuse(_), Self::Misuse(_)) => true,
            (one, other) => one == other,
        }
    }
}

impl fmt::Display for Outcome {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Settled(Some(amount)) => write!(formatter, "settled with {amount}"),
            Self::Settled(None) => formatter.write_str("settled"),
            Self::Duplicate(Some(amount)) => write!(formatter, "a duplicate with {amount}"),
            Self::Duplicate(None) => formatter.write_str("a duplicate"),
            Self::Refused(reason) => write!(formatter, "refused {}", reason.name()),
            Self::Misuse(_) => formatter.write_str("misuse"),
            Self::Unreadable => formatter.write_str("nothing that can be read"),
        }
    }
}

/// The answer to an upload.
pub(super) struct Answer<'a> {
    acknowledgement: &'a Acknowledgement,
    signature: &'a Signature,
    pub(super) outcomes: Vec<Outcome>,
}

impl<'a> Answer<'a> {
    /// Reads what was kept; `None` when it is none.
    pub(super) fn read(bytes: &'a [u8]) -> Option<Self> {
        let (acknowledgement, rest) = bytes.split_at_checked(Acknowledgement::SIZE)?;
        let (signature, rest) = rest.split_at_checked(Signature::SIZE)?;
        let (outcomes, more) = rest.as_chunks();
        let read = || {
            Some(Self {
                acknowledgement: Acknowledgement::parse(acknowledgement).ok()?,
                signature: Signature::parse(signature).ok()?,
                outcomes: outcomes.iter().map(Outcome::read).collect(),
            })
        };
        if more.is_empty() { read() } else { None }
    }

    /// What is wrong with what the authority signed, if anything is.
    pub(super) fn problem<S: Suite>(
        &self,
        authority: &Authority<'_, S>,
        digest: &[u8],
        received: i64,
    ) -> Option<&'static str> {
        let count = |counted: fn(&Outcome) -> bool| self.outcomes.iter().filter(|outcome| counted(outcome)).count();
        let settled = count(|outcome| matches!(outcome, Outcome::Settled(_)));
        let duplicate = count(|outcome| matches!(outcome, Outcome::Duplicate(_)));
        let refused = count(|outcome| matches!(outcome, Outcome::Refused(_) | Outcome::Misuse(_)));
        let acknowledgement = self.acknowledgement;
        let counted = [acknowledgement.settled(), acknowledgement.duplicate(), acknowledgement.refused()];
        if acknowledgement.verify(authority, self.signature).is_err() {
            return Some("one that the authority did not sign");
        }
        if acknowledgement.upload_digest().as_slice() != digest {
            return Some("one of another upload");
        }
        if counted.map(usize::from) != [settled, duplicate, refused] {
            return Some("other counts than its outcomes");
        }
        (acknowledgement.time().seconds() as i64 != received).then_some("another time")
    }
}
