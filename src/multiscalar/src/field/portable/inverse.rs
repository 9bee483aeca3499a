//! Inverses by dividing steps (Bernstein and Yang, "Fast constant-time gcd computation and modular inversion", 2019), in the
//! variable-time way: zeros of g are taken at once.
//!
//! Numbers are signed, in five limbs of 62 bits: all but the last are not negative. 62 steps look at the lowest words alone;
//! what they do to all of f and g is a matrix, divided by 2^62, which is then applied.

use super::words::is_below;

const LIMB: u64 = (1 << 62) - 1;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Signed([i64; 5]);

/// What 62 steps do: f becomes (u f + v g) / 2^62, and g (q f + r g) / 2^62. Rows' sums are at most 2^62.
#[derive(Clone, Copy, Debug)]
struct Matrix {
    u: i64,
    v: i64,
    q: i64,
    r: i64,
}

impl Signed {
    const ZERO: Self = Self([0; 5]);

    fn of([w0, w1, w2, w3]: &[u64; 4]) -> Self {
        let limbs = [*w0, w0 >> 62 | w1 << 2, w1 >> 60 | w2 << 4, w2 >> 58 | w3 << 6];
        let [l0, l1, l2, l3] = limbs.map(|limb| (limb & LIMB).cast_signed());
        Self([l0, l1, l2, l3, (w3 >> 56).cast_signed()])
    }

    /// Of what is not negative and below 2^256.
    fn to_words(self) -> [u64; 4] {
        let [l0, l1, l2, l3, l4] = self.0.map(i64::cast_unsigned);
        [l0 | l1 << 62, l1 >> 2 | l2 << 60, l2 >> 4 | l3 << 58, l3 >> 6 | l4 << 56]
    }

    fn is_negative(self) -> bool {
        self.0[4] < 0
    }

    /// Plus so many times another.
    fn plus(self, times: i64, other: Self) -> Self {
        let mut limbs = [0; 5];
        let mut carry = 0_i128;
        for ((limb, left), right) in limbs.iter_mut().zip(self.0).zip(other.0) {
            carry = carry.wrapping_add(i128::from(left)).wrapping_add(product(times, right));
            *limb = carry as i64 & LIMB as i64;
            carry >>= 62;
        }
        // The last keeps its sign.
        limbs[4] |= (carry as i64) << 62;
        Self(limbs)
    }
}

#[inline(always)]
fn product(left: i64, right: i64) -> i128 {
    i128::from(left).wrapping_mul(i128::from(right))
}

/// The inverse of a number below a modulus that is odd and has no factor in common with it; `None` of zero.
pub(super) fn inverse(modulus: &[u64; 4], number: &[u64; 4]) -> Option<[u64; 4]> {
    if *number == [0; 4] {
        return None;
    }
    let p = Signed::of(modulus);
    let inverse_of_p = inverse_of_word(modulus[0]) & LIMB;
    let (mut f, mut g) = (p, Signed::of(number));
    // f is d times the number, and g is e times it, modulo p.
    let (mut d, mut e) = (Signed::ZERO, Signed([1, 0, 0, 0, 0]));
    let mut eta = -1;
    while g != Signed::ZERO {
        let matrix;
        (eta, matrix) =
            steps(eta, f.0[0].cast_unsigned() | (f.0[1] as u64) << 62, g.0[0].cast_unsigned() | (g.0[1] as u64) << 62);
        (d, e) = matrix.applied_modulo(d, e, p, inverse_of_p);
        (f, g) = matrix.applied(f, g);
    }
    // f is 1 or -1 now, and d above -2p and below p.
    let d = if d.is_negative() { d.plus(1, p) } else { d };
    let d = if f.is_negative() { Signed::ZERO.plus(-1, d) } else { d };
    let d = if d.is_negative() { d.plus(1, p) } else { d };
    let words = d.to_words();
    debug_assert!(is_below(&words, modulus));
    Some(words)
}

/// The inverse of an odd word modulo 2^64: each round doubles the bits that are right, and of a word itself three are.
const fn inverse_of_word(word: u64) -> u64 {
    let mut inverse = word;
    let mut round = 0;
    while round < 5 {
        inverse = inverse.wrapping_mul(2_u64.wrapping_sub(word.wrapping_mul(inverse)));
        round += 1;
    }
    inverse
}

/// 62 dividing steps on the lowest words of f and g. `eta` is the negative of the paper's delta.
#[inline(always)]
fn steps(mut eta: i64, mut f: u64, mut g: u64) -> (i64, Matrix) {
    let Matrix { mut u, mut v, mut q, mut r } = Matrix { u: 1, v: 0, q: 0, r: 1 };
    let mut left = 62_u32;
    loop {
        // Never more zeros than steps that are left.
        let zeros = (g | u64::MAX << left).trailing_zeros();
        g >>= zeros;
        (u, v) = (u << zeros, v << zeros);
        eta = eta.wrapping_sub(i64::from(zeros));
        left -= zeros;
        if left == 0 {
            return (eta, Matrix { u, v, q, r });
        }
        if eta < 0 {
            eta = eta.wrapping_neg();
            (f, g) = (g, f.wrapping_neg());
            (u, q) = (q, u.wrapping_neg());
            (v, r) = (r, v.wrapping_neg());
        }
        // So many steps are sure to only add f to g or not: the multiple of f that clears as many bits of g, at most 6, which
        // is what f (2 - f^2), the inverse of f modulo 2^6, is good for.
        let bits = left.min(6).min(eta.wrapping_add(1).min(6) as u32);
        let multiple = g.wrapping_mul(f).wrapping_mul(f.wrapping_mul(f).wrapping_sub(2)) & ((1_u64 << bits) - 1);
        g = g.wrapping_add(f.wrapping_mul(multiple));
        q = q.wrapping_add(u.wrapping_mul(multiple as i64));
        r = r.wrapping_add(v.wrapping_mul(multiple as i64));
    }
}

impl Matrix {
    /// Both divided by 2^62, which they are a multiple of.
    #[inline(always)]
    fn applied(self, f: Signed, g: Signed) -> (Signed, Signed) {
        self.applied_with([0, 0], f, g, Signed::ZERO)
    }

    /// Both divided by 2^62 modulo p, of numbers above -2p and below p, and so again.
    #[inline(always)]
    fn applied_modulo(self, d: Signed, e: Signed, p: Signed, inverse_of_p: u64) -> (Signed, Signed) {
        // As if p had been added to what is negative; then the multiple of p that makes a multiple of 2^62.
        let (d_sign, e_sign) = (d.0[4] >> 63, e.0[4] >> 63);
        let multiple = |left: i64, right: i64| {
            let sure = (left & d_sign).wrapping_add(right & e_sign);
            let low = left.wrapping_mul(d.0[0]).wrapping_add(right.wrapping_mul(e.0[0])).cast_unsigned();
            let excess = inverse_of_p.wrapping_mul(low).wrapping_add(sure.cast_unsigned()) & LIMB;
            sure.wrapping_sub(excess.cast_signed())
        };
        self.applied_with([multiple(self.u, self.v), multiple(self.q, self.r)], d, e, p)
    }

    /// The matrix applied, plus multiples of p, and divided by 2^62.
    #[inline(always)]
    fn applied_with(self, multiples: [i64; 2], f: Signed, g: Signed, p: Signed) -> (Signed, Signed) {
        let (mut upper, mut lower) = (0_i128, 0_i128);
        let (mut above, mut below) = ([0; 5], [0; 5]);
        for limb in 0..5 {
            let (f, g, p) = (f.0[limb], g.0[limb], p.0[limb]);
            upper = upper.wrapping_add(product(self.u, f)).wrapping_add(product(self.v, g));
            upper = upper.wrapping_add(product(multiples[0], p));
            lower = lower.wrapping_add(product(self.q, f)).wrapping_add(product(self.r, g));
            lower = lower.wrapping_add(product(multiples[1], p));
            if limb > 0 {
                above[limb - 1] = upper as i64 & LIMB as i64;
                below[limb - 1] = lower as i64 & LIMB as i64;
            } else {
                debug_assert!(upper as u64 & LIMB == 0 && lower as u64 & LIMB == 0, "not a multiple of 2^62");
            }
            upper >>= 62;
            lower >>= 62;
        }
        (above[4], below[4]) = (upper as i64, lower as i64);
        (Signed(above), Signed(below))
    }
}
