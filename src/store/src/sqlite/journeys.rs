//! Ends of journeys.

use symbolon_ccks::{CredentialDigest, Name, Time};

use super::{
    Unit,
    rows::{Columns as _, Result, Row, counted, digest, name, named_params, numbered, seconds, time},
};
use crate::{
    StoreError,
    records::{JourneyEnd, JourneyRecord, JourneyRole, SettlementId},
    verbs::Journeys,
};

fn journey(row: &Row<'_>) -> Result<JourneyRecord> {
    let closed_by = row.column::<Option<u64>>("closed_by")?.map(SettlementId);
    Ok(JourneyRecord {
        settlement: SettlementId(row.column("settlement")?),
        credential_digest: row.parsed("credential_digest", digest)?,
        operator: row.parsed("operator", name)?,
        role: if row.column("exits")? { JourneyRole::Exit } else { JourneyRole::Entry },
        time: row.parsed("time", time)?,
        counter: row.column("counter")?,
        amount: row.column("amount")?,
        reference: row.column("reference")?,
        closed: closed_by.zip(row.column("fare")?),
        ended: row.parsed_option("ended", |end| numbered(JourneyEnd::ALL, |known| known as u8, end))?,
    })
}

impl Journeys for Unit<'_> {
    fn journeys_around(
        &self,
        credential: &CredentialDigest,
        operator: &Name,
        time: Time,
    ) -> Result<Vec<JourneyRecord>> {
        // Journeys that are open, and journeys that an exit at this time or later closes: both are few, and found by
        // an index, however many the holder made before.
        self.all(
            "WITH beginnings (time) AS (
                 SELECT min(time) FROM journeys
                 WHERE credential_digest = ?1 AND operator = ?2 AND exits = 0 AND closed_by IS NULL AND time <= ?3
                 UNION ALL
                 SELECT min(entries.time) FROM journeys AS ends JOIN journeys AS entries
                     ON entries.closed_by = ends.settlement
                 WHERE ends.credential_digest = ?1 AND ends.operator = ?2 AND ends.time >= ?3 AND entries.time <= ?3
                 UNION ALL
                 SELECT ?3
             )
             SELECT * FROM journeys
             WHERE credential_digest = ?1 AND operator = ?2 AND time >= (SELECT min(time) FROM beginnings)
             ORDER BY time, counter",
            (credential.as_bytes(), operator.as_str(), seconds(time)),
            journey,
        )
    }

    fn fare_of_exit(&self, exit: SettlementId) -> Result<Option<u32>> {
        self.one("SELECT fare FROM journeys WHERE closed_by = ?1", [counted(exit.0)?], |row| row.column("fare"))
    }

    fn journey(&self, settlement: SettlementId) -> Result<Option<JourneyRecord>> {
        self.one("SELECT * FROM journeys WHERE settlement = ?1", [counted(settlement.0)?], journey)
    }

    fn journeys_held_since(&self, time: Time, limit: u16) -> Result<Vec<JourneyRecord>> {
        self.all(
            "SELECT * FROM journeys WHERE exits = 0 AND closed_by IS NULL AND ended IS NULL AND time <= ?1
             ORDER BY time, settlement LIMIT ?2",
            (seconds(time), limit),
            journey,
        )
    }

    fn end_journey(&mut self, entry: SettlementId, end: JourneyEnd) -> Result<()> {
        let changed = self.execute(
            "UPDATE journeys SET ended = ?2
             WHERE settlement = ?1 AND exits = 0
                 AND CASE ?2 WHEN 1 THEN ended IS NULL AND closed_by IS NULL ELSE coalesce(ended, 0) <> 2 END",
            (counted(entry.0)?, end as u8),
        )?;
        if changed == 1 {
            Ok(())
        } else {
            Err(StoreError::Conflict("there is no such journey, or it has ended".to_owned()))
        }
    }

    fn add_journey(&mut self, journey: &JourneyRecord) -> Result<()> {
        self.execute(
            "INSERT INTO journeys (settlement, credential_digest, operator, exits, time, counter, amount, reference,
                 closed_by, fare)
             VALUES (:settlement, :credential_digest, :operator, :exits, :time, :counter, :amount, :reference,
                 NULL, NULL)",
            named_params! {
                ":settlement": counted(journey.settlement.0)?,
                ":credential_digest": journey.credential_digest.as_bytes(),
                ":operator": journey.operator.as_str(),
                ":exits": journey.role == JourneyRole::Exit,
                ":time": seconds(journey.time),
                ":counter": journey.counter,
                ":amount": journey.amount,
                ":reference": journey.reference,
            },
        )?;
        Ok(())
    }

    fn close_journey(&mut self, entry: SettlementId, closed: Option<(SettlementId, u32)>) -> Result<()> {
        let (closed_by, fare) = closed.unzip();
        let closed_by = closed_by.map(|exit| counted(exit.0)).transpose()?;
        let changed = self.execute(
            "UPDATE journeys SET closed_by = ?2, fare = ?3 WHERE settlement = ?1 AND exits = 0",
            (counted(entry.0)?, closed_by, fare),
        )?;
        if changed == 1 { Ok(()) } else { Err(StoreError::Conflict("there is no such journey".to_owned())) }
    }
}
