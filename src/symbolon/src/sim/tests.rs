//! Cities that live, the same city twice, and cities in which something is wrong.

use super::{Failure, Lived, Plan, city::Size, simulate, wires::Tampering};
use std::{
    sync::atomic::{AtomicU64, Ordering},
    thread,
    time::Instant,
};
use symbolon_ccks::SuiteId::{self, P256Sha256, Secp256k1Sha256};

const SMALL: Size = Size { cards: 3, terminals: 1 };
/// Seeds of the long campaign, and how many days each lives.
const MANY: u64 = 1_000;
const MANY_DAYS: u64 = 2;

/// Some of each come about in a few days, but not all in every city.
const COME_ABOUT: [&str; 5] = ["power_cuts", "rollovers", "terminals_rolled_over", "refunds", "journeys_voided"];

fn plan(seed: u64, days: u64, suite: SuiteId) -> Plan {
    Plan { seed, days, suite, size: SMALL }
}

fn lived(plan: Plan) -> Lived {
    simulate(plan, None).unwrap_or_else(|failure| panic!("{failure}"))
}

#[test]
fn cities_live_and_all_is_as_it_must_be() {
    let (mut accepted, mut counts) = (0, [0; COME_ABOUT.len()]);
    for (seed, suite) in (1..=4).zip([P256Sha256, Secp256k1Sha256].into_iter().cycle()) {
        let lived = lived(plan(seed, 2, suite));
        assert!(lived.arrived >= lived.accepted);
        accepted += lived.accepted;
        for (count, what) in counts.iter_mut().zip(COME_ABOUT) {
            *count += lived.counts.counts.get(what).copied().unwrap_or_default();
        }
    }
    assert!(accepted > 20, "{accepted} taps were accepted");
    assert!(counts.iter().all(|count| *count > 0), "{:?}", COME_ABOUT.iter().zip(counts).collect::<Vec<_>>());
}

#[test]
fn a_seed_gives_the_same_city_twice_and_another_seed_another() {
    let [first, second, other] = [7, 7, 8].map(|seed| lived(plan(seed, 1, P256Sha256)));
    let parted = first.lines.iter().zip(&second.lines).find(|(first, second)| first != second);
    assert_eq!(parted, None, "where the logs part");
    assert_eq!((&first.digest, first.steps), (&second.digest, second.steps));
    assert_ne!(first.digest, other.digest);
}

/// The first failure of some cities in which something is wrong.
fn first_failure(tampering: Tampering) -> Box<Failure> {
    let failures = (1..=8).filter_map(|seed| simulate(plan(seed, 2, P256Sha256), Some(tampering)).err());
    failures.into_iter().next().unwrap_or_else(|| panic!("{tampering:?} was not noticed"))
}

/// Each invariant is broken, and the city says which, where and how to see it again.
#[test]
fn what_goes_wrong_is_noticed_and_told() {
    let expected = [
        (Tampering::PostTwice, " must "),
        (Tampering::PostNothing, " must "),
        (Tampering::LoseJournal, "lost a tap"),
        (Tampering::SuspendNobody, "the card is Active after misuse"),
        (Tampering::ForgetProofs, "there is no proof of misuse"),
        (Tampering::ChangeAmount, "the ledger sums to 7"),
        (Tampering::CreditNothing, "credited"),
        (Tampering::SayRepeated, "said to have come before"),
        (Tampering::ForgetRefunds, " must "),
        (Tampering::ForgetVoids, " must "),
    ];
    for (tampering, what) in expected {
        let failure = first_failure(tampering);
        assert!(failure.what.contains(what), "{tampering:?}: {failure}");
        let (told, seed) = (failure.to_string(), failure.plan.seed);
        assert!(told.contains(&format!("seed {seed}, day {}, step {}", failure.day, failure.step)), "{told}");
        assert!(told.ends_with("--days 2 --cards 3 --terminals 1 --suite P256-SHA256"), "{told}");
        assert!(!failure.last.is_empty());
        let again = simulate(failure.plan, Some(tampering)).unwrap_err();
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
            let size = Size { cards: 2 + (seed % 4) as u8, terminals: 1 + (seed / 2 % 2) as u8 };
            let suite = if seed.is_multiple_of(2) { Secp256k1Sha256 } else { P256Sha256 };
            let lived = lived(Plan { seed, days: MANY_DAYS, suite, size });
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
