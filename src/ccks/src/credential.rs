//! Credentials: an identity and the reconstruction point of its key.

use crate::{
    CompressedPoint, Identity, Malformed,
    hash::sha256,
    identity,
    wire::{self, Discrete},
};
use core::fmt;
use zerocopy::{FromBytes, Immutable, IntoBytes, KnownLayout, TryFromBytes, Unaligned};

/// What a holder shows: 56 bytes of identity, then the reconstruction point P.
///
/// A credential proves nothing by itself, since any P gives some public key; only a signature under that key does.
#[derive(Clone, Copy, PartialEq, Eq, Hash, TryFromBytes, IntoBytes, KnownLayout, Immutable, Unaligned)]
#[repr(C)]
pub struct Credential {
    identity: Identity,
    reconstruction_point: CompressedPoint,
}

impl Credential {
    /// Bytes of a credential.
    pub const SIZE: usize = 89;

    /// Puts the two parts together.
    pub fn new(identity: Identity, reconstruction_point: CompressedPoint) -> Self {
        Self { identity, reconstruction_point }
    }

    /// Reads exactly 89 bytes in place.
    ///
    /// Whether P is a point of the curve shows when the public key is computed.
    ///
    /// # Errors
    /// [`Malformed`] for a wrong length, an illegal field, or a prefix of P other than 2 and 3.
    pub fn parse(bytes: &[u8]) -> Result<&Self, Malformed> {
        const PREFIX: Discrete =
            Discrete { offset: Identity::SIZE, legal: &[2, 3], problem: "the prefix of P is not 2 or 3" };
        let [version, suite, class, zero] = identity::DISCRETE;
        let credential: &Self = wire::read_explained("credential", bytes, &[version, suite, class, zero, PREFIX])?;
        credential.identity.check("credential")?;
        Ok(credential)
    }

    /// The rules that the layout cannot express, for structures that carry a credential inside; `structure` names
    /// what is being read.
    ///
    /// # Errors
    /// [`Malformed`] as [`Credential::parse`].
    pub fn check(&self, structure: &'static str) -> Result<(), Malformed> {
        self.identity.check(structure)
    }

    /// What the holder claims to be.
    pub fn identity(&self) -> &Identity {
        &self.identity
    }

    /// P.
    pub fn reconstruction_point(&self) -> &CompressedPoint {
        &self.reconstruction_point
    }

    /// SHA-256 of the 89 bytes: the name of this credential.
    pub fn digest(&self) -> CredentialDigest {
        CredentialDigest(sha256(&[self.as_bytes()]))
    }

    /// The 89 bytes.
    pub fn as_bytes(&self) -> &[u8; Self::SIZE] {
        zerocopy::transmute_ref!(self)
    }
}

impl fmt::Debug for Credential {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .debug_struct("Credential")
            .field("identity", &self.identity)
            .field("reconstruction_point", &self.reconstruction_point)
            .finish()
    }
}

/// SHA-256 of a credential.
#[derive(
    Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, FromBytes, IntoBytes, KnownLayout, Immutable, Unaligned,
)]
#[repr(transparent)]
pub struct CredentialDigest([u8; 32]);

impl CredentialDigest {
    /// Takes the 32 bytes.
    pub const fn from_bytes(bytes: [u8; 32]) -> Self {
        Self(bytes)
    }

    /// The 32 bytes.
    pub const fn as_bytes(&self) -> &[u8; 32] {
        &self.0
    }
}

impl fmt::Display for CredentialDigest {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|byte| write!(formatter, "{byte:02x}"))
    }
}

impl fmt::Debug for CredentialDigest {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "CredentialDigest({self})")
    }
}
