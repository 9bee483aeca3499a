//! How an authority names the one that follows it.

use symbolon_ccks::wire::{self, Discrete, U64, Version, Zero};
use symbolon_ccks::{
    Authority, AuthorityId, BadSignature, Malformed, Purpose, Signature, Signer, SigningKey, Suite, SuiteId, Time,
};
use zerocopy::{Immutable, IntoBytes, KnownLayout, TryFromBytes, Unaligned};

use crate::parts::Parts;
use crate::refusal::SignRefused;

/// What [`Successor::sign`] takes; the naming authority is the key's.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SuccessorFields {
    /// The successor's suite, which may be another.
    pub next_suite: SuiteId,
    /// The digest of the successor's parameters.
    pub next_authority: AuthorityId,
    /// From when on the successor's keys are accepted.
    pub next_from: Time,
    /// Until when this authority's keys are.
    pub this_until: Time,
}

/// What the rotation key signs, 88 bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, TryFromBytes, IntoBytes, KnownLayout, Immutable, Unaligned)]
#[repr(C)]
pub struct SuccessorStatement {
    version: Version,
    next_suite: SuiteId,
    zero: [Zero; 6],
    authority: AuthorityId,
    next_authority: AuthorityId,
    next_from: U64,
    this_until: U64,
}

impl SuccessorStatement {
    /// Length in bytes.
    pub const SIZE: usize = 88;

    /// The 88 bytes.
    pub fn as_bytes(&self) -> &[u8; Self::SIZE] {
        zerocopy::transmute_ref!(self)
    }
}

/// A successor, 153 bytes: the statement and the rotation key's signature over it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, TryFromBytes, IntoBytes, KnownLayout, Immutable, Unaligned)]
#[repr(C)]
pub struct Successor {
    statement: SuccessorStatement,
    signature: Signature,
}

const STRUCTURE: &str = "successor";

const DISCRETE: [Discrete; 8] = [
    Discrete { offset: 0, legal: &[1], problem: "the version is not 1" },
    Discrete { offset: 1, legal: &[1, 2], problem: "an unknown suite" },
    Discrete { offset: 2, legal: &[0], problem: NOT_ZERO },
    Discrete { offset: 3, legal: &[0], problem: NOT_ZERO },
    Discrete { offset: 4, legal: &[0], problem: NOT_ZERO },
    Discrete { offset: 5, legal: &[0], problem: NOT_ZERO },
    Discrete { offset: 6, legal: &[0], problem: NOT_ZERO },
    Discrete { offset: 7, legal: &[0], problem: NOT_ZERO },
];
const NOT_ZERO: &str = "a zero byte is not zero";

impl Successor {
    /// Length in bytes.
    pub const SIZE: usize = 153;

    /// Names a successor with the rotation key of `key`'s authority (purpose 7).
    ///
    /// # Errors
    /// [`SignRefused::Fields`] for an authority that would follow itself, [`SignRefused::Key`] for a key that
    /// is not the rotation key.
    pub fn sign<S: Suite>(
        key: &SigningKey<S>,
        fields: SuccessorFields,
        random: &[u8; 32],
    ) -> Result<Self, SignRefused> {
        let statement = SuccessorStatement {
            version: Version::One,
            next_suite: fields.next_suite,
            zero: [Zero::Zero; 6],
            authority: *key.authority_id(),
            next_authority: fields.next_authority,
            next_from: fields.next_from.to_wire(),
            this_until: fields.this_until.to_wire(),
        };
        if statement.authority == statement.next_authority {
            return Err(SignRefused::Fields);
        }
        let signature = key.sign(Purpose::Successor, &[statement.as_bytes()], random)?;
        Ok(Self { statement, signature })
    }

    /// Reads exactly [`Self::SIZE`] bytes in place.
    ///
    /// # Errors
    /// [`Malformed`] when a field is out of its range or the authority would follow itself.
    pub fn parse(bytes: &[u8]) -> Result<&Self, Malformed> {
        let successor = wire::read_explained::<Self>(STRUCTURE, bytes, &DISCRETE)
            .map_err(|unnamed| Self::explain(bytes, unnamed))?;
        let statement = &successor.statement;
        Time::from_wire(STRUCTURE, statement.next_from)?;
        Time::from_wire(STRUCTURE, statement.this_until)?;
        if statement.authority == statement.next_authority {
            return Err(Malformed::new(STRUCTURE, "an authority that follows itself"));
        }
        Ok(successor)
    }

    /// Names the part that the layout refused.
    fn explain(bytes: &[u8], unnamed: Malformed) -> Malformed {
        Parts::of(bytes, Self::SIZE, unnamed)
            .skip(SuccessorStatement::SIZE)
            .part(Signature::SIZE, Signature::parse)
            .problem()
    }

    /// Verifies that `authority` named this successor. Whether the successor's parameters have the digest named is
    /// for whoever loads them to check.
    ///
    /// # Errors
    /// [`BadSignature`], whatever the cause; another authority's statement is one.
    pub fn verify<S: Suite>(&self, authority: &Authority<'_, S>) -> Result<(), BadSignature> {
        if self.statement.authority != *authority.id() {
            return Err(BadSignature);
        }
        authority.verify(Signer::Rotation, Purpose::Successor, &[self.statement.as_bytes()], &self.signature)
    }

    /// The authority that names its successor.
    pub fn authority(&self) -> &AuthorityId {
        &self.statement.authority
    }

    /// The successor's suite.
    pub fn next_suite(&self) -> SuiteId {
        self.statement.next_suite
    }

    /// The digest of the successor's parameters.
    pub fn next_authority(&self) -> &AuthorityId {
        &self.statement.next_authority
    }

    /// From when on the successor's keys are accepted.
    pub fn next_from(&self) -> Time {
        Time::from_checked_wire(self.statement.next_from)
    }

    /// Until when the naming authority's keys are accepted.
    pub fn this_until(&self) -> Time {
        Time::from_checked_wire(self.statement.this_until)
    }

    /// The rotation key's signature.
    pub fn signature(&self) -> &Signature {
        &self.signature
    }

    /// The 153 bytes.
    pub fn as_bytes(&self) -> &[u8; Self::SIZE] {
        zerocopy::transmute_ref!(self)
    }
}

const _: () = assert!(size_of::<SuccessorStatement>() == SuccessorStatement::SIZE);
const _: () = assert!(size_of::<Successor>() == Successor::SIZE);
