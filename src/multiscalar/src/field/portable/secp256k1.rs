//! The field of secp256k1, p = 2^256 - 2^32 - 977: plain numbers.

use super::{
    Words,
    words::{self, add_with_carry, multiply_add},
};
use crate::{
    Secp256k1,
    field::{VectorField, root},
};

impl Words for Secp256k1 {
    const MODULUS: [u64; 4] = [0xffff_fffe_ffff_fc2f, u64::MAX, u64::MAX, u64::MAX];
    const ONE: [u64; 4] = [1, 0, 0, 0];

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
    let (w0, carry) = multiply_add(w0, above, FOLD, 0);
    let (w1, carry) = add_with_carry(w1, carry, false);
    let (w2, carry) = add_with_carry(w2, 0, carry);
    let (w3, carry) = add_with_carry(w3, 0, carry);
    words::reduce_once(&[w0, w1, w2, w3], carry, &Secp256k1::MODULUS)
}
