//! From the archive to clearing, to the exchange, and out.

use std::sync::atomic::Ordering;

use symbolon_ccks::Suite;
use symbolon_store::{
    Store, Transaction,
    records::{ArchivedPseudonymRecord, PseudonymState},
};

use super::Issuer;
use crate::{ServiceError, links::Binding};

/// Pseudonyms told to another role in one call at most.
const TOLD_AT_ONCE: u16 = 4_096;

impl<S: Suite, D: Store> Issuer<S, D> {
    /// Tells clearing who pays for the pseudonyms that wait, and the exchange that they exist, all that wait in one
    /// shuffled batch; then their answers may leave. What cannot be told now waits.
    ///
    /// # Errors
    /// What clearing, the exchange or the store answered; nothing is lost, and the rest is done when asked again.
    pub async fn deliver(&self) -> Result<(), ServiceError> {
        let _turn = self.parts.delivery.lock().await;
        let bound = self.bind_waiting().await;
        // Those that clearing took earlier need not wait for it.
        self.register_bound().await.and(bound)
    }

    async fn bind_waiting(&self) -> Result<(), ServiceError> {
        loop {
            let waiting = self.under_way(PseudonymState::Waiting).await?;
            if waiting.is_empty() {
                return Ok(());
            }
            let binding = |record: &ArchivedPseudonymRecord| {
                let tag = record.tag.ok_or(ServiceError::Internal("a waiting pseudonym has no tag"))?;
                Ok(Binding { subject: record.subject(), period: record.period, tag })
            };
            let bindings = waiting.iter().map(binding).collect::<Result<Vec<_>, ServiceError>>()?;
            let taken = self.parts.clearing.bind(bindings).await?;
            if taken.len() != waiting.len() {
                return Err(ServiceError::Internal("clearing did not answer for every binding"));
            }
            let refused = taken.iter().filter(|taken| !**taken).count();
            if refused > 0 {
                tracing::warn!(refused, "clearing refused tags of pseudonyms");
            }
            let settle = move |unit: &mut dyn Transaction| {
                let mut each = waiting.iter().zip(&taken);
                each.try_for_each(|(record, taken)| unit.settle_tag(&record.subject(), *taken))
            };
            self.context.store().write(settle).await?;
        }
    }

    async fn register_bound(&self) -> Result<(), ServiceError> {
        loop {
            let bound = self.under_way(PseudonymState::Bound).await?;
            if bound.is_empty() {
                return Ok(());
            }
            let digests = bound.iter().map(|record| (record.credential.digest(), record.period)).collect();
            self.parts.exchange.register(digests).await?;
            let count = bound.len() as u64;
            let release = move |unit: &mut dyn Transaction| {
                bound.iter().try_for_each(|record| unit.release_pseudonym(&record.subject()))
            };
            self.context.store().write(release).await?;
            self.parts.issued.fetch_add(count, Ordering::Relaxed);
        }
    }

    /// Pseudonyms in a state, shuffled.
    async fn under_way(&self, state: PseudonymState) -> Result<Vec<ArchivedPseudonymRecord>, ServiceError> {
        let list = move |unit: &dyn Transaction| Ok(unit.pseudonyms_under_way(state, TOLD_AT_ONCE)?);
        let mut records = self.context.store().read::<_, ServiceError, _>(list).await?;
        self.context.shuffle(&mut records);
        Ok(records)
    }
}
