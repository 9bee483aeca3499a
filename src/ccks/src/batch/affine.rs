//! Additions of affine points.

use crate::{Suite, curve::affine::Point};
use alloc::vec::Vec;
use elliptic_curve::Field;
use subtle::{Choice, ConditionallySelectable, ConstantTimeEq};

impl<S: Suite> Point<S> {
    /// The chord (or tangent) of this slope through this point meets the curve, through `other_x`, in what is negated
    /// to give the sum.
    fn on_line(&self, other_x: &S::Field, slope: S::Field) -> Self {
        let x = S::settle(slope.square() - self.x - other_x);
        let y = S::settle(slope * (self.x - x) - self.y);
        Self { x, y }
    }
}

/// Room for inversions, kept from one to the next.
#[derive(Default)]
pub(crate) struct Inverter<F> {
    products: Vec<F>,
}

impl<F: Field> Inverter<F> {
    /// Replaces each element by its inverse, with one inversion for all. None may be zero.
    fn invert_all(&mut self, elements: &mut [F]) -> Option<()> {
        self.products.clear();
        let mut product = F::ONE;
        for element in &*elements {
            self.products.push(product);
            product *= element;
        }
        let mut inverse = Option::<F>::from(product.invert())?;
        for (element, before) in elements.iter_mut().zip(&self.products).rev() {
            let own = inverse * before;
            inverse *= &*element;
            *element = own;
        }
        Some(())
    }
}

/// Adds secret points to secret points, each pair by itself, in constant time. Where a pair is of equal or opposite
/// points, which a caller whose scalars are hashes never meets, `degenerate` is set and the sum means nothing.
pub(crate) fn add_each_secret<S: Suite>(
    sums: &mut [Point<S>],
    others: &[Point<S>],
    degenerate: &mut [Choice],
    inverter: &mut Inverter<S::Field>,
    differences: &mut Vec<S::Field>,
) -> Option<()> {
    differences.clear();
    for ((sum, other), degenerate) in sums.iter().zip(others).zip(degenerate) {
        let difference = S::settle(other.x - sum.x);
        let is_zero = difference.ct_eq(&S::Field::ZERO);
        *degenerate |= is_zero;
        differences.push(S::Field::conditional_select(&difference, &S::Field::ONE, is_zero));
    }
    inverter.invert_all(differences)?;
    for ((sum, other), inverse) in sums.iter_mut().zip(others).zip(&*differences) {
        let slope = (other.y - sum.y) * inverse;
        *sum = sum.on_line(&other.x, slope);
    }
    Some(())
}

/// What two public points have to do with each other.
enum Pair {
    /// Their sum is on the chord through both; its run.
    Chord,
    /// They are one: the tangent.
    Tangent,
    /// They cancel.
    Opposite,
}

/// Sums of pairs of public points, in time that depends on them.
pub(crate) struct PairSums<S: Suite> {
    inverter: Inverter<S::Field>,
    denominators: Vec<S::Field>,
    kinds: Vec<Pair>,
}

impl<S: Suite> PairSums<S> {
    pub(crate) fn new() -> Self {
        Self { inverter: Inverter { products: Vec::new() }, denominators: Vec::new(), kinds: Vec::new() }
    }

    /// The sums of `pairs`, in order; `None` for the identity.
    pub(crate) fn of<'p>(
        &mut self,
        pairs: impl Iterator<Item = (&'p Point<S>, &'p Point<S>)> + Clone,
        mut take: impl FnMut(Option<Point<S>>),
    ) {
        self.denominators.clear();
        self.kinds.clear();
        for (first, second) in pairs.clone() {
            let run = S::settle(second.x - first.x);
            if !bool::from(run.is_zero()) {
                self.kinds.push(Pair::Chord);
                self.denominators.push(run);
            } else if first.y == second.y && !bool::from(first.y.is_zero()) {
                self.kinds.push(Pair::Tangent);
                self.denominators.push(S::settle(first.y + first.y));
            } else {
                self.kinds.push(Pair::Opposite);
            }
        }
        self.inverter.invert_all(&mut self.denominators).expect("none of them is zero, so neither is their product");
        let mut inverses = self.denominators.iter();
        let mut inverse = || inverses.next().copied().unwrap_or_default();
        for ((first, second), kind) in pairs.zip(&self.kinds) {
            take(match kind {
                Pair::Chord => Some(first.on_line(&second.x, (second.y - first.y) * inverse())),
                Pair::Tangent => {
                    let square = first.x.square();
                    let rise = square + square + square + S::curve_a();
                    Some(first.on_line(&second.x, rise * inverse()))
                }
                Pair::Opposite => None,
            });
        }
    }
}
