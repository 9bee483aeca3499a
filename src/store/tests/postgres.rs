//! The PostgreSQL store against the contract, and what is its own: schema, constraints, many nodes, lost connections.
#![allow(clippy::unwrap_used, reason = "a test panics where it fails")]

#[path = "support/accounts.rs"]
mod accounts;
#[path = "support/city.rs"]
mod city;

use std::sync::atomic::{AtomicU32, Ordering};

use symbolon_ccks::{CredentialDigest, Name};
use symbolon_postgres_cluster::Cluster;
use symbolon_store::{
    Page, PostgresStore, SqliteStore, Store, StoreError, Transaction, contract,
    postgres::{Copy, PostgresAddress, back_up},
    records::{NewSettlement, NewUpload, RecordPosition, RouteEvent, RouteItem, SettlementOutcome},
};
use symbolon_tap::Kind;

use accounts::{pay, problems, time};
use city::{address, balance, cluster};

const ALL: Page = Page { after: 0, limit: 1000 };

fn name(text: &str) -> Name {
    Name::parse(text).unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn it_keeps_the_contract() {
    let cluster = cluster();
    // The schema is made once and copied with its database: making it takes longer than a check.
    drop(PostgresStore::open(address(&cluster, "role")).await.unwrap());
    let ends = "SELECT pg_terminate_backend(pid, 10000) FROM pg_stat_activity WHERE datname = 'city'";
    cluster.sql("postgres", ends).unwrap();
    let count = AtomicU32::new(0);
    contract::check(async || {
        let name = format!("city{}", count.fetch_add(1, Ordering::Relaxed));
        cluster.sql("postgres", &format!("CREATE DATABASE {name} TEMPLATE city STRATEGY file_copy")).unwrap();
        PostgresStore::open(PostgresAddress::new(&cluster.address(&name), "role").unwrap()).await.unwrap()
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn nodes_that_start_together_make_one_schema_and_lose_no_posting() {
    let cluster = cluster();
    let opening = (0..4).map(|_| tokio::spawn(PostgresStore::open(address(&cluster, "clearing"))));
    let mut nodes = Vec::new();
    for node in opening.collect::<Vec<_>>() {
        nodes.push(node.await.unwrap().unwrap());
    }
    // The hottest that there can be: everything moves the same two balances.
    let paying = (0..80).map(|number| {
        let node = nodes[number % nodes.len()].clone();
        tokio::spawn(async move { node.write(pay).await })
    });
    for paid in paying.collect::<Vec<_>>() {
        paid.await.unwrap().unwrap();
    }
    for node in &nodes {
        assert_eq!(balance(node).await, 400);
        assert_eq!(problems(node).await, Vec::<String>::new());
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_answered_outlives_a_kill_and_the_nodes_go_on() {
    let mut cluster = Cluster::start_with(&["fsync=on"]).unwrap();
    cluster.create_database("city").unwrap();
    let store = PostgresStore::open(address(&cluster, "clearing")).await.unwrap();
    store.write(pay).await.unwrap();
    cluster.kill().unwrap();
    assert!(matches!(store.write(pay).await, Err(StoreError::Unavailable(_))));
    assert!(matches!(store.read(|unit| unit.audit()).await, Err(StoreError::Unavailable(_))));
    cluster.restart().unwrap();
    assert_eq!(balance(&store).await, 5);
    store.write(pay).await.unwrap();
    assert_eq!(balance(&store).await, 10);
    // A connection that was cut between two units of work is made again, and nobody notices.
    cluster.stop().unwrap();
    cluster.restart().unwrap();
    store.write(pay).await.unwrap();
    assert_eq!((balance(&store).await, problems(&store).await), (15, Vec::new()));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_job_that_makes_light_of_a_failure_commits_nothing() {
    let cluster = cluster();
    let store = PostgresStore::open(address(&cluster, "attester")).await.unwrap();
    let made_light = store.write::<_, StoreError, _>(|unit| {
        pay(unit)?;
        for _ in 0..2 {
            let _ = unit.add_posted_batch(&[1; 16], &[1; 32], time(1));
        }
        Ok(())
    });
    assert!(matches!(made_light.await, Err(StoreError::Conflict(_))));
    assert_eq!(balance(&store).await, 0);
}

/// A number that was seen is never followed by a smaller one.
#[tokio::test(flavor = "multi_thread")]
async fn numbers_that_are_read_on_from_appear_in_order() {
    let cluster = cluster();
    let store = PostgresStore::open(address(&cluster, "exchange")).await.unwrap();
    let openings = (0..8_u8).map(|writer| {
        let store = store.clone();
        tokio::spawn(async move {
            for number in 0..12_u8 {
                let case = format!("{writer}/{number}");
                let note = move |unit: &mut dyn Transaction| {
                    unit.note_archive_opening(&case, &symbolon_ccks::Subject::from_bytes([writer; 16]), time(1))
                };
                store.write::<_, StoreError, _>(note).await.unwrap();
            }
        })
    });
    let openings = openings.collect::<Vec<_>>();
    let (mut seen, mut after) = (Vec::new(), 0);
    while seen.len() < 96 {
        let page = Page { after, limit: 7 };
        let found = store.read::<_, StoreError, _>(move |unit| unit.archive_openings(page)).await.unwrap();
        after = found.last().map_or(after, |last| last.position);
        seen.extend(found);
        if openings.iter().all(tokio::task::JoinHandle::is_finished) && seen.len() < 96 {
            let all = store.read::<_, StoreError, _>(|unit| unit.archive_openings(ALL)).await.unwrap();
            assert!(all.last().unwrap().position > after, "{} of {} were seen", seen.len(), all.len());
        }
    }
    for opening in openings {
        opening.await.unwrap();
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_schema_refuses_what_the_ledger_must_never_hold() {
    let cluster = cluster();
    let store = PostgresStore::open(address(&cluster, "clearing")).await.unwrap();
    store.write(pay).await.unwrap();
    let refused = [
        ("UPDATE entries SET time = 9", "sealed"),
        ("DELETE FROM entries", "never deleted"),
        ("TRUNCATE entries CASCADE", "never deleted"),
        ("UPDATE postings SET amount = 6", "never changes"),
        ("DELETE FROM postings", "never deleted"),
        ("INSERT INTO postings (entry, account, currency, amount) SELECT id, 1, 156, 3 FROM entries", "no posting"),
        (
            "INSERT INTO entries (id, kind, time) VALUES (99, 1, 1);
             INSERT INTO postings (entry, account, currency, amount) SELECT 99, min(sequence), 156, 3 FROM accounts;
             UPDATE entries SET sealed = 1 WHERE id = 99",
            "sum to zero",
        ),
        (
            "INSERT INTO entries (id, kind, time) VALUES (99, 1, 1); UPDATE entries SET sealed = 1 WHERE id = 99",
            "has postings",
        ),
        ("INSERT INTO entries (id, kind, time) VALUES (99, 1, 1)", "has to be sealed"),
        ("INSERT INTO entries (id, kind, time, sealed) VALUES (99, 1, 1, 1)", "written open"),
        ("UPDATE accounts SET currency = 978", "stays what it is"),
        ("DELETE FROM accounts", "never deleted"),
        (
            "INSERT INTO accounts (name, kind, currency, balance, created) VALUES ('a', 1, 156, 5, 1)",
            "begins with nothing",
        ),
        ("INSERT INTO institutions (ordinal, name, derived) VALUES (64, 'x', 1)", "check constraint"),
        ("INSERT INTO settlements DEFAULT VALUES", "null value"),
    ];
    for (statements, words) in refused {
        let error = cluster.sql("city", &format!("SET search_path TO clearing; {statements}")).unwrap_err().to_string();
        assert!(error.contains(words), "{statements}: {error}");
    }
    assert_eq!(problems(&store).await, Vec::<String>::new());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_schema_of_another_program_is_refused() {
    let cluster = cluster();
    for (number, (damage, words)) in [
        (
            "INSERT INTO schema_history VALUES (99, 'from_the_future', '1')",
            "V99 (from_the_future) is of a newer program",
        ),
        ("UPDATE schema_history SET checksum = '1' WHERE version > 0", "is not what this program knows by that number"),
        ("DELETE FROM schema_history WHERE version > 0", "already exists"),
    ]
    .into_iter()
    .enumerate()
    {
        let schema = format!("s{number}");
        PostgresStore::open(address(&cluster, &schema)).await.unwrap();
        cluster.sql("city", &format!("SET search_path TO {schema}; {damage}")).unwrap();
        let Some(StoreError::Corrupt(refused)) = PostgresStore::open(address(&cluster, &schema)).await.err() else {
            panic!("it was taken: {damage}");
        };
        assert!(refused.contains(words), "{refused}");
        let folder = tempfile::tempdir().unwrap();
        let copy = Copy { from: address(&cluster, &schema), to: folder.path().join("copy.db") };
        assert!(matches!(back_up(std::slice::from_ref(&copy)), Err(StoreError::Corrupt(_))), "{damage}");
        assert!(!copy.to.exists(), "something was copied: {damage}");
    }
    let nowhere = PostgresAddress::new("host=/nowhere user=a", "a").unwrap();
    assert!(matches!(PostgresStore::open(nowhere).await.err(), Some(StoreError::Unavailable(_))));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_dump_restores_everything() {
    let cluster = cluster();
    let store = PostgresStore::open(address(&cluster, "clearing")).await.unwrap();
    store.write(pay).await.unwrap();
    let dump = cluster.folder().join("city.dump");
    // Under load, and of one moment all the same.
    let paying = tokio::spawn({
        let store = store.clone();
        async move {
            for _ in 0..20 {
                store.write(pay).await.unwrap();
            }
        }
    });
    let dumped = cluster.client("pg_dump", "city").unwrap().args(["-Fc", "-f"]).arg(&dump).status().unwrap();
    assert!(dumped.success());
    paying.await.unwrap();
    cluster.create_database("restored").unwrap();
    let mut restore = cluster.client("pg_restore", "restored").unwrap();
    assert!(restore.args(["--exit-on-error", "--single-transaction"]).arg(&dump).status().unwrap().success());
    let restored = PostgresAddress::new(&cluster.address("restored"), "clearing").unwrap();
    let restored = PostgresStore::open(restored).await.unwrap();
    assert_eq!(problems(&restored).await, Vec::<String>::new());
    let kept = balance(&restored).await;
    assert!((5..=105).contains(&kept) && kept % 5 == 0, "{kept}");
    restored.write(pay).await.unwrap();
    assert_eq!(balance(&restored).await, kept + 5);
}

/// A certificate authority of this name, and a certificate that it issued for these hosts, with its key; all PEM.
fn certificates(authority: &str, names: &[&str]) -> (String, String, String) {
    let mut ours = rcgen::CertificateParams::new(Vec::new()).unwrap();
    ours.distinguished_name.push(rcgen::DnType::CommonName, authority);
    ours.is_ca = rcgen::IsCa::Ca(rcgen::BasicConstraints::Unconstrained);
    let our_key = rcgen::KeyPair::generate().unwrap();
    let root = ours.self_signed(&our_key).unwrap().pem();
    let names = names.iter().map(|name| (*name).to_owned()).collect::<Vec<_>>();
    let key = rcgen::KeyPair::generate().unwrap();
    let issuer = rcgen::Issuer::from_params(&ours, &our_key);
    let certificate = rcgen::CertificateParams::new(names).unwrap().signed_by(&key, &issuer).unwrap();
    (root, certificate.pem(), key.serialize_pem())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_connection_is_encrypted_to_the_right_database_or_not_made() {
    let mut cluster = Cluster::start_with(&["fsync=off", "listen_addresses=127.0.0.1"]).unwrap();
    cluster.create_database("city").unwrap();
    let folder = tempfile::tempdir().unwrap();
    let (root, certificate, key) = certificates("ours", &["db.example", "127.0.0.1"]);
    let (stranger, impostor) = (certificates("stranger", &[]).0, certificates("ours", &[]).0);
    let [root, stranger, impostor] =
        [("our root.pem", root), ("b.pem", stranger), ("c.pem", impostor)].map(|(name, pem)| {
            let path = folder.path().join(name);
            std::fs::write(&path, pem).unwrap();
            path
        });
    let port = cluster.port();
    let open = async |host: &str, mode: &str, roots: &std::path::Path| {
        let text = format!(
            "host={host} hostaddr=127.0.0.1 port={port} user=symbolon dbname=city sslmode={mode} sslrootcert='{}'",
            roots.display()
        );
        match PostgresStore::open(PostgresAddress::new(&text, "clearing").unwrap()).await {
            Ok(store) => Ok(store),
            Err(StoreError::Unavailable(problem)) => Err(problem),
            Err(other) => panic!("{other}"),
        }
    };
    let problem = open("db.example", "verify-full", &root).await.err().unwrap();
    assert!(problem.contains("does not support TLS"), "{problem}");
    cluster.encrypt(&certificate, &key).unwrap();

    for (host, mode) in [("db.example", "verify-full"), ("127.0.0.1", "verify-full"), ("other.example", "require")] {
        let store = open(host, mode, &root).await.unwrap();
        store.write(pay).await.unwrap();
        let used = "SELECT DISTINCT ssl FROM pg_stat_ssl JOIN pg_stat_activity USING (pid) WHERE application_name = 'symbolon'";
        assert_eq!(cluster.sql("city", used).unwrap(), "t", "{host}, {mode}");
    }
    for (host, mode, roots, words) in [
        ("other.example", "verify-full", &root, ["other.example", "db.example"]),
        ("db.example", "verify-full", &stranger, ["certificate was not issued", "sslrootcert"]),
        ("db.example", "require", &stranger, ["certificate was not issued", "sslrootcert"]),
        ("db.example", "verify-ca", &impostor, ["certificate was not issued", "sslrootcert"]),
    ] {
        let problem = open(host, mode, roots).await.err().unwrap();
        assert!(words.iter().all(|word| problem.contains(word)), "{host}, {mode}: {problem}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn schemas_are_copied_into_files_as_they_were_at_one_moment() {
    let cluster = cluster();
    let first = PostgresStore::open(address(&cluster, "exchange")).await.unwrap();
    let second = PostgresStore::open(address(&cluster, "clearing")).await.unwrap();
    // What the second is paid, the first was paid before.
    let (stop, stopped) = tokio::sync::watch::channel(false);
    let paying = tokio::spawn(async move {
        while !*stopped.borrow() {
            first.write(pay).await.unwrap();
            second.write(pay).await.unwrap();
        }
    });
    let folder = tempfile::tempdir().unwrap();
    for round in 0..4 {
        let to = |schema: &str| folder.path().join(format!("{schema}-{round}.db"));
        let copies = ["exchange", "clearing", "attester"];
        let copies = copies.map(|schema| Copy { from: address(&cluster, schema), to: to(schema) });
        let copied = tokio::task::spawn_blocking(move || back_up(&copies)).await.unwrap();
        assert_eq!(copied.unwrap(), [true, true, false], "there is no attester");
        assert!(!to("attester").exists());
        let [first, second] = ["exchange", "clearing"].map(|schema| SqliteStore::open(to(schema)).unwrap());
        assert_eq!((problems(&first).await, problems(&second).await), (Vec::new(), Vec::new()));
        let (paid, passed_on) = (balance(&first).await, balance(&second).await);
        assert!(passed_on <= paid && paid <= passed_on + 5, "the first was paid {paid}, the second {passed_on}");
        first.write(pay).await.unwrap();
        assert_eq!((balance(&first).await, problems(&first).await), (paid + 5, Vec::new()), "it does not go on");
    }
    stop.send_replace(true);
    paying.await.unwrap();
    let last = [Copy { from: address(&cluster, "clearing"), to: folder.path().join("last.db") }];
    assert_eq!(back_up(&last).unwrap(), [true]);
    let (last, store) = (SqliteStore::open(&last[0].to).unwrap(), PostgresStore::open(address(&cluster, "clearing")));
    assert_eq!(balance(&last).await, balance(&store.await.unwrap()).await);
    assert!(balance(&last).await > 0, "nothing was paid");
    let again = [Copy { from: address(&cluster, "clearing"), to: folder.path().join("clearing-0.db") }];
    assert!(matches!(back_up(&again), Err(StoreError::Unavailable(_))), "a copy was overwritten");
}

/// What waits for its number has it in a copy, and what was spent stands where SQLite keeps it.
#[tokio::test(flavor = "multi_thread")]
async fn a_copy_has_what_waits_for_its_number_and_what_was_spent() {
    let cluster = cluster();
    let store = PostgresStore::open(address(&cluster, "exchange")).await.unwrap();
    let holders = [1, 2, 3].map(|number| CredentialDigest::from_bytes([number; 32]));
    let keep = move |unit: &mut dyn Transaction| {
        let upload = unit.add_upload(&NewUpload {
            digest: [1; 32],
            operator: name("metro"),
            terminal: symbolon_ccks::Subject::from_bytes([9; 16]),
            terminal_digest: CredentialDigest::from_bytes([9; 32]),
            number: 1,
            records: vec![0; 209 * 5],
            received: time(5),
        })?;
        // The highest counter is neither the last nor one that spends.
        for (position, (holder, counter, amount)) in
            [(0, 4, 10), (0, 9, 0), (0, 2, 7), (1, 1, 3), (1, 2, 4)].into_iter().enumerate()
        {
            unit.add_settlement(&NewSettlement {
                credential_digest: holders[holder],
                counter,
                agreement: [counter as u8; 32],
                outcome: SettlementOutcome::Settled,
                repeats: None,
                misuse: None,
                upload,
                position: position as u16,
                terminal_digest: CredentialDigest::from_bytes([9; 32]),
                kind: if amount == 0 { Kind::Exit } else { Kind::Purchase },
                amount,
                after_revocation: false,
                time: time(4),
            })?;
        }
        unit.answer_upload(upload, b"answer")
    };
    store.write_for::<_, StoreError, _>(holders.to_vec(), keep).await.unwrap();
    let tell = async |operator: &'static str, seconds: u64| {
        let item = RouteItem { event: RouteEvent::Settled, record: RecordPosition(seconds), gain: 1 };
        let tell = move |unit: &mut dyn Transaction| unit.add_route(&name(operator), time(seconds), &[item]);
        store.write_for::<_, StoreError, _>(Vec::new(), tell).await.unwrap();
    };
    let number = async |operator: &'static str| {
        let number = move |unit: &mut dyn Transaction| unit.number_routes(&name(operator));
        store.write_for::<_, StoreError, _>(Vec::new(), number).await.unwrap();
    };
    tell("metro", 1).await;
    tell("metro", 2).await;
    number("metro").await;
    for (operator, seconds) in [("tram", 3), ("metro", 4), ("metro", 5), ("tram", 6)] {
        tell(operator, seconds).await;
    }
    let folder = tempfile::tempdir().unwrap();
    let to = folder.path().join("exchange.db");
    assert_eq!(back_up(&[Copy { from: address(&cluster, "exchange"), to: to.clone() }]).unwrap(), [true]);
    let copy = SqliteStore::open(to).unwrap();
    for operator in ["metro", "tram"] {
        number(operator).await;
        let look = move |unit: &dyn Transaction| unit.routes(&name(operator), 1, 9);
        let theirs = store.read::<_, StoreError, _>(look).await.unwrap();
        assert!(
            theirs.len() == if operator == "metro" { 4 } else { 2 }
                && theirs.iter().map(|one| one.number).eq(1..=theirs.len() as u64)
        );
        assert_eq!(copy.read::<_, StoreError, _>(look).await.unwrap(), theirs);
    }
    let look = move |unit: &dyn Transaction| unit.spent_by(&holders);
    assert_eq!(copy.read::<_, StoreError, _>(look).await.unwrap(), [17, 7, 0]);
    assert_eq!(store.read::<_, StoreError, _>(look).await.unwrap(), [17, 7, 0]);
    assert_eq!(copy.read::<_, StoreError, _>(|unit| unit.uploads(None, ALL)).await.unwrap().len(), 1);
}

/// Every table and column but those of PostgreSQL's own form; what it keeps of spending the copy has with settlements,
/// and what waits for its number among what has one.
#[tokio::test(flavor = "multi_thread")]
async fn nothing_is_left_out_of_a_copy() {
    let cluster = cluster();
    drop(PostgresStore::open(address(&cluster, "issuer")).await.unwrap());
    let columns = "SELECT table_name || '.' || column_name FROM information_schema.columns
                   WHERE table_schema = 'issuer'
                       AND table_name NOT IN ('turns', 'schema_history', 'spending', 'waiting_routes')
                   ORDER BY 1";
    let theirs = cluster.sql("city", columns).unwrap();
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("issuer.db");
    // By somebody who may read this schema, and nothing else.
    drop(PostgresStore::open(address(&cluster, "attester")).await.unwrap());
    let grants = "CREATE ROLE court LOGIN; GRANT USAGE ON SCHEMA issuer TO court;
                  GRANT SELECT ON ALL TABLES IN SCHEMA issuer TO court";
    cluster.sql("city", grants).unwrap();
    let as_court = cluster.address("city").replace("user=symbolon", "user=court");
    let copies = [("attester", folder.path().join("attester.db")), ("issuer", path.clone())];
    let copies = copies.map(|(schema, to)| Copy { from: PostgresAddress::new(&as_court, schema).unwrap(), to });
    assert_eq!(back_up(&copies).unwrap(), [false, true]);
    let copy = rusqlite::Connection::open(&path).unwrap();
    let has = |column: &str| {
        let (table, column) = column.split_once('.').unwrap();
        let found = copy.query_row("SELECT 1 FROM pragma_table_info(?1) WHERE name = ?2", [table, column], |_| Ok(()));
        found.is_ok()
    };
    let left_out = theirs.lines().filter(|column| !has(column)).collect::<Vec<_>>();
    assert!(theirs.lines().count() > 200, "{theirs}");
    assert_eq!(left_out, Vec::<&str>::new());
}
