//! Odd multiples of points, which signed digits pick.

use super::{affine::Point, inverse::inverse_vartime, jacobian::Jacobian, root::times};
use crate::Suite;
use core::marker::PhantomData;
use elliptic_curve::Field;

/// What the digits of a point's scalar have at most: 4 bits, so that 1, 3, 5 and 7 times the point are wanted. With 5 bits there
/// are fewer additions and twice as many multiples, which comes to the same time and twice the memory.
pub(crate) const WIDTH: u32 = 4;
const COUNT: usize = 1 << (WIDTH - 2);

/// 1, 3, 5 and 7 times a point.
pub(crate) type Multiples<S> = [Point<S>; COUNT];

/// How many points have their multiples computed together, at most.
pub(crate) const TOGETHER: usize = 2;

/// Room for the multiples of a point; a constant, so that none of it is made on the stack first.
pub(crate) struct Room<S>(PhantomData<S>);

impl<S: Suite> Room<S> {
    /// Zeros.
    pub(crate) const POINTS: Multiples<S> = [Point { x: S::Field::ZERO, y: S::Field::ZERO }; COUNT];
}

/// 1, 3, 5 and 7 times a point: X and Y, and each Z.
///
/// 2P in the coordinates (X, Y, Z) has affine coordinates (X, Y) on a curve that scaling by Z maps to this one; and so has
/// P there, scaled. Additions of affine points know nothing of the curve's coefficients, so they are made there, and every Z
/// is put right at the end.
fn chain<S: Suite>(point: &Jacobian<S>, multiples: &mut Multiples<S>, zs: &mut [S::Field; COUNT]) -> Option<()> {
    let mut twice = *point;
    let ratio = S::double(&mut twice);
    let ratio_squared = ratio.square();
    let mut multiple =
        Jacobian::<S> { x: point.x * ratio_squared, y: point.y * (ratio_squared * ratio), z: S::Field::ONE };
    for (index, (place, z)) in multiples.iter_mut().zip(zs).enumerate() {
        if index > 0 {
            multiple.add(&twice.x, &twice.y, false)?;
        }
        *place = Point { x: multiple.x, y: multiple.y };
        *z = times(&multiple.z, &twice.z);
    }
    Some(())
}

/// The odd multiples of each point (the scalars do not matter), at most [`TOGETHER`], with one inversion for all. A point's order is that of the group,
/// so none of the additions meets equal or opposite points.
///
/// Written to `multiples`, in a frame of its own: a device has no stack for copies.
#[inline(never)]
pub(crate) fn odd_multiples<S: Suite>(
    points: &[(Jacobian<S>, S::Scalar)],
    multiples: &mut [Multiples<S>],
) -> Option<()> {
    let mut zs = [[S::Field::ONE; COUNT]; TOGETHER];
    for ((multiples, zs), (point, _)) in multiples.iter_mut().zip(&mut zs).zip(points) {
        chain(point, multiples, zs)?;
    }
    // Before each point, the product of all Z before it.
    let mut before = [[S::Field::ONE; COUNT]; TOGETHER];
    let mut product = S::Field::ONE;
    for (place, z) in before.as_flattened_mut().iter_mut().zip(zs.as_flattened()) {
        *place = product;
        product = times(&product, z);
    }
    let mut inverse = inverse_vartime::<S>(&product)?;
    // As many of both as there is room for: the iteration goes backwards from the end of the shorter.
    let factors = before.as_flattened().iter().zip(zs.as_flattened());
    let count = multiples.as_flattened().len();
    for (place, (before, z)) in multiples.as_flattened_mut().iter_mut().rev().zip(factors.take(count).rev()) {
        *place = Jacobian::<S> { x: place.x, y: place.y, z: *z }.scaled(&times(&inverse, before));
        inverse = times(&inverse, z);
    }
    Some(())
}
