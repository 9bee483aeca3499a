//! Issuing in one round trip: the offer, the holder's point with its proof of possession, and what comes back.

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

#[cfg(feature = "alloc")]
pub use with_secret::{Contribution, IssueError, Issued};

#[cfg(feature = "alloc")]
mod with_secret {
    use super::PossessionMessage;
    use crate::{
        Authority, AuthoritySecret, Class, CompressedPoint, Credential, Identity, Signature, Suite, authority,
        hash_to_scalar,
    };
    use core::fmt;
    use elliptic_curve::{Field, Group};
    use zeroize::{Zeroize, ZeroizeOnDrop, Zeroizing};

    /// The authority's contribution s to a holder's key, a scalar of 32 bytes big-endian.
    ///
    /// Whoever has it and the holder's u has the holder's key; by itself it gives nothing away.
    #[derive(Clone, PartialEq, Eq, Zeroize, ZeroizeOnDrop)]
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
            if identity.suite() != S::ID || identity.authority_prefix() != authority.id().prefix() {
                return Err(IssueError::WrongAuthority);
            }
            let fits = match &possession_of {
                PossessionMessage::Offer(offer) => identity.class() != Class::Pseudonym && offer.identity() == identity,
                PossessionMessage::Pseudonym { .. } => identity.class() == Class::Pseudonym,
            };
            if !fits {
                return Err(IssueError::OtherIdentity);
            }
            if !possession_of.verify(authority, holder_point, possession) {
                return Err(IssueError::BadPossession);
            }
            let point = S::decode_point(holder_point).ok_or(IssueError::BadPossession)?;
            let nonce = Zeroizing::new(hash_to_scalar::<S>(
                "ISSUE-NONCE",
                &[
                    self.issuer_secret(),
                    random,
                    authority.id().as_bytes(),
                    identity.as_bytes(),
                    holder_point.as_bytes(),
                ],
            ));
            let reconstruction = S::Projective::mul_by_generator(&nonce) + point;
            let reconstruction_point = S::encode_point(&reconstruction).ok_or(IssueError::Degenerate)?;
            let credential = Credential::new(*identity, reconstruction_point);
            let factor = authority::credential_factor::<S>(authority.id(), &credential);
            if bool::from(factor.is_zero()) {
                return Err(IssueError::Degenerate);
            }
            let matrix_secret = Zeroizing::new(self.matrix_secret(authority.id(), identity));
            let contribution = Zeroizing::new(factor * *nonce + *matrix_secret);
            Ok(Issued { credential, contribution: Contribution(S::encode_scalar(&contribution)) })
        }
    }
}
