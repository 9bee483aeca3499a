//! Hashing to scalars and to digests.

use crate::Suite;
use elliptic_curve::{array::Array, ops::Reduce};
use sha2::{Digest, Sha256};

/// `H2S(purpose, message)`: hash_to_field of RFC 9380, section 5.2, into the integers modulo the group's order, with
/// m = 1, L = 48, expand_message_xmd over SHA-256 and the tag `SYMBOLON-V1-` || suite name || `-` || purpose.
///
/// `message` is the concatenation of its parts; `purpose` has at most 200 characters.
pub fn hash_to_scalar<S: Suite>(purpose: &str, message: &[&[u8]]) -> S::Scalar {
    let tag = [b"SYMBOLON-V1-".as_slice(), S::NAME.as_bytes(), b"-", purpose.as_bytes()];
    let [first, second] = expand(&tag, message);
    let mut bytes = Array([0; 48]);
    bytes.iter_mut().zip(first.iter().chain(&second)).for_each(|(to, from)| *to = *from);
    S::Scalar::reduce(&bytes)
}

/// expand_message_xmd of RFC 9380, section 5.3.1, with SHA-256 and 48 bytes asked for: b_1, and b_2 of which 16 bytes are
/// taken.
fn expand(tag: &[&[u8]], message: &[&[u8]]) -> [[u8; 32]; 2] {
    /// Z_pad: a block of SHA-256.
    const PADDING: [u8; 64] = [0; 64];
    let tag_length = tag.iter().fold(0u8, |length, part| length.wrapping_add(part.len() as u8));
    let finish = |mut hash: Sha256, index: u8| -> [u8; 32] {
        hash.update([index]);
        tag.iter().for_each(|part| hash.update(part));
        hash.update([tag_length]);
        hash.finalize().into()
    };
    let mut hash = Sha256::new_with_prefix(PADDING);
    message.iter().for_each(|part| hash.update(part));
    hash.update(48u16.to_be_bytes());
    let b0 = finish(hash, 0);
    let b1 = finish(Sha256::new_with_prefix(b0), 1);
    let mut mixed = b0;
    mixed.iter_mut().zip(b1).for_each(|(byte, other)| *byte ^= other);
    [b1, finish(Sha256::new_with_prefix(mixed), 2)]
}

/// SHA-256 over the concatenation of `parts`.
pub(crate) fn sha256(parts: &[&[u8]]) -> [u8; 32] {
    let mut hash = Sha256::new();
    for part in parts {
        hash.update(part);
    }
    hash.finalize().into()
}
