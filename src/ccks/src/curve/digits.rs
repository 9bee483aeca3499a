//! Scalars as signed digits, few of which are not zero (width-w NAF).

/// The digits of a number, the least significant first, each zero or odd and within -2^(width-1) to 2^(width-1); of any
/// `width` digits on end at most one is not zero. `LENGTH` is at least one more than the number has bits.
#[derive(Clone, Copy)]
pub(crate) struct Digits<const LENGTH: usize>([i8; LENGTH]);

impl<const LENGTH: usize> Digits<LENGTH> {
    /// Of a number, big-endian, or of its opposite. `width` is 2 to 8.
    pub(crate) fn of(number: &[u8], width: usize, is_negative: bool) -> Self {
        let mut digits = [0; LENGTH];
        let (mut position, mut carry) = (0, 0);
        while position < LENGTH {
            let window = bits(number, position, width) + carry;
            if window & 1 == 0 {
                // The carry, if there is one, made a one of the number's an even sum and stays.
                position += 1;
                continue;
            }
            carry = (window >> (width - 1)) & 1;
            let digit = window - (carry << width);
            if let Some(place) = digits.get_mut(position) {
                *place = (if is_negative { -digit } else { digit }) as i8;
            }
            position += width;
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

/// `count` bits of a number from bit `from` on, zeros beyond it; `count` is at most 8.
fn bits(number: &[u8], from: usize, count: usize) -> i32 {
    let byte = |index: usize| {
        let place = number.len().checked_sub(index + 1);
        place.and_then(|place| number.get(place)).map_or(0, |byte| i32::from(*byte))
    };
    let first = from / 8;
    let word = byte(first) | byte(first + 1) << 8;
    (word >> (from % 8)) & ((1 << count) - 1)
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
            .flat_map(|number| (2..=8).flat_map(move |width| [(number, width, false), (number, width, true)]))
        {
            let digits = Digits::<257>::of(number, width, is_negative);
            let sum = digits.0.iter().rev().fold(BigInt::ZERO, |sum, digit| sum * 2 + *digit);
            let expected = BigInt::from_bytes_be(num_bigint::Sign::Plus, number);
            assert_eq!(sum, if is_negative { -expected } else { expected }, "{number:?} {width}");
            for window in digits.0.windows(width) {
                let others = window.iter().filter(|digit| **digit != 0).collect::<Vec<_>>();
                assert!(others.len() <= 1, "{width}: {window:?}");
                assert!(others.iter().all(|digit| digit.unsigned_abs() < 1 << (width - 1) && **digit & 1 == 1));
            }
        }
    }
}
