//! Scalars as integers: reduced by the order of the group, made short, and cut into signed digits.

use crate::Curve;

/// A number of 256 bits, the least significant word first.
pub(super) type Number = [u64; 4];

/// What a point is multiplied by.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Factor {
    pub(super) magnitude: Number,
    pub(super) is_negative: bool,
}

impl Factor {
    /// The integer next to zero that does to a point of the curve what any 256 bits, big-endian, do to it.
    pub(super) fn nearest<C: Curve>(scalar: &[u8; 32]) -> Self {
        let number = from_bytes(scalar);
        if bits(&number) < 255 {
            return Self { magnitude: number, is_negative: false };
        }
        // Both orders are more than half of 2^256.
        let (less, is_below) = minus(&number, &C::ORDER);
        let number = if is_below { number } else { less };
        let (opposite, _) = minus(&C::ORDER, &number);
        let is_negative = minus(&opposite, &number).1;
        Self { magnitude: if is_negative { opposite } else { number }, is_negative }
    }

    /// How many signed digits of so many bits it takes: one bit more than it has, since a digit borrows from the next.
    pub(super) fn windows(&self, width: u32) -> usize {
        windows(bits(&self.magnitude), width)
    }

    /// Gives each of its `windows` digits of `width` bits to `take`, the least significant first: within -2^(width-1) + 1
    /// to 2^(width-1), but the other way round where the number is negative.
    #[inline(always)]
    pub(super) fn digits(&self, width: u32, mut take: impl FnMut(usize, i32)) {
        let mut carry = 0;
        for window in 0..self.windows(width) {
            let digit = self.slice(window as u32 * width, width) as i32 + carry;
            carry = i32::from(digit > 1 << (width - 1));
            let digit = digit - (carry << width);
            take(window, if self.is_negative { -digit } else { digit });
        }
    }

    /// `width` bits, at most 16, from bit `from` on; zeros beyond the number.
    #[inline(always)]
    pub(super) fn slice(&self, from: u32, width: u32) -> u32 {
        let word = |index: u32| self.magnitude.get(index as usize).copied().unwrap_or(0);
        let (index, shift) = (from / 64, from % 64);
        let both = u128::from(word(index)) | u128::from(word(index + 1)) << 64;
        (both >> shift) as u32 & ((1 << width) - 1)
    }
}

/// How many signed digits of `width` bits a number of so many bits takes.
pub(super) fn windows(bits: u32, width: u32) -> usize {
    (bits + 1).div_ceil(width) as usize
}

/// The bits of a number, from its highest one on.
pub(super) fn bits(number: &Number) -> u32 {
    let highest = (0..4).rev().find(|index| number[*index] != 0);
    highest.map_or(0, |index| 64 * index as u32 + 64 - number[index].leading_zeros())
}

/// The number of 32 bytes, big-endian.
pub(super) fn from_bytes(bytes: &[u8; 32]) -> Number {
    let mut number = [0; 4];
    for (word, bytes) in number.iter_mut().rev().zip(bytes.as_chunks::<8>().0) {
        *word = u64::from_be_bytes(*bytes);
    }
    number
}

/// The difference modulo 2^256, and whether the first was the smaller one.
pub(super) fn minus(left: &Number, right: &Number) -> (Number, bool) {
    let mut borrow = false;
    let mut difference = [0; 4];
    for (word, (left, right)) in difference.iter_mut().zip(left.iter().zip(right)) {
        let (once, first) = left.overflowing_sub(*right);
        let (twice, second) = once.overflowing_sub(u64::from(borrow));
        (*word, borrow) = (twice, first | second);
    }
    (difference, borrow)
}

/// The product, 512 bits.
pub(super) fn product(left: &Number, right: &Number) -> [u64; 8] {
    let mut product = [0; 8];
    for (start, left) in left.iter().enumerate() {
        let mut carry = 0;
        for (offset, right) in right.iter().enumerate() {
            let place = &mut product[start + offset];
            // At most (2^64 - 1)^2 + 2 (2^64 - 1) = 2^128 - 1.
            let sum = u128::from(*left) * u128::from(*right) + u128::from(*place) + u128::from(carry);
            (*place, carry) = (sum as u64, (sum >> 64) as u64);
        }
        product[start + 4] = carry;
    }
    product
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{P256, Secp256k1};
    use proptest::prelude::*;

    /// Four words as 32 bytes, big-endian.
    fn to_bytes(number: &Number) -> [u8; 32] {
        let mut bytes = [0; 32];
        for (bytes, word) in bytes.as_chunks_mut::<8>().0.iter_mut().zip(number.iter().rev()) {
            *bytes = word.to_be_bytes();
        }
        bytes
    }

    fn is_congruent<C: Curve>(scalar: &Number) {
        let Factor { magnitude, is_negative } = Factor::nearest::<C>(&to_bytes(scalar));
        assert!(bits(&magnitude) < 256);
        // What it lacks to the scalar is no, one or two times the order.
        let mut rest = *scalar;
        let mut times = 0;
        loop {
            let other = if is_negative { minus(&C::ORDER, &magnitude).0 } else { magnitude };
            if rest == other || times == 2 {
                break;
            }
            (rest, times) = (minus(&rest, &C::ORDER).0, times + 1);
        }
        assert!(times < 2, "{scalar:x?}");
    }

    proptest! {
        #[test]
        fn the_nearest_integer_is_congruent(words: Number, high in 0u8..4) {
            let mut words = words;
            words[3] |= [0, 0xffff_ffff_0000_0000, u64::MAX, 1 << 63][usize::from(high)];
            is_congruent::<P256>(&words);
            is_congruent::<Secp256k1>(&words);
        }

        #[test]
        fn digits_make_up_the_number(words: Number, length in 0u32..=255, width in 2u32..=16, is_negative: bool) {
            let mut magnitude = words;
            for bit in length..256 {
                magnitude[bit as usize / 64] &= !(1 << (bit % 64));
            }
            check_digits(magnitude, width, is_negative);
        }
    }

    fn check_digits(magnitude: Number, width: u32, is_negative: bool) {
        let half = 1 << (width - 1);
        // Modulo the prime 2^61 - 1, which is enough to tell.
        let modulus = (1i128 << 61) - 1;
        let mut sum = 0i128;
        let mut weight = 1i128;
        let mut count = 0;
        Factor { magnitude, is_negative }.digits(width, |window, digit| {
            assert_eq!(window, count);
            let own = if is_negative { -digit } else { digit };
            assert!((1 - half..=half).contains(&own), "{digit} of {width} bits");
            sum = (sum + weight * i128::from(digit)) % modulus;
            weight = (weight << width) % modulus;
            count += 1;
        });
        let expected = magnitude.iter().rev().fold(0, |sum, word| ((sum << 64) + i128::from(*word)) % modulus);
        assert_eq!(sum.rem_euclid(modulus), (if is_negative { -expected } else { expected }).rem_euclid(modulus));
    }

    #[test]
    fn digits_at_the_edges() {
        for width in 2..=16 {
            for magnitude in
                [[0; 4], [1, 0, 0, 0], [u64::MAX, u64::MAX, u64::MAX, u64::MAX >> 1], [u64::MAX, u64::MAX, 0, 0]]
            {
                check_digits(magnitude, width, false);
                check_digits(magnitude, width, true);
            }
        }
    }
}
