//! Journeys that end without an exit: those held for too long, and those that their operator voids.

use symbolon_ccks::{Name, Suite, Time};
use symbolon_store::{
    Store, Transaction,
    records::{ChargeBatchId, JourneyEnd, JourneyRecord, NewCharge, Payer, RecordPosition, RouteEvent, RouteItem},
};
use symbolon_tap::Kind;

use super::{
    Exchange, RecordOutcome, UploadedRecord,
    charging::Moved,
    journeys,
    pseudonyms::is_too_late,
    routing::{agreement_key, gain, owned_record, position_of, tell, upload_of},
    settling::ToPassOn,
};
use crate::ServiceError;

/// Journeys ended in one unit of work, so that uploads do not wait for long.
const AT_A_TIME: u16 = 500;

impl<S: Suite, D: Store> Exchange<S, D> {
    /// Voids the journey of an entry: what is held or was charged goes back to the holder, whatever comes. Gives the entry;
    /// the same again for one that is void.
    ///
    /// # Errors
    /// [`ServiceError::NotFound`] when there is no such settled entry of this operator; [`ServiceError::InvalidField`] when
    /// the record is no entry; [`ServiceError::RecordTooLate`] when nobody knows any more whose pseudonym it is.
    pub async fn void_journey(&self, operator: &Name, entry: RecordPosition) -> Result<UploadedRecord, ServiceError> {
        let (operator, now, batch) = (*operator, self.context.now(), self.context.random());
        let look = move |unit: &dyn Transaction| {
            let found = owned_record(unit, &operator, entry, Kind::Entry, "name")?;
            Ok::<_, ServiceError>(found.record.parse()?.presentation().holder().digest())
        };
        let holder = self.context.store().read(look).await?;
        let late_seconds = self.context.policy().pseudonyms.late_records_seconds;
        let void = move |unit: &mut dyn Transaction| {
            let mut found = owned_record(unit, &operator, entry, Kind::Entry, "name")?;
            let record = *found.record.parse()?;
            let settled = unit.settled_agreement(&agreement_key(&record, &upload_of(unit, entry)?))?;
            let journey = settled.map(|settled| unit.journey(settled.id)).transpose()?.flatten();
            // A record that was refused has no journey.
            let journey = journey.ok_or(ServiceError::NotFound("journey"))?;
            found.outcome = RecordOutcome::Settled { amount: 0 };
            if journey.ended == Some(JourneyEnd::Voided) {
                return Ok((found, false));
            }
            if is_too_late(record.presentation().holder().identity(), late_seconds, now) {
                return Err(ServiceError::RecordTooLate);
            }
            let mut ending = Ending { batch, batch_is_begun: false, now };
            let item = ending.end(unit, &journey, JourneyEnd::Voided)?;
            tell(unit, &operator, &[item], now)?;
            Ok((found, ending.batch_is_begun))
        };
        let (found, posts) = self.context.store().write_for(vec![holder], void).await?;
        let batch = posts.then_some(batch);
        self.pass_on_at_once(ToPassOn { batch, suspends: false }, now).await;
        Ok(found)
    }

    /// Closes journeys that were held for as long as the policy says without an exit: they cost what was held. Says how
    /// many. An exit that comes after all is priced as ever.
    ///
    /// # Errors
    /// [`ServiceError::Store`].
    pub async fn close_held_journeys(&self, now: Time) -> Result<u64, ServiceError> {
        let Some(until) = now.seconds().checked_sub(self.context.policy().journey_seconds) else { return Ok(0) };
        let Ok(until) = Time::new(until) else { return Ok(0) };
        let mut closed = 0;
        loop {
            let look = move |unit: &dyn Transaction| unit.journeys_held_since(until, AT_A_TIME);
            let found = self.context.store().read(move |unit| Ok::<_, ServiceError>(look(unit)?)).await?;
            if found.is_empty() {
                return Ok(closed);
            }
            let is_last = found.len() < usize::from(AT_A_TIME);
            let holders = found.iter().map(|journey| journey.credential_digest).collect();
            let batch = self.context.random();
            let close = move |unit: &mut dyn Transaction| {
                let mut held = still_held(unit, &found)?;
                held.sort_by_key(|journey| journey.operator);
                let mut ending = Ending { batch, batch_is_begun: false, now };
                for of_one in held.chunk_by(|one, other| one.operator == other.operator) {
                    let end = |journey| ending.end(unit, journey, JourneyEnd::HeldTooLong);
                    let items = of_one.iter().map(end).collect::<Result<Vec<_>, _>>()?;
                    tell(unit, &of_one[0].operator, &items, now)?;
                }
                Ok::<_, ServiceError>(held.len())
            };
            closed += self.context.store().write_for(holders, close).await? as u64;
            if is_last {
                return Ok(closed);
            }
        }
    }
}

/// Those of these journeys that go on: an exit may have come since they were looked for, or their operator voided them.
fn still_held(unit: &dyn Transaction, found: &[JourneyRecord]) -> Result<Vec<JourneyRecord>, ServiceError> {
    let mut held = Vec::with_capacity(found.len());
    for journey in found {
        let now = unit.journey(journey.settlement)?;
        held.extend(now.filter(|journey| journey.closed.is_none() && journey.ended.is_none()));
    }
    Ok(held)
}

/// Ends journeys in one unit of work.
struct Ending {
    batch: ChargeBatchId,
    batch_is_begun: bool,
    now: Time,
}

impl Ending {
    /// Ends a journey, writes down what moves, and says what its operator is to be told.
    fn end(
        &mut self,
        unit: &mut dyn Transaction,
        entry: &JourneyRecord,
        end: JourneyEnd,
    ) -> Result<RouteItem, ServiceError> {
        let moved = journeys::end(unit, entry, end)?;
        let event = match end {
            JourneyEnd::HeldTooLong => RouteEvent::Closed,
            JourneyEnd::Voided => RouteEvent::Voided,
        };
        let item = RouteItem { event, record: position_of(unit, entry.settlement)?, gain: gain(&moved) };
        // An entry of nothing moved nothing, and moves nothing now.
        if let Some((payer, currency)) = unit.payer_of_entry(entry.settlement)?
            && !moved.moves.is_empty()
        {
            self.charge(unit, &moved, payer, currency)?;
        }
        Ok(item)
    }

    fn charge(
        &mut self,
        unit: &mut dyn Transaction,
        moved: &Moved,
        payer: Payer,
        currency: u16,
    ) -> Result<(), ServiceError> {
        if let Payer::Named(_) = payer
            && !self.batch_is_begun
        {
            unit.add_batch(&self.batch, self.now)?;
            self.batch_is_begun = true;
        }
        let batch = matches!(payer, Payer::Named(_)).then_some(self.batch);
        unit.add_charge(&to_charge(moved, payer, currency, batch, self.now)?)?;
        Ok(())
    }
}

/// What is written down of moves.
pub(super) fn to_charge(
    moved: &Moved,
    payer: Payer,
    currency: u16,
    batch: Option<ChargeBatchId>,
    settled: Time,
) -> Result<NewCharge, ServiceError> {
    let moves = serde_json::to_string(&moved.moves).map_err(|_| ServiceError::Internal("moves do not encode"))?;
    let Moved { kind, settlement, .. } = *moved;
    Ok(NewCharge { settlement, kind, currency, payer, moves, settled, batch })
}
