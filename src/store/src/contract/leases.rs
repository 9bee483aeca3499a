//! Leases.

use super::{read, samples::time, write};
use crate::Store;

const LENGTH_SECONDS: u64 = 30;

async fn takes<D: Store>(store: &D, holder: u8, now: u64) -> bool {
    write(store, move |unit| unit.take_lease("chores", &[holder; 16], time(now), LENGTH_SECONDS)).await
}

pub(super) async fn a_lease_has_one_holder_until_it_ends_or_is_given_back<D: Store>(store: D) {
    assert!(takes(&store, 1, 100).await);
    assert!(!takes(&store, 2, 129).await, "it runs until 130");
    assert!(takes(&store, 1, 120).await, "prolonged until 150");
    assert!(!takes(&store, 2, 149).await);
    let other = write(&store, |unit| unit.take_lease("reports", &[2; 16], time(149), LENGTH_SECONDS)).await;
    assert!(other, "each name is a lease of its own");
    assert!(takes(&store, 2, 150).await, "it ran out");
    assert!(!takes(&store, 1, 151).await);
    write(&store, |unit| unit.give_lease_back("chores", &[1; 16])).await;
    assert!(!takes(&store, 1, 152).await, "who has it not gives nothing back");
    write(&store, |unit| unit.give_lease_back("chores", &[2; 16])).await;
    assert!(takes(&store, 1, 152).await);
}

pub(super) async fn a_clock_that_was_ahead_holds_nobody_up<D: Store>(store: D) {
    assert!(takes(&store, 1, 1_000_000).await);
    assert!(takes(&store, 2, 100).await, "nobody takes one for so long");
    assert!(!takes(&store, 3, 101).await);
}

/// Behind what was seen before it never is, and where there is none there is never any.
pub(super) async fn a_shared_clock_goes_forward<D: Store>(store: D) {
    let first = read(&store, |unit| unit.shared_time()).await;
    let second = write(&store, |unit| unit.shared_time()).await;
    assert_eq!(first.is_some(), store.is_shared());
    assert_eq!(second.is_some(), store.is_shared());
    assert!(second >= first, "{first:?} {second:?}");
}

pub(super) async fn of_many_at_once_one_takes_a_lease<D: Store>(store: D) {
    let taking = (0..20).map(|holder| {
        let store = store.clone();
        tokio::spawn(async move { takes(&store, holder, 100).await })
    });
    let mut holders = 0;
    for taken in taking.collect::<Vec<_>>() {
        holders += u32::from(taken.await.expect("no unit panics"));
    }
    assert_eq!(holders, 1);
}
