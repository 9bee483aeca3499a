//! One equation for many records:
//! sum(w z) G = sum(w R) + sum(w c e) P + sum over the matrix's cells of (sum of the w c that use it) cell.

use super::{
    Claim,
    hashing::{Coefficients, Transcript},
    matrix::matrix_points,
    order::{LooseSum, WideSum, Words, bytes},
    prepare::{Holder, Record, transcript_parts},
};
use crate::{Authority, COLUMNS, ROWS, Suite, hash::sha256};
use alloc::vec::Vec;
use symbolon_multiscalar::{Affine, Backend, Term, sum_with};

/// From so many holders on, the matrix's cells are terms, 1,024 of them however many the holders are; with fewer the
/// points D are, which cost 63 additions each to make ([`matrix_points`]).
const CELLS_FROM: usize = 330;

/// What equations are made of, and room for the next.
pub(super) struct Equations<'b, S: Suite> {
    backend: Backend,
    authority: &'b Authority<'b, S>,
    claims: &'b [Claim<'b>],
    holders: Vec<Holder<S>>,
    generator: Affine<S::PublicCurve>,
    random: &'b [u8; 32],
    tried: u64,
    terms: Vec<Term<S::PublicCurve>>,
    /// Of each holder in the equation the sum of its w c.
    sums: Vec<WideSum>,
    /// Of each holder in which equation it was last, and where among the sums.
    places: Vec<(u64, u32)>,
    /// Which holders the sums are of.
    present: Vec<u32>,
}

impl<'b, S: Suite> Equations<'b, S> {
    pub(super) fn new(
        backend: Backend,
        authority: &'b Authority<'b, S>,
        claims: &'b [Claim<'b>],
        holders: Vec<Holder<S>>,
        random: &'b [u8; 32],
    ) -> Self {
        let places = alloc::vec![(0, 0); holders.len()];
        let generator = Affine::generator();
        let (terms, sums, present) = (Vec::new(), Vec::new(), Vec::new());
        Self { backend, authority, claims, holders, generator, random, tried: 0, terms, sums, places, present }
    }

    /// Whether all records are of signatures that verify, but for a chance of at most 2^-127. `None` when matrix points cannot be
    /// read where they are kept.
    pub(super) fn holds(&mut self, records: &[Record<S>]) -> Option<bool> {
        self.tried += 1;
        let secret = secret(self.random, self.tried);
        self.terms.clear();
        self.sums.clear();
        self.present.clear();
        let responses = self.add_commitments(records, &secret);
        if self.present.len() < CELLS_FROM {
            self.add_holders_with_matrix_points()?;
        } else {
            self.add_holders()?;
        }
        self.add_term(self.generator, &S::ORDER.negated(&responses));
        Some(sum_with(self.backend, 1, &self.terms).is_none())
    }

    fn add_term(&mut self, point: Affine<S::PublicCurve>, scalar: &Words) {
        self.terms.push(Term { point, scalar: bytes(scalar) });
    }

    /// Adds w R for every record, and gathers w c by holder; gives the sum of w z.
    fn add_commitments(&mut self, records: &[Record<S>], secret: &[u8; 32]) -> Words {
        let mut coefficients = coefficients(self.claims, records, secret);
        let mut responses = WideSum::default();
        for (record, index) in records.iter().zip(0u32..) {
            let weight = coefficients.at(index);
            responses.add_product(weight, &record.response);
            let scalar = [weight as u64, (weight >> 64) as u64, 0, 0];
            self.add_term(record.commitment, &scalar);
            let place = &mut self.places[record.holder];
            if place.0 != self.tried {
                *place = (self.tried, self.sums.len() as u32);
                self.sums.push(WideSum::default());
                self.present.push(record.holder as u32);
            }
            self.sums[place.1 as usize].add_product(weight, &record.challenge);
        }
        responses.residue(&S::ORDER)
    }

    /// Adds (sum of w c) e P and (sum of w c) D for every holder.
    fn add_holders_with_matrix_points(&mut self) -> Option<()> {
        self.find_matrix_points()?;
        for place in 0..self.present.len() {
            let challenges = self.sums[place].residue(&S::ORDER);
            let Holder { point, factor, matrix_point, .. } = &self.holders[self.present[place] as usize];
            let (point, matrix_point) = (*point, matrix_point.flatten());
            let scalar = S::ORDER.product(&challenges, factor);
            self.add_term(point, &scalar);
            if let Some(matrix_point) = matrix_point {
                self.add_term(matrix_point, &challenges);
            }
        }
        Some(())
    }

    /// Makes D of those holders in the equation that were in none with so few before.
    fn find_matrix_points(&mut self) -> Option<()> {
        let is_missing = |holder: &u32| self.holders[*holder as usize].matrix_point.is_none();
        let missing = self.present.iter().copied().filter(is_missing).collect::<Vec<_>>();
        let digits = missing.iter().map(|holder| &self.holders[*holder as usize].digits).collect::<Vec<_>>();
        let points = matrix_points(self.backend, self.authority, &digits)?;
        for (holder, point) in missing.into_iter().zip(points) {
            self.holders[holder as usize].matrix_point = Some(point);
        }
        Some(())
    }

    /// Adds (sum of w c) e P for every holder, and of the cells what they come to.
    fn add_holders(&mut self) -> Option<()> {
        let mut cells = alloc::vec![LooseSum::default(); COLUMNS * ROWS];
        for (holder, sum) in self.present.iter().zip(&self.sums) {
            let Holder { point, factor, digits, .. } = &self.holders[*holder as usize];
            let challenges = sum.residue(&S::ORDER);
            let scalar = bytes(&S::ORDER.product(&challenges, factor));
            self.terms.push(Term { point: *point, scalar });
            let halves = LooseSum::halves(&challenges);
            for (columns, pair) in cells.as_chunks_mut::<{ 2 * ROWS }>().0.iter_mut().zip(digits) {
                columns[usize::from(pair >> 4)].add(&halves);
                columns[ROWS + usize::from(pair & 0x0f)].add(&halves);
            }
        }
        for (index, cell) in cells.iter().enumerate() {
            if let Some(scalar) = cell.residue(&S::ORDER) {
                self.add_term(self.authority.public_matrix_cell(index)?, &scalar);
            }
        }
        Some(())
    }
}

/// The secret of one equation: each has its own, all from the one that the caller drew.
fn secret(random: &[u8; 32], equation: u64) -> [u8; 32] {
    sha256(&[b"SYMBOLON-V1-BATCH-SECRET", random, &equation.to_be_bytes()])
}

/// The coefficients of the equation of these records.
pub(super) fn coefficients<S: Suite>(claims: &[Claim<'_>], records: &[Record<S>], secret: &[u8; 32]) -> Coefficients {
    let mut transcript = Transcript::new();
    transcript.add(&(records.len() as u32).to_be_bytes());
    for record in records {
        let (signature, challenge, credential) = transcript_parts(&claims[record.claim], record);
        transcript.add(signature);
        transcript.add(&challenge);
        transcript.add(credential);
    }
    Coefficients::new(secret, &transcript.finish())
}
