//! Halves of scalars by the endomorphism of secp256k1, with which there are half as many windows and so half as many buckets.
//!
//! With beta a cube root of 1 in the field and lambda the right one modulo the order n, (beta x, y) is lambda times (x, y).
//! A scalar k is k1 + k2 lambda with halves of 128 bits, so that k times a point is k1 times the point and k2 times its
//! image. The method is that of Gallant, Lambert and Vanstone (CRYPTO 2001): (a1, b1) and (a2, b2), which the extended
//! Euclidean algorithm on n and lambda gives, are short with a + b lambda = 0 modulo n, and (k1, k2) is what is left of
//! (k, 0) once the nearest integer combination of them is taken away. Integers are computed modulo 2^256, which is enough
//! for halves of 128 bits and a sign.

use super::number::{Factor, Number, minus, product};

/// a1 and b2.
const A1: Number = [0xe86c_90e4_9284_eb15, 0x3086_d221_a7d4_6bcd, 0, 0];
/// -b1.
const MINUS_B1: Number = [0x6f54_7fa9_0abf_e4c3, 0xe443_7ed6_010e_8828, 0, 0];
/// 2^384 b2 / n, rounded.
const B2_BY_ORDER: Number =
    [0xe893_209a_45db_b031, 0x3daa_8a14_71e8_ca7f, 0xe86c_90e4_9284_eb15, 0x3086_d221_a7d4_6bcd];
/// 2^384 (-b1) / n, rounded.
const MINUS_B1_BY_ORDER: Number =
    [0x1571_b4ae_8ac4_7f71, 0x2212_08ac_9df5_06c6, 0x6f54_7fa9_0abf_e4c4, 0xe443_7ed6_010e_8828];

/// k1 and k2 of a scalar of secp256k1. Both are below 0.64 times 2^128: half the sums of the vectors' entries.
pub(super) fn split(scalar: &Factor) -> [Factor; 2] {
    let first = nearest(&scalar.magnitude, &B2_BY_ORDER);
    let second = nearest(&scalar.magnitude, &MINUS_B1_BY_ORDER);
    let second_b2 = short_product(&second, &A1);
    // a2 is a1 - b1.
    let second_a2 = [&second_b2, &short_product(&second, &MINUS_B1)];
    let k1 = second_a2
        .into_iter()
        .fold(minus(&scalar.magnitude, &short_product(&first, &A1)).0, |k1, part| minus(&k1, part).0);
    let k2 = minus(&short_product(&first, &MINUS_B1), &second_b2).0;
    [k1, k2].map(|half| signed(half, scalar.is_negative))
}

/// The number, taken for one of either sign, or its opposite.
fn signed(number: Number, is_opposite: bool) -> Factor {
    let is_below_zero = number[3] >> 63 == 1;
    let magnitude = if is_below_zero { minus(&[0; 4], &number).0 } else { number };
    Factor { magnitude, is_negative: is_below_zero != is_opposite }
}

/// The product, divided by 2^384 and rounded.
fn nearest(number: &Number, by_order: &Number) -> Number {
    let [.., below, low, high] = product(number, by_order);
    let whole = (u128::from(high) << 64 | u128::from(low)) + u128::from(below >> 63);
    [whole as u64, (whole >> 64) as u64, 0, 0]
}

/// The product of numbers below 2^128.
fn short_product([a, b, ..]: &Number, [c, d, ..]: &Number) -> Number {
    let wide = |left: &u64, right: &u64| u128::from(*left) * u128::from(*right);
    let (low, high) = (wide(a, c), wide(b, d));
    let (middle, over) = wide(a, d).overflowing_add(wide(b, c));
    let (low, carry) = low.overflowing_add(middle << 64);
    let high = high + (middle >> 64) + (u128::from(over) << 64) + u128::from(carry);
    [low as u64, (low >> 64) as u64, high as u64, (high >> 64) as u64]
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Secp256k1, curve::sealed::Sealed as _};
    use elliptic_curve::{
        Field as _, PrimeField as _, array::Array, consts::U32, hazmat::FieldArithmetic, ops::Reduce,
        point::AffineCoordinates as _,
    };
    use k256::{ProjectivePoint, Scalar};
    use proptest::prelude::*;

    fn lambda() -> Scalar {
        let bytes = [
            0x53, 0x63, 0xad, 0x4c, 0xc0, 0x5c, 0x30, 0xe0, 0xa5, 0x26, 0x1c, 0x02, 0x88, 0x12, 0x64, 0x5a, //
            0x12, 0x2e, 0x22, 0xea, 0x20, 0x81, 0x66, 0x78, 0xdf, 0x02, 0x96, 0x7c, 0x1b, 0x23, 0xbd, 0x72,
        ];
        Scalar::from_repr(Array(bytes)).unwrap()
    }

    fn value(half: &Factor) -> Scalar {
        let [low, high, ..] = half.magnitude;
        let magnitude = Scalar::from_u128(u128::from(high) << 64 | u128::from(low));
        if half.is_negative { -magnitude } else { magnitude }
    }

    fn halves_make_up(scalar: &[u8; 32]) {
        let halves = split(&Factor::nearest::<Secp256k1>(scalar));
        for half in &halves {
            assert!(half.magnitude[1] < 0xa400_0000_0000_0000 && half.magnitude[2..] == [0, 0], "{half:x?}");
        }
        let [k1, k2] = halves;
        assert_eq!(value(&k1) + value(&k2) * lambda(), <Scalar as Reduce<Array<u8, U32>>>::reduce(&Array(*scalar)));
    }

    #[test]
    fn the_image_is_lambda_times_the_point() {
        type Element = <k256::Secp256k1 as FieldArithmetic>::FieldElement;
        let beta = Element::from_repr(Array(Secp256k1::BETA.unwrap())).unwrap();
        let (point, image) =
            (ProjectivePoint::GENERATOR.to_affine(), (ProjectivePoint::GENERATOR * lambda()).to_affine());
        let x = Element::from_repr(point.x()).unwrap() * beta;
        assert_eq!((x.to_repr(), point.y()), (image.x(), image.y()));
    }

    #[test]
    fn halves_of_edges() {
        let powers = core::iter::successors(Some(Scalar::ONE), |power| Some(power.double())).take(256);
        let edges = powers.flat_map(|power| [power, -power, power - Scalar::ONE, power * lambda()]);
        for scalar in edges.chain([Scalar::ZERO, lambda(), -lambda(), lambda().double()]) {
            halves_make_up(&scalar.to_repr().into());
        }
    }

    proptest! {
        #[test]
        fn halves_of_anything(scalar: [u8; 32]) {
            halves_make_up(&scalar);
        }
    }
}
