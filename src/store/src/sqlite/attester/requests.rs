//! Requests for pseudonyms, and the items that wait.

use symbolon_ccks::{Period, Subject};
use symbolon_pseudonym::{ClearingTag, Commitment, ItemChallenge, ProfileId, SealedAnswer, SealedItem, SealedValue};

use super::super::{
    Unit,
    rows::{
        Columns as _, Result, Row, counted, credential, named_params, numbered, period, seconds, signature, subject,
        time,
    },
};
use crate::{
    StoreError,
    records::{
        ItemEnd, PseudonymItemRecord, PseudonymRequestRecord, PseudonymRequestState, RequestId, ReservationId,
        WaitingItemRecord, WaitingItems,
    },
    verbs::PseudonymRequests,
};

fn profile(number: u8) -> Option<ProfileId> {
    Some(ProfileId(number))
}

fn request(row: &Row<'_>) -> Result<PseudonymRequestRecord> {
    let states = PseudonymRequestState::ALL;
    Ok(PseudonymRequestRecord {
        card: row.parsed("card", subject)?,
        id: row.column("request_id")?,
        credential: row.parsed("credential", credential::<89>)?,
        signed: row.parsed("signed", time)?,
        body: row.column("body")?,
        signature: row.parsed("signature", signature::<65>)?,
        period: row.parsed("period", period)?,
        count: row.column("count")?,
        profile: row.parsed("profile", profile)?,
        reservation: row.column("reservation")?,
        budget: row.column("budget")?,
        line: row.column("line")?,
        state: row.parsed("state", |state| numbered(states, |state| state as u8, state))?,
        first: row.column("first")?,
        received: row.parsed("received", time)?,
    })
}

fn item(row: &Row<'_>) -> Result<PseudonymItemRecord> {
    let answer = row.parsed_option("answer", |bytes: Vec<u8>| SealedAnswer::parse(&bytes).ok())?;
    let refusal = row.column::<Option<String>>("refusal")?;
    Ok(PseudonymItemRecord {
        commitment: Commitment::from_bytes(row.column("commitment")?),
        end: answer.map(ItemEnd::Answered).or(refusal.map(ItemEnd::Refused)),
    })
}

fn waiting_item(row: &Row<'_>) -> Result<(Subject, WaitingItemRecord)> {
    let value = |column| row.parsed(column, |bytes: Vec<u8>| SealedValue::parse(&bytes).ok());
    let waiting = WaitingItemRecord {
        commitment: Commitment::from_bytes(row.column("commitment")?),
        challenge: ItemChallenge::from_bytes(row.column("challenge")?),
        period: row.parsed("period", period)?,
        profile: row.parsed("profile", profile)?,
        sealed: row.parsed("sealed", |bytes: Vec<u8>| SealedItem::parse(&bytes).ok())?,
        values: [value("value_a")?, value("value_b")?],
        tag: row.parsed("tag", |bytes: Vec<u8>| ClearingTag::parse(&bytes).ok())?,
        since: row.parsed("since", time)?,
        passed: row.column("passed")?,
    };
    Ok((row.parsed("card", subject)?, waiting))
}

impl Unit<'_> {
    /// The row number of a request.
    fn request_row(&self, card: &Subject, id: &RequestId) -> Result<Option<i64>> {
        self.one(
            "SELECT sequence FROM pseudonym_requests WHERE card = ?1 AND request_id = ?2",
            (card.as_bytes(), id),
            |row| row.column("sequence"),
        )
    }
}

impl PseudonymRequests for Unit<'_> {
    fn pseudonym_request(&self, card: &Subject, id: &RequestId) -> Result<Option<PseudonymRequestRecord>> {
        self.one("SELECT * FROM pseudonym_requests WHERE card = ?1 AND request_id = ?2", (card.as_bytes(), id), request)
    }

    fn request_of_commitment(&self, commitment: &Commitment) -> Result<Option<(PseudonymRequestRecord, u32)>> {
        self.one(
            "SELECT pseudonym_requests.*, position FROM pseudonym_items
             JOIN pseudonym_requests ON pseudonym_requests.sequence = pseudonym_items.request WHERE commitment = ?1",
            [commitment.as_bytes()],
            |row| Ok((request(row)?, row.column("position")?)),
        )
    }

    fn pseudonym_requests(&self, card: &Subject) -> Result<Vec<PseudonymRequestRecord>> {
        self.all("SELECT * FROM pseudonym_requests WHERE card = ?1 ORDER BY sequence", [card.as_bytes()], request)
    }

    fn unprepared_requests(&self, limit: u16) -> Result<Vec<PseudonymRequestRecord>> {
        self.all("SELECT * FROM pseudonym_requests WHERE state < 3 ORDER BY sequence LIMIT ?1", [limit], request)
    }

    fn add_pseudonym_request(&mut self, request: &PseudonymRequestRecord, items: &[Commitment]) -> Result<()> {
        let row = self.add(
            "INSERT INTO pseudonym_requests (card, request_id, credential, signed, body, signature, period, count,
                 profile, reservation, budget, line, state, first, received)
             VALUES (:card, :request_id, :credential, :signed, :body, :signature, :period, :count, :profile,
                 :reservation, :budget, :line, :state, :first, :received)",
            named_params! {
                ":card": request.card.as_bytes(),
                ":request_id": request.id,
                ":credential": request.credential.as_bytes(),
                ":signed": seconds(request.signed),
                ":body": request.body,
                ":signature": request.signature.as_bytes(),
                ":period": request.period.number(),
                ":count": request.count,
                ":profile": request.profile.0,
                ":reservation": request.reservation,
                ":budget": request.budget,
                ":line": request.line,
                ":state": request.state as u8,
                ":first": request.first,
                ":received": seconds(request.received),
            },
            "sequence",
        )?;
        let row = counted(row)?;
        for (position, commitment) in (0_u16..).zip(items) {
            self.execute(
                "INSERT INTO pseudonym_items (commitment, request, position) VALUES (?1, ?2, ?3)",
                (commitment.as_bytes(), row, position),
            )?;
        }
        Ok(())
    }

    fn update_pseudonym_request(&mut self, request: &PseudonymRequestRecord) -> Result<()> {
        let changed = self.execute(
            "UPDATE pseudonym_requests SET state = ?3, first = ?4 WHERE card = ?1 AND request_id = ?2",
            (request.card.as_bytes(), request.id, request.state as u8, request.first),
        )?;
        if changed == 1 { Ok(()) } else { Err(StoreError::Conflict("there is no such request".to_owned())) }
    }

    fn drop_pseudonym_request(&mut self, card: &Subject, id: &RequestId) -> Result<()> {
        let Some(row) = self.request_row(card, id)? else { return Ok(()) };
        self.execute(
            "DELETE FROM waiting_items WHERE commitment IN (SELECT commitment FROM pseudonym_items WHERE request = ?1)",
            [row],
        )?;
        self.execute("DELETE FROM pseudonym_items WHERE request = ?1", [row])?;
        self.execute("DELETE FROM pseudonym_requests WHERE sequence = ?1", [row])?;
        Ok(())
    }

    fn pseudonym_items(&self, card: &Subject, id: &RequestId) -> Result<Vec<PseudonymItemRecord>> {
        let Some(row) = self.request_row(card, id)? else { return Ok(Vec::new()) };
        self.all("SELECT * FROM pseudonym_items WHERE request = ?1 ORDER BY position", [row], item)
    }

    fn end_pseudonym_item(&mut self, commitment: &Commitment, end: &ItemEnd) -> Result<bool> {
        let (answer, refusal) = match end {
            ItemEnd::Answered(answer) => (Some(answer.as_bytes()), None),
            ItemEnd::Refused(refusal) => (None, Some(refusal)),
        };
        let ended = self.execute(
            "UPDATE pseudonym_items SET answer = ?2, refusal = ?3
             WHERE commitment = ?1 AND answer IS NULL AND refusal IS NULL",
            (commitment.as_bytes(), answer, refusal),
        )?;
        self.execute("DELETE FROM waiting_items WHERE commitment = ?1", [commitment.as_bytes()])?;
        Ok(ended == 1)
    }

    fn add_waiting_item(&mut self, item: &WaitingItemRecord) -> Result<()> {
        let [value_a, value_b] = &item.values;
        self.execute(
            "INSERT INTO waiting_items (commitment, challenge, period, profile, sealed, value_a, value_b, tag, since,
                 passed)
             VALUES (:commitment, :challenge, :period, :profile, :sealed, :value_a, :value_b, :tag, :since, :passed)",
            named_params! {
                ":commitment": item.commitment.as_bytes(),
                ":challenge": item.challenge.as_bytes(),
                ":period": item.period.number(),
                ":profile": item.profile.0,
                ":sealed": item.sealed.as_bytes().as_slice(),
                ":value_a": value_a.as_bytes().as_slice(),
                ":value_b": value_b.as_bytes().as_slice(),
                ":tag": item.tag.as_bytes().as_slice(),
                ":since": seconds(item.since),
                ":passed": item.passed,
            },
        )?;
        Ok(())
    }

    fn waiting(&self, first: Period, last: Period) -> Result<WaitingItems> {
        let waiting = self.one(
            "SELECT count(*) FILTER (WHERE passed = 0) AS fresh, min(since) FILTER (WHERE passed = 0) AS oldest,
                 count(*) FILTER (WHERE passed = 1) AS passed
             FROM waiting_items WHERE period BETWEEN ?1 AND ?2",
            (first.number(), last.number()),
            |row| {
                Ok(WaitingItems {
                    fresh: row.column("fresh")?,
                    oldest: row.parsed_option("oldest", time)?,
                    passed: row.column("passed")?,
                })
            },
        )?;
        Ok(waiting.unwrap_or_default())
    }

    fn waiting_items(&self, seen_only: bool) -> Result<Vec<(Subject, WaitingItemRecord)>> {
        self.all(
            "SELECT waiting_items.*, card FROM waiting_items
             JOIN pseudonym_items ON pseudonym_items.commitment = waiting_items.commitment
             JOIN pseudonym_requests ON pseudonym_requests.sequence = pseudonym_items.request
             WHERE passed >= ?1 ORDER BY waiting_items.commitment",
            [seen_only],
            waiting_item,
        )
    }

    fn mark_passed(&mut self, items: &[Commitment]) -> Result<()> {
        for item in items {
            self.execute("UPDATE waiting_items SET passed = 1 WHERE commitment = ?1", [item.as_bytes()])?;
        }
        Ok(())
    }

    fn forget_pseudonym_requests_before(&mut self, period: Period) -> Result<u64> {
        let period = [period.number()];
        self.execute("DELETE FROM pseudonym_quotas WHERE period < ?1", period)?;
        self.execute(
            "DELETE FROM waiting_items WHERE commitment IN (
                 SELECT commitment FROM pseudonym_items JOIN pseudonym_requests ON sequence = request
                 WHERE pseudonym_requests.period < ?1
             )",
            period,
        )?;
        self.execute(
            "DELETE FROM pseudonym_items WHERE request IN (SELECT sequence FROM pseudonym_requests WHERE period < ?1)",
            period,
        )?;
        Ok(self.execute("DELETE FROM pseudonym_requests WHERE period < ?1", period)? as u64)
    }

    fn add_release(&mut self, reservation: &ReservationId, count: u16) -> Result<()> {
        self.execute("INSERT INTO reservation_releases (reservation, count) VALUES (?1, ?2)", (reservation, count))?;
        Ok(())
    }

    fn releases(&self, limit: u16) -> Result<Vec<(ReservationId, u16)>> {
        self.all("SELECT * FROM reservation_releases ORDER BY reservation LIMIT ?1", [limit], |row| {
            Ok((row.column("reservation")?, row.column("count")?))
        })
    }

    fn drop_release(&mut self, reservation: &ReservationId) -> Result<()> {
        self.execute("DELETE FROM reservation_releases WHERE reservation = ?1", [reservation])?;
        Ok(())
    }
}
