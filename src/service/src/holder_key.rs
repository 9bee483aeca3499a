//! The key that an issuer may register for a holder: ECDSA on P-256 with SHA-256, whatever the authority's own suite is.

use p256::ecdsa::{Signature, VerifyingKey, signature::Verifier as _};
use symbolon_ccks::{AuthorityId, BadSignature, CompressedPoint, Offer};
use symbolon_store::records::HolderKey;

use crate::ServiceError;

/// What a holder's request over U begins with.
const DOMAIN: &[u8] = b"SYMBOLON-V1-HOLDER-REQUEST";

/// Whether these bytes are a public key.
pub(crate) fn check(key: &HolderKey) -> Result<(), ServiceError> {
    VerifyingKey::from_sec1_bytes(key)
        .map(|_| ())
        .map_err(|_| ServiceError::InvalidField { field: "holder_key", problem: "not a compressed point of P-256" })
}

/// What the holder signs: domain, authority id, offer and U.
pub fn holder_request(authority: &AuthorityId, offer: &Offer, enrolment_point: &CompressedPoint) -> Vec<u8> {
    let parts: [&[u8]; 4] = [DOMAIN, authority.as_bytes(), offer.as_bytes(), enrolment_point.as_bytes()];
    parts.concat()
}

/// Verifies r || s over `message`.
///
/// # Errors
/// [`BadSignature`], whatever the cause.
pub fn verify(key: &HolderKey, message: &[u8], signature: &[u8; 64]) -> Result<(), BadSignature> {
    let key = VerifyingKey::from_sec1_bytes(key).map_err(|_| BadSignature)?;
    let signature = Signature::from_slice(signature).map_err(|_| BadSignature)?;
    key.verify(message, &signature).map_err(|_| BadSignature)
}
