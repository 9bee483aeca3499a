//! Hashing to scalars and to digests.

use crate::Suite;
use elliptic_curve::consts::{U16, U48};
use hash2curve::ExpandMsgXmd;
use sha2::{Digest, Sha256};

/// `H2S(purpose, message)`: hash_to_field of RFC 9380, section 5.2, into the integers modulo the group's order, with
/// m = 1, L = 48, expand_message_xmd over SHA-256 and the tag `SYMBOLON-V1-` || suite name || `-` || purpose.
///
/// `message` is the concatenation of its parts.
pub fn hash_to_scalar<S: Suite>(purpose: &str, message: &[&[u8]]) -> S::Scalar {
    let tag = [b"SYMBOLON-V1-".as_slice(), S::NAME.as_bytes(), b"-", purpose.as_bytes()];
    let [scalar] = hash2curve::hash_to_field::<1, ExpandMsgXmd<Sha256>, U16, S::Scalar, U48>(message, &tag)
        .expect("48 bytes are within what SHA-256 expands to, and no tag is empty or longer than 255 bytes");
    scalar
}

/// SHA-256 over the concatenation of `parts`.
pub(crate) fn sha256(parts: &[&[u8]]) -> [u8; 32] {
    let mut hash = Sha256::new();
    for part in parts {
        hash.update(part);
    }
    hash.finalize().into()
}
