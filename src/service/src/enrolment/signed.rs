//! Requests that a card's or terminal's present key signs.

use symbolon_ccks::{Authority, CompressedPoint, Credential, Malformed, Signature, Suite, Time};
use symbolon_tap::RequestDigest;

use super::identities::issuable;
use crate::ServiceError;

/// The method that gives an offer of a new credential.
pub const BEGIN_RENEWAL_METHOD: &str = "/symbolon.v1.EnrolmentService/BeginRenewal";

/// The method that takes it.
pub const COMPLETE_RENEWAL_METHOD: &str = "/symbolon.v1.EnrolmentService/CompleteRenewal";

/// A request as it was signed (purpose 8).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SignedRequest {
    /// The present credential.
    pub credential: Credential,
    /// When it was signed.
    pub time: Time,
    /// Chosen by the holder.
    pub request_id: [u8; 16],
    /// The exact bytes of the body.
    pub body: Vec<u8>,
    /// The signature.
    pub signature: Signature,
}

impl SignedRequest {
    /// Verifies the signature over `method` and that time and credential hold at `now`.
    ///
    /// # Errors
    /// [`ServiceError::ClassNotOffered`] for a pseudonym, [`ServiceError::StaleRequest`] when signed more than
    /// `tolerance_seconds` from `now` or outside the credential's validity, [`ServiceError::BadSignature`].
    pub fn verify<S: Suite>(
        &self,
        authority: &Authority<'_, S>,
        method: &'static str,
        now: Time,
        tolerance_seconds: u64,
    ) -> Result<(), ServiceError> {
        self.verify_signature(authority, method)?;
        self.check_time(now, tolerance_seconds)
    }

    /// Verifies the signature over `method` alone: what took effect before is answered again however late.
    ///
    /// # Errors
    /// [`ServiceError::ClassNotOffered`] for a pseudonym, [`ServiceError::BadSignature`].
    pub(crate) fn verify_signature<S: Suite>(
        &self,
        authority: &Authority<'_, S>,
        method: &'static str,
    ) -> Result<(), ServiceError> {
        issuable(self.credential.identity().class())?;
        let digest = RequestDigest::of(method, self.time, &self.request_id, &self.body)?;
        Ok(digest.verify(authority, &self.credential, &self.signature)?)
    }

    /// Whether it was signed just now, under a credential that is valid.
    pub(crate) fn check_time(&self, now: Time, tolerance_seconds: u64) -> Result<(), ServiceError> {
        let fresh = self.time.seconds().abs_diff(now.seconds()) <= tolerance_seconds;
        if fresh && self.credential.identity().valid_at(now) { Ok(()) } else { Err(ServiceError::StaleRequest) }
    }

    /// What was signed, before hashing: method (length, ASCII), time, request id and body.
    pub(crate) fn signed_bytes(&self, method: &'static str) -> Vec<u8> {
        let length = [method.len() as u8];
        let time = self.time.seconds().to_be_bytes();
        let parts: [&[u8]; 5] = [&length, method.as_bytes(), &time, &self.request_id, &self.body];
        parts.concat()
    }
}

/// The signed body that completes a renewal, 130 bytes: the offer's nonce 32, U 33, possession 65.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RenewalBody {
    /// The offer's nonce.
    pub nonce: [u8; 32],
    /// U.
    pub point: CompressedPoint,
    /// Its possession over the offer.
    pub possession: Signature,
}

impl RenewalBody {
    /// Bytes of the body.
    pub const SIZE: usize = 130;

    /// Reads exactly 130 bytes.
    ///
    /// # Errors
    /// [`Malformed`] at another length, or when U or the signature is.
    pub fn parse(bytes: &[u8]) -> Result<Self, Malformed> {
        let length = Malformed::new("renewal body", "wrong length");
        let (nonce, rest) = bytes.split_first_chunk::<32>().ok_or(length)?;
        let (point, possession) = rest.split_first_chunk::<33>().ok_or(length)?;
        Ok(Self { nonce: *nonce, point: *CompressedPoint::parse(point)?, possession: *Signature::parse(possession)? })
    }

    /// The 130 bytes.
    pub fn to_bytes(&self) -> Vec<u8> {
        let parts: [&[u8]; 3] = [&self.nonce, self.point.as_bytes(), self.possession.as_bytes()];
        parts.concat()
    }
}
