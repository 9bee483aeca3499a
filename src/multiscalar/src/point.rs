//! Public points: what comes in, and what a sum is.

use crate::Curve;
use alloc::vec::Vec;
use core::marker::PhantomData;
use elliptic_curve::{
    array::Array,
    point::{AffineCoordinates, DecompressPoint},
};

/// A public point of the curve, never the identity: x and y, 32 bytes big-endian each.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Affine<C: Curve> {
    x: [u8; 32],
    y: [u8; 32],
    curve: PhantomData<C>,
}

impl<C: Curve> Affine<C> {
    /// The point of two coordinates; `None` where they are not below the field's modulus or of no point of the curve.
    pub fn from_coordinates(x: &[u8; 32], y: &[u8; 32]) -> Option<Self> {
        let encoded = Encoded { x: *x, is_odd: y[31] & 1 == 1, hint: None };
        decode_one(&encoded).filter(|point: &Self| point.y == *y)
    }

    /// The point of two coordinates that the caller knows to be of a point of the curve, because it computed or checked
    /// them before. With others, sums mean nothing; nothing worse happens.
    pub fn from_coordinates_unchecked(x: &[u8; 32], y: &[u8; 32]) -> Self {
        Self { x: *x, y: *y, curve: PhantomData }
    }

    /// x, 32 bytes big-endian.
    pub fn x(&self) -> &[u8; 32] {
        &self.x
    }

    /// y, 32 bytes big-endian.
    pub fn y(&self) -> &[u8; 32] {
        &self.y
    }
}

/// A point as it travels: x, which of the two y it is, and perhaps what y is said to be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Encoded {
    /// x, 32 bytes big-endian.
    pub x: [u8; 32],
    /// Whether y is odd.
    pub is_odd: bool,
    /// y, 32 bytes big-endian, as somebody says who need not be right.
    pub hint: Option<[u8; 32]>,
}

/// Decodes points; `None` where x is not below the field's modulus or belongs to no point of the curve.
///
/// A hint that is right (below the modulus, of the curve, of the right parity) saves the square root; one that is not
/// changes nothing.
pub fn decode<C: Curve>(encodings: &[Encoded]) -> Vec<Option<Affine<C>>> {
    encodings.iter().map(decode_one).collect()
}

fn decode_one<C: Curve>(encoded: &Encoded) -> Option<Affine<C>> {
    type Stock<C> = <<C as crate::curve::sealed::Sealed>::Stock as elliptic_curve::CurveArithmetic>::AffinePoint;
    let point: Stock<C> = Option::from(Stock::<C>::decompress(&Array(encoded.x), u8::from(encoded.is_odd).into()))?;
    Some(Affine { x: encoded.x, y: point.y().into(), curve: PhantomData })
}
