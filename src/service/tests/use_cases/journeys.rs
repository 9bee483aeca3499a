//! Journeys: what is held, what is posted, and which exit closes which entry.

use symbolon_service::{
    Policy,
    exchange::{FareTable, RecordOutcome},
};
use symbolon_tap::Kind;

use crate::city::{City, name};

const SETTLED: fn(u32) -> RecordOutcome = |amount| RecordOutcome::Settled { amount };
const DUPLICATE: fn(u32) -> RecordOutcome = |amount| RecordOutcome::Duplicate { amount };

#[tokio::test]
async fn a_journey_holds_the_most_and_posts_the_fare() {
    let mut fares = FareTable::new(200);
    fares.set(name("metro"), [1; 16], [2; 16], 350);
    fares.set(name("metro"), [1; 16], [3; 16], 900);
    let keys = City::new().keys;
    let city = City::with(keys, Policy::default(), fares);
    let (mut wallet, mut gate) = (city.wallet().await, city.gate("metro").await);
    let journey = [(Kind::Entry, 500, 10, 1), (Kind::Exit, 0, 20, 2)]
        .map(|(kind, amount, seconds, station)| gate.tap_at(&mut wallet, kind, amount, seconds, station));
    let answer = city.upload(gate.upload(&journey[..1])).await;
    assert_eq!(answer.outcomes(), [SETTLED(500)]);
    assert_eq!(city.balance(wallet.account()).await, -500);
    assert_eq!(city.balance("journeys-156").await, 500);
    let answer = city.upload(gate.upload(&journey[1..])).await;
    assert_eq!(answer.outcomes(), [SETTLED(350)]);
    assert_eq!(city.balance(wallet.account()).await, -350);
    assert_eq!(city.balance("journeys-156").await, 0);
    assert_eq!(city.balance("operator-metro-156").await, 350);
    // Never above what the holder agreed to; and a way that the table does not name costs the default.
    let capped = [(Kind::Entry, 500, 30, 1), (Kind::Exit, 0, 40, 3), (Kind::Entry, 500, 50, 9), (Kind::Exit, 0, 60, 9)]
        .map(|(kind, amount, seconds, station)| gate.tap_at(&mut wallet, kind, amount, seconds, station));
    let answer = city.upload(gate.upload(&capped)).await;
    assert_eq!(answer.outcomes(), [SETTLED(500), SETTLED(500), SETTLED(500), SETTLED(200)]);
    let again = city.upload(gate.upload(&capped)).await;
    assert_eq!(again.outcomes(), [DUPLICATE(500), DUPLICATE(500), DUPLICATE(500), DUPLICATE(200)]);
    city.balances().await;
}

#[tokio::test]
async fn an_exit_waits_for_its_entry() {
    let city = City::new();
    let (mut wallet, mut gate, mut exit_gate) =
        (city.wallet().await, city.gate("metro").await, city.gate("metro").await);
    let entry = gate.tap(&mut wallet, Kind::Entry, 500, 10);
    let exit = exit_gate.tap(&mut wallet, Kind::Exit, 0, 20);
    assert_eq!(city.upload(exit_gate.upload(&[exit])).await.outcomes(), [SETTLED(0)]);
    assert_eq!(city.upload(gate.upload(&[entry])).await.outcomes(), [SETTLED(500)]);
    assert_eq!(city.balance("operator-metro-156").await, 200);
    assert_eq!(city.balance("journeys-156").await, 0);
    let again = city.upload(exit_gate.upload(&[exit, exit])).await;
    assert_eq!(again.outcomes(), [DUPLICATE(200), DUPLICATE(200)]);
    // Another operator's exit closes nothing of this one's.
    let mut tram = city.gate("tram").await;
    let records = [gate.tap(&mut wallet, Kind::Entry, 500, 30)];
    city.upload(gate.upload(&records)).await;
    let elsewhere = tram.tap(&mut wallet, Kind::Exit, 0, 40);
    assert_eq!(city.upload(tram.upload(&[elsewhere])).await.outcomes(), [SETTLED(0)]);
    assert_eq!(city.balance("journeys-156").await, 500);
}

#[tokio::test]
async fn ends_of_one_second_count_in_the_order_in_which_the_holder_signed() {
    let city = City::new();
    let (mut wallet, mut gate) = (city.wallet().await, city.gate("metro").await);
    let ends = [(Kind::Entry, 500), (Kind::Exit, 0), (Kind::Entry, 100)]
        .map(|(kind, amount)| gate.tap(&mut wallet, kind, amount, 10));
    // The exit closes the journey before it, and the one that began after it is open, whichever way they arrive.
    for end in ends.iter().rev() {
        city.upload(gate.upload(&[*end])).await;
    }
    assert_eq!(city.balance("journeys-156").await, 100);
    assert_eq!(city.balance("operator-metro-156").await, 200);
}
