//! What a terminal keeps of a tap and later uploads.

use symbolon_ccks::{BadSignature, Malformed, Suite, wire};
use zerocopy::{FromBytes, Immutable, IntoBytes, KnownLayout, TryFromBytes, Unaligned};

use crate::parts::Parts;
use crate::presentation::Presentation;
use crate::terms::Terms;
use crate::upload::RecordHint;

/// A record, 209 bytes: terms and the presentation that answered them. The terminal is the uploading one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, TryFromBytes, IntoBytes, KnownLayout, Immutable, Unaligned)]
#[repr(C)]
pub struct Record {
    terms: Terms,
    presentation: Presentation,
}

impl Record {
    /// Length in bytes.
    pub const SIZE: usize = 209;

    /// A record of these two.
    pub const fn new(terms: Terms, presentation: Presentation) -> Self {
        Self { terms, presentation }
    }

    /// Reads exactly [`Self::SIZE`] bytes in place. Terms of a screen code are well formed here.
    ///
    /// # Errors
    /// [`Malformed`] when a field of the terms or the presentation is not canonical.
    pub fn parse(bytes: &[u8]) -> Result<&Self, Malformed> {
        let record = wire::read::<Self>("record", bytes).map_err(|unnamed| Self::explain(bytes, unnamed))?;
        record.terms.check()?;
        record.presentation.check()?;
        Ok(record)
    }

    /// Names the part that the layout refused.
    fn explain(bytes: &[u8], unnamed: Malformed) -> Malformed {
        Parts::of(bytes, Self::SIZE, unnamed)
            .part(Terms::SIZE, Terms::parse)
            .part(Presentation::SIZE, Presentation::parse)
            .problem()
    }

    /// What was agreed.
    pub const fn terms(&self) -> &Terms {
        &self.terms
    }

    /// What the holder answered.
    pub const fn presentation(&self) -> &Presentation {
        &self.presentation
    }

    /// The hint to the holder's signature, for whoever uploads the record and has time that the exchange has not.
    ///
    /// # Errors
    /// [`BadSignature`] where P or R is no point of the curve: no hint helps, any may be sent.
    pub fn hint<S: Suite>(&self) -> Result<RecordHint, BadSignature> {
        RecordHint::of::<S>(self.presentation.holder(), self.presentation.signature())
    }

    /// The 209 bytes.
    pub fn as_bytes(&self) -> &[u8; Self::SIZE] {
        zerocopy::transmute_ref!(self)
    }
}

/// 209 bytes that should be a record, as an upload carries them: parsed one by one, so that a bad one does not
/// take the others down with it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, FromBytes, IntoBytes, KnownLayout, Immutable, Unaligned)]
#[repr(transparent)]
pub struct RecordBytes([u8; Record::SIZE]);

impl RecordBytes {
    /// Reads them in place.
    ///
    /// # Errors
    /// As [`Record::parse`].
    pub fn parse(&self) -> Result<&Record, Malformed> {
        Record::parse(&self.0)
    }

    /// The 209 bytes.
    pub const fn as_bytes(&self) -> &[u8; Record::SIZE] {
        &self.0
    }
}

impl From<Record> for RecordBytes {
    fn from(record: Record) -> Self {
        Self(zerocopy::transmute!(record))
    }
}

const _: () = assert!(size_of::<Record>() == Record::SIZE);
