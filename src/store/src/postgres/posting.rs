//! Payers and postings of a whole batch: one statement for all of them, with an array for each column.

use symbolon_ccks::Subject;

use super::{
    clearing::binding,
    ledger::account,
    rows::{Result, Unit, counted},
    values::Value,
};
use crate::{
    StoreError,
    records::{AccountName, AccountRecord, BindingRecord, EntryId, NewEntry},
    verbs::Posting,
};

impl Posting for Unit<'_> {
    fn bindings_of(&self, subjects: &[Subject]) -> Result<Vec<Option<BindingRecord>>> {
        let asked = subjects.iter().map(|subject| subject.as_bytes().as_slice()).collect::<Vec<_>>();
        self.answers(
            subjects.len(),
            "SELECT asked.place, b.*
             FROM unnest(CAST(?1 AS BYTEA[])) WITH ORDINALITY AS asked (subject, place)
             JOIN bindings AS b ON b.subject = asked.subject",
            [Value::ByteStrings(&asked)],
            binding,
        )
    }

    fn charge_bindings(&mut self, charges: &[(Subject, i64)]) -> Result<()> {
        if charges.is_empty() {
            return Ok(());
        }
        let subjects = charges.iter().map(|(subject, _)| subject.as_bytes().as_slice()).collect::<Vec<_>>();
        let amounts = charges.iter().map(|(_, amount)| *amount).collect::<Vec<_>>();
        let charged = self.execute(
            "UPDATE bindings SET charged = charged + added.amount
             FROM unnest(CAST(?1 AS BYTEA[]), CAST(?2 AS BIGINT[])) AS added (subject, amount)
             WHERE bindings.subject = added.subject",
            (Value::ByteStrings(&subjects), Value::Numbers(&amounts)),
        )?;
        if charged == charges.len() {
            Ok(())
        } else {
            Err(StoreError::Conflict("there is no such binding, or one was charged twice".to_owned()))
        }
    }

    fn accounts_named(&self, names: &[AccountName]) -> Result<Vec<Option<AccountRecord>>> {
        let asked = names.iter().map(AccountName::as_str).collect::<Vec<_>>();
        self.answers(
            names.len(),
            "SELECT asked.place, a.*
             FROM unnest(CAST(?1 AS TEXT[])) WITH ORDINALITY AS asked (name, place)
             JOIN accounts AS a ON a.name = asked.name",
            [Value::Texts(&asked)],
            account,
        )
    }
}

impl Unit<'_> {
    /// Adds the postings of an entry that is not sealed yet, in the order of their accounts.
    pub(super) fn add_postings(&self, id: EntryId, entry: &NewEntry) -> Result<()> {
        let names = entry.postings().iter().map(|(account, _)| account.as_str()).collect::<Vec<_>>();
        let amounts = entry.postings().iter().map(|(_, amount)| *amount).collect::<Vec<_>>();
        let added = self.execute(
            "INSERT INTO postings (entry, account, currency, amount)
             SELECT ?1, a.sequence, ?2, added.amount
             FROM unnest(CAST(?3 AS TEXT[]), CAST(?4 AS BIGINT[])) WITH ORDINALITY AS added (name, amount, place)
             JOIN accounts AS a ON a.name = added.name ORDER BY added.place",
            (counted(id.0)?, entry.currency(), Value::Texts(&names), Value::Numbers(&amounts)),
        )?;
        if added == entry.postings().len() {
            Ok(())
        } else {
            Err(StoreError::Conflict("an account of the entry is not open".to_owned()))
        }
    }
}
