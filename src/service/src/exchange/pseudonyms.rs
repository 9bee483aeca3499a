//! Which pseudonyms there are, as the issuer says: a valid signature under any other is a forgery, and an alarm.

use symbolon_ccks::{Class, CredentialDigest, Identity, Period, PeriodBoundary, Suite, Time};
use symbolon_store::{Store, Transaction, records::Waiting};
use tonic::async_trait;

use super::Exchange;
use crate::{ServiceError, links::ExchangeLink};

/// How much the exchange still has to pass on.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct ExchangeCounts {
    /// What pseudonyms spent and waits to be summed with more, in charges.
    pub waiting_charges: Waiting,
    /// Batches that clearing has not posted.
    pub undelivered_batches: Waiting,
    /// Cards that the attester is still to suspend.
    pub waiting_suspensions: u64,
    /// Vouchers that meters took and the attester does not know of.
    pub waiting_deliveries: u64,
}

#[async_trait]
impl<S: Suite, D: Store> ExchangeLink for Exchange<S, D> {
    async fn register(&self, pseudonyms: Vec<(CredentialDigest, Period)>) -> Result<(), ServiceError> {
        let register = move |unit: &mut dyn Transaction| {
            for (digest, period) in &pseudonyms {
                unit.register_pseudonym(digest, *period)?;
            }
            Ok(())
        };
        self.context.store().write(register).await
    }
}

impl<S: Suite, D: Store> Exchange<S, D> {
    /// Forgets pseudonyms whose records are no longer taken at `now`; returns how many.
    ///
    /// # Errors
    /// [`ServiceError::Store`].
    pub async fn forget_old(&self, now: Time) -> Result<u64, ServiceError> {
        let policy = &self.context.policy().pseudonyms;
        let Some(first) = first_awaited(now, policy.boundary, policy.late_records_seconds) else { return Ok(0) };
        self.context.store().write(move |unit| Ok(unit.forget_pseudonyms_before(first)?)).await
    }

    /// Pseudonyms that are known. Reads all of them: nothing to be asked every second.
    ///
    /// # Errors
    /// [`ServiceError::Store`].
    pub async fn count_pseudonyms(&self) -> Result<u64, ServiceError> {
        self.context.store().read(|unit: &dyn Transaction| Ok(unit.count_pseudonyms()?)).await
    }

    /// How much there is.
    ///
    /// # Errors
    /// [`ServiceError::Store`].
    pub async fn counts(&self) -> Result<ExchangeCounts, ServiceError> {
        let count = |unit: &dyn Transaction| {
            Ok(ExchangeCounts {
                waiting_charges: unit.waiting_charges()?,
                undelivered_batches: unit.undelivered_batches()?,
                waiting_suspensions: unit.count_waiting_suspensions()?,
                waiting_deliveries: unit.count_waiting_deliveries()?,
            })
        };
        self.context.store().read(count).await
    }
}

/// Whether the records of a holder are no longer awaited: those of a card always are.
pub(super) fn is_too_late(holder: &Identity, late_records_seconds: u64, now: Time) -> bool {
    holder.class() == Class::Pseudonym && holder.not_after().saturating_add(late_records_seconds) <= now
}

/// The first period of which records are taken at `now`.
fn first_awaited(now: Time, boundary: PeriodBoundary, late_records_seconds: u64) -> Option<Period> {
    let awaited = |period: &Period| period.expiry(boundary).saturating_add(late_records_seconds) > now;
    let latest = Period::at(now.saturating_sub(late_records_seconds), boundary)?;
    // A pseudonym outlives its period by some hours, so the one before may be awaited too.
    let before = latest.number().checked_sub(1).and_then(|number| Period::new(number).ok());
    Some(before.filter(awaited).unwrap_or(latest))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_period_is_awaited_to_the_second() {
        const LATE: u64 = 3 * 86_400;
        let (boundary, period) = (PeriodBoundary::DEFAULT, Period::new(20_000).unwrap());
        let over = period.expiry(boundary).saturating_add(LATE);
        assert_eq!(first_awaited(over.saturating_sub(1), boundary, LATE), Some(period));
        assert_eq!(first_awaited(over, boundary, LATE), Some(period.next()));
        assert_eq!(first_awaited(Time::new(5).unwrap(), boundary, LATE), None);
    }
}
