//! Institutions, revocations, bundles and answered requests.

use symbolon_ccks::{Name, Subject, Time};

use super::{
    Unit,
    rows::{Columns as _, Result, Row, counted, name, seconds, subject, time},
};
use crate::{
    StoreError,
    records::{BundlePartRecord, BundleRecord, InstitutionRecord, RequestKey, RequestRecord},
    verbs::{Bundles, Institutions, Requests, Revocations},
};

/// An authority derives so many institution keys in its life: any 63 say nothing about a 64th.
const MOST_INSTITUTIONS: u8 = 63;

fn institution(row: &Row<'_>) -> Result<InstitutionRecord> {
    Ok(InstitutionRecord {
        ordinal: row.column("ordinal")?,
        name: row.parsed("name", name)?,
        derived: row.parsed("derived", time)?,
    })
}

impl Institutions for Unit<'_> {
    fn institution(&self, name: &Name) -> Result<Option<InstitutionRecord>> {
        self.one("SELECT * FROM institutions WHERE name = ?1", [name.as_str()], institution)
    }

    fn institutions(&self) -> Result<Vec<InstitutionRecord>> {
        self.all("SELECT * FROM institutions ORDER BY ordinal", [], institution)
    }

    fn count_institution(&mut self, name: &Name, now: Time) -> Result<u8> {
        let counted = self.one("SELECT count(*) AS counted FROM institutions", [], |row| row.column("counted"))?;
        let ordinal = counted.unwrap_or(0_u8) + 1;
        if ordinal > MOST_INSTITUTIONS {
            return Err(StoreError::Full("all institution keys are derived".to_owned()));
        }
        self.execute(
            "INSERT INTO institutions (ordinal, name, derived) VALUES (?1, ?2, ?3)",
            (ordinal, name.as_str(), seconds(now)),
        )?;
        Ok(ordinal)
    }
}

impl Revocations for Unit<'_> {
    fn revoked_since(&self, subject: &Subject) -> Result<Option<Time>> {
        self.one("SELECT since FROM revocations WHERE subject = ?1", [subject.as_bytes()], |row| {
            row.parsed("since", time)
        })
    }

    fn revoke(&mut self, subject: &Subject, since: Time) -> Result<()> {
        self.execute(
            "INSERT INTO revocations (subject, since) VALUES (?1, ?2) ON CONFLICT (subject) DO NOTHING",
            (subject.as_bytes(), seconds(since)),
        )?;
        Ok(())
    }

    fn lift_revocation(&mut self, subject: &Subject) -> Result<()> {
        self.execute("DELETE FROM revocations WHERE subject = ?1", [subject.as_bytes()])?;
        Ok(())
    }

    fn revoked_subjects(&self, now: Time) -> Result<Vec<Subject>> {
        self.all(
            "SELECT subject FROM revocations WHERE EXISTS (
                 SELECT 1 FROM issued WHERE issued.subject = revocations.subject AND not_after > ?1
             ) ORDER BY subject",
            [seconds(now)],
            |row| row.parsed("subject", subject),
        )
    }

    fn revocation_revision(&self) -> Result<u64> {
        let revision = self.one("SELECT revision FROM revocation_revision", [], |row| row.column("revision"))?;
        revision.ok_or_else(|| StoreError::Corrupt("the revocations have no revision".to_owned()))
    }
}

fn bundle(row: &Row<'_>) -> Result<BundleRecord> {
    Ok(BundleRecord {
        sequence: row.column("sequence")?,
        revision: row.column("revision")?,
        issued: row.parsed("issued", time)?,
        valid_until: row.parsed("valid_until", time)?,
        bytes: row.column("bytes")?,
    })
}

impl Bundles for Unit<'_> {
    fn newest_bundle(&self) -> Result<Option<BundleRecord>> {
        self.one("SELECT * FROM bundles ORDER BY sequence DESC LIMIT 1", [], bundle)
    }

    fn bundle(&self, sequence: u64) -> Result<Option<BundleRecord>> {
        // What is above every sequence there can be is none of them.
        let Ok(sequence) = counted(sequence) else { return Ok(None) };
        self.one("SELECT * FROM bundles WHERE sequence = ?1", [sequence], bundle)
    }

    fn bundle_part(&self, sequence: u64, part: u16) -> Result<Option<BundlePartRecord>> {
        let Ok(wanted) = counted(sequence) else { return Ok(None) };
        self.one(
            "SELECT part, valid_until, bytes,
                    (SELECT count(*) FROM bundle_parts AS all_parts WHERE all_parts.sequence = ?1) AS parts
             FROM bundle_parts WHERE sequence = ?1 AND part <= ?2 ORDER BY part DESC LIMIT 1",
            (wanted, part),
            |row| {
                Ok(BundlePartRecord {
                    sequence,
                    part: row.column("part")?,
                    parts: row.column("parts")?,
                    valid_until: row.parsed("valid_until", time)?,
                    bytes: row.column("bytes")?,
                })
            },
        )
    }

    fn add_bundle_parts(&mut self, sequence: u64, valid_until: Time, parts: &[Vec<u8>]) -> Result<()> {
        let sequence = counted(sequence)?;
        for (part, bytes) in (0_u16..).zip(parts) {
            self.execute(
                "INSERT INTO bundle_parts (sequence, part, valid_until, bytes) VALUES (?1, ?2, ?3, ?4)",
                (sequence, part, seconds(valid_until), bytes),
            )?;
        }
        // Earlier ones stay, for whoever is just collecting them part by part.
        self.execute(
            "DELETE FROM bundle_parts WHERE sequence NOT IN
                 (SELECT DISTINCT sequence FROM bundle_parts ORDER BY sequence DESC LIMIT 4)",
            [],
        )?;
        Ok(())
    }

    fn add_bundle(&mut self, bundle: &BundleRecord) -> Result<()> {
        let sequence = counted(bundle.sequence)?;
        self.execute(
            "INSERT INTO bundles (sequence, revision, issued, valid_until, bytes) VALUES (?1, ?2, ?3, ?4, ?5)",
            (sequence, counted(bundle.revision)?, seconds(bundle.issued), seconds(bundle.valid_until), &bundle.bytes),
        )?;
        // The one before stays, for whoever is just collecting it.
        self.execute("DELETE FROM bundles WHERE sequence + 1 < ?1", [sequence])?;
        Ok(())
    }
}

impl Requests for Unit<'_> {
    fn answered_request(&self, key: &RequestKey) -> Result<Option<RequestRecord>> {
        self.one(
            "SELECT digest, answer, time FROM requests WHERE principal = ?1 AND method = ?2 AND request_id = ?3",
            (&key.principal, key.method, key.id),
            |row| {
                Ok(RequestRecord {
                    key: key.clone(),
                    digest: row.column("digest")?,
                    answer: row.column("answer")?,
                    time: row.parsed("time", time)?,
                })
            },
        )
    }

    fn add_answered_request(&mut self, request: &RequestRecord) -> Result<()> {
        self.execute(
            "INSERT INTO requests (principal, method, request_id, digest, answer, time)
             VALUES (?1, ?2, ?3, ?4, ?5, ?6)",
            (
                &request.key.principal,
                request.key.method,
                request.key.id,
                request.digest,
                &request.answer,
                seconds(request.time),
            ),
        )?;
        Ok(())
    }

    fn forget_requests_before(&mut self, time: Time) -> Result<u64> {
        let forgotten = self.execute("DELETE FROM requests WHERE time < ?1", [seconds(time)])?;
        Ok(forgotten as u64)
    }
}
