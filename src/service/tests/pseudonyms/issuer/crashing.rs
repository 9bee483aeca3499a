//! Stopped anywhere, the issuer goes on: never two credentials for a commitment, never an unpaid one, never one lost.

use std::{
    collections::BTreeMap,
    future::Future,
    pin::pin,
    task::{Context, Poll},
};

use rand_core::Rng as _;
use symbolon_ccks::P256;
use symbolon_pseudonym::SealedAnswer;
use symbolon_service::links::{IssuerLink as _, ItemOutcome};

use super::{Asked, Bureau, Fault, answer};

/// Lets a future run for so many steps, and then drops it where it is, as a crash does; what it gave when it got there.
async fn run_for<F: Future>(steps: u32, future: F) -> Option<F::Output> {
    let mut future = pin!(future);
    let mut left = steps;
    std::future::poll_fn(|context: &mut Context<'_>| {
        if left == 0 {
            return Poll::Ready(None);
        }
        left -= 1;
        match future.as_mut().poll(context) {
            Poll::Ready(output) => Poll::Ready(Some(output)),
            Poll::Pending if left == 0 => Poll::Ready(None),
            Poll::Pending => Poll::Pending,
        }
    })
    .await
}

/// What was released, by the place of the item; a second release must be of the same bytes.
struct Released(BTreeMap<usize, SealedAnswer>);

impl Released {
    fn note(&mut self, bureau: &Bureau, asked: &[Asked<P256>], outcomes: &[(usize, ItemOutcome)]) {
        for (place, outcome) in outcomes {
            let ItemOutcome::Issued(sealed) = outcome else {
                assert_eq!(*outcome, ItemOutcome::Pending);
                continue;
            };
            let one = &asked[*place];
            let state = bureau.others.state();
            assert_eq!(state.bound.get(&one.subject()), Some(&one.item().tag), "released before it was bound");
            let digest = one.open(sealed).credential.digest();
            assert!(state.registered.contains(&digest), "released before it was registered");
            assert_eq!(self.0.entry(*place).or_insert_with(|| sealed.clone()), sealed, "a second answer");
        }
    }
}

async fn finish(bureau: &Bureau, asked: &[Asked<P256>], released: &mut Released) {
    bureau.others.state().bind_fault = Fault::None;
    bureau.others.state().register_fault = Fault::None;
    let outcomes = bureau.issue(&asked.iter().collect::<Vec<_>>()).await;
    outcomes.iter().zip(asked).for_each(|(outcome, asked)| drop(asked.complete(answer(outcome))));
    let outcomes = outcomes.into_iter().enumerate().collect::<Vec<_>>();
    released.note(bureau, asked, &outcomes);
    let state = bureau.others.state();
    assert_eq!((state.bound.len(), state.registered.len()), (asked.len(), asked.len()), "one was issued twice");
}

#[tokio::test]
async fn stopped_at_every_step_it_goes_on_where_it_was() {
    let faults = [
        (Fault::None, Fault::None),
        (Fault::Before, Fault::None),
        (Fault::After, Fault::None),
        (Fault::None, Fault::Before),
        (Fault::None, Fault::After),
    ];
    let mut stopped = 0;
    for (bind_fault, register_fault) in faults {
        for steps in 1.. {
            let mut bureau = Bureau::new();
            let asked = [bureau.asked(0), bureau.asked(1), bureau.asked(2)];
            bureau.others.state().bind_fault = bind_fault;
            bureau.others.state().register_fault = register_fault;
            let items = asked.iter().map(|asked| asked.item().clone()).collect();
            let outcomes = run_for(steps, bureau.issuer().issue(items)).await;
            let done = outcomes.is_some();
            let mut released = Released(BTreeMap::new());
            let outcomes = outcomes.into_iter().flat_map(Result::unwrap).enumerate().collect::<Vec<_>>();
            released.note(&bureau, &asked, &outcomes);
            bureau.reopen();
            finish(&bureau, &asked, &mut released).await;
            if done {
                break;
            }
            stopped += 1;
        }
    }
    assert!(stopped >= 25, "it was stopped at {stopped} places only");
}

#[tokio::test]
async fn whatever_fails_in_whatever_order_nothing_is_lost_or_doubled() {
    for seed in 0..12 {
        let mut bureau = Bureau::of_suite(seed);
        let mut random = bureau.scene.draws();
        let asked = (0..10).map(|j| bureau.asked(j)).collect::<Vec<_>>();
        let mut released = Released(BTreeMap::new());
        for _ in 0..25 {
            let fault = |number: u32| [Fault::None, Fault::Before, Fault::After][number as usize % 3];
            match random.next_u32() % 6 {
                0 => bureau.others.state().bind_fault = fault(random.next_u32()),
                1 => bureau.others.state().register_fault = fault(random.next_u32()),
                2 => bureau.reopen(),
                3 => drop(run_for(random.next_u32() % 6, bureau.issuer().deliver()).await),
                _ => {
                    let chosen = random.next_u32();
                    let places = (0..asked.len()).filter(|place| chosen >> place & 1 == 1).collect::<Vec<_>>();
                    let items = places.iter().map(|place| asked[*place].item().clone()).collect();
                    let outcomes = run_for(random.next_u32() % 40, bureau.issuer().issue(items)).await;
                    let outcomes = outcomes.map(Result::unwrap).unwrap_or_default();
                    let outcomes = places.into_iter().zip(outcomes).collect::<Vec<_>>();
                    released.note(&bureau, &asked, &outcomes);
                }
            }
        }
        finish(&bureau, &asked, &mut released).await;
    }
}
