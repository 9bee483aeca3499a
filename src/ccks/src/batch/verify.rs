//! Verifying many signatures at once.

mod claim;

use crate::{Authority, BadSignature, Suite};
use alloc::vec::Vec;

pub use claim::{Bound, Claim};

impl<S: Suite> Authority<'_, S> {
    /// Verifies many claims at once: for each what [`Self::verify`] says of it, in their order.
    ///
    /// `random` is 32 fresh random bytes, for this call alone: whoever signs must not foresee them.
    pub fn verify_batch(&self, claims: &[Claim<'_>], random: &[u8; 32], bound: Bound) -> Vec<Result<(), BadSignature>> {
        let (_, _) = (random, bound);
        claims
            .iter()
            .map(|claim| self.verify(claim.signer(), claim.purpose, claim.message(), claim.signature))
            .collect()
    }
}
