//! Journeys: an exit closes the latest open entry of its credential with the same operator.
//!
//! Records arrive in any order, so which exit closes which entry is not decided by arrival: it is a function of all ends
//! of journeys known so far, in the order of their own times, and is taken anew when another arrives. Where that changes
//! what a journey costs, a correcting charge makes up the difference. So any order of uploads ends with the same balances.
//!
//! An end changes nothing before the earliest journey that goes on at its time: there no journey is open, so that what
//! comes later is matched by itself. A journey within a journey ends within it, which makes the earliest one enough.
//!
//! A journey can end without an exit: when none came in time it costs what was held, until one comes after all; when its
//! operator voids it, it costs nothing, whatever comes. Neither has to do with which exit closes which entry, so that
//! here too the order in which things come changes nothing.

use symbolon_store::{
    Transaction,
    records::{EntryKind, JourneyEnd, JourneyRecord, JourneyRole},
};

use super::{FareTable, charging::Moved};
use crate::{
    ServiceError,
    links::{Move, Party},
};

/// Which exit closes which entry, given ends in the order of their times; of the same second, in the order of their
/// counters, which is that in which the holder signed.
fn closings(ends: &[JourneyRecord]) -> Vec<(&JourneyRecord, Option<&JourneyRecord>)> {
    let mut open = Vec::new();
    let mut closings = Vec::new();
    for end in ends {
        match end.role {
            JourneyRole::Entry => open.push(end),
            JourneyRole::Exit => closings.extend(open.pop().map(|entry| (entry, Some(end)))),
        }
    }
    closings.extend(open.into_iter().map(|entry| (entry, None)));
    closings
}

/// Adds one end of a holder in this tariff group; what moves because of it.
pub(super) fn add_end(
    unit: &mut dyn Transaction,
    end: &JourneyRecord,
    group: u8,
    fares: &FareTable,
) -> Result<Vec<Moved>, ServiceError> {
    unit.add_journey(end)?;
    let ends = unit.journeys_around(&end.credential_digest, &end.operator, end.time)?;
    let changes = closings(&ends)
        .into_iter()
        .map(|(entry, exit)| (entry, exit.map(|exit| (exit.settlement, fare(entry, exit, group, fares)))))
        .filter(|(entry, closed)| entry.closed != *closed)
        .collect::<Vec<_>>();
    // All are opened first: an exit that changes from one entry to another closes but one at a time.
    for (entry, _) in changes.iter().filter(|(entry, _)| entry.closed.is_some()) {
        unit.close_journey(entry.settlement, None)?;
    }
    for (entry, closed) in changes.iter().filter(|(_, closed)| closed.is_some()) {
        unit.close_journey(entry.settlement, *closed)?;
    }
    let after = |entry: &JourneyRecord, closed| JourneyRecord { closed, ..entry.clone() };
    Ok(changes.into_iter().map(|(entry, closed)| difference(entry, &after(entry, closed))).collect())
}

/// Ends the journey of an entry without an exit; what moves because of it.
pub(super) fn end(unit: &mut dyn Transaction, entry: &JourneyRecord, end: JourneyEnd) -> Result<Moved, ServiceError> {
    unit.end_journey(entry.settlement, end)?;
    let closed = match (end, entry.closed) {
        // The exit stays that of this journey, and costs nothing.
        (JourneyEnd::Voided, Some((exit, _))) => Some((exit, 0)),
        (_, closed) => closed,
    };
    if closed != entry.closed {
        unit.close_journey(entry.settlement, closed)?;
    }
    Ok(difference(entry, &JourneyRecord { closed, ended: Some(end), ..entry.clone() }))
}

/// The fare, never above what the holder agreed to at the entry; of a void journey nothing.
fn fare(entry: &JourneyRecord, exit: &JourneyRecord, group: u8, fares: &FareTable) -> u32 {
    if entry.ended == Some(JourneyEnd::Voided) {
        return 0;
    }
    let full = fares.fare(&entry.operator, &entry.reference, &exit.reference);
    fares.for_group(group, full).min(entry.amount)
}

/// The moves that take the money from where it is to where it belongs, all by way of the holder.
fn difference(before: &JourneyRecord, after: &JourneyRecord) -> Moved {
    let (kind, settlement) = match (before.closed, before.ended, after.closed, after.ended) {
        (None, None, Some((exit, _)), None) => (EntryKind::Exit, exit),
        (None, None, None, Some(JourneyEnd::HeldTooLong)) => (EntryKind::Exit, before.settlement),
        _ => (EntryKind::Correction, before.settlement),
    };
    let shares = [Party::Journeys, Party::Operator(before.operator)].into_iter();
    let shares = shares.zip(shares_of(before).into_iter().zip(shares_of(after)));
    let moves = shares.filter_map(|(party, (before, after))| match after.checked_sub(before) {
        Some(0) => None,
        Some(amount) => Some(Move { from: Party::Holder, to: party, amount }),
        None => Some(Move { from: party, to: Party::Holder, amount: before - after }),
    });
    Moved { kind, settlement, moves: moves.collect() }
}

/// What of an entry's amount is held, and what is the operator's; the rest is the holder's.
fn shares_of(entry: &JourneyRecord) -> [u32; 2] {
    match (entry.closed, entry.ended) {
        (_, Some(JourneyEnd::Voided)) => [0, 0],
        (Some((_, fare)), _) => [0, fare],
        (None, Some(JourneyEnd::HeldTooLong)) => [0, entry.amount],
        (None, None) => [entry.amount, 0],
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use symbolon_ccks::{CredentialDigest, Name, Time};
    use symbolon_store::records::SettlementId;

    fn end(settlement: u64, role: JourneyRole, seconds: u64) -> JourneyRecord {
        JourneyRecord {
            settlement: SettlementId(settlement),
            credential_digest: CredentialDigest::from_bytes([1; 32]),
            operator: Name::parse("metro").unwrap(),
            role,
            time: Time::new(seconds).unwrap(),
            counter: settlement as u32,
            amount: 500,
            reference: [0; 16],
            closed: None,
            ended: None,
        }
    }

    fn closed(ends: &[JourneyRecord]) -> Vec<(u64, Option<u64>)> {
        let mut closed = closings(ends)
            .into_iter()
            .map(|(entry, exit)| (entry.settlement.0, exit.map(|exit| exit.settlement.0)))
            .collect::<Vec<_>>();
        closed.sort_unstable();
        closed
    }

    #[test]
    fn an_exit_closes_the_latest_open_entry() {
        use JourneyRole::{Entry, Exit};
        let ends = [end(1, Entry, 10), end(2, Entry, 20), end(3, Exit, 30), end(4, Exit, 40), end(5, Exit, 50)];
        assert_eq!(closed(&ends), [(1, Some(4)), (2, Some(3))]);
    }

    #[test]
    fn an_exit_before_every_entry_closes_none() {
        use JourneyRole::{Entry, Exit};
        assert_eq!(closed(&[end(1, Exit, 10), end(2, Entry, 20)]), [(2, None)]);
    }

    #[test]
    fn the_difference_moves_nothing_when_only_the_exit_changes() {
        let mut entry = end(1, JourneyRole::Entry, 10);
        let (held, operator) = (Party::Journeys, Party::Operator(entry.operator));
        let moved = |entry: &JourneyRecord, closed| {
            let moved = difference(entry, &JourneyRecord { closed, ..entry.clone() });
            (moved.kind, moved.settlement.0, moved.moves)
        };
        let out_of = |party: &Party, amount| Move { from: party.clone(), to: Party::Holder, amount };
        let into = |party: &Party, amount| Move { from: Party::Holder, to: party.clone(), amount };
        let first = moved(&entry, Some((SettlementId(2), 300)));
        assert_eq!(first, (EntryKind::Exit, 2, vec![out_of(&held, 500), into(&operator, 300)]));
        entry.closed = Some((SettlementId(2), 300));
        assert_eq!(moved(&entry, Some((SettlementId(3), 300))), (EntryKind::Correction, 1, vec![]));
        let dearer = moved(&entry, Some((SettlementId(3), 450)));
        assert_eq!(dearer, (EntryKind::Correction, 1, vec![into(&operator, 150)]));
        let open = moved(&entry, None);
        assert_eq!(open, (EntryKind::Correction, 1, vec![into(&held, 500), out_of(&operator, 300)]));
    }
    #[test]
    fn a_journey_without_an_exit_costs_what_was_held_and_a_void_one_nothing() {
        use JourneyEnd::{HeldTooLong, Voided};
        let entry = end(1, JourneyRole::Entry, 10);
        let state = |closed, ended| JourneyRecord { closed, ended, ..entry.clone() };
        let exit = |fare| Some((SettlementId(2), fare));
        let gain = |before: &JourneyRecord, after: &JourneyRecord| {
            let moved = difference(before, after);
            let gains = moved.moves.iter().map(|moved| match (&moved.from, &moved.to) {
                (_, Party::Operator(_)) => i64::from(moved.amount),
                (Party::Operator(_), _) => -i64::from(moved.amount),
                _ => 0,
            });
            (moved.kind, moved.settlement.0, gains.sum::<i64>())
        };
        let states = [
            (state(None, Some(HeldTooLong)), (EntryKind::Exit, 1, 500)),
            (state(None, Some(Voided)), (EntryKind::Correction, 1, 0)),
            (state(exit(300), None), (EntryKind::Exit, 2, 300)),
        ];
        for (after, expected) in states {
            assert_eq!(gain(&state(None, None), &after), expected);
        }
        let late = gain(&state(None, Some(HeldTooLong)), &state(exit(300), Some(HeldTooLong)));
        assert_eq!(late, (EntryKind::Correction, 1, -200));
        let void = gain(&state(exit(300), Some(HeldTooLong)), &state(exit(0), Some(Voided)));
        assert_eq!(void, (EntryKind::Correction, 1, -300));
        assert_eq!(difference(&state(None, Some(Voided)), &state(exit(0), Some(Voided))).moves, []);
    }
}
