//! The points of a sum, in one memory, and the references to them.

use super::pairs::add_pairs;
use crate::{Curve, field::VectorField};
use alloc::vec::Vec;

/// The bit of a reference that asks for the opposite of the point. The others are its index.
pub(super) const NEGATED: u32 = 1 << 31;
/// No point: the identity.
pub(super) const NOTHING: u32 = u32::MAX;
/// Two elements that fill up pairs where a vector has more lanes. They have different x, and nobody looks at the sum.
pub(super) const PADDING: [u32; 2] = [0, 1];
/// Where points begin.
pub(super) const FIRST: usize = 2;

/// Pairs that are copied at a time: mostly more than there are left of a segment, but copying them takes no decision that a
/// processor could foresee wrongly.
const ROW: usize = 8;

/// Points, and room for additions.
#[derive(Clone)]
pub(super) struct Arena<F: VectorField> {
    pub(super) points: Vec<[F::Packed; 2]>,
    /// What is added; there may be more of them than are meant.
    pub(super) pairs: Vec<[u32; 2]>,
    pub(super) runs: Vec<F::Loose>,
    pub(super) products: Vec<F::Vector>,
    pub(super) marks: Vec<u8>,
    pub(super) vanished: Vec<u32>,
    /// References while they are replaced.
    replaced: Vec<u32>,
    /// Where sums may be written.
    free: usize,
}

impl<F: VectorField> Arena<F> {
    /// Of points from [`FIRST`] on; the padding is put in front of them here.
    pub(super) fn new(mut points: Vec<[F::Packed; 2]>) -> Self {
        let zero = F::Packed::default();
        points[0] = [zero, zero];
        points[1] = [F::from_u64(1), zero];
        let free = points.len();
        Self {
            points,
            pairs: Vec::new(),
            runs: Vec::new(),
            products: Vec::new(),
            marks: Vec::new(),
            vanished: Vec::new(),
            replaced: Vec::new(),
            free,
        }
    }

    /// Where sums are written next.
    pub(super) fn mark(&self) -> usize {
        self.free
    }

    /// Forgets every sum from there on.
    pub(super) fn forget(&mut self, mark: usize) {
        self.free = mark;
    }

    /// Takes so many places for points that are put there by [`Self::keep`].
    pub(super) fn reserve(&mut self, count: usize) -> usize {
        let start = self.free;
        self.free += count;
        if self.points.len() < self.free {
            self.points.resize(self.free, [F::Packed::default(); 2]);
        }
        start
    }

    /// Copies a point to a place.
    pub(super) fn keep(&mut self, reference: u32, place: usize) {
        self.points[place] = self.points[(reference & !NEGATED) as usize];
    }

    /// A point's coordinates, 32 bytes big-endian each, and whether the opposite is meant.
    pub(super) fn coordinates(&self, reference: u32) -> ([[u8; 32]; 2], bool) {
        let [x, y] = &self.points[(reference & !NEGATED) as usize];
        ([F::to_bytes(x), F::to_bytes(y)], reference & NEGATED != 0)
    }

    /// Adds the first pairs of [`Self::pairs`], so many.
    fn add<C: Curve>(&mut self, field: F, count: usize) {
        let to = self.free;
        self.free += count;
        add_pairs::<C, F>(field, self, count, to);
    }

    /// Sums each segment of the references, `lengths` of them on end, in rounds of neighbours; leaves one reference or none a
    /// segment, and says so in its length.
    pub(super) fn sum_segments<C: Curve>(&mut self, field: F, references: &mut Vec<u32>, lengths: &mut [u32]) {
        loop {
            let first = self.free as u32;
            let count = self.pair_up(first, references, lengths);
            if count == 0 {
                return;
            }
            self.add::<C>(field, count);
            if !self.vanished.is_empty() {
                self.leave_out_vanished(first, references, lengths);
            }
        }
    }

    /// Makes pairs of neighbours, and puts references to their sums, from `first` on, in their place; how many they are.
    fn pair_up(&mut self, first: u32, references: &mut Vec<u32>, lengths: &mut [u32]) -> usize {
        let enough = references.len() + 2 * ROW;
        references.resize(enough, 0);
        self.replaced.resize(enough.max(self.replaced.len()), 0);
        self.pairs.resize(enough.max(self.pairs.len()), [0; 2]);
        let (mut from, mut to, mut count) = (0, 0, 0);
        for length in lengths {
            let (segment, pairs) = (*length as usize, *length as usize / 2);
            for row in (0..pairs).step_by(ROW) {
                let (neighbours, _) = references[from + 2 * row..][..2 * ROW].as_chunks::<2>();
                self.pairs[count + row..][..ROW].copy_from_slice(neighbours);
                let sum = first.wrapping_add((count + row) as u32);
                let replaced = &mut self.replaced[to + row..][..ROW];
                for ((index, reference), [left, _]) in (0..ROW as u32).zip(replaced).zip(neighbours) {
                    *reference = sum_reference(sum.wrapping_add(index), *left);
                }
            }
            from += segment;
            count += pairs;
            to += pairs;
            // What is left over, or else something that is written over next.
            self.replaced[to] = references[from.saturating_sub(1)];
            to += segment % 2;
            *length = (pairs + segment % 2) as u32;
        }
        references.clear();
        references.extend_from_slice(&self.replaced[..to]);
        count
    }

    /// Takes the sums that are the identity out of the references.
    #[cold]
    fn leave_out_vanished(&self, first: u32, references: &mut Vec<u32>, lengths: &mut [u32]) {
        let mut vanished = self.vanished.iter().map(|pair| first + pair).peekable();
        let (mut from, mut to) = (0, 0);
        for length in lengths {
            let start = to;
            for _ in 0..*length {
                let reference = references[from];
                references[to] = reference;
                to += usize::from(vanished.next_if_eq(&(reference & !NEGATED)).is_none());
                from += 1;
            }
            *length = (to - start) as u32;
        }
        references.truncate(to);
    }

    /// Adds neighbours, either of which may be [`NOTHING`], and halves the list.
    pub(super) fn halve<C: Curve>(&mut self, field: F, references: &mut Vec<u32>) {
        let first = self.free as u32;
        let most = references.len() / 2;
        self.pairs.resize(most.max(self.pairs.len()), [0; 2]);
        let mut count = 0;
        for index in 0..most {
            let (left, right) = (references[2 * index], references[2 * index + 1]);
            self.pairs[count] = [left, right];
            references[index] = if left == NOTHING {
                right
            } else if right == NOTHING {
                left
            } else {
                count += 1;
                sum_reference(first + count as u32 - 1, left)
            };
        }
        references.truncate(most);
        self.add::<C>(field, count);
        let mut vanished = self.vanished.iter().map(|pair| first + pair).peekable();
        if vanished.peek().is_some() {
            for reference in references.iter_mut() {
                if vanished.next_if_eq(&(*reference & !NEGATED)).is_some() {
                    *reference = NOTHING;
                }
            }
        }
    }
}

/// What a sum is referred to by, given the reference to what stood left: the opposites are added where that is the opposite.
#[inline(always)]
fn sum_reference(sum: u32, left: u32) -> u32 {
    sum | left & NEGATED
}
