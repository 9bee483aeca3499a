//! What posting a batch of charges needs, for all of its payers at once.
//!
//! Verbs that look give one answer for each question, in the order of the questions.

use symbolon_ccks::Subject;

use super::Result;
use crate::records::{AccountName, AccountRecord, BindingRecord};

/// The bulk forms of verbs on bindings and accounts.
pub trait Posting {
    /// Who pays for these subjects.
    fn bindings_of(&self, subjects: &[Subject]) -> Result<Vec<Option<BindingRecord>>>;
    /// Adds to what was charged to these subjects, none of them twice, minor units; below zero when one gets something back.
    /// When one is bound to no account, the whole unit of work is to be given up.
    fn charge_bindings(&mut self, charges: &[(Subject, i64)]) -> Result<()>;
    /// The accounts of these names.
    fn accounts_named(&self, names: &[AccountName]) -> Result<Vec<Option<AccountRecord>>>;
}
