//! Which of several processes over one database does the chores of a role.

use crate::{Context, ServiceError, links::ServiceRole};
use symbolon_ccks::Time;
use symbolon_store::{Store, records::LeaseHolder};

/// How long the others wait for one that is silent.
const LEASE_SECONDS: u64 = 30;
/// How often it is prolonged, or asked for by the others.
const ASK_SECONDS: u64 = 10;

/// The lease of one role's chores, as this process knows it.
pub(super) struct Lease<D> {
    context: Context<D>,
    name: String,
    holder: LeaseHolder,
    /// When it was asked for last, and whether it was had.
    asked: Option<(Time, bool)>,
}

impl<D: Store> Lease<D> {
    /// One that is not asked for yet.
    pub(super) fn new(context: Context<D>, role: ServiceRole) -> Self {
        let holder = context.random();
        Self { context, name: format!("chores of the {role}"), holder, asked: None }
    }

    /// Whether the chores are this process's. A store that nobody else uses needs no lease.
    ///
    /// # Errors
    /// [`ServiceError::Store`] while the database cannot be asked.
    pub(super) async fn is_held(&mut self) -> Result<bool, ServiceError> {
        if !self.context.store().is_shared() {
            return Ok(true);
        }
        let now = self.context.now();
        if let Some((_, had)) = self.asked.filter(|(asked, _)| age(*asked, now) < ASK_SECONDS) {
            return Ok(had);
        }
        self.asked = None;
        let (name, holder) = (self.name.clone(), self.holder);
        let had = self.context.store().write(move |unit| unit.take_lease(&name, &holder, now, LEASE_SECONDS)).await;
        let had = had.map_err(ServiceError::Store)?;
        self.asked = Some((now, had));
        Ok(had)
    }

    /// Lets the next process go on at once.
    ///
    /// # Errors
    /// [`ServiceError::Store`]; the lease then ends by itself.
    pub(super) async fn give_back(&mut self) -> Result<(), ServiceError> {
        let Some((_, true)) = self.asked.take() else { return Ok(()) };
        let (name, holder) = (self.name.clone(), self.holder);
        self.context.store().write(move |unit| unit.give_lease_back(&name, &holder)).await.map_err(ServiceError::Store)
    }
}

/// Seconds since then; the most there can be when the clock went back.
fn age(asked: Time, now: Time) -> u64 {
    now.seconds().checked_sub(asked.seconds()).unwrap_or(u64::MAX)
}
