//! The errors that every room of the project shares.

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
