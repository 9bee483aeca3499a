//! Sums of groups of points, each point as it is.

use super::arena::{Arena, FIRST};
use crate::{Affine, Backend, Curve, backend::Task, field::VectorField};
use alloc::vec::Vec;

/// Points that are summed at once: so many that inversions do not count, and few enough that their sums stay in a processor's
/// second cache.
const SUMMED_AT_ONCE: usize = 16_384;

/// The sum of each group of `N` points, which are given by their indices; `None` for the identity.
///
/// For groups that have many points in common, or that are many: an inversion and log2 of `N` rounds are shared by all.
/// Panics where an index is out of range.
pub fn sums_of_groups_vartime<C: Curve, const N: usize>(
    backend: Backend,
    points: &[Affine<C>],
    groups: &[[u16; N]],
) -> Vec<Option<Affine<C>>> {
    let is_there = |index: &u16| usize::from(*index) < points.len();
    assert!(groups.as_flattened().iter().all(is_there), "an index of no point");
    backend.run::<C, _>(Groups { points, groups })
}

struct Groups<'g, C: Curve, const N: usize> {
    points: &'g [Affine<C>],
    groups: &'g [[u16; N]],
}

impl<C: Curve, const N: usize> Task for Groups<'_, C, N> {
    type Output = Vec<Option<Affine<C>>>;

    fn run<F: VectorField>(self, field: F) -> Self::Output {
        let mut points = Vec::with_capacity(FIRST + self.points.len());
        points.resize(FIRST, [F::Packed::default(); 2]);
        points.extend(
            self.points
                .iter()
                .map(|point| [point.x(), point.y()].map(|coordinate| F::from_bytes(coordinate).unwrap_or_default())),
        );
        let mut arena = Arena::<F>::new(points);
        let scratch = arena.mark();
        let mut sums = Vec::with_capacity(self.groups.len());
        let (mut references, mut lengths) = (Vec::new(), Vec::new());
        for groups in self.groups.chunks((SUMMED_AT_ONCE / N.max(1)).max(1)) {
            references.clear();
            references.extend(groups.as_flattened().iter().map(|index| FIRST as u32 + u32::from(*index)));
            lengths.clear();
            lengths.resize(groups.len(), N as u32);
            arena.sum_segments::<C>(field, &mut references, &mut lengths);
            let mut left = references.iter();
            for length in &lengths {
                let sum = if *length == 0 { None } else { left.next() };
                sums.push(sum.map(|reference| {
                    let ([x, y], _) = arena.coordinates(*reference);
                    Affine::new(x, y)
                }));
            }
            arena.forget(scratch);
        }
        sums
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        P256, Secp256k1, Term,
        testing::{Reference, expected, multiples},
    };
    use proptest::prelude::*;

    fn check<C: Reference, const N: usize>(points: &[Affine<C>], groups: &[[u16; N]]) {
        let mut one = [0; 32];
        one[31] = 1;
        let sum =
            |group: &[u16; N]| expected(&group.map(|index| Term { point: points[usize::from(index)], scalar: one }));
        let expected = groups.iter().map(sum).collect::<Vec<_>>();
        for backend in [Backend::Portable, Backend::Ifma] {
            assert_eq!(sums_of_groups_vartime(backend, points, groups), expected, "{backend:?}");
        }
    }

    /// 1 to 6 times the generator and the same of the opposite: of any few, sums are often equal, or opposite, or nothing.
    fn small<C: Reference>() -> Vec<Affine<C>> {
        let points = multiples::<C>(6);
        points.iter().copied().chain(points.iter().map(Affine::negated)).collect()
    }

    #[test]
    fn sums_of_nothing_and_of_one() {
        let points = small::<P256>();
        check::<P256, 1>(&points, &[[0], [11], [11]]);
        check::<P256, 0>(&points, &[[]; 3]);
        check::<P256, 7>(&[], &[]);
    }

    #[test]
    #[should_panic = "an index of no point"]
    fn an_index_of_no_point_is_refused() {
        sums_of_groups_vartime(Backend::Portable, &small::<P256>(), &[[3, 12]]);
    }

    /// More groups than are summed at once.
    #[test]
    fn many_groups() {
        let points = small::<Secp256k1>();
        let number = |index: usize| (index * index / 7 % points.len()) as u16;
        let groups = (0..SUMMED_AT_ONCE / 64 + 3).map(|group| core::array::from_fn(|place| number(group * 64 + place)));
        check::<Secp256k1, 64>(&points, &groups.collect::<Vec<_>>());
    }

    proptest! {
        #[test]
        fn groups_of_few_points(groups in proptest::collection::vec(any::<[u16; 5]>(), 0..40)) {
            let groups = groups.iter().map(|group| group.map(|index| index % 12)).collect::<Vec<_>>();
            check::<P256, 5>(&small(), &groups);
            check::<Secp256k1, 5>(&small(), &groups);
        }
    }
}
