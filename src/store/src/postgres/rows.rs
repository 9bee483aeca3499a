//! Statements and rows, as the verbs use them.

use std::cell::RefCell;

use super::{
    session::{Connected, Failure},
    values::{Field, Found, Parameters},
};
use crate::{StoreError, columns::damaged};

pub(super) use crate::columns::*;

/// One transaction on a connection.
pub(super) struct Unit<'c> {
    connected: &'c Connected,
    /// The first failure of a statement: after it PostgreSQL does nothing more in this transaction.
    failed: RefCell<Option<Failure>>,
}

#[allow(clippy::needless_pass_by_value, reason = "called as SQLite's are, whose values are consumed")]
impl<'c> Unit<'c> {
    pub(super) fn new(connected: &'c Connected) -> Self {
        Self { connected, failed: RefCell::new(None) }
    }

    /// Why a statement of it failed, if one did.
    pub(super) fn into_failure(self) -> Option<Failure> {
        self.failed.into_inner()
    }

    /// Runs a statement and says how many rows it changed.
    pub(super) fn execute(&self, sql: &str, parameters: impl Parameters) -> Result<usize> {
        let done = self.connected.with(sql, &parameters, |client, statement, values| client.execute(statement, values));
        done.map(|count| count as usize).map_err(|failure| self.note(failure))
    }

    /// Adds a row and gives the number that it got in the column `number`.
    pub(super) fn add(&self, sql: &str, parameters: impl Parameters, number: &str) -> Result<u64> {
        let added = self.one(&format!("{sql} RETURNING {number}"), parameters, |row| row.column(number))?;
        added.ok_or_else(|| damaged(number))
    }

    /// The one row of a query, if there is one.
    pub(super) fn one<T>(
        &self,
        sql: &str,
        parameters: impl Parameters,
        record: impl FnOnce(&Row<'_>) -> Result<T>,
    ) -> Result<Option<T>> {
        self.query(sql, &parameters)?.first().map(|row| record(&Row(row))).transpose()
    }

    /// All rows of a query.
    pub(super) fn all<T>(
        &self,
        sql: &str,
        parameters: impl Parameters,
        mut record: impl FnMut(&Row<'_>) -> Result<T>,
    ) -> Result<Vec<T>> {
        self.query(sql, &parameters)?.iter().map(|row| record(&Row(row))).collect()
    }

    /// Answers to so many questions, in their order, out of rows that say in the column `place` which question they answer,
    /// counted from 1. Without questions the database is not asked: that is a way there and back.
    pub(super) fn answers<T>(
        &self,
        count: usize,
        sql: &str,
        parameters: impl Parameters,
        record: impl Fn(&Row<'_>) -> Result<T>,
    ) -> Result<Vec<Option<T>>> {
        let mut answers = std::iter::repeat_with(|| None).take(count).collect::<Vec<_>>();
        if count == 0 {
            return Ok(answers);
        }
        for (asked, answer) in self.all(sql, parameters, |row| Ok((row.column::<i64>("place")?, record(row)?)))? {
            if let Some(place) = usize::try_from(asked - 1).ok().and_then(|place| answers.get_mut(place)) {
                *place = Some(answer);
            }
        }
        Ok(answers)
    }

    fn query(&self, sql: &str, parameters: &impl Parameters) -> Result<Vec<tokio_postgres::Row>> {
        let found = self.connected.with(sql, parameters, |client, statement, values| client.query(statement, values));
        found.map_err(|failure| self.note(failure))
    }

    /// What the verb is told; the unit of work keeps the first failure, whatever becomes of this.
    fn note(&self, failure: Failure) -> StoreError {
        let error = failure.error.clone();
        self.failed.borrow_mut().get_or_insert(failure);
        error
    }
}

/// One row that was found.
pub(super) struct Row<'r>(&'r tokio_postgres::Row);

/// Reads one column of a row as a value of its type.
pub(super) trait Columns {
    fn column<T: Field>(&self, name: &str) -> Result<T>;
    fn parsed<T, R: Field>(&self, name: &str, parse: impl FnOnce(R) -> Option<T>) -> Result<T>;
    fn parsed_option<T, R: Field>(&self, name: &str, parse: impl FnOnce(R) -> Option<T>) -> Result<Option<T>>;
}

impl Columns for Row<'_> {
    fn column<T: Field>(&self, name: &str) -> Result<T> {
        let found = self.0.try_get::<_, Found<'_>>(name);
        let found = found.map_err(|error| StoreError::Corrupt(format!("column {name}: {error}")))?;
        T::of(found).ok_or_else(|| damaged(name))
    }

    fn parsed<T, R: Field>(&self, name: &str, parse: impl FnOnce(R) -> Option<T>) -> Result<T> {
        parse(self.column(name)?).ok_or_else(|| damaged(name))
    }

    fn parsed_option<T, R: Field>(&self, name: &str, parse: impl FnOnce(R) -> Option<T>) -> Result<Option<T>> {
        self.column::<Option<R>>(name)?.map(|raw| parse(raw).ok_or_else(|| damaged(name))).transpose()
    }
}

/// Values by name, written as for SQLite.
macro_rules! named_params {
    ($($name:literal: $value:expr),+ $(,)?) => {
        $crate::postgres::values::Named([$(($name, &$value as &dyn $crate::postgres::values::Parameter)),+])
    };
}
pub(super) use named_params;
