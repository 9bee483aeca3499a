//! What the device underneath has to offer: a clock, randomness and storage.

use core::fmt;

use symbolon_ccks::{AuthorityId, CredentialDigest, Time};
use symbolon_tap::Record;

use crate::{TakenVoucher, VoucherWindow};

/// The device's clock.
///
/// Any closure that gives a time is one. A terminal compares it with the signed times that it has seen, and does not
/// decide by a clock that is behind them or far ahead.
pub trait Clock {
    /// Now, as far as the device knows.
    fn now(&self) -> Time;
}

impl<F: Fn() -> Time> Clock for F {
    fn now(&self) -> Time {
        self()
    }
}

/// Which trust bundle of an authority a terminal has taken: what lets it refuse an older one after a restart.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct BundleMark {
    /// The bundle's sequence.
    pub sequence: u64,
    /// SHA-256 of the headers of the parts that are held, in their order.
    pub digest: [u8; 32],
}

/// What the journal has of one accepted tap.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Entry {
    record: Record,
    voucher: Option<TakenVoucher>,
}

impl Entry {
    /// A tap, and the voucher that a meter took in it.
    pub const fn new(record: Record, voucher: Option<TakenVoucher>) -> Self {
        Self { record, voucher }
    }

    /// What is uploaded.
    pub const fn record(&self) -> &Record {
        &self.record
    }

    /// The voucher that was taken along, at a meter.
    pub const fn voucher(&self) -> Option<TakenVoucher> {
        self.voucher
    }
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

    /// Appends an accepted tap to the journal, from where it is uploaded, and in the same stroke the voucher that was
    /// taken with it: either both are durable or neither is. The verdict is given after this returns.
    ///
    /// # Errors
    /// [`StorageError`] when the entry is not durable; the tap is then declined.
    fn append(&mut self, entry: &Entry) -> Result<(), StorageError>;

    /// The journal's entry of this transaction: the first that has the credential and the counter. What was appended
    /// less than [`CODE_SECONDS`](crate::CODE_SECONDS) before is found in any case; what is older, at least until it is
    /// acknowledged.
    ///
    /// # Errors
    /// [`StorageError`] when the journal cannot be read.
    fn find(&mut self, credential: &CredentialDigest, counter: u32) -> Result<Option<Entry>, StorageError>;

    /// Which vouchers were taken, as the appended entries have it.
    fn vouchers(&self) -> VoucherWindow;

    /// The mark that was kept last for this authority, of whom there are at most two. A device keeps it in two slots, so
    /// that losing power while writing one leaves the other.
    fn bundle_mark(&self, authority: &AuthorityId) -> Option<BundleMark>;

    /// Keeps the mark of a new bundle of this authority.
    ///
    /// # Errors
    /// [`StorageError`] when it is not durable; the bundle is then refused.
    fn keep_bundle_mark(&mut self, authority: &AuthorityId, mark: BundleMark) -> Result<(), StorageError>;

    /// The latest signed time that was kept; `None` before the first.
    fn clock_floor(&self) -> Option<Time>;

    /// Keeps a later signed time; an earlier one than is kept changes nothing.
    ///
    /// # Errors
    /// [`StorageError`] when it is not durable.
    fn raise_clock_floor(&mut self, floor: Time) -> Result<(), StorageError>;
}

impl<T: Storage + ?Sized> Storage for &mut T {
    fn next_nonce_number(&mut self) -> Result<u32, StorageError> {
        (**self).next_nonce_number()
    }

    fn append(&mut self, entry: &Entry) -> Result<(), StorageError> {
        (**self).append(entry)
    }

    fn find(&mut self, credential: &CredentialDigest, counter: u32) -> Result<Option<Entry>, StorageError> {
        (**self).find(credential, counter)
    }

    fn vouchers(&self) -> VoucherWindow {
        (**self).vouchers()
    }

    fn bundle_mark(&self, authority: &AuthorityId) -> Option<BundleMark> {
        (**self).bundle_mark(authority)
    }

    fn keep_bundle_mark(&mut self, authority: &AuthorityId, mark: BundleMark) -> Result<(), StorageError> {
        (**self).keep_bundle_mark(authority, mark)
    }

    fn clock_floor(&self) -> Option<Time> {
        (**self).clock_floor()
    }

    fn raise_clock_floor(&mut self, floor: Time) -> Result<(), StorageError> {
        (**self).raise_clock_floor(floor)
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
