//! SQLite files into PostgreSQL and back: nothing is lost or changed, and what does not hold together stays out.
#![allow(clippy::unwrap_used, reason = "a test panics where it fails")]

#[path = "support/accounts.rs"]
mod accounts;
#[path = "support/city.rs"]
mod city;

use std::{
    collections::{BTreeMap, BTreeSet},
    path::{Path, PathBuf},
    sync::atomic::{AtomicU32, Ordering},
};

use rusqlite::{Connection, types::Value};
use symbolon_store::{
    PostgresStore, SqliteStore, Store, StoreError, Transaction, contract,
    postgres::{Copy, Load, PostgresAddress, back_up, load},
};

use accounts::{account, pay, problems, time};
use city::{address, balance, cluster};

/// Rows of tables that the contract's checks leave empty.
const OF_EMPTY_TABLES: &str = "INSERT INTO posted_batches VALUES (zeroblob(16), zeroblob(32), 7);
    INSERT INTO pseudonym_challenges VALUES (zeroblob(32), zeroblob(16), x'00112233445566778899aabbccddeeff', 9, NULL);
    INSERT INTO reservation_releases VALUES (x'ffeeddccbbaa99887766554433221100', 65535);
    INSERT INTO seeds_to_reveal VALUES (zeroblob(16), 4611686018427387904)";

/// Tables of SQLite's own form apart.
const TABLES: &str = "SELECT name FROM sqlite_schema WHERE type = 'table' AND name NOT LIKE 'sqlite%'
                      AND name NOT IN ('refinery_schema_history', 'no_rows', 'unsealed_entries')";

/// Every row of every table, in an order of their own. What a credential spent is said by its last settlement alone.
fn rows(path: &Path) -> BTreeMap<String, Vec<Vec<Value>>> {
    let database = Connection::open(path).unwrap();
    let names = |sql: &str| {
        let mut look = database.prepare(sql).unwrap();
        look.query_map([], |row| row.get::<_, String>(0)).unwrap().collect::<Result<Vec<_>, _>>().unwrap()
    };
    let mut all = BTreeMap::new();
    for table in names(TABLES) {
        let columns = names(&format!("SELECT name FROM pragma_table_info('{table}')"));
        let shown = columns.iter().map(|column| match (table.as_str(), column.as_str()) {
            ("settlements", "spent") => "CASE WHEN counter = (SELECT max(counter) FROM settlements AS o
                 WHERE o.credential_digest = settlements.credential_digest) THEN spent END"
                .to_owned(),
            _ => format!("\"{column}\""),
        });
        let shown = shown.collect::<Vec<_>>().join(", ");
        let order = (1..=columns.len()).map(|place| place.to_string()).collect::<Vec<_>>().join(", ");
        let mut look = database.prepare(&format!("SELECT {shown} FROM \"{table}\" ORDER BY {order}")).unwrap();
        let read = |row: &rusqlite::Row<'_>| (0..columns.len()).map(|column| row.get(column)).collect();
        all.insert(table, look.query_map([], read).unwrap().collect::<Result<Vec<_>, _>>().unwrap());
    }
    all
}

/// A file with one payment.
async fn with_payment(path: &Path) {
    let store = SqliteStore::open(path).unwrap();
    store.write(pay).await.unwrap();
}

/// What the contract's checks leave in files: rows of every kind.
#[tokio::test(flavor = "multi_thread")]
async fn every_table_goes_into_postgresql_and_back() {
    let folder = tempfile::tempdir().unwrap();
    let count = AtomicU32::new(0);
    let file = |number: u32| folder.path().join(format!("{number}.db"));
    contract::check(async || SqliteStore::open(file(count.fetch_add(1, Ordering::Relaxed))).unwrap()).await;
    Connection::open(file(0)).unwrap().execute_batch(OF_EMPTY_TABLES).unwrap();
    // Those that have rows in a table that none before had.
    let (mut seen, mut chosen, mut tables) = (BTreeSet::new(), Vec::new(), BTreeSet::new());
    for path in (0..count.into_inner()).map(file) {
        let found = rows(&path);
        tables.extend(found.keys().cloned());
        let before = seen.len();
        seen.extend(found.iter().filter(|(_, rows)| !rows.is_empty()).map(|(table, _)| table.clone()));
        if seen.len() > before {
            chosen.push((path, found));
        }
    }
    let without = tables.difference(&seen).map(String::as_str).collect::<Vec<_>>();
    assert_eq!(without, Vec::<&str>::new(), "no check leaves rows there");

    let cluster = cluster();
    let schema = |number: usize| address(&cluster, &format!("s{number}"));
    let loads = chosen.iter().enumerate().map(|(number, (from, _))| Load { from: from.clone(), to: schema(number) });
    // As many at a time as a service has roles: each takes a few hundred of the database's locks.
    let loads = loads.collect::<Vec<_>>();
    let counts = loads.chunks(6).flat_map(|loads| load(loads).unwrap()).collect::<Vec<_>>();
    let back = |number: usize| folder.path().join(format!("back-{number}.db"));
    let copies = (0..chosen.len()).map(|number| Copy { from: schema(number), to: back(number) });
    assert!(back_up(&copies.collect::<Vec<_>>()).unwrap().into_iter().all(|is_there| is_there));
    for (number, ((path, before), counted)) in chosen.iter().zip(counts).enumerate() {
        assert_eq!(rows(&back(number)), *before, "{}", path.display());
        assert_eq!(before.values().map(Vec::len).sum::<usize>() as u64, counted);
    }

    // As what the migrations made, but for the rows.
    drop(PostgresStore::open(address(&cluster, "fresh")).await.unwrap());
    for form in [
        "SELECT string_agg(conname || ' ' || replace(pg_get_constraintdef(oid), 'SCHEMA.', '') || convalidated, E'\\n'
             ORDER BY conrelid::regclass::text, conname)
         FROM pg_constraint WHERE connamespace = 'SCHEMA'::regnamespace",
        "SELECT string_agg(replace(indexdef, 'SCHEMA.', ''), E'\\n' ORDER BY tablename, indexname)
         FROM pg_indexes WHERE schemaname = 'SCHEMA'",
        "SELECT string_agg(tgname || tgenabled::text, E'\\n' ORDER BY tgrelid::regclass::text, tgname)
         FROM pg_trigger AS t JOIN pg_class AS c ON c.oid = tgrelid
         WHERE relnamespace = 'SCHEMA'::regnamespace AND NOT tgisinternal",
        "SELECT string_agg(table_name || column_name || is_nullable || coalesce(column_default, ''), E'\\n'
             ORDER BY table_name, column_name)
         FROM information_schema.columns WHERE table_schema = 'SCHEMA'",
    ] {
        let of = |schema: &str| {
            let look = format!("SET search_path TO {schema}; {}", form.replace("SCHEMA", schema));
            cluster.sql("city", &look).unwrap()
        };
        assert!(of("fresh").lines().count() > 20, "{form}");
        assert_eq!(of("s0"), of("fresh"));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_loaded_database_goes_on_behind_its_last_numbers() {
    let (cluster, folder) = (cluster(), tempfile::tempdir().unwrap());
    let path = folder.path().join("clearing.db");
    let store = SqliteStore::open(&path).unwrap();
    for _ in 0..3 {
        store.write(pay).await.unwrap();
    }
    store.write::<_, StoreError, _>(|unit| note(unit, "1")).await.unwrap();
    drop(store);
    // By one who owns the database, and may do nothing else.
    cluster.sql("city", "CREATE ROLE owner LOGIN; ALTER DATABASE city OWNER TO owner").unwrap();
    let as_owner = cluster.address("city").replace("user=symbolon", "user=owner");
    let to = PostgresAddress::new(&as_owner, "clearing").unwrap();
    load(&[Load { from: path.clone(), to: to.clone() }]).unwrap();
    let loaded = PostgresStore::open(to).await.unwrap();
    assert_eq!((balance(&loaded).await, problems(&loaded).await), (15, Vec::new()));
    for round in 1..=3 {
        loaded.write(pay).await.unwrap();
        loaded.write::<_, StoreError, _>(|unit| note(unit, "2")).await.unwrap();
        assert_eq!((balance(&loaded).await, problems(&loaded).await), (15 + 5 * round, Vec::new()));
    }
    let numbers = |table: &str, column: &str| {
        cluster.sql("city", &format!("SELECT string_agg({column}::text, ' ' ORDER BY {column}) FROM clearing.{table}"))
    };
    assert_eq!(numbers("entries", "id").unwrap(), "1 2 3 4 5 6");
    assert_eq!(numbers("archive_openings", "sequence").unwrap(), "1 2 3 4");
    // What the triggers hold they hold again.
    let refused = cluster.sql("city", "SET search_path TO clearing; UPDATE postings SET amount = 6").unwrap_err();
    assert!(refused.to_string().contains("never changes"), "{refused}");
}

fn note(unit: &mut dyn Transaction, case: &str) -> Result<(), StoreError> {
    unit.note_archive_opening(case, &symbolon_ccks::Subject::from_bytes([1; 16]), time(1)).map(drop)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_schema_with_rows_is_refused() {
    let (cluster, folder) = (cluster(), tempfile::tempdir().unwrap());
    let (first, second) = (folder.path().join("1.db"), folder.path().join("2.db"));
    with_payment(&first).await;
    with_payment(&second).await;
    let into = |from: &Path, schema: &str| Load { from: from.to_owned(), to: address(&cluster, schema) };
    let loads = [into(&first, "attester"), into(&second, "clearing")];
    let used = PostgresStore::open(address(&cluster, "clearing")).await.unwrap();
    used.write::<_, StoreError, _>(|unit| unit.open_account(&account(9))).await.unwrap();
    let Err(StoreError::Conflict(refused)) = load(&loads) else { panic!("rows were added to rows") };
    assert!(refused.contains("schema clearing") && refused.contains("rows in accounts"), "{refused}");
    assert_eq!(cluster.sql("city", "SELECT count(*) FROM attester.accounts").unwrap(), "0", "half was loaded");
    // A node that has not been used yet is in nobody's way.
    cluster.sql("city", "DROP SCHEMA clearing CASCADE").unwrap();
    drop(PostgresStore::open(address(&cluster, "clearing")).await.unwrap());
    assert_eq!(load(&loads).unwrap().len(), 2);
    let Err(StoreError::Conflict(refused)) = load(&loads[..1]) else { panic!("it was loaded twice") };
    assert!(refused.contains("schema attester"), "{refused}");
    // Nor is anything added to what only a trigger counted.
    drop(PostgresStore::open(address(&cluster, "issuer")).await.unwrap());
    cluster.sql("city", "UPDATE issuer.revocation_revision SET revision = 3").unwrap();
    assert!(matches!(load(&[into(&first, "issuer")]), Err(StoreError::Conflict(_))));
}

/// Each with what the refusal says; past what holds the rows of a file.
#[tokio::test(flavor = "multi_thread")]
async fn a_file_that_does_not_hold_together_is_refused_and_leaves_nothing() {
    let (cluster, folder) = (cluster(), tempfile::tempdir().unwrap());
    let sound = folder.path().join("sound.db");
    with_payment(&sound).await;
    let into = |from: PathBuf| [Load { from, to: address(&cluster, "clearing") }];
    for (number, (damage, words)) in [
        ("UPDATE accounts SET balance = balance + 1 WHERE sequence = 1", "its postings"),
        ("UPDATE postings SET amount = 6 WHERE amount = 5; UPDATE accounts SET balance = 6 WHERE balance = 5", "sums to 1"),
        ("UPDATE entries SET sealed = 0", "is not sealed"),
        ("UPDATE entries SET id = 9", "foreign key"),
        ("INSERT INTO misuse_operators VALUES (7, 'metro')", "foreign key"),
        (
            "DROP TABLE requests; CREATE TABLE requests (principal TEXT, method TEXT, request_id BLOB, digest BLOB,
                 answer BLOB, time INTEGER);
             INSERT INTO requests VALUES ('a', 'b', zeroblob(16), zeroblob(32), x'', 1), ('a', 'b', zeroblob(16), zeroblob(32), x'', 1)",
            "unique",
        ),
        ("UPDATE accounts SET owner = 'a' || char(0)", "invalid byte sequence"),
        ("ALTER TABLE leases ADD COLUMN other TEXT", "no place for leases.other"),
        ("CREATE TABLE other (a TEXT)", "no place for table other"),
        ("DROP TABLE leases", "nothing says what is in the table leases"),
        ("INSERT INTO refinery_schema_history VALUES (99, 'later', '', '1')", "V99 (later) is of a newer program"),
        ("UPDATE refinery_schema_history SET checksum = '1'", "not what this program knows"),
        ("DROP TABLE refinery_schema_history", "no database of this program"),
    ]
    .into_iter()
    .enumerate()
    {
        let path = folder.path().join(format!("{number}.db"));
        std::fs::copy(&sound, &path).unwrap();
        let file = Connection::open(&path).unwrap();
        let triggers = "SELECT group_concat('DROP TRIGGER ' || name, ';') FROM sqlite_schema WHERE type = 'trigger'";
        let triggers: String = file.query_row(triggers, [], |row| row.get(0)).unwrap();
        file.execute_batch(&format!("PRAGMA foreign_keys = OFF; {triggers}; {damage}")).unwrap();
        drop(file);
        let Err(StoreError::Corrupt(refused)) = load(&into(path)) else { panic!("it was taken: {damage}") };
        assert!(refused.contains(words) && refused.contains(&format!("{number}.db")), "{damage}: {refused}");
    }
    let (cut, text) = (folder.path().join("cut.db"), folder.path().join("text.db"));
    let bytes = std::fs::read(&sound).unwrap();
    std::fs::write(&cut, &bytes[..bytes.len() / 2]).unwrap();
    std::fs::write(
        &text,
        "not a database at all, but a text of more than a hundred bytes, which is what SQLite looks at first",
    )
    .unwrap();
    for damaged in [cut, text] {
        let refused = load(&into(damaged.clone()));
        assert!(matches!(refused, Err(StoreError::Corrupt(_))), "{}: {refused:?}", damaged.display());
    }
    let missing = load(&into(folder.path().join("missing.db")));
    assert!(matches!(missing, Err(StoreError::Unavailable(_))), "{missing:?}");
    let used = SqliteStore::open(&sound).unwrap();
    let Err(StoreError::Unavailable(refused)) = load(&into(sound.clone())) else { panic!("a service uses it") };
    assert!(refused.contains("in use"), "{refused}");
    drop(used);

    // After all of that the schema takes it.
    assert_eq!(load(&into(sound)).unwrap().len(), 1);
    let store = PostgresStore::open(address(&cluster, "clearing")).await.unwrap();
    store.write(pay).await.unwrap();
    assert_eq!((balance(&store).await, problems(&store).await), (10, Vec::new()));
}

/// The connection ends in the middle of a table, of the second of two files.
#[tokio::test(flavor = "multi_thread")]
async fn loading_that_is_interrupted_leaves_nothing() {
    let (cluster, folder) = (cluster(), tempfile::tempdir().unwrap());
    let loads = ["exchange", "clearing"]
        .map(|role| Load { from: folder.path().join(format!("{role}.db")), to: address(&cluster, role) });
    for Load { from, .. } in &loads {
        let store = SqliteStore::open(from).unwrap();
        for _ in 0..3 {
            store.write(pay).await.unwrap();
        }
    }
    drop(PostgresStore::open(address(&cluster, "clearing")).await.unwrap());
    let cut = "ALTER TABLE clearing.postings
               ADD CONSTRAINT cut CHECK (sequence < 4 OR pg_terminate_backend(pg_backend_pid()))";
    cluster.sql("city", cut).unwrap();
    let interrupted = load(&loads);
    assert!(matches!(interrupted, Err(StoreError::Unavailable(_))), "{interrupted:?}");
    for schema in ["exchange", "clearing"] {
        for table in ["accounts", "entries", "postings"] {
            let rows = cluster.sql("city", &format!("SELECT count(*) FROM {schema}.{table}")).unwrap();
            assert_eq!(rows, "0", "{schema}.{table}");
        }
    }
    cluster.sql("city", "ALTER TABLE clearing.postings DROP CONSTRAINT cut").unwrap();
    load(&loads).unwrap();
    for Load { to, .. } in &loads {
        let store = PostgresStore::open(to.clone()).await.unwrap();
        assert_eq!((balance(&store).await, problems(&store).await), (15, Vec::new()));
    }
}

/// As an earlier version of this program left it.
#[tokio::test(flavor = "multi_thread")]
async fn an_older_file_is_brought_up_to_date_in_a_copy() {
    let (cluster, folder) = (cluster(), tempfile::tempdir().unwrap());
    let path = folder.path().join("clearing.db");
    let old = Connection::open(&path).unwrap();
    let history = "CREATE TABLE refinery_schema_history
                   (version INT4 PRIMARY KEY, name VARCHAR(255), applied_on VARCHAR(255), checksum VARCHAR(255))";
    old.execute_batch(history).unwrap();
    let first = include_str!("../migrations/V1__first_schema.sql");
    old.execute_batch(first).unwrap();
    // What it says of itself is what the present version says of it.
    let present = folder.path().join("present.db");
    drop(SqliteStore::open(&present).unwrap());
    old.execute("ATTACH ?1 AS present", [present.to_str().unwrap()]).unwrap();
    old.execute_batch(
        "INSERT INTO refinery_schema_history SELECT * FROM present.refinery_schema_history WHERE version = 1;
         INSERT INTO accounts (name, kind, currency, created) VALUES ('a', 1, 156, 1), ('b', 2, 156, 1);
         INSERT INTO entries (id, kind, time) VALUES (1, 1, 1);
         INSERT INTO postings (entry, account, currency, amount) VALUES (1, 1, 156, -5), (1, 2, 156, 5);
         UPDATE entries SET sealed = 1",
    )
    .unwrap();
    drop(old);
    let before = std::fs::read(&path).unwrap();
    load(&[Load { from: path.clone(), to: address(&cluster, "clearing") }]).unwrap();
    assert_eq!(std::fs::read(&path).unwrap(), before, "the file itself was changed");
    let balances = "SELECT string_agg(name || balance, ' ' ORDER BY name) FROM clearing.accounts";
    assert_eq!(cluster.sql("city", balances).unwrap(), "a-5 b5");
}
