//! Sums of products.

mod arena;
mod buckets;
mod groups;
mod interleaved;
mod jacobian;
mod number;
mod pairs;
mod plan;
mod split;
mod table;

use crate::{
    Affine, Backend, Curve,
    backend::Task,
    field::{Portable, VectorField},
};
use alloc::vec::Vec;
use arena::Arena;
use buckets::Digits;
use jacobian::Jacobian;
use plan::Plan;
use table::Table;

pub use groups::sums_of_groups_vartime;

/// A public point and the public number that it is multiplied by.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Term<C: Curve> {
    /// The point.
    pub point: Affine<C>,
    /// Any number of 256 bits, big-endian; one of 128 bits costs half of one of 256.
    pub scalar: [u8; 32],
}

/// The sum of all products, `None` for the identity, on this thread, in time that depends on all of them.
///
/// ```
/// use symbolon_multiscalar::{Affine, P256, Term, sum_of_products_vartime};
///
/// let scalar = |last| core::array::from_fn(|index| if index == 31 { last } else { 0 });
/// let generator = Affine::<P256>::generator();
/// let twice = sum_of_products_vartime(&[Term { point: generator, scalar: scalar(2) }]);
/// let both = [Term { point: generator, scalar: scalar(3) }, Term { point: twice.unwrap().negated(), scalar: scalar(1) }];
/// assert_eq!(sum_of_products_vartime(&both), Some(generator));
/// ```
pub fn sum_of_products_vartime<C: Curve>(terms: &[Term<C>]) -> Option<Affine<C>> {
    sum_with(Backend::best(), 1, terms)
}

/// The same, with a backend's arithmetic where the processor has it and the portable one where not, on as many threads
/// (without the feature `std`, on this one).
pub fn sum_with<C: Curve>(backend: Backend, threads: usize, terms: &[Term<C>]) -> Option<Affine<C>> {
    backend.run::<C, _>(Sum { threads, terms })
}

struct Sum<'t, C: Curve> {
    threads: usize,
    terms: &'t [Term<C>],
}

impl<C: Curve> Task for Sum<'_, C> {
    type Output = Option<Affine<C>>;

    fn run<F: VectorField>(self, field: F) -> Option<Affine<C>> {
        sum_on(field, self.threads, self.terms)
    }
}

fn sum_on<C: Curve, F: VectorField>(field: F, threads: usize, terms: &[Term<C>]) -> Option<Affine<C>> {
    let sum = match Table::of(terms) {
        (table, Plan::Interleaved) => interleaved::sum::<C>(&table.points(Portable::default(), 0, 0), &table.factors),
        (table, Plan::Buckets { width, windows }) => sum_by_buckets(field, threads, &table, width, windows),
    };
    sum.to_affine()
}

/// A point that counts 2^`position` times, and whether its opposite is meant.
struct Part {
    position: u32,
    coordinates: [[u8; 32]; 2],
    is_negative: bool,
}

fn sum_by_buckets<C: Curve, F: VectorField>(
    field: F,
    threads: usize,
    table: &Table<'_, C>,
    width: u32,
    windows: usize,
) -> Jacobian<C> {
    let digits = Digits::of(&table.factors, width, windows);
    let arena = Arena::new(table.points(field, arena::FIRST, buckets::room(width, windows)));
    let threads = threads.clamp(1, windows.max(1));
    let work = |mut arena: Arena<F>, thread| {
        // The low windows have more digits than the high ones, so everybody gets of both.
        let own = (thread..windows).step_by(threads).collect::<Vec<_>>();
        sum_windows::<C, F>(field, &mut arena, &digits, &own, width)
    };
    #[cfg(feature = "std")]
    let parts = std::thread::scope(|scope| {
        let work = &work;
        let others = (1..threads).map(|thread| {
            let arena = arena.clone();
            scope.spawn(move || work(arena, thread))
        });
        let others = others.collect::<Vec<_>>();
        let mut parts = work(arena, 0);
        for other in others {
            parts.extend(other.join().expect("nothing in it panics"));
        }
        parts
    });
    #[cfg(not(feature = "std"))]
    let parts = (0..threads).flat_map(|thread| work(arena.clone(), thread)).collect();
    gather(parts)
}

/// What some windows add up to.
fn sum_windows<C: Curve, F: VectorField>(
    field: F,
    arena: &mut Arena<F>,
    digits: &Digits,
    windows: &[usize],
    width: u32,
) -> Vec<Part> {
    let buckets = buckets::fill::<C, F>(field, arena, digits, windows.iter().copied(), width);
    let mut parts = Vec::new();
    buckets::weigh::<C, F>(field, arena, windows, &buckets, width, |arena, weighed| {
        for (reference, bit) in weighed.parts {
            let (coordinates, is_negative) = arena.coordinates(reference);
            parts.push(Part { position: weighed.window as u32 * width + bit, coordinates, is_negative });
        }
    });
    parts
}

/// Adds the parts up, each as often as it counts.
fn gather<C: Curve>(mut parts: Vec<Part>) -> Jacobian<C> {
    parts.sort_unstable_by_key(|part| core::cmp::Reverse(part.position));
    let mut sum = Jacobian::identity();
    let mut position = parts.first().map_or(0, |part| part.position);
    for part in &parts {
        for _ in part.position..position {
            sum.double();
        }
        position = part.position;
        let coordinates = part.coordinates.map(|bytes| Portable::<C>::from_bytes(&bytes).unwrap_or_default());
        sum.add(coordinates, part.is_negative);
    }
    for _ in 0..position {
        sum.double();
    }
    sum
}

#[cfg(test)]
mod tests;
