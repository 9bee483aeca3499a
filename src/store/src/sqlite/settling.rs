//! Settlements and charges of a whole upload: each statement is looked up once and stepped for every row, which is what
//! several rows in one statement would save here.

use std::{cell::RefCell, collections::HashMap};

use rusqlite::{CachedStatement, OptionalExtension as _, Params, Row, Statement};
use symbolon_ccks::{CredentialDigest, Period};

use super::{
    Unit,
    exchange::settlement,
    rows::{Columns as _, Result, counted, seconds},
};
use crate::{
    StoreError,
    records::{AgreementKey, ChargeBatchId, NewCharge, NewSettlement, Payer, SettlementOutcome, SettlementRecord},
    verbs::Settling,
};

/// The one row that a statement finds, if there is one.
fn found<T>(
    statement: &mut Statement<'_>,
    parameters: impl Params,
    record: impl FnOnce(&Row<'_>) -> Result<T>,
) -> Result<Option<T>> {
    statement.query_row(parameters, |row| Ok(record(row))).optional()?.transpose()
}

/// The settlement with the highest counter of a credential, which says what the credential has spent.
#[derive(Clone, Copy)]
pub(super) struct LastSettlement {
    id: i64,
    counter: u32,
    spent: u64,
}

/// Looks for last settlements, once for each credential in a unit of work.
struct Last<'u> {
    look: CachedStatement<'u>,
    known: &'u RefCell<HashMap<CredentialDigest, Option<LastSettlement>>>,
}

impl Last<'_> {
    fn of(&mut self, credential: &CredentialDigest) -> Result<Option<LastSettlement>> {
        if let Some(known) = self.known.borrow().get(credential) {
            return Ok(*known);
        }
        let last = found(&mut self.look, [credential.as_bytes()], |row| {
            Ok(LastSettlement { id: row.column("id")?, counter: row.column("counter")?, spent: row.column("spent")? })
        })?;
        self.known.borrow_mut().insert(*credential, last);
        Ok(last)
    }

    /// Notes what was written meanwhile.
    fn note(&self, credential: &CredentialDigest, last: LastSettlement) {
        self.known.borrow_mut().insert(*credential, Some(last));
    }
}

impl Settling for Unit<'_> {
    fn settlements_of(&self, identities: &[(CredentialDigest, u32)]) -> Result<Vec<Option<SettlementRecord>>> {
        let mut look = self
            .connection
            .prepare_cached("SELECT * FROM settlements WHERE credential_digest = ?1 AND counter = ?2")?;
        let mut last = self.last_settlements()?;
        let find = |(credential, counter): &(CredentialDigest, u32)| match last.of(credential)? {
            // Most counters are new.
            Some(last) if *counter <= last.counter => found(&mut look, (credential.as_bytes(), counter), settlement),
            _ => Ok(None),
        };
        identities.iter().map(find).collect()
    }

    fn settled_agreements(&self, agreements: &[AgreementKey]) -> Result<Vec<Option<SettlementRecord>>> {
        let mut look = self.connection.prepare_cached(
            "SELECT * FROM settlements
             WHERE terminal_digest = ?1 AND time = ?2 AND agreement = ?3 AND credential_digest = ?4 AND outcome = 1",
        )?;
        let find = |key: &AgreementKey| {
            let time = seconds(key.time);
            let key = (key.terminal_digest.as_bytes(), time, key.agreement, key.credential_digest.as_bytes());
            found(&mut look, key, settlement)
        };
        agreements.iter().map(find).collect()
    }

    fn spent_by(&self, credentials: &[CredentialDigest]) -> Result<Vec<u64>> {
        let mut last = self.last_settlements()?;
        credentials.iter().map(|credential| Ok(last.of(credential)?.map_or(0, |last| last.spent))).collect()
    }

    fn pseudonym_periods(&self, digests: &[CredentialDigest]) -> Result<Vec<Option<Period>>> {
        let mut look = self.connection.prepare_cached("SELECT period FROM pseudonyms WHERE digest = ?1")?;
        let period = |row: &Row<'_>| row.parsed("period", |number| Period::new(number).ok());
        digests.iter().map(|digest| found(&mut look, [digest.as_bytes()], period)).collect()
    }

    fn add_settlements(&mut self, settlements: &[NewSettlement]) -> Result<()> {
        let mut keep = self.connection.prepare_cached(
            "INSERT INTO settlements (id, credential_digest, counter, agreement, outcome, repeats, misuse, upload,
                 position, terminal_digest, kind, amount, after_revocation, time, spent)
             VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14, ?15)",
        )?;
        let mut lasts = self.last_settlements()?;
        let mut change = self.connection.prepare_cached("UPDATE settlements SET spent = ?2 WHERE id = ?1")?;
        for settlement in settlements {
            let id = counted(settlement.id().0)?;
            let last = lasts.of(&settlement.credential_digest)?;
            let spends = settlement.outcome == SettlementOutcome::Settled && settlement.kind.spends();
            let spent = last.map_or(0, |last| last.spent) + if spends { u64::from(settlement.amount) } else { 0 };
            let is_last = last.is_none_or(|last| last.counter < settlement.counter);
            keep.execute((
                id,
                settlement.credential_digest.as_bytes(),
                settlement.counter,
                settlement.agreement,
                settlement.outcome as u8,
                settlement.repeats.map(|id| counted(id.0)).transpose()?,
                settlement.misuse.map(|id| counted(id.0)).transpose()?,
                counted(settlement.upload.0)?,
                settlement.position,
                settlement.terminal_digest.as_bytes(),
                settlement.kind as u8,
                settlement.amount,
                settlement.after_revocation,
                seconds(settlement.time),
                is_last.then(|| counted(spent)).transpose()?,
            ))?;
            let now_last = match last.filter(|_| !is_last) {
                None => LastSettlement { id, counter: settlement.counter, spent },
                Some(last) => LastSettlement { spent, ..last },
            };
            if spends && !is_last {
                change.execute((now_last.id, counted(spent)?))?;
            }
            lasts.note(&settlement.credential_digest, now_last);
        }
        Ok(())
    }

    fn add_charges(&mut self, charges: &[NewCharge]) -> Result<()> {
        let mut add = self.connection.prepare_cached(
            "INSERT INTO charges (settlement, kind, currency, tag, subject, moves, settled, batch)
             VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)",
        )?;
        // The charges of an upload are in one batch, if in any.
        let mut last = None::<(ChargeBatchId, i64)>;
        for charge in charges {
            let batch = match (charge.batch, last) {
                (None, _) => None,
                (Some(batch), Some((known, sequence))) if batch == known => Some(sequence),
                (Some(batch), _) => {
                    let sequence = self.open_batch(&batch)?;
                    last = Some((batch, sequence));
                    Some(sequence)
                }
            };
            let (tag, subject) = match &charge.payer {
                Payer::Named(tag) => (Some(tag.as_bytes()), None),
                Payer::Pseudonym(subject) => (None, Some(subject.as_bytes())),
            };
            add.execute((
                counted(charge.settlement.0)?,
                charge.kind as u8,
                charge.currency,
                tag,
                subject,
                &charge.moves,
                seconds(charge.settled),
                batch,
            ))?;
        }
        Ok(())
    }
}

impl Unit<'_> {
    fn last_settlements(&self) -> Result<Last<'_>> {
        let look = self.connection.prepare_cached(
            "SELECT id, counter, spent FROM settlements WHERE credential_digest = ?1 ORDER BY counter DESC LIMIT 1",
        )?;
        Ok(Last { look, known: &self.last })
    }

    /// The row number of a batch that is not posted.
    fn open_batch(&self, batch: &ChargeBatchId) -> Result<i64> {
        let sequence =
            self.one("SELECT sequence FROM charge_batches WHERE id = ?1 AND delivered IS NULL", [batch], |row| {
                row.column("sequence")
            })?;
        sequence.ok_or_else(|| StoreError::Conflict("there is no such batch, or it is posted".to_owned()))
    }
}
