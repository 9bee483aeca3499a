//! Inverses by a power: p - 2, after Fermat.
//!
//! The curves' crates invert in a fraction of that by dividing steps, whose code can panic as far as a compiler sees. So
//! theirs is taken where there is a standard library, and the power on small devices, and for secrets there: it takes the
//! same steps for every element.

use super::root::{Lanes, secp256k1_head};
use crate::Suite;
use elliptic_curve::{Field, ops::Invert};

/// The inverse of a public element; `None` of zero.
pub(crate) fn inverse_vartime<S: Suite>(element: &S::Field) -> Option<S::Field> {
    if cfg!(feature = "std") { Option::from(element.invert_vartime()) } else { inverse::<S>(element) }
}

/// The inverse, in constant time but for whether there is one.
pub(crate) fn inverse<S: Suite>(element: &S::Field) -> Option<S::Field> {
    let [inverse] = S::inverse_power(Lanes([*element])).0;
    (!S::is_multiple_of_modulus(&inverse)).then_some(inverse)
}

/// To the power p - 2 = 2^256 - 2^224 + 2^192 + 2^96 - 3, p the modulus of P-256: 32 ones, 31 zeros, a one, 96 zeros,
/// 94 ones, a zero, a one.
pub(crate) fn p256_inverse<F: Field, const N: usize>(x1: Lanes<F, N>) -> Lanes<F, N> {
    let x2 = x1.appended(1, &x1);
    let x4 = x2.appended(2, &x2);
    let x6 = x4.appended(2, &x2);
    let x8 = x4.appended(4, &x4);
    let x14 = x8.appended(6, &x6);
    let x16 = x8.appended(8, &x8);
    let x30 = x16.appended(14, &x14);
    let x32 = x16.appended(16, &x16);
    x32.squared(32).times(&x1).squared(128).times(&x32).appended(32, &x32).appended(30, &x30).squared(2).times(&x1)
}

/// To the power p - 2 = 2^256 - 2^32 - 979, p the modulus of secp256k1: 223 ones, a zero, 22 ones, 4 zeros, a one, a zero,
/// 2 ones, a zero, a one.
pub(crate) fn secp256k1_inverse<F: Field, const N: usize>(x1: Lanes<F, N>) -> Lanes<F, N> {
    let [head, x2] = secp256k1_head(x1);
    head.squared(5).times(&x1).squared(3).times(&x2).squared(2).times(&x1)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{P256, Secp256k1};
    use rand_chacha::{ChaCha20Rng, rand_core::SeedableRng as _};

    fn inverts<S: Suite>() {
        let mut random = ChaCha20Rng::seed_from_u64(10);
        let one = S::Field::ONE;
        let mut elements =
            std::vec![one, one.double(), S::settle(-one), S::settle(-S::settle(one.double())), S::curve_b()];
        elements.extend((0..50).map(|_| S::Field::try_random(&mut random).unwrap()));
        for element in elements {
            let expected = S::settle(Option::from(Field::invert(&element)).unwrap());
            assert_eq!(S::settle(inverse::<S>(&element).unwrap()), expected);
            assert_eq!(S::settle(inverse_vartime::<S>(&element).unwrap()), expected);
        }
        assert!(inverse::<S>(&S::Field::ZERO).is_none());
        assert!(inverse_vartime::<S>(&S::Field::ZERO).is_none());
    }

    #[test]
    fn powers_invert() {
        inverts::<P256>();
        inverts::<Secp256k1>();
    }
}
