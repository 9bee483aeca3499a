//! How many field multiplications a sum takes: counted, since time may not be asserted.

use super::*;
use crate::field::Work;
use std::{cell::Cell, println, thread_local};

thread_local! {
    static MULTIPLICATIONS: Cell<usize> = const { Cell::new(0) };
}

/// The portable field, which counts.
#[derive(Clone, Copy)]
struct Counting<C: Curve>(Portable<C>);

fn count() {
    MULTIPLICATIONS.with(|counted| counted.set(counted.get() + 1));
}

/// Hands each function on.
macro_rules! handed_on {
    ($($(#[$counted:ident])? fn $name:ident($($argument:ident: $type:ty),*) -> $result:ty;)+) => {
        $(fn $name(self, $($argument: $type),*) -> $result {
            $($counted();)?
            self.0.$name($($argument),*)
        })+
    };
}

impl<C: Curve> VectorField for Counting<C> {
    const WIDTH: usize = 1;
    type Packed = <Portable<C> as VectorField>::Packed;
    type Vector = <Portable<C> as VectorField>::Vector;
    type Loose = <Portable<C> as VectorField>::Loose;

    fn run<W: Work<Self>>(self, work: W) -> W::Output {
        work.run(self)
    }

    fn from_bytes(bytes: &[u8; 32]) -> Option<Self::Packed> {
        count();
        Portable::<C>::from_bytes(bytes)
    }

    fn to_bytes(element: &Self::Packed) -> [u8; 32] {
        count();
        Portable::<C>::to_bytes(element)
    }

    fn from_u64(number: u64) -> Self::Packed {
        Portable::<C>::from_u64(number)
    }

    fn invert(element: &Self::Packed) -> Option<Self::Packed> {
        Portable::<C>::invert(element)
    }

    fn mul_packed(left: &Self::Packed, right: &Self::Packed) -> Self::Packed {
        count();
        Portable::<C>::mul_packed(left, right)
    }

    fn store(self, vector: Self::Vector, elements: &mut [Self::Packed]) {
        self.0.store(vector, elements);
    }

    fn store_pairs(self, vectors: [Self::Vector; 2], pairs: &mut [[Self::Packed; 2]]) {
        self.0.store_pairs(vectors, pairs);
    }

    fn scatter_pairs(self, vectors: [Self::Vector; 2], pairs: &mut [[Self::Packed; 2]], indices: &[u32], mask: u8) {
        self.0.scatter_pairs(vectors, pairs, indices, mask);
    }

    fn roots<const N: usize>(self, vectors: [Self::Vector; N]) -> [Self::Vector; N] {
        self.0.roots(vectors)
    }

    handed_on! {
        fn zero() -> Self::Vector;
        fn one() -> Self::Vector;
        fn splat(element: &Self::Packed) -> Self::Vector;
        fn load(elements: &[Self::Packed]) -> Self::Vector;
        fn gather(elements: &[Self::Packed], indices: &[u32]) -> Self::Vector;
        fn load_pairs(pairs: &[[Self::Packed; 2]]) -> [Self::Vector; 2];
        fn gather_pairs(pairs: &[[Self::Packed; 2]], indices: &[u32]) -> [Self::Vector; 2];
        fn gather_firsts(pairs: &[[Self::Packed; 2]], indices: &[u32]) -> Self::Vector;
        fn add(left: Self::Vector, right: Self::Vector) -> Self::Loose;
        fn sub(left: Self::Vector, right: Self::Vector) -> Self::Loose;
        fn sub_signed(mask: u8, left: Self::Vector, right: Self::Vector) -> Self::Loose;
        #[count] fn mul(left: impl Into<Self::Loose>, right: impl Into<Self::Loose>) -> Self::Vector;
        #[count] fn mul_sub(left: impl Into<Self::Loose>, right: impl Into<Self::Loose>, less: Self::Vector) -> Self::Vector;
        #[count] fn square(vector: impl Into<Self::Loose>) -> Self::Vector;
        #[count] fn square_sub(vector: impl Into<Self::Loose>, less: [Self::Vector; 2]) -> Self::Vector;
        #[count] fn square_sub_twice(vector: impl Into<Self::Loose>, twice: Self::Vector, once: Self::Loose) -> Self::Vector;
        fn reduce(loose: Self::Loose) -> Self::Vector;
        fn negate_if(mask: u8, vector: Self::Vector) -> Self::Vector;
        fn select(mask: u8, without: Self::Vector, with: Self::Vector) -> Self::Vector;
        fn zeros(vector: impl Into<Self::Loose>) -> u8;
        fn odds(vector: Self::Vector) -> u8;
    }
}

/// As many as a batch of 4,096 signatures has, with what it shares: the matrix and the generator.
fn batch<C: Reference>() -> Vec<Term<C>> {
    let mut random = ChaCha20Rng::seed_from_u64(3);
    let length = |index| if index < 4_096 { 128 } else { 256 };
    let points = multiples::<C>(2 * 4_096 + 1_090).into_iter().enumerate();
    points.map(|(index, point)| Term { point, scalar: random_scalar(&mut random, length(index)) }).collect()
}

/// Without inversions, and what comes after the buckets, which goes by single points.
fn multiplications_a_record<C: Reference>() -> usize {
    let terms = batch::<C>();
    MULTIPLICATIONS.with(|counted| counted.set(0));
    let sum = sum_on(Counting(Portable::<C>::default()), 1, &terms);
    assert!(sum.is_some());
    let total = MULTIPLICATIONS.with(Cell::get);
    println!("{} a record", total / 4_096);
    total / 4_096
}

#[test]
fn a_record_of_p256_costs_few_multiplications() {
    assert!(multiplications_a_record::<P256>() < 310);
}

#[test]
fn a_record_of_secp256k1_costs_few_multiplications() {
    assert!(multiplications_a_record::<Secp256k1>() < 290);
}
