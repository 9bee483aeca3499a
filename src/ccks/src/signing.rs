//! Signing keys: a secret and whom it signs as.

use crate::{
    Authority, AuthorityId, BadSignature, CompressedPoint, Credential, Name, Purpose, Signature, Signer, Suite,
    curve::secret::generator_times, signature::Statement,
};
use core::fmt;
use elliptic_curve::Field;
use zeroize::{Zeroize, Zeroizing};

/// Why a key does not sign.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SignError {
    /// This signer does not sign for this purpose; no verifier would accept it.
    WrongSigner,
    /// The message came in more parts than [`crate::MAXIMUM_MESSAGE_PARTS`].
    TooManyParts,
    /// The nonce came out as zero, once in 2^256: sign again with other randomness.
    ZeroNonce,
}

impl fmt::Display for SignError {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(match self {
            Self::WrongSigner => "this signer does not sign for this purpose",
            Self::TooManyParts => "the message comes in too many parts",
            Self::ZeroNonce => "the nonce came out as zero: sign again with other randomness",
        })
    }
}

impl core::error::Error for SignError {}

/// Whom a key signs as.
enum OwnedSigner {
    Credential(Credential),
    #[cfg_attr(not(feature = "alloc"), expect(dead_code, reason = "only an authority's secret side makes these"))]
    Institution(Name),
    #[cfg_attr(not(feature = "alloc"), expect(dead_code, reason = "only an authority's secret side makes these"))]
    Rotation,
}

/// A secret key with its signer. Erased from memory when dropped.
pub struct SigningKey<S: Suite> {
    secret: S::Scalar,
    signer: OwnedSigner,
    authority_id: AuthorityId,
    authority_name: Name,
}

impl<S: Suite> SigningKey<S> {
    /// The key of a credential's holder, from its stored secret d, 32 bytes big-endian.
    ///
    /// # Errors
    /// [`BadSignature`] unless `dG` is the credential's public key under this authority.
    pub fn from_credential(
        authority: &Authority<'_, S>,
        credential: &Credential,
        secret: &[u8; 32],
    ) -> Result<Self, BadSignature> {
        let secret = Zeroizing::new(S::decode_scalar(secret).ok_or(BadSignature)?);
        let point = generator_times::<S>(&secret).ok_or(BadSignature)?;
        if point != authority.public_key(credential)? {
            return Err(BadSignature);
        }
        Ok(Self::new(*secret, OwnedSigner::Credential(*credential), authority.id(), authority.name()))
    }

    #[cfg(feature = "alloc")]
    pub(crate) fn institution(
        secret: S::Scalar,
        name: &Name,
        authority_id: &AuthorityId,
        authority_name: &Name,
    ) -> Self {
        Self::new(secret, OwnedSigner::Institution(*name), authority_id, authority_name)
    }

    #[cfg(feature = "alloc")]
    pub(crate) fn rotation(secret: S::Scalar, authority_id: &AuthorityId, authority_name: &Name) -> Self {
        Self::new(secret, OwnedSigner::Rotation, authority_id, authority_name)
    }

    fn new(secret: S::Scalar, signer: OwnedSigner, authority_id: &AuthorityId, authority_name: &Name) -> Self {
        Self { secret, signer, authority_id: *authority_id, authority_name: *authority_name }
    }

    /// Whom this key signs as.
    pub fn signer(&self) -> Signer<'_> {
        match &self.signer {
            OwnedSigner::Credential(credential) => Signer::Credential(credential),
            OwnedSigner::Institution(name) => Signer::Institution(name),
            OwnedSigner::Rotation => Signer::Rotation,
        }
    }

    /// The credential whose holder signs, if it is one.
    pub fn credential(&self) -> Option<&Credential> {
        match &self.signer {
            OwnedSigner::Credential(credential) => Some(credential),
            _ => None,
        }
    }

    /// The authority under which this key signs.
    pub fn authority_id(&self) -> &AuthorityId {
        &self.authority_id
    }

    /// The public key, Q.
    pub fn public_key(&self) -> Option<CompressedPoint> {
        generator_times::<S>(&self.secret)
    }

    /// Signs the concatenation of the parts of `message`.
    ///
    /// `random` hedges the nonce, which is also derived from the secret and everything signed: neither a broken
    /// random source nor a fault that changes the message gives the secret away.
    ///
    /// # Errors
    /// [`SignError`] when no verifier would accept the signature, or nothing could be signed.
    pub fn sign(&self, purpose: Purpose, message: &[&[u8]], random: &[u8; 32]) -> Result<Signature, SignError> {
        let signer = self.signer();
        if !signer.may_sign(purpose, &self.authority_name) {
            return Err(SignError::WrongSigner);
        }
        let statement =
            Statement::new(self.authority_id.as_bytes(), &signer, purpose, message).ok_or(SignError::TooManyParts)?;
        sign_statement::<S>(&self.secret, &statement, random)
    }

    /// The secret d, 32 bytes big-endian, to be stored where nobody else reads it.
    pub fn secret_bytes(&self) -> Zeroizing<[u8; 32]> {
        Zeroizing::new(S::encode_scalar(&self.secret))
    }
}

impl<S: Suite> Drop for SigningKey<S> {
    fn drop(&mut self) {
        self.secret.zeroize();
    }
}

impl<S: Suite> fmt::Debug for SigningKey<S> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("SigningKey").field("signer", &self.signer()).finish_non_exhaustive()
    }
}

/// `R = rG`, `z = r + c*d`.
pub(crate) fn sign_statement<S: Suite>(
    secret: &S::Scalar,
    statement: &Statement<'_>,
    random: &[u8; 32],
) -> Result<Signature, SignError> {
    let secret_bytes = Zeroizing::new(S::encode_scalar(secret));
    let nonce = Zeroizing::new(statement.nonce::<S>(&secret_bytes, random));
    if bool::from(nonce.is_zero()) {
        return Err(SignError::ZeroNonce);
    }
    let commitment = generator_times::<S>(&nonce).ok_or(SignError::ZeroNonce)?;
    let challenge = statement.challenge::<S>(&commitment);
    let response = challenge * secret + *nonce;
    Ok(Signature::new(commitment, S::encode_scalar(&response)))
}
