//! Payers and postings of a whole batch: each statement is looked up once and stepped for every row.

use symbolon_ccks::Subject;

use super::{
    Unit,
    rows::{Result, counted},
};
use crate::{
    StoreError,
    records::{AccountName, AccountRecord, BindingRecord, EntryId, NewEntry},
    verbs::{Bindings as _, Ledger as _, Posting},
};

impl Posting for Unit<'_> {
    fn bindings_of(&self, subjects: &[Subject]) -> Result<Vec<Option<BindingRecord>>> {
        subjects.iter().map(|subject| self.binding(subject)).collect()
    }

    fn charge_bindings(&mut self, charges: &[(Subject, i64)]) -> Result<()> {
        charges.iter().try_for_each(|(subject, amount)| self.charge_binding(subject, *amount))
    }

    fn accounts_named(&self, names: &[AccountName]) -> Result<Vec<Option<AccountRecord>>> {
        names.iter().map(|name| self.account(name)).collect()
    }
}

impl Unit<'_> {
    /// Adds the postings of an entry that is not sealed yet.
    pub(super) fn add_postings(&self, id: EntryId, entry: &NewEntry) -> Result<()> {
        let mut add = self.connection.prepare_cached(
            "INSERT INTO postings (entry, account, currency, amount)
             SELECT ?1, sequence, ?3, ?4 FROM accounts WHERE name = ?2",
        )?;
        let id = counted(id.0)?;
        for (account, amount) in entry.postings() {
            if add.execute((id, account.as_str(), entry.currency(), amount))? != 1 {
                return Err(StoreError::Conflict(format!("the account {account} is not open")));
            }
        }
        Ok(())
    }
}
