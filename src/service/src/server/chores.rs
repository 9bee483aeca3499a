//! What the roles do by themselves: every second what others wait for, every minute what can wait.

mod lease;

use super::Health;
use crate::{ServiceError, UseCases, links::ServiceRole, metrics::Metrics};
use lease::{Lease, Standing};
use std::{sync::Arc, time::Duration};
use symbolon_ccks::{LinkageAuthority, Suite};
use symbolon_store::Store;
use tokio::{sync::watch, time::MissedTickBehavior};
use tonic_health::ServingStatus;

const INTERVAL: Duration = Duration::from_secs(1);
/// Intervals in a minute.
const SELDOM: u32 = 60;
/// Cards at a time, so that requests do not wait for long.
const CARDS: u16 = 1_000;
/// How long what is due may take when the service stops; what is not done then is on disk and done after the next start.
const LAST_LIMIT: Duration = Duration::from_secs(5);

/// Does the chores of one role until told to stop; then, once more, what is due. Of several processes over one database one
/// does them, whose clock is right; another goes on when it stops, falls silent or does not know the time.
pub(super) async fn run<S: Suite, D: Store>(
    role: ServiceRole,
    use_cases: Arc<UseCases<S, D>>,
    metrics: Arc<Metrics>,
    health: Health,
    mut stopped: watch::Receiver<bool>,
) {
    let mut ticks = tokio::time::interval(INTERVAL);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let Some(context) = use_cases.context(role) else { return };
    let mut lease = Lease::new(context.clone(), role);
    let mut timekeeping = Timekeeping { role, health, metrics: metrics.clone(), told: None };
    let (mut seldom, mut often) = (Trouble::new(role), Trouble::new(role));
    for tick in (0..SELDOM).cycle() {
        tokio::select! {
            _ = stopped.wait_for(|stop| *stop) => break,
            _ = ticks.tick() => {}
        }
        if tick == 0 {
            timekeeping.remind();
        }
        let standing = lease.standing().await;
        match standing {
            Ok(standing) => timekeeping.see(standing, lease.ahead()).await,
            Err(error) => {
                often.see(Err(error));
                continue;
            }
        }
        if standing != Ok(Standing::Held) {
            continue;
        }
        if tick == 0 {
            seldom.see(every_minute(role, &use_cases, &metrics).await);
            often.remind();
        }
        often.see(every_second(role, &use_cases, &metrics).await);
    }
    let last = async {
        if lease.standing().await? == Standing::Held {
            let done = every_second(role, &use_cases, &metrics).await;
            return done.and(lease.give_back().await);
        }
        Ok(())
    };
    often.see(tokio::time::timeout(LAST_LIMIT, last).await.unwrap_or(Ok(())));
    timekeeping.report(ServingStatus::NotServing).await;
}

/// Tells of a clock that is wrong: in the log when that begins, once a minute and when it ends, and otherwise at any time.
struct Timekeeping {
    role: ServiceRole,
    health: Health,
    metrics: Arc<Metrics>,
    /// Whether it was wrong when it was told last.
    told: Option<bool>,
}

impl Timekeeping {
    fn remind(&mut self) {
        self.told = self.told.filter(|was_wrong| !was_wrong);
    }

    async fn see(&mut self, standing: Standing, ahead_seconds: i64) {
        self.metrics.clock_ahead(self.role.as_str(), ahead_seconds);
        let is_wrong = standing == Standing::WrongClock;
        let was_wrong = self.told.replace(is_wrong);
        match (was_wrong, is_wrong) {
            (Some(true), false) => {
                tracing::info!(role = %self.role, ahead_seconds, "the clock agrees with the database's again");
            }
            (Some(true), true) | (_, false) => {}
            (_, true) => tracing::error!(
                role = %self.role,
                ahead_seconds,
                "the clock of this node and that of the database differ; it does no chores until they agree: set the clock"
            ),
        }
        if was_wrong != Some(is_wrong) {
            self.report(if is_wrong { ServingStatus::NotServing } else { ServingStatus::Serving }).await;
        }
    }

    async fn report(&self, status: ServingStatus) {
        self.health.0.set_service_status(format!("chores/{}", self.role), status).await;
    }
}

/// Tells of trouble when it comes, when it changes and once a minute, not every second.
struct Trouble {
    role: ServiceRole,
    told: Option<ServiceError>,
}

impl Trouble {
    const fn new(role: ServiceRole) -> Self {
        Self { role, told: None }
    }

    fn remind(&mut self) {
        self.told = None;
    }

    fn see(&mut self, done: Result<(), ServiceError>) {
        let trouble = done.err();
        match &trouble {
            Some(error) if self.told.as_ref() == Some(error) => {}
            Some(error @ ServiceError::RoleUnavailable(_)) => {
                tracing::warn!(role = %self.role, %error, "the chores wait for another role");
            }
            Some(error) => {
                tracing::error!(role = %self.role, %error, "the chores were not all done; they will be tried again");
            }
            None => {}
        }
        self.told = trouble;
    }
}

/// Passes on what others wait for, and counts what waits.
async fn every_second<S: Suite, D: Store>(
    role: ServiceRole,
    use_cases: &UseCases<S, D>,
    metrics: &Metrics,
) -> Result<(), ServiceError> {
    match role {
        ServiceRole::Attester => {
            let Some(here) = &use_cases.attester else { return Ok(()) };
            let tended = here.attester.tend().await;
            let tended = tended.and(here.vouchers.tend().await);
            let vouchers = here.vouchers.counts().await?;
            metrics.waiting("vouchers_asked", vouchers.asked);
            metrics.waiting("vouchers_to_refund", vouchers.lapsed);
            metrics.waiting("vouchers_owed", vouchers.owed);
            let counts = here.attester.counts().await?;
            metrics.waiting("items", counts.waiting.fresh.into());
            metrics.waiting("items_passed_on", counts.waiting.passed.into());
            metrics.waiting("pseudonym_requests", counts.unfinished_requests.into());
            metrics.waiting("releases", counts.releases.into());
            metrics.waiting("seed_publications", counts.seeds_to_reveal.into());
            metrics.published_seeds(counts.published_seeds.into());
            tended
        }
        ServiceRole::Issuer => {
            let Some(here) = &use_cases.issuer else { return Ok(()) };
            let delivered = here.issuer.deliver().await;
            let counts = here.issuer.counts().await?;
            metrics.waiting("bindings", counts.waiting_for_clearing);
            metrics.waiting("registrations", counts.waiting_for_exchange);
            metrics.pseudonyms("issued", counts.issued);
            counts.refused.iter().for_each(|(reason, count)| metrics.pseudonyms(reason, *count));
            delivered
        }
        ServiceRole::Exchange => {
            let Some(here) = &use_cases.exchange else { return Ok(()) };
            let delivered = here.exchange.deliver(here.context.now()).await;
            let counts = here.exchange.counts().await?;
            metrics.waiting("charges", counts.waiting_charges.count);
            metrics.waiting("batches", counts.undelivered_batches.count);
            metrics.waiting("suspensions", counts.waiting_suspensions);
            metrics.waiting("deliveries", counts.waiting_deliveries);
            delivered
        }
        ServiceRole::LinkageA | ServiceRole::LinkageB | ServiceRole::Clearing => Ok(()),
    }
}

/// Expires cards, forgets what nobody will ask for again, moves seeds on, and has a fresh trust bundle ready.
async fn every_minute<S: Suite, D: Store>(
    role: ServiceRole,
    use_cases: &UseCases<S, D>,
    metrics: &Metrics,
) -> Result<(), ServiceError> {
    match role {
        ServiceRole::Attester => {
            let Some(here) = &use_cases.attester else { return Ok(()) };
            while here.cards.expire_run_out(CARDS).await? == usize::from(CARDS) {}
            here.context.forget_old_requests().await?;
            metrics.bundle(here.bundles.newest().await?.sequence);
        }
        ServiceRole::Issuer => {
            let Some(here) = &use_cases.issuer else { return Ok(()) };
            here.issuer.forget_old(here.context.now()).await?;
        }
        ServiceRole::LinkageA => move_seeds_on(use_cases, LinkageAuthority::A).await?,
        ServiceRole::LinkageB => move_seeds_on(use_cases, LinkageAuthority::B).await?,
        ServiceRole::Clearing => {
            let Some(here) = &use_cases.clearing else { return Ok(()) };
            here.context.forget_old_requests().await?;
            here.clearing.forget_old(here.context.now()).await?;
            for account in here.ledger.in_suspense().await? {
                metrics.suspense(account.currency, account.balance);
            }
        }
        ServiceRole::Exchange => {
            let Some(here) = &use_cases.exchange else { return Ok(()) };
            here.exchange.close_held_journeys(here.context.now()).await?;
            here.exchange.forget_old(here.context.now()).await?;
        }
    }
    Ok(())
}

async fn move_seeds_on<S: Suite, D: Store>(
    use_cases: &UseCases<S, D>,
    authority: LinkageAuthority,
) -> Result<(), ServiceError> {
    match use_cases.linkage.iter().find(|here| here.authority == authority) {
        Some(here) => here.linkage.advance(here.context.now()).await.map(drop),
        None => Ok(()),
    }
}
