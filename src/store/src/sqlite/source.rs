//! A database in a file, whose rows go elsewhere.

use std::{
    collections::BTreeMap,
    path::{Path, PathBuf},
    time::Duration,
};

use refinery::Target;
use rusqlite::{
    Connection, ErrorCode, OpenFlags, OptionalExtension as _,
    backup::{Backup, StepResult},
    types::ValueRef,
};
use tempfile::TempDir;

use super::{
    connect, create_private,
    filling::{self, Table},
    migrations,
};
use crate::{
    StoreError,
    history::{self, Applied},
};

type Result<T> = std::result::Result<T, StoreError>;

/// How long somebody else may still be closing the file.
const PATIENCE: Duration = Duration::from_secs(1);

/// A database that nobody else has open, up to date, all of it as it is now.
pub(crate) struct Source {
    connection: Connection,
    path: PathBuf,
    /// Where it was brought up to date, when it was not.
    _copy: Option<TempDir>,
}

impl Source {
    /// Opens a file; one of an earlier version of this program is brought up to date in a temporary copy.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`] when it is not there or in use; [`StoreError::Corrupt`] when it does not hold together, or
    /// is not of this program or of a newer one. Each names the file.
    pub(crate) fn open(path: &Path) -> Result<Self> {
        Self::try_open(path).map_err(|error| error.of(path.display()))
    }

    fn try_open(path: &Path) -> Result<Self> {
        if !path.is_file() {
            return Err(StoreError::Unavailable("it is not there".to_owned()));
        }
        let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
        let connection = Connection::open_with_flags(path, flags)?;
        connection.busy_timeout(PATIENCE)?;
        // Said before anything is read: then a connection reads only when no other one is open.
        connection.pragma_update(None, "locking_mode", "EXCLUSIVE")?;
        connection.pragma_update(None, "trusted_schema", false)?;
        connection.execute_batch("BEGIN")?;
        let looked = connection.query_row("SELECT count(*) FROM sqlite_schema", [], |_| Ok(()));
        if looked.as_ref().err().and_then(rusqlite::Error::sqlite_error_code) == Some(ErrorCode::DatabaseBusy) {
            return Err(StoreError::Unavailable("it is in use".to_owned()));
        }
        looked?;
        let found: String = connection.query_row("PRAGMA quick_check(1)", [], |row| row.get(0))?;
        if found != "ok" {
            return Err(StoreError::Corrupt(found));
        }
        let (known, applied) = (migrations::migrations::runner().get_migrations().clone(), applied(&connection)?);
        history::check(&known, &applied)
            .map_err(|problem| StoreError::Corrupt(format!("its schema is not this program's: {problem}")))?;
        let source = Self { connection, path: path.to_owned(), _copy: None };
        if known.len() == applied.len() { Ok(source) } else { source.brought_up_to_date() }
    }

    fn brought_up_to_date(self) -> Result<Self> {
        let folder = tempfile::tempdir().map_err(|error| StoreError::Unavailable(error.to_string()))?;
        let copy = folder.path().join("copy.db");
        create_private(&copy)?;
        let mut connection = connect(&copy, OpenFlags::SQLITE_OPEN_READ_WRITE)?;
        let done = Backup::new(&self.connection, &mut connection)?.step(-1)?;
        if !matches!(done, StepResult::Done) {
            return Err(StoreError::Unavailable("it is in use".to_owned()));
        }
        filling::migrate(&mut connection, Target::Latest)?;
        Ok(Self { connection, path: self.path, _copy: Some(folder) })
    }

    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    /// All tables but those of SQLite's own form.
    pub(crate) fn tables(&self) -> Result<Vec<Table>> {
        filling::tables(&self.connection)
    }

    /// How many rows a table has.
    pub(crate) fn count(&self, table: &Table) -> Result<i64> {
        Ok(self.connection.query_row(&format!("SELECT count(*) FROM \"{}\"", table.name), [], |row| row.get(0))?)
    }

    /// Gives each row of a table, with a value for each of these columns.
    pub(crate) fn read(
        &self,
        table: &str,
        columns: &[&str],
        mut each: impl FnMut(&[ValueRef<'_>]) -> Result<()>,
    ) -> Result<()> {
        let named = columns.iter().map(|column| format!("\"{column}\"")).collect::<Vec<_>>().join(", ");
        let mut look = self.connection.prepare(&format!("SELECT {named} FROM \"{table}\""))?;
        let mut rows = look.query([])?;
        while let Some(row) = rows.next()? {
            let values = (0..columns.len()).map(|column| row.get_ref(column)).collect::<rusqlite::Result<Vec<_>>>()?;
            each(&values)?;
        }
        Ok(())
    }
}

/// What the database went through.
fn applied(connection: &Connection) -> Result<Applied> {
    let look = "SELECT 1 FROM sqlite_schema WHERE type = 'table' AND name = 'refinery_schema_history'";
    if connection.query_row(look, [], |_| Ok(())).optional()?.is_none() {
        return Err(StoreError::Corrupt("it is no database of this program".to_owned()));
    }
    let mut look = connection.prepare("SELECT version, name, checksum FROM refinery_schema_history")?;
    let rows = look.query_map([], |row| Ok((row.get(0)?, (row.get(1)?, row.get(2)?))))?;
    Ok(rows.collect::<rusqlite::Result<BTreeMap<_, _>>>()?)
}
