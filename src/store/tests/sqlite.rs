//! The SQLite store against the contract, and what is its own: schema, constraints, reopening.
#![allow(clippy::unwrap_used, reason = "a test may panic")]

#[path = "support/accounts.rs"]
mod accounts;

use std::path::Path;

use rusqlite::Connection;
use symbolon_ccks::CredentialDigest;
use symbolon_store::{
    Page, SqliteStore, Store, StoreError, contract,
    records::{AccountName, AccountRecord, RecordPosition, RouteEvent, RouteItem, RouteRecord, UploadId},
    sqlite::{Copy, SqliteLimits, back_up},
};

use accounts::{account, pay, problems, time};

const ALL: Page = Page { after: 0, limit: 100 };

/// A store with one entry of 5 between two accounts.
async fn with_entry(path: &Path) -> SqliteStore {
    let store = SqliteStore::open(path).unwrap();
    store.write::<_, StoreError, _>(|unit| pay(unit)).await.unwrap();
    store
}

#[tokio::test(flavor = "multi_thread")]
async fn it_keeps_the_contract() {
    let folder = tempfile::tempdir().unwrap();
    let count = std::sync::atomic::AtomicU32::new(0);
    contract::check(async || {
        let number = count.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
        SqliteStore::open(folder.path().join(format!("{number}.sqlite"))).unwrap()
    })
    .await;
}

#[tokio::test]
async fn what_was_answered_is_there_after_reopening_without_a_shutdown() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("store.sqlite");
    let store = with_entry(&path).await;
    // As after a kill: the database is copied as it lies on the disk, with its log, while the store is still open.
    let copied = folder.path().join("copied.sqlite");
    for suffix in ["", "-wal"] {
        let with_suffix = |path: &Path| format!("{}{suffix}", path.display());
        std::fs::copy(with_suffix(&path), with_suffix(&copied)).unwrap();
    }
    for path in [copied, path] {
        let reopened = SqliteStore::open(path).unwrap();
        let balance = reopened.read::<_, StoreError, _>(|unit| unit.account(&account(2).name)).await.unwrap().unwrap();
        assert_eq!(balance.balance, 5);
        assert_eq!(problems(&reopened).await, Vec::<String>::new());
    }
    drop(store);
}

#[tokio::test]
async fn dropping_the_last_handle_waits_for_what_was_handed_over() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("store.sqlite");
    let store = SqliteStore::open(&path).unwrap();
    let writes = (0..50).map(|number| {
        let store = store.clone();
        tokio::spawn(
            async move { store.write::<_, StoreError, _>(move |unit| unit.open_account(&account(number))).await },
        )
    });
    let writes = writes.collect::<Vec<_>>();
    drop(store);
    for write in writes {
        write.await.unwrap().unwrap();
    }
    let reopened = SqliteStore::open(&path).unwrap();
    let accounts = reopened.read::<_, StoreError, _>(|unit| unit.accounts(None, ALL)).await.unwrap();
    assert_eq!(accounts.len(), 50);
}

#[tokio::test]
async fn the_schema_refuses_what_the_ledger_must_never_hold() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("store.sqlite");
    let store = with_entry(&path).await;
    let sql = Connection::open(&path).unwrap();
    sql.pragma_update(None, "foreign_keys", true).unwrap();
    let refused = [
        ("UPDATE entries SET time = 9", "sealed"),
        ("DELETE FROM entries", "never deleted"),
        ("UPDATE postings SET amount = 6", "never changes"),
        ("DELETE FROM postings", "never deleted"),
        (
            "INSERT INTO accounts (name, kind, currency, created) VALUES ('c', 1, 156, 1);
          INSERT INTO postings (entry, account, currency, amount) VALUES (1, 3, 156, 3)",
            "no posting",
        ),
        // What is replaced fires no trigger of deletion.
        ("INSERT OR REPLACE INTO entries (id, kind, time) VALUES (1, 1, 1)", "never replaced"),
        ("INSERT OR REPLACE INTO postings (entry, account, currency, amount) VALUES (1, 1, 156, 3)", "never replaced"),
        (
            "INSERT INTO entries (id, kind, time) VALUES (9, 1, 1);
             INSERT OR REPLACE INTO postings (sequence, entry, account, currency, amount) VALUES (1, 9, 1, 156, 3)",
            "never replaced",
        ),
        // An entry that is never sealed is checked when it is committed, whatever it says.
        ("INSERT INTO entries (id, kind, time) VALUES (9, 1, 1)", "FOREIGN KEY"),
        (
            "INSERT INTO entries (id, kind, time) VALUES (9, 1, 1);
             INSERT INTO postings (entry, account, currency, amount) VALUES (9, 1, 156, 3)",
            "FOREIGN KEY",
        ),
        ("INSERT INTO entries (id, kind, time) VALUES (9, 1, 1); DELETE FROM unsealed_entries", "has to be sealed"),
        ("INSERT INTO no_rows VALUES (9)", "CHECK"),
        ("INSERT INTO entries (id, kind, time, sealed) VALUES (9, 1, 1, 1)", "written open"),
        (
            "INSERT INTO entries (id, kind, time) VALUES (9, 1, 1); UPDATE entries SET sealed = 1 WHERE id = 9",
            "has postings",
        ),
        // A sum of zero over two currencies is none.
        (
            "INSERT INTO accounts (name, kind, currency, created) VALUES ('dollars', 1, 840, 1);
             INSERT INTO entries (id, kind, time) VALUES (9, 1, 1);
             INSERT INTO postings (entry, account, currency, amount) VALUES (9, 1, 156, -3), (9, 3, 840, 3);
             UPDATE entries SET sealed = 1 WHERE id = 9",
            "sum to zero",
        ),
        (
            "INSERT INTO accounts (name, kind, currency, created) VALUES ('dollars', 1, 840, 1);
             INSERT INTO entries (id, kind, time) VALUES (9, 1, 1);
             INSERT INTO postings (entry, account, currency, amount) VALUES (9, 3, 156, 3)",
            "another currency",
        ),
        ("INSERT INTO accounts (name, kind, currency, balance, created) VALUES ('rich', 1, 156, 9, 1)", "with nothing"),
        ("UPDATE accounts SET currency = 840 WHERE sequence = 1", "stays what it is"),
        (
            "INSERT OR REPLACE INTO accounts (sequence, name, kind, currency, created) VALUES (1, 'x', 1, 156, 1)",
            "never replaced",
        ),
        ("DELETE FROM accounts", "never deleted"),
        ("INSERT INTO refunds VALUES (1, 1, 1, 1)", "than was paid"),
        ("INSERT INTO routes VALUES ('metro', 0, 1, zeroblob(17))", "CHECK"),
        ("INSERT INTO routes VALUES ('metro', 1, 1, zeroblob(17)); UPDATE routes SET number = 2", "never changes"),
        ("INSERT INTO routes VALUES ('metro', 1, 1, zeroblob(17)); DELETE FROM routes", "never deleted"),
        (
            "INSERT INTO entries (id, kind, time) VALUES (9, 1, 1);
             INSERT INTO postings (entry, account, currency, amount) VALUES (9, 1, 156, 3);
             UPDATE entries SET sealed = 1 WHERE id = 9",
            "sum to zero",
        ),
        ("INSERT INTO institutions (ordinal, name, derived) VALUES (64, 'x', 1)", "CHECK"),
        ("INSERT INTO settlements DEFAULT VALUES", "NOT NULL"),
    ];
    for (statement, words) in refused {
        let error = sql.execute_batch(&format!("BEGIN; {statement}; COMMIT")).expect_err(statement).to_string();
        assert!(error.contains(words), "{statement}: {error}");
        sql.execute_batch("ROLLBACK").unwrap();
    }
    assert_eq!(problems(&store).await, Vec::<String>::new());
}

#[tokio::test]
async fn the_schema_keeps_what_clearing_was_told() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("store.sqlite");
    let _store = SqliteStore::open(&path).unwrap();
    let sql = Connection::open(&path).unwrap();
    sql.pragma_update(None, "foreign_keys", true).unwrap();
    let charge = |payer: &str| {
        format!(
            "INSERT INTO charges (settlement, kind, currency, tag, subject, moves, settled) VALUES (1, 2, 156, {payer}, '[]', 1)"
        )
    };
    sql.execute_batch(&format!(
        "INSERT INTO uploads VALUES (1, randomblob(32), 'metro', randomblob(16), randomblob(32), 1, x'', x'', 1);
         INSERT INTO settlements (id, credential_digest, counter, agreement, outcome, upload, position, terminal_digest,
             kind, amount, after_revocation, time)
         VALUES (1, randomblob(32), 1, randomblob(32), 1, 1, 0, randomblob(32), 1, 5, 0, 1);
         INSERT INTO charge_batches (sequence, id, formed) VALUES (1, randomblob(16), 1), (2, randomblob(16), 1);
         {}; UPDATE charges SET batch = 1;",
        charge("NULL, randomblob(16)")
    ))
    .unwrap();
    let refused = [
        ("UPDATE charges SET batch = 2".to_owned(), "stays in its batch"),
        ("UPDATE charges SET batch = NULL".to_owned(), "stays in its batch"),
        ("UPDATE charges SET moves = ''".to_owned(), "stays in its batch"),
        ("DELETE FROM charges".to_owned(), "never deleted"),
        ("DELETE FROM charge_batches WHERE sequence = 1".to_owned(), "FOREIGN KEY"),
        (charge("randomblob(44), randomblob(16)"), "CHECK"),
        (charge("NULL, NULL"), "CHECK"),
    ];
    for (statement, words) in refused {
        let error = sql.execute_batch(&statement).unwrap_err().to_string();
        assert!(error.contains(words), "{statement}: {error}");
    }
}

#[tokio::test]
async fn an_audit_finds_every_kind_of_damage() {
    let damages = [
        ("UPDATE postings SET amount = 6 WHERE sequence = 1", "sums to"),
        ("UPDATE accounts SET balance = 4 WHERE sequence = 2", "says 4"),
        ("UPDATE entries SET sealed = 0", "is not sealed"),
        ("DELETE FROM postings", "has no posting"),
        ("UPDATE accounts SET currency = 978 WHERE sequence = 1", "another currency"),
        ("UPDATE postings SET currency = 978 WHERE sequence = 1", "currency 978 sums to"),
    ];
    for (damage, words) in damages {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("store.sqlite");
        let store = with_entry(&path).await;
        let sql = Connection::open(&path).unwrap();
        let triggers = "SELECT name FROM sqlite_schema WHERE type = 'trigger'";
        let triggers =
            sql.prepare(triggers).unwrap().query_map([], |row| row.get::<_, String>(0)).unwrap().collect::<Vec<_>>();
        for trigger in triggers {
            sql.execute_batch(&format!("DROP TRIGGER {}", trigger.unwrap())).unwrap();
        }
        sql.execute_batch(damage).unwrap();
        let found = problems(&store).await;
        assert!(found.iter().any(|problem| problem.contains(words)), "{damage}: {found:?}");
    }
}

#[tokio::test]
async fn a_file_that_is_no_database_of_this_program_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("store.sqlite");
    std::fs::write(&path, "not a database, but long enough to be taken for one".repeat(100)).unwrap();
    assert!(matches!(SqliteStore::open(&path), Err(StoreError::Corrupt(_))));
    let missing = folder.path().join("no such folder").join("store.sqlite");
    assert!(matches!(SqliteStore::open(missing), Err(StoreError::Unavailable(_))));
}

#[tokio::test]
async fn a_database_of_a_newer_program_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("store.sqlite");
    drop(with_entry(&path).await);
    let sql = Connection::open(&path).unwrap();
    sql.execute_batch(
        "INSERT INTO refinery_schema_history (version, name, applied_on, checksum)
         SELECT 99, 'from_the_future', applied_on, '1' FROM refinery_schema_history LIMIT 1",
    )
    .unwrap();
    assert!(matches!(SqliteStore::open(&path), Err(StoreError::Corrupt(_))));
}

/// A database of the program before vouchers and parts of bundles.
fn earlier_database(path: &Path) {
    let mut sql = Connection::open(path).unwrap();
    refinery::load_sql_migrations("migrations")
        .map(|mut migrations| {
            migrations.retain(|migration| migration.version() < 7);
            refinery::Runner::new(&migrations)
        })
        .unwrap()
        .run(&mut sql)
        .unwrap();
    sql.execute_batch(
        r#"INSERT INTO accounts (name, kind, currency, created) VALUES ('a', 1, 156, 1), ('b', 2, 156, 1);
         INSERT INTO entries (id, kind, time) VALUES (1, 2, 2);
         INSERT INTO postings (entry, account, currency, amount) VALUES (1, 1, 156, -5), (1, 2, 156, 5);
         UPDATE entries SET sealed = 1;
         INSERT INTO bundles (sequence, revision, issued, valid_until, bytes) VALUES (3, 0, 1, 2, x'01');
         INSERT INTO uploads VALUES (1, zeroblob(32), 'metro', zeroblob(16), zeroblob(32), 1, zeroblob(627), x'', 7),
             (2, randomblob(32), 'water', zeroblob(16), zeroblob(32), 1, zeroblob(209), x'', 8),
             (3, randomblob(32), 'metro', zeroblob(16), zeroblob(32), 2, zeroblob(209), x'', 9);
         INSERT INTO settlements (id, credential_digest, counter, agreement, outcome, upload, position, terminal_digest,
             kind, amount, after_revocation, time)
         VALUES (1, zeroblob(32), 1, randomblob(32), 1, 1, 0, zeroblob(32), 2, 500, 0, 1),
             (2, zeroblob(32), 2, randomblob(32), 3, 1, 1, zeroblob(32), 1, 100, 0, 1),
             (3, zeroblob(32), 3, randomblob(32), 1, 1, 2, zeroblob(32), 1, 100, 0, 1),
             (4, zeroblob(32), 4, randomblob(32), 1, 3, 0, zeroblob(32), 3, 0, 0, 2);
         INSERT INTO spending VALUES (zeroblob(32), 600);
         INSERT INTO charges (settlement, kind, currency, subject, moves, settled)
         VALUES (1, 2, 156, zeroblob(16), '[{"from":"Holder","to":"Journeys","amount":500}]', 1),
             (3, 2, 156, zeroblob(16), '[{"from":"Holder","to":{"Operator":"metro"},"amount":100}]', 1),
             (4, 4, 156, zeroblob(16), '[{"from":"Journeys","to":"Holder","amount":500},
                 {"from":"Holder","to":{"Operator":"metro"},"amount":350}]', 1),
             (1, 6, 156, zeroblob(16), '[{"from":{"Operator":"metro"},"to":"Holder","amount":50}]', 1);"#,
    )
    .unwrap();
}

#[tokio::test]
async fn a_database_of_an_earlier_program_is_brought_up_to_date_with_what_it_holds() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("store.sqlite");
    earlier_database(&path);
    for _ in 0..2 {
        let store = SqliteStore::open(&path).unwrap();
        let seen = store.read::<_, StoreError, _>(|unit| {
            let balance = unit.account(&AccountName::from_caller("b"))?.unwrap().balance;
            let sequence = unit.newest_bundle()?.unwrap().sequence;
            Ok((balance, sequence, unit.bundle_part(3, 0)?, unit.voucher_counts()?))
        });
        assert_eq!(seen.await.unwrap(), (5, 3, None, symbolon_store::records::VoucherCounts::default()));
        assert_eq!(problems(&store).await, Vec::<String>::new());
        let holder = CredentialDigest::from_bytes([0; 32]);
        let spent = store.read::<_, StoreError, _>(move |unit| unit.spent_by(&[holder]));
        assert_eq!(spent.await.unwrap(), [600]);
        // What was settled before there were routes is told too: what was gained by it, corrections and all.
        let item = |upload, position, gain| RouteItem {
            event: RouteEvent::Settled,
            record: RecordPosition::new(UploadId(upload), position),
            gain,
        };
        let route = |number, seconds, items| RouteRecord { number, time: time(seconds), items };
        let metro = [route(1, 7, vec![item(1, 0, -50), item(1, 2, 100)]), route(2, 9, vec![item(3, 0, 350)])];
        for (operator, expected) in [("metro", metro.as_slice()), ("water", &[])] {
            let operator = symbolon_ccks::Name::parse(operator).unwrap();
            let routes = store.read::<_, StoreError, _>(move |unit| unit.routes(&operator, 1, 9)).await.unwrap();
            assert_eq!(routes, expected);
        }
    }
}

#[tokio::test]
async fn the_schema_keeps_vouchers_as_they_were_issued() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("store.sqlite");
    let _store = with_entry(&path).await;
    let sql = Connection::open(&path).unwrap();
    sql.pragma_update(None, "foreign_keys", true).unwrap();
    sql.execute_batch(
        "INSERT INTO vouchers (id, card, request_id, credential, signed, body, signature, account, line, operator, currency,
             amount, meter, sector, quantity, asked, state, sequence, not_after, reference, bytes)
         VALUES (randomblob(16), randomblob(16), randomblob(16), randomblob(89), 1, x'', randomblob(65), randomblob(16), 0,
             'grid', 156, 5, zeroblob(16), 2, 7, 1, 2, 4, 9, randomblob(16), randomblob(109));
         INSERT INTO meter_sequences VALUES (zeroblob(16), 4);
         INSERT INTO voucher_postings VALUES (randomblob(16), 1, randomblob(16), 'grid', 156, 5, 1);
         INSERT INTO bundle_parts VALUES (1, 0, 2, x'');",
    )
    .unwrap();
    let refused = [
        ("UPDATE vouchers SET sequence = 5", "never changes"),
        ("UPDATE vouchers SET bytes = randomblob(109)", "never changes"),
        ("UPDATE vouchers SET state = 1", "CHECK"),
        ("DELETE FROM vouchers", "never deleted"),
        ("UPDATE meter_sequences SET sequence = 4", "must rise"),
        ("DELETE FROM meter_sequences", "never forgotten"),
        ("UPDATE voucher_postings SET amount = 6", "never changes"),
        ("DELETE FROM voucher_postings", "never deleted"),
        ("INSERT INTO voucher_postings VALUES (randomblob(16), 1, randomblob(16), 'grid', 156, 5, 99)", "FOREIGN KEY"),
        ("UPDATE bundle_parts SET bytes = x'01'", "never changes"),
    ];
    for (statement, words) in refused {
        let error = sql.execute_batch(statement).unwrap_err().to_string();
        assert!(error.contains(words), "{statement}: {error}");
    }
}

#[cfg(unix)]
#[tokio::test]
async fn nobody_else_can_read_the_files() {
    use std::os::unix::fs::PermissionsExt as _;
    let folder = tempfile::tempdir().unwrap();
    let store = with_entry(&folder.path().join("store.sqlite")).await;
    let files = std::fs::read_dir(folder.path()).unwrap().map(Result::unwrap).collect::<Vec<_>>();
    assert_eq!(files.len(), 3, "the database, its log and the log's index");
    for file in files {
        assert_eq!(file.metadata().unwrap().permissions().mode() & 0o777, 0o600, "{}", file.path().display());
    }
    drop(store);
}

/// An answer to a request that takes a page and more.
fn bulky(number: u8) -> impl FnMut(&mut dyn symbolon_store::Transaction) -> Result<(), StoreError> + Send + 'static {
    move |unit| {
        unit.open_account(&AccountRecord { ..account(number) })?;
        for part in 0..40 {
            let reference = format!("{number} {part} {}", "x".repeat(200));
            unit.note_archive_opening(&reference, &symbolon_ccks::Subject::from_bytes([number; 16]), time(1))?;
        }
        Ok(())
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_file_that_may_not_grow_takes_no_halves_and_goes_on_when_it_may() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("a.db");
    let store = SqliteStore::open_within(&path, SqliteLimits { file_mib: Some(1), ..SqliteLimits::default() }).unwrap();
    let mut taken = Vec::new();
    let refused = loop {
        let number = u8::try_from(taken.len()).unwrap() + 1;
        match store.write(bulky(number)).await {
            Ok(()) => taken.push(number),
            Err(error) => break error,
        }
    };
    assert!(matches!(refused, StoreError::Full(_)), "{refused:?}");
    let check = async |store: &SqliteStore, taken: &[u8]| {
        let openings =
            store.read::<_, StoreError, _>(|unit| unit.archive_openings(Page { after: 0, limit: 9_999 })).await;
        assert_eq!(openings.unwrap().len(), taken.len() * 40);
        for number in 1..=u8::try_from(taken.len()).unwrap() + 1 {
            let found = store.read::<_, StoreError, _>(move |unit| unit.account(&account(number).name)).await.unwrap();
            assert_eq!(found.is_some(), taken.contains(&number), "half of {number}");
        }
    };
    check(&store, &taken).await;
    // It was no accident, and what fits is still taken.
    assert!(matches!(store.write(bulky(200)).await, Err(StoreError::Full(_))));
    store.write::<_, StoreError, _>(|unit| unit.open_account(&account(201)).map(drop)).await.unwrap();
    drop(store);
    let store = SqliteStore::open_within(&path, SqliteLimits { file_mib: Some(2), ..SqliteLimits::default() }).unwrap();
    let number = u8::try_from(taken.len()).unwrap() + 1;
    store.write(bulky(number)).await.unwrap();
    taken.push(number);
    check(&store, &taken).await;
}

/// One store tells another, and notes that it did only afterwards: no copy may have noted what the other's copy lacks.
#[tokio::test(flavor = "multi_thread")]
async fn copies_of_several_databases_are_of_one_moment() {
    let folder = tempfile::tempdir().unwrap();
    let path = |name: &str| folder.path().join(name);
    let (teller, told) = (SqliteStore::open(path("a.db")).unwrap(), SqliteStore::open(path("b.db")).unwrap());
    let note = |number: u8| {
        move |unit: &mut dyn symbolon_store::Transaction| {
            unit.note_archive_opening("case", &symbolon_ccks::Subject::from_bytes([number; 16]), time(1)).map(drop)
        }
    };
    let (stop, stopped) = tokio::sync::watch::channel(false);
    let telling = tokio::spawn(async move {
        let mut count = 0_u64;
        while !*stopped.borrow() {
            told.write::<_, StoreError, _>(note(1)).await.unwrap();
            teller.write::<_, StoreError, _>(note(2)).await.unwrap();
            count += 1;
        }
        count
    });
    let count = |path: std::path::PathBuf| {
        let sql = "SELECT count(*) FROM archive_openings";
        Connection::open(path).unwrap().query_row(sql, [], |row| row.get::<_, u64>(0)).unwrap()
    };
    let mut last = 0;
    for round in 0..10 {
        // The told one first: copied one after the other, the teller's copy would have noted more.
        let copies =
            ["b", "a"].map(|name| Copy { from: path(&format!("{name}.db")), to: path(&format!("{name}{round}.copy")) });
        let made = copies.clone();
        tokio::task::spawn_blocking(move || back_up(&made)).await.unwrap().unwrap();
        let [told, teller] = copies.map(|copy| count(copy.to));
        assert!(told == teller || told == teller + 1, "{told} told, {teller} noted");
        assert!(last <= teller);
        last = teller;
    }
    stop.send_replace(true);
    assert!(telling.await.unwrap() >= last && last > 0, "nothing went on meanwhile");
    let copy = Copy { from: path("a.db"), to: path("b.db") };
    assert!(matches!(back_up(&[copy]), Err(StoreError::Unavailable(_))), "overwritten");
}
