//! Every operation beside the same on whole numbers.

use super::{Check, numbers::*, with_every_backend};
use crate::{
    P256, Secp256k1,
    field::{Modulus, VectorField},
};
use num_bigint::BigUint;
use rand_chacha::{ChaCha20Rng, rand_core::SeedableRng as _};
use std::{vec, vec::Vec};

/// One vector's worth of operands and the vectors made of them.
struct Operands<'a, F: VectorField> {
    field: F,
    p: &'a BigUint,
    numbers: [Vec<BigUint>; 3],
    vectors: [F::Vector; 3],
}

impl<'a, F: VectorField> Operands<'a, F> {
    fn new(field: F, p: &'a BigUint, triples: &[[&BigUint; 3]]) -> Self {
        // The last is repeated where lanes are left over.
        let lane = |lane: usize| triples[lane.min(triples.len() - 1)];
        let column = |which: usize| (0..F::WIDTH).map(|at| lane(at)[which].clone()).collect::<Vec<_>>();
        let numbers = [column(0), column(1), column(2)];
        let packed = numbers.each_ref().map(|numbers| {
            numbers.iter().map(|number| F::from_bytes(&bytes(number)).unwrap()).collect::<Vec<F::Packed>>()
        });
        let vectors = packed.each_ref().map(|packed| field.load(packed));
        Self { field, p, numbers, vectors }
    }

    /// That each lane is what whole numbers give, `multiple` being a multiple of the modulus to stay above zero.
    #[track_caller]
    fn expect(&self, vector: F::Vector, expected: impl Fn(&BigUint, &BigUint, &BigUint, &BigUint) -> BigUint) {
        let mut packed = vec![F::Packed::default(); F::WIDTH];
        self.field.store(vector, &mut packed);
        let [a, b, c] = &self.numbers;
        let multiple = self.p * self.p;
        for lane in 0..F::WIDTH {
            let expected = expected(&a[lane], &b[lane], &c[lane], &multiple) % self.p;
            assert_eq!(F::to_bytes(&packed[lane]), bytes(&expected), "lane {lane} of {:?}", self.numbers);
        }
    }

    #[track_caller]
    fn expect_mask(&self, mask: u8, expected: impl Fn(&BigUint, &BigUint, &BigUint) -> bool) {
        let [a, b, c] = &self.numbers;
        let lanes = (0..F::WIDTH).map(|lane| u8::from(expected(&a[lane], &b[lane], &c[lane])) << lane);
        assert_eq!(mask, lanes.sum::<u8>(), "of {:?}", self.numbers);
    }

    fn check(&self) {
        let (field, [a, b, c]) = (self.field, self.vectors);
        let (sum, difference) = (field.add(a, b), field.sub(a, b));
        self.expect(a, |a, _, _, _| a.clone());
        self.expect(field.reduce(sum), |a, b, _, _| a + b);
        self.expect(field.reduce(difference), |a, b, _, m| m + a - b);
        self.expect(field.mul(a, b), |a, b, _, _| a * b);
        self.expect(field.mul(sum, c), |a, b, c, _| (a + b) * c);
        self.expect(field.mul(sum, sum), |a, b, _, _| (a + b) * (a + b));
        self.expect(field.mul(sum, difference), |a, b, _, m| m + a * a - b * b);
        self.expect(field.mul_sub(a, b, c), |a, b, c, m| m + a * b - c);
        self.expect(field.mul_sub(difference, sum, c), |a, b, c, m| m + m + a * a - b * b - c);
        self.expect(field.square(a), |a, _, _, _| a * a);
        self.expect(field.square(difference), |a, b, _, m| (m + a - b) * (m + a - b));
        self.expect(field.square_sub(sum, [b, c]), |a, b, c, m| m + (a + b) * (a + b) - b - c);
        self.expect(field.square_sub(a, [a, a]), |a, _, _, m| m + a * a - a - a);
        self.expect(field.square_sub_twice(sum, c, difference), |a, b, c, m| m + m + (a + b) * (a + b) - c - c - a + b);
        self.expect(field.square_sub_twice(field.zero(), a, sum), |a, b, _, m| m - a - a - a - b);
        self.check_masks();
        self.check_unreduced();
    }

    fn check_masks(&self) {
        let (field, [a, b, c]) = (self.field, self.vectors);
        let all = !0 >> (8 - F::WIDTH);
        for mask in [0, 0b1010_0101, 0b0101_1010, !0] {
            let numbered = |lane: usize| mask >> lane & 1 == 1;
            let negated = field.negate_if(mask, a);
            let chosen = field.select(mask, b, a);
            let signed = field.reduce(field.sub_signed(mask, a, b));
            let without_sign = field.reduce(field.sub(negated, b));
            assert_eq!(field.equals(signed, without_sign), all, "of {:?}", self.numbers);
            let (mut negatives, mut choices) =
                (vec![F::Packed::default(); F::WIDTH], vec![F::Packed::default(); F::WIDTH]);
            field.store(negated, &mut negatives);
            field.store(chosen, &mut choices);
            for lane in 0..F::WIDTH {
                let (a, b) = (&self.numbers[0][lane], &self.numbers[1][lane]);
                let negative = if numbered(lane) { (self.p - a) % self.p } else { a.clone() };
                assert_eq!(F::to_bytes(&negatives[lane]), bytes(&negative), "of {a}");
                assert_eq!(F::to_bytes(&choices[lane]), bytes(if numbered(lane) { a } else { b }));
            }
            assert_eq!(field.zeros(field.add(a, field.negate_if(!0, a))), all);
        }
        self.expect_mask(field.zeros(a), |a, _, _| *a == BigUint::ZERO);
        self.expect_mask(field.zeros(field.sub(a, b)), |a, b, _| a == b);
        self.expect_mask(field.zeros(field.add(a, b)), |a, b, _| a + b == *self.p || a + b == BigUint::ZERO);
        self.expect_mask(field.equals(b, c), |_, b, c| b == c);
        self.expect_mask(field.odds(a), |a, _, _| a.bit(0));
        assert_eq!(field.equals(field.square(a), field.mul(a, a)), all);
    }

    /// With what was never in memory, so that it need not be below the modulus.
    fn check_unreduced(&self) {
        let (field, [a, b, c]) = (self.field, self.vectors);
        let product = field.mul(a, b);
        let negative = field.negate_if(!0, c);
        self.expect(field.mul(product, product), |a, b, _, _| a * b * a * b);
        self.expect(field.mul(field.sub(product, a), field.add(product, negative)), |a, b, c, m| {
            (m + a * b - a) * (m + a * b - c)
        });
        self.expect(field.square(field.add(negative, negative)), |_, _, c, _| c * c * 4u8);
        self.expect(field.square_sub(product, [product, negative]), |a, b, c, m| m + a * b * a * b + c - a * b);
        self.expect(field.mul_sub(negative, negative, product), |a, b, c, m| m + c * c - a * b);
        self.expect(field.reduce(field.sub(product, negative)), |a, b, c, _| a * b + c);
        self.expect(field.mul(product, field.zero()), |_, _, _, _| BigUint::ZERO);
        self.expect(field.mul(product, field.one()), |a, b, _, _| a * b);
        self.expect_mask(field.odds(product), |a, b, _| (a * b % self.p).bit(0));
        self.expect_mask(field.zeros(field.add(product, negative)), |a, b, c| a * b % self.p == *c);
        self.expect_mask(field.equals(negative, field.zero()), |_, _, c| *c == BigUint::ZERO);
    }
}

/// All these triples, a vector at a time.
struct Triples<'a> {
    p: BigUint,
    triples: Vec<[&'a BigUint; 3]>,
}

impl Check for Triples<'_> {
    fn check<F: VectorField>(&self, field: F) {
        for triples in self.triples.chunks(F::WIDTH) {
            Operands::new(field, &self.p, triples).check();
        }
    }
}

fn edges_crossed<M: Modulus>() {
    let p = modulus::<M>();
    let edges = edges(&p);
    let third = |first: usize, second: usize| &edges[(7 * first + 3 * second) % edges.len()];
    let all = 0..edges.len();
    let triples =
        all.clone().flat_map(|a| all.clone().map(move |b| (a, b))).map(|(a, b)| [&edges[a], &edges[b], third(a, b)]);
    with_every_backend::<M>(&Triples { p: p.clone(), triples: triples.collect() });
}

#[test]
fn edges_with_all_edges() {
    edges_crossed::<P256>();
    edges_crossed::<Secp256k1>();
}

fn random_triples<M: Modulus>() {
    let mut random = ChaCha20Rng::seed_from_u64(51);
    let numbers: Vec<_> = (0..15_000).map(|_| BigUint::from_bytes_be(&random_bytes::<M>(&mut random))).collect();
    let triples = numbers.chunks_exact(3).map(|three| [&three[0], &three[1], &three[2]]);
    with_every_backend::<M>(&Triples { p: modulus::<M>(), triples: triples.collect() });
}

#[test]
fn random_numbers() {
    random_triples::<P256>();
    random_triples::<Secp256k1>();
}
