//! Finding the false claims of a batch that fails.

use super::{Bound, Claim, Work, equation::Equations, prepare::Record};
use crate::{Authority, BadSignature, Suite};
use alloc::{collections::BTreeMap, vec::Vec};
use core::ops::Range;

/// So few are verified one by one: halving them further costs more.
const SINGLE: usize = 4;

/// What is known of records, and what may still be spent to know more.
pub(super) struct Search<'b, S: Suite> {
    authority: &'b Authority<'b, S>,
    claims: &'b [Claim<'b>],
    /// Sorted by their sources.
    records: &'b [Record<S>],
    equations: Equations<'b, S>,
    /// Of each source in how many more places of equations its claims may be.
    left: BTreeMap<u32, u64>,
    /// One a claim; false until it is known to hold.
    verdicts: Vec<Result<(), BadSignature>>,
    work: Work,
}

impl<'b, S: Suite> Search<'b, S> {
    pub(super) fn new(
        authority: &'b Authority<'b, S>,
        claims: &'b [Claim<'b>],
        records: &'b [Record<S>],
        equations: Equations<'b, S>,
        bound: Bound,
    ) -> Self {
        let mut left = BTreeMap::new();
        for record in records {
            *left.entry(claims[record.claim].source).or_insert(0) += u64::from(bound.passes);
        }
        let verdicts = alloc::vec![Err(BadSignature); claims.len()];
        Self { authority, claims, records, equations, left, verdicts, work: Work::default() }
    }

    /// Verifies all records, and gives a verdict a claim.
    ///
    /// Halves of what fails are tried level by level, so that a bound that is reached leaves small pieces everywhere, and not
    /// half of the batch untouched. Where the first half of a piece that failed holds, the second fails without being tried.
    pub(super) fn run(mut self) -> (Vec<Result<(), BadSignature>>, Work) {
        let all = 0..self.records.len();
        let mut level = alloc::vec![all];
        while !level.is_empty() {
            let mut next = Vec::new();
            for siblings in level.chunks(2) {
                let mut first_holds = false;
                for range in siblings {
                    match if first_holds { Some(false) } else { self.try_all(range) } {
                        Some(true) => {
                            self.accept(range);
                            first_holds = true;
                        }
                        Some(false) if range.len() > SINGLE => next.extend(self.halves(range)),
                        _ => self.verify_alone(range),
                    }
                }
            }
            level = next;
        }
        (self.verdicts, self.work)
    }

    /// Whether all records of a range hold; `None` when that is to be found out one by one.
    fn try_all(&mut self, range: &Range<usize>) -> Option<bool> {
        if range.is_empty() {
            return None;
        }
        let source = |index: usize| Some(self.claims[self.records.get(index)?.claim].source);
        let first = source(range.start);
        // A piece of one source. Telling whole sources apart takes log2 of their number in passes at most, whoever is to blame,
        // and is not counted.
        if first == source(range.end - 1)
            && (first == source(range.end) || first == source(range.start.wrapping_sub(1)))
        {
            let left = self.left.get_mut(&first?)?;
            *left = left.checked_sub(range.len() as u64)?;
        }
        let records = &self.records[range.clone()];
        self.work.equations += 1;
        self.work.places += records.len() as u64;
        self.equations.holds(records)
    }

    fn accept(&mut self, range: &Range<usize>) {
        for record in &self.records[range.clone()] {
            self.verdicts[record.claim] = Ok(());
        }
    }

    fn verify_alone(&mut self, range: &Range<usize>) {
        self.work.singles += range.len() as u64;
        for record in &self.records[range.clone()] {
            let Claim { purpose, signature, .. } = self.claims[record.claim];
            let claim = &self.claims[record.claim];
            self.verdicts[record.claim] = self.authority.verify(claim.signer(), purpose, claim.message(), signature);
        }
    }

    /// Two halves; of several sources, where one ends, as near to the middle as it can be.
    fn halves(&self, range: &Range<usize>) -> [Range<usize>; 2] {
        let records = &self.records[range.clone()];
        let source = |index: usize| self.claims[records[index].claim].source;
        let middle = records.len() / 2;
        let before = (1..=middle).rev().find(|index| source(*index) != source(*index - 1));
        let after = (middle..records.len()).find(|index| source(*index) != source(*index - 1));
        let nearest = [before, after].into_iter().flatten().min_by_key(|index| index.abs_diff(middle));
        let middle = range.start + nearest.unwrap_or(middle);
        [range.start..middle, middle..range.end]
    }
}
