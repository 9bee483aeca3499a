//! Databases that were changed by hand, past every trigger.

use std::{collections::BTreeSet, fs, path::PathBuf};

use rusqlite::Connection;
use symbolon::audit::Report;

use crate::past::Past;

/// The kinds of what is found when a copy is changed by these statements.
fn found(database: &str, statements: &str, with_attester: bool) -> BTreeSet<&'static str> {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join(database);
    fs::copy(Past::get().path(database), &path).unwrap();
    let connection = Connection::open(&path).unwrap();
    connection.execute_batch("PRAGMA foreign_keys = OFF").unwrap();
    let triggers = connection
        .prepare("SELECT name FROM sqlite_master WHERE type = 'trigger'")
        .unwrap()
        .query_map([], |row| row.get::<_, String>(0))
        .unwrap()
        .collect::<Result<Vec<_>, _>>()
        .unwrap();
    for trigger in triggers {
        connection.execute_batch(&format!("DROP TRIGGER {trigger}")).unwrap();
    }
    let before = connection.total_changes();
    connection.execute_batch(statements).unwrap();
    assert!(connection.total_changes() > before, "nothing was changed by {statements}");
    drop(connection);
    let report = Past::get().audit(database, &path, with_attester);
    for (number, finding) in (1..).zip(&report.findings) {
        assert_eq!(finding.number, number);
        assert_ne!(finding.expected, finding.found, "{finding}");
    }
    report.findings.iter().map(|finding| finding.kind).collect()
}

#[track_caller]
fn finds(kind: &str, database: &str, statements: &str) {
    let found = found(database, statements, true);
    assert!(found.contains(kind), "{kind} is not among {found:?}: {statements}");
}

#[track_caller]
fn finds_nothing(report: &Report) {
    assert!(report.is_sound(), "{report}");
}

#[test]
fn what_the_service_wrote_is_found_right() {
    let past = Past::get();
    let report = past.audit("", &past.path(""), true);
    finds_nothing(&report);
    let counts = report.counts;
    assert!(counts.records >= 300 && counts.settlements > 150 && counts.charges > 150, "{counts:?}");
    // Everything that can become of a record is among them.
    let exchange = Connection::open(past.path("exchange.db")).unwrap();
    let count = |sql: &str| exchange.query_row(sql, [], |row| row.get::<_, i64>(0)).unwrap();
    for sql in [
        "SELECT count(*) FROM settlements WHERE outcome = 2",
        "SELECT count(*) FROM settlements WHERE outcome = 3",
        "SELECT count(*) FROM misuse WHERE kind = 1",
        "SELECT count(*) FROM settlements WHERE after_revocation = 1",
        "SELECT count(*) FROM charges WHERE kind = 6",
        "SELECT count(*) FROM charges WHERE subject IS NOT NULL",
        "SELECT count(*) FROM journeys WHERE ended = 1",
        "SELECT count(*) FROM journeys WHERE ended = 2",
        "SELECT count(*) FROM refunds",
        "SELECT count(*) FROM deliveries",
    ] {
        assert!(count(sql) > 0, "{sql}");
    }
}

#[test]
fn what_the_copies_do_not_tell_is_said() {
    let past = Past::get();
    let whole = past.audit("", &past.path(""), true);
    let alone = past.audit("", &past.path(""), false);
    let least = past.audit_without_fares();
    for (less, more) in [(&alone, &whole), (&least, &alone)] {
        finds_nothing(less);
        assert!(less.not_checked.len() > more.not_checked.len(), "{less}");
    }
    assert!(least.not_checked.keys().any(|what| what.starts_with("fares")), "{least}");
}

/// Made by an earlier version of the program, which kept less.
#[test]
fn an_old_copy_is_said_to_be_old() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("exchange.db");
    let old = Connection::open(&path).unwrap();
    old.execute_batch("CREATE TABLE refinery_schema_history (version INTEGER PRIMARY KEY)").unwrap();
    let migrations = concat!(env!("CARGO_MANIFEST_DIR"), "/../store/migrations");
    for version in 1..=10 {
        let is_it = |path: &PathBuf| path.file_name().unwrap().to_str().unwrap().starts_with(&format!("V{version}__"));
        let migration = fs::read_dir(migrations).unwrap().map(|entry| entry.unwrap().path()).find(is_it).unwrap();
        old.execute_batch(&fs::read_to_string(migration).unwrap()).unwrap();
        old.execute("INSERT INTO refinery_schema_history VALUES (?1)", [version]).unwrap();
    }
    drop(old);
    let refusal = Past::get().refusal(&path);
    assert!(refusal.contains("exchange.db is of version 10") && refusal.contains("copy it anew"), "{refusal}");
}

#[test]
fn a_missing_posting_is_found() {
    finds("unbalanced_entry", "clearing.db", "DELETE FROM postings WHERE sequence = 9");
    finds("wrong_balance", "clearing.db", "DELETE FROM postings WHERE sequence = 9");
    // A whole entry, with the balances put right.
    const ENTRY: &str =
        "CREATE TEMP TABLE gone AS SELECT min(id) AS id FROM entries WHERE kind = 2 AND upload IS NOT NULL;
        UPDATE accounts SET balance = balance - (SELECT amount FROM postings WHERE entry = (SELECT id FROM gone)
            AND account = accounts.sequence)
            WHERE sequence IN (SELECT account FROM postings WHERE entry = (SELECT id FROM gone));
        DELETE FROM postings WHERE entry = (SELECT id FROM gone);
        DELETE FROM entries WHERE id = (SELECT id FROM gone)";
    assert_eq!(found("clearing.db", ENTRY, true), BTreeSet::from(["missing_entry"]));
    let sum = ENTRY.replace("kind = 2 AND upload IS NOT NULL", "kind = 7");
    finds("missing_sum", "clearing.db", &sum);
}

#[test]
fn a_doubled_posting_is_found() {
    const ENTRY: &str = "CREATE TEMP TABLE twice AS SELECT min(id) AS id FROM entries WHERE kind = 2 AND upload IS NOT NULL;
        INSERT INTO entries (id, kind, upload, position, time, sealed)
            SELECT 1000000, kind, upload, position, time, 1 FROM entries WHERE id = (SELECT id FROM twice);
        INSERT INTO postings (entry, account, currency, amount)
            SELECT 1000000, account, currency, amount FROM postings WHERE entry = (SELECT id FROM twice);
        UPDATE accounts SET balance = (SELECT coalesce(sum(amount), 0) FROM postings WHERE account = accounts.sequence)";
    assert_eq!(found("clearing.db", ENTRY, true), BTreeSet::from(["doubled_entry"]));
    finds("doubled_sum", "clearing.db", &ENTRY.replace("kind = 2 AND upload IS NOT NULL", "kind = 7"));
    finds(
        "unfounded_entry",
        "clearing.db",
        &ENTRY.replace("kind, upload, position, time, 1", "kind, NULL, NULL, time, 1"),
    );
}

#[test]
fn an_altered_amount_is_found() {
    const BALANCES: &str = "; UPDATE accounts SET balance = (SELECT coalesce(sum(amount), 0) FROM postings WHERE account = accounts.sequence)";
    let entry = "UPDATE postings SET amount = amount * 2 WHERE entry =
        (SELECT min(id) FROM entries WHERE kind = 2 AND upload IS NOT NULL)";
    assert_eq!(found("clearing.db", &format!("{entry}{BALANCES}"), true), BTreeSet::from(["altered_entry"]));
    finds("missing_sum", "clearing.db", &entry.replace("kind = 2 AND upload IS NOT NULL", "kind = 7"));
    finds(
        "altered_charge",
        "exchange.db",
        "UPDATE charges SET moves = replace(moves, '\"amount\":', '\"amount\":1') WHERE kind = 2",
    );
    finds(
        "journey_charges",
        "exchange.db",
        "UPDATE charges SET moves = replace(moves, '\"amount\":', '\"amount\":1') WHERE kind = 4",
    );
    finds(
        "altered_settlement",
        "exchange.db",
        "UPDATE settlements SET amount = amount + 1 WHERE id = (SELECT min(id) FROM settlements)",
    );
    finds("altered_journey", "exchange.db", "UPDATE journeys SET fare = fare - 1 WHERE fare > 1");
    finds("altered_binding", "clearing.db", "UPDATE bindings SET charged = charged + 1");
    finds("altered_spending", "exchange.db", "UPDATE settlements SET spent = spent + 1 WHERE spent > 0");
    finds(
        "route_gain",
        "exchange.db",
        "UPDATE routes SET items = CAST(substr(items, 1, 16) || x'7f' || substr(items, 18) AS BLOB) WHERE number = 1",
    );
}

#[test]
fn a_forged_record_is_found() {
    // One byte of a nonce, an amount, a signature.
    for offset in [10, 30, 180] {
        let alter = format!(
            "UPDATE uploads SET records = CAST(substr(records, 1, {offset}) || x'ee' || substr(records, {offset} + 2) AS BLOB)
             WHERE sequence = (SELECT upload FROM settlements WHERE position = 0 AND outcome = 1 LIMIT 1)"
        );
        let kinds = found("exchange.db", &alter, true);
        assert!(kinds.contains("outcome") && kinds.contains("unfounded_settlement"), "{kinds:?}");
    }
    // A record that another gate took, whose signature fails here, counted as if it had settled: in the answer alone, and
    // as a settlement too.
    let answer = "UPDATE uploads
        SET answer = CAST(substr(answer, 1, 111) || x'0100000000140000000000000000' || substr(answer, 126) AS BLOB)
        WHERE substr(answer, 112, 2) = x'0302'";
    assert_eq!(found("exchange.db", answer, true), BTreeSet::from(["answer", "outcome"]));
    let settled =
        "INSERT INTO settlements SELECT sequence * 8192, randomblob(32), 7, randomblob(32), 1, NULL, NULL, sequence, 0,
        terminal_digest, 1, 20, 0, received, NULL FROM uploads WHERE substr(answer, 112, 1) = x'01' AND NOT EXISTS
            (SELECT 1 FROM settlements AS s WHERE s.upload = sequence AND s.position = 0)";
    let kinds = found("exchange.db", &format!("{answer}; {settled}"), true);
    assert!(kinds.contains("outcome") && kinds.contains("unfounded_settlement"), "{kinds:?}");
    let settled = "INSERT INTO settlements SELECT id + 4000, credential_digest, counter + 1000000, agreement, 2, id, NULL, upload,
        position + 4000, terminal_digest, kind, amount, 0, time, spent FROM settlements WHERE outcome = 1 LIMIT 1";
    finds("unfounded_settlement", "exchange.db", settled);
}

#[test]
fn a_misrouted_operator_is_found() {
    const UPLOAD: &str = "UPDATE uploads SET operator = 'bus' WHERE sequence = (SELECT min(sequence) FROM uploads WHERE operator = 'metro')";
    finds("misrouted_upload", "exchange.db", UPLOAD);
    // The name of a terminal has its operator's in it.
    assert!(found("exchange.db", UPLOAD, false).contains("misrouted_upload"));
    const CHARGE: &str = "UPDATE charges SET moves = replace(moves, '\"metro\"', '\"bus\"') WHERE sequence =
        (SELECT min(sequence) FROM charges WHERE moves LIKE '%metro%')";
    finds("misrouted_charge", "exchange.db", CHARGE);
    const ROUTE: &str = "UPDATE routes SET operator = 'bus', number = 1000 WHERE operator = 'metro' AND number = 1";
    finds("misrouted_record", "exchange.db", ROUTE);
    finds("route_gap", "exchange.db", ROUTE);
    finds("missing_route", "exchange.db", "DELETE FROM routes WHERE operator = 'metro' AND number = 1");
    finds("missing_journey", "exchange.db", "UPDATE journeys SET operator = 'bus' WHERE operator = 'metro'");
}

#[test]
fn an_altered_balance_is_found() {
    for sequence in ["(SELECT min(sequence) FROM accounts)", "(SELECT max(sequence) FROM accounts)"] {
        let alter = format!("UPDATE accounts SET balance = balance + 1 WHERE sequence = {sequence}");
        assert_eq!(found("clearing.db", &alter, true), BTreeSet::from(["wrong_balance"]));
    }
}

#[test]
fn what_was_deleted_or_put_in_is_found() {
    finds("missing_settlement", "exchange.db", "DELETE FROM settlements WHERE id = (SELECT min(id) FROM settlements)");
    finds(
        "missing_charge",
        "exchange.db",
        "DELETE FROM charges WHERE sequence = (SELECT min(sequence) FROM charges WHERE kind = 2)",
    );
    finds("missing_proof", "exchange.db", "DELETE FROM misuse WHERE kind = 2");
    finds("altered_proof", "exchange.db", "UPDATE misuse SET items = substr(items, 1, 241)");
    finds("altered_delivery", "exchange.db", "DELETE FROM deliveries");
    finds("unfounded_settlement", "exchange.db", "DELETE FROM refunds");
    finds("refund", "exchange.db", "UPDATE refunds SET amount = amount + 100");
    finds(
        "unfounded_batch",
        "clearing.db",
        "UPDATE posted_batches SET id = x'00000000000000000000000000000000' WHERE id = (SELECT min(id) FROM posted_batches)",
    );
    finds("unknown_terminal", "attester.db", "DELETE FROM issued WHERE subject IN (SELECT subject FROM terminals)");
    finds("outcome", "attester.db", "DELETE FROM issued WHERE subject IN (SELECT number FROM cards)");
}

#[test]
fn a_charge_in_two_batches_is_found() {
    const CHARGE: &str = "INSERT INTO charges (settlement, kind, currency, tag, subject, moves, settled, batch)
        SELECT settlement, kind, currency, tag, subject, moves, settled, (SELECT max(sequence) FROM charge_batches)
        FROM charges WHERE kind = 2 AND batch < (SELECT max(sequence) FROM charge_batches) LIMIT 1";
    finds("doubled_charge", "exchange.db", CHARGE);
    finds("missing_entry", "exchange.db", &CHARGE.replace("kind = 2 AND", "kind = 2 AND tag IS NOT NULL AND"));
    finds("journey_charges", "exchange.db", &CHARGE.replace("kind = 2 AND", "kind = 4 AND"));
}

#[test]
fn a_charge_of_somebody_else_is_found() {
    // Two holders' postings of one entry each change places: no sum changes.
    const CARD: &str = "CREATE TEMP TABLE holders AS SELECT min(sequence) AS one, max(sequence) AS other FROM accounts WHERE kind = 1;
        UPDATE postings SET account = (SELECT other FROM holders) WHERE account = (SELECT one FROM holders) AND entry =
            (SELECT max(e.id) FROM entries AS e JOIN postings AS p ON p.entry = e.id
             WHERE e.KIND AND p.account = (SELECT one FROM holders));
        UPDATE accounts SET balance = (SELECT coalesce(sum(amount), 0) FROM postings WHERE account = accounts.sequence)";
    assert_eq!(found("clearing.db", &CARD.replace("KIND", "kind = 2"), true), BTreeSet::from(["wrong_payer"]));
    assert_eq!(found("clearing.db", &CARD.replace("KIND", "kind = 2"), false), BTreeSet::from(["wrong_payer"]));
}

/// What the auditor reads, it reads alone: its copies stay as they were.
#[test]
fn a_copy_is_not_changed() {
    let past = Past::get();
    let bytes = || ["attester.db", "clearing.db", "exchange.db"].map(|database| fs::read(past.path(database)).unwrap());
    let before = bytes();
    finds_nothing(&past.audit("", &past.path(""), true));
    assert!(before == bytes());
}
