//! The authority's side of an issue.

use super::PossessionMessage;
use crate::{
    Authority, AuthorityId, AuthoritySecret, Class, CompressedPoint, Credential, Identity, Signature, Suite, authority,
    hash_to_scalar,
};
use core::fmt;
use elliptic_curve::{Field, Group};
use subtle::ConstantTimeEq;
use zeroize::{Zeroize, ZeroizeOnDrop, Zeroizing};

/// The authority's contribution s to a holder's key, a scalar of 32 bytes big-endian.
///
/// Whoever has it and the holder's u has the holder's key; by itself it gives nothing away.
#[derive(Clone, Zeroize, ZeroizeOnDrop)]
pub struct Contribution([u8; 32]);

impl Contribution {
    /// Takes the 32 bytes.
    pub fn from_bytes(bytes: [u8; 32]) -> Self {
        Self(bytes)
    }

    /// The 32 bytes.
    pub fn as_bytes(&self) -> &[u8; 32] {
        &self.0
    }
}

impl PartialEq for Contribution {
    /// In constant time.
    fn eq(&self, other: &Self) -> bool {
        self.0.ct_eq(&other.0).into()
    }
}

impl Eq for Contribution {}

impl fmt::Debug for Contribution {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("Contribution(..)")
    }
}

/// What an issue gives.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Issued {
    /// The credential.
    pub credential: Credential,
    /// The authority's contribution, for the holder alone, and for the archive.
    pub contribution: Contribution,
}

/// Why nothing was issued.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum IssueError {
    /// The identity is of another suite or authority.
    WrongAuthority,
    /// Possession was proved over something else than this identity.
    OtherIdentity,
    /// The proof of possession does not verify.
    BadPossession,
    /// P or e came out as one of the values that must not be, once in 2^256: issue again with other randomness.
    Degenerate,
}

impl fmt::Display for IssueError {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(match self {
            Self::WrongAuthority => "the identity belongs to another authority",
            Self::OtherIdentity => "possession was proved over another identity",
            Self::BadPossession => "the proof of possession does not verify",
            Self::Degenerate => "the issue degenerated: try again with other randomness",
        })
    }
}

impl core::error::Error for IssueError {}

impl<S: Suite> AuthoritySecret<S> {
    /// Issues a credential for `identity` over the holder's point U.
    ///
    /// The issuer's nonce k is derived from the issuer secret, `random` and everything it is used for, and is
    /// forgotten on return: one k over two points gives the matrix secret of this identity away. An authority
    /// calls this once an identity; a repetition with the same U gets the stored answer.
    ///
    /// # Errors
    /// [`IssueError`]; nothing that depends on k leaves in that case.
    pub fn issue(
        &self,
        authority: &Authority<'_, S>,
        identity: &Identity,
        possession_of: PossessionMessage<'_>,
        holder_point: &CompressedPoint,
        possession: &Signature,
        random: &[u8; 32],
    ) -> Result<Issued, IssueError> {
        check_identity(authority, identity, &possession_of)?;
        if !possession_of.verify(authority, holder_point, possession) {
            return Err(IssueError::BadPossession);
        }
        let point = S::decode_point(holder_point).ok_or(IssueError::BadPossession)?;
        let nonce = Zeroizing::new(self.issue_nonce(authority.id(), identity, holder_point, random));
        let reconstruction = S::Projective::mul_by_generator(&nonce) + point;
        let reconstruction_point = S::encode_point(&reconstruction).ok_or(IssueError::Degenerate)?;
        self.combine(authority, identity, &nonce, reconstruction_point).ok_or(IssueError::Degenerate)
    }

    /// k, of everything that it is used for.
    pub(super) fn issue_nonce(
        &self,
        id: &AuthorityId,
        identity: &Identity,
        holder_point: &CompressedPoint,
        random: &[u8; 32],
    ) -> S::Scalar {
        let parts: [&[u8]; 5] =
            [self.issuer_secret(), random, id.as_bytes(), identity.as_bytes(), holder_point.as_bytes()];
        hash_to_scalar::<S>("ISSUE-NONCE", &parts)
    }

    /// The credential of this P, and s; `None` when e is zero.
    pub(super) fn combine(
        &self,
        authority: &Authority<'_, S>,
        identity: &Identity,
        nonce: &S::Scalar,
        reconstruction_point: CompressedPoint,
    ) -> Option<Issued> {
        let credential = Credential::new(*identity, reconstruction_point);
        let factor = authority::credential_factor::<S>(authority.id(), &credential);
        if bool::from(factor.is_zero()) {
            return None;
        }
        let matrix_secret = Zeroizing::new(self.matrix_secret(authority.id(), identity));
        let contribution = Zeroizing::new(factor * *nonce + *matrix_secret);
        Some(Issued { credential, contribution: Contribution(S::encode_scalar(&contribution)) })
    }
}

/// Whether this authority issues this identity for a proof over this message.
pub(super) fn check_identity<S: Suite>(
    authority: &Authority<'_, S>,
    identity: &Identity,
    possession_of: &PossessionMessage<'_>,
) -> Result<(), IssueError> {
    if identity.suite() != S::ID || identity.authority_prefix() != authority.id().prefix() {
        return Err(IssueError::WrongAuthority);
    }
    let fits = match possession_of {
        PossessionMessage::Offer(offer) => identity.class() != Class::Pseudonym && offer.identity() == identity,
        PossessionMessage::Pseudonym { .. } => identity.class() == Class::Pseudonym,
    };
    if fits { Ok(()) } else { Err(IssueError::OtherIdentity) }
}
