//! Points in Jacobian coordinates, which need no inversion on the way: x = X / Z^2, y = Y / Z^3.
//!
//! The field of secp256k1 is reduced lazily: a sum of elements has the sum of their magnitudes, a product magnitude 1, and
//! what is negated must have magnitude 1, what is multiplied at most 8. Comments tell magnitudes where they are not 1.

use super::{affine::Point, inverse::inverse_vartime, root::times};
use crate::{P256, Secp256k1, Suite};
use elliptic_curve::{Field, PrimeField};

/// A point that is not the identity, which callers write as `None`. X has at most magnitude 5, Y 3 and Z 2.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Jacobian<S: Suite> {
    pub(crate) x: S::Field,
    pub(crate) y: S::Field,
    pub(crate) z: S::Field,
}

impl<S: Suite> Jacobian<S> {
    /// Doubles the point. No point of either curve is its own opposite.
    pub(crate) fn double(&mut self) {
        S::double(self);
    }

    /// Adds the point (x, y), or its opposite; `None` when the sum is the identity, and then this point means nothing.
    pub(crate) fn add(&mut self, x: &S::Field, y: &S::Field, subtract: bool) -> Option<()> {
        S::add(self, x, y, subtract)
    }

    /// What [`Suite::add`] does for every suite: in a function of the suite's own, so that it is compiled with this crate, as
    /// fast as this crate is, however small a device's program wants to be.
    #[inline(always)]
    pub(crate) fn add_inlined(&mut self, x: &S::Field, y: &S::Field, subtract: bool) -> Option<()> {
        let z_squared = self.z.square();
        let other_y = *y * self.z * z_squared;
        // Of magnitude 7, and at most 5.
        let run = S::minus(&(*x * z_squared), &self.x, 5);
        // The opposite's rise is the opposite of this sum, which its square does not see.
        let rise = if subtract { other_y + self.y } else { S::minus(&other_y, &self.y, 3) };
        if S::is_multiple_of_modulus(&run) {
            // The same x: the same point, or the opposite one.
            return S::is_multiple_of_modulus(&rise).then(|| self.double());
        }
        let run_squared = run.square();
        let run_cubed = run_squared * run;
        let product = self.x * run_squared;
        // What it is of magnitude, and the difference 7, takes no settling.
        let sum_x = S::minus(&rise.square(), &(product.double() + run_cubed), 3);
        let down = if subtract { sum_x - product } else { S::minus(&product, &sum_x, 5) };
        self.y = rise * down - self.y * run_cubed;
        self.x = sum_x;
        self.z = times(&self.z, &run);
        Some(())
    }

    /// The two coordinates, at the cost of an inversion.
    pub(crate) fn to_affine(self) -> Option<Point<S>> {
        let inverse = inverse_vartime::<S>(&self.z)?;
        let Point { x, y } = self.scaled(&inverse);
        Some(Point { x: S::settle(x), y: S::settle(y) })
    }

    /// The two coordinates, given the inverse of Z; of magnitude 1, but not settled.
    pub(crate) fn scaled(&self, inverse: &S::Field) -> Point<S> {
        let square = inverse.square();
        Point { x: self.x * square, y: self.y * (square * inverse) }
    }
}

type P256Element = <P256 as Suite>::Field;

/// Doubles a point of P-256 and gives what its Z is of what it was.
///
/// With a = -3, 3x^2 + aZ^4 is a difference of squares; half of it as the slope gives half of Z, a quarter of X and an
/// eighth of Y of what is usual, and 6 additions and subtractions instead of 13, two of which cost as much as a product.
pub(crate) fn double_p256(point: &mut Jacobian<P256>) -> P256Element {
    const THREE_HALVES: P256Element = P256Element::ONE.add(&<P256Element as PrimeField>::TWO_INV);
    let Jacobian { x, y, z } = point;
    let z_squared = z.square();
    let slope = (*x - z_squared) * (*x + z_squared) * THREE_HALVES;
    let y_squared = y.square();
    let product = *x * y_squared;
    let ratio = *y;
    *x = slope.square() - product.double();
    *z = times(z, &ratio);
    *y = slope * (product - *x) - y_squared.square();
    ratio
}

/// Doubles a point of secp256k1 and gives what its Z is of what it was. Here a = 0, and small multiples cost next to
/// nothing.
pub(crate) fn double_secp256k1(point: &mut Jacobian<Secp256k1>) -> <Secp256k1 as Suite>::Field {
    let Jacobian { x, y, z } = point;
    let slope = x.square().mul_single(3);
    let y_squared = y.square();
    let product = *x * y_squared;
    let ratio = y.double();
    *x = (slope.square() + product.mul_single(8).negate(8)).normalize_weak();
    // Of magnitude 6.
    let down = product.mul_single(4) + x.negate(1);
    *z = times(z, &ratio);
    *y = (slope * down + y_squared.square().mul_single(8).negate(8)).normalize_weak();
    ratio
}

impl<S: Suite> From<Point<S>> for Jacobian<S> {
    fn from(point: Point<S>) -> Self {
        Self { x: point.x, y: point.y, z: S::Field::ONE }
    }
}
