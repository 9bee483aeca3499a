//! Journeys: an exit closes the latest open entry of its credential with the same operator.
//!
//! Records arrive in any order, so which exit closes which entry is not decided by arrival: it is a function of all ends
//! of journeys known so far, in the order of their own times, and is taken anew when another arrives. Where that changes
//! what a journey costs, a correcting entry makes up the difference. So any order of uploads ends with the same balances.
//!
//! An end changes nothing before the earliest journey that goes on at its time: there no journey is open, so that what
//! comes later is matched by itself. A journey within a journey ends within it, which makes the earliest one enough.

use symbolon_ccks::Time;
use symbolon_store::{
    Transaction,
    records::{
        AccountName, EntryKind, JourneyRecord, JourneyRole, NewEntry, RecordPosition, SettlementId, Transfer,
    },
};

use super::FareTable;
use crate::ServiceError;

/// The accounts between which a journey's money moves.
pub(super) struct JourneyAccounts {
    pub(super) holder: AccountName,
    pub(super) operator: AccountName,
    pub(super) held: AccountName,
    pub(super) currency: u16,
}

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

/// Adds one end and settles what it changes.
pub(super) fn add_end(
    unit: &mut dyn Transaction,
    end: &JourneyRecord,
    accounts: &JourneyAccounts,
    fares: &FareTable,
    now: Time,
) -> Result<(), ServiceError> {
    unit.add_journey(end)?;
    let ends = unit.journeys_around(&end.credential_digest, &end.operator, end.time)?;
    let changes = closings(&ends)
        .into_iter()
        .map(|(entry, exit)| (entry, exit.map(|exit| (exit.settlement, fare(entry, exit, fares)))))
        .filter(|(entry, closed)| entry.closed != *closed)
        .collect::<Vec<_>>();
    // All are opened first: an exit that changes from one entry to another closes but one at a time.
    for (entry, _) in changes.iter().filter(|(entry, _)| entry.closed.is_some()) {
        unit.close_journey(entry.settlement, None)?;
    }
    for (entry, closed) in &changes {
        if closed.is_some() {
            unit.close_journey(entry.settlement, *closed)?;
        }
        let (kind, settlement) = cause(entry, *closed);
        let settled = unit.settlement_by_id(settlement)?.ok_or(ServiceError::Internal("an end was never settled"))?;
        let record = RecordPosition::new(settled.settlement.upload, settled.settlement.position);
        if let Some(posting) = difference(entry, *closed, accounts, kind, record, now) {
            unit.post(&posting)?;
        }
    }
    Ok(())
}

/// The fare, never above what the holder agreed to at the entry.
fn fare(entry: &JourneyRecord, exit: &JourneyRecord, fares: &FareTable) -> u32 {
    fares.fare(&entry.operator, &entry.reference, &exit.reference).min(entry.amount)
}

/// Why money moves, and which settlement is to show for it.
fn cause(entry: &JourneyRecord, closed: Option<(SettlementId, u32)>) -> (EntryKind, SettlementId) {
    match (entry.closed, closed) {
        (None, Some((exit, _))) => (EntryKind::Exit, exit),
        _ => (EntryKind::Correction, entry.settlement),
    }
}

/// The entry that takes the money from where it is to where it belongs.
fn difference(
    entry: &JourneyRecord,
    closed: Option<(SettlementId, u32)>,
    accounts: &JourneyAccounts,
    kind: EntryKind,
    record: RecordPosition,
    now: Time,
) -> Option<NewEntry> {
    let (before, after) = (shares(entry, entry.closed), shares(entry, closed));
    let accounts_of_shares = [&accounts.held, &accounts.operator, &accounts.holder];
    // What each share loses comes out of its account into the holder's, what it gains the other way: all of it nets.
    let transfers =
        accounts_of_shares.into_iter().zip(before.into_iter().zip(after)).flat_map(|(account, (before, after))| {
            let transfer =
                |from: &AccountName, to: &AccountName, amount| Transfer { from: from.clone(), to: to.clone(), amount };
            [
                transfer(account, &accounts.holder, before.saturating_sub(after)),
                transfer(&accounts.holder, account, after.saturating_sub(before)),
            ]
        });
    NewEntry::of_transfers(kind, accounts.currency, Some(record), now, transfers)
}

/// How an entry's amount is shared: held, the operator's, the holder's.
fn shares(entry: &JourneyRecord, closed: Option<(SettlementId, u32)>) -> [u32; 3] {
    match closed {
        None => [entry.amount, 0, 0],
        Some((_, fare)) => [0, fare, entry.amount - fare],
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use symbolon_ccks::{CredentialDigest, Name};

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
        let accounts = JourneyAccounts {
            holder: AccountName::from_caller("holder"),
            operator: AccountName::from_caller("operator"),
            held: AccountName::from_caller("held"),
            currency: 156,
        };
        let now = Time::new(1).unwrap();
        let mut entry = end(1, JourneyRole::Entry, 10);
        let posted = |entry: &JourneyRecord, closed| {
            let kind = cause(entry, closed).0;
            difference(entry, closed, &accounts, kind, RecordPosition(0), now)
                .map(|posting| (posting.kind(), posting.postings().to_vec()))
        };
        let at = |name: &str, amount| (AccountName::from_caller(name), amount);
        let first = posted(&entry, Some((SettlementId(2), 300)));
        assert_eq!(first, Some((EntryKind::Exit, vec![at("held", -500), at("holder", 200), at("operator", 300)])));
        entry.closed = Some((SettlementId(2), 300));
        assert_eq!(posted(&entry, Some((SettlementId(3), 300))), None);
        let dearer = posted(&entry, Some((SettlementId(3), 450)));
        assert_eq!(dearer, Some((EntryKind::Correction, vec![at("holder", -150), at("operator", 150)])));
        let open = posted(&entry, None);
        assert_eq!(
            open,
            Some((EntryKind::Correction, vec![at("held", 500), at("holder", -200), at("operator", -300)]))
        );
    }
}
