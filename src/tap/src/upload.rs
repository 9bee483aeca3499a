//! What a terminal sends to be settled: a signed batch of records.

use sha2::{Digest, Sha256};
use symbolon_ccks::wire::{self, Discrete, U16, U32, Version};
use symbolon_ccks::{
    Authority, BadSignature, Credential, Hints, Malformed, Purpose, Signature, Signer, SigningKey, Suite,
};
use zerocopy::{FromBytes, Immutable, IntoBytes, KnownLayout, TryFromBytes, Unaligned};

use crate::digest::sha256;
use crate::parts::Parts;
use crate::record::{Record, RecordBytes};
use crate::refusal::SignRefused;

/// The most records that one upload has.
pub const MAX_RECORDS: u16 = 8192;

/// Whether hints follow the records.
#[derive(Clone, Copy, Debug, PartialEq, Eq, TryFromBytes, IntoBytes, KnownLayout, Immutable, Unaligned)]
#[repr(u8)]
enum HintsFlag {
    Absent = 0,
    Present = 1,
}

/// What a terminal signs of an upload, 129 bytes; the digest of the records stands for them.
#[derive(Clone, Copy, Debug, PartialEq, Eq, TryFromBytes, IntoBytes, KnownLayout, Immutable, Unaligned)]
#[repr(C)]
pub struct UploadHeader {
    version: Version,
    hints: HintsFlag,
    count: U16,
    number: U32,
    terminal: Credential,
    records_digest: [u8; 32],
}

impl UploadHeader {
    /// Length in bytes.
    pub const SIZE: usize = 129;

    /// The 129 bytes.
    pub fn as_bytes(&self) -> &[u8; Self::SIZE] {
        zerocopy::transmute_ref!(self)
    }
}

/// The first 194 bytes of an upload: the header and the terminal's signature over it. The records follow, so that a
/// terminal sends them from where they lie.
#[derive(Clone, Copy, Debug, PartialEq, Eq, TryFromBytes, IntoBytes, KnownLayout, Immutable, Unaligned)]
#[repr(C)]
pub struct UploadHead {
    header: UploadHeader,
    signature: Signature,
}

const STRUCTURE: &str = "upload";

impl UploadHead {
    /// Length in bytes.
    pub const SIZE: usize = 194;

    /// Signs an upload with a terminal's key (purpose 3). `number` is the terminal's own count of its uploads; `hints`
    /// says whether a [`RecordHint`] a record will follow. `random` is 32 fresh bytes.
    ///
    /// # Errors
    /// [`SignRefused::Key`] for a key that is no terminal's.
    pub fn sign<S: Suite>(
        key: &SigningKey<S>,
        number: u32,
        records: &RecordsDigest,
        hints: bool,
        random: &[u8; 32],
    ) -> Result<Self, SignRefused> {
        let header = UploadHeader {
            version: Version::One,
            hints: if hints { HintsFlag::Present } else { HintsFlag::Absent },
            count: records.count.into(),
            number: number.into(),
            terminal: *key.credential().ok_or(SignRefused::NO_CREDENTIAL)?,
            records_digest: records.digest,
        };
        let signature = key.sign(Purpose::Upload, &[header.as_bytes()], random)?;
        Ok(Self { header, signature })
    }

    fn read(bytes: &[u8]) -> Result<&Self, Malformed> {
        const DISCRETE: [Discrete; 2] = [
            Discrete { offset: 0, legal: &[1], problem: "the version is not 1" },
            Discrete { offset: 1, legal: &[0, 1], problem: "the hints flag is not 0 or 1" },
        ];
        let head = wire::read_explained::<Self>(STRUCTURE, bytes, &DISCRETE).map_err(|unnamed| {
            Parts::of(bytes, Self::SIZE, unnamed)
                .skip(8)
                .part(Credential::SIZE, Credential::parse)
                .skip(32)
                .part(Signature::SIZE, Signature::parse)
                .problem()
        })?;
        head.header.terminal.check(STRUCTURE)?;
        if !(1..=MAX_RECORDS).contains(&head.header.count.get()) {
            return Err(Malformed::new(STRUCTURE, "not 1 to 8192 records"));
        }
        Ok(head)
    }

    /// The 194 bytes.
    pub fn as_bytes(&self) -> &[u8; Self::SIZE] {
        zerocopy::transmute_ref!(self)
    }
}

/// Signs the head of an upload of these records: [`UploadHead::sign`] for records that are all in memory.
///
/// # Errors
/// [`SignRefused::RecordCount`] for none or too many, [`SignRefused::Key`] for a key that is no terminal's.
pub fn sign_upload_header<S: Suite>(
    key: &SigningKey<S>,
    number: u32,
    records: &[Record],
    hints: bool,
    random: &[u8; 32],
) -> Result<UploadHead, SignRefused> {
    let mut hasher = RecordsHasher::new();
    records.iter().for_each(|record| hasher.add(record));
    UploadHead::sign(key, number, &hasher.finish()?, hints, random)
}

/// Digests records one by one.
#[derive(Clone, Debug, Default)]
pub struct RecordsHasher {
    count: u32,
    hash: Sha256,
}

impl RecordsHasher {
    /// No record yet.
    pub fn new() -> Self {
        Self::default()
    }

    /// The next record, in the order in which they will be sent.
    pub fn add(&mut self, record: &Record) {
        self.count = self.count.saturating_add(1);
        self.hash.update(record.as_bytes());
    }

    /// How many there were and what they hash to.
    ///
    /// # Errors
    /// [`SignRefused::RecordCount`] for none, or more than [`MAX_RECORDS`].
    pub fn finish(self) -> Result<RecordsDigest, SignRefused> {
        let count = u16::try_from(self.count).ok().filter(|count| (1..=MAX_RECORDS).contains(count));
        Ok(RecordsDigest { count: count.ok_or(SignRefused::RecordCount)?, digest: self.hash.finalize().into() })
    }
}

/// The number and the digest of an upload's records.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RecordsDigest {
    count: u16,
    digest: [u8; 32],
}

/// The y-coordinates that spare a verifier two square roots a record. Outside the signature: a wrong one makes a
/// verifier decompress, never refuse.
pub type RecordHint = Hints;

/// An upload, read in place.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Upload<'a> {
    bytes: &'a [u8],
    head: &'a UploadHead,
    records: &'a [RecordBytes],
    hints: Option<&'a [RecordHint]>,
}

impl<'a> Upload<'a> {
    /// Bytes of an upload of `count` records.
    pub const fn size(count: u16, hints: bool) -> usize {
        UploadHead::SIZE + count as usize * (Record::SIZE + if hints { RecordHint::SIZE } else { 0 })
    }

    /// Reads an upload in place, to its last byte. The records are not parsed: each is, or is refused, by itself.
    ///
    /// # Errors
    /// [`Malformed`] when a field of the head is not canonical, the length is not the one that the head gives, or the
    /// records do not have the digest in it.
    pub fn parse(bytes: &'a [u8]) -> Result<Self, Malformed> {
        const WRONG_LENGTH: Malformed = Malformed::new(STRUCTURE, "wrong length");
        let (head, rest) = bytes.split_at_checked(UploadHead::SIZE).ok_or(WRONG_LENGTH)?;
        let head = UploadHead::read(head)?;
        let count = head.header.count.get();
        let has_hints = head.header.hints == HintsFlag::Present;
        if bytes.len() != Self::size(count, has_hints) {
            return Err(WRONG_LENGTH);
        }
        let (records, hints) = rest.split_at_checked(usize::from(count) * Record::SIZE).ok_or(WRONG_LENGTH)?;
        if sha256(records) != head.header.records_digest {
            return Err(Malformed::new(STRUCTURE, "the records do not have the digest that the header gives"));
        }
        let records = <[RecordBytes]>::ref_from_bytes(records).map_err(|_| WRONG_LENGTH)?;
        let hints = <[RecordHint]>::ref_from_bytes(hints).map_err(|_| WRONG_LENGTH)?;
        Ok(Self { bytes, head, records, hints: has_hints.then_some(hints) })
    }

    /// Verifies the terminal's signature. Each record has the holder's own signature, to be verified by itself.
    ///
    /// # Errors
    /// [`BadSignature`], whatever the cause.
    pub fn verify<S: Suite>(&self, authority: &Authority<'_, S>) -> Result<(), BadSignature> {
        let signer = Signer::Credential(&self.head.header.terminal);
        authority.verify(signer, Purpose::Upload, &[self.head.header.as_bytes()], &self.head.signature)
    }

    /// What the terminal signed.
    pub fn header(&self) -> &'a UploadHeader {
        &self.head.header
    }

    /// Who uploads: the terminal that challenged the holders.
    pub fn terminal(&self) -> &'a Credential {
        &self.head.header.terminal
    }

    /// The terminal's own count of its uploads.
    pub fn number(&self) -> u32 {
        self.head.header.number.get()
    }

    /// The terminal's signature.
    pub fn signature(&self) -> &'a Signature {
        &self.head.signature
    }

    /// The records, to be parsed one by one.
    pub fn records(&self) -> &'a [RecordBytes] {
        self.records
    }

    /// A hint a record, if the upload has them.
    pub fn hints(&self) -> Option<&'a [RecordHint]> {
        self.hints
    }

    /// SHA-256 of the whole upload, hints included: what the authority acknowledges.
    pub fn digest(&self) -> [u8; 32] {
        sha256(self.bytes)
    }

    /// All its bytes.
    pub fn as_bytes(&self) -> &'a [u8] {
        self.bytes
    }
}

/// Signs and encodes an upload.
///
/// # Errors
/// [`SignRefused::RecordCount`] for none or too many records, or not as many hints; [`SignRefused::Key`] for a key
/// that is no terminal's.
#[cfg(feature = "alloc")]
pub fn encode_upload<S: Suite>(
    key: &SigningKey<S>,
    number: u32,
    records: &[Record],
    hints: Option<&[RecordHint]>,
    random: &[u8; 32],
) -> Result<alloc::vec::Vec<u8>, SignRefused> {
    if hints.is_some_and(|hints| hints.len() != records.len()) {
        return Err(SignRefused::RecordCount);
    }
    let head = sign_upload_header(key, number, records, hints.is_some(), random)?;
    Ok([head.as_bytes(), records.as_bytes(), hints.unwrap_or_default().as_bytes()].concat())
}

const _: () = assert!(size_of::<UploadHeader>() == UploadHeader::SIZE);
const _: () = assert!(size_of::<UploadHead>() == UploadHead::SIZE);
