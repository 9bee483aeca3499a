//! The money that settlements move: written down with them, then passed on to clearing.
//!
//! What cards did under their own numbers is in a batch when it is settled and posted at once, an entry each. What
//! pseudonyms did waits until enough of it can be summed, as the policy says: clearing learns what each pseudonym spent
//! and what each operator earned in all, and neither who paid whom nor when.
//!
//! A batch is written down before it is sent, and made of the same charges each time: clearing knows it again, so that
//! nothing is lost and nothing posted twice, whichever of the two fails when.

use std::collections::BTreeMap;

use symbolon_ccks::{Subject, Suite, Time};
use symbolon_store::{
    Store, StoreError, Transaction,
    records::{ChargeBatchId, ChargeRecord, EntryKind, NewCharge, Payer, SettlementId},
};

use super::{Exchange, books::Books};
use crate::{
    ServiceError,
    context::Batching,
    links::{Move, NamedCharge, NettedCharge, Party, PostingBatch},
};

/// The most charges that are summed into one batch, so that it fits a message.
const MOST_CHARGES: u32 = 16_384;

/// The most batches that are formed before other chores have their turn.
const MOST_BATCHES: u32 = 8;

/// What a settlement moves.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Moved {
    pub(super) kind: EntryKind,
    pub(super) settlement: SettlementId,
    pub(super) moves: Vec<Move>,
}

/// Writes down what the records of one upload move.
pub(super) struct Charging {
    /// What cards did under their own numbers goes in there.
    batch: ChargeBatchId,
    batch_is_begun: bool,
    now: Time,
}

impl Charging {
    pub(super) const fn new(batch: ChargeBatchId, now: Time) -> Self {
        Self { batch, batch_is_begun: false, now }
    }

    /// The batch that is to be posted at once, if there is anything in it.
    pub(super) fn batch(&self) -> Option<ChargeBatchId> {
        self.batch_is_begun.then_some(self.batch)
    }

    /// Writes down what is moved, unless it is nothing.
    pub(super) fn add(
        &mut self,
        unit: &mut dyn Transaction,
        books: &mut Books,
        moved: Moved,
        payer: Payer,
        currency: u16,
    ) -> Result<(), ServiceError> {
        let moves = moved.moves.into_iter().filter(|moved| moved.amount > 0).collect::<Vec<_>>();
        if moves.is_empty() {
            return Ok(());
        }
        let batch = match payer {
            Payer::Named(_) => Some(self.batch),
            Payer::Pseudonym(_) => None,
        };
        if batch.is_some() && !self.batch_is_begun {
            unit.add_batch(&self.batch, self.now)?;
            self.batch_is_begun = true;
        }
        let moves = serde_json::to_string(&moves).map_err(|_| ServiceError::Internal("moves do not encode"))?;
        let Moved { kind, settlement, .. } = moved;
        books.charge(NewCharge { settlement, kind, currency, payer, moves, settled: self.now, batch });
        Ok(())
    }
}

impl<S: Suite, D: Store> Exchange<S, D> {
    /// Passes on what is to be passed on at `now`: cards to suspend, vouchers that meters took, batches that clearing has not posted, and what
    /// pseudonyms spent, as soon as the policy lets it go. What fails is tried again the next time.
    ///
    /// # Errors
    /// The first failure, after everything else was tried.
    pub async fn deliver(&self, now: Time) -> Result<(), ServiceError> {
        let policy = self.context.policy().pseudonyms.charging;
        self.pass_on(now, policy, MOST_BATCHES).await
    }

    /// As [`Self::deliver`], and lets go what still waits to be summed with more.
    ///
    /// # Errors
    /// As [`Self::deliver`].
    pub async fn deliver_all(&self, now: Time) -> Result<(), ServiceError> {
        self.pass_on(now, Batching { items: 1, delay_seconds: 0 }, u32::MAX).await
    }

    async fn pass_on(&self, now: Time, policy: Batching, most: u32) -> Result<(), ServiceError> {
        let suspended = self.pass_on_suspensions(now).await;
        let delivered = self.pass_on_deliveries(now).await;
        let charged = self.pass_on_charges(now, policy, most).await;
        suspended.and(delivered).and(charged)
    }

    /// Posts what is not known to be posted, then batches of what pseudonyms spent, each when it is formed: what comes all
    /// the time must not keep what is there from being posted.
    async fn pass_on_charges(&self, now: Time, policy: Batching, most: u32) -> Result<(), ServiceError> {
        let mut posting = self.post_undelivered(now).await?;
        for _ in 0..most {
            let Some(batch) = self.form_batch(now, policy).await? else { break };
            // While clearing is away batches wait for it.
            if !posting.is_away {
                posting.see(self.post(batch, now).await);
            }
        }
        posting.outcome
    }

    /// Puts what pseudonyms spent into a batch, if it is time.
    async fn form_batch(&self, now: Time, policy: Batching) -> Result<Option<ChargeBatchId>, ServiceError> {
        let batch = self.context.random();
        let form = move |unit: &mut dyn Transaction| {
            let items = policy.items.max(1);
            let waiting = unit.oldest_waiting_charges(items)?;
            let enough = waiting.count >= u64::from(items);
            let late = waiting.oldest.is_some_and(|oldest| oldest.saturating_add(policy.delay_seconds) <= now);
            if !(enough || late) {
                return Ok(None);
            }
            unit.add_batch(&batch, now)?;
            unit.batch_waiting(&batch, MOST_CHARGES)?;
            Ok::<_, ServiceError>(Some(batch))
        };
        self.context.store().write(form).await
    }

    /// Posts every batch that is not known to be posted, of those that there are now: uploads go on making some.
    async fn post_undelivered(&self, now: Time) -> Result<Posting, ServiceError> {
        let there = |unit: &dyn Transaction| Ok::<_, ServiceError>(unit.undelivered_batches()?.count);
        let (mut after, mut posting) = (None, Posting::default());
        for _ in 0..self.context.store().read(there).await? {
            let next = move |unit: &dyn Transaction| unit.next_undelivered_batch(after.as_ref());
            let next = self.context.store().read(move |unit| Ok::<_, ServiceError>(next(unit)?)).await?;
            let Some(batch) = next else { break };
            // One that clearing does not take must not keep the others waiting.
            posting.see(self.post(batch, now).await);
            if posting.is_away {
                break;
            }
            after = Some(batch);
        }
        Ok(posting)
    }

    /// Has clearing post a batch, and notes it.
    pub(super) async fn post(&self, batch: ChargeBatchId, now: Time) -> Result<(), ServiceError> {
        let charges = self.context.store().read(move |unit| Ok::<_, ServiceError>(unit.charges_of(&batch)?)).await?;
        let posting = compose(batch, &charges)?;
        if !(posting.named.is_empty() && posting.netted.is_empty()) {
            self.clearing.post(posting).await?;
        }
        self.context.store().write(move |unit| Ok(unit.mark_delivered(&batch, now)?)).await
    }
}

/// What came of posting some batches.
struct Posting {
    /// The first failure.
    outcome: Result<(), ServiceError>,
    /// Whether clearing or a database did not answer, as it would not for the next.
    is_away: bool,
}

impl Default for Posting {
    fn default() -> Self {
        Self { outcome: Ok(()), is_away: false }
    }
}

impl Posting {
    fn see(&mut self, posted: Result<(), ServiceError>) {
        let away = |error: &ServiceError| {
            matches!(error, ServiceError::RoleUnavailable(_) | ServiceError::Store(StoreError::Unavailable(_)))
        };
        self.is_away |= posted.as_ref().is_err_and(away);
        if self.outcome.is_ok() {
            self.outcome = posted;
        }
    }
}

/// What clearing is told of a batch: the same each time for the same charges.
fn compose(id: ChargeBatchId, charges: &[ChargeRecord]) -> Result<PostingBatch, ServiceError> {
    let mut batch = PostingBatch { id, named: Vec::new(), netted: Vec::new() };
    let mut sums = BTreeMap::<u16, Sums>::new();
    for ChargeRecord { record, charge } in charges {
        let moves = serde_json::from_str::<Vec<Move>>(&charge.moves)
            .map_err(|_| ServiceError::Internal("stored moves do not read"))?;
        match charge.payer {
            Payer::Named(tag) => batch.named.push(NamedCharge {
                kind: charge.kind,
                tag,
                currency: charge.currency,
                record: Some(*record),
                moves,
            }),
            Payer::Pseudonym(subject) => sums.entry(charge.currency).or_default().add(subject, moves),
        }
    }
    let netted = sums.into_iter().map(|(currency, sums)| sums.netted(currency));
    batch.netted.extend(netted.filter(|netted| !(netted.subjects.is_empty() && netted.parties.is_empty())));
    Ok(batch)
}

/// What each gains in one currency. The maps are in the order of subjects, which are random, and of names: nothing of
/// the order in which records came is left in it.
#[derive(Default)]
struct Sums {
    subjects: BTreeMap<Subject, i64>,
    parties: BTreeMap<Party, i64>,
}

impl Sums {
    fn add(&mut self, subject: Subject, moves: Vec<Move>) {
        for Move { from, to, amount } in moves {
            *self.gains_of(subject, from) -= i64::from(amount);
            *self.gains_of(subject, to) += i64::from(amount);
        }
    }

    fn gains_of(&mut self, subject: Subject, party: Party) -> &mut i64 {
        match party {
            Party::Holder => self.subjects.entry(subject).or_default(),
            Party::Operator(_) | Party::Journeys => self.parties.entry(party).or_default(),
        }
    }

    fn netted(self, currency: u16) -> NettedCharge {
        NettedCharge { currency, subjects: without_zeros(self.subjects), parties: without_zeros(self.parties) }
    }
}

fn without_zeros<T>(gains: BTreeMap<T, i64>) -> Vec<(T, i64)> {
    gains.into_iter().filter(|(_, gain)| *gain != 0).collect()
}
