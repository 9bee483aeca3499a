//! Secret scalars as digits none of which is zero.
//!
//! A scalar k is made odd (n - k for an even one, the result negated), and an odd number below 2^260 is a sum of 52
//! digits, each odd and within -31 to 31, of weights 2^(5i): with bits s_j = +1 or -1, where s_j = 2 k_(j+1) - 1 and the
//! topmost is +1. No digit is zero, so every scalar takes the same additions.

use crate::Suite;
use subtle::{Choice, ConditionallySelectable};
use zeroize::{Zeroize, Zeroizing};

pub(crate) const WIDTH: usize = 5;
pub(crate) const WINDOWS: usize = 52;
/// The odd numbers that a digit is, but for its sign.
pub(crate) const MULTIPLES: usize = 1 << (WIDTH - 1);
const BITS: usize = WIDTH * WINDOWS;
const BYTES: usize = BITS.div_ceil(8) + 1;

/// The digits, as bits of k >> 1 with the topmost set, least significant byte first.
pub(crate) struct OddDigits {
    bits: [u8; BYTES],
    /// Whether the number is n - k.
    negated: u8,
}

impl Zeroize for OddDigits {
    fn zeroize(&mut self) {
        self.bits.zeroize();
        self.negated.zeroize();
    }
}

impl OddDigits {
    pub(crate) fn of<S: Suite>(scalar: &S::Scalar) -> Self {
        let mut bytes = Zeroizing::new(S::encode_scalar(scalar));
        let is_even = Choice::from(!bytes[31] & 1);
        let negated = Zeroizing::new(S::encode_scalar(&-*scalar));
        bytes.iter_mut().zip(negated.iter()).for_each(|(byte, negated)| byte.conditional_assign(negated, is_even));
        let mut bits = [0; BYTES];
        let mut carry = 0;
        // k >> 1, turned around.
        for (byte, place) in bytes.iter().zip(bits.iter_mut().take(32).rev()) {
            *place = (byte >> 1) | carry;
            carry = byte << 7;
        }
        bits[(BITS - 1) / 8] |= 1 << ((BITS - 1) % 8);
        Self { bits, negated: is_even.unwrap_u8() }
    }

    /// The digit of a window: which odd multiple in the order 1, 3, 5, .. 31, and whether its opposite.
    pub(crate) fn at(&self, window: usize) -> (u8, Choice) {
        let first = window * WIDTH / 8;
        let byte = |index: usize| self.bits.get(index).copied().unwrap_or(0);
        let bits = u16::from_le_bytes([byte(first), byte(first + 1)]);
        let digit = (bits >> (window * WIDTH % 8)) as u8 & ((1 << WIDTH) - 1);
        // 16 to 31 are 1, 3, .. 31; 15 down to 0 are -1, -3, .. -31.
        let is_negative = Choice::from((digit >> (WIDTH - 1)) ^ 1);
        let index = (digit ^ is_negative.unwrap_u8().wrapping_neg()) & (MULTIPLES as u8 - 1);
        (index, is_negative)
    }

    /// Whether the digits are those of n - k.
    pub(crate) fn is_negated(&self) -> Choice {
        self.negated.into()
    }
}
