//! Sums of public points, pair by pair.
//!
//! Neighbours are added in affine coordinates, all pairs with one inversion, 6 multiplications a pair; the sums of pairs
//! are added one by one. That is less than adding the points one by one, 11 multiplications each, where an inversion is
//! quick; on small devices it is not (see [`super::inverse`]), and there they are added one by one.

use super::{affine::Point, inverse::inverse_vartime, jacobian::Jacobian, products::add, root::times};
use crate::Suite;
use elliptic_curve::Field;

/// The sum of 2 `PAIRS` points, which are asked for by their index. The outer `None` stands for a point that there is not,
/// the inner one for the identity.
pub(crate) fn sum_of_points_vartime<S: Suite, const PAIRS: usize>(
    point: impl Fn(usize) -> Option<Point<S>>,
) -> Option<Option<Jacobian<S>>> {
    if cfg!(feature = "std") { pair_by_pair::<S, PAIRS>(point) } else { one_by_one::<S, PAIRS>(point) }
}

fn one_by_one<S: Suite, const PAIRS: usize>(point: impl Fn(usize) -> Option<Point<S>>) -> Option<Option<Jacobian<S>>> {
    let mut sum = None;
    for index in 0..2 * PAIRS {
        let Point { x, y } = point(index)?;
        add(&mut sum, &x, &y, false);
    }
    Some(sum)
}

/// Each point is asked for twice, so that none is kept.
fn pair_by_pair<S: Suite, const PAIRS: usize>(
    point: impl Fn(usize) -> Option<Point<S>>,
) -> Option<Option<Jacobian<S>>> {
    let pair = |index: usize| Some((point(2 * index)?, point(2 * index + 1)?));
    // Before each pair, the product of all runs before it.
    let mut before = [S::Field::ONE; PAIRS];
    let mut product = S::Field::ONE;
    for (index, place) in before.iter_mut().enumerate() {
        *place = product;
        if let Some(run) = run(&pair(index)?) {
            product = times(&product, &run);
        }
    }
    let mut inverse = inverse_vartime::<S>(&product)?;
    let mut sum = None;
    for (index, before) in before.iter().enumerate().rev() {
        let (first, second) = pair(index)?;
        let Some(run) = run(&(first, second)) else {
            add(&mut sum, &first.x, &first.y, false);
            add(&mut sum, &second.x, &second.y, false);
            continue;
        };
        let slope = (second.y - first.y) * times(&inverse, before);
        inverse = times(&inverse, &run);
        let x = S::weakly_settle(slope.square() - first.x - second.x);
        let y = S::weakly_settle(slope * (first.x - x) - first.y);
        add(&mut sum, &x, &y, false);
    }
    Some(sum)
}

/// How far apart the points of a pair are in x; `None` when they are equal or opposite.
fn run<S: Suite>((first, second): &(Point<S>, Point<S>)) -> Option<S::Field> {
    let run = second.x - first.x;
    (!S::is_multiple_of_modulus(&run)).then_some(run)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{P256, Secp256k1};
    use elliptic_curve::{CurveGroup as _, Group as _};
    use rand_chacha::{
        ChaCha20Rng,
        rand_core::{Rng as _, SeedableRng as _},
    };
    use std::{array, vec::Vec};

    /// Points of few kinds, so that equal and opposite ones meet in pairs, among pairs and at the end.
    fn agrees<S: Suite, const PAIRS: usize>(random: &mut ChaCha20Rng, kinds: u64) {
        let points = (0..2 * PAIRS).map(|_| {
            let multiple = S::Projective::generator() * S::Scalar::from(u64::from(random.next_u32()) % kinds + 1);
            if random.next_u32() & 1 == 0 { multiple } else { -multiple }
        });
        let points = points.collect::<Vec<_>>();
        let at = |index: usize| points.get(index).map(|point| Point::<S>::of(&point.to_affine()));
        for sum in [pair_by_pair::<S, PAIRS>(at), one_by_one::<S, PAIRS>(at)] {
            let sum = match sum.unwrap() {
                Some(sum) => sum.to_affine().unwrap().to_projective().unwrap(),
                None => S::Projective::identity(),
            };
            assert_eq!(sum, points.iter().sum(), "{points:?}");
        }
    }

    #[test]
    fn pairs_make_up_the_sum() {
        let mut random = ChaCha20Rng::seed_from_u64(9);
        for kinds in array::from_fn::<u64, 60, _>(|index| 1 + index as u64 / 10) {
            agrees::<P256, 1>(&mut random, kinds);
            agrees::<Secp256k1, 1>(&mut random, kinds);
            agrees::<P256, 2>(&mut random, kinds);
            agrees::<Secp256k1, 3>(&mut random, kinds);
            agrees::<P256, 32>(&mut random, kinds * 1_000);
            agrees::<Secp256k1, 32>(&mut random, kinds * 1_000);
        }
    }

    #[test]
    fn a_missing_point_makes_no_sum() {
        let point = Point::<P256>::of(&<P256 as Suite>::Projective::generator().to_affine());
        for missing in 0..8 {
            let at = |index: usize| (index != missing).then_some(point);
            assert!(pair_by_pair::<P256, 4>(at).is_none());
            assert!(one_by_one::<P256, 4>(at).is_none());
        }
        assert!(sum_of_points_vartime::<P256, 4>(|_| Some(point)).is_some());
    }
}
