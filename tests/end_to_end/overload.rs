//! More uploads than the service can settle: the excess is refused with a time to come again, and settles then.

mod rush;

use crate::{
    city::City,
    holder::{self, send, settle},
    office::{Town, all_records, balanced_ledger, create_card, create_terminal, reason},
    program, within_patience,
};
use rusqlite::Connection;
use std::{
    process::{Output, Stdio},
    time::Duration,
};
use symbolon_api::v1::{Outcome, UploadResponse};
use symbolon_ccks::Sector;
use tokio::{process::Command, sync::mpsc, task::JoinSet};
use tonic::{Code, Status, transport::Channel};
use tonic_types::StatusExt;

const CLIENTS: usize = 8;
const RECORDS: usize = 8;
/// So many uploads are let in.
const LET_IN: usize = 3;
/// So many records are let in: an upload of one, with all that is around it, is no large one and does not wait at the door.
const ROOM: usize = 64;

const REFUSED: &str = "symbolon_uploads_refused_total";
const IN_FLIGHT: &str = "symbolon_records_in_flight";

fn configure(city: &City, records: usize) {
    city.configure("limits", "records", records as i64);
    city.configure("metrics", "address", "127.0.0.1:0");
}

/// As another program that writes to the database: until it goes, the service writes nothing.
struct Obstacle {
    database: Connection,
}

impl Obstacle {
    fn before(city: &City) -> Self {
        let database = Connection::open(city.home().join("exchange.db")).unwrap();
        database.busy_timeout(Duration::from_secs(30)).unwrap();
        database.execute_batch("BEGIN IMMEDIATE").unwrap();
        Self { database }
    }

    fn remove(self) {
        self.database.execute_batch("ROLLBACK").unwrap();
    }
}

/// The time after which to come again. The obstacle may have been in the way for longer than the service waits for its
/// database, and whoever was let in is sent away too.
fn advised(status: &Status) -> Duration {
    let refused = [(Code::ResourceExhausted, "OVERLOADED"), (Code::Unavailable, "STORAGE_UNAVAILABLE")];
    assert!(refused.contains(&(status.code(), reason(status).as_str())), "{status:?}");
    let advised = status.get_details_retry_info().unwrap().retry_delay.unwrap();
    assert!((Duration::from_secs(1)..=Duration::from_secs(30)).contains(&advised), "{advised:?}");
    advised
}

/// Sends an upload until it is answered, each time after the time advised; how often it was refused for overload goes to
/// `refusals`, one by one.
async fn send_until_answered(channel: Channel, upload: Vec<u8>, refusals: mpsc::UnboundedSender<()>) -> UploadResponse {
    loop {
        let (mut answers, status) = send(&channel, vec![upload.clone()]).await;
        let Some(status) = status else { return answers.remove(0) };
        if status.code() == Code::ResourceExhausted {
            let _ = refusals.send(());
        }
        tokio::time::sleep(advised(&status)).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_refused_for_overload_settles_once_when_it_is_sent_again() {
    let mut random = holder::random(61);
    let town = Town::start(|city| configure(city, LET_IN * RECORDS)).await;
    let (mut card, mut gate) = (town.card(&mut random).await, town.terminal(&mut random).await);
    let mut uploads = Vec::new();
    for _ in 0..CLIENTS {
        let records = (0..RECORDS).map(|_| card.pay(&gate, Sector::Transport, 5, &mut random)).collect::<Vec<_>>();
        uploads.push(gate.upload(&records, &mut random));
    }
    let obstacle = Obstacle::before(&town.city);
    let (refused, mut refusals) = mpsc::unbounded_channel();
    let mut clients = JoinSet::new();
    for upload in &uploads {
        clients.spawn(send_until_answered(town.service.public().await, upload.clone(), refused.clone()));
    }
    for _ in LET_IN..CLIENTS {
        within_patience("the excess is refused", refusals.recv()).await.unwrap();
    }
    assert!(town.service.metric(REFUSED).await >= (CLIENTS - LET_IN) as f64);
    assert!(town.service.metric(IN_FLIGHT).await <= (LET_IN * RECORDS) as f64);
    obstacle.remove();

    let answers = within_patience("all are answered", clients.join_all()).await;
    for answer in answers {
        assert!(!answer.repeated && answer.outcomes.iter().all(|outcome| outcome.outcome() == Outcome::Settled));
    }
    for upload in uploads {
        assert!(settle(&town.public, upload).await.repeated);
    }
    assert_eq!(all_records(&town.court).await.len(), CLIENTS * RECORDS);
    assert_eq!(balanced_ledger(&town.court).await.posting_count as usize, CLIENTS * RECORDS);
    assert_eq!(town.service.metric(IN_FLIGHT).await, 0.0);
    town.service.stop().await;
}

async fn run(arguments: &[&str], town: &Town) -> Output {
    let mut command = Command::new(program::path());
    command.current_dir(town.city.home()).arg("--json").args(arguments).stdin(Stdio::null()).kill_on_drop(true);
    within_patience("a command ends", command.output()).await.unwrap()
}

/// The program itself comes again as it is told.
#[tokio::test(flavor = "multi_thread")]
async fn a_terminal_that_is_told_to_come_again_does() {
    let mut random = holder::random(62);
    let town = Town::start(|city| configure(city, ROOM)).await;
    let (mut card, mut gate) = (town.card(&mut random).await, town.terminal(&mut random).await);
    let records = (0..ROOM).map(|_| card.pay(&gate, Sector::Transport, 5, &mut random)).collect::<Vec<_>>();
    let first = gate.upload(&records, &mut random);
    let trust = trust_of(&town);
    let card_code = create_card(&town.bank, &mut random).await.activation_code;
    let gate_code = create_terminal(&town.metro, &mut random).await.activation_code;
    for arguments in [
        ["card", "enrol", "my-card", "--trust", &trust, "--code", &card_code].as_slice(),
        &["terminal", "enrol", "gate-1", "--trust", &trust, "--code", &gate_code],
        &["card", "pay", "my-card", "--named", "--terminal", "gate-1", "--amount", "250", "--reference", "ticket"],
    ] {
        let done = run(arguments, &town).await;
        assert!(done.status.success(), "{}", String::from_utf8_lossy(&done.stderr));
    }

    let obstacle = Obstacle::before(&town.city);
    let (refused, _refusals) = mpsc::unbounded_channel();
    let waits = tokio::spawn(send_until_answered(town.public.clone(), first, refused));
    let let_in = async { while town.service.metric(IN_FLIGHT).await < 1.0 {} };
    within_patience("the first upload is let in", let_in).await;
    let uploading = async {
        let done = run(&["terminal", "upload", "gate-1"], &town).await;
        assert!(done.status.success(), "{}", String::from_utf8_lossy(&done.stderr));
        serde_json::from_slice::<serde_json::Value>(&done.stdout).unwrap()
    };
    let obstructing = async {
        let seen = async { while town.service.metric(REFUSED).await < 1.0 {} };
        within_patience("the terminal is refused", seen).await;
        obstacle.remove();
    };
    let (said, ()) = tokio::join!(uploading, obstructing);
    assert_eq!((&said["uploads"], &said["settled"]), (&1.into(), &1.into()), "{said}");
    assert!(!within_patience("the first is answered", waits).await.unwrap().repeated);
    assert_eq!(balanced_ledger(&town.court).await.posting_count as usize, ROOM + 1);
    town.service.stop().await;
}

/// The file that wallets and terminals are made with, with the port that the service got.
fn trust_of(town: &Town) -> String {
    let text = std::fs::read_to_string(town.city.home().join("trust.toml")).unwrap();
    let mut trust: toml::Table = text.parse().unwrap();
    trust.insert("service".to_owned(), format!("https://{}", town.service.public_address()).into());
    let path = town.city.home().join("trust-here.toml");
    std::fs::write(&path, trust.to_string()).unwrap();
    path.to_str().unwrap().to_owned()
}
