//! Seeds to be published, and cases.

use symbolon_ccks::{LinkageSeed, Period, Subject, Time};
use symbolon_pseudonym::LinkageHandle;

use super::super::{
    Unit,
    rows::{Columns as _, Result, Row, counted, period, seconds, subject, time},
};
use super::handle;
use crate::{
    Listed, Page,
    records::{AttesterCounts, PublishedSeedsRecord, TraceApprovalRecord, TraceAuditRecord},
    verbs::{PseudonymRequests as _, PublishedSeeds, Traces},
};

fn published(row: &Row<'_>) -> Result<PublishedSeedsRecord> {
    let seed = |column| Ok::<_, crate::StoreError>(LinkageSeed::from_bytes(row.column(column)?));
    Ok(PublishedSeedsRecord {
        period: row.parsed("period", period)?,
        seeds: [seed("seed_a")?, seed("seed_b")?],
        published: row.parsed("published", time)?,
    })
}

fn approval(row: &Row<'_>) -> Result<TraceApprovalRecord> {
    Ok(TraceApprovalRecord {
        digest: row.column("digest")?,
        case_number: row.column("case_number")?,
        officer: row.column("officer")?,
        approved: row.parsed("approved", time)?,
    })
}

impl PublishedSeeds for Unit<'_> {
    fn reveal_seeds(&mut self, handle: &LinkageHandle, since: Time) -> Result<()> {
        self.execute(
            "INSERT INTO seeds_to_reveal (handle, since) VALUES (?1, ?2) ON CONFLICT (handle) DO NOTHING",
            (handle.as_bytes(), seconds(since)),
        )?;
        Ok(())
    }

    fn seeds_to_reveal(&self, limit: u16) -> Result<Vec<(LinkageHandle, Time)>> {
        self.all("SELECT * FROM seeds_to_reveal ORDER BY since, handle LIMIT ?1", [limit], |row| {
            Ok((row.parsed("handle", handle)?, row.parsed("since", time)?))
        })
    }

    fn publish_seeds(&mut self, handle: &LinkageHandle, seeds: Option<&PublishedSeedsRecord>) -> Result<()> {
        let waited = self.execute("DELETE FROM seeds_to_reveal WHERE handle = ?1", [handle.as_bytes()])?;
        // Somebody else has published them when nothing waited.
        if let Some(seeds) = seeds.filter(|_| waited == 1) {
            let [seed_a, seed_b] = &seeds.seeds;
            self.execute(
                "INSERT INTO published_seeds (period, seed_a, seed_b, published) VALUES (?1, ?2, ?3, ?4)
                 ON CONFLICT DO NOTHING",
                (seeds.period.number(), seed_a.as_bytes(), seed_b.as_bytes(), seconds(seeds.published)),
            )?;
        }
        Ok(())
    }

    fn published_seeds_since(&self, period: Period) -> Result<Vec<PublishedSeedsRecord>> {
        self.all(
            "SELECT * FROM published_seeds WHERE period >= ?1 ORDER BY period, seed_a, seed_b",
            [period.number()],
            published,
        )
    }

    fn forget_published_seeds_before(&mut self, period: Period) -> Result<u64> {
        Ok(self.execute("DELETE FROM published_seeds WHERE period < ?1", [period.number()])? as u64)
    }
}

impl Traces for Unit<'_> {
    fn approve_trace(&mut self, approval: &TraceApprovalRecord) -> Result<()> {
        self.execute(
            "INSERT INTO trace_approvals (digest, case_number, officer, approved) VALUES (?1, ?2, ?3, ?4)
             ON CONFLICT (digest, officer) DO UPDATE SET approved = excluded.approved",
            (approval.digest, &approval.case_number, &approval.officer, seconds(approval.approved)),
        )?;
        Ok(())
    }

    fn trace_approvals(&self, digest: &[u8; 32], since: Time) -> Result<Vec<TraceApprovalRecord>> {
        self.all(
            "SELECT * FROM trace_approvals WHERE digest = ?1 AND approved >= ?2 ORDER BY approved, officer",
            (digest, seconds(since)),
            approval,
        )
    }

    fn trace_approvals_listed(&self, page: Page) -> Result<Vec<Listed<TraceApprovalRecord>>> {
        self.all(
            "SELECT * FROM trace_approvals WHERE sequence > ?1 ORDER BY sequence LIMIT ?2",
            (counted(page.after)?, page.limit),
            |row| Ok(Listed { position: row.column("sequence")?, record: approval(row)? }),
        )
    }

    fn forget_trace_approvals_before(&mut self, time: Time) -> Result<u64> {
        Ok(self.execute("DELETE FROM trace_approvals WHERE approved < ?1", [seconds(time)])? as u64)
    }

    fn add_trace_audit(&mut self, audit: &TraceAuditRecord) -> Result<()> {
        self.execute(
            "INSERT INTO trace_audits (card, case_number, period, attester_officer, attester_approved,
                 clearing_officer, clearing_approved, opened_by, opened)
             VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9)",
            (
                audit.card.as_bytes(),
                &audit.case_number,
                audit.period.number(),
                &audit.attester_officer,
                seconds(audit.attester_approved),
                &audit.clearing_officer,
                seconds(audit.clearing_approved),
                &audit.opened_by,
                seconds(audit.opened),
            ),
        )?;
        Ok(())
    }

    fn trace_audits(&self, card: &Subject) -> Result<Vec<TraceAuditRecord>> {
        self.all("SELECT * FROM trace_audits WHERE card = ?1 ORDER BY sequence", [card.as_bytes()], |row| {
            Ok(TraceAuditRecord {
                card: row.parsed("card", subject)?,
                case_number: row.column("case_number")?,
                period: row.parsed("period", period)?,
                attester_officer: row.column("attester_officer")?,
                attester_approved: row.parsed("attester_approved", time)?,
                clearing_officer: row.column("clearing_officer")?,
                clearing_approved: row.parsed("clearing_approved", time)?,
                opened_by: row.column("opened_by")?,
                opened: row.parsed("opened", time)?,
            })
        })
    }

    fn attester_counts(&self) -> Result<AttesterCounts> {
        let count =
            |sql: &str| -> Result<u32> { Ok(self.one(sql, [], |row| row.column("counted"))?.unwrap_or_default()) };
        Ok(AttesterCounts {
            waiting: self.waiting(Period::FIRST, Period::LAST)?,
            unfinished_requests: count("SELECT count(*) AS counted FROM pseudonym_requests WHERE state < 3")?,
            releases: count("SELECT count(*) AS counted FROM reservation_releases")?,
            seeds_to_reveal: count("SELECT count(*) AS counted FROM seeds_to_reveal")?,
            published_seeds: count("SELECT count(*) AS counted FROM published_seeds")?,
        })
    }
}
