//! Points as they travel.

use crate::{Malformed, wire};
use core::fmt;
use zerocopy::{Immutable, IntoBytes, KnownLayout, TryFromBytes, Unaligned};

/// The first byte of a compressed point (SEC 1, 2.3.3): the parity of y.
#[derive(
    Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, TryFromBytes, IntoBytes, KnownLayout, Immutable, Unaligned,
)]
#[repr(u8)]
enum Prefix {
    #[expect(dead_code, reason = "made by reading bytes alone")]
    Even = 2,
    Odd = 3,
}

/// A point in SEC 1 compressed form, 33 bytes; never the identity, which has no such form.
///
/// Whether x belongs to a point of the curve is checked where the point is decoded, since only the suite knows it.
#[derive(
    Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, TryFromBytes, IntoBytes, KnownLayout, Immutable, Unaligned,
)]
#[repr(C)]
pub struct CompressedPoint {
    prefix: Prefix,
    x: [u8; 32],
}

impl CompressedPoint {
    /// Bytes of a compressed point.
    pub const SIZE: usize = 33;

    /// Reads 33 bytes with the prefix 2 or 3.
    ///
    /// # Errors
    /// [`Malformed`] at another length or prefix.
    pub fn parse(bytes: &[u8]) -> Result<&Self, Malformed> {
        let prefix = wire::Discrete { offset: 0, legal: &[2, 3], problem: "the prefix is not 2 or 3" };
        wire::read_explained("point", bytes, &[prefix])
    }

    /// Whether y is odd.
    pub fn y_is_odd(&self) -> bool {
        self.prefix == Prefix::Odd
    }

    /// The x-coordinate, 32 bytes big-endian, as received.
    pub fn x(&self) -> &[u8; 32] {
        &self.x
    }

    /// The 33 bytes.
    pub fn as_bytes(&self) -> &[u8; Self::SIZE] {
        zerocopy::transmute_ref!(self)
    }
}

impl fmt::Debug for CompressedPoint {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.as_bytes().iter().try_for_each(|byte| write!(formatter, "{byte:02x}"))
    }
}
