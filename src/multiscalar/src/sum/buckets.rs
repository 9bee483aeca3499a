//! Buckets: of every window of the factors, the points of one digit are summed; then the sums of a window are weighed, each
//! by its digit.

use super::{
    arena::{Arena, FIRST, NEGATED, NOTHING},
    number::Factor,
};
use crate::{Curve, field::VectorField};
use alloc::vec::Vec;
use core::ops::Range;

/// References that are summed at once: so many that inversions do not count, and few enough that their sums stay in a
/// processor's second cache.
const FILLED_AT_ONCE: usize = 8_192;
/// Buckets that are weighed at once, likewise.
const WEIGHED_AT_ONCE: usize = 32_768;
/// What the last pairs of a round are filled up with, at most.
const VECTORS_MORE: usize = 32;

/// Places that the sums of an arena take, so that it need not grow: those of all buckets, and the larger of what filling and
/// weighing take.
pub(super) fn room(width: u32, windows: usize) -> usize {
    let buckets = windows << (width - 1);
    buckets + FILLED_AT_ONCE.max(2 * buckets.min(WEIGHED_AT_ONCE)) + VECTORS_MORE
}

/// The digits of all factors in some windows, window by window.
pub(super) struct Digits {
    digits: Vec<i16>,
    factors: usize,
}

impl Digits {
    /// Of windows of `width` bits.
    pub(super) fn of(factors: &[Factor], width: u32, windows: usize) -> Self {
        let mut digits = alloc::vec![0i16; factors.len() * windows];
        for (index, factor) in factors.iter().enumerate() {
            // Of at most 15 bits, so that the opposites have room too.
            factor.digits(width, |window, digit| digits[window * factors.len() + index] = digit as i16);
        }
        Self { digits, factors: factors.len() }
    }

    fn of_window(&self, window: usize) -> &[i16] {
        &self.digits[window * self.factors..][..self.factors]
    }
}

/// References sorted by bucket, and how many each bucket has: those of each window's digit 1 first.
#[derive(Default)]
struct Sorted {
    references: Vec<u32>,
    lengths: Vec<u32>,
}

impl Sorted {
    /// Adds a window, by counting.
    fn add(&mut self, digits: &[i16], buckets: usize) {
        let first_length = self.lengths.len();
        self.lengths.resize(first_length + buckets, 0);
        let lengths = &mut self.lengths[first_length..];
        for digit in digits {
            if *digit != 0 {
                lengths[usize::from(digit.unsigned_abs()) - 1] += 1;
            }
        }
        let mut starts = Vec::with_capacity(buckets);
        let mut start = self.references.len() as u32;
        for length in &*lengths {
            starts.push(start);
            start += length;
        }
        self.references.resize(start as usize, 0);
        for (digit, index) in digits.iter().zip(FIRST as u32..) {
            if *digit != 0 {
                let place = &mut starts[usize::from(digit.unsigned_abs()) - 1];
                self.references[*place as usize] = if *digit < 0 { index | NEGATED } else { index };
                *place += 1;
            }
        }
    }
}

/// The sums of the buckets of some windows, a reference or [`NOTHING`] each; a window's buckets are on end, digit 1 first.
pub(super) fn fill<C: Curve, F: VectorField>(
    field: F,
    arena: &mut Arena<F>,
    digits: &Digits,
    windows: impl Iterator<Item = usize>,
    width: u32,
) -> Vec<u32> {
    let buckets = 1 << (width - 1);
    let mut sorted = Sorted::default();
    for window in windows {
        sorted.add(digits.of_window(window), buckets);
    }
    let Sorted { references, mut lengths } = sorted;
    let mut sums = Vec::with_capacity(lengths.len());
    let table = arena.mark();
    let mut place = arena.reserve(lengths.len());
    let scratch = arena.mark();
    let (mut first_bucket, mut first) = (0, 0);
    while let Some(chunk) = next_chunk(&lengths, first_bucket) {
        let lengths = &mut lengths[chunk.clone()];
        let count = lengths.iter().sum::<u32>() as usize;
        let mut chunk_references = references[first..first + count].to_vec();
        arena.sum_segments::<C>(field, &mut chunk_references, lengths);
        let mut left = chunk_references.iter();
        for length in lengths {
            let sum = if *length == 0 { None } else { left.next() };
            sums.push(match sum {
                None => NOTHING,
                Some(single) if ((single & !NEGATED) as usize) < table => *single,
                Some(sum) => {
                    arena.keep(*sum, place);
                    place += 1;
                    (place - 1) as u32 | sum & NEGATED
                }
            });
        }
        arena.forget(scratch);
        (first_bucket, first) = (chunk.end, first + count);
    }
    sums
}

/// The next buckets that are summed together; at least one.
fn next_chunk(lengths: &[u32], start: usize) -> Option<Range<usize>> {
    let rest = lengths.get(start..).filter(|rest| !rest.is_empty())?;
    let mut count = 0;
    let more = rest.iter().take_while(|length| {
        count += **length as usize;
        count <= FILLED_AT_ONCE
    });
    let more = more.count().max(1);
    Some(start..start + more)
}

/// What a window's weighed sum is made of: points and the powers of two they count, from the window's first bit on.
pub(super) struct Weighed {
    pub(super) window: usize,
    pub(super) parts: Vec<(u32, u32)>,
}

/// Weighs the buckets that [`fill`] made of these windows.
///
/// With j counted from 0, sum((j + 1) B_j) is sum(B_j) + sum(j B_j); and sum(j B_j) is the sum of the odd ones, and twice
/// the same of the sums of neighbours: that is halved until one is left, which is the sum of all. These are as many
/// additions as running sums take, but all of one round are independent of each other.
pub(super) fn weigh<C: Curve, F: VectorField>(
    field: F,
    arena: &mut Arena<F>,
    windows: &[usize],
    buckets: &[u32],
    width: u32,
    mut take: impl FnMut(&Arena<F>, Weighed),
) {
    let per_window = 1 << (width - 1);
    let at_once = (WEIGHED_AT_ONCE / per_window).max(1);
    let scratch = arena.mark();
    for (windows, buckets) in windows.chunks(at_once).zip(buckets.chunks(at_once * per_window)) {
        let mut lists = buckets.to_vec();
        let (mut odd, mut lengths) = (Vec::with_capacity(lists.len()), Vec::new());
        for _ in 1..width {
            for list in lists.chunks(lists.len() / windows.len()) {
                let start = odd.len();
                odd.extend(list.iter().skip(1).step_by(2).filter(|reference| **reference != NOTHING));
                lengths.push((odd.len() - start) as u32);
            }
            arena.halve::<C>(field, &mut lists);
        }
        arena.sum_segments::<C>(field, &mut odd, &mut lengths);
        let mut weighed: Vec<_> = windows.iter().map(|window| Weighed { window: *window, parts: Vec::new() }).collect();
        let mut odd = odd.into_iter();
        for (index, length) in lengths.iter().enumerate() {
            let (bit, window) = (index / windows.len(), index % windows.len());
            weighed[window].parts.extend(odd.by_ref().take(*length as usize).map(|sum| (sum, bit as u32)));
        }
        for (mut weighed, all) in weighed.into_iter().zip(lists) {
            if all != NOTHING {
                weighed.parts.push((all, 0));
            }
            take(arena, weighed);
        }
        arena.forget(scratch);
    }
}
