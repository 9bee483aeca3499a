//! From a request that was taken to items that wait: money set aside, linkage values, tags.
//!
//! Each step is written down before the next begins, and every question to another role can be asked again: so that a
//! request goes on from where it stopped, whoever brings it on, and is paid for once.

use symbolon_ccks::{Suite, Time};
use symbolon_pseudonym::{ClearingTag, RequestBody, SealedValue, TagUse};
use symbolon_store::{
    Store, Transaction,
    records::{CardState, ItemEnd, PseudonymQuota, PseudonymRequestRecord, PseudonymRequestState, WaitingItemRecord},
};

use super::{Attester, registry::account_handle};
use crate::{
    ServiceError,
    cards::present_state,
    links::{ItemRefusal, Reservation, ServiceRole, ValuesRequest},
};

/// Requests that are brought on at a time.
const REQUESTS: u16 = 256;

impl<S: Suite, D: Store> Attester<S, D> {
    /// Brings requests on that were interrupted; returns how many were.
    ///
    /// # Errors
    /// [`ServiceError::Store`].
    pub async fn finish_requests(&self) -> Result<usize, ServiceError> {
        let look = move |unit: &dyn Transaction| Ok(unit.unprepared_requests(REQUESTS)?);
        let unprepared = self.context.store().read::<_, ServiceError, _>(look).await?;
        let mut finished = 0;
        for request in unprepared {
            match self.prepare(request).await {
                Ok(()) => finished += 1,
                Err(error @ ServiceError::Store(_)) => return Err(error),
                Err(error) => {
                    tracing::warn!(%error, "a request for pseudonyms was not finished; it will be tried again");
                }
            }
        }
        Ok(finished)
    }

    async fn withdraw(&self, request: PseudonymRequestRecord) -> Result<(), ServiceError> {
        let withdraw = move |unit: &mut dyn Transaction| match current(unit, &request)? {
            Some(current) => withdraw(unit, &current),
            None => Ok(()),
        };
        self.context.store().write(withdraw).await
    }

    /// Brings a request on until its items wait. One whose period is over, or whose card was taken out of use, is
    /// withdrawn.
    pub(super) async fn prepare(&self, request: PseudonymRequestRecord) -> Result<(), ServiceError> {
        let (card, now) = (request.card, self.context.now());
        let look = move |unit: &dyn Transaction| {
            let card = unit.card(&card)?.ok_or(ServiceError::NotFound("card"))?;
            Ok(present_state(&card, now) == CardState::Active)
        };
        if request.state == PseudonymRequestState::Prepared {
            return Ok(());
        }
        let over = request.period.end(self.context.policy().pseudonyms.boundary) <= now;
        if over || !self.context.store().read::<_, ServiceError, _>(look).await? {
            return self.withdraw(request).await;
        }
        let request = match request.state {
            PseudonymRequestState::Taken => self.reserve(request).await?,
            PseudonymRequestState::Reserved | PseudonymRequestState::Prepared => request,
        };
        match request.state {
            PseudonymRequestState::Reserved => self.ask_values(request).await,
            PseudonymRequestState::Taken | PseudonymRequestState::Prepared => Ok(()),
        }
    }

    /// Has clearing set money aside, and fixes the numbers of the linkage values.
    async fn reserve(&self, request: PseudonymRequestRecord) -> Result<PseudonymRequestRecord, ServiceError> {
        let card = request.card;
        let account = self.context.store().read::<_, ServiceError, _>(move |unit| {
            let card = unit.card(&card)?.ok_or(ServiceError::NotFound("card"))?;
            Ok((account_handle(&card.account)?, card.currency))
        });
        let (account, currency) = account.await?;
        let policy = &self.context.policy().pseudonyms;
        let reservation = Reservation {
            id: request.reservation,
            account,
            period: request.period,
            count: request.count,
            budget: request.budget,
            line: request.line,
            currency,
            until: request.period.expiry(policy.boundary).saturating_add(policy.late_records_seconds),
        };
        match self.links.clearing.reserve(reservation).await {
            Ok(()) => self.context.store().write(move |unit| reserved(unit, &request)).await?,
            Err(ServiceError::InsufficientFunds) => {
                self.context.store().write(move |unit| forget(unit, &request)).await?;
                Err(ServiceError::InsufficientFunds)
            }
            Err(error) => Err(error),
        }
    }

    /// Asks both linkage authorities, and has the items wait.
    async fn ask_values(&self, request: PseudonymRequestRecord) -> Result<(), ServiceError> {
        let body = RequestBody::parse(&request.body)?;
        let card = request.card;
        let look = move |unit: &dyn Transaction| {
            let handle =
                unit.linkage_handle(&card)?.ok_or(ServiceError::Internal("a card that asked has no handle"))?;
            let card = unit.card(&card)?.ok_or(ServiceError::NotFound("card"))?;
            Ok((handle.handle, account_handle(&card.account)?))
        };
        let (handle, account) = self.context.store().read::<_, ServiceError, _>(look).await?;
        let first = request.first.ok_or(ServiceError::Internal("a request without numbers has money set aside"))?;
        let values = ValuesRequest {
            handle,
            period: request.period,
            first: u32::from(first),
            commitments: body.items().iter().map(|item| item.commitment).collect(),
        };
        let [a, b] = &self.links.linkage;
        let (a, b) = tokio::try_join!(a.values(values.clone()), b.values(values))?;
        if a.len() != body.items().len() || b.len() != body.items().len() {
            return Err(ServiceError::Internal("a linkage authority gave another number of values"));
        }
        let tag = || {
            let usage = TagUse::Pseudonym(request.period);
            ClearingTag::seal(&account, usage, &self.role_keys.clearing, self.context.random())
        };
        let now = self.context.now();
        let values = a.into_iter().zip(b).map(|(a, b)| [a, b]);
        let waiting = items(&request, &body, now).zip(values).map(|(item, values)| item(values, tag()));
        let waiting = waiting.collect::<Vec<_>>();
        self.context.store().write(move |unit| wait(unit, &request, &waiting, now)).await
    }
}

/// The items of a request, but for their values and tags.
fn items(
    request: &PseudonymRequestRecord,
    body: &RequestBody,
    now: Time,
) -> impl Iterator<Item = impl FnOnce([SealedValue; 2], ClearingTag) -> WaitingItemRecord> {
    (0_u32..).zip(body.items()).map(move |(j, item)| {
        move |values, tag| WaitingItemRecord {
            commitment: item.commitment,
            challenge: body.item_challenge(j),
            period: request.period,
            profile: request.profile,
            sealed: item.sealed.clone(),
            values,
            tag,
            since: now,
            passed: false,
        }
    })
}

/// What is kept of a request now, unless it was forgotten meanwhile.
fn current(
    unit: &dyn Transaction,
    request: &PseudonymRequestRecord,
) -> Result<Option<PseudonymRequestRecord>, ServiceError> {
    let current = unit.pseudonym_request(&request.card, &request.id)?;
    Ok(current.filter(|current| current.reservation == request.reservation))
}

/// Money is set aside: the numbers of the linkage values follow now, as they are never given back. The inner error is one
/// to answer after its effect was written.
fn reserved(
    unit: &mut dyn Transaction,
    request: &PseudonymRequestRecord,
) -> Result<Result<PseudonymRequestRecord, ServiceError>, ServiceError> {
    let Some(current) = current(unit, request)? else {
        // The same request came twice at once, and the other time the money did not reach.
        unit.add_release(&request.reservation, request.count)?;
        return Ok(Err(ServiceError::RoleUnavailable(ServiceRole::Attester)));
    };
    if current.state != PseudonymRequestState::Taken {
        return Ok(Ok(current));
    }
    let quota = unit.pseudonym_quota(&current.card, current.period)?;
    let next =
        quota.next.checked_add(current.count).ok_or(ServiceError::Internal("more values than can be counted"))?;
    unit.set_pseudonym_quota(&current.card, current.period, PseudonymQuota { next, ..quota })?;
    let reserved =
        PseudonymRequestRecord { state: PseudonymRequestState::Reserved, first: Some(quota.next), ..current };
    unit.update_pseudonym_request(&reserved)?;
    Ok(Ok(reserved))
}

/// Leaves nothing behind of a request for which nothing was set aside.
fn forget(unit: &mut dyn Transaction, request: &PseudonymRequestRecord) -> Result<(), ServiceError> {
    let Some(current) = current(unit, request)? else { return Ok(()) };
    if current.state == PseudonymRequestState::Taken {
        let quota = unit.pseudonym_quota(&current.card, current.period)?;
        let used = quota.used.saturating_sub(current.count);
        unit.set_pseudonym_quota(&current.card, current.period, PseudonymQuota { used, ..quota })?;
        unit.drop_pseudonym_request(&current.card, &current.id)?;
    }
    Ok(())
}

/// Has the items of a request wait to be passed on; if the card was taken out of use meanwhile, withdraws them.
fn wait(
    unit: &mut dyn Transaction,
    request: &PseudonymRequestRecord,
    items: &[WaitingItemRecord],
    now: Time,
) -> Result<(), ServiceError> {
    let Some(current) = current(unit, request)? else { return Ok(()) };
    if current.state == PseudonymRequestState::Prepared {
        return Ok(());
    }
    let card = unit.card(&current.card)?.ok_or(ServiceError::NotFound("card"))?;
    if present_state(&card, now) != CardState::Active {
        return withdraw(unit, &current);
    }
    for item in items {
        unit.add_waiting_item(item)?;
    }
    Ok(unit.update_pseudonym_request(&PseudonymRequestRecord { state: PseudonymRequestState::Prepared, ..current })?)
}

/// Withdraws what of a request has not ended, and has the money for it released.
pub(super) fn withdraw(unit: &mut dyn Transaction, request: &PseudonymRequestRecord) -> Result<(), ServiceError> {
    if request.state != PseudonymRequestState::Prepared {
        let quota = unit.pseudonym_quota(&request.card, request.period)?;
        let first = request.first.or(Some(quota.next));
        let prepared = PseudonymRequestRecord { state: PseudonymRequestState::Prepared, first, ..request.clone() };
        unit.update_pseudonym_request(&prepared)?;
    }
    let withdrawn = ItemEnd::Refused(ItemRefusal::Withdrawn.as_str().to_owned());
    for item in unit.pseudonym_items(&request.card, &request.id)? {
        if item.end.is_none() {
            unit.end_pseudonym_item(&item.commitment, &withdrawn)?;
        }
    }
    release_unissued(unit, request)
}

/// Has the money released of what of a request was refused or withdrawn, once nothing of it waits any more.
pub(super) fn release_unissued(
    unit: &mut dyn Transaction,
    request: &PseudonymRequestRecord,
) -> Result<(), ServiceError> {
    let items = unit.pseudonym_items(&request.card, &request.id)?;
    if items.iter().any(|item| item.end.is_none()) {
        return Ok(());
    }
    let unissued = items.iter().filter(|item| matches!(item.end, Some(ItemEnd::Refused(_)))).count();
    // A body has 256 items at most.
    if unissued > 0 { Ok(unit.add_release(&request.reservation, unissued as u16)?) } else { Ok(()) }
}
