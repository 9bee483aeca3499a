//! The archive of pseudonyms.

use symbolon_ccks::{CompressedPoint, Period, Subject, Time};
use symbolon_pseudonym::{ClearingTag, Commitment, SealedAnswer};

use super::{
    Unit,
    rows::{Columns as _, Result, Row, counted, credential, named_params, numbered, period, seconds, subject, time},
};
use crate::{
    Listed, Page,
    records::{ArchiveOpening, ArchivedPseudonymRecord, PseudonymState},
    verbs::PseudonymArchive,
};

fn archived(row: &Row<'_>) -> Result<ArchivedPseudonymRecord> {
    Ok(ArchivedPseudonymRecord {
        credential: row.parsed("credential", credential::<89>)?,
        commitment: Commitment::from_bytes(row.column("commitment")?),
        period: row.parsed("period", period)?,
        point: row.parsed("point", |bytes: Vec<u8>| CompressedPoint::parse(&bytes).ok().copied())?,
        salt: row.column("salt")?,
        contribution: row.column("contribution")?,
        state: row.parsed("state", |state| numbered(PseudonymState::ALL, |state| state as u8, state))?,
        tag: row.parsed_option("tag", |bytes: Vec<u8>| ClearingTag::parse(&bytes).ok())?,
        answer: row.parsed_option("answer", |bytes: Vec<u8>| SealedAnswer::parse(&bytes).ok())?,
    })
}

impl PseudonymArchive for Unit<'_> {
    fn archived_for(&self, commitment: &Commitment) -> Result<Option<ArchivedPseudonymRecord>> {
        self.one("SELECT * FROM pseudonym_archive WHERE commitment = ?1", [commitment.as_bytes()], archived)
    }

    fn archived_pseudonym(&self, subject: &Subject) -> Result<Option<ArchivedPseudonymRecord>> {
        self.one("SELECT * FROM pseudonym_archive WHERE subject = ?1", [subject.as_bytes()], archived)
    }

    fn point_archived(&self, point: &CompressedPoint) -> Result<bool> {
        let found = self.one("SELECT 1 FROM pseudonym_archive WHERE point = ?1", [point.as_bytes()], |_| Ok(()))?;
        Ok(found.is_some())
    }

    fn archive_pseudonym(&mut self, pseudonym: &ArchivedPseudonymRecord) -> Result<()> {
        self.execute(
            "INSERT INTO pseudonym_archive (subject, commitment, period, credential, point, salt, contribution, state,
                 tag, answer)
             VALUES (:subject, :commitment, :period, :credential, :point, :salt, :contribution, :state, :tag, :answer)",
            named_params! {
                ":subject": pseudonym.subject().as_bytes(),
                ":commitment": pseudonym.commitment.as_bytes(),
                ":period": pseudonym.period.number(),
                ":credential": pseudonym.credential.as_bytes(),
                ":point": pseudonym.point.as_bytes(),
                ":salt": pseudonym.salt,
                ":contribution": pseudonym.contribution,
                ":state": pseudonym.state as u8,
                ":tag": pseudonym.tag.as_ref().map(ClearingTag::as_bytes),
                ":answer": pseudonym.answer.as_ref().map(SealedAnswer::as_bytes),
            },
        )?;
        Ok(())
    }

    fn linkage_value_used(&self, period: Period, hash: &[u8; 32]) -> Result<bool> {
        let found = self.one(
            "SELECT 1 FROM linkage_values_used WHERE period = ?1 AND hash = ?2",
            (period.number(), hash),
            |_| Ok(()),
        )?;
        Ok(found.is_some())
    }

    fn use_linkage_value(&mut self, period: Period, hash: &[u8; 32]) -> Result<()> {
        self.execute("INSERT INTO linkage_values_used (period, hash) VALUES (?1, ?2)", (period.number(), hash))?;
        Ok(())
    }

    fn pseudonyms_under_way(&self, state: PseudonymState, limit: u16) -> Result<Vec<ArchivedPseudonymRecord>> {
        self.all(
            "SELECT * FROM pseudonym_archive WHERE state < 3 AND state = ?1 LIMIT ?2",
            (state as u8, limit),
            archived,
        )
    }

    fn count_pseudonyms_under_way(&self) -> Result<(u64, u64)> {
        let counted = self.one(
            "SELECT count(*) FILTER (WHERE state = 1) AS waiting, count(*) FILTER (WHERE state = 2) AS bound
             FROM pseudonym_archive WHERE state < 3",
            [],
            |row| Ok((row.column("waiting")?, row.column("bound")?)),
        )?;
        Ok(counted.unwrap_or_default())
    }

    fn settle_tag(&mut self, subject: &Subject, taken: bool) -> Result<()> {
        let sql = if taken {
            "UPDATE pseudonym_archive SET state = 2, tag = NULL WHERE subject = ?1 AND state = 1"
        } else {
            "UPDATE pseudonym_archive SET state = 4, tag = NULL, answer = NULL WHERE subject = ?1 AND state = 1"
        };
        self.execute(sql, [subject.as_bytes()])?;
        Ok(())
    }

    fn release_pseudonym(&mut self, subject: &Subject) -> Result<()> {
        self.execute("UPDATE pseudonym_archive SET state = 3 WHERE subject = ?1 AND state = 2", [subject.as_bytes()])?;
        Ok(())
    }

    fn forget_linkage_values_before(&mut self, period: Period) -> Result<u64> {
        let gone = self.execute("DELETE FROM linkage_values_used WHERE period < ?1", [period.number()])?;
        Ok(gone as u64)
    }

    fn forget_answers_before(&mut self, period: Period) -> Result<u64> {
        let gone = self.execute(
            "UPDATE pseudonym_archive SET answer = NULL, tag = NULL, state = CASE state WHEN 1 THEN 4 ELSE state END
             WHERE answer IS NOT NULL AND period < ?1",
            [period.number()],
        )?;
        Ok(gone as u64)
    }

    fn note_archive_opening(&mut self, case: &str, subject: &Subject, now: Time) -> Result<()> {
        self.execute(
            "INSERT INTO archive_openings (case_number, subject, time) VALUES (?1, ?2, ?3)",
            (case, subject.as_bytes(), seconds(now)),
        )?;
        Ok(())
    }

    fn archive_openings(&self, page: Page) -> Result<Vec<Listed<ArchiveOpening>>> {
        self.all(
            "SELECT * FROM archive_openings WHERE sequence > ?1 ORDER BY sequence LIMIT ?2",
            (counted(page.after)?, page.limit),
            |row| {
                let record = ArchiveOpening {
                    case: row.column("case_number")?,
                    subject: row.parsed("subject", subject)?,
                    time: row.parsed("time", time)?,
                };
                Ok(Listed { position: row.column("sequence")?, record })
            },
        )
    }
}
