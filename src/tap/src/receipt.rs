//! What a terminal gives the holder to keep.

use symbolon_ccks::wire::{self, Discrete, U64};
use symbolon_ccks::{
    Authority, BadSignature, Credential, Malformed, Purpose, Signature, Signer, SigningKey, Suite, Time,
};
use zerocopy::{Immutable, IntoBytes, KnownLayout, TryFromBytes, Unaligned};

use crate::digest::sha256;
use crate::record::Record;
use crate::refusal::SignRefused;

/// How a tap ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, TryFromBytes, IntoBytes, KnownLayout, Immutable, Unaligned)]
#[repr(u8)]
pub enum Outcome {
    /// The terminal accepted the presentation.
    Accepted = 1,
    /// The terminal declined it.
    Declined = 2,
    /// A meter took the credit.
    Credited = 3,
}

/// A receipt, 41 bytes: which tap, how it ended, and when. Its signature travels beside.
#[derive(Clone, Copy, Debug, PartialEq, Eq, TryFromBytes, IntoBytes, KnownLayout, Immutable, Unaligned)]
#[repr(C)]
pub struct Receipt {
    record_digest: [u8; 32],
    outcome: Outcome,
    time: U64,
}

const STRUCTURE: &str = "receipt";

impl Receipt {
    /// Length in bytes.
    pub const SIZE: usize = 41;

    /// The receipt of a tap: of SHA-256 over its terms and presentation.
    pub fn new(record: &Record, outcome: Outcome, time: Time) -> Self {
        Self { record_digest: sha256(record.as_bytes()), outcome, time: time.to_wire() }
    }

    /// Reads exactly [`Self::SIZE`] bytes in place.
    ///
    /// # Errors
    /// [`Malformed`] for a wrong length, an unknown outcome or a time of 2^40 or more.
    pub fn parse(bytes: &[u8]) -> Result<&Self, Malformed> {
        let outcome = Discrete { offset: 32, legal: &[1, 2, 3], problem: "an unknown outcome" };
        let receipt = wire::read_explained::<Self>(STRUCTURE, bytes, &[outcome])?;
        Time::from_wire(STRUCTURE, receipt.time)?;
        Ok(receipt)
    }

    /// Signs with a terminal's key (purpose 5).
    ///
    /// # Errors
    /// [`SignRefused::Key`] for every other key.
    pub fn sign<S: Suite>(&self, key: &SigningKey<S>, random: &[u8; 32]) -> Result<Signature, SignRefused> {
        Ok(key.sign(Purpose::Receipt, &[self.as_bytes()], random)?)
    }

    /// Verifies that this terminal signed the receipt.
    ///
    /// # Errors
    /// [`BadSignature`], whatever the cause.
    pub fn verify<S: Suite>(
        &self,
        authority: &Authority<'_, S>,
        terminal: &Credential,
        signature: &Signature,
    ) -> Result<(), BadSignature> {
        authority.verify(Signer::Credential(terminal), Purpose::Receipt, &[self.as_bytes()], signature)
    }

    /// Whether this is the receipt of that tap.
    pub fn is_of(&self, record: &Record) -> bool {
        self.record_digest == sha256(record.as_bytes())
    }

    /// How the tap ended.
    pub fn outcome(&self) -> Outcome {
        self.outcome
    }

    /// When, by the terminal's clock.
    pub fn time(&self) -> Time {
        Time::from_checked_wire(self.time)
    }

    /// The 41 bytes.
    pub fn as_bytes(&self) -> &[u8; Self::SIZE] {
        zerocopy::transmute_ref!(self)
    }
}

const _: () = assert!(size_of::<Receipt>() == Receipt::SIZE);
