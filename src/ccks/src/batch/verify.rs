//! Verifying many signatures at once.
//!
//! A signature of a credential verifies when `zG = R + cQ`, with `Q = e*P + D` and D the sum of 64 points of the matrix.
//! Many of these equations, each times a coefficient of its own that nobody can foresee, are one equation, which holds when all of
//! them do and else with a chance of at most 2^-127; and it is one sum of products, in which the matrix's part does not grow with
//! the batch.
//!
//! The verdict on every claim is that of verifying it alone. What [`Authority::verify`] refuses before its equation is refused here
//! before the batch ([`mod@prepare`]); a claim is accepted by an equation, and refused, once in the batch, by itself alone.

mod claim;
mod equation;
mod hashing;
mod matrix;
pub(crate) mod order;
mod prepare;
mod search;

use crate::{Authority, BadSignature, Suite};
use alloc::vec::Vec;
use equation::{Equations, coefficients};
use prepare::prepare;
use search::Search;
use symbolon_multiscalar::Backend;

pub use claim::{Bound, Claim};

/// What verifying a batch took.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Work {
    /// How many equations were tried, the first included.
    pub equations: u64,
    /// In how many places of equations claims were; as many as there are claims when everything holds.
    pub places: u64,
    /// How many claims were verified one by one.
    pub singles: u64,
}

impl<S: Suite> Authority<'_, S> {
    /// Verifies many claims at once: for each what [`Self::verify`] says of it, in their order.
    ///
    /// `random` is 32 fresh random bytes, for this call alone: whoever makes the claims must not foresee them. At most 2^32 - 1
    /// claims are verified; of more, all are refused.
    pub fn verify_batch(&self, claims: &[Claim<'_>], random: &[u8; 32], bound: Bound) -> Vec<Result<(), BadSignature>> {
        self.verify_batch_with(Backend::best(), claims, random, bound).0
    }

    /// [`Self::verify_batch`] by this arithmetic, where the processor has it, and what it took.
    pub fn verify_batch_with(
        &self,
        backend: Backend,
        claims: &[Claim<'_>],
        random: &[u8; 32],
        bound: Bound,
    ) -> (Vec<Result<(), BadSignature>>, Work) {
        if u32::try_from(claims.len()).is_err() {
            return (alloc::vec![Err(BadSignature); claims.len()], Work::default());
        }
        let (holders, mut records) = prepare(backend, self, claims);
        if !records.is_sorted_by_key(|record| claims[record.claim].source) {
            records.sort_by_key(|record| claims[record.claim].source);
        }
        let equations = Equations::new(backend, self, claims, holders, random);
        Search::new(self, claims, &records, equations, bound).run()
    }

    /// The coefficients of one equation of all these claims under a secret, 128 bits each, for whoever compares another
    /// implementation with this one. Claims that are not well formed have none.
    pub fn batch_coefficients(&self, claims: &[Claim<'_>], secret: &[u8; 32]) -> Vec<u128> {
        let (_, records) = prepare(Backend::best(), self, claims);
        let mut coefficients = coefficients(claims, &records, secret);
        (0..records.len() as u32).map(|index| coefficients.at(index)).collect()
    }
}
