//! The errors that every room of the project shares.

use crate::ReadFailed;
use core::fmt;

/// Bytes that do not encode what they should; says which structure and what was wrong with it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Malformed {
    /// The structure that was being read, such as `credential`.
    pub structure: &'static str,
    /// What was wrong, in words.
    pub problem: &'static str,
}

impl Malformed {
    /// Names the structure and the problem.
    pub const fn new(structure: &'static str, problem: &'static str) -> Self {
        Self { structure, problem }
    }
}

impl fmt::Display for Malformed {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{}: {}", self.structure, self.problem)
    }
}

impl core::error::Error for Malformed {}

/// A signature or public key that does not hold.
///
/// One opaque value whatever the cause, so that nobody learns from the answer which step refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct BadSignature;

impl fmt::Display for BadSignature {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("the signature does not verify")
    }
}

impl core::error::Error for BadSignature {}

/// Why authority parameters are not used.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AuthorityRefused {
    /// They could not be read where they are kept.
    Unreadable,
    /// They are no prepared parameters of the suite, or a point of theirs is not on the curve.
    Malformed(Malformed),
    /// They are those of another authority than the one that is trusted.
    OtherAuthority,
}

impl fmt::Display for AuthorityRefused {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Unreadable => ReadFailed.fmt(formatter),
            Self::Malformed(malformed) => malformed.fmt(formatter),
            Self::OtherAuthority => formatter.write_str("these are the parameters of another authority"),
        }
    }
}

impl core::error::Error for AuthorityRefused {}

impl From<ReadFailed> for AuthorityRefused {
    fn from(_: ReadFailed) -> Self {
        Self::Unreadable
    }
}

impl From<Malformed> for AuthorityRefused {
    fn from(malformed: Malformed) -> Self {
        Self::Malformed(malformed)
    }
}
