//! What a card says first: which suite and authority it speaks, and its nonce for this tap.

use symbolon_ccks::wire::{self, Discrete, Version, Zero};
use symbolon_ccks::{Malformed, SuiteId};
use zerocopy::{Immutable, IntoBytes, KnownLayout, TryFromBytes, Unaligned};

/// The select response, 20 bytes: unsigned, it only opens the tap. The terminal puts `nonce` in its challenge, which
/// is how the card later knows that the challenge was made for it and now.
#[derive(Clone, Copy, Debug, PartialEq, Eq, TryFromBytes, IntoBytes, KnownLayout, Immutable, Unaligned)]
#[repr(C)]
pub struct SelectResponse {
    version: Version,
    suite: SuiteId,
    tariff: u8,
    zero: Zero,
    authority_prefix: [u8; 8],
    nonce: [u8; 8],
}

impl SelectResponse {
    /// Length in bytes.
    pub const SIZE: usize = 20;

    /// A response that declares `tariff` (the concession group, 0 is full fare). `nonce` is fresh and random.
    pub const fn new(suite: SuiteId, tariff: u8, authority_prefix: [u8; 8], nonce: [u8; 8]) -> Self {
        Self { version: Version::One, suite, tariff, zero: Zero::Zero, authority_prefix, nonce }
    }

    /// Reads exactly [`Self::SIZE`] bytes in place.
    ///
    /// # Errors
    /// [`Malformed`] when the length, the version, the suite or the zero byte is not as it must be.
    pub fn parse(bytes: &[u8]) -> Result<&Self, Malformed> {
        let discrete = [
            Discrete { offset: 0, legal: &[1], problem: "the version is not 1" },
            Discrete { offset: 1, legal: &[1, 2], problem: "an unknown suite" },
            Discrete { offset: 3, legal: &[0], problem: "the zero byte is not zero" },
        ];
        wire::read_explained("select response", bytes, &discrete)
    }

    /// The suite the card's credential is of.
    pub const fn suite(&self) -> SuiteId {
        self.suite
    }

    /// The concession group declared, which the credential presented afterwards must bear out.
    pub const fn tariff(&self) -> u8 {
        self.tariff
    }

    /// First 8 bytes of the id of the card's authority: enough to choose between two installed ones.
    pub const fn authority_prefix(&self) -> &[u8; 8] {
        &self.authority_prefix
    }

    /// The holder's half of the tap's nonce.
    pub const fn nonce(&self) -> &[u8; 8] {
        &self.nonce
    }

    /// The 20 bytes.
    pub fn as_bytes(&self) -> &[u8; Self::SIZE] {
        zerocopy::transmute_ref!(self)
    }
}

const _: () = assert!(size_of::<SelectResponse>() == SelectResponse::SIZE);
