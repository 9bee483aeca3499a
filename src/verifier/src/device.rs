//! What the device underneath has to offer: a clock, randomness and storage.

use core::fmt;

use symbolon_ccks::Time;
use symbolon_tap::Record;

/// The device's clock.
///
/// Any closure that gives a time is one. A terminal never takes the time to be earlier than its trust bundle's issue.
pub trait Clock {
    /// Now, as far as the device knows.
    fn now(&self) -> Time;
}

impl<F: Fn() -> Time> Clock for F {
    fn now(&self) -> Time {
        self()
    }
}

/// Which trust bundle a terminal has taken: what lets it refuse an older one after a restart.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct BundleMark {
    /// The bundle's sequence.
    pub sequence: u64,
    /// SHA-256 of the bundle's header.
    pub digest: [u8; 32],
}

/// Why the device did not store something.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum StorageError {
    /// There is no room until something is uploaded and acknowledged.
    Full,
    /// Reading or writing failed.
    Failed,
}

impl fmt::Display for StorageError {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(match self {
            Self::Full => "the storage is full",
            Self::Failed => "the storage failed",
        })
    }
}

impl core::error::Error for StorageError {}

/// What a terminal keeps over a restart. Whatever a method has taken is durable when it returns `Ok`.
pub trait Storage {
    /// A number that this terminal was never given before: it makes the terminal's half of every nonce unique. A
    /// device may skip numbers, so that it need not write at each.
    ///
    /// # Errors
    /// [`StorageError`] when the number cannot be kept as used, or all are used up.
    fn next_nonce_number(&mut self) -> Result<u32, StorageError>;

    /// Appends an accepted tap to the journal, from where it is uploaded. The verdict is given after this returns.
    ///
    /// # Errors
    /// [`StorageError`] when the record is not durable; the tap is then declined.
    fn append(&mut self, record: &Record) -> Result<(), StorageError>;

    /// The mark that was kept last. A device keeps it in two slots, so that losing power while writing one leaves the
    /// other.
    fn bundle_mark(&self) -> Option<BundleMark>;

    /// Keeps the mark of a new bundle.
    ///
    /// # Errors
    /// [`StorageError`] when it is not durable; the bundle is then refused.
    fn keep_bundle_mark(&mut self, mark: BundleMark) -> Result<(), StorageError>;
}

impl<T: Storage + ?Sized> Storage for &mut T {
    fn next_nonce_number(&mut self) -> Result<u32, StorageError> {
        (**self).next_nonce_number()
    }

    fn append(&mut self, record: &Record) -> Result<(), StorageError> {
        (**self).append(record)
    }

    fn bundle_mark(&self) -> Option<BundleMark> {
        (**self).bundle_mark()
    }

    fn keep_bundle_mark(&mut self, mark: BundleMark) -> Result<(), StorageError> {
        (**self).keep_bundle_mark(mark)
    }
}

/// The device's parts, handed to a terminal together.
#[derive(Clone, Copy, Debug)]
pub struct Devices<C, R, T> {
    /// The clock.
    pub clock: C,
    /// The source of randomness, a `rand_core::CryptoRng`.
    pub random: R,
    /// What survives a restart.
    pub storage: T,
}
