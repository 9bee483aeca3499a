//! How a sum is made: what each way would cost.
//!
//! The unit is a hundredth of one lane's field multiplication. Constants that are not counts of multiplications are estimates, but
//! for a bucket's, which was fitted; they need not be right: a wrong one costs time alone.

use super::number::{Factor, bits, windows};

/// An addition of buckets: five products and a square, and about as much for references, loading and storing as two more.
const ADDITION: usize = 800;
/// A bucket, beside what is added: it is counted, looked at in every round, and copied, and its sums fall out of caches. With this
/// the width is one of the quickest measured for P-256, portable and on IFMA, of 192, 900, 3,072 and 9,216 terms.
const BUCKET: usize = 800;
/// A digit that is cut and sorted.
const DIGIT: usize = 40;
/// An inversion and a round's beginning.
const ROUND: usize = 60_000;
/// Doublings and additions of single points at the end, a bit.
const FINAL_BIT: usize = 2_200;

/// An addition in Jacobian coordinates.
const MIXED_ADDITION: usize = 1_200;
/// A doubling.
const DOUBLING: usize = 850;

/// A way.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Plan {
    /// Digits of few bits with zeros between, and one chain of doublings.
    Interleaved,
    /// Buckets for digits of so many bits.
    Buckets { width: u32, windows: usize },
}

impl Plan {
    /// The cheapest for these factors.
    pub(super) fn of(factors: &[Factor]) -> Self {
        let mut counts = [0usize; 257];
        factors.iter().for_each(|factor| counts[bits(&factor.magnitude) as usize] += 1);
        let longest = counts.iter().rposition(|count| *count != 0).unwrap_or(0) as u32;
        let mut at_least = counts;
        for bits in (0..256).rev() {
            at_least[bits] += at_least[bits + 1];
        }
        let interleaved = (interleaved_cost(&counts, longest), Self::Interleaved);
        let buckets = (4..=15).map(|width| {
            (buckets_cost(&at_least, longest, width), Self::Buckets { width, windows: windows(longest, width) })
        });
        buckets.chain([interleaved]).min_by_key(|(cost, _)| *cost).map_or(Self::Interleaved, |(_, plan)| plan)
    }
}

/// One addition of `WIDTH + 1` bits, and the odd multiples, which are as many additions.
fn interleaved_cost(counts: &[usize; 257], longest: u32) -> usize {
    let additions =
        counts.iter().zip(0..).map(|(count, bits)| count * ((bits + 1usize).div_ceil(6) + 9)).sum::<usize>();
    additions * MIXED_ADDITION + longest as usize * DOUBLING
}

/// Given how many factors have at least so many bits.
fn buckets_cost(at_least: &[usize; 257], longest: u32, width: u32) -> usize {
    let buckets = 1usize << (width - 1);
    // Of each window its entries, the lowest first: all factors that are long enough.
    let mut total = 0;
    let mut rounds = 2 * width as usize;
    for window in 0..windows(longest, width) {
        let entries = at_least[window * width as usize];
        let filled = entries.min(buckets);
        // Each but the first of a bucket is added; weighing adds each bucket twice.
        total += (entries - filled + 2 * filled) * ADDITION + entries * DIGIT + buckets * BUCKET;
        rounds = rounds.max(2 * width as usize + (entries / buckets).max(1).ilog2() as usize + 2);
    }
    total + rounds * ROUND + longest as usize * FINAL_BIT
}
