//! A terminal's folder: journal, trust bundle, the tap that goes on, uploads.

use super::HolderFolder;
use crate::files::{self, Readers};
use anyhow::{Context, Result, bail, ensure};
use std::fs::{self, File, OpenOptions, TryLockError};
use symbolon_ccks::{AuthorityId, CredentialDigest, Time};
use symbolon_tap::{Challenge, Record, SelectResponse, Upload};
use symbolon_verifier::{BundleMark, Entry, Storage, StorageError, VoucherWindow};

/// Accepted records, one after another, 209 bytes each; never rewritten.
const JOURNAL: &str = "journal";
/// How many records of the journal are acknowledged, and how many uploads were made: two big-endian numbers.
const UPLOADED: &str = "uploaded";
/// An upload that was sent, or was about to be, and has no acknowledgement yet.
const PENDING: &str = "upload.pending";
const BUNDLE: &str = "bundle";
const BUNDLE_MARK: &str = "bundle.mark";
const CLOCK_FLOOR: &str = "clock.floor";
const NONCE_NUMBER: &str = "nonce.number";
/// The select response and the challenge that waits for its answer.
const OUTSTANDING: &str = "outstanding";

/// Locked as long as a command uses the folder: two at a time could give a nonce twice, or lose count of uploads.
const LOCK: &str = "lock";

/// A terminal's folder, used by one command at a time.
pub(crate) struct TerminalFolder {
    folder: HolderFolder,
    /// Held, not read: dropping it frees the folder.
    _lock: File,
}

impl TerminalFolder {
    /// Takes an enrolled terminal's folder for this command.
    pub(crate) fn take(folder: HolderFolder) -> Result<Self> {
        let path = folder.file(LOCK);
        let lock = OpenOptions::new().write(true).create(true).truncate(false).open(&path);
        let lock = lock.with_context(|| format!("cannot open {}", path.display()))?;
        match lock.try_lock() {
            Ok(()) => Ok(Self { folder, _lock: lock }),
            Err(TryLockError::WouldBlock) => bail!("another command uses this terminal; try again when it is done"),
            Err(TryLockError::Error(error)) => Err(error).with_context(|| format!("cannot lock {}", path.display())),
        }
    }

    /// What it shares with cards.
    pub(crate) fn holder(&self) -> &HolderFolder {
        &self.folder
    }

    /// Every record that was accepted. A last one that a crash cut short was never answered for, and is passed over.
    pub(crate) fn journal(&self) -> Result<Vec<Record>> {
        let path = self.folder.file(JOURNAL);
        if !path.exists() {
            return Ok(Vec::new());
        }
        let bytes = files::read(&path)?;
        bytes
            .chunks_exact(Record::SIZE)
            .map(|record| {
                let record = Record::parse(record);
                Ok(*record.with_context(|| format!("{} is damaged", path.display()))?)
            })
            .collect()
    }

    /// The trust bundle, if there is one.
    pub(crate) fn bundle(&self) -> Result<Option<Vec<u8>>> {
        let path = self.folder.file(BUNDLE);
        path.exists().then(|| files::read(&path)).transpose()
    }

    /// Keeps a trust bundle that was checked.
    pub(crate) fn keep_bundle(&self, bundle: &[u8]) -> Result<()> {
        files::replace(&self.folder.file(BUNDLE), bundle, Readers::All)
    }

    /// The select response and challenge of the tap that goes on.
    pub(crate) fn outstanding(&self) -> Result<Option<([u8; SelectResponse::SIZE], Vec<u8>)>> {
        let path = self.folder.file(OUTSTANDING);
        if !path.exists() {
            return Ok(None);
        }
        let bytes: [u8; SelectResponse::SIZE + Challenge::SIZE] = files::read_array(&path)?;
        let parts = bytes.split_first_chunk();
        Ok(parts.map(|(select, challenge)| (*select, challenge.to_vec())))
    }

    /// Keeps the tap that goes on.
    pub(crate) fn keep_outstanding(&self, select: &[u8], challenge: &Challenge) -> Result<()> {
        let bytes = [select, challenge.as_bytes()].concat();
        files::replace(&self.folder.file(OUTSTANDING), &bytes, Readers::Owner)
    }

    /// Forgets the tap that went on.
    pub(crate) fn forget_outstanding(&self) -> Result<()> {
        remove(&self.folder, OUTSTANDING)
    }

    /// How many records are acknowledged, and how many uploads were made.
    pub(crate) fn progress(&self) -> Result<(usize, u32)> {
        let path = self.folder.file(UPLOADED);
        if !path.exists() {
            return Ok((0, 0));
        }
        let bytes: [u8; 12] = files::read_array(&path)?;
        let (records, uploads) = bytes.split_first_chunk().context("a fixed length")?;
        let uploads = uploads.try_into().context("a fixed length")?;
        let records = usize::try_from(u64::from_be_bytes(*records))?;
        Ok((records, u32::from_be_bytes(uploads)))
    }

    /// The upload that waits for its acknowledgement.
    pub(crate) fn pending_upload(&self) -> Result<Option<Vec<u8>>> {
        let path = self.folder.file(PENDING);
        if !path.exists() {
            return Ok(None);
        }
        let bytes = files::read(&path)?;
        let (_, uploads) = self.progress()?;
        if Upload::parse(&bytes)?.number() == uploads {
            return Ok(Some(bytes));
        }
        // It was acknowledged and counted, and a crash kept it from being removed.
        remove(&self.folder, PENDING)?;
        Ok(None)
    }

    /// Keeps an upload before it is sent, so that it can be sent again as it was.
    pub(crate) fn keep_pending(&self, upload: &[u8]) -> Result<()> {
        files::replace(&self.folder.file(PENDING), upload, Readers::Owner)
    }

    /// Keeps an acknowledgement: so many more records of the journal are done.
    pub(crate) fn acknowledge(&self, records: usize, acknowledgement: &[u8]) -> Result<()> {
        let (done, uploads) = self.progress()?;
        ensure!(done + records <= self.journal()?.len(), "more records are acknowledged than the journal holds");
        let name = format!("acknowledgement.{uploads}");
        files::replace(&self.folder.file(&name), acknowledgement, Readers::Owner)?;
        let mut bytes = ((done + records) as u64).to_be_bytes().to_vec();
        bytes.extend_from_slice(&(uploads + 1).to_be_bytes());
        files::replace(&self.folder.file(UPLOADED), &bytes, Readers::Owner)?;
        remove(&self.folder, PENDING)
    }
}

fn remove(folder: &HolderFolder, name: &str) -> Result<()> {
    let path = folder.file(name);
    match fs::remove_file(&path) {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
            Err(error).with_context(|| format!("cannot remove {}", path.display()))
        }
        _ => Ok(()),
    }
}

impl Storage for &TerminalFolder {
    fn next_nonce_number(&mut self) -> Result<u32, StorageError> {
        let path = self.folder.file(NONCE_NUMBER);
        let number = match path.exists() {
            true => u32::from_be_bytes(files::read_array(&path).map_err(|_| StorageError::Failed)?),
            false => 0,
        };
        let next = number.checked_add(1).ok_or(StorageError::Full)?;
        files::replace(&path, &next.to_be_bytes(), Readers::Owner).map_err(|_| StorageError::Failed)?;
        Ok(number)
    }

    fn append(&mut self, entry: &Entry) -> Result<(), StorageError> {
        if entry.voucher().is_some() {
            // A folder is no meter: it could not keep the record and the voucher in one stroke.
            return Err(StorageError::Failed);
        }
        let path = self.folder.file(JOURNAL);
        cut_partial_record(&path)
            .and_then(|()| files::append(&path, entry.record().as_bytes()))
            .map_err(|_| StorageError::Failed)
    }

    fn find(&mut self, credential: &CredentialDigest, counter: u32) -> Result<Option<Entry>, StorageError> {
        let journal = self.journal().map_err(|_| StorageError::Failed)?;
        let found = journal.iter().find(|record| {
            let presentation = record.presentation();
            presentation.counter() == counter && presentation.holder().digest() == *credential
        });
        Ok(found.map(|record| Entry::new(*record, None)))
    }

    fn vouchers(&self) -> VoucherWindow {
        VoucherWindow::default()
    }

    fn bundle_mark(&self, _: &AuthorityId) -> Option<BundleMark> {
        let bytes: [u8; 40] = files::read_array(&self.folder.file(BUNDLE_MARK)).ok()?;
        let (sequence, digest) = bytes.split_first_chunk()?;
        Some(BundleMark { sequence: u64::from_be_bytes(*sequence), digest: digest.try_into().ok()? })
    }

    fn keep_bundle_mark(&mut self, _: &AuthorityId, mark: BundleMark) -> Result<(), StorageError> {
        let bytes = [mark.sequence.to_be_bytes().as_slice(), &mark.digest].concat();
        files::replace(&self.folder.file(BUNDLE_MARK), &bytes, Readers::Owner).map_err(|_| StorageError::Failed)
    }

    fn clock_floor(&self) -> Option<Time> {
        let bytes: [u8; 8] = files::read_array(&self.folder.file(CLOCK_FLOOR)).ok()?;
        Time::new(u64::from_be_bytes(bytes)).ok()
    }

    fn raise_clock_floor(&mut self, floor: Time) -> Result<(), StorageError> {
        if self.clock_floor().is_some_and(|kept| kept >= floor) {
            return Ok(());
        }
        let bytes = floor.seconds().to_be_bytes();
        files::replace(&self.folder.file(CLOCK_FLOOR), &bytes, Readers::Owner).map_err(|_| StorageError::Failed)
    }
}

/// Takes away what a crash left of a record, so that the next one begins where a record begins.
fn cut_partial_record(path: &std::path::Path) -> std::io::Result<()> {
    let Ok(metadata) = fs::metadata(path) else {
        return Ok(());
    };
    let whole = metadata.len() - metadata.len() % Record::SIZE as u64;
    if whole == metadata.len() {
        return Ok(());
    }
    OpenOptions::new().write(true).open(path)?.set_len(whole)
}
