//! Copies of schemas into SQLite files, each as it was at one moment, while others write to them.

use std::path::PathBuf;

use rusqlite::types;

use super::{PostgresAddress, client::Client, migrating, session::Failure, values::Found};
use crate::{
    StoreError,
    sqlite::filling::{Filling, Table},
};

/// One schema and where its copy goes.
#[derive(Clone, Debug)]
pub struct Copy {
    /// The schema.
    pub from: PostgresAddress,
    /// The file to make; it must not be there.
    pub to: PathBuf,
}

/// Nothing is given up for taking long, and nothing is written.
const SETTINGS: &str = "SET statement_timeout TO 0; SET idle_in_transaction_session_timeout TO 0; \
                        SET default_transaction_read_only TO on";
const BEGIN: &str = "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY";

/// What a table of the copy is made of, where it is not kept so: what waits for its number gets the next ones, and what a
/// credential has spent stands with its settlement of the highest counter.
fn source(table: &str) -> &str {
    match table {
        "routes" => {
            "(SELECT operator, number, time, items FROM routes
              UNION ALL
              SELECT operator,
                  (SELECT coalesce(max(number), 0) FROM routes WHERE routes.operator = waiting_routes.operator)
                      + row_number() OVER (PARTITION BY operator ORDER BY sequence),
                  time, items
              FROM waiting_routes) AS all_routes"
        }
        "settlements" => {
            "(SELECT *,
                  CASE WHEN EXISTS (
                      SELECT 1 FROM settlements AS later
                      WHERE later.credential_digest = settlements.credential_digest AND later.counter > settlements.counter
                  ) THEN NULL ELSE coalesce(
                      (SELECT spent FROM spending WHERE spending.credential_digest = settlements.credential_digest), 0
                  ) END AS spent
              FROM settlements) AS all_settlements"
        }
        table => table,
    }
}

/// Copies schemas into new SQLite files, which a service that keeps its databases in files could go on with; whoever writes
/// to them meanwhile. Those in one database are copied as they all were at one moment, so that no role's copy lacks
/// what another's says it was told; databases apart are seen one after another, before anything is copied. Who copies
/// needs no more than to read. For each, whether there is such a schema; of one that there is not no file is made.
///
/// # Errors
/// [`StoreError::Unavailable`] when a database cannot be reached or a file be made; [`StoreError::Corrupt`] when a schema
/// is not of this program and version, or holds what it never writes; [`StoreError::Full`]. Copies that were made stay.
pub fn back_up(copies: &[Copy]) -> Result<Vec<bool>, StoreError> {
    // The client waits in a way that a thread of an asynchronous program must not.
    std::thread::scope(|scope| {
        let copying = std::thread::Builder::new().spawn_scoped(scope, || copy_all(copies));
        copying.map_err(|error| StoreError::Unavailable(error.to_string()))?.join().map_err(|_| StoreError::GivenUp)?
    })
}

fn copy_all(copies: &[Copy]) -> Result<Vec<bool>, StoreError> {
    let failed = |failure: Failure| failure.error;
    let mut moments = Vec::new();
    let mut states = Vec::with_capacity(copies.len());
    for copy in copies {
        states.push(State::open(&copy.from, &mut moments).map_err(failed)?);
    }
    let copied = states.into_iter().zip(copies).map(|(state, copy)| match state {
        Some(mut state) => state.copy(copy).map(|()| true),
        None => Ok(false),
    });
    copied.collect()
}

/// A schema as it was at one moment.
struct State {
    client: Client,
}

impl State {
    /// Looks at a schema, at one of these moments where it can, and adds its own otherwise. `None` when there is none, or
    /// none that this user may see.
    fn open(address: &PostgresAddress, moments: &mut Vec<String>) -> Result<Option<Self>, Failure> {
        let mut client = address.clone().unhurried().connect_watched()?;
        client.batch_execute(SETTINGS)?;
        let look = "SELECT 1 FROM information_schema.schemata WHERE schema_name = $1";
        if client.rows(look, &[&address.schema()])?.is_empty() {
            return Ok(None);
        }
        for moment in moments.iter() {
            // It is of another database when this fails.
            if client.batch_execute(&format!("{BEGIN}; SET TRANSACTION SNAPSHOT '{moment}'")).is_ok() {
                return Ok(Some(Self { client }));
            }
            client.batch_execute("ROLLBACK")?;
        }
        client.batch_execute(BEGIN)?;
        moments.extend(client.rows("SELECT pg_export_snapshot()", &[])?.iter().map(|row| row.get::<_, String>(0)));
        Ok(Some(Self { client }))
    }

    fn copy(&mut self, copy: &Copy) -> Result<(), StoreError> {
        let version = migrating::version(&mut self.client).map_err(|failure| failure.error)?;
        let filling = Filling::begin(&copy.to, version)?;
        for table in filling.tables()? {
            self.copy_table(&filling, &table)?;
        }
        filling.finish()
    }

    fn copy_table(&mut self, filling: &Filling, table: &Table) -> Result<(), StoreError> {
        let failed = |error: tokio_postgres::Error| Failure::from(error).error;
        let columns = table.columns.iter().map(|column| format!("\"{column}\"")).collect::<Vec<_>>().join(", ");
        let all = format!("SELECT {columns} FROM {}", source(&table.name));
        let rows = self.client.stream(&all).map_err(failed)?;
        let values = |row: &tokio_postgres::Row| (0..row.len()).map(|column| value(row, column)).collect();
        filling.fill(table, rows.map(|row| values(&row.map_err(failed)?)))
    }
}

fn value(row: &tokio_postgres::Row, column: usize) -> Result<types::Value, StoreError> {
    let found = row.try_get::<_, Found<'_>>(column).map_err(|error| Failure::from(error).error)?;
    Ok(match found {
        Found::Null => types::Value::Null,
        Found::Number(number) => types::Value::Integer(number),
        Found::Bytes(bytes) => types::Value::Blob(bytes.to_owned()),
        Found::Text(text) => types::Value::Text(text.to_owned()),
    })
}
