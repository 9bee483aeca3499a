//! What the tests hold this crate's arithmetic against: the curves' own crates.

use crate::{Affine, Curve, P256, Secp256k1, Term};
use elliptic_curve::{
    CurveArithmetic, CurveGroup as _, Group as _,
    array::Array,
    consts::U32,
    ops::Reduce,
    point::{AffineCoordinates, DecompressPoint},
};
use std::vec::Vec;

type Scalar<C> = <<C as Reference>::Stock as CurveArithmetic>::Scalar;
type Point<C> = <<C as Reference>::Stock as CurveArithmetic>::ProjectivePoint;
type Stock<C> = <<C as Reference>::Stock as CurveArithmetic>::AffinePoint;

/// A curve in its own crate.
pub(crate) trait Reference: Curve {
    type Stock: CurveArithmetic<
            AffinePoint: AffineCoordinates<FieldRepr = Array<u8, U32>> + DecompressPoint<Self::Stock>,
            Scalar: Reduce<Array<u8, U32>>,
            FieldBytesSize = U32,
        >;
}

impl Reference for P256 {
    type Stock = p256::NistP256;
}

impl Reference for Secp256k1 {
    type Stock = k256::Secp256k1;
}

/// The point at that place; `None` for the identity.
fn affine<C: Reference>(point: &Point<C>) -> Option<Affine<C>> {
    let affine = point.to_affine();
    let coordinates = || Affine::from_coordinates(&affine.x().into(), &affine.y().into()).unwrap();
    (!bool::from(point.is_identity())).then(coordinates)
}

/// The sum, product by product.
pub(crate) fn expected<C: Reference>(terms: &[Term<C>]) -> Option<Affine<C>> {
    let product = |term: &Term<C>| {
        let point = Stock::<C>::from_coordinates(&Array(*term.point.x()), &Array(*term.point.y())).unwrap();
        Point::<C>::from(point) * Scalar::<C>::reduce(&Array(term.scalar))
    };
    affine::<C>(&terms.iter().map(product).sum())
}

/// The point of this x and parity, if there is one.
pub(crate) fn decompressed<C: Reference>(x: &[u8; 32], is_odd: bool) -> Option<Affine<C>> {
    let point = Option::<Stock<C>>::from(Stock::<C>::decompress(&Array(*x), u8::from(is_odd).into()))?;
    affine::<C>(&Point::<C>::from(point))
}

/// 1, 2, 3 and so on times the generator.
pub(crate) fn multiples<C: Reference>(count: usize) -> Vec<Affine<C>> {
    let generator = Point::<C>::generator();
    let points = core::iter::successors(Some(generator), |point| Some(*point + generator));
    points.take(count).map(|point| affine::<C>(&point).unwrap()).collect()
}
