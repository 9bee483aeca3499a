//! The auditor over a service whose databases are in PostgreSQL: silent on what nodes wrote, and not on what was changed.

use std::{path::Path, process::Command};

use serde_json::Value;
use symbolon_ccks::Sector;

use crate::{
    city::City,
    crash::{Connections, Offices},
    holder::{self, Holder, settle},
    nodes::{cluster, found},
    office::{balanced_ledger, create_card, create_terminal},
    program,
    service::Service,
};

const UPLOADS: usize = 6;
const RECORDS: usize = 4;

/// Half of the uploads at each of two nodes, all at once, and one of them at both.
async fn settle_uploads(first: &Connections, second: &Connections) {
    let mut random = holder::random(6);
    let mut uploads = Vec::new();
    for _ in 0..UPLOADS {
        let code = create_terminal(&first.metro, &mut random).await.activation_code;
        let mut gate = Holder::enrol(&first.public, &first.authority, &code, &mut random).await;
        let code = create_card(&first.bank, &mut random).await.activation_code;
        let mut card = Holder::enrol(&first.public, &first.authority, &code, &mut random).await;
        let records = (0..RECORDS).map(|_| card.pay(&gate, Sector::Transport, 7, &mut random)).collect::<Vec<_>>();
        uploads.push(gate.upload(&records, &mut random));
    }
    uploads.push(uploads[0].clone());
    let settling = uploads.into_iter().enumerate().map(|(number, upload)| {
        let channel = if number % 2 == 0 { &first.public } else { &second.public }.clone();
        tokio::spawn(async move { settle(&channel, upload).await })
    });
    for settled in settling.collect::<Vec<_>>() {
        settled.await.unwrap();
    }
}

/// Copies the database into this folder and audits the copy: the exit code, and the report.
pub(crate) fn audit(city: &City, folder: &Path) -> (i32, Value) {
    let mut backup = Command::new(program::path());
    backup.args(["backup", "--config"]).arg(city.config_file()).arg("--to").arg(folder);
    let made = backup.output().unwrap();
    assert!(made.status.success(), "{}", String::from_utf8_lossy(&made.stderr));
    let mut audit = Command::new(program::path());
    audit.args(["--json", "audit", "--config"]).arg(city.config_file());
    audit.arg("--authority").arg(city.home().join("authority.params"));
    for role in ["exchange", "clearing", "attester"] {
        audit.arg(format!("--{role}-db")).arg(folder.join(format!("{role}.db")));
    }
    let said = audit.output().unwrap();
    let report = serde_json::from_slice(&said.stdout);
    (said.status.code().unwrap(), report.unwrap_or_else(|_| panic!("{}", String::from_utf8_lossy(&said.stderr))))
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_in_postgresql_is_audited_and_what_was_changed_there_is_found() {
    let cluster = cluster();
    let city = found(&cluster.address("city"));
    let offices = Offices::of(&city);
    let (a, b) = (Service::start(&city).await, Service::start(&city).await);
    let (at_a, at_b) = (offices.connect(&a).await, offices.connect(&b).await);
    settle_uploads(&at_a, &at_b).await;
    // What was charged is posted before an upload is answered.
    assert_eq!(balanced_ledger(&at_a.court).await.posting_count as usize, UPLOADS * RECORDS);

    let folder = tempfile::tempdir().unwrap();
    let (code, report) = audit(&city, &folder.path().join("sound"));
    assert_eq!((code, &report["finding_count"]), (0, &0.into()), "{report}");
    assert_eq!(report["checked"]["records"], UPLOADS * RECORDS, "{report}");
    assert_eq!(report["checked"]["settlements"], UPLOADS * RECORDS, "{report}");

    // Past the triggers, each on top of the one before.
    for (number, (schema, change, kind)) in [
        (
            "exchange",
            "UPDATE settlements SET amount = amount + 1 WHERE id = (SELECT max(id) FROM settlements)",
            "altered_settlement",
        ),
        // Nobody collects here, so that nothing has a number yet.
        (
            "exchange",
            "DELETE FROM waiting_routes WHERE sequence = (SELECT min(sequence) FROM waiting_routes)",
            "missing_route",
        ),
        ("clearing", "DELETE FROM postings WHERE sequence = (SELECT max(sequence) FROM postings)", "unbalanced_entry"),
        (
            "clearing",
            "UPDATE accounts SET balance = balance + 1 WHERE sequence = (SELECT min(sequence) FROM accounts)",
            "wrong_balance",
        ),
    ]
    .into_iter()
    .enumerate()
    {
        let changed =
            format!("SET session_replication_role TO replica; SET search_path TO {schema}; {change} RETURNING 1");
        assert_eq!(cluster.sql("city", &changed).unwrap(), "1", "{change}");
        let (code, report) = audit(&city, &folder.path().join(number.to_string()));
        let kinds = report["findings"].as_array().unwrap().iter().map(|finding| &finding["kind"]).collect::<Vec<_>>();
        assert!(code == 3 && kinds.contains(&&kind.into()), "{kind} is not among {kinds:?} after {change}");
    }
    a.stop().await;
    b.stop().await;
}
