//! Every backend beside the field elements of the curves' own crates, in great numbers.

use super::{Check, numbers::random_bytes, with_every_backend};
use crate::{
    P256, Secp256k1,
    field::{Modulus, VectorField},
};
use core::marker::PhantomData;
use elliptic_curve::{Field, PrimeField, array::Array, consts::U32, hazmat::FieldArithmetic};
use rand_chacha::{ChaCha20Rng, rand_core::SeedableRng as _};
use std::{vec, vec::Vec};

/// The field as the curve's own crate has it.
trait Stock: Modulus {
    type Element: PrimeField<Repr = Array<u8, U32>>;
}
impl Stock for P256 {
    type Element = <p256::NistP256 as FieldArithmetic>::FieldElement;
}
impl Stock for Secp256k1 {
    type Element = <k256::Secp256k1 as FieldArithmetic>::FieldElement;
}

/// So many random pairs.
struct Random<M> {
    pairs: usize,
    seed: u64,
    modulus: PhantomData<M>,
}

impl<M: Stock> Check for Random<M> {
    fn check<F: VectorField>(&self, field: F) {
        let mut random = ChaCha20Rng::seed_from_u64(self.seed);
        let stock = |bytes: &[u8; 32]| M::Element::from_repr(Array(*bytes)).unwrap();
        let mut lefts: Vec<_> = (0..F::WIDTH).map(|_| random_bytes::<M>(&mut random)).collect();
        let mut packed = vec![F::Packed::default(); F::WIDTH];
        let expect = |vector: F::Vector, packed: &mut [F::Packed], expected: &[M::Element]| {
            field.store(vector, packed);
            let found = packed.iter().map(F::to_bytes);
            assert!(found.eq(expected.iter().map(|element| element.to_repr().0)));
        };
        for _ in 0..self.pairs.div_ceil(F::WIDTH) {
            let rights: Vec<_> = (0..F::WIDTH).map(|_| random_bytes::<M>(&mut random)).collect();
            let load = |bytes: &[[u8; 32]]| {
                let elements: Vec<_> = bytes.iter().map(|bytes| F::from_bytes(bytes).unwrap()).collect();
                field.load(&elements)
            };
            let (a, b) = (load(&lefts), load(&rights));
            let expected = |operation: fn(M::Element, M::Element) -> M::Element| {
                let pairs = lefts.iter().zip(&rights);
                pairs.map(|(left, right)| operation(stock(left), stock(right))).collect::<Vec<_>>()
            };
            expect(field.mul(a, b), &mut packed, &expected(|a, b| a * b));
            expect(field.square(a), &mut packed, &expected(|a, _| a.square()));
            let (sum, difference) = (field.add(a, b), field.sub(a, b));
            expect(field.mul(sum, difference), &mut packed, &expected(|a, b| a * a - b * b));
            expect(field.square_sub(difference, [a, b]), &mut packed, &expected(|a, b| (a - b).square() - a - b));
            expect(field.mul_sub(sum, a, b), &mut packed, &expected(|a, b| (a + b) * a - b));
            lefts = rights;
        }
    }
}

fn agree(pairs: usize, seed: u64) {
    with_every_backend::<P256>(&Random::<P256> { pairs, seed, modulus: PhantomData });
    with_every_backend::<Secp256k1>(&Random::<Secp256k1> { pairs, seed, modulus: PhantomData });
}

#[test]
fn as_the_curves_crates() {
    agree(10_000, 52);
}

#[test]
#[ignore = "minutes: cargo test --release -p symbolon-multiscalar --lib -- --ignored as_the_curves_crates"]
fn as_the_curves_crates_for_long() {
    agree(10_000_000, 53);
}
