//! Multiples of the generator by secret scalars, many at a time, in constant time.
//!
//! A secret is a sum of 52 odd digits of weights 2^(5i), see [`OddDigits`]. For each weight the table has the 16 odd
//! multiples; all of them are read at every look, so that addresses tell nothing.
//!
//! No addition meets equal or opposite points: what is summed so far is less in absolute value than the next weight, and
//! the last sum is k itself, which is not zero (the one k for which the last two are equal is a hash's preimage away).

use super::affine::{Inverter, add_each_secret};
use crate::{
    Suite,
    curve::{
        affine::Point,
        odd_digits::{MULTIPLES, OddDigits, WIDTH, WINDOWS},
    },
};
use alloc::vec::Vec;
use core::marker::PhantomData;
use elliptic_curve::{CurveGroup, Field, Group, PrimeField as _, array::Array};
use subtle::{Choice, ConstantTimeEq};
use zeroize::Zeroizing;

/// Odd multiples of the generator, for multiplying it by many secrets: 832 points, some 60 KB.
pub struct GeneratorTable<S: Suite> {
    /// A window at a time: 1, 3, .. 31 times its weight.
    multiples: Vec<Packed>,
    suite: PhantomData<S>,
}

/// x and y, 32 bytes big-endian each, as words: reading all of a window's under masks is quick.
type Packed = [u64; 8];

impl<S: Suite> Default for GeneratorTable<S> {
    fn default() -> Self {
        Self::new()
    }
}

impl<S: Suite> core::fmt::Debug for GeneratorTable<S> {
    fn fmt(&self, formatter: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        formatter.write_str("GeneratorTable(..)")
    }
}

impl<S: Suite> GeneratorTable<S> {
    /// Computes the table.
    pub fn new() -> Self {
        let mut weight = S::Projective::generator();
        let mut multiples = Vec::with_capacity(WINDOWS * MULTIPLES);
        for _ in 0..WINDOWS {
            let twice = weight.double();
            let mut multiple = weight;
            for _ in 0..MULTIPLES {
                multiples.push(multiple);
                multiple += twice;
            }
            weight = (0..WIDTH).fold(weight, |weight, _| weight.double());
        }
        let mut affine = alloc::vec![S::Affine::default(); multiples.len()];
        S::Projective::batch_normalize(&multiples, &mut affine);
        Self { multiples: affine.iter().map(pack::<S>).collect(), suite: PhantomData }
    }

    /// The multiples of the generator by `scalars`; `None` for a scalar of 0.
    pub(crate) fn multiply_all(&self, scalars: &[S::Scalar]) -> Vec<Option<Point<S>>> {
        let digits = scalars.iter().map(OddDigits::of::<S>).collect::<Vec<_>>();
        let digits = Zeroizing::new(digits);
        let mut degenerate = scalars.iter().map(|scalar| scalar.ct_eq(&S::Scalar::ZERO)).collect::<Vec<_>>();
        let mut windows = self.multiples.chunks_exact(MULTIPLES).enumerate();
        let mut sums = Vec::new();
        if let Some((window, multiples)) = windows.next() {
            sums.extend(digits.iter().map(|digits| look_up::<S>(digits.at(window), multiples)));
        }
        let mut inverter = Inverter::default();
        let (mut others, mut differences) = (Vec::with_capacity(sums.len()), Vec::with_capacity(sums.len()));
        for (window, multiples) in windows {
            others.clear();
            others.extend(digits.iter().map(|digits| look_up::<S>(digits.at(window), multiples)));
            let added = add_each_secret(&mut sums, &others, &mut degenerate, &mut inverter, &mut differences);
            debug_assert!(added.is_some(), "a difference of zero was replaced by one");
        }
        let points = sums.iter().zip(digits.iter()).map(|(sum, digits)| sum.negated_if(digits.is_negated()));
        points.zip(degenerate).map(|(point, degenerate)| (!bool::from(degenerate)).then_some(point)).collect()
    }
}

/// The multiple that a digit asks for: every one is read.
fn look_up<S: Suite>((index, is_negative): (u8, Choice), multiples: &[Packed]) -> Point<S> {
    let mut found = Zeroizing::new([0; 8]);
    for (place, multiple) in (0u8..).zip(multiples) {
        let mask = u64::from(place.ct_eq(&index).unwrap_u8()).wrapping_neg();
        found.iter_mut().zip(multiple).for_each(|(found, word)| *found |= word & mask);
    }
    unpack::<S>(&found).negated_if(is_negative)
}

fn pack<S: Suite>(point: &S::Affine) -> Packed {
    let mut packed = [0; 8];
    let bytes = S::coordinates(point).map(|coordinate| <[u8; 32]>::from(coordinate.to_repr()));
    let (words, _) = bytes.as_flattened().as_chunks::<8>();
    packed.iter_mut().zip(words).for_each(|(word, bytes)| *word = u64::from_ne_bytes(*bytes));
    packed
}

fn unpack<S: Suite>(packed: &Packed) -> Point<S> {
    let bytes = packed.map(u64::to_ne_bytes);
    let mut coordinates = [[0; 32]; 2];
    coordinates.as_flattened_mut().copy_from_slice(bytes.as_flattened());
    let read = |bytes| S::Field::from_repr(Array(bytes)).expect("packed from a coordinate");
    let [x, y] = coordinates.map(read);
    Point { x, y }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{P256, Secp256k1};
    use elliptic_curve::group::GroupEncoding as _;
    use rand_chacha::{ChaCha20Rng, rand_core::SeedableRng as _};

    fn agrees_with_the_library<S: Suite>() {
        let mut random = ChaCha20Rng::seed_from_u64(5);
        let one = S::Scalar::ONE;
        let mut scalars = alloc::vec![one, one.double(), one.double() + one, -one, -one.double(), S::Scalar::ZERO];
        scalars.extend((0..255).map(|bit| (0..bit).fold(one, |power, _| power.double())));
        scalars.extend((0..60).map(|_| crate::issuing::random_scalar::<S>(&mut random)));
        let found = GeneratorTable::<S>::new().multiply_all(&scalars);
        for (scalar, found) in scalars.iter().zip(found) {
            let expected = S::Projective::mul_by_generator(scalar).to_affine();
            match found {
                None => assert!(bool::from(scalar.is_zero())),
                Some(point) => {
                    assert_eq!(point.to_projective().unwrap().to_affine().to_bytes(), expected.to_bytes());
                }
            }
        }
        assert_eq!(S::Scalar::NUM_BITS, 256);
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
