//! Memory: a batch's own buffers, and nothing a claim.

use super::world::{Owned, Shown, World};
use std::hint::black_box;
use symbolon_ccks::{Backend, Bound};

/// How often memory is asked for to verify these.
fn allocations<S: Shown>(world: &mut World<S>, backend: Backend, claims: &[Owned]) -> u64 {
    let random = world.bytes();
    let claims = claims.iter().map(Owned::claim).collect::<Vec<_>>();
    let verify = || {
        let (verdicts, _) = world.authority.verify_batch_with(backend, &claims, &random, Bound::default());
        assert!(black_box(verdicts).iter().all(Result::is_ok));
    };
    allocation_counter::measure(verify).count_total
}

/// Twice as many claims take no more buffers, though some of them grow once more, and plans differ by a window or two.
pub(crate) fn no_memory_a_claim<S: Shown>() {
    const MORE: u64 = 64;
    // By points of the matrix, and by its cells.
    for (most, signers) in [(128, 128), (4_096, 1_024)] {
        let mut world = World::<S>::new(signers);
        let claims = (0..most).map(|holder| world.good(holder)).collect::<Vec<_>>();
        for backend in [Backend::Portable, Backend::best()] {
            let half = allocations(&mut world, backend, &claims[..most / 2]);
            let all = allocations(&mut world, backend, &claims);
            assert!(half > 0, "what counts allocations sees none");
            assert!(all <= half + MORE, "{backend:?}: {half} for {}, {all} for {most}", most / 2);
        }
    }
}
