//! Why something was not kept in flash.

use core::fmt;

use symbolon_ccks::Malformed;
use symbolon_tap::SignRefused;

use crate::StorageError;

/// Why something was not kept in flash, or not taken from it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FlashError {
    /// The flash failed, or does not give back what was written.
    Device,
    /// The regions overlap, are not whole pages, or are not all in the flash; or its words are longer than 32 bytes.
    Layout,
    /// The journal has no room until something is uploaded and acknowledged.
    Full,
    /// A number that never repeats is used up.
    Exhausted,
    /// The bytes are not the one encoding of what they should be.
    Malformed(Malformed),
    /// A signature does not verify.
    BadSignature,
    /// It was not signed.
    Sign(SignRefused),
    /// No upload waits for an acknowledgement.
    NoUpload,
    /// The acknowledgement is of another upload than the one that waits.
    OtherUpload,
    /// Of an authority that this is not about, or that was dropped.
    OtherAuthority,
    /// Nothing is being loaded that this could belong to.
    NotBegun,
    /// A piece that does not follow the pieces before it, nor repeats one.
    OutOfOrder,
    /// Larger than the slot for it.
    TooLarge,
    /// The parts are not as many as announced, not of one bundle, or not in their order.
    Parts,
    /// Not newer than the bundle that is there.
    NotNewer,
    /// A bundle's number is further ahead than one bundle may go.
    SequenceJump,
    /// The parameters do not have the digest that names the authority, or are none.
    Parameters,
    /// The authority is of another suite.
    WrongSuite,
    /// A second, different successor of one authority: somebody has its rotation key who should not.
    OtherSuccessor,
    /// Two authorities are live; a third has to wait until one is dropped.
    TwoLive,
    /// The authority's parameters are there.
    AlreadyThere,
    /// The successor is not in use yet: it has no valid bundle.
    NotInUse,
    /// Taps of this authority have not been acknowledged.
    Unacknowledged,
    /// The voucher was taken before.
    VoucherTaken,
}

impl fmt::Display for FlashError {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(match self {
            Self::Device => "the flash failed",
            Self::Layout => "the regions do not fit the flash",
            Self::Full => "the journal is full",
            Self::Exhausted => "the numbers are used up",
            Self::Malformed(malformed) => return malformed.fmt(formatter),
            Self::BadSignature => "the signature does not verify",
            Self::Sign(refused) => return refused.fmt(formatter),
            Self::NoUpload => "no upload waits for an acknowledgement",
            Self::OtherUpload => "the acknowledgement is of another upload",
            Self::OtherAuthority => "of another authority",
            Self::NotBegun => "nothing is being loaded",
            Self::OutOfOrder => "the piece does not follow the one before",
            Self::TooLarge => "there is no room for that much",
            Self::Parts => "the parts do not make up one bundle",
            Self::NotNewer => "the bundle is not newer than the one that is there",
            Self::SequenceJump => "the bundle's sequence is too far ahead",
            Self::Parameters => "the parameters are not those of the authority named",
            Self::WrongSuite => "the authority is of another suite",
            Self::OtherSuccessor => "the authority has named another successor before",
            Self::TwoLive => "two authorities are live",
            Self::AlreadyThere => "the authority's parameters are there",
            Self::NotInUse => "the successor is not in use yet",
            Self::Unacknowledged => "taps of this authority have not been acknowledged",
            Self::VoucherTaken => "the voucher was taken before",
        })
    }
}

impl core::error::Error for FlashError {}

impl From<FlashError> for StorageError {
    fn from(error: FlashError) -> Self {
        match error {
            FlashError::Full => Self::Full,
            _ => Self::Failed,
        }
    }
}
