//! Odd multiples of points, which signed digits pick.

use super::{affine::Point, inverse::inverse_vartime, jacobian::Jacobian, root::times};
use crate::Suite;
use elliptic_curve::Field;

/// What the digits of a point's scalar have at most: 5 bits, so that 1, 3, 5, .. 15 times the point are wanted.
pub(crate) const WIDTH: usize = 5;
const COUNT: usize = 1 << (WIDTH - 2);

/// 1, 3, 5, .. 15 times a point.
pub(crate) type Multiples<S> = [Point<S>; COUNT];

/// 1, 3, 5, .. 15 times a point, and each Z.
///
/// 2P in the coordinates (X, Y, Z) has affine coordinates (X, Y) on a curve that scaling by Z maps to this one; and so has
/// P there, scaled. Additions of affine points know nothing of the curve's coefficients, so they are made there, and every Z
/// is put right at the end.
fn chain<S: Suite>(point: &Jacobian<S>) -> Option<[Jacobian<S>; COUNT]> {
    let mut twice = *point;
    let ratio = S::double(&mut twice);
    let ratio_squared = ratio.square();
    let mut multiple = Jacobian { x: point.x * ratio_squared, y: point.y * (ratio_squared * ratio), z: S::Field::ONE };
    let mut points = [multiple; COUNT];
    for place in points.iter_mut().skip(1) {
        multiple.add(&twice.x, &twice.y, false)?;
        *place = multiple;
    }
    points.iter_mut().for_each(|point| point.z = times(&point.z, &twice.z));
    Some(points)
}

/// The odd multiples of each point, with one inversion for all. A point's order is that of the group, so none of the
/// additions meets equal or opposite points.
pub(crate) fn odd_multiples<S: Suite, const N: usize>(points: &[Jacobian<S>; N]) -> Option<[Multiples<S>; N]> {
    let mut chains = points.map(|point| [point; COUNT]);
    for (chained, point) in chains.iter_mut().zip(points) {
        *chained = chain(point)?;
    }
    // Before each point, the product of all Z before it.
    let mut before = [[S::Field::ONE; COUNT]; N];
    let mut product = S::Field::ONE;
    for (place, point) in before.as_flattened_mut().iter_mut().zip(chains.as_flattened()) {
        *place = product;
        product = times(&product, &point.z);
    }
    let mut inverse = inverse_vartime::<S>(&product)?;
    let mut multiples = [[Point { x: S::Field::ZERO, y: S::Field::ZERO }; COUNT]; N];
    let places = multiples.as_flattened_mut().iter_mut().zip(before.as_flattened());
    for ((place, before), point) in places.zip(chains.as_flattened()).rev() {
        *place = point.scaled(&times(&inverse, before));
        inverse = times(&inverse, &point.z);
    }
    Some(multiples)
}
