//! Square roots by a power, one or several side by side.
//!
//! A square root is one long chain of squarings, each waiting for the one before; chains of several points, a step of
//! each in turn, wait for nothing.

use elliptic_curve::Field;

/// As many field elements as go side by side.
#[derive(Clone, Copy)]
pub(crate) struct Lanes<F, const N: usize>(pub(crate) [F; N]);

impl<F: Field, const N: usize> Lanes<F, N> {
    /// Each squared so many times. Not inlined, nor are the products: on a small device the chains would fill kilobytes.
    #[inline(never)]
    pub(crate) fn squared(mut self, times: usize) -> Self {
        for _ in 0..times {
            self.0.iter_mut().for_each(|element| *element = element.square());
        }
        self
    }

    /// Each times the other's.
    #[inline(never)]
    pub(crate) fn times(mut self, other: &Self) -> Self {
        self.0.iter_mut().zip(&other.0).for_each(|(element, other)| *element = times(element, other));
        self
    }

    /// Given an element to the power 2^k - 1, and in `other` to the power 2^`more` - 1: to the power 2^(k + `more`) - 1.
    pub(crate) fn appended(self, more: usize, other: &Self) -> Self {
        self.squared(more).times(other)
    }
}

/// The product. One of the several functions that fields have for it, so that only that is linked.
pub(crate) fn times<F: Field>(left: &F, right: &F) -> F {
    *left * *right
}

/// Each to the power (p + 1) / 4 = 2^254 - 2^222 + 2^190 + 2^94, p the modulus of P-256.
pub(crate) fn p256_root<F: Field, const N: usize>(x1: Lanes<F, N>) -> Lanes<F, N> {
    let x2 = x1.appended(1, &x1);
    let x4 = x2.appended(2, &x2);
    let x8 = x4.appended(4, &x4);
    let x16 = x8.appended(8, &x8);
    let x32 = x16.appended(16, &x16);
    x32.squared(32).times(&x1).squared(96).times(&x1).squared(94)
}

/// Each to the power (p + 1) / 4 = 2^254 - 2^30 - 244, p the modulus of secp256k1: 223 ones, a zero, 22 ones, 4 zeros,
/// 2 ones, 2 zeros.
pub(crate) fn secp256k1_root<F: Field, const N: usize>(x1: Lanes<F, N>) -> Lanes<F, N> {
    let [head, x2] = secp256k1_head(x1);
    head.squared(6).times(&x2).squared(2)
}

/// What every long power by the modulus of secp256k1 begins with, 223 ones, a zero, 22 ones; and 2 ones. Not inlined, since
/// roots and inverses both take it.
#[inline(never)]
pub(super) fn secp256k1_head<F: Field, const N: usize>(x1: Lanes<F, N>) -> [Lanes<F, N>; 2] {
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
    [x223.squared(23).times(&x22), x2]
}
