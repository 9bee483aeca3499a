//! What holds in every field, and how elements come and go.

use super::{Check, numbers::*, with_every_backend};
use crate::{
    P256, Secp256k1,
    field::{Modulus, VectorField},
};
use num_bigint::BigUint;
use proptest::prelude::*;
use std::{vec, vec::Vec};

/// The laws of a ring, inverses and roots, of three elements the same in every lane.
struct Laws([[u8; 32]; 3]);

impl Check for Laws {
    fn check<F: VectorField>(&self, field: F) {
        let packed = self.0.map(|bytes| F::from_bytes(&bytes).unwrap());
        let [a, b, c] = packed.map(|element| field.splat(&element));
        let all = !0 >> (8 - F::WIDTH);
        let same = |left, right| assert_eq!(field.equals(left, right), all);
        let sum = |left, right| field.reduce(field.add(left, right));
        let difference = |left, right| field.reduce(field.sub(left, right));
        same(field.mul(a, b), field.mul(b, a));
        same(field.mul(field.mul(a, b), c), field.mul(a, field.mul(b, c)));
        same(field.mul(a, field.add(b, c)), sum(field.mul(a, b), field.mul(a, c)));
        same(sum(sum(a, b), c), sum(a, sum(b, c)));
        same(sum(a, b), sum(b, a));
        same(sum(difference(a, b), b), a);
        same(difference(a, field.negate_if(!0, b)), sum(a, b));
        same(field.mul(a, field.one()), a);
        same(sum(a, field.zero()), a);
        same(field.square(a), field.mul(a, a));
        same(field.mul(a, b), field.splat(&F::mul_packed(&packed[0], &packed[1])));
        match F::invert(&packed[0]) {
            Some(inverse) => same(field.mul(a, field.splat(&inverse)), field.one()),
            None => same(a, field.zero()),
        }
        // One of a and -a is the root of a square, so both roots' squares are.
        let [first, second] = field.roots([field.square(a), field.square(b)]);
        same(field.square(first), field.square(a));
        same(field.square(second), field.square(b));
        assert!(F::from_bytes(&F::to_bytes(&packed[2])) == Some(packed[2]));
    }
}

fn below<M: Modulus>() -> impl Strategy<Value = [u8; 32]> {
    any::<[u8; 32]>().prop_map(|number| bytes(&(BigUint::from_bytes_be(&number) % modulus::<M>())))
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(100))]

    #[test]
    fn laws_of_p256(elements in [below::<P256>(), below::<P256>(), below::<P256>()]) {
        with_every_backend::<P256>(&Laws(elements));
    }

    #[test]
    fn laws_of_secp256k1(elements in [below::<Secp256k1>(), below::<Secp256k1>(), below::<Secp256k1>()]) {
        with_every_backend::<Secp256k1>(&Laws(elements));
    }
}

/// Inverses and bytes of edges.
struct Edges(BigUint);

impl Check for Edges {
    fn check<F: VectorField>(&self, field: F) {
        let p = &self.0;
        for number in edges(p) {
            let element = F::from_bytes(&bytes(&number)).unwrap();
            assert_eq!(F::to_bytes(&element), bytes(&number));
            if let Ok(small) = u64::try_from(&number) {
                assert_eq!(F::from_u64(small), element);
            }
            let inverse = number.modpow(&(p - 2u8), p);
            let expected = (number != BigUint::ZERO).then(|| bytes(&inverse));
            assert_eq!(F::invert(&element).map(|inverse| F::to_bytes(&inverse)), expected);
        }
        let most = (BigUint::from(1u8) << 256u16) - 1u8;
        for too_large in [p.clone(), p + 1u8, p + 977u32, most.clone() - 1u8, most] {
            assert!(F::from_bytes(&bytes(&too_large)).is_none());
        }
        assert_eq!(F::to_bytes(&F::Packed::default()), [0; 32]);
        assert_eq!(field.zeros(field.zero()), !0 >> (8 - F::WIDTH));
    }
}

#[test]
fn edges_come_and_go_and_have_inverses() {
    with_every_backend::<P256>(&Edges(modulus::<P256>()));
    with_every_backend::<Secp256k1>(&Edges(modulus::<Secp256k1>()));
}

/// Reading and writing in every way.
struct Memory;

impl Check for Memory {
    fn check<F: VectorField>(&self, field: F) {
        let width = F::WIDTH;
        let pairs: Vec<_> = (0..40).map(|number| [F::from_u64(number), F::from_u64(1_000 + number)]).collect();
        let firsts: Vec<_> = pairs.iter().map(|pair| pair[0]).collect();
        let indices = [39, 0, 17, 17, 5, 38, 1, 20];
        let expected: Vec<_> = indices[..width].iter().map(|index| pairs[*index as usize]).collect();
        let mut read = vec![[F::Packed::default(); 2]; width];
        field.store_pairs(field.gather_pairs(&pairs, &indices), &mut read);
        assert_eq!(read, expected);
        field.store_pairs(field.load_pairs(&pairs[3..]), &mut read);
        assert_eq!(read, pairs[3..3 + width]);
        let mut single = vec![F::Packed::default(); width];
        field.store(field.gather(&firsts, &indices), &mut single);
        assert!(single.iter().eq(expected.iter().map(|[first, _]| first)));
        field.store(field.load(&firsts[7..]), &mut single);
        assert_eq!(single, firsts[7..7 + width]);
        field.store(field.splat(&firsts[9]), &mut single);
        assert_eq!(single, vec![firsts[9]; width]);
        for mask in [0u8, 1, 0b1010_0110, 0b1111_0111] {
            let mut written = pairs.clone();
            // An index is of no consequence where the mask has no bit.
            let mut to = [30, 3, 5, u32::MAX, 39, 0, 4, 12];
            to[3] = if mask >> 3 & 1 == 1 { 8 } else { to[3] };
            field.scatter_pairs(field.load_pairs(&pairs[20..]), &mut written, &to, mask);
            let mut expected = pairs.clone();
            for lane in (0..width).filter(|lane| mask >> lane & 1 == 1) {
                expected[to[lane] as usize] = pairs[20 + lane];
            }
            assert_eq!(written, expected);
        }
    }
}

#[test]
fn what_is_written_is_what_was_read() {
    with_every_backend::<P256>(&Memory);
    with_every_backend::<Secp256k1>(&Memory);
}
