//! Issuing in one round trip: the offer, the holder's point with its proof of possession, and what comes back.

#[cfg(feature = "alloc")]
mod batch;
#[cfg(feature = "alloc")]
mod issue;

#[cfg(feature = "alloc")]
pub use batch::IssueRequest;
#[cfg(feature = "alloc")]
pub use issue::{Contribution, IssueError, Issued};

use crate::{
    Authority, AuthorityId, CompressedPoint, Credential, Identity, Malformed, Purpose, SignError, Signature, Signer,
    SigningKey, Suite, authority, signature::Statement, signing::sign_statement, wire,
};
use core::fmt;
use elliptic_curve::{Group, array::Array, ops::Reduce};
use rand_core::CryptoRng;
use zerocopy::{Immutable, IntoBytes, KnownLayout, TryFromBytes, Unaligned};
use zeroize::{Zeroize, Zeroizing};

/// What an authority offers to issue, 88 bytes: the identity, and a nonce that is good for one issue.
#[derive(Clone, Copy, Debug, PartialEq, Eq, TryFromBytes, IntoBytes, KnownLayout, Immutable, Unaligned)]
#[repr(C)]
pub struct Offer {
    identity: Identity,
    nonce: [u8; 32],
}

impl Offer {
    /// Bytes of an offer.
    pub const SIZE: usize = 88;

    /// Offers an identity.
    pub fn new(identity: Identity, nonce: [u8; 32]) -> Self {
        Self { identity, nonce }
    }

    /// Reads exactly 88 bytes in place.
    ///
    /// # Errors
    /// [`Malformed`] for a wrong length or an identity that is none.
    pub fn parse(bytes: &[u8]) -> Result<&Self, Malformed> {
        let offer: &Self = wire::read_explained("offer", bytes, &crate::identity::DISCRETE)?;
        offer.identity.check("offer")?;
        Ok(offer)
    }

    /// What the holder will claim to be.
    pub fn identity(&self) -> &Identity {
        &self.identity
    }

    /// The nonce, single use.
    pub fn nonce(&self) -> &[u8; 32] {
        &self.nonce
    }

    /// The 88 bytes.
    pub fn as_bytes(&self) -> &[u8; Self::SIZE] {
        zerocopy::transmute_ref!(self)
    }
}

/// What a proof of possession is made over.
#[derive(Clone, Copy, Debug)]
pub enum PossessionMessage<'a> {
    /// For a card or a terminal: the offer, identity || nonce.
    Offer(&'a Offer),
    /// For a pseudonym, whose subject the holder must not choose: 0x03 || period || challenge.
    Pseudonym {
        /// The number of the period (a day).
        period: u32,
        /// The item's challenge.
        challenge: &'a [u8; 32],
    },
}

impl PossessionMessage<'_> {
    /// Gives the message's bytes, in two parts, to `with`.
    fn with_parts<T>(&self, with: impl FnOnce(&[&[u8]; 2]) -> T) -> T {
        match self {
            Self::Offer(offer) => with(&[offer.as_bytes(), &[]]),
            Self::Pseudonym { period, challenge } => {
                let [p0, p1, p2, p3] = period.to_be_bytes();
                with(&[&[3, p0, p1, p2, p3], challenge.as_slice()])
            }
        }
    }

    /// Whether the proof holds that whoever asks knows the logarithm of `point`.
    pub fn verify<S: Suite>(
        &self,
        authority: &Authority<'_, S>,
        point: &CompressedPoint,
        possession: &Signature,
    ) -> bool {
        self.with_parts(|parts| authority.verify(Signer::Point(point), Purpose::Possession, parts, possession).is_ok())
    }
}

/// The holder's secret for one issue: u, with U = uG. Erased from memory when dropped.
pub struct EnrolmentKey<S: Suite> {
    secret: S::Scalar,
    point: CompressedPoint,
}

/// What the authority answered is not what was offered, or its contribution does not fit.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum IssueRefused {
    /// The credential's identity is not the one offered.
    OtherIdentity,
    /// `sG` is not `e*(P - U) + D`: the credential's key would not be the one the holder ends with.
    WrongContribution,
}

impl fmt::Display for IssueRefused {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(match self {
            Self::OtherIdentity => "the credential issued is not for the identity offered",
            Self::WrongContribution => "the authority's contribution does not fit the credential",
        })
    }
}

impl core::error::Error for IssueRefused {}

impl<S: Suite> EnrolmentKey<S> {
    /// Draws u.
    pub fn generate(random: &mut (impl CryptoRng + ?Sized)) -> Self {
        loop {
            let secret = Zeroizing::new(random_scalar::<S>(random));
            if let Some(key) = Self::from_secret(*secret) {
                return key;
            }
        }
    }

    /// Takes a stored u, 32 bytes big-endian; `None` when it is zero or not below the order.
    pub fn from_bytes(secret: &[u8; 32]) -> Option<Self> {
        let secret = Zeroizing::new(S::decode_scalar(secret)?);
        Self::from_secret(*secret)
    }

    fn from_secret(secret: S::Scalar) -> Option<Self> {
        let point = S::encode_point(&S::Projective::mul_by_generator(&secret))?;
        Some(Self { secret, point })
    }

    /// U.
    pub fn point(&self) -> &CompressedPoint {
        &self.point
    }

    /// u, 32 bytes big-endian, to be stored until the credential is there.
    pub fn secret_bytes(&self) -> Zeroizing<[u8; 32]> {
        Zeroizing::new(S::encode_scalar(&self.secret))
    }

    /// Signs under U itself, so that the authority combines no point whose secret nobody knows.
    ///
    /// # Errors
    /// [`SignError`], once in 2^256.
    pub fn prove_possession(
        &self,
        authority_id: &AuthorityId,
        message: PossessionMessage<'_>,
        random: &[u8; 32],
    ) -> Result<Signature, SignError> {
        message.with_parts(|parts| {
            let signer = Signer::Point(&self.point);
            let statement = Statement::new(authority_id.as_bytes(), &signer, Purpose::Possession, parts)
                .ok_or(SignError::TooManyParts)?;
            sign_statement::<S>(&self.secret, &statement, random)
        })
    }

    /// Checks what the authority answered and combines `d = e*u + s`. Afterwards u is of no use: drop it.
    ///
    /// # Errors
    /// [`IssueRefused`] when the answer is not an issue of what was offered over this U.
    pub fn complete(
        &self,
        authority: &Authority<'_, S>,
        offered: &Identity,
        credential: &Credential,
        contribution: &[u8; 32],
    ) -> Result<SigningKey<S>, IssueRefused> {
        if credential.identity() != offered {
            return Err(IssueRefused::OtherIdentity);
        }
        let contribution = authority
            .contribution_holds(credential, &self.point, contribution)
            .map(Zeroizing::new)
            .ok_or(IssueRefused::WrongContribution)?;
        let factor = authority::credential_factor::<S>(authority.id(), credential);
        let secret = Zeroizing::new(factor * self.secret + *contribution);
        let secret_bytes = Zeroizing::new(S::encode_scalar(&secret));
        SigningKey::from_credential(authority, credential, &secret_bytes).map_err(|_| IssueRefused::WrongContribution)
    }
}

impl<S: Suite> Drop for EnrolmentKey<S> {
    fn drop(&mut self) {
        self.secret.zeroize();
    }
}

impl<S: Suite> fmt::Debug for EnrolmentKey<S> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("EnrolmentKey").field("point", &self.point).finish_non_exhaustive()
    }
}

/// A scalar drawn uniformly, but for a bias of 2^-128.
pub(crate) fn random_scalar<S: Suite>(random: &mut (impl CryptoRng + ?Sized)) -> S::Scalar {
    let mut wide = Zeroizing::new([0; 48]);
    random.fill_bytes(wide.as_mut_slice());
    let wide = Zeroizing::new(Array(*wide));
    S::Scalar::reduce(&*wide)
}
