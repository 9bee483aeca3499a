//! Public points: what comes in, and what a sum is.

use crate::{
    Curve,
    field::{Portable, VectorField},
};
use core::marker::PhantomData;

/// A public point of the curve, never the identity: x and y, 32 bytes big-endian each.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Affine<C: Curve> {
    x: [u8; 32],
    y: [u8; 32],
    curve: PhantomData<C>,
}

impl<C: Curve> Affine<C> {
    /// The point of two coordinates, 32 bytes big-endian each; `None` where they are not below the field's modulus or of no
    /// point of the curve.
    pub fn from_coordinates(x: &[u8; 32], y: &[u8; 32]) -> Option<Self> {
        let field = Portable::<C>::default();
        let (own_x, own_y) = (Portable::<C>::from_bytes(x)?, Portable::<C>::from_bytes(y)?);
        let right = Equation::new::<C>(field).right_side(field, own_x);
        (field.square(own_y) == right).then_some(Self { x: *x, y: *y, curve: PhantomData })
    }

    /// The point of two coordinates that the caller knows to be a point's of the curve, since it computed or checked them
    /// before; `None` where one is not below the field's modulus. Given others, a sum means nothing.
    pub fn from_coordinates_unchecked(x: &[u8; 32], y: &[u8; 32]) -> Option<Self> {
        Portable::<C>::from_bytes(x).and(Portable::<C>::from_bytes(y))?;
        Some(Self { x: *x, y: *y, curve: PhantomData })
    }

    /// The generator of the group (SEC 2).
    pub fn generator() -> Self {
        let [x, y] = C::GENERATOR;
        Self { x, y, curve: PhantomData }
    }

    /// The opposite point.
    pub fn negated(&self) -> Self {
        let field = Portable::<C>::default();
        let y = Portable::<C>::from_bytes(&self.y).unwrap_or_default();
        Self { y: Portable::<C>::to_bytes(&field.negate_if(1, y)), ..*self }
    }

    /// x, 32 bytes big-endian.
    pub fn x(&self) -> &[u8; 32] {
        &self.x
    }

    /// y, 32 bytes big-endian.
    pub fn y(&self) -> &[u8; 32] {
        &self.y
    }

    /// Of coordinates that come from the field, and belong to a point.
    pub(crate) fn new(x: [u8; 32], y: [u8; 32]) -> Self {
        Self { x, y, curve: PhantomData }
    }
}

/// The right side of the curve's equation, y^2 = x^3 + ax + b.
#[derive(Clone, Copy)]
pub(crate) struct Equation<F: VectorField> {
    a: F::Vector,
    b: F::Vector,
}

impl<F: VectorField> Equation<F> {
    #[inline(always)]
    pub(crate) fn new<C: Curve>(field: F) -> Self {
        let minus_a = field.splat(&F::from_u64(C::MINUS_A));
        let b = field.splat(&F::from_bytes(&C::B).unwrap_or_default());
        Self { a: field.reduce(field.sub(field.zero(), minus_a)), b }
    }

    /// a.
    #[inline(always)]
    pub(crate) fn a(&self) -> F::Vector {
        self.a
    }

    /// x^3 + ax + b.
    #[inline(always)]
    pub(crate) fn right_side(&self, field: F, x: F::Vector) -> F::Vector {
        let product = field.mul(field.add(field.square(x), self.a), x);
        field.reduce(field.add(product, self.b))
    }
}
