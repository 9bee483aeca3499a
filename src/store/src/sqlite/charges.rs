//! Pseudonyms, charges and suspensions of the exchange.

use symbolon_ccks::{CredentialDigest, Period, Time};
use symbolon_pseudonym::ClearingTag;

use super::{
    Unit,
    rows::{Columns as _, Result, Row, counted, digest, numbered, seconds, subject, time},
};
use crate::{
    records::{
        ChargeBatchId, ChargeRecord, EntryKind, MisuseId, NewCharge, Payer, RecordPosition, SettlementId,
        SuspensionRecord, UploadId, Waiting,
    },
    verbs::{Charges, Pseudonyms, Settling as _, Suspensions},
};

impl Pseudonyms for Unit<'_> {
    fn pseudonym(&self, digest: &CredentialDigest) -> Result<Option<Period>> {
        Ok(self.pseudonym_periods(&[*digest])?.pop().flatten())
    }

    fn count_pseudonyms(&self) -> Result<u64> {
        count(self, "SELECT count(*) AS counted FROM pseudonyms")
    }

    fn register_pseudonym(&mut self, digest: &CredentialDigest, period: Period) -> Result<()> {
        self.execute(
            "INSERT INTO pseudonyms (digest, period) VALUES (?1, ?2) ON CONFLICT (digest) DO NOTHING",
            (digest.as_bytes(), period.number()),
        )?;
        Ok(())
    }

    fn forget_pseudonyms_before(&mut self, period: Period) -> Result<u64> {
        Ok(self.execute("DELETE FROM pseudonyms WHERE period < ?1", [period.number()])? as u64)
    }
}

fn count(unit: &Unit<'_>, sql: &str) -> Result<u64> {
    Ok(unit.one(sql, [], |row| row.column("counted"))?.unwrap_or_default())
}

fn waiting(unit: &Unit<'_>, sql: &str) -> Result<Waiting> {
    Ok(unit.one(sql, [], waits)?.unwrap_or_default())
}

fn waits(row: &Row<'_>) -> Result<Waiting> {
    Ok(Waiting { count: row.column("counted")?, oldest: row.parsed_option("oldest", time)? })
}

fn payer(row: &Row<'_>) -> Result<Payer> {
    match row.parsed_option("tag", |bytes: Vec<u8>| ClearingTag::parse(&bytes).ok())? {
        Some(tag) => Ok(Payer::Named(tag)),
        None => Ok(Payer::Pseudonym(row.parsed("subject", subject)?)),
    }
}

fn charge(row: &Row<'_>, batch: &ChargeBatchId) -> Result<ChargeRecord> {
    Ok(ChargeRecord {
        record: RecordPosition::new(UploadId(row.column("upload")?), row.column("position")?),
        charge: NewCharge {
            settlement: SettlementId(row.column("settlement")?),
            kind: row.parsed("kind", |kind| numbered(EntryKind::ALL, |kind| kind as u8, kind))?,
            currency: row.column("currency")?,
            payer: payer(row)?,
            moves: row.column("moves")?,
            settled: row.parsed("settled", time)?,
            batch: Some(*batch),
        },
    })
}

impl Charges for Unit<'_> {
    fn waiting_charges(&self) -> Result<Waiting> {
        waiting(self, "SELECT count(*) AS counted, min(settled) AS oldest FROM charges WHERE batch IS NULL")
    }

    fn oldest_waiting_charges(&self, most: u32) -> Result<Waiting> {
        let waiting = self.one(
            "SELECT count(*) AS counted, min(settled) AS oldest
             FROM (SELECT settled FROM charges WHERE batch IS NULL ORDER BY settled LIMIT ?1) AS first",
            [most],
            waits,
        )?;
        Ok(waiting.unwrap_or_default())
    }

    fn undelivered_batches(&self) -> Result<Waiting> {
        waiting(self, "SELECT count(*) AS counted, min(formed) AS oldest FROM charge_batches WHERE delivered IS NULL")
    }

    fn next_undelivered_batch(&self, after: Option<&ChargeBatchId>) -> Result<Option<ChargeBatchId>> {
        self.one(
            "SELECT id FROM charge_batches
             WHERE delivered IS NULL
                 AND sequence > coalesce((SELECT sequence FROM charge_batches WHERE id = ?1), 0)
             ORDER BY sequence LIMIT 1",
            [after],
            |row| row.column("id"),
        )
    }

    fn charges_of(&self, batch: &ChargeBatchId) -> Result<Vec<ChargeRecord>> {
        self.all(
            "SELECT c.*, s.upload, s.position FROM charges AS c JOIN settlements AS s ON s.id = c.settlement
             WHERE c.batch = (SELECT sequence FROM charge_batches WHERE id = ?1) ORDER BY c.sequence",
            [batch],
            |row| charge(row, batch),
        )
    }

    fn payer_of_entry(&self, entry: SettlementId) -> Result<Option<(Payer, u16)>> {
        self.one(
            "SELECT tag, subject, currency FROM charges WHERE settlement = ?1 AND kind = 3",
            [counted(entry.0)?],
            |row| Ok((payer(row)?, row.column("currency")?)),
        )
    }

    fn add_batch(&mut self, batch: &ChargeBatchId, now: Time) -> Result<()> {
        self.execute("INSERT INTO charge_batches (id, formed) VALUES (?1, ?2)", (batch, seconds(now)))?;
        Ok(())
    }

    fn add_charge(&mut self, charge: &NewCharge) -> Result<()> {
        self.add_charges(std::slice::from_ref(charge))
    }

    fn batch_waiting(&mut self, batch: &ChargeBatchId, limit: u32) -> Result<u64> {
        let batched = self.execute(
            "UPDATE charges SET batch = (SELECT sequence FROM charge_batches WHERE id = ?1)
             WHERE sequence IN (SELECT sequence FROM charges WHERE batch IS NULL ORDER BY settled, sequence LIMIT ?2)",
            (batch, limit),
        )?;
        Ok(batched as u64)
    }

    fn mark_delivered(&mut self, batch: &ChargeBatchId, now: Time) -> Result<()> {
        self.execute(
            "UPDATE charge_batches SET delivered = ?2 WHERE id = ?1 AND delivered IS NULL",
            (batch, seconds(now)),
        )?;
        Ok(())
    }
}

impl Suspensions for Unit<'_> {
    fn waiting_suspensions(&self, limit: u16) -> Result<Vec<SuspensionRecord>> {
        self.all(
            "SELECT misuse, credential_digest FROM suspensions WHERE passed_on IS NULL ORDER BY misuse LIMIT ?1",
            [limit],
            |row| {
                Ok(SuspensionRecord {
                    misuse: MisuseId(row.column("misuse")?),
                    credential_digest: row.parsed("credential_digest", digest)?,
                })
            },
        )
    }

    fn count_waiting_suspensions(&self) -> Result<u64> {
        count(self, "SELECT count(*) AS counted FROM suspensions WHERE passed_on IS NULL")
    }

    fn add_suspension(&mut self, suspension: &SuspensionRecord) -> Result<()> {
        self.execute(
            "INSERT INTO suspensions (misuse, credential_digest) VALUES (?1, ?2)",
            (counted(suspension.misuse.0)?, suspension.credential_digest.as_bytes()),
        )?;
        Ok(())
    }

    fn mark_passed_on(&mut self, misuse: MisuseId, now: Time) -> Result<()> {
        self.execute(
            "UPDATE suspensions SET passed_on = ?2 WHERE misuse = ?1 AND passed_on IS NULL",
            (counted(misuse.0)?, seconds(now)),
        )?;
        Ok(())
    }
}
