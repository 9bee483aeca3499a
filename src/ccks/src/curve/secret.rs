//! The generator times a secret, in constant time.
//!
//! Where there is a standard library, the curves' crates do it from tables of theirs. On small devices it is done here,
//! from the constants that verifying has anyway: in less time than without a table, and without anything that can panic.

use super::{
    affine::Point,
    inverse::inverse,
    jacobian::Jacobian,
    odd_digits::{MULTIPLES, OddDigits, WIDTH, WINDOWS},
};
use crate::{CompressedPoint, Suite};
use elliptic_curve::{Field, Group};
use subtle::{Choice, ConditionallySelectable, ConstantTimeEq};
use zeroize::Zeroizing;

/// The generator times a secret, as it travels; `None` for 0 and, on small devices, for a few scalars more that no hash
/// ever gives.
pub(crate) fn generator_times<S: Suite>(scalar: &S::Scalar) -> Option<CompressedPoint> {
    if cfg!(feature = "std") {
        S::encode_point(&S::Projective::mul_by_generator(scalar))
    } else {
        generator_times_odd::<S>(scalar)?.compressed()
    }
}

/// By odd digits, see [`OddDigits`]; none of them is zero, so that all scalars take the same additions.
///
/// What is summed so far is at least 32 times an odd digit and below the order, so that it meets no multiple in the table
/// nor its opposite, but in the last addition for the scalars n - 2d, d a digit.
fn generator_times_odd<S: Suite>(scalar: &S::Scalar) -> Option<Point<S>> {
    if bool::from(scalar.is_zero()) {
        return None;
    }
    let digits = Zeroizing::new(OddDigits::of::<S>(scalar));
    let mut windows = (0..WINDOWS).rev();
    let mut sum = Jacobian::from(look_up::<S>(digits.at(windows.next()?))?);
    for window in windows {
        for _ in 0..WIDTH {
            sum.double();
        }
        let Point { x, y } = look_up::<S>(digits.at(window))?;
        sum.add(&x, &y, false)?;
    }
    let Point { x, y } = sum.scaled(&inverse::<S>(&sum.z)?);
    Some(Point { x: S::settle(x), y: S::settle(y) }.negated_if(digits.is_negated()))
}

/// The multiple that a digit asks for: every one is read.
fn look_up<S: Suite>((index, is_negative): (u8, Choice)) -> Option<Point<S>> {
    let mut found = S::generator_multiple(0)?;
    for place in 1..MULTIPLES as u8 {
        let multiple = S::generator_multiple(usize::from(place))?;
        found.conditional_assign(&multiple, place.ct_eq(&index));
    }
    let y = S::Field::conditional_select(&found.y, &S::weakly_settle(-found.y), is_negative);
    Some(Point { x: found.x, y })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{P256, Secp256k1, issuing::random_scalar};
    use rand_chacha::{ChaCha20Rng, rand_core::SeedableRng as _};
    use std::vec::Vec;

    fn agrees_with_the_library<S: Suite>() {
        let mut random = ChaCha20Rng::seed_from_u64(11);
        let one = S::Scalar::ONE;
        let powers = core::iter::successors(Some(one), |power| Some(power.double())).take(256).collect::<Vec<_>>();
        let mut scalars = powers.iter().flat_map(|power| [*power, -*power, *power - one]).collect::<Vec<_>>();
        scalars.extend((0..100).map(|_| random_scalar::<S>(&mut random)));
        scalars.extend((1..80).flat_map(|small| [S::Scalar::from(small), S::Scalar::from(small) - one.double()]));
        for scalar in scalars {
            let expected = S::encode_point(&S::Projective::mul_by_generator(&scalar));
            let found = generator_times_odd::<S>(&scalar).and_then(|point| point.compressed());
            assert_eq!(found, expected, "{scalar:?}");
            assert_eq!(generator_times::<S>(&scalar), expected);
        }
        assert_eq!(generator_times_odd::<S>(&S::Scalar::ZERO).map(|point| point.x), None);
    }

    #[test]
    fn p256_agrees_with_the_library() {
        agrees_with_the_library::<P256>();
    }

    #[test]
    fn secp256k1_agrees_with_the_library() {
        agrees_with_the_library::<Secp256k1>();
    }
}
