//! The trust bundle: what an authority tells its terminals and wallets, so that they can decide without it.

#[cfg(feature = "alloc")]
pub(crate) mod building;
pub(crate) mod fares;
pub(crate) mod filter;
pub(crate) mod rules;
pub(crate) mod sections;
pub(crate) mod seeds;
pub(crate) mod table;
pub(crate) mod view;

use symbolon_ccks::wire::{self, Discrete, U16, U32, U64, Version, Zero};
use symbolon_ccks::{
    Authority, AuthorityId, BadSignature, Malformed, Purpose, Sectors, Signature, Signer, Suite, SuiteId, Time,
};
use zerocopy::{Immutable, IntoBytes, KnownLayout, TryFromBytes, Unaligned};

use crate::digest::sha256;
use fares::{Fare, Tariff};
use filter::Filter;
use rules::Rule;
use sections::{Limits, RevokedSubjects, Sections, section_type};
use seeds::RevokedSeeds;
use table::Table;

/// By how much the sequence rises at most from one bundle to the next that is taken.
pub const MAX_SEQUENCE_STEP: u64 = 65_536;

/// What the authority signs of a bundle, 108 bytes; the digest of the body stands for it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, TryFromBytes, IntoBytes, KnownLayout, Immutable, Unaligned)]
#[repr(C)]
pub struct BundleHeader {
    version: Version,
    suite: SuiteId,
    zero: Zero,
    sectors: u8,
    authority: AuthorityId,
    sequence: U64,
    issued_at: U64,
    valid_until: U64,
    oldest_not_before: U64,
    body_length: U32,
    part: U16,
    parts: U16,
    body_digest: [u8; 32],
}

const STRUCTURE: &str = "bundle";
const WRONG_LENGTH: Malformed = Malformed::new(STRUCTURE, "wrong length");
const BODY_DIGEST: Malformed = Malformed::new(STRUCTURE, "the body does not have the digest that the header gives");

impl BundleHeader {
    /// Length in bytes.
    pub const SIZE: usize = 108;

    fn read(bytes: &[u8]) -> Result<&Self, Malformed> {
        const DISCRETE: [Discrete; 3] = [
            Discrete { offset: 0, legal: &[1], problem: "the version is not 1" },
            Discrete { offset: 1, legal: &[1, 2], problem: "an unknown suite" },
            Discrete { offset: 2, legal: &[0], problem: "the zero byte is not zero" },
        ];
        let header = wire::read_explained::<Self>(STRUCTURE, bytes, &DISCRETE)?;
        header.check()?;
        Ok(header)
    }

    /// What the layout alone does not say.
    fn check(&self) -> Result<(), Malformed> {
        Sectors::new(self.sectors).map_err(|error| Malformed::new(STRUCTURE, error.problem))?;
        let issued_at = Time::from_wire(STRUCTURE, self.issued_at)?;
        let valid_until = Time::from_wire(STRUCTURE, self.valid_until)?;
        Time::from_wire(STRUCTURE, self.oldest_not_before)?;
        if issued_at > valid_until {
            return Err(Malformed::new(STRUCTURE, "valid_until is before issued_at"));
        }
        if self.part >= self.parts {
            return Err(Malformed::new(STRUCTURE, "the part is not below the number of parts"));
        }
        Ok(())
    }

    fn verify<S: Suite>(&self, authority: &Authority<'_, S>, signature: &Signature) -> Result<(), BadSignature> {
        if self.authority != *authority.id() || self.suite != S::ID {
            return Err(BadSignature);
        }
        let signer = Signer::Institution(authority.name());
        authority.verify(signer, Purpose::Bundle, &[self.as_bytes()], signature)
    }

    /// The suite of the authority.
    pub fn suite(&self) -> SuiteId {
        self.suite
    }

    /// The sectors whose terminals the bundle is for.
    pub fn sectors(&self) -> Sectors {
        // Every way to make a header checks its sectors: all of them stand for none.
        Sectors::new(self.sectors).unwrap_or(Sectors::ALL)
    }

    /// The authority that speaks.
    pub fn authority(&self) -> &AuthorityId {
        &self.authority
    }

    /// The bundle's number, which its parts share and which rises strictly.
    pub fn sequence(&self) -> u64 {
        self.sequence.get()
    }

    /// Whether this bundle's sequence may follow one of `previous`: above it, by at most [`MAX_SEQUENCE_STEP`], so
    /// that one stray bundle cannot use the numbers up.
    pub fn may_follow(&self, previous: u64) -> bool {
        self.sequence().checked_sub(previous).is_some_and(|step| (1..=MAX_SEQUENCE_STEP).contains(&step))
    }

    /// When it was issued: a floor for the clock of whoever takes it.
    pub fn issued_at(&self) -> Time {
        Time::from_checked_wire(self.issued_at)
    }

    /// Until when it vouches for what it says.
    pub fn valid_until(&self) -> Time {
        Time::from_checked_wire(self.valid_until)
    }

    /// Credentials that became valid before this time are no longer listed when revoked, so they are not accepted.
    pub fn oldest_not_before(&self) -> Time {
        Time::from_checked_wire(self.oldest_not_before)
    }

    /// Which part this is, from 0.
    pub fn part(&self) -> u16 {
        self.part.get()
    }

    /// How many parts the bundle has, at least 1.
    pub fn parts(&self) -> u16 {
        self.parts.get()
    }

    /// SHA-256 of the body.
    pub fn body_digest(&self) -> &[u8; 32] {
        &self.body_digest
    }

    /// The 108 bytes.
    pub fn as_bytes(&self) -> &[u8; Self::SIZE] {
        zerocopy::transmute_ref!(self)
    }
}

/// A bundle, or a part of one, read in place.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Bundle<'a> {
    bytes: &'a [u8],
    header: &'a BundleHeader,
    signature: &'a Signature,
    body: &'a [u8],
}

impl<'a> Bundle<'a> {
    /// Bytes before the body.
    pub const HEAD_SIZE: usize = BundleHeader::SIZE + Signature::SIZE;

    /// Reads a bundle in place, to its last byte, sections included.
    ///
    /// # Errors
    /// [`Malformed`] when a field is not canonical, the length or the digest of the body is not the header's, a
    /// section is not well formed, or an unknown one is critical.
    pub fn parse(bytes: &'a [u8]) -> Result<Self, Malformed> {
        let (header, rest) = bytes.split_at_checked(BundleHeader::SIZE).ok_or(WRONG_LENGTH)?;
        let (signature, body) = rest.split_at_checked(Signature::SIZE).ok_or(WRONG_LENGTH)?;
        let header = BundleHeader::read(header)?;
        let signature = Signature::parse(signature)?;
        if u32::try_from(body.len()) != Ok(header.body_length.get()) {
            return Err(WRONG_LENGTH);
        }
        if sha256(body) != header.body_digest {
            return Err(BODY_DIGEST);
        }
        Sections::new(body).check()?;
        Ok(Self { bytes, header, signature, body })
    }

    /// Verifies that the authority issued this: the institution that bears its name signed it.
    ///
    /// # Errors
    /// [`BadSignature`], whatever the cause; another authority's bundle is one.
    pub fn verify<S: Suite>(&self, authority: &Authority<'_, S>) -> Result<(), BadSignature> {
        self.header.verify(authority, self.signature)
    }

    /// What the authority signed.
    pub fn header(&self) -> &'a BundleHeader {
        self.header
    }

    /// The authority's signature.
    pub fn signature(&self) -> &'a Signature {
        self.signature
    }

    /// The sections, known or not, in the order of their types.
    pub fn sections(&self) -> Sections<'a> {
        Sections::new(self.body)
    }

    /// The subjects that this part lists as revoked; none when it has no such section.
    pub fn revoked(&self) -> RevokedSubjects<'a> {
        self.sections().revoked()
    }

    /// The limits in this part; none when it has no such section.
    pub fn limits(&self) -> Limits<'a> {
        self.sections().limits()
    }

    /// What recognises the pseudonyms of the revoked cards in this part; no entry when it has no such section.
    pub fn revoked_seeds(&self) -> RevokedSeeds<'a> {
        self.sections().revoked_seeds()
    }

    /// How pseudonyms are issued: bytes for a wallet, which this crate does not read.
    pub fn issuance(&self) -> Option<&'a [u8]> {
        self.sections().issuance()
    }

    /// Whom terminals serve; none when this part has no such section.
    pub fn rules(&self) -> Table<'a, Rule> {
        self.sections().table(section_type::RULES)
    }

    /// Who pays less than the full fare; none when this part has no such section.
    pub fn tariffs(&self) -> Table<'a, Tariff> {
        self.sections().table(section_type::TARIFFS)
    }

    /// What journeys cost; none when this part has no such section.
    pub fn fares(&self) -> Table<'a, Fare> {
        self.sections().table(section_type::FARES)
    }

    /// The filter of revoked subjects; `None` when this part has no such section.
    pub fn filter(&self) -> Option<Filter<'a>> {
        self.sections().filter()
    }

    /// The sections' bytes.
    pub fn body(&self) -> &'a [u8] {
        self.body
    }

    /// All its bytes.
    pub fn as_bytes(&self) -> &'a [u8] {
        self.bytes
    }
}

const _: () = assert!(size_of::<BundleHeader>() == BundleHeader::SIZE);
