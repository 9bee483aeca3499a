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

/// Points, and room for additions.
#[derive(Clone)]
pub(super) struct Arena<F: VectorField> {
    pub(super) points: Vec<[F::Packed; 2]>,
    pub(super) left: Vec<u32>,
    pub(super) right: Vec<u32>,
    pub(super) products: Vec<F::Vector>,
    pub(super) marks: Vec<u8>,
    pub(super) vanished: Vec<u32>,
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
            left: Vec::new(),
            right: Vec::new(),
            products: Vec::new(),
            marks: Vec::new(),
            vanished: Vec::new(),
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

    /// Adds the pairs of [`Self::left`] and [`Self::right`]; the first sum's reference.
    fn add<C: Curve>(&mut self, field: F) -> u32 {
        let to = self.free;
        self.free += self.left.len();
        add_pairs::<C, F>(field, self, to);
        to as u32
    }

    /// Sums each segment of the references, `lengths` of them on end, in rounds of neighbours; leaves one reference or none a
    /// segment, and says so in its length.
    pub(super) fn sum_segments<C: Curve>(&mut self, field: F, references: &mut Vec<u32>, lengths: &mut [u32]) {
        while self.pair_up(references, lengths) {
            let first = self.add::<C>(field);
            self.replace(first, references, lengths);
        }
    }

    /// Makes pairs of neighbours; whether there are any.
    fn pair_up(&mut self, references: &[u32], lengths: &[u32]) -> bool {
        self.left.clear();
        self.right.clear();
        let mut rest = references;
        for length in lengths {
            let (segment, others) = rest.split_at(*length as usize);
            for [left, right] in segment.as_chunks().0 {
                self.left.push(*left);
                self.right.push(*right);
            }
            rest = others;
        }
        !self.left.is_empty()
    }

    /// Puts the sums, from reference `first` on, in the place of what was added.
    fn replace(&mut self, first: u32, references: &mut Vec<u32>, lengths: &mut [u32]) {
        let (mut sum, mut from, mut to) = (first, 0, 0);
        let mut vanished = self.vanished.iter().map(|pair| first + pair).peekable();
        for length in lengths {
            let start = to;
            for _ in 0..*length / 2 {
                references[to] = sum;
                to += usize::from(vanished.next_if_eq(&sum).is_none());
                sum += 1;
            }
            from += *length as usize;
            if *length % 2 == 1 {
                references[to] = references[from - 1];
                to += 1;
            }
            *length = (to - start) as u32;
        }
        references.truncate(to);
    }

    /// Adds neighbours, either of which may be [`NOTHING`], and halves the list.
    pub(super) fn halve<C: Curve>(&mut self, field: F, references: &mut Vec<u32>) {
        self.left.clear();
        self.right.clear();
        for [left, right] in references.as_chunks().0 {
            if *left != NOTHING && *right != NOTHING {
                self.left.push(*left);
                self.right.push(*right);
            }
        }
        let first = self.add::<C>(field);
        let mut sum = first;
        let mut vanished = self.vanished.iter().map(|pair| first + pair).peekable();
        let mut halves = Vec::with_capacity(references.len() / 2);
        for [left, right] in references.as_chunks().0 {
            halves.push(if *left == NOTHING {
                *right
            } else if *right == NOTHING {
                *left
            } else {
                let own = if vanished.next_if_eq(&sum).is_some() { NOTHING } else { sum };
                sum += 1;
                own
            });
        }
        *references = halves;
    }
}
