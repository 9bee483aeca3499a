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

/// The additions of an arena's pairs, compiled for a backend's instructions.
struct AddPairs<'a, C, F: VectorField> {
    arena: &'a mut Arena<F>,
    to: usize,
    curve: PhantomData<C>,
}

/// Adds the pairs that `arena.left` and `arena.right` name; the sums are put from `to` on, one a pair. `arena.vanished` are the
/// pairs, in order, whose sum is the identity.
pub(super) fn add_pairs<C: Curve, F: VectorField>(field: F, arena: &mut Arena<F>, to: usize) {
    let count = arena.left.len();
    let padded = count.next_multiple_of(F::WIDTH * CHAINS);
    let [first, second] = PADDING;
    arena.left.resize(padded, first);
    arena.right.resize(padded, second);
    let room = to + padded;
    if arena.points.len() < room {
        arena.points.resize(room, [F::Packed::default(); 2]);
    }
    field.run(AddPairs::<C, F> { arena, to, curve: PhantomData });
    arena.vanished.retain(|pair| (*pair as usize) < count);
    arena.vanished.sort_unstable();
    arena.left.truncate(count);
    arena.right.truncate(count);
}

impl<C: Curve, F: VectorField> Work<F> for AddPairs<'_, C, F> {
    type Output = ();

    #[inline(always)]
    fn run(self, field: F) {
        let Self { arena, to, .. } = self;
        arena.vanished.clear();
        let mut products = multiply_runs(field, arena);
        let mut is_careful = false;
        for product in &products {
            is_careful |= field.zeros(*product) != 0;
        }
        if is_careful {
            products = multiply_runs_carefully(field, arena);
        }
        let inverses = invert(field, products);
        add_along(field, arena, to, Equation::new::<C>(field).a(), inverses, is_careful);
    }
}

/// Points of the next pairs, the second's signs and so on already in their y.
struct Operands<F: VectorField> {
    x: [F::Vector; 2],
    y: [F::Vector; 2],
}

/// The x of some points.
#[inline(always)]
fn gather_x<F: VectorField>(field: F, points: &[[F::Packed; 2]], references: &[u32]) -> F::Vector {
    let mut indices = [0; 8];
    for lane in 0..F::WIDTH {
        // The sign falls off.
        indices[lane] = references[lane] << 1;
    }
    field.gather(points.as_flattened(), &indices[..F::WIDTH])
}

/// Some points, negated where the reference says so.
#[inline(always)]
fn gather<F: VectorField>(field: F, points: &[[F::Packed; 2]], references: &[u32]) -> [F::Vector; 2] {
    let mut indices = [0; 8];
    let mut signs = 0;
    for lane in 0..F::WIDTH {
        indices[lane] = references[lane] & !NEGATED;
        signs |= ((references[lane] >> 31) as u8) << lane;
    }
    let [x, y] = field.gather_pairs(points, &indices[..F::WIDTH]);
    [x, if signs == 0 { y } else { field.negate_if(signs, y) }]
}

#[inline(always)]
fn operands<F: VectorField>(field: F, arena: &Arena<F>, start: usize) -> Operands<F> {
    let [x1, y1] = gather(field, &arena.points, &arena.left[start..start + F::WIDTH]);
    let [x2, y2] = gather(field, &arena.points, &arena.right[start..start + F::WIDTH]);
    Operands { x: [x1, x2], y: [y1, y2] }
}

#[inline(always)]
fn run_of<F: VectorField>(field: F, arena: &Arena<F>, start: usize) -> F::Loose {
    let x1 = gather_x(field, &arena.points, &arena.left[start..start + F::WIDTH]);
    let x2 = gather_x(field, &arena.points, &arena.right[start..start + F::WIDTH]);
    field.sub(x2, x1)
}

/// Multiplies the runs up, and keeps before each what came before it.
#[inline(always)]
fn multiply_runs<F: VectorField>(field: F, arena: &mut Arena<F>) -> [F::Vector; CHAINS] {
    let mut products = [field.one(); CHAINS];
    let vectors = arena.left.len() / F::WIDTH;
    if arena.products.len() < vectors {
        arena.products.resize(vectors, field.one());
    }
    for group in 0..vectors / CHAINS {
        for (chain, product) in products.iter_mut().enumerate() {
            let vector = group * CHAINS + chain;
            let run = run_of(field, arena, vector * F::WIDTH);
            arena.products[vector] = *product;
            *product = field.mul(*product, run);
        }
    }
    products
}

/// The same where a run is zero: there the points are equal, or opposite, and something else is inverted.
#[inline(always)]
fn multiply_runs_carefully<F: VectorField>(field: F, arena: &mut Arena<F>) -> [F::Vector; CHAINS] {
    let mut products = [field.one(); CHAINS];
    let vectors = arena.left.len() / F::WIDTH;
    arena.marks.clear();
    for vector in 0..vectors {
        let run = run_of(field, arena, vector * F::WIDTH);
        let mark = field.zeros(run);
        arena.marks.push(mark);
        let run = if mark == 0 {
            field.reduce(run)
        } else {
            let operands = operands(field, arena, vector * F::WIDTH);
            special_run(field, mark, run, &operands).0
        };
        let chain = vector % CHAINS;
        arena.products[vector] = products[chain];
        products[chain] = field.mul(products[chain], run);
    }
    products
}

/// In the marked lanes twice y where the points are equal, and one where they are opposite; with the mask of the latter.
#[inline(always)]
fn special_run<F: VectorField>(field: F, mark: u8, run: F::Loose, operands: &Operands<F>) -> (F::Vector, u8) {
    let [y1, y2] = operands.y;
    let twice = field.add(y1, y1);
    let opposite = mark & !(field.equals(y1, y2) & !field.zeros(y1));
    let tangent = field.select(mark, field.reduce(run), field.reduce(twice));
    (field.select(opposite, tangent, field.one()), opposite)
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
    to: usize,
    curve_a: F::Vector,
    mut inverses: [F::Vector; CHAINS],
    is_careful: bool,
) {
    for group in (0..arena.left.len() / F::WIDTH / CHAINS).rev() {
        for chain in (0..CHAINS).rev() {
            let vector = group * CHAINS + chain;
            let start = vector * F::WIDTH;
            let operands = operands(field, arena, start);
            let inverse = field.mul(inverses[chain], arena.products[vector]);
            let mut run = field.sub(operands.x[1], operands.x[0]);
            let mut rise = field.sub(operands.y[1], operands.y[0]);
            if is_careful && arena.marks[vector] != 0 {
                let mark = arena.marks[vector];
                let (special, opposite) = special_run(field, mark, run, &operands);
                run = special.into();
                rise = special_rise(field, mark, rise, &operands, curve_a).into();
                for lane in 0..F::WIDTH {
                    if opposite >> lane & 1 == 1 {
                        arena.vanished.push((start + lane) as u32);
                    }
                }
            }
            inverses[chain] = field.mul(inverses[chain], run);
            let slope = field.mul(rise, inverse);
            let x = field.square_sub(slope, operands.x);
            let y = field.mul_sub(slope, field.sub(operands.x[0], x), operands.y[0]);
            field.store_pairs([x, y], &mut arena.points[to + start..]);
        }
    }
}

/// In the marked lanes 3x^2 + a, the tangent's rise over twice y.
#[inline(always)]
fn special_rise<F: VectorField>(
    field: F,
    mark: u8,
    rise: F::Loose,
    operands: &Operands<F>,
    curve_a: F::Vector,
) -> F::Vector {
    let square = field.square(operands.x[0]);
    let twice = field.reduce(field.add(square, square));
    let thrice = field.reduce(field.add(twice, square));
    field.select(mark, field.reduce(rise), field.reduce(field.add(thrice, curve_a)))
}
