//! A city that began on one node with files goes on over PostgreSQL, with several nodes and all that it had.

use std::{fs, process::Command};

use symbolon_api::v1::{Outcome, UploadResponse};
use symbolon_ccks::Sector;

use crate::{
    auditing::audit,
    city::{City, ROLES},
    crash::Offices,
    holder::{self, Holder, settle},
    nodes::{Nodes, cluster},
    office::{all_records, balanced_ledger, create_card, create_terminal},
    program,
    service::Service,
};

const UPLOADS: usize = 5;
const RECORDS: usize = 4;

#[tokio::test(flavor = "multi_thread")]
async fn what_one_node_had_in_files_several_nodes_go_on_with_over_postgresql() {
    let city = City::found();
    let offices = Offices::of(&city);
    let service = Service::start(&city).await;
    let at = offices.connect(&service).await;
    let mut random = holder::random(17);
    let code = create_terminal(&at.metro, &mut random).await.activation_code;
    let mut gate = Holder::enrol(&at.public, &at.authority, &code, &mut random).await;
    let code = create_card(&at.bank, &mut random).await.activation_code;
    let mut card = Holder::enrol(&at.public, &at.authority, &code, &mut random).await;
    let (mut settled, mut known) = (Vec::new(), Vec::new());
    for _ in 0..UPLOADS {
        let records = (0..RECORDS).map(|_| card.pay(&gate, Sector::Transport, 3, &mut random)).collect::<Vec<_>>();
        known.push(records[0]);
        let upload = gate.upload(&records, &mut random);
        settled.push((upload.clone(), settle(&at.public, upload).await));
    }
    service.stop().await;

    let cluster = cluster();
    let folder = tempfile::tempdir().unwrap();
    let copy = folder.path().join("copy");
    let symbolon = |arguments: &[&str]| {
        let mut command = Command::new(program::path());
        command.args(arguments).arg("--config").arg(city.config_file());
        let ran = command.output().unwrap();
        (
            ran.status.success(),
            String::from_utf8_lossy(&ran.stdout).into_owned() + &String::from_utf8_lossy(&ran.stderr),
        )
    };
    let (copied, address) = (copy.to_str().unwrap(), cluster.address("city"));
    let (made, said) = symbolon(&["backup", "--to", copied]);
    assert!(made, "{said}");
    // Its own files, while nothing says that they are to go elsewhere.
    let (loaded, said) = symbolon(&["load", "--from", copied]);
    assert!(!loaded && said.contains("no copy"), "{said}");
    let (loaded, said) = symbolon(&["load", "--from", copied, "--database", &address]);
    assert!(loaded && ROLES.iter().all(|role| said.contains(role)), "{said}");
    let (again, said) = symbolon(&["load", "--from", copied, "--database", &address]);
    assert!(!again && said.contains("is not empty"), "{said}");

    for role in ROLES {
        fs::remove_file(city.home().join(format!("{role}.db"))).unwrap();
    }
    city.configure("database", "address", address);
    city.configure("database", "connections", 4);
    let nodes = Nodes::start(&city, &offices).await;
    let at = &nodes.connections;
    for (number, (upload, answer)) in settled.iter().enumerate() {
        let repeated = settle(&at[number % at.len()].public, upload.clone()).await;
        assert!(repeated.repeated, "an upload was forgotten");
        assert_eq!(UploadResponse { repeated: false, ..repeated }, *answer);
    }
    // What settled does so once, whatever it is sent in; what is new settles, by cards and gates enrolled before and after.
    let code = create_card(&at[1].bank, &mut random).await.activation_code;
    let mut other = Holder::enrol(&at[1].public, &at[1].authority, &code, &mut random).await;
    let fresh =
        [card.pay(&gate, Sector::Transport, 3, &mut random), other.pay(&gate, Sector::Transport, 3, &mut random)];
    let upload = gate.upload(&[known.as_slice(), &fresh].concat(), &mut random);
    let answer = settle(&at[2].public, upload).await;
    let outcomes = answer.outcomes.iter().map(|outcome| outcome.outcome()).collect::<Vec<_>>();
    assert_eq!(outcomes[..UPLOADS], [Outcome::Duplicate; UPLOADS]);
    assert_eq!(outcomes[UPLOADS..], [Outcome::Settled; 2]);
    assert_eq!(all_records(&at[0].court).await.len(), UPLOADS * RECORDS + UPLOADS + 2);
    assert_eq!(balanced_ledger(&at[0].court).await.posting_count as usize, UPLOADS * RECORDS + 2);
    let (code, report) = audit(&city, &folder.path().join("later"));
    assert_eq!((code, &report["finding_count"]), (0, &0.into()), "{report}");
    nodes.stop().await;
}

#[test]
fn settling_is_measured_over_postgresql_and_leaves_nothing_there() {
    let cluster = cluster();
    let address = cluster.address("city");
    let bench = || {
        let mut command = Command::new(program::path());
        command.args([
            "--json",
            "bench",
            "settle",
            "--rows",
            "20",
            "--seconds",
            "60",
            "--records",
            "7",
            "--taps",
            "50",
        ]);
        command.args(["--database", &address]).output().unwrap()
    };
    let ran = bench();
    assert!(ran.status.success(), "{}", String::from_utf8_lossy(&ran.stderr));
    let ran: serde_json::Value = serde_json::from_slice(&ran.stdout).unwrap();
    let run = &ran["runs"][0];
    assert_eq!(
        (&run["database"]["engine"], &run["database"]["settings"]["fsync"]),
        (&"PostgreSQL".into(), &"on".into())
    );
    // An upload of each of eight terminals holds them.
    assert_eq!((&run["rows_before"], &run["records_settled"]), (&20.into(), &56.into()), "{run}");
    for ceiling in ["same_rows_inserted", "same_rows_inserted_side_by_side"] {
        assert!(run[format!("{ceiling}_records_per_second")].as_f64().unwrap() > 0.0, "{run}");
    }
    let sql = |statements: &str| cluster.sql("city", statements).unwrap();
    let schemas = "SELECT string_agg(nspname, ' ') FROM pg_namespace WHERE nspname !~ '^pg_|^information_schema$'";
    assert_eq!(sql(schemas), "public");

    sql("CREATE SCHEMA clearing; CREATE TABLE clearing.somebodys ()");
    let refused = bench();
    let said = String::from_utf8_lossy(&refused.stderr);
    assert!(!refused.status.success() && said.contains("\"clearing\" already exists"), "{said}");
    assert_eq!(sql("SELECT count(*) FROM pg_tables WHERE tablename = 'somebodys'"), "1");
    assert_eq!(sql("SELECT count(*) FROM pg_namespace WHERE nspname = 'exchange'"), "0");
}
