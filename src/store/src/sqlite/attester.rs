//! Pseudonyms as the attester sees them.

// Said, since this file is compiled for more than one database.
#[path = "attester/publishing.rs"]
mod publishing;
#[path = "attester/requests.rs"]
mod requests;

use symbolon_ccks::{Period, Subject, Time};
use symbolon_pseudonym::LinkageHandle;

use super::{
    Unit,
    rows::{Columns as _, Result, Row, period, seconds, subject, time},
};
use crate::{
    records::{ChallengeRecord, LinkageHandleRecord, PseudonymQuota, RequestId},
    verbs::Attestation,
};

fn handle(bytes: [u8; 16]) -> Option<LinkageHandle> {
    Some(LinkageHandle::from_bytes(bytes))
}

fn challenge(row: &Row<'_>) -> Result<ChallengeRecord> {
    Ok(ChallengeRecord {
        challenge: row.column("challenge")?,
        card: row.parsed("card", subject)?,
        asked_by: row.column("asked_by")?,
        expires: row.parsed("expires", time)?,
        used_by: row.column("used_by")?,
    })
}

fn quota(row: &Row<'_>) -> Result<PseudonymQuota> {
    Ok(PseudonymQuota { used: row.column("used")?, next: row.column("next")? })
}

impl Attestation for Unit<'_> {
    fn challenge(&self, bytes: &[u8; 32]) -> Result<Option<ChallengeRecord>> {
        self.one("SELECT * FROM pseudonym_challenges WHERE challenge = ?1", [bytes], challenge)
    }

    fn challenge_for(&self, card: &Subject, asked_by: &RequestId) -> Result<Option<ChallengeRecord>> {
        self.one(
            "SELECT * FROM pseudonym_challenges WHERE card = ?1 AND asked_by = ?2",
            (card.as_bytes(), asked_by),
            challenge,
        )
    }

    fn challenges_of(&self, card: &Subject) -> Result<Vec<ChallengeRecord>> {
        self.all(
            "SELECT * FROM pseudonym_challenges WHERE card = ?1 ORDER BY expires, challenge",
            [card.as_bytes()],
            challenge,
        )
    }

    fn add_challenge(&mut self, challenge: &ChallengeRecord) -> Result<()> {
        self.execute(
            "INSERT INTO pseudonym_challenges (challenge, card, asked_by, expires, used_by)
             VALUES (?1, ?2, ?3, ?4, ?5)",
            (
                challenge.challenge,
                challenge.card.as_bytes(),
                challenge.asked_by,
                seconds(challenge.expires),
                challenge.used_by,
            ),
        )?;
        Ok(())
    }

    fn use_challenge(&mut self, challenge: &[u8; 32], request: &RequestId) -> Result<bool> {
        let used = self.execute(
            "UPDATE pseudonym_challenges SET used_by = ?2 WHERE challenge = ?1 AND (used_by IS NULL OR used_by = ?2)",
            (challenge, request),
        )?;
        Ok(used == 1)
    }

    fn forget_expired_challenges(&mut self, now: Time) -> Result<u64> {
        Ok(self.execute("DELETE FROM pseudonym_challenges WHERE expires <= ?1", [seconds(now)])? as u64)
    }

    fn linkage_handle(&self, card: &Subject) -> Result<Option<LinkageHandleRecord>> {
        self.one("SELECT * FROM linkage_handles WHERE card = ?1", [card.as_bytes()], |row| {
            Ok(LinkageHandleRecord { handle: row.parsed("handle", handle)?, created: row.parsed("created", time)? })
        })
    }

    fn add_linkage_handle(&mut self, card: &Subject, handle: &LinkageHandleRecord) -> Result<()> {
        self.execute(
            "INSERT INTO linkage_handles (card, handle, created) VALUES (?1, ?2, ?3)",
            (card.as_bytes(), handle.handle.as_bytes(), seconds(handle.created)),
        )?;
        Ok(())
    }

    fn pseudonym_quota(&self, card: &Subject, period: Period) -> Result<PseudonymQuota> {
        let found = self.one(
            "SELECT used, next FROM pseudonym_quotas WHERE card = ?1 AND period = ?2",
            (card.as_bytes(), period.number()),
            quota,
        )?;
        Ok(found.unwrap_or_default())
    }

    fn pseudonym_quotas(&self, card: &Subject) -> Result<Vec<(Period, PseudonymQuota)>> {
        self.all("SELECT * FROM pseudonym_quotas WHERE card = ?1 ORDER BY period", [card.as_bytes()], |row| {
            Ok((row.parsed("period", period)?, quota(row)?))
        })
    }

    fn set_pseudonym_quota(&mut self, card: &Subject, period: Period, quota: PseudonymQuota) -> Result<()> {
        self.execute(
            "INSERT INTO pseudonym_quotas (card, period, used, next) VALUES (?1, ?2, ?3, ?4)
             ON CONFLICT (card, period) DO UPDATE SET used = excluded.used, next = excluded.next",
            (card.as_bytes(), period.number(), quota.used, quota.next),
        )?;
        Ok(())
    }

    fn most_pseudonyms_since(&self, period: Period) -> Result<u16> {
        let most =
            self.one("SELECT max(next) AS most FROM pseudonym_quotas WHERE period >= ?1", [period.number()], |row| {
                row.column::<Option<u16>>("most")
            })?;
        Ok(most.flatten().unwrap_or_default())
    }
}
