//! Verifying many signatures at once says of each what verifying it alone says, whatever is among them.

#![allow(clippy::unwrap_used, reason = "a test panics where it fails")]

mod allocations;
mod bounds;
mod positions;
mod world;

use allocations::no_memory_a_claim;
use positions::one_false_claim_is_found_anywhere;
use proptest::prelude::*;
use symbolon_ccks::*;
use world::{Fault, Owned, Shown, World};

/// So many signers make a batch that sums the matrix by its cells.
const MANY: usize = 340;

/// A test of each suite.
macro_rules! of_both_suites {
    ($($test:ident),*) => {
        mod p256 { $(#[test] fn $test() { super::$test::<symbolon_ccks::P256>(); })* }
        mod secp256k1 { $(#[test] fn $test() { super::$test::<symbolon_ccks::Secp256k1>(); })* }
    };
}

of_both_suites!(
    every_fault_is_found_wherever_it_is,
    many_signers_are_verified_by_the_cells,
    faults_that_cancel_are_found,
    nothing_and_little,
    no_memory_a_claim,
    one_false_claim_is_found_anywhere,
    mixtures
);

fn every_fault_is_found_wherever_it_is<S: Shown>() {
    let mut world = World::<S>::new(6);
    for (index, fault) in Fault::ALL.into_iter().enumerate() {
        let count = 3 + index % 7;
        // The worst of them everywhere.
        let everywhere = if fault == Fault::Response { 1 } else { (count - 1) / 2 };
        for place in (0..count).step_by(everywhere) {
            let faults = (0..count).map(|at| (at, if at == place { fault } else { Fault::None }));
            world.check(&faults.collect::<Vec<_>>(), Bound::default());
        }
        // All of them, by all and by one.
        world.check(&(0..count).map(|at| (at, fault)).collect::<Vec<_>>(), Bound::default());
        world.check(&vec![(0, fault); count], Bound::default());
    }
}

fn many_signers_are_verified_by_the_cells<S: Shown>() {
    let mut world = World::<S>::new(MANY);
    let good = (0..MANY + 20).map(|holder| world.good(holder)).collect::<Vec<_>>();
    let (verdicts, work) = world.verify_both_ways(&good, Bound::default());
    assert!(verdicts.iter().all(|verdict| *verdict));
    assert_eq!(work, Work { equations: 1, places: good.len() as u64, singles: 0 });
    let mut holds = verdicts;
    let mut claims = good;
    let faults = [Fault::OtherHints, Fault::CommitmentOffCurve, Fault::OtherAuthority, Fault::Response];
    for (quarter, fault) in faults.into_iter().enumerate() {
        let [at] = world.bytes::<1>();
        let at = quarter * 64 + usize::from(at) % 64;
        claims[at] = world.claim(at, fault);
        if !fault.holds() {
            holds[at] = false;
        }
    }
    assert_eq!(world.verify_both_ways(&claims, Bound::default()).0, holds);
}

/// What adding up without coefficients, or with those of a batch that is known, would let pass.
fn faults_that_cancel_are_found<S: Shown>() {
    let mut world = World::<S>::new(4);
    let add = |claim: &Owned, number: S::Scalar| {
        let response = S::decode_scalar(claim.signature.response()).unwrap() + number;
        claim.patched(&[(33, S::encode_scalar(&response).as_slice())], &[])
    };
    for count in [2, 6, 17] {
        let good = (0..count).map(|holder| world.good(holder)).collect::<Vec<_>>();
        let number = S::Scalar::from(7u64);
        // z of one up by what z of the other is down; then two and two.
        let mut claims = good.clone();
        claims[0] = add(&claims[0], number);
        claims[count - 1] = add(&claims[count - 1], -number);
        let (verdicts, _) = world.verify_both_ways(&claims, Bound::default());
        assert_eq!(verdicts.iter().filter(|verdict| **verdict).count(), count - 2);
        // One claim many times over, false by the same.
        let claims = vec![add(&good[0], number); count];
        let (verdicts, _) = world.verify_both_ways(&claims, Bound::default());
        assert_eq!(verdicts, vec![false; count]);
        // R of two exchanged; z too; and then the messages, so that it is two whole signatures that are.
        let exchanged = |first: &Owned, second: &Owned, from: usize, to: usize| {
            first.patched(&[(from, &second.signature.as_bytes()[from..to])], &[])
        };
        for (from, to) in [(0, 33), (33, 65), (0, 65)] {
            let mut claims = good.clone();
            claims[0] = exchanged(&good[0], &good[1], from, to);
            claims[1] = exchanged(&good[1], &good[0], from, to);
            let (verdicts, _) = world.verify_both_ways(&claims, Bound::default());
            assert_eq!(verdicts.iter().filter(|verdict| **verdict).count(), count - 2);
        }
    }
}

fn nothing_and_little<S: Shown>() {
    let mut world = World::<S>::new(3);
    assert_eq!(world.check(&[], Bound::default()), Work::default());
    for fault in Fault::ALL {
        world.check(&[(0, fault)], Bound::default());
        world.check(&[(1, fault), (1, fault)], Bound::default());
    }
    // The same claim many times, and one holder's many claims.
    let good = world.good(0);
    let (verdicts, work) = world.verify_both_ways(&[good; 30], Bound::default());
    assert_eq!((verdicts, work.equations), (vec![true; 30], 1));
    assert_eq!(world.check(&[(1, Fault::None); 30], Bound::default()).equations, 1);
}

fn mixtures<S: Shown>() {
    let fault = prop_oneof![Just(Fault::None), proptest::sample::select(&Fault::ALL)];
    let mixture = (proptest::collection::vec((0usize..8, fault, 0u32..4), 0..24), 0u8..6);
    let world = std::cell::RefCell::new(World::<S>::new(8));
    proptest!(ProptestConfig::with_cases(25), |((claims, passes) in mixture)| {
        let mut world = world.borrow_mut();
        let made = claims.iter().map(|(holder, fault, source)| {
            Owned { source: *source, ..world.claim(*holder, *fault) }
        });
        let made = made.collect::<Vec<_>>();
        let (verdicts, _) = world.verify_both_ways(&made, Bound::passes(passes));
        for (verdict, (_, fault, _)) in verdicts.iter().zip(&claims) {
            prop_assert_eq!(*verdict, fault.holds());
        }
    });
}
