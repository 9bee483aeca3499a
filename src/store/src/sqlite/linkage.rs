//! The seeds of a linkage authority.

use symbolon_ccks::{LinkageSeed, Period};
use symbolon_pseudonym::LinkageHandle;

use super::{
    Unit,
    rows::{Columns as _, Result, Row, period, seconds, time},
};
use crate::{StoreError, records::LinkageSeedRecord, verbs::LinkageSeeds};

fn linkage_seed(row: &Row<'_>) -> Result<LinkageSeedRecord> {
    Ok(LinkageSeedRecord {
        handle: LinkageHandle::from_bytes(row.column("handle")?),
        period: row.parsed("period", period)?,
        seed: LinkageSeed::from_bytes(row.column("seed")?),
        since: row.parsed("since", time)?,
        published: row.column("published")?,
    })
}

impl LinkageSeeds for Unit<'_> {
    fn linkage_seed(&self, handle: &LinkageHandle) -> Result<Option<LinkageSeedRecord>> {
        self.one("SELECT * FROM linkage_seeds WHERE handle = ?1", [handle.as_bytes()], linkage_seed)
    }

    fn add_linkage_seed(&mut self, seed: &LinkageSeedRecord) -> Result<()> {
        self.execute(
            "INSERT INTO linkage_seeds (handle, period, seed, since, published) VALUES (?1, ?2, ?3, ?4, ?5)",
            (seed.handle.as_bytes(), seed.period.number(), seed.seed.as_bytes(), seconds(seed.since), seed.published),
        )?;
        Ok(())
    }

    fn replace_linkage_seed(&mut self, seed: &LinkageSeedRecord) -> Result<()> {
        let changed = self.execute(
            "UPDATE linkage_seeds SET period = ?2, seed = ?3, published = ?4 WHERE handle = ?1",
            (seed.handle.as_bytes(), seed.period.number(), seed.seed.as_bytes(), seed.published),
        )?;
        if changed == 1 { Ok(()) } else { Err(StoreError::Conflict("there is no such seed".to_owned())) }
    }

    fn linkage_seeds_before(&self, period: Period, limit: u16) -> Result<Vec<LinkageSeedRecord>> {
        self.all(
            "SELECT * FROM linkage_seeds WHERE published = 0 AND period < ?1 ORDER BY period LIMIT ?2",
            (period.number(), limit),
            linkage_seed,
        )
    }
}
