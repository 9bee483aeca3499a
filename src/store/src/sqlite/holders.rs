//! Cards and terminals.

use symbolon_ccks::{Name, Subject, Time};

use super::{
    Unit,
    rows::{
        Columns as _, Result, Row, counted, credential, name, named_params, numbered, seconds, sectors, subject, time,
    },
};
use crate::{
    StoreError,
    records::{AccountName, CardRecord, CardState, TerminalRecord, TerminalState},
    verbs::{Cards, Listed, Page, Terminals},
};

fn card(row: &Row<'_>) -> Result<CardRecord> {
    Ok(CardRecord {
        number: row.parsed("number", subject)?,
        issuer: row.parsed("issuer", name)?,
        state: row.parsed("state", |state| numbered(CardState::ALL, |state| state as u8, state))?,
        sectors: row.parsed("sectors", sectors)?,
        tariff: row.column("tariff")?,
        spend_limit: row.column("spend_limit")?,
        budget: row.column("budget")?,
        currency: row.column("currency")?,
        not_before: row.parsed("not_before", time)?,
        not_after: row.parsed("not_after", time)?,
        account: AccountName::from_caller(&row.column::<String>("account")?),
        holder_key: row.column("holder_key")?,
        credential: row.parsed_option("credential", credential::<89>)?,
        replaces: row.parsed_option("replaces", subject)?,
        replaced_by: row.parsed_option("replaced_by", subject)?,
        created: row.parsed("created", time)?,
        updated: row.parsed("updated", time)?,
    })
}

fn listed<T>(record: impl Fn(&Row<'_>) -> Result<T>) -> impl Fn(&Row<'_>) -> Result<Listed<T>> {
    move |row| Ok(Listed { position: row.column("sequence")?, record: record(row)? })
}

impl Cards for Unit<'_> {
    fn card(&self, number: &Subject) -> Result<Option<CardRecord>> {
        self.one("SELECT * FROM cards WHERE number = ?1", [number.as_bytes()], card)
    }

    fn cards(&self, issuer: Option<&Name>, page: Page) -> Result<Vec<Listed<CardRecord>>> {
        let after = counted(page.after)?;
        match issuer {
            Some(issuer) => self.all(
                "SELECT * FROM cards WHERE issuer = ?1 AND sequence > ?2 ORDER BY sequence LIMIT ?3",
                (issuer.as_str(), after, page.limit),
                listed(card),
            ),
            None => self.all(
                "SELECT * FROM cards WHERE sequence > ?1 ORDER BY sequence LIMIT ?2",
                (after, page.limit),
                listed(card),
            ),
        }
    }

    fn add_card(&mut self, card: &CardRecord) -> Result<()> {
        self.execute(
            "INSERT INTO cards (number, issuer, state, sectors, tariff, spend_limit, budget, currency, not_before,
                 not_after, account, holder_key, credential, replaces, replaced_by, created, updated)
             VALUES (:number, :issuer, :state, :sectors, :tariff, :spend_limit, :budget, :currency, :not_before,
                 :not_after, :account, :holder_key, :credential, :replaces, :replaced_by, :created, :updated)",
            named_params! {
                ":number": card.number.as_bytes(),
                ":issuer": card.issuer.as_str(),
                ":state": card.state as u8,
                ":sectors": card.sectors.bits(),
                ":tariff": card.tariff,
                ":spend_limit": card.spend_limit,
                ":budget": card.budget,
                ":currency": card.currency,
                ":not_before": seconds(card.not_before),
                ":not_after": seconds(card.not_after),
                ":account": card.account.as_str(),
                ":holder_key": card.holder_key,
                ":credential": card.credential.as_ref().map(|credential| credential.as_bytes().as_slice()),
                ":replaces": card.replaces.as_ref().map(Subject::as_bytes),
                ":replaced_by": card.replaced_by.as_ref().map(Subject::as_bytes),
                ":created": seconds(card.created),
                ":updated": seconds(card.updated),
            },
        )?;
        Ok(())
    }

    fn update_card(&mut self, card: &CardRecord) -> Result<()> {
        let changed = self.execute(
            "UPDATE cards SET state = :state, not_after = :not_after, credential = :credential,
                 replaced_by = :replaced_by, updated = :updated
             WHERE number = :number",
            named_params! {
                ":number": card.number.as_bytes(),
                ":state": card.state as u8,
                ":not_after": seconds(card.not_after),
                ":credential": card.credential.as_ref().map(|credential| credential.as_bytes().as_slice()),
                ":replaced_by": card.replaced_by.as_ref().map(Subject::as_bytes),
                ":updated": seconds(card.updated),
            },
        )?;
        found(changed, "card")
    }

    fn cards_run_out(&self, now: Time, limit: u16) -> Result<Vec<CardRecord>> {
        self.all(
            "SELECT * FROM cards WHERE state BETWEEN 1 AND 3 AND not_after <= ?1 ORDER BY sequence LIMIT ?2",
            (seconds(now), limit),
            card,
        )
    }
}

fn found(changed: usize, what: &str) -> Result<()> {
    if changed == 1 { Ok(()) } else { Err(StoreError::Conflict(format!("there is no such {what}"))) }
}

fn terminal(row: &Row<'_>) -> Result<TerminalRecord> {
    Ok(TerminalRecord {
        subject: row.parsed("subject", subject)?,
        operator: row.parsed("operator", name)?,
        state: row.parsed("state", |state| numbered(TerminalState::ALL, |state| state as u8, state))?,
        sectors: row.parsed("sectors", sectors)?,
        currency: row.column("currency")?,
        not_before: row.parsed("not_before", time)?,
        not_after: row.parsed("not_after", time)?,
        credential: row.parsed_option("credential", credential::<89>)?,
        retired: row.parsed_option("retired", time)?,
        created: row.parsed("created", time)?,
        updated: row.parsed("updated", time)?,
    })
}

impl Terminals for Unit<'_> {
    fn terminal(&self, subject: &Subject) -> Result<Option<TerminalRecord>> {
        self.one("SELECT * FROM terminals WHERE subject = ?1", [subject.as_bytes()], terminal)
    }

    fn terminals(&self, operator: Option<&Name>, page: Page) -> Result<Vec<Listed<TerminalRecord>>> {
        let after = counted(page.after)?;
        match operator {
            Some(operator) => self.all(
                "SELECT * FROM terminals WHERE operator = ?1 AND sequence > ?2 ORDER BY sequence LIMIT ?3",
                (operator.as_str(), after, page.limit),
                listed(terminal),
            ),
            None => self.all(
                "SELECT * FROM terminals WHERE sequence > ?1 ORDER BY sequence LIMIT ?2",
                (after, page.limit),
                listed(terminal),
            ),
        }
    }

    fn add_terminal(&mut self, terminal: &TerminalRecord) -> Result<()> {
        self.execute(
            "INSERT INTO terminals (subject, operator, state, sectors, currency, not_before, not_after, credential,
                 retired, created, updated)
             VALUES (:subject, :operator, :state, :sectors, :currency, :not_before, :not_after, :credential,
                 :retired, :created, :updated)",
            named_params! {
                ":subject": terminal.subject.as_bytes(),
                ":operator": terminal.operator.as_str(),
                ":state": terminal.state as u8,
                ":sectors": terminal.sectors.bits(),
                ":currency": terminal.currency,
                ":not_before": seconds(terminal.not_before),
                ":not_after": seconds(terminal.not_after),
                ":credential": terminal.credential.as_ref().map(|credential| credential.as_bytes().as_slice()),
                ":retired": terminal.retired.map(seconds),
                ":created": seconds(terminal.created),
                ":updated": seconds(terminal.updated),
            },
        )?;
        Ok(())
    }

    fn update_terminal(&mut self, terminal: &TerminalRecord) -> Result<()> {
        let changed = self.execute(
            "UPDATE terminals SET state = :state, not_after = :not_after, credential = :credential,
                 retired = :retired, updated = :updated
             WHERE subject = :subject",
            named_params! {
                ":subject": terminal.subject.as_bytes(),
                ":state": terminal.state as u8,
                ":not_after": seconds(terminal.not_after),
                ":credential": terminal.credential.as_ref().map(|credential| credential.as_bytes().as_slice()),
                ":retired": terminal.retired.map(seconds),
                ":updated": seconds(terminal.updated),
            },
        )?;
        found(changed, "terminal")
    }
}
