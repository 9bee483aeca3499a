//! The field of secp256k1, p = 2^256 - 2^32 - 977: plain numbers.

use super::{
    Words,
    words::{self, add_with_carry, add_words, multiply_add, sub_with_borrow, sub_words},
};
use crate::{
    Secp256k1,
    field::{VectorField, root},
};

impl Words for Secp256k1 {
    const MODULUS: [u64; 4] = [0xffff_fffe_ffff_fc2f, u64::MAX, u64::MAX, u64::MAX];
    const ONE: [u64; 4] = [1, 0, 0, 0];

    #[inline(always)]
    fn add(left: &[u64; 4], right: &[u64; 4]) -> [u64; 4] {
        let (sum, carry) = add_words(left, right);
        below_modulus(plus(&sum, if carry { FOLD } else { 0 }))
    }

    #[inline(always)]
    fn sub(left: &[u64; 4], right: &[u64; 4]) -> [u64; 4] {
        let ([d0, d1, d2, d3], borrow) = sub_words(left, right);
        // Plus p, modulo 2^256.
        let (d0, borrow) = sub_with_borrow(d0, if borrow { FOLD } else { 0 }, false);
        let (d1, borrow) = sub_with_borrow(d1, 0, borrow);
        let (d2, borrow) = sub_with_borrow(d2, 0, borrow);
        [d0, d1, d2, sub_with_borrow(d3, 0, borrow).0]
    }

    #[inline(always)]
    fn mul(left: &[u64; 4], right: &[u64; 4]) -> [u64; 4] {
        reduce(&words::product(left, right))
    }

    #[inline(always)]
    fn square(element: &[u64; 4]) -> [u64; 4] {
        reduce(&words::square(element))
    }

    #[inline(always)]
    fn enter(number: &[u64; 4]) -> [u64; 4] {
        *number
    }

    #[inline(always)]
    fn leave(element: &[u64; 4]) -> [u64; 4] {
        *element
    }

    #[inline(always)]
    fn roots<F: VectorField, const N: usize>(field: F, vectors: [F::Vector; N]) -> [F::Vector; N] {
        root::secp256k1(field, vectors)
    }
}

/// 2^256 modulo p.
const FOLD: u64 = 0x1_0000_03d1;

/// A product of two elements modulo p: what is above 2^256 comes back below, times 2^32 + 977, twice.
#[inline(always)]
fn reduce(wide: &[u64; 8]) -> [u64; 4] {
    let (w0, carry) = multiply_add(wide[0], wide[4], FOLD, 0);
    let (w1, carry) = multiply_add(wide[1], wide[5], FOLD, carry);
    let (w2, carry) = multiply_add(wide[2], wide[6], FOLD, carry);
    let (w3, above) = multiply_add(wide[3], wide[7], FOLD, carry);
    let (low, high) = multiply_add(0, above, FOLD, 0);
    let (w0, carry) = add_with_carry(w0, low, false);
    let (w1, carry) = add_with_carry(w1, high, carry);
    let (w2, carry) = add_with_carry(w2, 0, carry);
    let (w3, carry) = add_with_carry(w3, 0, carry);
    below_modulus(([w0, w1, w2, w3], carry))
}

/// Four words plus one, and what they carry.
#[inline(always)]
fn plus([w0, w1, w2, w3]: &[u64; 4], other: u64) -> ([u64; 4], bool) {
    let (w0, carry) = add_with_carry(*w0, other, false);
    let (w1, carry) = add_with_carry(*w1, 0, carry);
    let (w2, carry) = add_with_carry(*w2, 0, carry);
    let (w3, carry) = add_with_carry(*w3, 0, carry);
    ([w0, w1, w2, w3], carry)
}

/// What is below twice p, its bit 256 apart, less p where it is not below that. That hardly ever happens by chance: a branch costs
/// less than what it saves.
#[inline(always)]
fn below_modulus((number, carry): ([u64; 4], bool)) -> [u64; 4] {
    if carry | (number[3] == u64::MAX) { reduce_once(&number, carry) } else { number }
}

#[cold]
#[inline(never)]
fn reduce_once(number: &[u64; 4], carry: bool) -> [u64; 4] {
    words::reduce_once(number, carry, &Secp256k1::MODULUS)
}
