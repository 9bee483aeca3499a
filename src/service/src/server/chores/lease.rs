//! Which of several processes over one database does the chores of a role: one whose clock is right, and one at a time.

use crate::{Context, ServiceError, links::ServiceRole};
use symbolon_ccks::Time;
use symbolon_store::{Store, StoreError, Transaction, records::LeaseHolder};

/// How long the others wait for one that is silent.
const LEASE_SECONDS: u64 = 30;
/// How often it is prolonged, or asked for by the others.
const ASK_SECONDS: u64 = 10;
/// How far this process's clock may be from the database's.
const MOST_DIFFERENCE_SECONDS: u64 = 15;

/// Who does the chores.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Standing {
    /// This process.
    Held,
    /// Another one.
    Elsewhere,
    /// Not this one while its clock is wrong: what is due by it is not.
    WrongClock,
}

/// The lease of one role's chores, as this process knows it.
pub(super) struct Lease<D> {
    context: Context<D>,
    name: String,
    holder: LeaseHolder,
    /// When it was asked for last, and what was found.
    asked: Option<(Time, Standing)>,
    ahead: i64,
}

impl<D: Store> Lease<D> {
    /// One that is not asked for yet.
    pub(super) fn new(context: Context<D>, role: ServiceRole) -> Self {
        let holder = context.random();
        Self { context, name: format!("chores of the {role}"), holder, asked: None, ahead: 0 }
    }

    /// Whether the chores are this process's. A store that nobody else uses needs no lease, and has no other clock.
    ///
    /// # Errors
    /// [`ServiceError::Store`] while the database cannot be asked.
    pub(super) async fn standing(&mut self) -> Result<Standing, ServiceError> {
        if !self.context.store().is_shared() {
            return Ok(Standing::Held);
        }
        // A clock that jumps is looked at at once.
        let now = self.context.now();
        if let Some((_, found)) = self.asked.filter(|(asked, _)| age(*asked, now) < ASK_SECONDS) {
            return Ok(found);
        }
        self.asked = None;
        let (context, name, holder) = (self.context.clone(), self.name.clone(), self.holder);
        let ask = move |unit: &mut dyn Transaction| {
            let before = context.now();
            let shared = unit.shared_time()?.unwrap_or(before);
            let ahead = ahead([before, context.now()], shared);
            if ahead.unsigned_abs() > MOST_DIFFERENCE_SECONDS {
                unit.give_lease_back(&name, &holder)?;
                return Ok((Standing::WrongClock, ahead));
            }
            let is_held = unit.take_lease(&name, &holder, shared, LEASE_SECONDS)?;
            Ok((if is_held { Standing::Held } else { Standing::Elsewhere }, ahead))
        };
        let (found, ahead) = self.context.store().write::<_, StoreError, _>(ask).await.map_err(ServiceError::Store)?;
        self.ahead = ahead;
        self.asked = Some((self.context.now(), found));
        Ok(found)
    }

    /// How many seconds this process's clock was ahead of the database's when that was asked last, less than none when it
    /// was behind.
    pub(super) const fn ahead(&self) -> i64 {
        self.ahead
    }

    /// Lets the next process go on at once.
    ///
    /// # Errors
    /// [`ServiceError::Store`]; the lease then ends by itself.
    pub(super) async fn give_back(&mut self) -> Result<(), ServiceError> {
        let Some((_, Standing::Held)) = self.asked.take() else { return Ok(()) };
        let (name, holder) = (self.name.clone(), self.holder);
        self.context.store().write(move |unit| unit.give_lease_back(&name, &holder)).await.map_err(ServiceError::Store)
    }
}

/// Seconds since then; the most there can be when the clock went back.
fn age(asked: Time, now: Time) -> u64 {
    now.seconds().checked_sub(asked.seconds()).unwrap_or(u64::MAX)
}

/// Seconds by which a clock is ahead that showed these times before and after another one was asked; the time that asking
/// took counts for neither.
fn ahead([before, after]: [Time; 2], other: Time) -> i64 {
    let since = |later: Time, earlier: Time| later.seconds().saturating_sub(earlier.seconds()).cast_signed();
    since(before, other) - since(other, after)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_clock_is_compared_with_what_another_one_showed_meanwhile() {
        let time = |seconds| Time::new(seconds).unwrap();
        for (before, after, other, difference) in [
            (100, 100, 100, 0),
            (100, 190, 140, 0),
            (100, 101, 85, 15),
            (100, 110, 126, -16),
            (86_500, 86_500, 100, 86_400),
        ] {
            assert_eq!(ahead([time(before), time(after)], time(other)), difference, "{before} {after} {other}");
        }
    }
}
