//! Square roots by a power, several vectors side by side.
//!
//! A square root is one long chain of squarings, each waiting for the one before; chains of several vectors, a step of
//! each in turn, wait for nothing.

use super::VectorField;

/// As many vectors as go side by side.
#[derive(Clone, Copy)]
struct Chains<F: VectorField, const N: usize> {
    field: F,
    vectors: [F::Vector; N],
}

impl<F: VectorField, const N: usize> Chains<F, N> {
    /// Each squared so many times.
    #[inline(always)]
    fn squared(mut self, times: usize) -> Self {
        for _ in 0..times {
            for vector in &mut self.vectors {
                *vector = self.field.square(*vector);
            }
        }
        self
    }

    /// Each times the other's.
    #[inline(always)]
    fn times(mut self, other: &Self) -> Self {
        for (vector, other) in self.vectors.iter_mut().zip(&other.vectors) {
            *vector = self.field.mul(*vector, *other);
        }
        self
    }

    /// Given an element to the power 2^k - 1, and in `other` to the power 2^`more` - 1: to the power 2^(k + `more`) - 1.
    #[inline(always)]
    fn appended(self, more: usize, other: &Self) -> Self {
        self.squared(more).times(other)
    }
}

/// Each to the power (p + 1) / 4 = 2^254 - 2^222 + 2^190 + 2^94, p the modulus of P-256.
#[inline(always)]
pub(super) fn p256<F: VectorField, const N: usize>(field: F, vectors: [F::Vector; N]) -> [F::Vector; N] {
    let x1 = Chains { field, vectors };
    let x2 = x1.appended(1, &x1);
    let x4 = x2.appended(2, &x2);
    let x8 = x4.appended(4, &x4);
    let x16 = x8.appended(8, &x8);
    let x32 = x16.appended(16, &x16);
    x32.squared(32).times(&x1).squared(96).times(&x1).squared(94).vectors
}

/// Each to the power (p + 1) / 4 = 2^254 - 2^30 - 244, p the modulus of secp256k1: 223 ones, a zero, 22 ones, 4 zeros,
/// 2 ones, 2 zeros.
#[inline(always)]
pub(super) fn secp256k1<F: VectorField, const N: usize>(field: F, vectors: [F::Vector; N]) -> [F::Vector; N] {
    let x1 = Chains { field, vectors };
    let x2 = x1.appended(1, &x1);
    let x3 = x2.appended(1, &x1);
    let x6 = x3.appended(3, &x3);
    let x9 = x6.appended(3, &x3);
    let x11 = x9.appended(2, &x2);
    let x22 = x11.appended(11, &x11);
    let x44 = x22.appended(22, &x22);
    let x88 = x44.appended(44, &x44);
    let x176 = x88.appended(88, &x88);
    let x220 = x176.appended(44, &x44);
    let x223 = x220.appended(3, &x3);
    x223.squared(23).times(&x22).squared(6).times(&x2).squared(2).vectors
}
