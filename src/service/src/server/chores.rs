//! What the service does by itself, a little every minute.

use crate::{ServiceError, grpc::UseCases, metrics::Metrics};
use std::{sync::Arc, time::Duration};
use symbolon_ccks::Suite;
use symbolon_store::Store;
use tokio::{sync::watch, time::MissedTickBehavior};

const INTERVAL: Duration = Duration::from_secs(60);
/// Cards at a time, so that requests do not wait for long.
const CARDS: u16 = 1_000;

/// Does the chores until told to stop.
pub(super) async fn run<S: Suite, D: Store>(
    use_cases: Arc<UseCases<S, D>>,
    metrics: Arc<Metrics>,
    mut stopped: watch::Receiver<bool>,
) {
    let mut ticks = tokio::time::interval(INTERVAL);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        tokio::select! {
            _ = stopped.wait_for(|stop| *stop) => return,
            _ = ticks.tick() => {}
        }
        if let Err(error) = once(&use_cases, &metrics).await {
            tracing::error!(%error, "the chores were not all done; they will be tried again");
        }
    }
}

/// Expires cards, forgets answers that nobody will ask for again, and has a fresh trust bundle ready.
async fn once<S: Suite, D: Store>(use_cases: &UseCases<S, D>, metrics: &Metrics) -> Result<(), ServiceError> {
    while use_cases.cards.expire_run_out(CARDS).await? == usize::from(CARDS) {}
    use_cases.context.forget_old_requests().await?;
    for account in use_cases.ledger.in_suspense().await? {
        metrics.suspense(account.currency, account.balance);
    }
    metrics.bundle(use_cases.bundles.newest().await?.sequence);
    Ok(())
}
