//! Points in Jacobian coordinates, which need no inversion on the way: x = X / Z^2, y = Y / Z^3.
//!
//! The field of secp256k1 is reduced lazily: a sum of elements has the sum of their magnitudes, a product magnitude 1, and
//! what is negated must have magnitude 1, what is multiplied at most 8. Comments tell magnitudes where they are not 1.

use super::affine::Point;
use crate::Suite;
use elliptic_curve::{Field, ops::Invert};

/// A point that is not the identity, which callers write as `None`. X and Y have magnitude 1 and Z at most 2.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Jacobian<S: Suite> {
    pub(crate) x: S::Field,
    pub(crate) y: S::Field,
    pub(crate) z: S::Field,
}

impl<S: Suite> Jacobian<S> {
    /// Twice the point. No point of either curve is its own opposite.
    pub(crate) fn doubled(&self) -> Self {
        let y_squared = self.y.square();
        let product = self.x * y_squared;
        let slope = if S::A_IS_ZERO {
            triple(&self.x.square())
        } else {
            // a = -3: 3x^2 + aZ^4 is a difference of squares.
            let z_squared = self.z.square();
            triple(&((self.x - z_squared) * (self.x + z_squared)))
        };
        // The slope has magnitude 3, four products 4, eight of them negated 16.
        let fourfold = product.double().double();
        let x = S::weakly_settle(slope.square() + minus::<S>(&product).double().double().double());
        let eightfold = minus::<S>(&y_squared.square()).double().double().double();
        let y = S::weakly_settle(slope * (fourfold - x) + eightfold);
        let z = (self.y * self.z).double();
        Self { x, y, z }
    }

    /// The sum with a point of known coordinates; `None` when they are opposite.
    pub(crate) fn plus(&self, other: &Point<S>) -> Option<Self> {
        let z_squared = self.z.square();
        let other_x = other.x * z_squared;
        let other_y = other.y * self.z * z_squared;
        // Both of magnitude 3.
        let run = other_x - self.x;
        let rise = other_y - self.y;
        if S::is_multiple_of_modulus(&run) {
            // The same x: the same point, or the opposite one.
            return S::is_multiple_of_modulus(&rise).then(|| self.doubled());
        }
        let run_squared = run.square();
        let run_cubed = run_squared * run;
        let product = self.x * run_squared;
        let x = S::weakly_settle(rise.square() - run_cubed - product - product);
        let y = S::weakly_settle(rise * (product - x) - (self.y * run_cubed));
        Some(Self { x, y, z: self.z * run })
    }

    /// The two coordinates, at the cost of an inversion.
    pub(crate) fn to_affine(self) -> Option<Point<S>> {
        let inverse: S::Field = Option::from(self.z.invert_vartime())?;
        Some(self.scaled(&inverse))
    }

    /// The two coordinates, given the inverse of Z.
    pub(crate) fn scaled(&self, inverse: &S::Field) -> Point<S> {
        let square = inverse.square();
        let x = S::settle(self.x * square);
        let y = S::settle(self.y * (square * inverse));
        Point { x, y }
    }
}

impl<S: Suite> From<Point<S>> for Jacobian<S> {
    fn from(point: Point<S>) -> Self {
        Self { x: point.x, y: point.y, z: S::Field::ONE }
    }
}

/// The opposite of an element of magnitude 1; the result has magnitude 2.
fn minus<S: Suite>(element: &S::Field) -> S::Field {
    -*element
}

fn triple<F: Field>(element: &F) -> F {
    element.double() + element
}
