//! Brings a schema up to date: each migration once, in order, whoever comes first.

use std::collections::BTreeMap;

use postgres::{Client, error::SqlState};

use super::session::{Failure, Session};
use crate::StoreError;

mod migrations {
    refinery::embed_migrations!("migrations-postgres");
}

/// Makes the schema when there is none, and runs what it lacks in one transaction. Who comes second waits for the lock
/// and then finds it done.
pub(super) fn bring_up_to_date(session: &mut Session) -> Result<(), Failure> {
    let schema = session.schema().to_owned();
    let mut client = session.client()?;
    let is_there = client.query_opt("SELECT 1 FROM information_schema.schemata WHERE schema_name = $1", &[&schema])?;
    // Who may use a schema may not have to make one.
    if is_there.is_none() {
        make(&mut client, &format!("CREATE SCHEMA IF NOT EXISTS {schema}"))?;
    }
    make(
        &mut client,
        "CREATE TABLE IF NOT EXISTS schema_history (
             version BIGINT PRIMARY KEY, name TEXT NOT NULL, checksum TEXT NOT NULL
         );
         INSERT INTO schema_history (version, name, checksum) VALUES (0, 'lock', '') ON CONFLICT DO NOTHING;",
    )?;
    let mut transaction = client.transaction()?;
    transaction.execute("SELECT 1 FROM schema_history WHERE version = 0 FOR UPDATE", &[])?;
    let applied = transaction.query("SELECT version, name, checksum FROM schema_history WHERE version > 0", &[])?;
    let applied = applied
        .iter()
        .map(|row| (row.get::<_, i64>(0), (row.get::<_, String>(1), row.get::<_, String>(2))))
        .collect::<BTreeMap<_, _>>();
    let mut known = migrations::migrations::runner().get_migrations().clone();
    known.sort_by_key(refinery::Migration::version);
    check(&known, &applied)?;
    for migration in &known {
        let version = i64::from(migration.version());
        if applied.contains_key(&version) {
            continue;
        }
        transaction.batch_execute(migration.sql().unwrap_or_default())?;
        transaction.execute(
            "INSERT INTO schema_history (version, name, checksum) VALUES ($1, $2, $3)",
            &[&version, &migration.name(), &migration.checksum().to_string()],
        )?;
    }
    Ok(transaction.commit()?)
}

/// Makes what may be there already. Of nodes that do so at one moment, PostgreSQL tells all but one that it exists after all.
fn make(client: &mut Client, sql: &str) -> Result<(), Failure> {
    const EXISTS: [SqlState; 4] =
        [SqlState::DUPLICATE_SCHEMA, SqlState::DUPLICATE_TABLE, SqlState::DUPLICATE_OBJECT, SqlState::UNIQUE_VIOLATION];
    match client.batch_execute(sql) {
        Err(error) if error.code().is_some_and(|code| EXISTS.contains(code)) => Ok(client.batch_execute(sql)?),
        done => Ok(done?),
    }
}

/// What was run has to be what this program would have run, up to where it was run.
fn check(known: &[refinery::Migration], applied: &BTreeMap<i64, (String, String)>) -> Result<(), Failure> {
    let newest = applied.keys().next_back().copied().unwrap_or_default();
    for (version, (name, checksum)) in applied {
        let migration = known.iter().find(|migration| i64::from(migration.version()) == *version);
        match migration {
            None => return Err(foreign(&format!("V{version} ({name}) is of a newer program"))),
            Some(known) if known.checksum().to_string() != *checksum => {
                return Err(foreign(&format!("V{version} ({name}) is not what this program knows by that number")));
            }
            Some(_) => {}
        }
    }
    let left_out = known.iter().map(|migration| i64::from(migration.version()));
    match left_out.filter(|version| *version < newest).find(|version| !applied.contains_key(version)) {
        Some(version) => Err(foreign(&format!("V{version} was left out"))),
        None => Ok(()),
    }
}

fn foreign(what: &str) -> Failure {
    Failure::final_one(StoreError::Corrupt(format!("its schema is not this program's: {what}")))
}
