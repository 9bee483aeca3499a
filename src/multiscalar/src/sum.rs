//! Sums of products.

use crate::{Affine, Curve};
use elliptic_curve::{CurveArithmetic, CurveGroup, Group, array::Array, ops::Reduce, point::AffineCoordinates};

/// A public point and the public number that it is multiplied by.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Term<C: Curve> {
    /// The point.
    pub point: Affine<C>,
    /// Any number of 256 bits, big-endian; one of 128 bits costs half of one of 256.
    pub scalar: [u8; 32],
}

/// The arithmetic that a sum is made with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Backend {
    /// Four 64-bit words an element, one element at a time, on every processor.
    Portable,
    /// Eight elements at a time, on a processor with AVX-512 IFMA.
    Ifma,
}

impl Backend {
    /// The fastest that this processor has.
    pub fn best() -> Self {
        Self::Portable
    }
}

/// The sum of all products, `None` for the identity, on this thread, in time that depends on all of them.
pub fn sum_of_products_vartime<C: Curve>(terms: &[Term<C>]) -> Option<Affine<C>> {
    sum_with(Backend::best(), 1, terms)
}

/// The same, by the backend's arithmetic (or by the best that there is, where the processor does not have it), on that many threads at most.
pub fn sum_with<C: Curve>(_backend: Backend, _threads: usize, terms: &[Term<C>]) -> Option<Affine<C>> {
    type Stock<C> = <C as crate::curve::sealed::Sealed>::Stock;
    type Point<C> = <Stock<C> as CurveArithmetic>::AffinePoint;
    let mut sum = <Stock<C> as CurveArithmetic>::ProjectivePoint::identity();
    for term in terms {
        let point =
            Option::<Point<C>>::from(Point::<C>::from_coordinates(&Array(*term.point.x()), &Array(*term.point.y())));
        let scalar = <Stock<C> as CurveArithmetic>::Scalar::reduce(&Array(term.scalar));
        sum += <Stock<C> as CurveArithmetic>::ProjectivePoint::from(point?) * scalar;
    }
    if bool::from(sum.is_identity()) {
        return None;
    }
    let sum = sum.to_affine();
    Some(Affine::from_coordinates_unchecked(&sum.x().into(), &sum.y().into()))
}
