//! A new database in a file, whose rows come from elsewhere.

use std::path::{Path, PathBuf};

use refinery::Target;
use rusqlite::{Connection, OpenFlags, params_from_iter, types::Value};

use super::{connect, create_private, migrations};
use crate::StoreError;

type Result<T> = std::result::Result<T, StoreError>;

/// A table and its columns.
pub(crate) struct Table {
    pub(crate) name: String,
    pub(crate) columns: Vec<String>,
}

/// A database that is being filled. What it forbids is forbidden again when it is full: what is copied was allowed
/// when it was written, or is to be found as it is.
pub(crate) struct Filling {
    connection: Connection,
    path: PathBuf,
    triggers: Vec<(String, String)>,
}

impl Filling {
    /// Makes an empty database with the schema of this version; the file must not be there.
    pub(crate) fn begin(path: &Path, version: i32) -> Result<Self> {
        if path.exists() {
            return Err(StoreError::Unavailable(format!("{} is there already", path.display())));
        }
        create_private(path)?;
        let mut connection = connect(path, OpenFlags::SQLITE_OPEN_READ_WRITE)?;
        migrate(&mut connection, Target::Version(version))?;
        connection.pragma_update(None, "foreign_keys", false)?;
        let triggers = {
            let mut look = connection.prepare("SELECT name, sql FROM sqlite_schema WHERE type = 'trigger'")?;
            let found = look.query_map([], |row| Ok((row.get(0)?, row.get(1)?)))?;
            found.collect::<rusqlite::Result<Vec<(String, String)>>>()?
        };
        connection.execute_batch("BEGIN IMMEDIATE")?;
        for (name, _) in &triggers {
            connection.execute_batch(&format!("DROP TRIGGER \"{name}\""))?;
        }
        let filling = Self { connection, path: path.to_owned(), triggers };
        // Migrations leave a few rows, which are among those that come.
        for table in filling.tables()? {
            filling.connection.execute_batch(&format!("DELETE FROM \"{}\"", table.name))?;
        }
        Ok(filling)
    }

    /// The tables that are to be filled.
    pub(crate) fn tables(&self) -> Result<Vec<Table>> {
        tables(&self.connection)
    }

    /// Adds rows, with a value for each column of the table.
    pub(crate) fn fill(&self, table: &Table, rows: impl Iterator<Item = Result<Vec<Value>>>) -> Result<()> {
        let columns = table.columns.iter().map(|column| format!("\"{column}\"")).collect::<Vec<_>>().join(", ");
        let values = vec!["?"; table.columns.len()].join(", ");
        let add = format!("INSERT INTO \"{}\" ({columns}) VALUES ({values})", table.name);
        let mut add = self.connection.prepare(&add)?;
        for row in rows {
            add.execute(params_from_iter(row?)).map_err(|error| {
                StoreError::Corrupt(format!("a row of {} is not what this program writes: {error}", table.name))
            })?;
        }
        Ok(())
    }

    /// Brings what was filled up to date; it is on disk when this returns.
    pub(crate) fn finish(mut self) -> Result<()> {
        for (_, sql) in &self.triggers {
            self.connection.execute_batch(sql)?;
        }
        self.connection.execute_batch("COMMIT")?;
        self.connection.pragma_update(None, "foreign_keys", true)?;
        migrate(&mut self.connection, Target::Latest)?;
        let found: String = self.connection.query_row("PRAGMA quick_check(1)", [], |row| row.get(0))?;
        if found == "ok" { Ok(()) } else { Err(StoreError::Corrupt(format!("{}: {found}", self.path.display()))) }
    }
}

/// All tables but those of SQLite's own form.
pub(super) fn tables(connection: &Connection) -> Result<Vec<Table>> {
    let mut look = connection.prepare(
        "SELECT t.name, c.name FROM sqlite_schema AS t JOIN pragma_table_info(t.name) AS c
         WHERE t.type = 'table' AND t.name NOT LIKE 'sqlite%'
             AND t.name NOT IN ('refinery_schema_history', 'no_rows', 'unsealed_entries')
         ORDER BY t.rowid, c.cid",
    )?;
    let mut tables = Vec::<Table>::new();
    let mut rows = look.query([])?;
    while let Some(row) = rows.next()? {
        let (name, column) = (row.get::<_, String>(0)?, row.get(1)?);
        match tables.last_mut() {
            Some(last) if last.name == name => last.columns.push(column),
            _ => tables.push(Table { name, columns: vec![column] }),
        }
    }
    Ok(tables)
}

pub(super) fn migrate(connection: &mut Connection, target: Target) -> Result<()> {
    let runner = migrations::migrations::runner().set_target(target);
    let done = runner.run(connection);
    done.map(drop).map_err(|error| StoreError::Corrupt(format!("the schema of a copy cannot be made: {error}")))
}
