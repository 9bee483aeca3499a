//! Subjects: whom a credential is about.

use crate::{Name, hash::sha256};
use core::fmt;
use zerocopy::{FromBytes, Immutable, IntoBytes, KnownLayout, Unaligned};

/// Whom a credential is about, 16 bytes: a card number, an operator's terminal, or a pseudonym's linkage value.
#[derive(
    Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, FromBytes, IntoBytes, KnownLayout, Immutable, Unaligned,
)]
#[repr(transparent)]
pub struct Subject([u8; 16]);

impl Subject {
    /// Takes the 16 bytes.
    pub const fn from_bytes(bytes: [u8; 16]) -> Self {
        Self(bytes)
    }

    /// The subject of an operator's terminal: the operator's tag, then the terminal's number.
    pub fn terminal(operator: &Name, number: [u8; 8]) -> Self {
        let mut bytes = [0; 16];
        bytes[..8].copy_from_slice(&operator_tag(operator));
        bytes[8..].copy_from_slice(&number);
        Self(bytes)
    }

    /// Of a terminal: the tag of the operator whose it is.
    pub fn operator_tag(&self) -> [u8; 8] {
        let [tag @ .., _, _, _, _, _, _, _, _] = self.0;
        tag
    }

    /// The 16 bytes.
    pub const fn as_bytes(&self) -> &[u8; 16] {
        &self.0
    }
}

impl fmt::Display for Subject {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|byte| write!(formatter, "{byte:02x}"))
    }
}

impl fmt::Debug for Subject {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "Subject({self})")
    }
}

/// The first 8 bytes of SHA-256 over an operator's name, by which its terminals' subjects begin.
pub fn operator_tag(operator: &Name) -> [u8; 8] {
    let [tag @ .., _, _, _, _, _, _, _, _, _, _, _, _, _, _, _, _, _, _, _, _, _, _, _, _] =
        sha256(&[operator.as_ascii()]);
    tag
}
