//! Whole numbers that tests begin with.

use crate::field::{Modulus, portable::words};
use num_bigint::BigUint;
use rand_chacha::rand_core::Rng;
use std::vec::Vec;

pub(in crate::field) fn modulus<M: Modulus>() -> BigUint {
    BigUint::from_bytes_be(&words::to_bytes(&M::MODULUS))
}

/// 32 bytes, big-endian.
pub(in crate::field) fn bytes(number: &BigUint) -> [u8; 32] {
    let digits = number.to_bytes_be();
    let mut bytes = [0; 32];
    bytes[32 - digits.len()..].copy_from_slice(&digits);
    bytes
}

/// Numbers below the modulus at which words, limbs and reductions turn.
pub(in crate::field) fn edges(p: &BigUint) -> Vec<BigUint> {
    let one = BigUint::from(1u8);
    let mut numbers = std::vec![BigUint::ZERO, BigUint::from(977u32), BigUint::from(0x1_0000_03d1_u64)];
    for exponent in [0u32, 1, 31, 32, 33, 51, 52, 53, 63, 64, 65, 96, 104, 127, 128, 129, 156, 192, 208, 224, 255, 256]
    {
        let power = &one << exponent;
        numbers.extend([&power % p, (&power - &one) % p, (&power + &one) % p, (p - (&power % p)) % p]);
    }
    // Elements whose form in memory, times 2^256 or 2^260, is such a number.
    for exponent in [256u32, 260] {
        let inverse = (&one << exponent).modpow(&(p - 2u8), p);
        for form in [one.clone(), p - &one, (&one << 52u8) - &one, (&one << 208u8) - &one, (&one << 255u8) - &one] {
            numbers.push(form * &inverse % p);
        }
    }
    numbers.extend([(p - &one) / 2u8, (p + &one) / 2u8, p - 2u8, p - 3u8]);
    // Every second limb of 52 bits, and every second word, all ones.
    let (limb, word) = ((&one << 52u8) - &one, (&one << 64u8) - &one);
    numbers
        .extend([&limb << 52u8 | &limb << 156u8, limb.clone() | &limb << 104u8 | ((&one << 255u8) - (&one << 208u8))]);
    numbers.extend([word.clone() | &word << 128u8, &word << 64u8 | (&word >> 1u8) << 192u8]);
    numbers.iter_mut().for_each(|number| *number %= p);
    numbers.sort();
    numbers.dedup();
    numbers
}

/// 32 bytes below the modulus: random ones, or runs of ones and zeros, where carries go far.
pub(in crate::field) fn random_bytes<M: Modulus>(random: &mut impl Rng) -> [u8; 32] {
    loop {
        let mut bytes = [0; 32];
        random.fill_bytes(&mut bytes);
        if bytes[31] & 1 == 1 {
            let (lengths, mut bit) = (bytes, 0);
            bytes = [0; 32];
            for length in lengths {
                for at in bit..(bit + usize::from(length >> 2)).min(256) {
                    bytes[at / 8] |= (length & 1) << (at % 8);
                }
                bit += usize::from(length >> 2);
            }
        }
        if words::is_below(&words::from_bytes(&bytes), &M::MODULUS) {
            return bytes;
        }
    }
}
