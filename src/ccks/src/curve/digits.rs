//! Scalars as signed digits, few of which are not zero (width-w NAF).

/// The digits of a number, the least significant first, each zero or odd and within -2^(width-1) to 2^(width-1); of any
/// `width` digits on end at most one is not zero. `LENGTH` is at least one more than the number has bits.
#[derive(Clone, Copy)]
pub(crate) struct Digits<const LENGTH: usize>([i8; LENGTH]);

impl<const LENGTH: usize> Digits<LENGTH> {
    /// Of a number of at most 256 bits, big-endian, or of its opposite. `width` is 2 to 8.
    pub(crate) fn of(number: &[u8], width: u32, is_negative: bool) -> Self {
        let mut digits = [0; LENGTH];
        let mut places = digits.iter_mut();
        let mut rest = Rest::of(number);
        // What comes before the next digit that is not zero.
        let mut zeros = 0;
        while let Some(more) = rest.skip_zeros() {
            let window = rest.take(width);
            let is_high = window >> (width - 1) == 1;
            let digit = if is_high { window - (1 << width) } else { window };
            rest.add(is_high);
            if let Some(place) = places.nth(zeros + more as usize) {
                *place = (if is_negative { -digit } else { digit }) as i8;
            }
            zeros = width as usize - 1;
        }
        Self(digits)
    }

    /// The digit at a position, and whether it is negative, as the index of an odd multiple: 1, 3, 5 and so on. `None`
    /// where the digit is zero.
    pub(crate) fn odd_multiple(&self, position: usize) -> Option<(usize, bool)> {
        let digit = *self.0.get(position).filter(|digit| **digit != 0)?;
        Some((usize::from(digit.unsigned_abs() >> 1), digit < 0))
    }
}

/// What is left of a number, from the least significant bit that was not taken on.
struct Rest {
    low: u128,
    high: u128,
}

impl Rest {
    fn of(number: &[u8]) -> Self {
        let (high, low) = number.split_at_checked(number.len().saturating_sub(16)).unwrap_or_default();
        let whole = |bytes: &[u8]| bytes.iter().fold(0, |whole, byte| whole << 8 | u128::from(*byte));
        Self { low: whole(low), high: whole(high) }
    }

    /// Skips zeros and says how many; `None` when nothing else is left.
    fn skip_zeros(&mut self) -> Option<u32> {
        let mut skipped = 0;
        if self.low == 0 {
            if self.high == 0 {
                return None;
            }
            (self.low, self.high, skipped) = (self.high, 0, 128);
        }
        let zeros = self.low.trailing_zeros();
        self.shift(zeros);
        Some(skipped + zeros)
    }

    /// Takes so many bits, at most 8.
    fn take(&mut self, count: u32) -> i32 {
        let taken = (self.low & ((1 << count) - 1)) as i32;
        self.shift(count);
        taken
    }

    /// Adds one where a digit was taken for negative. Bits were taken before, so that there is room.
    fn add(&mut self, one: bool) {
        let (low, carry) = self.low.overflowing_add(u128::from(one));
        (self.low, self.high) = (low, self.high.wrapping_add(u128::from(carry)));
    }

    /// By 0 to 127.
    fn shift(&mut self, count: u32) {
        if let Some(up) = self.high.checked_shl(128 - count) {
            self.low = self.low >> count | up;
            self.high >>= count;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use num_bigint::BigInt;
    use std::vec::Vec;

    #[test]
    fn digits_make_up_the_number() {
        let mut numbers = [[0u8; 32], [0xff; 32], [0x55; 32], [0xaa; 32], [0x80; 32]].to_vec();
        for bit in 0..256 {
            let mut power = [0; 32];
            power[31 - bit / 8] = 1 << (bit % 8);
            let power_less_one: BigInt = BigInt::from_bytes_be(num_bigint::Sign::Plus, &power) - 1;
            let mut bytes = power_less_one.to_bytes_be().1;
            bytes.splice(0..0, [0].repeat(32 - bytes.len()));
            numbers.extend([power, bytes.try_into().unwrap()]);
        }
        for (number, width, is_negative) in numbers
            .iter()
            .flat_map(|number| (2..=8u32).flat_map(move |width| [(number, width, false), (number, width, true)]))
        {
            let digits = Digits::<257>::of(number, width, is_negative);
            let sum = digits.0.iter().rev().fold(BigInt::ZERO, |sum, digit| sum * 2 + *digit);
            let expected = BigInt::from_bytes_be(num_bigint::Sign::Plus, number);
            assert_eq!(sum, if is_negative { -expected } else { expected }, "{number:?} {width}");
            for window in digits.0.windows(width as usize) {
                let others = window.iter().filter(|digit| **digit != 0).collect::<Vec<_>>();
                assert!(others.len() <= 1, "{width}: {window:?}");
                assert!(others.iter().all(|digit| digit.unsigned_abs() < 1 << (width - 1) && **digit & 1 == 1));
            }
        }
    }
}
