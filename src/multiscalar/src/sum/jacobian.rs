//! Points in Jacobian coordinates, x = X / Z^2 and y = Y / Z^3, one at a time: what comes after the buckets, and sums of few
//! terms.

use crate::{
    Affine, Curve,
    field::{Portable, VectorField},
};
use alloc::vec::Vec;

type Field<C> = Portable<C>;
/// An element of the curve's field.
pub(super) type Element<C> = <Portable<C> as VectorField>::Packed;

/// A point, perhaps the identity: then Z is zero.
#[derive(Clone, Copy, Debug)]
pub(super) struct Jacobian<C: Curve> {
    pub(super) x: Element<C>,
    pub(super) y: Element<C>,
    pub(super) z: Element<C>,
}

impl<C: Curve> Jacobian<C> {
    /// The identity.
    pub(super) fn identity() -> Self {
        let [zero, one] = [0, 1].map(Field::<C>::from_u64);
        Self { x: one, y: one, z: zero }
    }

    /// The point with these coordinates.
    pub(super) fn of([x, y]: [Element<C>; 2]) -> Self {
        Self { x, y, z: Field::<C>::from_u64(1) }
    }

    fn is_identity(&self) -> bool {
        self.z == Element::<C>::default()
    }

    /// Doubles it. With S = 4XY^2 and M = 3X^2 + aZ^4: X' = M^2 - 2S, Y' = M(S - X') - 8Y^4, Z' = 2YZ.
    pub(super) fn double(&mut self) {
        let field = Field::<C>::default();
        let Self { x, y, z } = *self;
        let y_squared = field.square(y);
        let twice = |element| field.add(element, element);
        let s = twice(twice(field.mul(x, y_squared)));
        // 3X^2 - 3Z^4 is a difference of squares.
        let factor = if C::MINUS_A == 0 {
            field.square(x)
        } else {
            let z_squared = field.square(z);
            field.mul(field.sub(x, z_squared), field.add(x, z_squared))
        };
        let m = field.add(twice(factor), factor);
        self.x = field.square_sub(m, [s, s]);
        self.y = field.mul_sub(m, field.sub(s, self.x), twice(twice(twice(field.square(y_squared)))));
        self.z = field.mul(twice(y), z);
    }

    /// Adds a point of two coordinates, or its opposite.
    pub(super) fn add(&mut self, [x, y]: [Element<C>; 2], subtract: bool) {
        let field = Field::<C>::default();
        let y = field.negate_if(u8::from(subtract), y);
        if self.is_identity() {
            *self = Self::of([x, y]);
            return;
        }
        let z_squared = field.square(self.z);
        let run = field.mul_sub(x, z_squared, self.x);
        let rise = field.mul_sub(y, field.mul(self.z, z_squared), self.y);
        let zero = Element::<C>::default();
        if run == zero {
            if rise == zero {
                self.double();
            } else {
                *self = Self::identity();
            }
            return;
        }
        let run_squared = field.square(run);
        let run_cubed = field.mul(run_squared, run);
        let product = field.mul(self.x, run_squared);
        self.x = field.sub(field.square_sub(rise, [product, product]), run_cubed);
        self.y = field.mul_sub(rise, field.sub(product, self.x), field.mul(self.y, run_cubed));
        self.z = field.mul(self.z, run);
    }

    /// The coordinates of each, at the cost of one inversion; of what is the identity, which multiples of points of the curve
    /// are not, zeros.
    pub(super) fn to_coordinates_each(points: &[Self]) -> Vec<[Element<C>; 2]> {
        let field = Field::<C>::default();
        let (zero, one) = (Element::<C>::default(), Field::<C>::from_u64(1));
        let nonzero = |point: &Self| if point.is_identity() { one } else { point.z };
        let mut product = one;
        let mut before = Vec::with_capacity(points.len());
        for point in points {
            before.push(product);
            product = field.mul(product, nonzero(point));
        }
        let mut rest = Field::<C>::invert(&product).unwrap_or(zero);
        let mut coordinates = alloc::vec![[zero; 2]; points.len()];
        for ((coordinates, point), before) in coordinates.iter_mut().zip(points).zip(before).rev() {
            let inverse = field.mul(rest, before);
            rest = field.mul(rest, nonzero(point));
            if !point.is_identity() {
                *coordinates = point.scaled(inverse);
            }
        }
        coordinates
    }

    /// The two coordinates, given the inverse of Z.
    fn scaled(&self, inverse: Element<C>) -> [Element<C>; 2] {
        let field = Field::<C>::default();
        let square = field.square(inverse);
        [field.mul(self.x, square), field.mul(self.y, field.mul(square, inverse))]
    }

    /// The two coordinates, at the cost of an inversion; `None` for the identity.
    pub(super) fn to_affine(self) -> Option<Affine<C>> {
        let coordinates = self.scaled(Field::<C>::invert(&self.z)?);
        let [x, y] = coordinates.map(|coordinate| Field::<C>::to_bytes(&coordinate));
        Affine::from_coordinates_unchecked(&x, &y)
    }
}
