//! Additions of many pairs of points at once, with one inversion for all of them.
//!
//! The sum of (x1, y1) and (x2, y2) is on the line through both, whose slope is (y2 - y1) / (x2 - x1). The inverses of all
//! runs come from one: the runs are multiplied up, the product is inverted, and on the way back each gets its own
//! (Montgomery's trick). So an addition is 5 products and a square.

use super::arena::{Arena, NEGATED, PADDING};
use crate::{
    Curve,
    field::{VectorField, Work},
    point::Equation,
};
use core::marker::PhantomData;

/// Products that go on side by side, since each waits for the one before.
const CHAINS: usize = 4;

/// The additions of an arena's first pairs, compiled for a backend's instructions.
struct AddPairs<'a, C, F: VectorField> {
    arena: &'a mut Arena<F>,
    vectors: usize,
    to: usize,
    curve: PhantomData<C>,
}

/// Adds the first pairs that `arena.pairs` names, so many; the sums are put from `to` on, one a pair. Where the left one is asked
/// for the opposite of its point, so is the sum: a reference to it needs the same sign. `arena.vanished` are the pairs, in
/// order, whose sum is the identity.
pub(super) fn add_pairs<C: Curve, F: VectorField>(field: F, arena: &mut Arena<F>, count: usize, to: usize) {
    let padded = count.next_multiple_of(F::WIDTH * CHAINS);
    if arena.pairs.len() < padded {
        arena.pairs.resize(padded, PADDING);
    }
    arena.pairs[count..padded].fill(PADDING);
    let room = to + padded;
    if arena.points.len() < room {
        arena.points.resize(room, [F::Packed::default(); 2]);
    }
    field.run(AddPairs::<C, F> { arena, vectors: padded / F::WIDTH, to, curve: PhantomData });
    arena.vanished.retain(|pair| (*pair as usize) < count);
    arena.vanished.sort_unstable();
}

impl<C: Curve, F: VectorField> Work<F> for AddPairs<'_, C, F> {
    type Output = ();

    #[inline(always)]
    fn run(self, field: F) {
        let Self { arena, vectors, to, .. } = self;
        arena.vanished.clear();
        if arena.products.len() < vectors {
            arena.products.resize(vectors, field.one());
            arena.runs.resize(vectors, field.one().into());
        }
        let mut products = multiply_runs(field, arena, vectors);
        let mut is_careful = false;
        for product in &products {
            is_careful |= field.zeros(*product) != 0;
        }
        if is_careful {
            products = multiply_runs_carefully(field, arena, vectors);
        }
        let inverses = invert(field, products);
        add_along(field, arena, vectors, to, Equation::new::<C>(field).a(), inverses, is_careful);
    }
}

/// Points of some pairs: their coordinates, and in which lanes the opposite of one is added to the other.
struct Operands<F: VectorField> {
    x: [F::Vector; 2],
    y: [F::Vector; 2],
    opposites: u8,
}

/// The indices of some pairs' points.
#[inline(always)]
fn indices<F: VectorField>(pairs: &[[u32; 2]], side: usize) -> [u32; 8] {
    let mut indices = [0; 8];
    for lane in 0..F::WIDTH {
        indices[lane] = pairs[lane][side] & !NEGATED;
    }
    indices
}

#[inline(always)]
fn opposites(pairs: &[[u32; 2]]) -> u8 {
    let mut opposites = 0;
    for (lane, [left, right]) in pairs.iter().enumerate() {
        opposites |= (((left ^ right) >> 31) as u8) << lane;
    }
    opposites
}

#[inline(always)]
fn operands<F: VectorField>(field: F, arena: &Arena<F>, vector: usize) -> Operands<F> {
    let pairs = &arena.pairs[vector * F::WIDTH..][..F::WIDTH];
    let [x1, y1] = field.gather_pairs(&arena.points, &indices::<F>(pairs, 0)[..F::WIDTH]);
    let [x2, y2] = field.gather_pairs(&arena.points, &indices::<F>(pairs, 1)[..F::WIDTH]);
    Operands { x: [x1, x2], y: [y1, y2], opposites: opposites(pairs) }
}

#[inline(always)]
fn run_of<F: VectorField>(field: F, arena: &Arena<F>, vector: usize) -> F::Loose {
    let pairs = &arena.pairs[vector * F::WIDTH..][..F::WIDTH];
    let x1 = field.gather_firsts(&arena.points, &indices::<F>(pairs, 0)[..F::WIDTH]);
    let x2 = field.gather_firsts(&arena.points, &indices::<F>(pairs, 1)[..F::WIDTH]);
    field.sub(x2, x1)
}

/// Multiplies the runs up, and keeps them, and before each what came before it.
#[inline(always)]
fn multiply_runs<F: VectorField>(field: F, arena: &mut Arena<F>, vectors: usize) -> [F::Vector; CHAINS] {
    let mut products = [field.one(); CHAINS];
    for group in 0..vectors / CHAINS {
        for (chain, product) in products.iter_mut().enumerate() {
            let vector = group * CHAINS + chain;
            let run = run_of(field, arena, vector);
            arena.runs[vector] = run;
            arena.products[vector] = *product;
            *product = field.mul(*product, run);
        }
    }
    products
}

/// The same where a run is zero: there the points are equal, or opposite, and something else is inverted.
#[inline(always)]
fn multiply_runs_carefully<F: VectorField>(field: F, arena: &mut Arena<F>, vectors: usize) -> [F::Vector; CHAINS] {
    let mut products = [field.one(); CHAINS];
    arena.marks.clear();
    for vector in 0..vectors {
        let run = arena.runs[vector];
        let mark = field.zeros(run);
        arena.marks.push(mark);
        let chain = vector % CHAINS;
        arena.products[vector] = products[chain];
        let run = if mark == 0 { run } else { special_run(field, arena, vector, mark, run).into() };
        arena.runs[vector] = run;
        products[chain] = field.mul(products[chain], run);
    }
    products
}

/// In the marked lanes twice y where the points are equal, and one where they are opposite, which vanish.
#[inline(always)]
fn special_run<F: VectorField>(field: F, arena: &mut Arena<F>, vector: usize, mark: u8, run: F::Loose) -> F::Vector {
    let Operands { y: [y1, y2], opposites, .. } = operands(field, arena, vector);
    let y2 = field.negate_if(opposites, y2);
    let vanishing = mark & !(field.equals(y1, y2) & !field.zeros(y1));
    for lane in 0..F::WIDTH {
        if vanishing >> lane & 1 == 1 {
            arena.vanished.push((vector * F::WIDTH + lane) as u32);
        }
    }
    let tangent = field.select(mark, field.reduce(run), field.reduce(field.add(y1, y1)));
    field.select(vanishing, tangent, field.one())
}

/// The inverses of each chain's product. None is zero in any lane.
#[inline(always)]
fn invert<F: VectorField>(field: F, chains: [F::Vector; CHAINS]) -> [F::Vector; CHAINS] {
    let mut before = [chains[0]; CHAINS];
    for chain in 1..CHAINS {
        before[chain] = field.mul(before[chain - 1], chains[chain]);
    }
    let mut rest = invert_lanes(field, before[CHAINS - 1]);
    let mut inverses = chains;
    for chain in (1..CHAINS).rev() {
        inverses[chain] = field.mul(rest, before[chain - 1]);
        rest = field.mul(rest, chains[chain]);
    }
    inverses[0] = rest;
    inverses
}

/// The inverse of every lane, by one of a single element.
#[inline(always)]
fn invert_lanes<F: VectorField>(field: F, vector: F::Vector) -> F::Vector {
    let mut lanes = [F::Packed::default(); 8];
    field.store(vector, &mut lanes);
    let mut before = lanes;
    for lane in 1..F::WIDTH {
        before[lane] = F::mul_packed(&before[lane - 1], &lanes[lane]);
    }
    let mut rest = F::invert(&before[F::WIDTH - 1]).unwrap_or_default();
    let mut inverses = lanes;
    for lane in (1..F::WIDTH).rev() {
        inverses[lane] = F::mul_packed(&rest, &before[lane - 1]);
        rest = F::mul_packed(&rest, &lanes[lane]);
    }
    inverses[0] = rest;
    field.load(&inverses)
}

/// Goes back from the last pair to the first, and adds.
#[inline(always)]
fn add_along<F: VectorField>(
    field: F,
    arena: &mut Arena<F>,
    vectors: usize,
    to: usize,
    curve_a: F::Vector,
    mut inverses: [F::Vector; CHAINS],
    is_careful: bool,
) {
    for group in (0..vectors / CHAINS).rev() {
        for chain in (0..CHAINS).rev() {
            let vector = group * CHAINS + chain;
            let Operands { x: [x1, x2], y: [y1, y2], opposites } = operands(field, arena, vector);
            let run = arena.runs[vector];
            let inverse = field.mul(inverses[chain], arena.products[vector]);
            inverses[chain] = field.mul(inverses[chain], run);
            let mut rise = field.sub_signed(opposites, y2, y1);
            let mut distance = run;
            if is_careful && arena.marks[vector] != 0 {
                rise = special_rise(field, arena.marks[vector], rise, x1, curve_a).into();
                distance = field.sub(x2, x1);
            }
            let slope = field.mul(rise, inverse);
            // x2 is x1 and the distance.
            let x = field.square_sub_twice(slope, x1, distance);
            let y = field.mul_sub(slope, field.sub(x1, x), y1);
            field.store_pairs([x, y], &mut arena.points[to + vector * F::WIDTH..]);
        }
    }
}

/// In the marked lanes 3x^2 + a, the tangent's rise over twice y.
#[inline(always)]
fn special_rise<F: VectorField>(field: F, mark: u8, rise: F::Loose, x: F::Vector, curve_a: F::Vector) -> F::Vector {
    let square = field.square(x);
    let twice = field.reduce(field.add(square, square));
    let thrice = field.reduce(field.add(twice, square));
    field.select(mark, field.reduce(rise), field.reduce(field.add(thrice, curve_a)))
}
