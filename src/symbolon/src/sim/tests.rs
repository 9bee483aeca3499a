//! Cities that live, the same city twice, and cities in which something is wrong.

use super::{Failure, Lived, city::Size, simulate, wires::Tampering};
use std::{
    sync::atomic::{AtomicU64, Ordering},
    thread,
    time::Instant,
};

const SMALL: Size = Size { cards: 3, terminals: 1 };
/// Seeds of the long campaign, and how many days each lives.
const MANY: u64 = 1_000;
const MANY_DAYS: u64 = 2;

fn lived(seed: u64, days: u64, size: Size) -> Lived {
    simulate(seed, days, size, None).unwrap_or_else(|failure| panic!("{failure}"))
}

#[test]
fn cities_live_and_all_is_as_it_must_be() {
    let (mut accepted, mut cuts) = (0, 0);
    for seed in 1..=3 {
        let lived = lived(seed, 2, SMALL);
        assert!(lived.arrived >= lived.accepted);
        accepted += lived.accepted;
        cuts += lived.counts.counts.get("power_cuts").copied().unwrap_or_default();
    }
    assert!(accepted > 20, "{accepted} taps were accepted");
    assert!(cuts > 3, "the power failed {cuts} times");
}

#[test]
fn a_seed_gives_the_same_city_twice_and_another_seed_another() {
    let (first, second, other) = (lived(7, 1, SMALL), lived(7, 1, SMALL), lived(8, 1, SMALL));
    let parted = first.lines.iter().zip(&second.lines).find(|(first, second)| first != second);
    assert_eq!(parted, None, "where the logs part");
    assert_eq!((&first.digest, first.steps), (&second.digest, second.steps));
    assert_ne!(first.digest, other.digest);
}

/// The first failure of some cities in which something is wrong.
fn first_failure(tampering: Tampering) -> Box<Failure> {
    let failures = (1..=8).filter_map(|seed| simulate(seed, 2, SMALL, Some(tampering)).err());
    failures.into_iter().next().unwrap_or_else(|| panic!("{tampering:?} was not noticed"))
}

#[test]
fn what_goes_wrong_is_noticed_and_told() {
    let expected = [
        (Tampering::PostTwice, "must have"),
        (Tampering::PostNothing, "must have"),
        (Tampering::LoseJournal, "lost a tap"),
        (Tampering::SuspendNobody, "the card is Active after misuse"),
    ];
    for (tampering, what) in expected {
        let failure = first_failure(tampering);
        assert!(failure.what.contains(what), "{tampering:?}: {failure}");
        let told = failure.to_string();
        assert!(told.contains(&format!("seed {}, day {}, step {}", failure.seed, failure.day, failure.step)), "{told}");
        assert!(!failure.last.is_empty());
        let again = simulate(failure.seed, 2, SMALL, Some(tampering)).unwrap_err();
        assert_eq!((again.step, again.what, again.last), (failure.step, failure.what, failure.last), "{tampering:?}");
    }
}

#[test]
#[ignore = "a thousand cities take minutes: run by cargo xtask test --long"]
fn a_thousand_cities_live() {
    let begun = Instant::now();
    let (next, accepted, steps) = (AtomicU64::new(1), AtomicU64::new(0), AtomicU64::new(0));
    let live = || {
        loop {
            let seed = next.fetch_add(1, Ordering::SeqCst);
            if seed > MANY {
                return;
            }
            let size = Size { cards: 2 + (seed % 4) as u8, terminals: 1 + (seed % 2) as u8 };
            let lived = lived(seed, MANY_DAYS, size);
            accepted.fetch_add(lived.accepted, Ordering::SeqCst);
            steps.fetch_add(lived.steps, Ordering::SeqCst);
        }
    };
    let threads = thread::available_parallelism().map_or(1, usize::from);
    thread::scope(|scope| (0..threads).for_each(|_| drop(scope.spawn(live))));
    let (accepted, steps) = (accepted.into_inner(), steps.into_inner());
    println!("{MANY} seeds, {steps} steps, {accepted} accepted taps, {:.0} s", begun.elapsed().as_secs_f64());
    assert!(accepted > 10 * MANY);
}
