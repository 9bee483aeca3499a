//! Between columns and types.

use rusqlite::{ErrorCode, OptionalExtension as _, Params, types::FromSql};

use super::Unit;
use crate::{StoreError, columns::damaged};

pub(super) use crate::columns::*;
pub(super) use rusqlite::{Row, named_params};

impl From<rusqlite::Error> for StoreError {
    fn from(error: rusqlite::Error) -> Self {
        let text = error.to_string();
        match error.sqlite_error_code() {
            Some(ErrorCode::ConstraintViolation) => Self::Conflict(text),
            Some(ErrorCode::DiskFull | ErrorCode::TooBig) => Self::Full(text),
            Some(ErrorCode::DatabaseCorrupt | ErrorCode::NotADatabase | ErrorCode::TypeMismatch) => Self::Corrupt(text),
            Some(_) => Self::Unavailable(text),
            // What is not SQLite's own error is a column that does not hold what it should.
            None => Self::Corrupt(text),
        }
    }
}

impl Unit<'_> {
    /// Runs a statement and says how many rows it changed.
    pub(super) fn execute(&self, sql: &str, parameters: impl Params) -> Result<usize> {
        Ok(self.connection.prepare_cached(sql)?.execute(parameters)?)
    }

    /// Adds a row and gives the number that it got in the column `number`.
    pub(super) fn add(&self, sql: &str, parameters: impl Params, _number: &str) -> Result<u64> {
        self.execute(sql, parameters)?;
        Ok(self.connection.last_insert_rowid().unsigned_abs())
    }

    /// The one row of a query, if there is one.
    pub(super) fn one<T>(
        &self,
        sql: &str,
        parameters: impl Params,
        record: impl FnOnce(&Row<'_>) -> Result<T>,
    ) -> Result<Option<T>> {
        let mut statement = self.connection.prepare_cached(sql)?;
        statement.query_row(parameters, |row| Ok(record(row))).optional()?.transpose()
    }

    /// All rows of a query.
    pub(super) fn all<T>(
        &self,
        sql: &str,
        parameters: impl Params,
        mut record: impl FnMut(&Row<'_>) -> Result<T>,
    ) -> Result<Vec<T>> {
        let mut statement = self.connection.prepare_cached(sql)?;
        let mut rows = statement.query(parameters)?;
        let mut records = Vec::new();
        while let Some(row) = rows.next()? {
            records.push(record(row)?);
        }
        Ok(records)
    }
}

/// Reads one column of a row as a value of its type.
pub(super) trait Columns {
    fn column<T: FromSql>(&self, name: &str) -> Result<T>;
    fn parsed<T, R: FromSql>(&self, name: &str, parse: impl FnOnce(R) -> Option<T>) -> Result<T>;
    fn parsed_option<T, R: FromSql>(&self, name: &str, parse: impl FnOnce(R) -> Option<T>) -> Result<Option<T>>;
}

impl Columns for Row<'_> {
    fn column<T: FromSql>(&self, name: &str) -> Result<T> {
        Ok(self.get(name)?)
    }

    fn parsed<T, R: FromSql>(&self, name: &str, parse: impl FnOnce(R) -> Option<T>) -> Result<T> {
        parse(self.get(name)?).ok_or_else(|| damaged(name))
    }

    fn parsed_option<T, R: FromSql>(&self, name: &str, parse: impl FnOnce(R) -> Option<T>) -> Result<Option<T>> {
        self.get::<_, Option<R>>(name)?.map(|raw| parse(raw).ok_or_else(|| damaged(name))).transpose()
    }
}
