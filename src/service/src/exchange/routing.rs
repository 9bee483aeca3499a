//! Routing: each operator is told what became of its records, each thing once, in an order in which nothing ever appears
//! behind what was told.
//!
//! What is to be told is written with what it is about, as one unit of work: one row for an upload, not one a record. Its
//! place it gets then, or where uploads are settled side by side when somebody asks for it. A cursor is a place in that order and nothing else; who keeps it with what it read goes on exactly there, at any node.

use std::{collections::BTreeMap, fmt, str::FromStr};

use sha2::{Digest as _, Sha256};
use symbolon_ccks::{Name, Suite, Time};
use symbolon_store::{
    Store, Transaction,
    records::{
        Agreement, AgreementKey, RecordPosition, RouteEvent, RouteItem, RouteRecord, SettlementId, UploadId,
        UploadRecord,
    },
};
use symbolon_tap::{Kind, Record};

use super::{
    Exchange, RecordOutcome, UploadedRecord,
    charging::Moved,
    reading::{UploadRecords, record_at},
};
use crate::{ServiceError, links::Party};

/// Rows read at a time; each is of one upload.
const ROWS_AT_A_TIME: u16 = 4;

/// A place among everything that an operator is told.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct RouteCursor {
    number: u64,
    index: u16,
}

impl RouteCursor {
    const BITS_OF_INDEX: u32 = 16;
}

impl fmt::Display for RouteCursor {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        (self.number << Self::BITS_OF_INDEX | u64::from(self.index)).fmt(formatter)
    }
}

impl FromStr for RouteCursor {
    type Err = ServiceError;

    fn from_str(text: &str) -> Result<Self, ServiceError> {
        let invalid = ServiceError::InvalidField { field: "cursor", problem: "not one that was given" };
        let place = text.parse::<u64>().map_err(|_| invalid.clone())?;
        let cursor = Self { number: place >> Self::BITS_OF_INDEX, index: place as u16 };
        // One spelling; and nothing stands before the first number.
        if cursor.number > 0 && cursor.to_string() == text { Ok(cursor) } else { Err(invalid) }
    }
}

/// One thing that became of a record of an operator.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CollectedRecord {
    /// Goes on behind it.
    pub cursor: RouteCursor,
    /// What became of it.
    pub event: RouteEvent,
    /// What the operator gained by it, minor units; below zero what it gave back.
    pub gain: i64,
    /// The record; its outcome is what was settled.
    pub record: UploadedRecord,
    /// When.
    pub time: Time,
}

impl<S: Suite, D: Store> Exchange<S, D> {
    /// What an operator is told behind a cursor, in order, or from the beginning; at most `limit`, and nothing when all
    /// was told.
    ///
    /// # Errors
    /// [`ServiceError::InvalidField`] for a cursor that was never given, such as one of a database that was lost since.
    pub async fn collect(
        &self,
        operator: &Name,
        after: Option<RouteCursor>,
        limit: usize,
    ) -> Result<Vec<CollectedRecord>, ServiceError> {
        let (operator, store) = (*operator, self.context.store());
        let look = move |unit: &dyn Transaction| {
            let collected = collect(unit, &operator, after, limit)?;
            let is_all = collected.len() == limit || !unit.has_unnumbered_routes(&operator)?;
            Ok::<_, ServiceError>((collected, is_all))
        };
        let (collected, is_all) = store.read(look).await?;
        if is_all {
            return Ok(collected);
        }
        store.write_for(Vec::new(), move |unit| Ok::<_, ServiceError>(unit.number_routes(&operator)?)).await?;
        store.read(move |unit| collect(unit, &operator, after, limit)).await
    }
}

fn collect(
    unit: &dyn Transaction,
    operator: &Name,
    after: Option<RouteCursor>,
    limit: usize,
) -> Result<Vec<CollectedRecord>, ServiceError> {
    let mut from = after.map_or(1, |after| after.number);
    let (mut collected, mut uploads) = (Vec::new(), UploadRecords::default());
    loop {
        let routes = unit.routes(operator, from, ROWS_AT_A_TIME)?;
        if let Some(after) = after.filter(|after| after.number == from) {
            let is_given = |route: &RouteRecord| route.number == from && usize::from(after.index) < route.items.len();
            if !routes.first().is_some_and(is_given) {
                return Err(ServiceError::InvalidField {
                    field: "cursor",
                    problem: "ahead of everything that is kept",
                });
            }
        }
        let Some(last) = routes.last() else { return Ok(collected) };
        from = last.number + 1;
        for route in &routes {
            for (index, item) in (0..).zip(&route.items) {
                let cursor = RouteCursor { number: route.number, index };
                if after.is_some_and(|after| cursor <= after) {
                    continue;
                }
                if collected.len() == limit {
                    return Ok(collected);
                }
                let record = settled_record(unit, &mut uploads, item)?;
                collected.push(CollectedRecord {
                    cursor,
                    event: item.event,
                    gain: item.gain,
                    record,
                    time: route.time,
                });
            }
        }
    }
}

/// The record of an item, with what was settled as its outcome.
fn settled_record(
    unit: &dyn Transaction,
    uploads: &mut UploadRecords,
    item: &RouteItem,
) -> Result<UploadedRecord, ServiceError> {
    let mut record = uploads.record(unit, item.record)?;
    // A refund had been refused when it came.
    if let RecordOutcome::Refused(_) = record.outcome {
        let amount = record.record.parse()?.terms().amount();
        record.outcome = RecordOutcome::Settled { amount };
    }
    Ok(record)
}

/// What an operator is to be told at the end of a unit of work.
#[derive(Default)]
pub(super) struct Telling {
    gains: Vec<(SettlementId, i64)>,
}

impl Telling {
    /// Notes what an operator gains by a move.
    pub(super) fn note(&mut self, moved: &Moved) {
        let gain = gain(moved);
        if gain != 0 {
            self.gains.push((moved.settlement, gain));
        }
    }

    /// Tells what became of the records of an upload, and of records before them because of it.
    pub(super) fn tell(
        self,
        unit: &mut dyn Transaction,
        operator: &Name,
        upload: UploadId,
        outcomes: &[RecordOutcome],
        now: Time,
    ) -> Result<(), ServiceError> {
        let mut gains = BTreeMap::<SettlementId, i64>::new();
        for (settlement, gain) in self.gains {
            *gains.entry(settlement).or_default() += gain;
        }
        let mut items = Vec::with_capacity(outcomes.len());
        for (index, outcome) in (0..).zip(outcomes) {
            if outcome.is_settled() {
                let record = RecordPosition::new(upload, index);
                let gain = gains.remove(&SettlementId(record.0)).unwrap_or_default();
                items.push(RouteItem { event: RouteEvent::Settled, record, gain });
            }
        }
        for (settlement, gain) in gains {
            items.push(RouteItem { event: RouteEvent::Priced, record: position_of(unit, settlement)?, gain });
        }
        tell(unit, operator, &items, now)
    }
}

/// Tells an operator these items, unless there are none.
pub(super) fn tell(
    unit: &mut dyn Transaction,
    operator: &Name,
    items: &[RouteItem],
    now: Time,
) -> Result<(), ServiceError> {
    for items in items.chunks(RouteRecord::MOST_ITEMS) {
        unit.add_route(operator, now, items)?;
    }
    Ok(())
}

/// What operators gain by a move; those of one are of one operator.
pub(super) fn gain(moved: &Moved) -> i64 {
    let share = |party: &Party, amount: u32| match party {
        Party::Operator(_) => i64::from(amount),
        Party::Holder | Party::Journeys => 0,
    };
    moved.moves.iter().map(|moved| share(&moved.to, moved.amount) - share(&moved.from, moved.amount)).sum()
}

/// The record that was settled so.
pub(super) fn position_of(unit: &dyn Transaction, settlement: SettlementId) -> Result<RecordPosition, ServiceError> {
    let found = unit.settlement_by_id(settlement)?.ok_or(ServiceError::Internal("a settlement is missing"))?;
    Ok(RecordPosition::new(found.settlement.upload, found.settlement.position))
}

/// A record of this operator and kind.
///
/// # Errors
/// [`ServiceError::NotFound`] when there is none or it is another operator's; [`ServiceError::InvalidField`] when it is of
/// another kind.
pub(super) fn owned_record(
    unit: &dyn Transaction,
    operator: &Name,
    position: RecordPosition,
    kind: Kind,
    field: &'static str,
) -> Result<UploadedRecord, ServiceError> {
    let found = record_at(unit, position)?.filter(|found| found.operator == *operator);
    let found = found.ok_or(ServiceError::NotFound("record"))?;
    match found.record.parse() {
        Ok(record) if record.terms().kind() == kind => Ok(found),
        _ => Err(ServiceError::InvalidField { field, problem: "a record of another kind" }),
    }
}

/// The upload that a record came in.
pub(super) fn upload_of(unit: &dyn Transaction, record: RecordPosition) -> Result<UploadRecord, ServiceError> {
    unit.upload_by_id(record.upload())?.ok_or(ServiceError::NotFound("record"))
}

/// What was agreed by a record of an upload.
pub(super) fn agreement_key(record: &Record, upload: &UploadRecord) -> AgreementKey {
    let terminal_digest = upload.upload.terminal_digest;
    let agreement = Sha256::new().chain_update(record.terms().as_bytes()).chain_update(terminal_digest.as_bytes());
    let agreement: Agreement = agreement.finalize().into();
    let credential_digest = record.presentation().holder().digest();
    AgreementKey { credential_digest, agreement, terminal_digest, time: record.terms().time() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cursor_has_one_spelling() {
        let cursor = RouteCursor { number: 7, index: 65_535 };
        assert_eq!(cursor.to_string().parse(), Ok(cursor));
        for wrong in ["", "0", "65535", "x", "-65536", "065536", "+65536", "99999999999999999999"] {
            assert!(wrong.parse::<RouteCursor>().is_err(), "{wrong}");
        }
        assert_eq!("65536".parse(), Ok(RouteCursor { number: 1, index: 0 }));
    }
}
