//! What is not reduced, up to its bounds: numbers that no loading makes.

use super::*;
use crate::{P256, Secp256k1, field::tests::numbers::*};
use num_bigint::BigUint;
use std::{vec, vec::Vec};

/// Numbers up to so many times the modulus: next to its multiples, and with limbs that are all ones or zeros.
fn up_to(p: &BigUint, factor: u64) -> Vec<BigUint> {
    let one = BigUint::from(1u8);
    let bound = p * factor;
    let mut numbers: Vec<_> =
        (0..=factor).flat_map(|times| [p * times + &one, p * times, (p * times + p) - &one]).collect();
    for limb in 0..5u32 {
        let ones = ((&one << 52u8) - &one) << (52 * limb);
        numbers.extend([
            ones.clone(),
            &one << (52 * limb),
            (&bound >> (52 * limb)) << (52 * limb),
            &bound - (&one << (51 * limb)),
        ]);
        numbers.push((&one << (52 * limb + 52)) - &one);
    }
    for power in [255u32, 256, 257] {
        numbers.extend([&one << power, (&one << power) - &one, (&one << power) + (&one << 208u8) - &one]);
    }
    numbers.retain(|number| *number < bound);
    numbers.sort();
    numbers.dedup();
    numbers
}

struct Bounds<'a, M: Modulus> {
    field: Ifma<M>,
    p: &'a BigUint,
}

impl<M: Modulus> Bounds<'_, M> {
    fn lanes(&self, numbers: &[BigUint; 8]) -> [Lanes; 5] {
        let limb = |number: &BigUint, limb: u32| u64::try_from((number >> (52 * limb)) & BigUint::from(LIMB)).unwrap();
        [0, 1, 2, 3, 4].map(|which| self.field.permit.lanes(&numbers.each_ref().map(|number| limb(number, which))))
    }

    /// What the numbers stand for: P-256 has them times 2^260.
    fn meaning(&self, number: &BigUint) -> BigUint {
        let element: Element<M> = Element(words::from_bytes(&bytes(&(number % self.p))), PhantomData);
        BigUint::from_bytes_be(&Ifma::to_bytes(&element))
    }

    #[track_caller]
    fn expect(&self, vector: Vector<M>, expected: impl Fn(usize) -> BigUint) {
        let mut packed = vec![Element::default(); 8];
        self.field.store(vector, &mut packed);
        for (lane, element) in packed.iter().enumerate() {
            assert_eq!(Ifma::to_bytes(element), bytes(&(expected(lane) % self.p)), "lane {lane}");
        }
    }

    /// Two loose vectors and two others.
    fn check(&self, loose: [&[BigUint; 8]; 2], vectors: [&[BigUint; 8]; 2]) {
        let (field, m) = (self.field, self.p * self.p);
        let [a, b] = loose.map(|numbers| field.loose(self.lanes(numbers)));
        let [c, d] = vectors.map(|numbers| field.vector(self.lanes(numbers)));
        let meanings = |numbers: &[BigUint; 8]| numbers.each_ref().map(|number| self.meaning(number));
        let ([x, y], [z, w]) = (loose.map(meanings), vectors.map(meanings));
        self.expect(field.mul(a, b), |at| &x[at] * &y[at]);
        self.expect(field.mul(c, b), |at| &z[at] * &y[at]);
        self.expect(field.square(a), |at| &x[at] * &x[at]);
        self.expect(field.mul_sub(a, b, c), |at| &m + &x[at] * &y[at] - &z[at]);
        self.expect(field.square_sub(a, [c, d]), |at| &m + &x[at] * &x[at] - &z[at] - &w[at]);
        self.expect(field.reduce(a), |at| x[at].clone());
        self.expect(field.reduce(field.add(c, d)), |at| &z[at] + &w[at]);
        self.expect(field.reduce(field.sub(c, d)), |at| &m + &z[at] - &w[at]);
        self.expect(field.mul(field.sub(c, d), field.add(c, d)), |at| &m + &z[at] * &z[at] - &w[at] * &w[at]);
        self.expect(field.negate_if(!0, c), |at| &m - &z[at]);
        let mask = |holds: &dyn Fn(usize) -> bool| (0..8).map(|lane| u8::from(holds(lane)) << lane).sum::<u8>();
        assert_eq!(field.zeros(a), mask(&|at| x[at] == BigUint::ZERO));
        assert_eq!(field.zeros(field.sub(c, d)), mask(&|at| z[at] == w[at]));
        assert_eq!(field.odds(c), mask(&|at| z[at].bit(0)));
    }
}

fn bounds<M: Modulus>() {
    let Some(field) = Ifma::<M>::detect() else { return };
    let p = &modulus::<M>();
    let (loose, mut vectors) = (up_to(p, 4), up_to(p, 2));
    let most = p * 4u8;
    let of = |numbers: &[BigUint], first: usize, step: usize| {
        core::array::from_fn(|lane| numbers[(first + lane * step) % numbers.len()].clone())
    };
    vectors.rotate_left(1);
    for first in 0..loose.len() {
        let mut same = of(&loose, first, 0);
        // The one number that a vector may not be, and a loose one may.
        same[7] = most.clone();
        for second in (0..loose.len()).step_by(8) {
            let others = of(&loose, second, 1);
            let vector = [of(&vectors, first, 0), of(&vectors, second, 1)];
            Bounds { field, p }.check([&same, &others], [&vector[0], &vector[1]]);
        }
    }
}

#[test]
fn bounds_with_all_bounds() {
    bounds::<P256>();
    bounds::<Secp256k1>();
}
