//! What the issuer of pseudonyms keeps.

use std::fmt;

use symbolon_ccks::{CompressedPoint, Credential, Period, Subject, Time};
use symbolon_pseudonym::{ClearingTag, Commitment, SealedAnswer};

/// How far a pseudonym has come. It only ever goes on.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[repr(u8)]
pub enum PseudonymState {
    /// Clearing does not know yet who pays for it.
    Waiting = 1,
    /// Clearing knows who pays; the exchange does not know yet that it exists.
    Bound = 2,
    /// Its answer may leave.
    Released = 3,
    /// Clearing refused: its answer never leaves.
    Refused = 4,
}

impl PseudonymState {
    /// Every state.
    pub const ALL: [Self; 4] = [Self::Waiting, Self::Bound, Self::Released, Self::Refused];
}

/// A pseudonym that was issued.
#[derive(Clone, PartialEq, Eq)]
pub struct ArchivedPseudonymRecord {
    /// The credential.
    pub credential: Credential,
    /// What it is known by again when it is asked for again.
    pub commitment: Commitment,
    /// The period that it is for.
    pub period: Period,
    /// U.
    pub point: CompressedPoint,
    /// What hid U in the commitment.
    pub salt: [u8; 32],
    /// The contribution s.
    pub contribution: [u8; 32],
    /// How far it has come.
    pub state: PseudonymState,
    /// For clearing, while it waits for it.
    pub tag: Option<ClearingTag>,
    /// Sealed to the wallet, while it is of use.
    pub answer: Option<SealedAnswer>,
}

impl ArchivedPseudonymRecord {
    /// The pseudonym's subject.
    pub fn subject(&self) -> Subject {
        self.credential.identity().subject()
    }
}

impl fmt::Debug for ArchivedPseudonymRecord {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .debug_struct("ArchivedPseudonymRecord")
            .field("credential", &self.credential)
            .field("state", &self.state)
            .finish_non_exhaustive()
    }
}

/// A pseudonym given out of the archive.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ArchiveOpening {
    /// The number of the case.
    pub case: String,
    /// The pseudonym's subject.
    pub subject: Subject,
    /// When.
    pub time: Time,
}
