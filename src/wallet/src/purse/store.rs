//! Where a purse is kept.

pub(crate) mod file;

use core::fmt;
use std::io;

use zeroize::Zeroizing;

/// Keeps the newest state of a purse durably, as a whole: the old one or the new one, whenever the power goes.
///
/// A purse is never restored from a backup: its pseudonyms would be used again, under counters that were used.
pub trait PurseStore {
    /// The state kept last.
    ///
    /// # Errors
    /// [`PurseError::Unknown`] when there is none yet, else whatever is wrong with it.
    fn read(&self) -> Result<Zeroizing<Vec<u8>>, PurseError>;

    /// Keeps a state, durably before it returns.
    ///
    /// # Errors
    /// [`PurseError`]; it may have been kept or not.
    fn write(&mut self, state: &[u8]) -> Result<(), PurseError>;
}

impl<T: PurseStore + ?Sized> PurseStore for &mut T {
    fn read(&self) -> Result<Zeroizing<Vec<u8>>, PurseError> {
        (**self).read()
    }

    fn write(&mut self, state: &[u8]) -> Result<(), PurseError> {
        (**self).write(state)
    }
}

/// Why a purse could not be read or kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PurseError {
    /// There is no purse.
    Unknown,
    /// There is a purse already where one was to be begun.
    Exists,
    /// It is the purse of another card.
    OtherCard,
    /// Another process uses the purse.
    InUse,
    /// The purse is not as it was written.
    Damaged,
    /// Reading or writing failed.
    Io(io::ErrorKind),
}

impl fmt::Display for PurseError {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Unknown => formatter.write_str("there is no purse"),
            Self::Exists => formatter.write_str("there is a purse already"),
            Self::OtherCard => formatter.write_str("it is the purse of another card"),
            Self::InUse => formatter.write_str("another process uses this purse"),
            Self::Damaged => formatter.write_str("the purse is damaged"),
            Self::Io(kind) => write!(formatter, "the purse could not be read or kept: {kind}"),
        }
    }
}

impl core::error::Error for PurseError {}

impl From<io::Error> for PurseError {
    fn from(error: io::Error) -> Self {
        Self::Io(error.kind())
    }
}

/// Keeps a purse in memory alone: for simulations and tests.
#[derive(Clone, Default)]
pub struct MemoryPurseStore {
    state: Option<Zeroizing<Vec<u8>>>,
}

impl MemoryPurseStore {
    /// Nothing yet.
    pub fn new() -> Self {
        Self::default()
    }
}

impl PurseStore for MemoryPurseStore {
    fn read(&self) -> Result<Zeroizing<Vec<u8>>, PurseError> {
        self.state.clone().ok_or(PurseError::Unknown)
    }

    fn write(&mut self, state: &[u8]) -> Result<(), PurseError> {
        self.state = Some(Zeroizing::new(state.to_vec()));
        Ok(())
    }
}

impl fmt::Debug for MemoryPurseStore {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("MemoryPurseStore").finish_non_exhaustive()
    }
}
