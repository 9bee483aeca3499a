//! What a service that has run for long has in its databases: rows as settling leaves them, of other pseudonyms, written
//! in the order of their keys because that is quick.

use super::{
    RECORDS,
    town::{Town, open},
};
use anyhow::Result;
use rand_core::Rng as _;
use rusqlite::{Connection, Transaction};

/// Rows of a commit.
const AT_A_TIME: u64 = 500_000;

/// Fills the databases with so many settled records, each of a pseudonym of its own.
pub(super) fn fill(town: &Town, rows: u64) -> Result<()> {
    if rows == 0 {
        return Ok(());
    }
    let (mut exchange, mut clearing) = (open(&town.exchange())?, open(&town.clearing())?);
    // What the rows refer to comes with them.
    exchange.pragma_update(None, "foreign_keys", false)?;
    for begin in (0..rows).step_by(AT_A_TIME as usize) {
        let part = Part { begin, end: rows.min(begin + AT_A_TIME), rows };
        part.uploads(town, &mut exchange)?;
        part.settlements(town, &mut exchange)?;
        part.bindings(town, &mut clearing)?;
    }
    for database in [&exchange, &clearing] {
        database.query_row("PRAGMA wal_checkpoint(TRUNCATE)", [], |_| Ok(()))?;
        database.execute_batch("ANALYZE main.sqlite_schema")?;
    }
    Ok(())
}

/// Rows from one number to another.
struct Part {
    begin: u64,
    end: u64,
    rows: u64,
}

impl Part {
    /// 32 bytes that rise with the number and are spread evenly.
    fn key(&self, number: u64, random: &mut impl rand_core::Rng) -> [u8; 32] {
        let mut key = [0; 32];
        random.fill_bytes(&mut key);
        let place = (u128::from(number) << 64) / u128::from(self.rows);
        key[..8].copy_from_slice(&(place as u64).to_be_bytes());
        key
    }

    fn uploads(&self, town: &Town, exchange: &mut Connection) -> Result<()> {
        let rows = exchange.transaction()?;
        let now = town.now.seconds() as i64;
        for number in self.begin / RECORDS as u64..self.end.div_ceil(RECORDS as u64) {
            rows.execute(
                "INSERT OR IGNORE INTO uploads (sequence, digest, operator, terminal, terminal_digest, number, records,
                     answer, received)
                 VALUES (?1, randomblob(32), 'metro', zeroblob(16), zeroblob(32), 0, zeroblob(?2), zeroblob(?3), ?4)",
                ((number + 1) as i64, RECORDS * 209, 111 + RECORDS * 14, now - 86_400),
            )?;
            rows.execute(
                "INSERT OR IGNORE INTO charge_batches (sequence, id, formed, delivered)
                 VALUES (?1, randomblob(16), ?2, ?2)",
                ((number + 1) as i64, now - 86_400),
            )?;
        }
        Ok(rows.commit()?)
    }

    fn settlements(&self, town: &Town, exchange: &mut Connection) -> Result<()> {
        let rows = exchange.transaction()?;
        self.insert_settlements(town, &rows)?;
        Ok(rows.commit()?)
    }

    fn insert_settlements(&self, town: &Town, rows: &Transaction<'_>) -> Result<()> {
        let mut random = crate::source::random()?;
        let now = town.now.seconds() as i64;
        let mut settle = rows.prepare(
            "INSERT INTO settlements (id, credential_digest, counter, agreement, outcome, upload, position,
                 terminal_digest, kind, amount, after_revocation, time, spent)
             VALUES (?1, ?2, 1, ?3, 1, ?4, ?5, ?6, 1, 1, 0, ?7, 1)",
        )?;
        let mut learn = rows.prepare("INSERT INTO pseudonyms (digest, period) VALUES (?1, ?2)")?;
        let mut charge = rows.prepare(
            "INSERT INTO charges (settlement, kind, currency, subject, moves, settled, batch)
             VALUES (?1, 2, 156, ?2, '[{\"from\":\"Holder\",\"to\":{\"Operator\":\"metro\"},\"amount\":1}]', ?3, ?4)",
        )?;
        for number in self.begin..self.end {
            let digest = self.key(number, &mut random);
            let (mut agreement, mut subject) = ([0; 32], [0; 16]);
            random.fill_bytes(&mut agreement);
            random.fill_bytes(&mut subject);
            let (upload, position) = (number / RECORDS as u64 + 1, number % RECORDS as u64);
            let id = (upload << 13 | position) as i64;
            // A terminal brings an upload an hour.
            let mut terminal = [0; 32];
            terminal[..8].copy_from_slice(&(upload / 24).to_be_bytes());
            let time = now - 86_400 + (upload % 24 * 3_600 + position) as i64;
            settle.execute((id, digest, agreement, upload as i64, position as i64, terminal, time))?;
            learn.execute((digest, town.period.number()))?;
            charge.execute((id, subject, now - 86_400, upload as i64))?;
        }
        Ok(())
    }

    fn bindings(&self, town: &Town, clearing: &mut Connection) -> Result<()> {
        let mut random = crate::source::random()?;
        let rows = clearing.transaction()?;
        {
            let mut bind = rows.prepare(
                "INSERT INTO bindings (subject, account, period, nonce, charged, until) VALUES (?1, ?1, ?2, ?3, 1, ?4)",
            )?;
            for number in self.begin..self.end {
                let key = self.key(number, &mut random);
                let until = town.now.seconds() as i64 + 30 * 86_400;
                bind.execute((&key[..16], town.period.number(), &key[..12], until))?;
            }
        }
        Ok(rows.commit()?)
    }
}
