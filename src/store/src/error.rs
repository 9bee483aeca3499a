//! What can go wrong below the use cases.

use std::fmt::Display;

/// Why a store did not do what it was asked.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum StoreError {
    /// The record contradicts one that is there: a key is taken, or a rule of the schema was broken.
    #[error("conflicts with a stored record: {0}")]
    Conflict(String),
    /// What was stored cannot be read as what it should be.
    #[error("stored data is damaged: {0}")]
    Corrupt(String),
    /// No room for another one: disk full, or a number used up.
    #[error("no room: {0}")]
    Full(String),
    /// The database cannot be used at present.
    #[error("the database is not available: {0}")]
    Unavailable(String),
    /// The store was stopped, or the unit of work was given up half way; nothing of it took effect.
    #[error("the unit of work was given up")]
    GivenUp,
}

impl StoreError {
    /// The same, with what it is of.
    pub(crate) fn of(self, what: impl Display) -> Self {
        match self {
            Self::Conflict(problem) => Self::Conflict(format!("{what}: {problem}")),
            Self::Corrupt(problem) => Self::Corrupt(format!("{what}: {problem}")),
            Self::Full(problem) => Self::Full(format!("{what}: {problem}")),
            Self::Unavailable(problem) => Self::Unavailable(format!("{what}: {problem}")),
            Self::GivenUp => Self::GivenUp,
        }
    }
}
