//! A linkage authority: one seed for every card, under a handle that says nothing of it; for each pseudonym a value of the
//! seed, which the issuer alone can read.
//!
//! The seed kept is that of the present period. When a period is over its seed is replaced by the next one, a hash of it,
//! and erased: who takes the database learns nothing of earlier periods, and neither does who reads a published seed.
//! What is refused here is refused for the period, the range or the handle, never for what the attester knows of a card.

use symbolon_ccks::{LinkageAuthority, LinkageSeed, Period, Time};
use symbolon_pseudonym::{LinkageHandle, PairwiseKey, RequestBody, SealedValue};
use symbolon_store::{Store, StoreError, Transaction, records::LinkageSeedRecord};
use tonic::async_trait;

use crate::{
    Context, ServiceError,
    links::{LinkageHolding, LinkageLink, ValuesRequest},
};

/// Seeds that one unit of work moves on at most, so that requests between them need not wait long.
const ADVANCED_AT_ONCE: u16 = 500;

/// One of the two linkage authorities.
#[derive(Clone)]
pub struct Linkage<D> {
    context: Context<D>,
    authority: LinkageAuthority,
    issuer_key: PairwiseKey,
}

impl<D: Store> Linkage<D> {
    /// The use cases of `authority` on a store of its own; values are sealed under `issuer_key`.
    pub fn new(context: Context<D>, authority: LinkageAuthority, issuer_key: PairwiseKey) -> Self {
        Self { context, authority, issuer_key }
    }

    /// Moves every seed on to the period of `now`, erases the earlier ones, and says how many moved. A published seed
    /// stays.
    ///
    /// # Errors
    /// [`ServiceError::Store`]; what did not move yet does when asked again.
    pub async fn advance(&self, now: Time) -> Result<u64, ServiceError> {
        let (present, authority) = (self.period_at(now)?, self.authority);
        let advance = move |unit: &mut dyn Transaction| {
            let behind = unit.linkage_seeds_before(present, ADVANCED_AT_ONCE)?;
            behind.iter().try_for_each(|record| unit.replace_linkage_seed(&moved_on(record, authority, present)))?;
            Ok::<_, StoreError>(behind.len())
        };
        let mut moved = 0;
        loop {
            match self.context.store().write(advance).await? {
                0 => break,
                count => moved += count as u64,
            }
        }
        // Those that moved on because they were used, too.
        self.context.store().erase_deleted().await?;
        Ok(moved)
    }

    fn period_at(&self, now: Time) -> Result<Period, ServiceError> {
        Period::at(now, self.context.policy().pseudonyms.boundary)
            .ok_or(ServiceError::Internal("the clock is before the first period"))
    }

    /// The seed of a handle at `present` or later; one not met before gets a fresh seed.
    async fn seed_of(&self, handle: LinkageHandle, present: Period) -> Result<LinkageSeedRecord, ServiceError> {
        let known =
            self.context.store().read::<_, ServiceError, _>(move |unit| Ok(unit.linkage_seed(&handle)?)).await?;
        if let Some(record) = known.filter(|record| record.published || record.period >= present) {
            return Ok(record);
        }
        let (authority, now) = (self.authority, self.context.now());
        let fresh = LinkageSeed::from_bytes(self.context.random());
        let catch_up = move |unit: &mut dyn Transaction| match unit.linkage_seed(&handle)? {
            Some(record) if record.published || record.period >= present => Ok(record),
            Some(record) => {
                let record = moved_on(&record, authority, present);
                unit.replace_linkage_seed(&record)?;
                Ok(record)
            }
            None => {
                let record =
                    LinkageSeedRecord { handle, period: present, seed: fresh.clone(), since: now, published: false };
                unit.add_linkage_seed(&record)?;
                Ok(record)
            }
        };
        self.context.store().write::<_, ServiceError, _>(catch_up).await
    }
}

#[async_trait]
impl<D: Store> LinkageLink for Linkage<D> {
    async fn values(&self, request: ValuesRequest) -> Result<Vec<SealedValue>, ServiceError> {
        let present = self.period_at(self.context.now())?;
        if request.period != present && request.period != present.next() {
            return Err(invalid("period", "neither the present period nor the next"));
        }
        let numbers = numbers_of(&request)?;
        let record = self.seed_of(request.handle, present).await?;
        if record.published {
            return Err(ServiceError::NotFound("linkage handle"));
        }
        // Only after the clock was put back is the seed ahead of what may be asked for.
        let ahead = request.period.number().checked_sub(record.period.number());
        let ahead = ahead.ok_or(invalid("period", "its seed is gone"))?;
        let seed = record.seed.after(self.authority, ahead);
        let seal = |(j, commitment)| {
            let nonce = self.context.random();
            SealedValue::seal(&seed.value(j), self.authority, request.period, commitment, &self.issuer_key, nonce)
        };
        Ok(numbers.zip(&request.commitments).map(seal).collect())
    }

    async fn reveal(&self, handle: LinkageHandle, from: Period) -> Result<Option<(Period, LinkageSeed)>, ServiceError> {
        let present = self.period_at(self.context.now())?;
        if from > present.next() {
            return Err(invalid("from", "later than the next period"));
        }
        let authority = self.authority;
        let reveal = move |unit: &mut dyn Transaction| {
            let Some(record) = unit.linkage_seed(&handle)? else { return Ok(None) };
            if record.published {
                return Ok(Some((record.period, record.seed)));
            }
            // Never a seed of the past, whatever is asked for.
            let first = from.max(present);
            let revealed = LinkageSeedRecord { published: true, ..moved_on(&record, authority, first) };
            unit.replace_linkage_seed(&revealed)?;
            Ok(Some((revealed.period, revealed.seed)))
        };
        self.context.store().write(reveal).await
    }

    async fn holding(&self, handle: LinkageHandle) -> Result<Option<LinkageHolding>, ServiceError> {
        let record = self.context.store().read::<_, ServiceError, _>(move |unit| Ok(unit.linkage_seed(&handle)?));
        Ok(record.await?.map(|record| LinkageHolding {
            since: record.since,
            period: record.period,
            published_from: record.published.then_some(record.period),
        }))
    }
}

/// The numbers of the values that are asked for, one a commitment.
fn numbers_of(request: &ValuesRequest) -> Result<std::ops::Range<u32>, ServiceError> {
    if request.commitments.len() > RequestBody::MAX_ITEMS {
        return Err(invalid("commitments", "more than 256"));
    }
    let count = request.commitments.len() as u32;
    let end = request.first.checked_add(count).ok_or(invalid("first", "the last number would be above 2^32 - 1"))?;
    Ok(request.first..end)
}

/// A seed at `period`, or where it is when that is later.
fn moved_on(record: &LinkageSeedRecord, authority: LinkageAuthority, period: Period) -> LinkageSeedRecord {
    let periods = period.number().saturating_sub(record.period.number());
    LinkageSeedRecord {
        period: record.period.max(period),
        seed: record.seed.after(authority, periods),
        ..record.clone()
    }
}

const fn invalid(field: &'static str, problem: &'static str) -> ServiceError {
    ServiceError::InvalidField { field, problem }
}
