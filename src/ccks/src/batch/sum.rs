//! Sums of products of public points and public scalars, by buckets (Pippenger's method).
//!
//! Scalars are cut into signed digits of c bits. Of every window, the points with one digit are summed in a bucket,
//! pairwise and all windows together, so that all additions of a round share one inversion; the buckets of a window are
//! then weighted by running sums, all windows side by side for the same reason.

use super::affine::PairSums;
use crate::{Suite, curve::affine::Point};
use alloc::vec::Vec;
use elliptic_curve::Group;

/// A public point and what it is multiplied by, 32 bytes big-endian.
pub(crate) struct Term<S: Suite> {
    pub(crate) point: Point<S>,
    pub(crate) scalar: [u8; 32],
}

/// The sum of all products, in time that depends on them.
pub(crate) fn sum_of_products_vartime<S: Suite>(terms: &[Term<S>]) -> Option<S::Projective> {
    let lengths = terms.iter().map(|term| bit_length(&term.scalar)).collect::<Vec<_>>();
    let longest = lengths.iter().copied().max().unwrap_or(0);
    let bits = (3..=13).min_by_key(|bits| cost(*bits, longest, &lengths)).unwrap_or(3);
    let windows = windows_of(bits, longest);
    let buckets = fill_buckets(terms, bits, windows);
    let sums = weigh_buckets(&buckets, bits, windows);
    let mut total = S::Projective::identity();
    for sum in sums.into_iter().rev() {
        total = (0..bits).fold(total, |total, _| total.double());
        if let Some(sum) = sum {
            total += sum.to_projective()?;
        }
    }
    Some(total)
}

fn bit_length(scalar: &[u8; 32]) -> usize {
    let leading = scalar.iter().take_while(|byte| **byte == 0).count();
    scalar.get(leading).map_or(0, |byte| (32 - leading) * 8 - byte.leading_zeros() as usize)
}

/// Windows of signed digits: one more bit, since a digit borrows from the next.
fn windows_of(bits: usize, length: usize) -> usize {
    (length + 1).div_ceil(bits)
}

/// Additions, roughly, and what sorting them costs; a shared inversion is worth some twenty additions.
fn cost(bits: usize, longest: usize, lengths: &[usize]) -> usize {
    let buckets = 1 << (bits - 1);
    let filling = lengths.iter().map(|length| windows_of(bits, *length)).sum::<usize>();
    let windows = windows_of(bits, longest);
    let weighing = 2 * buckets * (windows + 20);
    filling + weighing
}

/// The digits of a scalar, least significant first, within -2^(bits-1) + 1 to 2^(bits-1).
fn digits(scalar: &[u8; 32], bits: usize, windows: usize) -> impl Iterator<Item = i32> {
    let mut carry = 0;
    (0..windows).map(move |window| {
        let digit = take_bits(scalar, window * bits, bits) + carry;
        carry = i32::from(digit > 1 << (bits - 1));
        digit - (carry << bits)
    })
}

/// `count` bits from bit `from` on, 0 beyond the scalar.
fn take_bits(scalar: &[u8; 32], from: usize, count: usize) -> i32 {
    let byte = |index: usize| scalar.iter().rev().nth(index).copied().map_or(0, u32::from);
    let first = from / 8;
    let word = byte(first) | byte(first + 1) << 8 | byte(first + 2) << 16;
    ((word >> (from % 8)) & ((1 << count) - 1)) as i32
}

/// The points of every digit of every window, summed: `(digit - 1) + window * 2^(bits-1)` is the place.
fn fill_buckets<S: Suite>(terms: &[Term<S>], bits: usize, windows: usize) -> Vec<Option<Point<S>>> {
    let per_window = 1 << (bits - 1);
    let mut places = Vec::with_capacity(terms.len() * windows);
    for (term, index) in terms.iter().zip(0u32..) {
        for (window, digit) in digits(&term.scalar, bits, windows).enumerate() {
            if digit != 0 {
                let place = window * per_window + digit.unsigned_abs() as usize - 1;
                places.push((place as u32, index, digit < 0));
            }
        }
    }
    let (sorted, mut lengths) = sort(&places, per_window * windows);
    let point = |&(_, index, is_negative): &(u32, u32, bool)| {
        let point = terms[index as usize].point;
        if is_negative { point.negated() } else { point }
    };
    let mut points = sorted.iter().map(point).collect::<Vec<_>>();
    halve_until_single(&mut points, &mut lengths);
    let mut points = points.into_iter();
    lengths.into_iter().map(|length| if length == 0 { None } else { points.next() }).collect()
}

/// Sorted by place, and how many each place has.
fn sort(places: &[(u32, u32, bool)], count: usize) -> (Vec<(u32, u32, bool)>, Vec<u32>) {
    let mut lengths = alloc::vec![0u32; count];
    places.iter().for_each(|(place, ..)| lengths[*place as usize] += 1);
    let mut starts = Vec::with_capacity(count);
    let mut start = 0;
    for length in &lengths {
        starts.push(start as usize);
        start += length;
    }
    let mut sorted = alloc::vec![(0, 0, false); places.len()];
    for entry in places {
        let start = &mut starts[entry.0 as usize];
        sorted[*start] = *entry;
        *start += 1;
    }
    (sorted, lengths)
}

/// Sums neighbours of one bucket until every bucket has at most one point.
fn halve_until_single<S: Suite>(points: &mut Vec<Point<S>>, lengths: &mut [u32]) {
    let mut sums = PairSums::<S>::new();
    while lengths.iter().any(|length| *length > 1) {
        let mut pairs = Vec::with_capacity(points.len() / 2);
        let mut start = 0;
        for length in lengths.iter() {
            let end = start + *length as usize;
            pairs.extend((start..end.saturating_sub(1)).step_by(2));
            start = end;
        }
        let mut added = Vec::with_capacity(pairs.len());
        sums.of(pairs.iter().map(|first| (&points[*first], &points[*first + 1])), |sum| added.push(sum));
        let mut added = added.into_iter();
        let mut left = Vec::with_capacity(points.len() / 2 + lengths.len());
        let mut start = 0;
        for length in lengths.iter_mut() {
            let end = start + *length as usize;
            let before = left.len();
            left.extend(added.by_ref().take(*length as usize / 2).flatten());
            if *length % 2 == 1 {
                left.push(points[end - 1]);
            }
            *length = (left.len() - before) as u32;
            start = end;
        }
        *points = left;
    }
}

/// Of each window, the sum of its buckets, each as often as its digit says.
fn weigh_buckets<S: Suite>(buckets: &[Option<Point<S>>], bits: usize, windows: usize) -> Vec<Option<Point<S>>> {
    let per_window = 1 << (bits - 1);
    let mut running = alloc::vec![None; windows];
    let mut total = alloc::vec![None; windows];
    let mut sums = PairSums::<S>::new();
    for digit in (0..per_window).rev() {
        let bucket = |window: usize| buckets[window * per_window + digit];
        add_each(&mut running, bucket, &mut sums);
        add_each(&mut total, |window| running[window], &mut sums);
    }
    total
}

/// Adds to each what `other` gives for its index.
fn add_each<S: Suite>(
    places: &mut [Option<Point<S>>],
    other: impl Fn(usize) -> Option<Point<S>>,
    sums: &mut PairSums<S>,
) {
    let mut pairs = Vec::with_capacity(places.len());
    for (index, place) in places.iter_mut().enumerate() {
        match (*place, other(index)) {
            (Some(own), Some(other)) => pairs.push((index, own, other)),
            (None, other) => *place = other,
            (Some(_), None) => {}
        }
    }
    let mut indices = pairs.iter().map(|(index, ..)| *index);
    sums.of(pairs.iter().map(|(_, own, other)| (own, other)), |sum| {
        if let Some(index) = indices.next() {
            places[index] = sum;
        }
    });
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{P256, Secp256k1};
    use elliptic_curve::{CurveGroup as _, Field as _};
    use rand_chacha::{ChaCha20Rng, rand_core::SeedableRng as _};

    fn term<S: Suite>(multiple: u64, scalar: S::Scalar) -> (Term<S>, S::Projective) {
        let point = S::Projective::mul_by_generator(&S::Scalar::from(multiple));
        let term = Term { point: Point::of(&point.to_affine()), scalar: S::encode_scalar(&scalar) };
        (term, point * scalar)
    }

    /// Sums of few, of many, of equal, opposite and cancelling points, of scalars at the edges.
    fn agrees_with_single_products<S: Suite>() {
        let mut random = ChaCha20Rng::seed_from_u64(9);
        let one = S::Scalar::ONE;
        for count in [0, 1, 2, 3, 17, 200] {
            let mut pairs = (0..count)
                .map(|index| term::<S>(1 + index % 7, crate::issuing::random_scalar::<S>(&mut random)))
                .collect::<Vec<_>>();
            for edge in [S::Scalar::ZERO, one, -one, one.double(), S::Scalar::from(u64::MAX)] {
                pairs.push(term(3, edge));
                pairs.push(term(3, -edge));
                pairs.push(term(5, edge));
            }
            let expected = pairs.iter().map(|(_, product)| *product).sum::<S::Projective>();
            let terms = pairs.into_iter().map(|(term, _)| term).collect::<Vec<_>>();
            assert_eq!(sum_of_products_vartime(&terms), Some(expected), "{count} terms");
        }
    }

    #[test]
    fn p256_agrees_with_single_products() {
        agrees_with_single_products::<P256>();
    }

    #[test]
    fn secp256k1_agrees_with_single_products() {
        agrees_with_single_products::<Secp256k1>();
    }

    #[test]
    fn digits_make_up_the_scalar() {
        let mut scalar = [0xff; 32];
        scalar[7] = 0x80;
        for bits in 3..=13 {
            let windows = windows_of(bits, 256);
            let digits = digits(&scalar, bits, windows).collect::<Vec<_>>();
            let half = 1 << (bits - 1);
            assert!(digits.iter().all(|digit| (1 - half..=half).contains(digit)));
            // Modulo 2^61 - 1, which is enough to tell.
            let modulus = (1i128 << 61) - 1;
            let sum = digits.iter().rev().fold(0i128, |sum, digit| ((sum << bits) + i128::from(*digit)) % modulus);
            let expected = scalar.iter().fold(0i128, |sum, byte| ((sum << 8) + i128::from(*byte)) % modulus);
            assert_eq!(sum.rem_euclid(modulus), expected, "{bits} bits");
        }
    }
}
