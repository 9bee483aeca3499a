//! Brings a schema up to date: each migration once, in order, whoever comes first.

use tokio_postgres::error::SqlState;

use super::{
    client::Client,
    session::{Failure, Session},
};
use crate::{
    StoreError,
    history::{self, Applied},
};

mod migrations {
    refinery::embed_migrations!("migrations-postgres");
}

/// Makes the schema when there is none, and runs what it lacks in one transaction. Who comes second waits for the lock
/// and then finds it done.
pub(super) fn bring_up_to_date(session: &mut Session) -> Result<(), Failure> {
    bring_up_to(session, &known())
}

fn bring_up_to(session: &mut Session, known: &[refinery::Migration]) -> Result<(), Failure> {
    let schema = session.schema().to_owned();
    let mut client = session.client()?;
    let is_there = client.rows("SELECT 1 FROM information_schema.schemata WHERE schema_name = $1", &[&schema])?;
    // Who may use a schema may not have to make one.
    if is_there.is_empty() {
        make(&mut client, &format!("CREATE SCHEMA IF NOT EXISTS {schema}"))?;
    }
    make(
        &mut client,
        "CREATE TABLE IF NOT EXISTS schema_history (
             version BIGINT PRIMARY KEY, name TEXT NOT NULL, checksum TEXT NOT NULL
         );
         INSERT INTO schema_history (version, name, checksum) VALUES (0, 'lock', '') ON CONFLICT DO NOTHING;",
    )?;
    // Whoever calls this undoes what is left open by a failure.
    client.batch_execute("BEGIN; SELECT 1 FROM schema_history WHERE version = 0 FOR UPDATE")?;
    let applied = applied(&mut client)?;
    check(known, &applied)?;
    for migration in known {
        let version = i64::from(migration.version());
        if applied.contains_key(&version) {
            continue;
        }
        client.batch_execute(migration.sql().unwrap_or_default())?;
        client.rows(
            "INSERT INTO schema_history (version, name, checksum) VALUES ($1, $2, $3)",
            &[&version, &migration.name(), &migration.checksum().to_string()],
        )?;
    }
    Ok(client.batch_execute("COMMIT")?)
}

/// The version of a schema that is up to date; it may be no more than read.
pub(super) fn version(client: &mut Client) -> Result<i32, Failure> {
    let (known, applied) = (known(), applied(client)?);
    check(&known, &applied)?;
    match known.iter().map(refinery::Migration::version).max() {
        Some(newest) if applied.contains_key(&newest.into()) => Ok(newest),
        newest => Err(foreign(&format!("V{} is not there yet", newest.unwrap_or_default()))),
    }
}

/// What this program would run, in order.
fn known() -> Vec<refinery::Migration> {
    let mut known = migrations::migrations::runner().get_migrations().clone();
    known.sort_by_key(refinery::Migration::version);
    known
}

fn applied(client: &mut Client) -> Result<Applied, Failure> {
    let rows = client.rows("SELECT version, name, checksum FROM schema_history WHERE version > 0", &[])?;
    Ok(rows.iter().map(|row| (row.get(0), (row.get(1), row.get(2)))).collect())
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
fn check(known: &[refinery::Migration], applied: &Applied) -> Result<(), Failure> {
    history::check(known, applied).map_err(|problem| foreign(&problem))
}

fn foreign(what: &str) -> Failure {
    Failure::final_one(StoreError::Corrupt(format!("its schema is not this program's: {what}")))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::postgres::PostgresAddress;
    use symbolon_postgres_cluster::Cluster;

    /// What a later version of this program would know.
    fn with_later(sql: &str) -> Vec<refinery::Migration> {
        let mut later = known();
        later.push(refinery::Migration::unapplied("V99__later", sql).unwrap());
        later
    }

    #[test]
    fn a_later_migration_runs_once_and_keeps_what_there_is_or_leaves_everything_as_it_was() {
        let cluster = Cluster::start().unwrap();
        cluster.create_database("city").unwrap();
        let mut session = Session::new(PostgresAddress::new(&cluster.address("city"), "clearing").unwrap());
        let mut bring_up_to = |known: &[refinery::Migration]| {
            session.attempt(|session| bring_up_to(session, known)).map_err(|error| error.to_string())
        };
        let sql = |statements: &str| {
            cluster
                .sql("city", &format!("SET search_path TO clearing; {statements}"))
                .map_err(|error| error.to_string())
        };
        bring_up_to(&known()).unwrap();
        sql("INSERT INTO accounts (name, kind, currency, created) VALUES ('a', 1, 156, 1), ('b', 2, 156, 1);
             BEGIN; INSERT INTO entries (id, kind, time) VALUES (1, 1, 1);
             INSERT INTO postings (entry, account, currency, amount)
                 SELECT 1, sequence, 156, CASE name WHEN 'a' THEN -5 ELSE 5 END FROM accounts;
             UPDATE entries SET sealed = 1; COMMIT")
        .unwrap();

        // One that fails half way has done nothing.
        bring_up_to(&with_later("CREATE TABLE later (id BIGINT); SELECT 1 / 0")).unwrap_err();
        assert_eq!(sql("SELECT to_regclass('later') IS NULL, max(version) FROM schema_history").unwrap(), "t|12");
        bring_up_to(&known()).unwrap();

        let later = with_later("ALTER TABLE accounts ADD COLUMN later BIGINT; UPDATE accounts SET later = sequence");
        bring_up_to(&later).unwrap();
        bring_up_to(&later).unwrap();
        let kept = "SELECT string_agg(name || balance || (later = sequence), ' ' ORDER BY name) FROM accounts";
        assert_eq!(sql(kept).unwrap(), "a-5true b5true");
        assert_eq!(sql("SELECT count(*), max(version) FROM schema_history WHERE version > 0").unwrap(), "4|99");
        assert!(sql("UPDATE postings SET amount = 6").unwrap_err().contains("never changes"));

        // This program does not touch what a later one has changed, and a later one not what is not its own.
        let refused = bring_up_to(&known()).unwrap_err();
        assert!(refused.contains("V99 (later) is of a newer program"), "{refused}");
        let refused = bring_up_to(&with_later("SELECT 1")).unwrap_err();
        assert!(refused.contains("V99 (later) is not what this program knows by that number"), "{refused}");
        let mut between = later.clone();
        between.insert(1, refinery::Migration::unapplied("V50__between", "SELECT 1").unwrap());
        let refused = bring_up_to(&between).unwrap_err();
        assert!(refused.contains("V50 was left out"), "{refused}");
    }

    /// What was numbered one after another keeps its numbers, and what is numbered side by side goes on behind it.
    #[test]
    fn uploads_and_routes_of_before_they_were_settled_side_by_side_stay_where_they_are() {
        let cluster = Cluster::start().unwrap();
        cluster.create_database("city").unwrap();
        let mut session = Session::new(PostgresAddress::new(&cluster.address("city"), "exchange").unwrap());
        session.attempt(|session| bring_up_to(session, &known()[..1])).unwrap();
        let sql =
            |statements: &str| cluster.sql("city", &format!("SET search_path TO exchange; {statements}")).unwrap();
        let keep =
            "INSERT INTO uploads (digest, operator, terminal, terminal_digest, number, records, answer, received)
                    SELECT decode(repeat(lpad(to_hex(n), 2, '0'), 32), 'hex'), 'metro', decode(repeat('01', 16), 'hex'),
                        decode(repeat('02', 32), 'hex'), 1, '', 'a', 1";
        sql(&format!("{keep} FROM generate_series(1, 3) AS n"));
        let item = "decode(repeat('01', 17), 'hex')";
        sql(&format!("INSERT INTO routes (operator, number, time, items) VALUES ('metro', 1, 1, {item})"));
        session.attempt(|session| bring_up_to(session, &known())).unwrap();
        assert_eq!(sql("SELECT reached FROM turns WHERE name = 'uploads'"), "3", "some are not listed any more");
        sql(&format!("{keep} FROM generate_series(4, 5) AS n"));
        assert_eq!(sql("SELECT string_agg(sequence || '', ' ' ORDER BY sequence) FROM uploads"), "1 2 3 4 5");
        sql(&format!("INSERT INTO waiting_routes (operator, time, items) VALUES ('metro', 2, {item})"));
        let metro = symbolon_ccks::Name::parse("metro").unwrap();
        let turns = crate::postgres::turns::Turns::of(Vec::new());
        session.write::<_, StoreError>(Some(&turns), |unit| unit.number_routes(&metro)).unwrap();
        assert_eq!(sql("SELECT string_agg(number || ':' || time, ' ' ORDER BY number) FROM routes"), "1:1 2:2");
    }
}
