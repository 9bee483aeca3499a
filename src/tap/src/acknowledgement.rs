//! What the authority answers to an upload.

use symbolon_ccks::wire::{self, U16, U64};
use symbolon_ccks::{Authority, BadSignature, Malformed, Purpose, Signature, Signer, SigningKey, Suite, Time};
use zerocopy::{Immutable, IntoBytes, KnownLayout, TryFromBytes, Unaligned};

use crate::refusal::SignRefused;

/// What [`Acknowledgement::new`] takes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct AcknowledgementFields {
    /// SHA-256 of the whole upload, hints included.
    pub upload_digest: [u8; 32],
    /// Records settled by this upload.
    pub settled: u16,
    /// Records that were settled before.
    pub duplicate: u16,
    /// Records refused, misuse included.
    pub refused: u16,
    /// When, by the authority's clock.
    pub time: Time,
}

/// An acknowledgement, 46 bytes: with it a terminal may forget the records it uploaded. Its signature travels beside.
#[derive(Clone, Copy, Debug, PartialEq, Eq, TryFromBytes, IntoBytes, KnownLayout, Immutable, Unaligned)]
#[repr(C)]
pub struct Acknowledgement {
    upload_digest: [u8; 32],
    settled: U16,
    duplicate: U16,
    refused: U16,
    time: U64,
}

const STRUCTURE: &str = "acknowledgement";

impl Acknowledgement {
    /// Length in bytes.
    pub const SIZE: usize = 46;

    /// An acknowledgement of these counts.
    pub fn new(fields: AcknowledgementFields) -> Self {
        Self {
            upload_digest: fields.upload_digest,
            settled: fields.settled.into(),
            duplicate: fields.duplicate.into(),
            refused: fields.refused.into(),
            time: fields.time.to_wire(),
        }
    }

    /// Reads exactly [`Self::SIZE`] bytes in place.
    ///
    /// # Errors
    /// [`Malformed`] for a wrong length or a time of 2^40 or more.
    pub fn parse(bytes: &[u8]) -> Result<&Self, Malformed> {
        let acknowledgement = wire::read::<Self>(STRUCTURE, bytes)?;
        Time::from_wire(STRUCTURE, acknowledgement.time)?;
        Ok(acknowledgement)
    }

    /// Signs with the key of the institution that bears the authority's name (purpose 9).
    ///
    /// # Errors
    /// [`SignRefused::Key`] for every other key.
    pub fn sign<S: Suite>(&self, key: &SigningKey<S>, random: &[u8; 32]) -> Result<Signature, SignRefused> {
        Ok(key.sign(Purpose::Acknowledgement, &[self.as_bytes()], random)?)
    }

    /// Verifies the authority's signature.
    ///
    /// # Errors
    /// [`BadSignature`], whatever the cause.
    pub fn verify<S: Suite>(&self, authority: &Authority<'_, S>, signature: &Signature) -> Result<(), BadSignature> {
        let signer = Signer::Institution(authority.name());
        authority.verify(signer, Purpose::Acknowledgement, &[self.as_bytes()], signature)
    }

    /// SHA-256 of the upload that is acknowledged.
    pub fn upload_digest(&self) -> &[u8; 32] {
        &self.upload_digest
    }

    /// Records settled by the upload.
    pub fn settled(&self) -> u16 {
        self.settled.get()
    }

    /// Records that were settled before.
    pub fn duplicate(&self) -> u16 {
        self.duplicate.get()
    }

    /// Records refused, misuse included.
    pub fn refused(&self) -> u16 {
        self.refused.get()
    }

    /// When, by the authority's clock.
    pub fn time(&self) -> Time {
        Time::from_checked_wire(self.time)
    }

    /// The 46 bytes.
    pub fn as_bytes(&self) -> &[u8; Self::SIZE] {
        zerocopy::transmute_ref!(self)
    }
}

const _: () = assert!(size_of::<Acknowledgement>() == Acknowledgement::SIZE);
