//! Integers modulo a group's order, of public data alone.
//!
//! The curves' crates have them for secrets, at a hundred nanoseconds a product and three hundred a reduction. A batch needs
//! five products a signature; here they take a tenth of that. Four words of 64 bits, least significant first; products are
//! Montgomery's: for `a` and `b` they give `a b / 2^256`.

/// A number below 2^256, its words least significant first.
pub(super) type Words = [u64; 4];

/// A group's order, above 2^255, and what reducing by it takes.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Order {
    order: Words,
    /// The inverse of minus the order modulo 2^64.
    negative_inverse: u64,
    /// 2^512 modulo the order, which takes a number into Montgomery's form or a product out of what Montgomery left.
    square: Words,
    /// 2^768 modulo the order.
    cube: Words,
}

impl Order {
    /// Of an odd order of 256 bits, big-endian.
    pub(crate) const fn new(bytes: &[u8; 32]) -> Self {
        let order = words(bytes);
        // Newton's iteration doubles the right bits: the first guess has 3 of them (x x = 1 modulo 8 for odd x).
        let mut inverse = order[0];
        let mut round = 0;
        while round < 5 {
            inverse = inverse.wrapping_mul(2u64.wrapping_sub(order[0].wrapping_mul(inverse)));
            round += 1;
        }
        let negative_inverse = inverse.wrapping_neg();
        // 2^256 less the order is 2^256 modulo the order.
        let one = subtract(&[0; 4], &order).0;
        let square = doubled(one, 256, &order);
        let cube = doubled(square, 256, &order);
        Self { order, negative_inverse, square, cube }
    }

    /// A number of 256 bits, big-endian, if it is below the order.
    pub(super) const fn parse(&self, bytes: &[u8; 32]) -> Option<Words> {
        let number = words(bytes);
        if subtract(&number, &self.order).1 { Some(number) } else { None }
    }

    /// `a b / 2^256` for `a` below 2^256 and `b` below the order; below the order.
    #[inline]
    pub(super) fn product(&self, a: &Words, b: &Words) -> Words {
        let mut sum = [0u64; 4];
        let mut top = 0;
        for word in a {
            let (low, carry) = multiply_add(*word, b[0], sum[0], 0);
            let (second, carry) = multiply_add(*word, b[1], sum[1], carry);
            let (third, carry) = multiply_add(*word, b[2], sum[2], carry);
            let (fourth, carry) = multiply_add(*word, b[3], sum[3], carry);
            let (fifth, over) = carry.overflowing_add(top);
            // The multiple of the order that makes the lowest word zero.
            let multiple = low.wrapping_mul(self.negative_inverse);
            let (_, carry) = multiply_add(multiple, self.order[0], low, 0);
            let (first, carry) = multiply_add(multiple, self.order[1], second, carry);
            let (second, carry) = multiply_add(multiple, self.order[2], third, carry);
            let (third, carry) = multiply_add(multiple, self.order[3], fourth, carry);
            let (fourth, over_again) = fifth.overflowing_add(carry);
            sum = [first, second, third, fourth];
            top = u64::from(over | over_again);
        }
        self.reduced_once(sum, top != 0)
    }

    /// The residue of a number of 512 bits, its words least significant first.
    #[inline]
    pub(super) fn residue(&self, low: &Words, high: &Words) -> Words {
        self.sum(&self.product(high, &self.square), &self.reduced_once(*low, false))
    }

    /// The residue times 2^256: Montgomery's form, of which one product with a residue makes a residue.
    #[inline]
    pub(super) fn residue_in_form(&self, low: &Words, high: &Words) -> Words {
        self.sum(&self.product(high, &self.cube), &self.product(low, &self.square))
    }

    /// The sum of two residues.
    #[inline]
    pub(super) fn sum(&self, a: &Words, b: &Words) -> Words {
        let (sum, carry) = add(a, b);
        self.reduced_once(sum, carry)
    }

    /// Minus a residue.
    pub(super) fn negated(&self, residue: &Words) -> Words {
        if *residue == [0; 4] { [0; 4] } else { subtract(&self.order, residue).0 }
    }

    /// A number below twice the order, less the order where it is not below. `carry` is its bit 256.
    #[inline]
    fn reduced_once(&self, number: Words, carry: bool) -> Words {
        let (less, borrow) = subtract(&number, &self.order);
        if borrow && !carry { number } else { less }
    }
}

/// A number of 256 bits from its bytes, big-endian.
pub(super) const fn words(bytes: &[u8; 32]) -> Words {
    let (eights, _) = bytes.as_chunks::<8>();
    [
        u64::from_be_bytes(eights[3]),
        u64::from_be_bytes(eights[2]),
        u64::from_be_bytes(eights[1]),
        u64::from_be_bytes(eights[0]),
    ]
}

/// The 32 bytes of a number, big-endian.
pub(super) fn bytes(words: &Words) -> [u8; 32] {
    let [a, b, c, d] = words.map(u64::to_be_bytes);
    zerocopy::transmute!([d, c, b, a])
}

/// `a b + c + d`, which 128 bits hold: low word, high word.
#[inline(always)]
const fn multiply_add(a: u64, b: u64, c: u64, d: u64) -> (u64, u64) {
    let sum = (a as u128).wrapping_mul(b as u128).wrapping_add(c as u128).wrapping_add(d as u128);
    (sum as u64, (sum >> 64) as u64)
}

#[inline(always)]
const fn add(a: &Words, b: &Words) -> (Words, bool) {
    let (mut sum, mut carry, mut index) = ([0; 4], false, 0);
    while index < 4 {
        let (partial, first) = a[index].overflowing_add(b[index]);
        let (total, second) = partial.overflowing_add(carry as u64);
        sum[index] = total;
        carry = first | second;
        index += 1;
    }
    (sum, carry)
}

#[inline(always)]
const fn subtract(a: &Words, b: &Words) -> (Words, bool) {
    let (mut difference, mut borrow, mut index) = ([0; 4], false, 0);
    while index < 4 {
        let (partial, first) = a[index].overflowing_sub(b[index]);
        let (total, second) = partial.overflowing_sub(borrow as u64);
        difference[index] = total;
        borrow = first | second;
        index += 1;
    }
    (difference, borrow)
}

/// A residue doubled so many times.
const fn doubled(mut residue: Words, times: usize, order: &Words) -> Words {
    let mut round = 0;
    while round < times {
        let (sum, carry) = add(&residue, &residue);
        let (less, borrow) = subtract(&sum, order);
        residue = if borrow && !carry { sum } else { less };
        round += 1;
    }
    residue
}

/// A sum of products of 128 and 256 bits, at most 2^32 of them: words, least significant first.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct WideSum([u64; 7]);

impl WideSum {
    #[inline]
    pub(super) fn add_product(&mut self, weight: u128, number: &Words) {
        let (mut product, mut sum) = ([0u64; 6], [0u64; 7]);
        for (start, word) in [weight as u64, (weight >> 64) as u64].into_iter().enumerate() {
            let mut carry = 0;
            for (place, factor) in product[start..].iter_mut().zip(number) {
                (*place, carry) = multiply_add(word, *factor, *place, carry);
            }
            product[start + 4] = carry;
        }
        let mut carry = false;
        for ((place, own), other) in sum.iter_mut().zip(&self.0).zip(product.iter().chain(&[0])) {
            let (partial, first) = own.overflowing_add(*other);
            let (total, second) = partial.overflowing_add(u64::from(carry));
            *place = total;
            carry = first | second;
        }
        self.0 = sum;
    }

    pub(super) fn residue(&self, order: &Order) -> Words {
        let [a, b, c, d, e, f, g] = self.0;
        order.residue(&[a, b, c, d], &[e, f, g, 0])
    }
}

/// A sum of at most 2^32 residues, in eights of 32 bits, so that none carries into another before the end.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct LooseSum([u64; 8]);

impl LooseSum {
    /// A residue as sums take it.
    pub(super) fn halves(residue: &Words) -> Self {
        let [a, b, c, d] = residue.map(|word| [word & 0xffff_ffff, word >> 32]);
        Self([a[0], a[1], b[0], b[1], c[0], c[1], d[0], d[1]])
    }

    #[inline(always)]
    pub(super) fn add(&mut self, other: &Self) {
        self.0.iter_mut().zip(&other.0).for_each(|(own, other)| *own = own.wrapping_add(*other));
    }

    /// `None` for zero.
    pub(super) fn residue(&self, order: &Order) -> Option<Words> {
        if self.0 == [0; 8] {
            return None;
        }
        let (mut halves, mut carry) = ([0u64; 8], 0u64);
        for (half, sum) in halves.iter_mut().zip(&self.0) {
            // Each is at most 2^64 - 2^33 + 1 and a bit, so that the carry of 32 bits fits beside it.
            let sum = u128::from(*sum) + u128::from(carry);
            *half = sum as u64 & 0xffff_ffff;
            carry = (sum >> 32) as u64;
        }
        let [a, b, c, d, e, f, g, h] = halves;
        Some(order.residue(&[a | b << 32, c | d << 32, e | f << 32, g | h << 32], &[carry, 0, 0, 0]))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{P256, Secp256k1, Suite};
    use num_bigint::BigUint;
    use proptest::prelude::*;

    fn number(words: &[u64]) -> BigUint {
        words.iter().rev().fold(BigUint::ZERO, |number, word| (number << 64) + *word)
    }

    fn order_of<S: Suite>() -> BigUint {
        BigUint::from_bytes_be(&S::encode_scalar(&-<S::Scalar as elliptic_curve::Field>::ONE)) + 1u8
    }

    /// Words that are often all zeros or all ones.
    fn word() -> impl Strategy<Value = u64> {
        prop_oneof![Just(0), Just(1), Just(u64::MAX), Just(u64::MAX - 1), any::<u64>()]
    }

    /// Any number of 256 bits, with those about the order among them.
    fn any_words<S: Suite>() -> impl Strategy<Value = Words> {
        let near = (0u64..4, any::<bool>()).prop_map(|(distance, above)| {
            let distance = [distance, 0, 0, 0];
            if above { add(&S::ORDER.order, &distance).0 } else { subtract(&S::ORDER.order, &distance).0 }
        });
        prop_oneof![1 => near, 3 => [word(), word(), word(), word()]]
    }

    fn check<S: Suite>([a, b, c]: [Words; 3], weights: [u128; 2]) {
        let (order, modulus) = (S::ORDER, order_of::<S>());
        assert_eq!(number(&order.order), modulus);
        assert_eq!(words(&bytes(&a)), a);
        let residue = order.residue(&b, &[0; 4]);
        assert_eq!(number(&residue), number(&b) % &modulus);
        assert_eq!(order.parse(&bytes(&a)), (number(&a) < modulus).then_some(a));
        let product = number(&order.product(&a, &residue));
        assert!(product < modulus);
        assert_eq!((product << 256) % &modulus, number(&a) * number(&residue) % &modulus);
        let long = (number(&a) << 256) + number(&c);
        assert_eq!(number(&order.residue(&c, &a)), &long % &modulus);
        assert_eq!(number(&order.residue_in_form(&c, &a)), (&long << 256) % &modulus);
        assert_eq!(number(&order.product(&residue, &order.residue_in_form(&c, &a))), long * number(&b) % &modulus);
        let other = order.residue(&c, &[0; 4]);
        assert_eq!(number(&order.sum(&residue, &other)), (number(&b) + number(&c)) % &modulus);
        assert_eq!(order.sum(&residue, &order.negated(&residue)), [0; 4]);

        let mut sum = WideSum::default();
        let mut expected = BigUint::ZERO;
        for (weight, factor) in weights.iter().chain(&[u128::MAX; 3]).zip([&a, &b, &c, &[u64::MAX; 4], &a]) {
            sum.add_product(*weight, factor);
            expected += number(factor) * *weight;
        }
        assert_eq!(number(&sum.0), expected);
        assert_eq!(number(&sum.residue(&order)), expected % &modulus);

        let mut sum = LooseSum::default();
        assert_eq!(sum.residue(&order), None);
        [a, b, c, [u64::MAX; 4]].iter().for_each(|number| sum.add(&LooseSum::halves(number)));
        let expected = number(&a) + number(&b) + number(&c) + number(&[u64::MAX; 4]);
        assert_eq!(sum.residue(&order).map(|sum| number(&sum)), Some(expected % &modulus));
    }

    proptest! {
        #![proptest_config(ProptestConfig { cases: 2_000, ..ProptestConfig::default() })]

        #[test]
        fn p256_agrees_with_integers(numbers in [any_words::<P256>(), any_words::<P256>(), any_words::<P256>()], weights in any::<[u128; 2]>()) {
            check::<P256>(numbers, weights);
        }

        #[test]
        fn secp256k1_agrees_with_integers(numbers in [any_words::<Secp256k1>(), any_words::<Secp256k1>(), any_words::<Secp256k1>()], weights in any::<[u128; 2]>()) {
            check::<Secp256k1>(numbers, weights);
        }
    }
}
