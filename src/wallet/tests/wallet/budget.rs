//! An honest holder is never convicted: the wallet counts as a misuse proof counts.

use symbolon_tap::misuse::{Item, Proves, Why, check};
use symbolon_tap::{Kind, Record};
use symbolon_wallet::{MemoryCounterStore, Refused};

use crate::world::{TestSuite, for_each_suite, numbered, pay};

for_each_suite!(spending_stops_at_the_budget, everything_an_honest_wallet_signs_proves_nothing);

fn spending_stops_at_the_budget<S: TestSuite>() {
    let world = S::world();
    let mut wallet = world.wallet(MemoryCounterStore::new());
    let mut tap = |selection, kind, amount| {
        pay(&mut wallet, &numbered(world, selection, kind, amount)).map(|answer| answer.counter())
    };
    assert_eq!(tap(1, Kind::Purchase, 6000), Ok(1));
    assert_eq!(tap(2, Kind::Entry, 3999), Ok(2));
    assert_eq!(tap(3, Kind::Purchase, 2), Err(Refused::OverBudget));
    // What is given back or costs nothing goes on, and does not fill the budget up again.
    assert_eq!(tap(4, Kind::Exit, 0), Ok(3));
    assert_eq!(tap(5, Kind::Refund, 3000), Ok(4));
    assert_eq!(tap(6, Kind::Credit, 0), Ok(5));
    assert_eq!(tap(7, Kind::Entry, 2), Err(Refused::OverBudget));
    assert_eq!(tap(8, Kind::Entry, 1), Ok(6));
    assert_eq!(tap(9, Kind::Entry, 0), Ok(7));
    assert_eq!(tap(10, Kind::Purchase, 1), Err(Refused::OverBudget));
    assert_eq!(Refused::OverBudget.reason(), "over_budget");
}

fn everything_an_honest_wallet_signs_proves_nothing<S: TestSuite>() {
    let world = S::world();
    let mut wallet = world.wallet(MemoryCounterStore::new());
    let kinds = [Kind::Purchase, Kind::Entry, Kind::Exit, Kind::Refund, Kind::Entry];
    let items: Vec<Item> = (0..40u8)
        .filter_map(|selection| {
            let kind = kinds[usize::from(selection) % kinds.len()];
            let amount = if kind == Kind::Exit { 0 } else { 700 };
            let challenge = numbered(world, selection, kind, amount);
            let answer = pay(&mut wallet, &challenge).ok()?;
            // Asked twice, as on a bad connection.
            assert_eq!(pay(&mut wallet, &challenge), Ok(answer));
            Some(Item::new(&Record::new(*challenge.terms(), answer), challenge.terminal().digest()))
        })
        .collect();
    let spent: u32 = items.iter().map(|item| item.terms().spent()).sum();
    assert_eq!(spent, 9800, "14 of 700 are the most within 10,000");
    assert_eq!(check(&world.authority, &items).proves(), Proves::Nothing(Why::Honest));
}
