//! Between columns and types.

use rusqlite::{ErrorCode, OptionalExtension as _, Params, Row, types::FromSql};
use symbolon_ccks::{Credential, CredentialDigest, Identity, Name, Period, Sectors, Signature, Subject, Time};

use super::Unit;
use crate::StoreError;

pub(super) type Result<T> = std::result::Result<T, StoreError>;

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

fn damaged(column: &str) -> StoreError {
    StoreError::Corrupt(format!("column {column} does not hold what it should"))
}

/// The member of a closed list that is numbered so.
pub(super) fn numbered<T: Copy, const N: usize>(all: [T; N], number: impl Fn(T) -> u8, wanted: u8) -> Option<T> {
    all.into_iter().find(|member| number(*member) == wanted)
}

/// A row number or sequence as SQLite counts.
pub(super) fn counted(number: u64) -> Result<i64> {
    i64::try_from(number).map_err(|_| StoreError::Full("a number above 2^63".to_owned()))
}

pub(super) fn seconds(time: Time) -> i64 {
    // Times are below 2^40.
    time.seconds() as i64
}

pub(super) fn time(seconds: i64) -> Option<Time> {
    Time::new(u64::try_from(seconds).ok()?).ok()
}

pub(super) fn name(text: String) -> Option<Name> {
    Name::parse(text).ok()
}

pub(super) fn subject(bytes: [u8; 16]) -> Option<Subject> {
    Some(Subject::from_bytes(bytes))
}

pub(super) fn digest(bytes: [u8; 32]) -> Option<CredentialDigest> {
    Some(CredentialDigest::from_bytes(bytes))
}

pub(super) fn sectors(bits: u8) -> Option<Sectors> {
    Sectors::new(bits).ok()
}

pub(super) fn identity<const N: usize>(bytes: [u8; N]) -> Option<Identity> {
    Identity::parse(&bytes).ok().copied()
}

pub(super) fn credential<const N: usize>(bytes: [u8; N]) -> Option<Credential> {
    Credential::parse(&bytes).ok().copied()
}

pub(super) fn signature<const N: usize>(bytes: [u8; N]) -> Option<Signature> {
    Signature::parse(&bytes).ok().copied()
}

pub(super) fn period(number: u32) -> Option<Period> {
    Period::new(number).ok()
}
