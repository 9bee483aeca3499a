//! The copies, opened so that nothing in them can change, and the auditor's own notes.

use std::{cmp::Ordering, fmt, path::Path};

use rusqlite::{Connection, OpenFlags};

use super::{AuditError, Copies, Result};

/// The version of the tables from which on they hold all that is read here.
pub(super) const FIRST_VERSION: i64 = 11;

/// The copies and the notes.
pub(super) struct Databases {
    pub(super) exchange: Connection,
    pub(super) clearing: Connection,
    pub(super) attester: Option<Connection>,
    /// What was recomputed. It is a file without a name, which the system deletes.
    pub(super) notes: Connection,
}

impl Databases {
    pub(super) fn open(copies: Copies<'_>) -> Result<Self> {
        let notes = Connection::open("")?;
        notes.execute_batch(NOTES)?;
        Ok(Self {
            exchange: open(copies.exchange)?,
            clearing: open(copies.clearing)?,
            attester: copies.attester.map(open).transpose()?,
            notes,
        })
    }
}

fn open(path: &Path) -> Result<Connection> {
    let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let copy = Connection::open_with_flags(path, flags)?;
    // One view of it from the first to the last statement.
    copy.execute_batch("PRAGMA query_only = ON; PRAGMA temp_store = FILE; BEGIN")?;
    let version = "SELECT coalesce(max(version), 0) FROM refinery_schema_history";
    match copy.query_row(version, [], |row| row.get(0))? {
        FIRST_VERSION.. => Ok(copy),
        version => Err(AuditError::Outdated { path: path.to_owned(), version }),
    }
}

/// A record's place among all: its upload and its position in it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Place(pub(super) i64);

impl Place {
    /// An upload has at most 2^13 records.
    pub(super) const RECORDS: i64 = 8_192;

    pub(super) const fn new(upload: i64, position: i64) -> Self {
        Self(upload * Self::RECORDS + position)
    }
}

impl fmt::Display for Place {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "upload {} record {}", self.0 / Self::RECORDS, self.0 % Self::RECORDS)
    }
}

/// The first bytes of something, for people.
pub(super) fn short(bytes: &[u8]) -> String {
    hex::encode(bytes.get(..8).unwrap_or(bytes))
}

/// What the auditor notes of each record, credential and journey.
const NOTES: &str = "
PRAGMA journal_mode = OFF;
PRAGMA synchronous = OFF;
PRAGMA temp_store = FILE;
PRAGMA cache_size = -65536;
BEGIN;
-- What should be a settlement. `after_revocation` is null where it was not checked; `subject` is that of a pseudonym.
CREATE TABLE settled (
    credential BLOB NOT NULL,
    counter INTEGER NOT NULL,
    agreement BLOB NOT NULL,
    outcome INTEGER NOT NULL,
    repeats INTEGER,
    place INTEGER NOT NULL,
    terminal BLOB NOT NULL,
    meter BLOB NOT NULL,
    operator TEXT NOT NULL,
    kind INTEGER NOT NULL,
    amount INTEGER NOT NULL,
    currency INTEGER NOT NULL,
    reference BLOB NOT NULL,
    tariff INTEGER NOT NULL,
    subject BLOB,
    after_revocation INTEGER,
    time INTEGER NOT NULL,
    PRIMARY KEY (credential, counter)
) WITHOUT ROWID;
CREATE UNIQUE INDEX settled_agreements ON settled (credential, agreement) WHERE outcome = 1;
CREATE INDEX settled_places ON settled (place);
CREATE TABLE spent (credential BLOB PRIMARY KEY, amount INTEGER NOT NULL) WITHOUT ROWID;
-- What should be proved; `answered` is the proof that was named.
CREATE TABLE offences (
    credential BLOB NOT NULL,
    offence BLOB NOT NULL,
    kind INTEGER NOT NULL,
    place INTEGER NOT NULL,
    answered INTEGER,
    PRIMARY KEY (credential, offence)
) WITHOUT ROWID;
-- Refunds that were refused until somebody authorised them.
CREATE TABLE waiting_refunds (
    place INTEGER PRIMARY KEY,
    credential BLOB NOT NULL,
    counter INTEGER NOT NULL,
    agreement BLOB NOT NULL,
    terminal BLOB NOT NULL,
    meter BLOB NOT NULL,
    operator TEXT NOT NULL,
    amount INTEGER NOT NULL,
    currency INTEGER NOT NULL,
    reference BLOB NOT NULL,
    tariff INTEGER NOT NULL,
    subject BLOB,
    time INTEGER NOT NULL
);
-- Refunds that were authorised, by the copy.
CREATE TABLE authorised (
    credential BLOB NOT NULL,
    counter INTEGER NOT NULL,
    place INTEGER NOT NULL,
    paid INTEGER,
    amount INTEGER NOT NULL,
    time INTEGER NOT NULL,
    PRIMARY KEY (credential, counter)
) WITHOUT ROWID;
-- What was answered for exits: at their place, or where they came again.
CREATE TABLE answered_exits (
    credential BLOB NOT NULL,
    operator TEXT NOT NULL,
    place INTEGER NOT NULL,
    exit INTEGER NOT NULL,
    amount INTEGER NOT NULL,
    PRIMARY KEY (credential, operator, place)
) WITHOUT ROWID;
-- What the charges of journeys moved into what is held, and to the operator.
CREATE TABLE moved (
    credential BLOB NOT NULL,
    operator TEXT NOT NULL,
    held INTEGER NOT NULL,
    earned INTEGER NOT NULL,
    PRIMARY KEY (credential, operator)
) WITHOUT ROWID;
-- What the charges of a record gave its operator, by all of them.
CREATE TABLE gains (operator TEXT PRIMARY KEY, gain INTEGER NOT NULL) WITHOUT ROWID;
CREATE TABLE told (place INTEGER PRIMARY KEY, operator TEXT NOT NULL);
-- What pseudonyms spent and was posted.
CREATE TABLE subjects (subject BLOB PRIMARY KEY, gain INTEGER NOT NULL, currency INTEGER NOT NULL) WITHOUT ROWID;
-- What all pseudonyms of a batch came to, by what the operators got.
CREATE TABLE sums (parties TEXT PRIMARY KEY, expected INTEGER NOT NULL, found INTEGER NOT NULL, place TEXT NOT NULL)
WITHOUT ROWID;
";

/// Walks two results that are in the order of their keys, and gives for each key what either has of it.
pub(super) fn join<K: Ord, L, R>(
    left: impl Iterator<Item = rusqlite::Result<(K, L)>>,
    right: impl Iterator<Item = rusqlite::Result<(K, R)>>,
    mut each: impl FnMut(K, Vec<L>, Vec<R>) -> Result<()>,
) -> Result<()> {
    let (mut left, mut right) = (Groups { rows: left, next: None }, Groups { rows: right, next: None });
    let (mut one, mut other) = (left.group()?, right.group()?);
    loop {
        match (one.take(), other.take()) {
            (None, None) => return Ok(()),
            (Some((key, rows)), None) => {
                each(key, rows, Vec::new())?;
                one = left.group()?;
            }
            (None, Some((key, rows))) => {
                each(key, Vec::new(), rows)?;
                other = right.group()?;
            }
            (Some((key, rows)), Some((with, more))) => match key.cmp(&with) {
                Ordering::Less => {
                    each(key, rows, Vec::new())?;
                    (one, other) = (left.group()?, Some((with, more)));
                }
                Ordering::Greater => {
                    each(with, Vec::new(), more)?;
                    (one, other) = (Some((key, rows)), right.group()?);
                }
                Ordering::Equal => {
                    each(key, rows, more)?;
                    (one, other) = (left.group()?, right.group()?);
                }
            },
        }
    }
}

/// Rows with the same key, together.
struct Groups<I, K, T> {
    rows: I,
    next: Option<(K, T)>,
}

impl<K: Ord, T, I: Iterator<Item = rusqlite::Result<(K, T)>>> Groups<I, K, T> {
    fn group(&mut self) -> Result<Option<(K, Vec<T>)>> {
        let first = match self.next.take() {
            Some(next) => Some(next),
            None => self.rows.next().transpose()?,
        };
        let Some((key, row)) = first else { return Ok(None) };
        let mut group = vec![row];
        while let Some((next, row)) = self.rows.next().transpose()? {
            if next != key {
                self.next = Some((next, row));
                break;
            }
            group.push(row);
        }
        Ok(Some((key, group)))
    }
}
