//! A purse in a file.

use std::fs::{self, File};
use std::io;
use std::path::PathBuf;

use sha2::{Digest, Sha256};
use zeroize::Zeroizing;

use super::{PurseError, PurseStore};
use crate::durable;

/// The file: "SYMP" | version 1 | zero 3 | the state | SHA-256 of everything before it.
const HEAD: [u8; 8] = *b"SYMP\x01\0\0\0";
const CHECKSUM: usize = 32;

/// Keeps a purse in a file that its owner alone may read, replaced as a whole at every change, and locked against other
/// processes as long as this lives.
///
/// A key that was erased is in no file any more; whether its bytes are off the medium is for the device to say.
#[derive(Debug)]
pub struct FilePurseStore {
    path: PathBuf,
    /// Held, not read: dropping it frees the purse.
    _lock: File,
}

impl FilePurseStore {
    /// A place for a purse that is to be begun; the file comes with its first state.
    ///
    /// # Errors
    /// [`PurseError::Exists`] when there is a file already; [`PurseError::InUse`] when another process has it open.
    pub fn create(path: impl Into<PathBuf>) -> Result<Self, PurseError> {
        let store = Self::lock(path.into())?;
        if store.path.try_exists()? {
            return Err(PurseError::Exists);
        }
        Ok(store)
    }

    /// Opens a purse.
    ///
    /// # Errors
    /// [`PurseError::Unknown`] when there is none; [`PurseError::InUse`] when another process has it open.
    pub fn open(path: impl Into<PathBuf>) -> Result<Self, PurseError> {
        let store = Self::lock(path.into())?;
        if !store.path.try_exists()? {
            return Err(PurseError::Unknown);
        }
        Ok(store)
    }

    fn lock(path: PathBuf) -> Result<Self, PurseError> {
        let lock = durable::lock(&path)?.ok_or(PurseError::InUse)?;
        Ok(Self { path, _lock: lock })
    }
}

impl PurseStore for FilePurseStore {
    fn read(&self) -> Result<Zeroizing<Vec<u8>>, PurseError> {
        let bytes = Zeroizing::new(fs::read(&self.path).map_err(|error| match error.kind() {
            io::ErrorKind::NotFound => PurseError::Unknown,
            kind => PurseError::Io(kind),
        })?);
        let (covered, checksum) = bytes.split_last_chunk::<CHECKSUM>().ok_or(PurseError::Damaged)?;
        let state = covered.strip_prefix(HEAD.as_slice()).ok_or(PurseError::Damaged)?;
        if Sha256::digest(covered).as_slice() != checksum {
            return Err(PurseError::Damaged);
        }
        Ok(Zeroizing::new(state.to_vec()))
    }

    fn write(&mut self, state: &[u8]) -> Result<(), PurseError> {
        let mut bytes = Zeroizing::new(Vec::with_capacity(HEAD.len() + state.len() + CHECKSUM));
        bytes.extend_from_slice(&HEAD);
        bytes.extend_from_slice(state);
        let checksum = Sha256::digest(bytes.as_slice());
        bytes.extend_from_slice(&checksum);
        Ok(durable::replace(&self.path, &bytes)?)
    }
}
