//! The field of P-256, p = 2^256 - 2^224 + 2^192 + 2^96 - 1: elements times 2^256 (Montgomery's form).
//!
//! p is -1 modulo 2^64, so that what a step of Montgomery's reduction adds p times is the lowest word itself, and of the
//! words of p one is 0 and three are a power of two but for 1: a step takes one multiplication.

use super::{
    Words,
    words::{self, add_with_carry, multiply_add},
};
use crate::{
    P256,
    field::{VectorField, root},
};

impl Words for P256 {
    const MODULUS: [u64; 4] = [0xffff_ffff_ffff_ffff, 0x0000_0000_ffff_ffff, 0, 0xffff_ffff_0000_0001];
    const ONE: [u64; 4] = [1, 0xffff_ffff_0000_0000, 0xffff_ffff_ffff_ffff, 0x0000_0000_ffff_fffe];

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
        Self::mul(number, &R_SQUARED)
    }

    #[inline(always)]
    fn leave(element: &[u64; 4]) -> [u64; 4] {
        reduce(&[element[0], element[1], element[2], element[3], 0, 0, 0, 0])
    }

    #[inline(always)]
    fn roots<F: VectorField, const N: usize>(field: F, vectors: [F::Vector; N]) -> [F::Vector; N] {
        root::p256(field, vectors)
    }
}

/// 2^512 modulo p.
const R_SQUARED: [u64; 4] = [3, 0xffff_fffb_ffff_ffff, 0xffff_ffff_ffff_fffe, 0x0000_0004_ffff_fffd];

/// A product of two elements divided by 2^256, modulo p.
#[inline(always)]
fn reduce(wide: &[u64; 8]) -> [u64; 4] {
    let [w0, w1, w2, w3, w4, w5, w6, w7] = *wide;
    let (sum, carry) = words::add_words(&step(step(step(step([w0, w1, w2, w3])))), &[w4, w5, w6, w7]);
    words::reduce_once(&sum, carry, &P256::MODULUS)
}

/// Adds p times the lowest word, which makes that word zero, and drops it. What comes of four words is four words again:
/// below 2^64 * p was added to what is below 2^256, so that the quotient by 2^64 is below 2^256.
///
/// w0 * p = w0 * 2^96 + w0 * (2^256 - 2^224 + 2^192) - w0.
#[inline(always)]
fn step([w0, w1, w2, w3]: [u64; 4]) -> [u64; 4] {
    let (w1, carry) = add_with_carry(w1, w0 << 32, false);
    let (w2, carry) = add_with_carry(w2, w0 >> 32, carry);
    let (w3, w4) = multiply_add(w3, w0, P256::MODULUS[3], carry as u64);
    [w1, w2, w3, w4]
}
