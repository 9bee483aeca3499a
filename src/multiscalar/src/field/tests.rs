//! Every backend beside whole numbers (num-bigint) and the curves' own crates.

use super::{Modulus, Portable, VectorField, portable::words};
use crate::{P256, Secp256k1};
use num_bigint::BigUint;
use rand_chacha::{
    ChaCha20Rng,
    rand_core::{Rng as _, SeedableRng as _},
};
use std::{vec, vec::Vec};

fn modulus<M: Modulus>() -> BigUint {
    BigUint::from_bytes_be(&words::to_bytes(&M::MODULUS))
}

fn bytes(number: &BigUint) -> [u8; 32] {
    let digits = number.to_bytes_be();
    let mut bytes = [0; 32];
    bytes[32 - digits.len()..].copy_from_slice(&digits);
    bytes
}

/// Numbers below the modulus at which words, limbs and reductions turn.
fn edges(p: &BigUint) -> Vec<BigUint> {
    let one = BigUint::from(1u8);
    let mut numbers = vec![];
    for exponent in
        [0u32, 1, 26, 31, 32, 33, 48, 51, 52, 53, 63, 64, 65, 96, 103, 104, 105, 127, 128, 129, 155, 156, 157]
    {
        numbers.extend([(&one << exponent) - &one, &one << exponent, p - (&one << exponent)]);
    }
    for exponent in [191u32, 192, 193, 207, 208, 209, 223, 224, 225, 252, 254, 255, 256] {
        let power = &one << exponent;
        numbers.extend([&power - &one, power.clone() % p, (&power * &power) % p]);
    }
    numbers.extend([(p - &one) / 2u8, (p + &one) / 2u8, p - 1u8, p - 2u8, p - 3u8, BigUint::from(0u8)]);
    numbers.retain(|number| number < p);
    numbers.sort();
    numbers.dedup();
    numbers
}

#[test]
fn quick() {
    fn go<M: Modulus>() {
        let p = modulus::<M>();
        let e = edges(&p);
        let f = Portable::<M>::default();
        let mut random = ChaCha20Rng::seed_from_u64(1);
        let mut e = e;
        for _ in 0..100 {
            let mut b = [0u8; 32];
            random.fill_bytes(&mut b);
            e.push(BigUint::from_bytes_be(&b) % &p);
        }
        type F<M> = Portable<M>;
        for a in &e {
            for b in &e {
                let (x, y) = (F::<M>::from_bytes(&bytes(a)).unwrap(), F::<M>::from_bytes(&bytes(b)).unwrap());
                assert_eq!(F::<M>::to_bytes(&f.mul(x, y)), bytes(&((a * b) % &p)));
                assert_eq!(F::<M>::to_bytes(&f.add(x, y)), bytes(&((a + b) % &p)));
                assert_eq!(F::<M>::to_bytes(&f.sub(x, y)), bytes(&((a + &p - b) % &p)));
            }
            let x = F::<M>::from_bytes(&bytes(a)).unwrap();
            assert_eq!(F::<M>::to_bytes(&f.square(x)), bytes(&((a * a) % &p)));
            if let Some(i) = F::<M>::invert(&x) {
                assert_eq!(f.mul(x, i), f.one());
            }
            let [r] = f.roots([f.square(x)]);
            assert_eq!(f.square(r), f.square(x));
        }
    }
    go::<P256>();
    go::<Secp256k1>();
}
