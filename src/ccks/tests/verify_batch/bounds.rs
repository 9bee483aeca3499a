//! What false claims cost.

use super::world::{Fault, Owned, World};
use symbolon_ccks::{Bound, P256};

/// A batch of several sources, of which some claims are false.
fn batch(world: &mut World<P256>, sources: u32, each: usize, is_false: impl Fn(u32, usize) -> bool) -> Vec<Owned> {
    let places = (0..sources).flat_map(|source| (0..each).map(move |place| (source, place)));
    let claim = |(source, place): (u32, usize)| {
        let fault = if is_false(source, place) { Fault::Response } else { Fault::None };
        Owned { source, ..world.claim(place, fault) }
    };
    places.map(claim).collect()
}

#[test]
fn one_false_claim_costs_two_passes() {
    let mut world = World::<P256>::new(8);
    for place in [0, 77, 127] {
        let claims = batch(&mut world, 1, 128, |_, at| at == place);
        let (_, work) = world.verify_both_ways(&claims, Bound::default());
        assert!(work.places <= 3 * 128, "{place}: {work:?}");
        assert!((1..=4).contains(&work.singles), "{place}: {work:?}");
    }
}

#[test]
fn a_source_pays_for_itself_alone() {
    let mut world = World::<P256>::new(8);
    // All claims of the third source are false: the others are told apart from it, and not verified one by one.
    let claims = batch(&mut world, 8, 16, |source, _| source == 2);
    for passes in [0, 1, 3] {
        let (_, work) = world.verify_both_ways(&claims, Bound::passes(passes));
        assert_eq!(work.singles, 16, "{passes}: {work:?}");
        // Three levels of sources, two halves each, and what is left of the third.
        let halves = 128 + 64 + 32;
        assert!(work.places <= 128 + halves + 16 * (u64::from(passes) + 1), "{passes}: {work:?}");
    }
}

#[test]
fn sources_may_be_given_in_any_order() {
    let mut world = World::<P256>::new(8);
    let mut claims = batch(&mut world, 4, 8, |source, place| source == 1 && place == 3);
    claims.sort_by_key(|claim| claim.message);
    let (_, work) = world.verify_both_ways(&claims, Bound::ONE_BY_ONE);
    assert_eq!(work.singles, 8, "{work:?}");
}

#[test]
fn nobody_makes_more_work_than_the_bound() {
    let mut world = World::<P256>::new(8);
    for every in [1, 3, 16] {
        let claims = batch(&mut world, 1, 48, |_, place| place % every == 0);
        for passes in [0, 1, 2, 5] {
            let (_, work) = world.verify_both_ways(&claims, Bound::passes(passes));
            assert!(work.places <= 48 * (u64::from(passes) + 1), "{every} {passes}: {work:?}");
            assert!(work.singles <= 48, "{every} {passes}: {work:?}");
        }
    }
    // With no false claim the bound is never asked.
    let claims = batch(&mut world, 3, 16, |_, _| false);
    let (_, work) = world.verify_both_ways(&claims, Bound::ONE_BY_ONE);
    assert_eq!((work.equations, work.places, work.singles), (1, 48, 0));
}
