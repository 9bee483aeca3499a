//! Decoding of points, many at once.

use crate::{
    Affine, Backend, Curve,
    backend::Task,
    field::{VectorField, Work},
    point::Equation,
};
use alloc::vec::Vec;
use core::marker::PhantomData;

/// A point as it travels: x, which of the two y it is, and perhaps what y is said to be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Encoded {
    /// x, 32 bytes big-endian.
    pub x: [u8; 32],
    /// Whether y is odd.
    pub is_odd: bool,
    /// y, 32 bytes big-endian, as somebody says who need not be right.
    pub hint: Option<[u8; 32]>,
}

/// Decodes points; `None` where x is not below the field's modulus or belongs to no point of the curve.
///
/// A hint that is right (below the modulus, of the curve, of the right parity) saves a square root; one that is not changes
/// nothing.
pub fn decode<C: Curve>(encodings: &[Encoded]) -> Vec<Option<Affine<C>>> {
    decode_with(Backend::best(), encodings)
}

/// The same, with a backend's arithmetic where the processor has it and the portable one where not.
pub fn decode_with<C: Curve>(backend: Backend, encodings: &[Encoded]) -> Vec<Option<Affine<C>>> {
    backend.run::<C, _>(Decode { encodings, curve: PhantomData })
}

struct Decode<'e, C> {
    encodings: &'e [Encoded],
    curve: PhantomData<C>,
}

impl<C: Curve> Task for Decode<'_, C> {
    type Output = Vec<Option<Affine<C>>>;

    fn run<F: VectorField>(self, field: F) -> Vec<Option<Affine<C>>> {
        decode_on(field, self.encodings)
    }
}

/// Vectors that have their roots taken side by side.
const CHAINS: usize = 4;

fn decode_on<C: Curve, F: VectorField>(field: F, encodings: &[Encoded]) -> Vec<Option<Affine<C>>> {
    let mut decoded = alloc::vec![None; encodings.len()];
    let (mut indices, mut points) = (Vec::new(), Vec::new());
    for (index, Encoded { x, is_odd, hint }) in encodings.iter().enumerate() {
        let hint = hint.as_ref().filter(|hint| hint[31] & 1 == u8::from(*is_odd)).and_then(F::from_bytes);
        if let Some((x, y)) = F::from_bytes(x).zip(hint) {
            indices.push(index);
            points.push([x, y]);
        }
    }
    let masks = field.run(Check::<C, F> { points, curve: PhantomData });
    for (number, index) in indices.into_iter().enumerate() {
        if masks[number / F::WIDTH] >> (number % F::WIDTH) & 1 == 1 {
            let Encoded { x, hint, .. } = encodings[index];
            decoded[index] = hint.map(|y| Affine::new(x, y));
        }
    }
    decompress(field, encodings, &mut decoded);
    decoded
}

/// Takes the roots of what is not decoded.
fn decompress<C: Curve, F: VectorField>(field: F, encodings: &[Encoded], decoded: &mut [Option<Affine<C>>]) {
    let (mut indices, mut elements, mut odds) = (Vec::new(), Vec::new(), Vec::new());
    for (index, encoded) in encodings.iter().enumerate() {
        if let (None, Some(x)) = (decoded[index], F::from_bytes(&encoded.x)) {
            if indices.len() % F::WIDTH == 0 {
                odds.push(0);
            }
            odds[indices.len() / F::WIDTH] |= u8::from(encoded.is_odd) << (indices.len() % F::WIDTH);
            indices.push(index);
            elements.push(x);
        }
    }
    let (masks, roots) = field.run(Roots::<C, F> { elements, odds, curve: PhantomData });
    for (number, index) in indices.into_iter().enumerate() {
        if masks[number / F::WIDTH] >> (number % F::WIDTH) & 1 == 1 {
            decoded[index] = Some(Affine::new(encodings[index].x, F::to_bytes(&roots[number])));
        }
    }
}

/// Whether points are of the curve: a mask a vector.
struct Check<C, F: VectorField> {
    points: Vec<[F::Packed; 2]>,
    curve: PhantomData<C>,
}

impl<C: Curve, F: VectorField> Work<F> for Check<C, F> {
    type Output = Vec<u8>;

    #[inline(always)]
    fn run(mut self, field: F) -> Vec<u8> {
        let vectors = self.points.len().div_ceil(F::WIDTH);
        self.points.resize(vectors * F::WIDTH, [F::Packed::default(); 2]);
        let equation = Equation::new::<C>(field);
        let mut masks = Vec::with_capacity(vectors);
        for vector in 0..vectors {
            let [x, y] = field.load_pairs(&self.points[vector * F::WIDTH..]);
            masks.push(field.equals(field.square(y), equation.right_side(field, x)));
        }
        masks
    }
}

/// Of each x the y of the wanted parity, and a mask a vector of those that have one.
struct Roots<C, F: VectorField> {
    elements: Vec<F::Packed>,
    odds: Vec<u8>,
    curve: PhantomData<C>,
}

impl<C: Curve, F: VectorField> Work<F> for Roots<C, F> {
    type Output = (Vec<u8>, Vec<F::Packed>);

    #[inline(always)]
    fn run(mut self, field: F) -> (Vec<u8>, Vec<F::Packed>) {
        let groups = self.elements.len().div_ceil(F::WIDTH * CHAINS);
        self.elements.resize(groups * CHAINS * F::WIDTH, F::Packed::default());
        self.odds.resize(groups * CHAINS, 0);
        let equation = Equation::new::<C>(field);
        let mut masks = Vec::with_capacity(groups * CHAINS);
        for group in 0..groups {
            let start = group * CHAINS;
            let mut squares = [field.zero(); CHAINS];
            for (chain, square) in squares.iter_mut().enumerate() {
                let x = field.load(&self.elements[(start + chain) * F::WIDTH..]);
                *square = equation.right_side(field, x);
            }
            let roots = field.roots(squares);
            for chain in 0..CHAINS {
                let (square, root) = (squares[chain], roots[chain]);
                masks.push(field.equals(field.square(root), square));
                let root = field.negate_if(field.odds(root) ^ self.odds[start + chain], root);
                field.store(root, &mut self.elements[(start + chain) * F::WIDTH..]);
            }
        }
        (masks, self.elements)
    }
}

#[cfg(test)]
mod tests;
