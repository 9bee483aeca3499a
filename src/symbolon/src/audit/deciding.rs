//! What becomes of a record that its holder signed: in the order of the table in `docs/settlement.md`.
//!
//! Where the copies do not tell what the exchange knew, its answer is taken as it is and counted as not checked.

use rusqlite::{OptionalExtension as _, Row};
use symbolon_ccks::{Class, Period, Suite};
use symbolon_tap::Kind;

use super::{
    Result,
    copies::Place,
    outcome::{Outcome, Reason},
    parties::Known,
    records::{Judge, Kept, Signed, sha256, spends},
    report::Found,
};

const SETTLED: i64 = 1;
const ANSWERED_TWICE: i64 = 2;
const MISUSE: i64 = 3;

/// A settlement that was noted.
struct Noted {
    agreement: [u8; 32],
    outcome: i64,
    repeats: Option<i64>,
    place: i64,
    kind: i64,
    amount: u32,
}

impl Noted {
    const COLUMNS: &str = "SELECT agreement, outcome, repeats, place, kind, amount FROM settled";

    fn of(row: &Row<'_>) -> rusqlite::Result<Self> {
        let (agreement, outcome, repeats) = (row.get(0)?, row.get(1)?, row.get(2)?);
        Ok(Self { agreement, outcome, repeats, place: row.get(3)?, kind: row.get(4)?, amount: row.get(5)? })
    }
}

/// Whether something was known when an upload came.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Knew {
    Yes,
    No,
    /// Both happened within one second.
    Perhaps,
}

impl Knew {
    fn at(since: i64, received: i64) -> Self {
        match since.cmp(&received) {
            std::cmp::Ordering::Less => Self::Yes,
            std::cmp::Ordering::Equal => Self::Perhaps,
            std::cmp::Ordering::Greater => Self::No,
        }
    }
}

/// How holder and terminal stood at a record's time.
enum Standing {
    /// Whether the record comes after a revocation that the terminal could not know of; `None` when nobody can say.
    InUse(Option<bool>),
    OutOfUse,
}

impl<S: Suite> Judge<'_, S> {
    /// What should have become of a record; what it does to those after it is noted.
    pub(super) fn decide(
        &mut self,
        signed: &Signed<'_>,
        upload: &Kept,
        terminal: Option<&Known>,
        found: &mut Found,
    ) -> Result<Outcome> {
        self.settle_refund_if_authorised(signed, upload, found)?;
        if let Some(known) = self.noted(signed)? {
            return self.decide_known(signed, upload, &known);
        }
        let holder = signed.holder();
        let expires = holder.not_after().saturating_add(self.rules.late_records_seconds).seconds();
        if holder.class() == Class::Pseudonym && expires as i64 <= upload.received {
            return Ok(Outcome::Refused(Reason::TOO_LATE));
        }
        let card = self.parties.known(signed.credential.as_bytes())?;
        if !self.was_issued(signed, card.as_ref(), found)? {
            return Ok(Outcome::Refused(Reason::NEVER_ISSUED));
        }
        if let Some(reason) = self.misfit(signed, upload, terminal, found)? {
            return Ok(Outcome::Refused(reason));
        }
        let Standing::InUse(after_revocation) = self.standing(signed, upload, terminal, card.as_ref(), found)? else {
            return Ok(Outcome::Refused(Reason::REVOKED));
        };
        if let Some(settled) = self.settled_agreement(signed)? {
            self.note(signed, upload, ANSWERED_TWICE, Some(settled.place), after_revocation)?;
            return self.duplicate(signed, upload, &settled);
        }
        let amount = if spends(signed.record.terms().kind()) { signed.record.terms().amount() } else { 0 };
        if self.spent(signed)? + u64::from(amount) > u64::from(holder.budget()) {
            self.note(signed, upload, MISUSE, None, after_revocation)?;
            return self.offend(signed, 2);
        }
        self.note(signed, upload, SETTLED, None, after_revocation)?;
        self.spend(signed, amount)?;
        let kind = signed.record.terms().kind();
        if kind == Kind::Exit {
            self.note_answered_exit(signed, upload, signed.place)?;
        }
        Ok(Outcome::Settled((kind != Kind::Exit).then(|| signed.record.terms().amount())))
    }

    /// A counter that was seen: the same message again, or misuse.
    fn decide_known(&mut self, signed: &Signed<'_>, upload: &Kept, known: &Noted) -> Result<Outcome> {
        if known.agreement != signed.agreement {
            return self.offend(signed, 1);
        }
        match (known.outcome, known.repeats) {
            (MISUSE, _) => self.offend(signed, 2),
            (_, Some(first)) => {
                let first = self.noted_at(first)?;
                self.duplicate(signed, upload, first.as_ref().unwrap_or(known))
            }
            _ => self.duplicate(signed, upload, known),
        }
    }

    fn duplicate(&self, signed: &Signed<'_>, upload: &Kept, first: &Noted) -> Result<Outcome> {
        if first.kind == Kind::Exit as i64 {
            self.note_answered_exit(signed, upload, Place(first.place))?;
            return Ok(Outcome::Duplicate(None));
        }
        Ok(Outcome::Duplicate(Some(first.amount)))
    }

    /// Whether the credential was issued.
    fn was_issued(&mut self, signed: &Signed<'_>, card: Option<&Known>, found: &mut Found) -> Result<bool> {
        let refused = signed.answered == Outcome::Refused(Reason::NEVER_ISSUED);
        let holder = signed.holder();
        if holder.class() == Class::Card {
            if self.parties.has_attester() {
                return Ok(card.is_some_and(|card| card.account.is_some()));
            }
            found.not_checked("whether a card was ever issued: no attester's database");
            return Ok(!refused);
        }
        if self.parties.is_pseudonym(signed.credential.as_bytes())? {
            return Ok(true);
        }
        let period = Period::at(holder.not_before(), self.rules.boundary);
        if period.map(|period| self.parties.remembers(period)).transpose()?.unwrap_or_default() {
            return Ok(false);
        }
        found.not_checked("whether a pseudonym was ever issued: the exchange has forgotten its period");
        Ok(!refused)
    }

    /// Why a record cannot settle, whatever is known of its parties.
    fn misfit(
        &self,
        signed: &Signed<'_>,
        upload: &Kept,
        terminal: Option<&Known>,
        found: &mut Found,
    ) -> Result<Option<Reason>> {
        let terms = signed.record.terms();
        if let Err(misfit) = terms.fits(signed.holder()) {
            return Ok(Some(misfit.into()));
        }
        match terminal.and_then(|terminal| terminal.identity) {
            Some(terminal) => {
                if let Err(misfit) = terms.fits(&terminal) {
                    return Ok(Some(misfit.into()));
                }
            }
            None => {
                if let Outcome::Refused(reason) = signed.answered
                    && reason.may_be_the_terminals()
                {
                    found.not_checked(
                        "a refusal for what the terminal's credential does not allow: no attester's database",
                    );
                    return Ok(Some(reason));
                }
            }
        }
        if terms.time().seconds() as i64 > upload.received.saturating_add_unsigned(self.rules.record_lead_seconds) {
            return Ok(Some(Reason::TIME_AHEAD));
        }
        if terms.kind() == Kind::Refund {
            self.note_waiting_refund(signed, upload)?;
            return Ok(Some(Reason::NOT_AUTHORISED));
        }
        Ok(None)
    }

    /// Whether holder and terminal were in use at the record's time, as far as the terminal could know.
    fn standing(
        &mut self,
        signed: &Signed<'_>,
        upload: &Kept,
        terminal: Option<&Known>,
        card: Option<&Known>,
        found: &mut Found,
    ) -> Result<Standing> {
        let (time, was_refused) =
            (signed.record.terms().time().seconds() as i64, signed.answered == Outcome::Refused(Reason::REVOKED));
        let taken = if was_refused { Standing::OutOfUse } else { Standing::InUse(None) };
        if !self.parties.has_attester() {
            found.not_checked("whether card or terminal were out of use: no attester's database");
            return Ok(taken);
        }
        if let Some(retired) = terminal.and_then(|terminal| terminal.retired).filter(|retired| *retired <= time) {
            match Knew::at(retired, upload.received) {
                Knew::Yes => return Ok(Standing::OutOfUse),
                Knew::Perhaps => return Ok(taken),
                Knew::No => {}
            }
        }
        let since = match card {
            Some(card) => card.revoked_since,
            None => self.parties.recognised(signed.holder(), self.rules)?,
        };
        let since = since.filter(|since| *since <= time && Knew::at(*since, upload.received) != Knew::No);
        let Some(since) = since else {
            if was_refused {
                // Suspended cards are lifted again, and old seeds are forgotten.
                found.not_checked("a refusal for a revocation that is not in force any more");
            }
            return Ok(if was_refused { Standing::OutOfUse } else { Standing::InUse(None) });
        };
        if Knew::at(since, upload.received) == Knew::Perhaps {
            return Ok(taken);
        }
        let known_to_all = since.saturating_add_unsigned(self.rules.bundle_validity_seconds);
        Ok(if known_to_all <= time { Standing::OutOfUse } else { Standing::InUse(Some(true)) })
    }

    fn noted(&self, signed: &Signed<'_>) -> Result<Option<Noted>> {
        let sql = format!("{} WHERE credential = ?1 AND counter = ?2", Noted::COLUMNS);
        let mut look = self.databases.notes.prepare_cached(&sql)?;
        Ok(look.query_row((signed.credential.as_bytes(), signed.counter()), Noted::of).optional()?)
    }

    fn noted_at(&self, place: i64) -> Result<Option<Noted>> {
        let sql = format!("{} WHERE place = ?1", Noted::COLUMNS);
        Ok(self.databases.notes.prepare_cached(&sql)?.query_row([place], Noted::of).optional()?)
    }

    fn settled_agreement(&self, signed: &Signed<'_>) -> Result<Option<Noted>> {
        let sql = format!("{} WHERE credential = ?1 AND agreement = ?2 AND outcome = 1", Noted::COLUMNS);
        let mut look = self.databases.notes.prepare_cached(&sql)?;
        Ok(look.query_row((signed.credential.as_bytes(), signed.agreement), Noted::of).optional()?)
    }

    fn spent(&self, signed: &Signed<'_>) -> Result<u64> {
        let mut look = self.databases.notes.prepare_cached("SELECT amount FROM spent WHERE credential = ?1")?;
        Ok(look.query_row([signed.credential.as_bytes()], |row| row.get(0)).optional()?.unwrap_or_default())
    }

    fn spend(&self, signed: &Signed<'_>, amount: u32) -> Result<()> {
        if !spends(signed.record.terms().kind()) {
            return Ok(());
        }
        let mut add = self.databases.notes.prepare_cached(
            "INSERT INTO spent VALUES (?1, ?2) ON CONFLICT DO UPDATE SET amount = amount + excluded.amount",
        )?;
        add.execute((signed.credential.as_bytes(), amount))?;
        Ok(())
    }

    /// Notes that a record proves misuse: of kind 1 a double use, of kind 2 spending beyond the budget.
    fn offend(&self, signed: &Signed<'_>, kind: i64) -> Result<Outcome> {
        let offence = sha256(&[&signed.agreement, &signed.counter().to_be_bytes()]);
        let answered = match signed.answered {
            Outcome::Misuse(proof) => proof,
            _ => None,
        };
        let mut note =
            self.databases.notes.prepare_cached("INSERT OR IGNORE INTO offences VALUES (?1, ?2, ?3, ?4, ?5)")?;
        note.execute((signed.credential.as_bytes(), offence, kind, signed.place.0, answered))?;
        Ok(Outcome::Misuse(answered))
    }

    fn note(
        &self,
        signed: &Signed<'_>,
        upload: &Kept,
        outcome: i64,
        repeats: Option<i64>,
        after_revocation: Option<bool>,
    ) -> Result<()> {
        let terms = signed.record.terms();
        let mut note = self.databases.notes.prepare_cached(
            "INSERT INTO settled VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14, ?15, ?16, ?17)",
        )?;
        note.execute(rusqlite::params![
            signed.credential.as_bytes(),
            signed.counter(),
            signed.agreement,
            outcome,
            repeats,
            signed.place.0,
            upload.terminal,
            upload.meter,
            upload.operator,
            terms.kind() as u8,
            terms.amount(),
            terms.currency(),
            terms.reference(),
            signed.holder().tariff(),
            signed.subject(),
            after_revocation,
            terms.time().seconds() as i64,
        ])?;
        Ok(())
    }

    /// Notes what was answered for an exit, to be compared when all ends of the journey are known.
    fn note_answered_exit(&self, signed: &Signed<'_>, upload: &Kept, exit: Place) -> Result<()> {
        let (Outcome::Settled(Some(amount)) | Outcome::Duplicate(Some(amount))) = signed.answered else {
            return Ok(());
        };
        let mut note = self.databases.notes.prepare_cached("INSERT INTO answered_exits VALUES (?1, ?2, ?3, ?4, ?5)")?;
        note.execute((signed.credential.as_bytes(), &upload.operator, signed.place.0, exit.0, amount))?;
        Ok(())
    }

    fn note_waiting_refund(&self, signed: &Signed<'_>, upload: &Kept) -> Result<()> {
        let terms = signed.record.terms();
        let mut note = self.databases.notes.prepare_cached(
            "INSERT INTO waiting_refunds VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13)",
        )?;
        note.execute(rusqlite::params![
            signed.place.0,
            signed.credential.as_bytes(),
            signed.counter(),
            signed.agreement,
            upload.terminal,
            upload.meter,
            upload.operator,
            terms.amount(),
            terms.currency(),
            terms.reference(),
            signed.holder().tariff(),
            signed.subject(),
            terms.time().seconds() as i64,
        ])?;
        Ok(())
    }

    /// Before a record under the counter of a refund is decided: the refund settled when its operator authorised it.
    fn settle_refund_if_authorised(&self, signed: &Signed<'_>, upload: &Kept, found: &mut Found) -> Result<()> {
        let mut look = self
            .databases
            .notes
            .prepare_cached("SELECT place, time FROM authorised WHERE credential = ?1 AND counter = ?2")?;
        let key = (signed.credential.as_bytes(), signed.counter());
        let authorised = look.query_row(key, |row| Ok((row.get::<_, i64>(0)?, row.get::<_, i64>(1)?))).optional()?;
        let Some((place, time)) = authorised.filter(|(place, _)| *place < signed.place.0) else { return Ok(()) };
        let before = match Knew::at(time, upload.received) {
            Knew::Yes => true,
            Knew::No => false,
            // As it was answered: both are right.
            Knew::Perhaps => !matches!(signed.answered, Outcome::Refused(_)),
        };
        if before && self.noted(signed)?.is_none() {
            self.settle_refund(place, found)?;
        }
        Ok(())
    }

    /// Settles refunds that nothing came after.
    pub(super) fn settle_remaining_refunds(&self, found: &mut Found) -> Result<()> {
        let mut places = self.databases.notes.prepare(
            "SELECT place FROM authorised AS a WHERE NOT EXISTS
                 (SELECT 1 FROM settled AS s WHERE s.place = a.place AND s.kind = 5) ORDER BY place",
        )?;
        let places = places.query_map([], |row| row.get(0))?.collect::<rusqlite::Result<Vec<i64>>>()?;
        places.into_iter().try_for_each(|place| self.settle_refund(place, found))
    }

    /// Settles the refund that waits at a place; only what was refused for want of its operator's word can be.
    fn settle_refund(&self, place: i64, found: &mut Found) -> Result<()> {
        let mut settle = self.databases.notes.prepare_cached(
            "INSERT OR IGNORE INTO settled SELECT credential, counter, agreement, 1, NULL, place, terminal, meter, operator,
                 5, amount, currency, reference, tariff, subject, 0, time FROM waiting_refunds WHERE place = ?1",
        )?;
        if settle.execute([place])? == 0 {
            found.add("refund", Place(place), "a refund that waits for its operator's word", "one that was authorised");
        }
        Ok(())
    }
}
