//! What clearing keeps of pseudonyms.

use symbolon_ccks::{Subject, Time};
use symbolon_pseudonym::AccountHandle;

use super::{
    Unit,
    rows::{Columns as _, Result, Row, counted, name, numbered, period, seconds, subject, time},
};
use crate::{
    StoreError,
    records::{BindingRecord, CaseEvent, CaseRecord, Release, ReservationRecord, SetAside},
    verbs::{Bindings, ClearingCases, Listed, Page, PostedBatches, Reservations},
};

fn reservation(row: &Row<'_>) -> Result<ReservationRecord> {
    let asked = row.column::<Option<u16>>("release_asked")?;
    let released = row.column("released")?;
    Ok(ReservationRecord {
        id: row.column("id")?,
        account: AccountHandle::from_bytes(row.column("account")?),
        period: row.parsed("period", period)?,
        count: row.column("count")?,
        budget: row.column("budget")?,
        line: row.column("line")?,
        currency: row.column("currency")?,
        until: row.parsed("until", time)?,
        release: asked.map(|asked| Release { asked, released }),
    })
}

impl Reservations for Unit<'_> {
    fn reservation(&self, id: &[u8; 16]) -> Result<Option<ReservationRecord>> {
        self.one("SELECT * FROM reservations WHERE id = ?1", [id], reservation)
    }

    fn reservations(&self, account: &AccountHandle) -> Result<Vec<ReservationRecord>> {
        self.all("SELECT * FROM reservations WHERE account = ?1 ORDER BY period, id", [account.as_bytes()], reservation)
    }

    fn set_aside(&self, account: &AccountHandle, now: Time) -> Result<Vec<SetAside>> {
        self.all(
            "SELECT period, sum(count - released) AS pseudonyms, sum((count - released) * budget) AS exposure,
                    max(until) AS until,
                    (SELECT count(*) FROM bindings AS b WHERE b.account = ?1 AND b.period = r.period) AS bound,
                    (SELECT coalesce(sum(charged), 0) FROM bindings AS b WHERE b.account = ?1 AND b.period = r.period)
                        AS charged
             FROM reservations AS r WHERE account = ?1 AND until > ?2 GROUP BY period ORDER BY period",
            (account.as_bytes(), seconds(now)),
            |row| {
                Ok(SetAside {
                    period: row.parsed("period", period)?,
                    pseudonyms: row.column("pseudonyms")?,
                    bound: row.column("bound")?,
                    exposure: row.column("exposure")?,
                    charged: row.column("charged")?,
                    until: row.parsed("until", time)?,
                })
            },
        )
    }

    fn add_reservation(&mut self, reservation: &ReservationRecord) -> Result<()> {
        self.execute(
            "INSERT INTO reservations (id, account, period, count, budget, line, currency, until)
             VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)",
            (
                reservation.id,
                reservation.account.as_bytes(),
                reservation.period.number(),
                reservation.count,
                reservation.budget,
                reservation.line,
                reservation.currency,
                seconds(reservation.until),
            ),
        )?;
        Ok(())
    }

    fn release_reservation(&mut self, id: &[u8; 16], release: Release) -> Result<()> {
        let changed = self.execute(
            "UPDATE reservations SET release_asked = ?2, released = ?3 WHERE id = ?1 AND release_asked IS NULL",
            (id, release.asked, release.released),
        )?;
        one_changed(changed, "there is no such reservation, or a part of it was given back before")
    }

    fn forget_reservations_until(&mut self, time: Time) -> Result<u64> {
        Ok(self.execute("DELETE FROM reservations WHERE until <= ?1", [seconds(time)])? as u64)
    }
}

pub(super) fn binding(row: &Row<'_>) -> Result<BindingRecord> {
    Ok(BindingRecord {
        subject: row.parsed("subject", subject)?,
        account: AccountHandle::from_bytes(row.column("account")?),
        period: row.parsed("period", period)?,
        nonce: row.column("nonce")?,
        charged: row.column("charged")?,
        until: row.parsed("until", time)?,
    })
}

impl Bindings for Unit<'_> {
    fn binding(&self, subject: &Subject) -> Result<Option<BindingRecord>> {
        self.one("SELECT * FROM bindings WHERE subject = ?1", [subject.as_bytes()], binding)
    }

    fn bindings(&self, account: &AccountHandle) -> Result<Vec<BindingRecord>> {
        self.all("SELECT * FROM bindings WHERE account = ?1 ORDER BY period, subject", [account.as_bytes()], binding)
    }

    fn is_tag_used(&self, nonce: &[u8; 12]) -> Result<bool> {
        Ok(self.one("SELECT 1 AS used FROM bindings WHERE nonce = ?1", [nonce], |_| Ok(()))?.is_some())
    }

    fn add_binding(&mut self, binding: &BindingRecord) -> Result<()> {
        self.execute(
            "INSERT INTO bindings (subject, account, period, nonce, charged, until) VALUES (?1, ?2, ?3, ?4, ?5, ?6)",
            (
                binding.subject.as_bytes(),
                binding.account.as_bytes(),
                binding.period.number(),
                binding.nonce,
                binding.charged,
                seconds(binding.until),
            ),
        )?;
        Ok(())
    }

    fn charge_binding(&mut self, subject: &Subject, amount: i64) -> Result<()> {
        let changed = self
            .execute("UPDATE bindings SET charged = charged + ?2 WHERE subject = ?1", (subject.as_bytes(), amount))?;
        one_changed(changed, "there is no such binding")
    }

    fn forget_bindings_until(&mut self, time: Time) -> Result<u64> {
        Ok(self.execute("DELETE FROM bindings WHERE until <= ?1", [seconds(time)])? as u64)
    }
}

impl PostedBatches for Unit<'_> {
    fn posted_batch(&self, id: &[u8; 16]) -> Result<Option<[u8; 32]>> {
        self.one("SELECT digest FROM posted_batches WHERE id = ?1", [id], |row| row.column("digest"))
    }

    fn add_posted_batch(&mut self, id: &[u8; 16], digest: &[u8; 32], now: Time) -> Result<()> {
        self.execute("INSERT INTO posted_batches (id, digest, time) VALUES (?1, ?2, ?3)", (id, digest, seconds(now)))?;
        Ok(())
    }

    fn forget_posted_batches_before(&mut self, time: Time) -> Result<u64> {
        Ok(self.execute("DELETE FROM posted_batches WHERE time < ?1", [seconds(time)])? as u64)
    }
}

fn case_record(row: &Row<'_>) -> Result<CaseRecord> {
    Ok(CaseRecord {
        event: row.parsed("kind", |kind| numbered(CaseEvent::ALL, |event| event as u8, kind))?,
        case: row.column("case_number")?,
        subject: row.parsed("subject", subject)?,
        account: AccountHandle::from_bytes(row.column("account")?),
        officer: row.parsed("officer", name)?,
        time: row.parsed("time", time)?,
    })
}

fn listed_case(row: &Row<'_>) -> Result<Listed<CaseRecord>> {
    Ok(Listed { position: row.column("sequence")?, record: case_record(row)? })
}

impl ClearingCases for Unit<'_> {
    fn case_approval(&self, case: &str, subject: &Subject) -> Result<Option<CaseRecord>> {
        self.one(
            "SELECT * FROM clearing_trace WHERE case_number = ?1 AND subject = ?2 AND kind = ?3
             ORDER BY sequence DESC LIMIT 1",
            (case, subject.as_bytes(), CaseEvent::Approved as u8),
            case_record,
        )
    }

    fn case_events(&self, account: Option<&AccountHandle>, page: Page) -> Result<Vec<Listed<CaseRecord>>> {
        let after = counted(page.after)?;
        match account {
            Some(account) => self.all(
                "SELECT * FROM clearing_trace WHERE account = ?1 AND sequence > ?2 ORDER BY sequence LIMIT ?3",
                (account.as_bytes(), after, page.limit),
                listed_case,
            ),
            None => self.all(
                "SELECT * FROM clearing_trace WHERE sequence > ?1 ORDER BY sequence LIMIT ?2",
                (after, page.limit),
                listed_case,
            ),
        }
    }

    fn add_case_event(&mut self, event: &CaseRecord) -> Result<()> {
        self.execute(
            "INSERT INTO clearing_trace (kind, case_number, subject, account, officer, time)
             VALUES (?1, ?2, ?3, ?4, ?5, ?6)",
            (
                event.event as u8,
                &event.case,
                event.subject.as_bytes(),
                event.account.as_bytes(),
                event.officer.as_str(),
                seconds(event.time),
            ),
        )?;
        Ok(())
    }
}

fn one_changed(changed: usize, otherwise: &str) -> Result<()> {
    if changed == 1 { Ok(()) } else { Err(StoreError::Conflict(otherwise.to_owned())) }
}
