//! Cards taken out for good: both linkage authorities give their seeds away, and all are told them, but not whose.

use symbolon_ccks::{LinkageAuthority, LinkageSeed, Period, Suite, Time};
use symbolon_pseudonym::LinkageHandle;
use symbolon_store::{Store, Transaction, records::PublishedSeedsRecord};

use super::Attester;
use crate::ServiceError;

/// Handles at a time.
const HANDLES: u16 = 256;

/// So many periods may lie between what the two authorities give: more than any outage, and few enough to be counted on.
const MOST_PERIODS_APART: u32 = 400;

impl<S: Suite, D: Store> Attester<S, D> {
    /// Publishes the seeds of revoked cards, as far as both linkage authorities answer; returns how many. The others are
    /// asked for again.
    ///
    /// # Errors
    /// [`ServiceError::Store`].
    pub async fn publish_revocations(&self, now: Time) -> Result<usize, ServiceError> {
        let look = move |unit: &dyn Transaction| Ok(unit.seeds_to_reveal(HANDLES)?);
        let mut published = 0;
        for (handle, since) in self.context.store().read::<_, ServiceError, _>(look).await? {
            match self.revealed(handle, since, now).await {
                Ok(seeds) => {
                    published += usize::from(seeds.is_some());
                    let publish = move |unit: &mut dyn Transaction| Ok(unit.publish_seeds(&handle, seeds.as_ref())?);
                    self.context.store().write::<_, ServiceError, _>(publish).await?;
                }
                Err(error) => tracing::warn!(%error, "the seeds of a revoked card are not published yet"),
            }
        }
        if published > 0 {
            // Which handle gave which seeds is not to be read off what the store left behind.
            if let Err(error) = self.context.store().erase_deleted().await {
                tracing::warn!(%error, "what was deleted is not erased yet");
            }
        }
        Ok(published)
    }

    /// What both authorities give; `None` when one never met the handle, so that no pseudonym was ever issued under it.
    async fn revealed(
        &self,
        handle: LinkageHandle,
        since: Time,
        now: Time,
    ) -> Result<Option<PublishedSeedsRecord>, ServiceError> {
        let period = Period::at(since, self.context.policy().pseudonyms.boundary);
        let from = period.ok_or(ServiceError::Internal("a card was revoked before the first period"))?;
        let [a, b] = &self.links.linkage;
        let (a, b) = tokio::try_join!(a.reveal(handle, from), b.reveal(handle, from))?;
        let (Some(a), Some(b)) = (a, b) else { return Ok(None) };
        let (period, seeds) = join(a, b)?;
        Ok(Some(PublishedSeedsRecord { period, seeds, published: now }))
    }
}

/// Brings the seeds of both authorities to one period: the later one's, as no seed goes back.
fn join(
    (period_a, seed_a): (Period, LinkageSeed),
    (period_b, seed_b): (Period, LinkageSeed),
) -> Result<(Period, [LinkageSeed; 2]), ServiceError> {
    let period = period_a.max(period_b);
    if period_a.number().abs_diff(period_b.number()) > MOST_PERIODS_APART {
        return Err(ServiceError::Internal("the linkage authorities give seeds of periods far apart"));
    }
    let on = |seed: LinkageSeed, authority, from: Period| seed.after(authority, period.number() - from.number());
    Ok((period, [on(seed_a, LinkageAuthority::A, period_a), on(seed_b, LinkageAuthority::B, period_b)]))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn period(number: u32) -> Period {
        Period::new(number).unwrap()
    }

    #[test]
    fn seeds_are_joined_at_the_later_period_and_each_goes_on_by_its_own_authority() {
        let [a, b] = [1, 2].map(|byte| LinkageSeed::from_bytes([byte; 32]));
        let joined = join((period(10), a.clone()), (period(12), b.clone())).unwrap();
        assert_eq!(joined, (period(12), [a.after(LinkageAuthority::A, 2), b.clone()]));
        let joined = join((period(12), a.clone()), (period(11), b.clone())).unwrap();
        assert_eq!(joined, (period(12), [a.clone(), b.after(LinkageAuthority::B, 1)]));
        assert_eq!(join((period(5), a.clone()), (period(5), b.clone())).unwrap(), (period(5), [a.clone(), b.clone()]));
        assert_eq!(join((period(5), a), (period(100_000), b)).unwrap_err().reason(), "internal");
    }
}
