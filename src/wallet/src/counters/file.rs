//! One credential's account in a file.

use std::fs::{self, File};
use std::io;
use std::path::{Path, PathBuf};

use sha2::{Digest, Sha256};
use symbolon_ccks::CredentialDigest;
use symbolon_ccks::wire::{U32, U64, Version, Zero};
use symbolon_tap::misuse::Item;
use zerocopy::{Immutable, IntoBytes, KnownLayout, TryFromBytes, Unaligned};

use super::{Account, CounterError, CounterStore};
use crate::durable;

#[derive(Clone, Copy, PartialEq, Eq, TryFromBytes, IntoBytes, KnownLayout, Immutable, Unaligned)]
#[repr(u8)]
enum Answered {
    No = 0,
    Yes = 1,
}

/// The file, 325 bytes; big-endian like everything else.
#[derive(Clone, Copy, TryFromBytes, IntoBytes, KnownLayout, Immutable, Unaligned)]
#[repr(C)]
struct Contents {
    magic: [u8; 4],
    version: Version,
    answered: Answered,
    zero: [Zero; 2],
    counter: U32,
    spent: U64,
    credential: CredentialDigest,
    /// Zeros before the first answer.
    answer: [u8; Item::SIZE],
    /// SHA-256 of everything before it: a file cut short or mixed up is found out, not believed.
    checksum: [u8; 32],
}

const MAGIC: [u8; 4] = *b"SYMC";
const _: () = assert!(size_of::<Contents>() == 325);

impl Contents {
    fn new(credential: CredentialDigest, account: &Account) -> Self {
        let mut contents = Self {
            magic: MAGIC,
            version: Version::One,
            answered: if account.answer.is_some() { Answered::Yes } else { Answered::No },
            zero: [Zero::Zero; 2],
            counter: account.counter.into(),
            spent: account.spent.into(),
            credential,
            answer: account.answer.map_or([0; Item::SIZE], |answer| *answer.as_bytes()),
            checksum: [0; 32],
        };
        contents.checksum = contents.expected_checksum();
        contents
    }

    fn expected_checksum(&self) -> [u8; 32] {
        let bytes = self.as_bytes();
        let covered = bytes.len() - self.checksum.len();
        Sha256::digest(bytes.get(..covered).unwrap_or_default()).into()
    }

    fn read(bytes: &[u8]) -> Result<(CredentialDigest, Account), CounterError> {
        let contents = Self::try_ref_from_bytes(bytes).map_err(|_| CounterError::Damaged)?;
        if contents.magic != MAGIC || contents.checksum != contents.expected_checksum() {
            return Err(CounterError::Damaged);
        }
        let answer = match contents.answered {
            Answered::No => None,
            Answered::Yes => Some(*Item::parse(&contents.answer).map_err(|_| CounterError::Damaged)?),
        };
        let account = Account { counter: contents.counter.get(), spent: contents.spent.get(), answer };
        Ok((contents.credential, account))
    }
}

/// Keeps one credential's account in a file, replaced as a whole at every change.
///
/// A change is written to a second file, brought to the disk, put in the first one's place, and the folder brought to
/// the disk: whenever the power goes, the file is the old or the new one. A third file, locked as long as this lives,
/// keeps other processes away, since two wallets with one counter would convict their holder.
#[derive(Debug)]
pub struct FileCounterStore {
    path: PathBuf,
    credential: CredentialDigest,
    account: Account,
    /// Held, not read: dropping it frees the account.
    _lock: File,
}

impl FileCounterStore {
    /// Begins the account of a credential that was just issued.
    ///
    /// # Errors
    /// [`CounterError::Exists`] when there is a file already: its counters may be used.
    pub fn create(path: impl Into<PathBuf>, credential: &CredentialDigest) -> Result<Self, CounterError> {
        let path = path.into();
        let lock = lock(&path)?;
        if path.try_exists()? {
            return Err(CounterError::Exists);
        }
        let account = Account::default();
        let store = Self { path, credential: *credential, account, _lock: lock };
        store.write(&account)?;
        Ok(store)
    }

    /// Opens an account.
    ///
    /// # Errors
    /// [`CounterError::Unknown`] when there is none, or it is another credential's; [`CounterError::InUse`] when
    /// another process has it open; [`CounterError::Damaged`] when it is not as it was written.
    pub fn open(path: impl Into<PathBuf>, credential: &CredentialDigest) -> Result<Self, CounterError> {
        let path = path.into();
        let lock = lock(&path)?;
        let bytes = fs::read(&path).map_err(|error| match error.kind() {
            io::ErrorKind::NotFound => CounterError::Unknown,
            kind => CounterError::Io(kind),
        })?;
        let (owner, account) = Contents::read(&bytes)?;
        if owner != *credential {
            return Err(CounterError::Unknown);
        }
        Ok(Self { path, credential: owner, account, _lock: lock })
    }

    fn check_owner(&self, credential: &CredentialDigest) -> Result<(), CounterError> {
        if *credential == self.credential { Ok(()) } else { Err(CounterError::Unknown) }
    }

    /// Brings `account` to the disk.
    fn write(&self, account: &Account) -> Result<(), CounterError> {
        Ok(durable::replace(&self.path, Contents::new(self.credential, account).as_bytes())?)
    }
}

impl CounterStore for FileCounterStore {
    fn account(&self, credential: &CredentialDigest) -> Result<Account, CounterError> {
        self.check_owner(credential)?;
        Ok(self.account)
    }

    fn reserve(&mut self, credential: &CredentialDigest, amount: u32) -> Result<u32, CounterError> {
        self.check_owner(credential)?;
        // In memory first: when writing fails, nobody knows what is on the disk, and the counter counts as used.
        self.account = self.account.after_reserving(amount)?;
        self.write(&self.account)?;
        Ok(self.account.counter)
    }

    fn keep_answer(&mut self, credential: &CredentialDigest, answer: &Item) -> Result<(), CounterError> {
        self.check_owner(credential)?;
        let account = Account { answer: Some(*answer), ..self.account };
        self.write(&account)?;
        self.account = account;
        Ok(())
    }
}

fn lock(path: &Path) -> Result<File, CounterError> {
    durable::lock(path)?.ok_or(CounterError::InUse)
}
