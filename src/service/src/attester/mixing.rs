//! Items of many cards go to the issuer together, shuffled, and each by itself.
//!
//! A batch goes when enough items wait or the oldest has waited long enough: items of the present period, which holders
//! wait for, soon; those of the next period late, so that many cards' go together. What the issuer has seen already, without
//! giving an answer, cannot be mixed any more: it is sent again beside, and never makes fresh items go earlier.

use std::collections::{BTreeMap, BTreeSet};

use symbolon_ccks::{Period, Subject, Suite, Time};
use symbolon_pseudonym::Commitment;
use symbolon_store::{
    Store, StoreError, Transaction,
    records::{CardState, ItemEnd, RequestId, WaitingItemRecord, WaitingItems},
};

use super::{
    Attester,
    preparing::{release_unissued, withdraw},
};
use crate::{
    Batching, PseudonymPolicy, ServiceError,
    cards::present_state,
    links::{IssueItem, ItemOutcome},
};

/// Items in one question to the issuer, so that a message stays below a megabyte.
const MOST_ITEMS: usize = 1_024;

/// Releases told to clearing at a time.
const RELEASES: u16 = 256;

impl<S: Suite, D: Store> Attester<S, D> {
    /// Passes on what has waited enough, and tells clearing what will never be issued; returns how many items ended. What
    /// the issuer does not answer stays for another time.
    ///
    /// # Errors
    /// [`ServiceError::Store`].
    pub async fn pass_on(&self, now: Time) -> Result<usize, ServiceError> {
        let mut last = self.passing.lock().await;
        let policy = self.context.policy().pseudonyms.clone();
        let again = last.is_none_or(|last| last.saturating_add(policy.mixing.delay_seconds) <= now || now < last);
        let present = self.present(now)?;
        let look = move |unit: &dyn Transaction| Ok((waiting_for(unit, present)?, waiting_ahead(unit, present)?));
        let (urgent, ahead) = self.context.store().read::<_, ServiceError, _>(look).await?;
        let turn = Turn {
            urgent: is_due(urgent, policy.mixing, now),
            ahead: is_due(ahead, policy.mixing_ahead, now),
            seen: again && urgent.passed + ahead.passed > 0,
            present,
        };
        let mut items = if turn.is_idle() {
            Vec::new()
        } else {
            let due = move |unit: &mut dyn Transaction| due(unit, &policy, now, turn);
            self.context.store().write::<_, ServiceError, _>(due).await?
        };
        let mut ended = 0;
        if !items.is_empty() {
            *last = Some(now);
            self.context.shuffle(&mut items);
        }
        let items = items.into_iter().map(issue_item).collect::<Vec<_>>();
        for batch in items.chunks(MOST_ITEMS) {
            ended += self.issue(batch).await?;
        }
        self.release().await?;
        Ok(ended)
    }

    /// Has one batch issued, and keeps what became of it.
    async fn issue(&self, batch: &[IssueItem]) -> Result<usize, ServiceError> {
        let commitments = batch.iter().map(|item| item.commitment).collect::<Vec<_>>();
        let outcomes = match self.links.issuer.issue(batch.to_vec()).await {
            Ok(outcomes) if outcomes.len() == batch.len() => outcomes,
            Ok(_) => {
                tracing::error!("the issuer answered another number of items than it was passed");
                vec![ItemOutcome::Pending; batch.len()]
            }
            Err(error) => {
                tracing::warn!(%error, "the issuer did not answer; what waits for it stays");
                vec![ItemOutcome::Pending; batch.len()]
            }
        };
        let keep = move |unit: &mut dyn Transaction| keep(unit, &commitments, &outcomes);
        self.context.store().write(keep).await
    }

    /// Tells clearing what of its reservations will never be issued. It is asked for again until clearing has taken it.
    async fn release(&self) -> Result<(), ServiceError> {
        let look = move |unit: &dyn Transaction| Ok(unit.releases(RELEASES)?);
        for (reservation, count) in self.context.store().read::<_, ServiceError, _>(look).await? {
            match self.links.clearing.release(reservation, count).await {
                // There is nothing to give back of what was never set aside.
                Ok(()) | Err(ServiceError::NotFound(_)) => {
                    let drop = move |unit: &mut dyn Transaction| Ok(unit.drop_release(&reservation)?);
                    self.context.store().write::<_, ServiceError, _>(drop).await?;
                }
                Err(error) => {
                    tracing::warn!(%error, "clearing did not take back what was set aside; it will be told again");
                }
            }
        }
        Ok(())
    }
}

/// What waits and is of the present period, or of one that is over.
pub(super) fn waiting_for(unit: &dyn Transaction, present: Period) -> Result<WaitingItems, StoreError> {
    unit.waiting(Period::FIRST, present)
}

/// What waits and is of a later period.
pub(super) fn waiting_ahead(unit: &dyn Transaction, present: Period) -> Result<WaitingItems, StoreError> {
    unit.waiting(present.next(), Period::LAST)
}

/// Whether items that the issuer has not seen go now.
fn is_due(waiting: WaitingItems, mixing: Batching, now: Time) -> bool {
    let waited = |oldest: Time| oldest.saturating_add(mixing.delay_seconds) <= now;
    waiting.fresh > 0 && (waiting.fresh >= mixing.items || waiting.oldest.is_some_and(waited))
}

/// What goes this time.
#[derive(Clone, Copy)]
struct Turn {
    /// Items of the present period that the issuer has not seen.
    urgent: bool,
    /// Those of the next one.
    ahead: bool,
    /// Items that it has seen.
    seen: bool,
    present: Period,
}

impl Turn {
    fn is_idle(self) -> bool {
        !(self.urgent || self.ahead || self.seen)
    }

    /// Whether this item's turn has come.
    fn takes(self, item: &WaitingItemRecord) -> bool {
        match item.passed {
            true => self.seen,
            false if item.period > self.present => self.ahead,
            false => self.urgent,
        }
    }
}

/// What is to be passed on now; items of cards out of use and of periods that are over are withdrawn instead.
fn due(
    unit: &mut dyn Transaction,
    policy: &PseudonymPolicy,
    now: Time,
    turn: Turn,
) -> Result<Vec<WaitingItemRecord>, ServiceError> {
    let mut active = BTreeMap::new();
    let mut withdrawn = BTreeSet::new();
    let mut items = Vec::new();
    for (card, item) in unit.waiting_items(!(turn.urgent || turn.ahead))? {
        let is_active = match active.get(&card) {
            Some(is_active) => *is_active,
            None => *active.entry(card).or_insert(is_in_use(unit, &card, now)?),
        };
        if !is_active || item.period.end(policy.boundary) <= now {
            withdrawn.insert(item.commitment);
        } else if turn.takes(&item) {
            items.push(item);
        }
    }
    let mut gone = BTreeSet::new();
    for commitment in withdrawn {
        if let Some((request, _)) = unit.request_of_commitment(&commitment)? {
            gone.insert((request.card, request.id));
        }
    }
    for (card, id) in gone {
        if let Some(request) = unit.pseudonym_request(&card, &id)? {
            withdraw(unit, &request)?;
        }
    }
    Ok(items)
}

fn is_in_use(unit: &dyn Transaction, card: &Subject, now: Time) -> Result<bool, ServiceError> {
    Ok(unit.card(card)?.is_some_and(|card| present_state(&card, now) == CardState::Active))
}

fn issue_item(item: WaitingItemRecord) -> IssueItem {
    IssueItem {
        challenge: item.challenge,
        commitment: item.commitment,
        period: item.period,
        profile: item.profile,
        sealed: item.sealed,
        values: item.values,
        tag: item.tag,
    }
}

/// Keeps what became of items; returns how many ended.
fn keep(
    unit: &mut dyn Transaction,
    commitments: &[Commitment],
    outcomes: &[ItemOutcome],
) -> Result<usize, ServiceError> {
    let mut requests: BTreeSet<(Subject, RequestId)> = BTreeSet::new();
    let (mut ended, mut pending) = (0, Vec::new());
    for (commitment, outcome) in commitments.iter().zip(outcomes) {
        let end = match outcome {
            ItemOutcome::Issued(answer) => ItemEnd::Answered(answer.clone()),
            ItemOutcome::Refused(refusal) => ItemEnd::Refused(refusal.as_str().to_owned()),
            ItemOutcome::Pending => {
                pending.push(*commitment);
                continue;
            }
        };
        if unit.end_pseudonym_item(commitment, &end)? {
            ended += 1;
            if let Some((request, _)) = unit.request_of_commitment(commitment)? {
                requests.insert((request.card, request.id));
            }
        }
    }
    unit.mark_passed(&pending)?;
    for (card, id) in requests {
        if let Some(request) = unit.pseudonym_request(&card, &id)? {
            release_unissued(unit, &request)?;
        }
    }
    Ok(ended)
}
