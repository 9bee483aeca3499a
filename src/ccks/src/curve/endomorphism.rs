//! The endomorphism of secp256k1, which halves its doublings.
//!
//! With beta a cube root of 1 in the field and lambda the right one modulo the order n, (beta x, y) is lambda times (x, y).
//! A scalar k is k1 + k2 lambda with halves of 128 bits, so that k times a point is k1 times the point and k2 times its
//! image. The method is that of Gallant, Lambert and Vanstone (CRYPTO 2001): (a1, b1) and (a2, b2), which the extended
//! Euclidean algorithm on n and lambda gives, are short with a + b lambda = 0 modulo n, and (k1, k2) is what is left of
//! (k, 0) once the nearest integer combination of them is taken away.

use crate::Suite;

/// One half of a scalar: 128 bits, big-endian, and its sign.
pub(crate) struct Half {
    pub(crate) magnitude: [u8; 16],
    pub(crate) is_negative: bool,
}

/// beta, 32 bytes big-endian.
pub(crate) const BETA: [u8; 32] = [
    0x7a, 0xe9, 0x6a, 0x2b, 0x65, 0x7c, 0x07, 0x10, 0x6e, 0x64, 0x47, 0x9e, 0xac, 0x34, 0x34, 0xe9, //
    0x9c, 0xf0, 0x49, 0x75, 0x12, 0xf5, 0x89, 0x95, 0xc1, 0x39, 0x6c, 0x28, 0x71, 0x95, 0x01, 0xee,
];
/// lambda, 32 bytes big-endian.
const LAMBDA: [u8; 32] = [
    0x53, 0x63, 0xad, 0x4c, 0xc0, 0x5c, 0x30, 0xe0, 0xa5, 0x26, 0x1c, 0x02, 0x88, 0x12, 0x64, 0x5a, //
    0x12, 0x2e, 0x22, 0xea, 0x20, 0x81, 0x66, 0x78, 0xdf, 0x02, 0x96, 0x7c, 0x1b, 0x23, 0xbd, 0x72,
];
/// -b1; a1 and b2 are both the other one.
const MINUS_B1: u128 = 0xe443_7ed6_010e_8828_6f54_7fa9_0abf_e4c3;
const B2: u128 = 0x3086_d221_a7d4_6bcd_e86c_90e4_9284_eb15;
/// 2^384 b2 / n, rounded, 32 bits at a time, the least significant first.
const B2_BY_ORDER: [u32; 8] =
    [0x45db_b031, 0xe893_209a, 0x71e8_ca7f, 0x3daa_8a14, 0x9284_eb15, 0xe86c_90e4, 0xa7d4_6bcd, 0x3086_d221];
/// 2^384 (-b1) / n, likewise.
const MINUS_B1_BY_ORDER: [u32; 8] =
    [0x8ac4_7f71, 0x1571_b4ae, 0x9df5_06c6, 0x2212_08ac, 0x0abf_e4c4, 0x6f54_7fa9, 0x010e_8828, 0xe443_7ed6];

/// k1 and k2 of a scalar of secp256k1. Both are below 0.64 times 2^128: half the sums of the vectors' entries.
pub(crate) fn split<S: Suite>(scalar: &S::Scalar) -> Option<[Half; 2]> {
    let words = words(&S::encode_scalar(scalar));
    let first = small::<S>(nearest(&words, &B2_BY_ORDER))?;
    let second = small::<S>(nearest(&words, &MINUS_B1_BY_ORDER))?;
    let k2 = first * small::<S>(MINUS_B1)? - second * small::<S>(B2)?;
    let k1 = *scalar - k2 * lambda::<S>()?;
    Some([half::<S>(&k1), half::<S>(&k2)])
}

/// A scalar of 128 bits; the curves' crates have no way to it but a long one, bit by bit.
fn small<S: Suite>(number: u128) -> Option<S::Scalar> {
    let halves = [[0; 16], number.to_be_bytes()];
    S::decode_scalar(zerocopy::transmute_ref!(&halves))
}

pub(super) fn lambda<S: Suite>() -> Option<S::Scalar> {
    S::decode_scalar(&LAMBDA)
}

/// The integer next to zero that a scalar stands for, given that it fits.
fn half<S: Suite>(scalar: &S::Scalar) -> Half {
    let [high, low] = halves(&S::encode_scalar(scalar));
    if high == [0; 16] {
        return Half { magnitude: low, is_negative: false };
    }
    let [_, low] = halves(&S::encode_scalar(&-*scalar));
    Half { magnitude: low, is_negative: true }
}

fn halves(bytes: &[u8; 32]) -> [[u8; 16]; 2] {
    *zerocopy::transmute_ref!(bytes)
}

/// The 32 bytes as words, the least significant first.
fn words(bytes: &[u8; 32]) -> [u32; 8] {
    let words: [[u8; 4]; 8] = *zerocopy::transmute_ref!(bytes);
    let [h, g, f, e, d, c, b, a] = words.map(u32::from_be_bytes);
    [a, b, c, d, e, f, g, h]
}

/// The product, divided by 2^384 and rounded.
fn nearest(number: &[u32; 8], by_order: &[u32; 8]) -> u128 {
    let mut product = [0u32; 16];
    for (start, factor) in number.iter().enumerate() {
        let mut carry = 0;
        let mut places = product.iter_mut().skip(start);
        for (place, other) in places.by_ref().zip(by_order.iter()).take(8) {
            // At most (2^32 - 1)^2 + 2 (2^32 - 1) = 2^64 - 1.
            let sum = u64::from(*factor) * u64::from(*other) + u64::from(*place) + carry;
            *place = sum as u32;
            carry = sum >> 32;
        }
        if let Some(place) = product.get_mut(start + 8) {
            *place = carry as u32;
        }
    }
    let [.., below, a, b, c, d] = product;
    let whole = [d, c, b, a].into_iter().fold(0, |whole, word| whole << 32 | u128::from(word));
    // Far from the largest of 128 bits, since both constants are below 2^256 by some bits' worth of ones.
    whole.wrapping_add(u128::from(below >> 31))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Secp256k1, issuing::random_scalar};
    use elliptic_curve::{Field, Group, PrimeField};
    use rand_chacha::{ChaCha20Rng, rand_core::SeedableRng};

    type Scalar = <Secp256k1 as Suite>::Scalar;

    fn value(half: &Half) -> Scalar {
        let magnitude = Scalar::from_u128(u128::from_be_bytes(half.magnitude));
        if half.is_negative { -magnitude } else { magnitude }
    }

    #[test]
    fn the_image_is_lambda_times_the_point() {
        let lambda = lambda::<Secp256k1>().unwrap();
        let beta: <Secp256k1 as Suite>::Field = crate::suite::constant(BETA);
        let generator = <Secp256k1 as Suite>::Projective::generator();
        let [x, y] = Secp256k1::coordinates(&generator.into());
        let [image_x, image_y] = Secp256k1::coordinates(&(generator * lambda).into());
        assert_eq!(Secp256k1::settle(x * beta), image_x);
        assert_eq!(y, image_y);
    }

    #[test]
    fn halves_make_up_the_scalar() {
        let mut random = ChaCha20Rng::seed_from_u64(4);
        let lambda = lambda::<Secp256k1>().unwrap();
        let mut scalars = (0..2_000).map(|_| random_scalar::<Secp256k1>(&mut random)).collect::<std::vec::Vec<_>>();
        let powers = core::iter::successors(Some(Scalar::ONE), |power| Some(power.double())).take(256);
        scalars.extend(powers.flat_map(|power| [power, -power, power - Scalar::ONE, power * lambda]));
        scalars.extend([Scalar::ZERO, lambda, -lambda, lambda.double()]);
        let mut negative = 0;
        for scalar in scalars {
            let [k1, k2] = split::<Secp256k1>(&scalar).unwrap();
            assert_eq!(value(&k1) + value(&k2) * lambda, scalar);
            for half in [k1, k2] {
                assert!(half.magnitude < [0xa4; 16], "{:?}", half.magnitude);
                negative += u32::from(half.is_negative);
            }
        }
        assert!(negative > 1_000, "both signs are met");
    }
}
