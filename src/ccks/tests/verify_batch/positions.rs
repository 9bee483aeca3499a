//! One false claim among many, wherever it is.

use super::world::{Fault, Owned, Shown, World};
use symbolon_ccks::{Backend, Bound, Claim};

/// A batch of so many, of claims that are repeated, in which one is false: at the ends, around the middle, and anywhere.
fn one_is_found<S: Shown>(claims: usize, distinct: usize, anywhere: usize) {
    let mut world = World::<S>::new(16);
    let good = (0..distinct).map(|holder| world.good(holder)).collect::<Vec<_>>();
    assert!(good.iter().all(|claim| claim.verify(&world.authority).is_ok()));
    let mut positions = vec![0, claims / 2 - 1, claims / 2, claims - 1];
    positions.extend((0..anywhere).map(|_| u64::from_be_bytes(world.bytes()) as usize % claims));
    let faults = [Fault::Response, Fault::Message, Fault::OppositePoint, Fault::Commitment];
    for (position, fault) in positions.into_iter().zip(faults.into_iter().cycle()) {
        let bad = world.claim(position, fault);
        let claim = |index: usize| if index == position { &bad } else { &good[index % distinct] };
        let given = (0..claims).map(claim).map(Owned::claim).collect::<Vec<Claim<'_>>>();
        let random = world.bytes();
        let (verdicts, work) = world.authority.verify_batch_with(Backend::best(), &given, &random, Bound::default());
        let refused = (0..claims).filter(|index| verdicts[*index].is_err()).collect::<Vec<_>>();
        assert_eq!(refused, [position], "{fault:?}");
        assert!(work.places <= 3 * claims as u64 && work.singles <= 4, "{position}: {work:?}");
    }
}

pub(crate) fn one_false_claim_is_found_anywhere<S: Shown>() {
    one_is_found::<S>(1_000, 100, 20);
}

#[test]
#[ignore = "takes minutes and a gigabyte of memory"]
fn one_false_claim_in_a_million_is_found() {
    one_is_found::<symbolon_ccks::P256>(1_000_000, 4_096, 4);
}
