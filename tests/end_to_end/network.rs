//! Networks that stall and crawl: between terminals and the service, and between nodes and their database.

use crate::{
    city::ROLES,
    crash::{Connections, Offices},
    holder::{self, Holder, exchange, send, settle},
    nodes::{NODES, Nodes, cluster, found},
    office::{Town, all_records, balanced_ledger, create_card, create_terminal, reason},
    proxy::Proxy,
    service::{Service, connect},
    within_patience,
};
use rand_chacha::ChaCha20Rng;
use rand_core::Rng;
use symbolon_api::v1::{Outcome, UploadRequest, UploadResponse};
use symbolon_ccks::Sector;
use symbolon_postgres_cluster::USER;
use tokio::{
    sync::{mpsc, watch},
    task::JoinSet,
};
use tokio_stream::wrappers::ReceiverStream;
use tonic::{Code, Status, transport::Channel};

const RECORDS: usize = 32;
/// Records of an upload where the database is slow.
const FEW: usize = 4;

async fn until(what: &str, mut is_so: impl FnMut() -> bool) {
    let awaited = async {
        while !is_so() {
            tokio::task::yield_now().await;
        }
    };
    within_patience(what, awaited).await;
}

fn upload(card: &mut Holder, gate: &mut Holder, count: usize, random: &mut ChaCha20Rng) -> Vec<u8> {
    let records = (0..count).map(|_| card.pay(gate, Sector::Transport, 3, random)).collect::<Vec<_>>();
    gate.upload(&records, random)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_terminal_behind_a_bad_network_loses_nothing_and_pays_nothing_twice() {
    let mut random = holder::random(71);
    let town = Town::start(|city| city.configure("limits", "upload_idle_seconds", 2)).await;
    let (mut card, mut gate) = (town.card(&mut random).await, town.terminal(&mut random).await);
    let proxy = Proxy::to(town.service.public_address().port()).await;
    let reached = || async { connect(proxy.address(), &town.city.certificate_authority(), None).await.unwrap() };
    let mut next = || upload(&mut card, &mut gate, RECORDS, &mut random);

    proxy.slow();
    let crawled = within_patience("a slow upload is answered", settle(&reached().await, next())).await;
    assert!(!crawled.repeated && crawled.outcomes.iter().all(|outcome| outcome.outcome() == Outcome::Settled));
    proxy.heal();

    // The upload does not get through; the service gives the stream up, and serves others meanwhile.
    let stuck = next();
    let (uploads, sent) = mpsc::channel(1);
    let channel = reached().await;
    let mut answers = exchange(&channel).upload(ReceiverStream::new(sent)).await.unwrap().into_inner();
    proxy.stall();
    uploads.send(UploadRequest { upload: stuck.clone() }).await.unwrap();
    until("the upload is on its way", || proxy.held() >= 1).await;
    assert!(!settle(&town.public, next()).await.repeated);
    // Nothing has reached the service since, so what it says now is that it gave the stream up.
    until("the stream is given up", || proxy.held() == 2).await;
    proxy.heal();
    // What was held back comes through now, and is too late.
    let late = within_patience("the stream ends", answers.message()).await.unwrap_err();
    assert_eq!((late.code(), reason(&late).as_str()), (Code::DeadlineExceeded, "PAUSED_TOO_LONG"), "{late:?}");
    assert!(!settle(&town.public, stuck).await.repeated, "a stream that was given up was settled");

    // The upload gets through and the answer does not: the terminal does not know, and asks again elsewhere.
    let known = all_records(&town.court).await.len();
    let unanswered = next();
    let (uploads, sent) = mpsc::channel(1);
    let channel = reached().await;
    let mut answers = exchange(&channel).upload(ReceiverStream::new(sent)).await.unwrap().into_inner();
    proxy.stall_answers();
    uploads.send(UploadRequest { upload: unanswered.clone() }).await.unwrap();
    let settled = async { while all_records(&town.court).await.len() == known {} };
    within_patience("it is settled though nobody is told", settled).await;
    assert!(settle(&town.public, unanswered).await.repeated);
    drop(uploads);
    proxy.heal();
    let told = within_patience("the answer comes late", answers.message()).await.unwrap().unwrap();
    assert!(!told.repeated, "the first to ask is told that it was settled");

    assert_eq!(all_records(&town.court).await.len(), 4 * RECORDS);
    assert_eq!(balanced_ledger(&town.court).await.posting_count as usize, 4 * RECORDS);
    town.service.stop().await;
}

/// The address of a database behind a proxy.
fn behind(proxy: &Proxy) -> String {
    let (host, port) = (proxy.address().ip(), proxy.address().port());
    format!("host={host} port={port} user={USER} dbname=city")
}

/// A card and a gate that upload at one node.
struct Passenger {
    card: Holder,
    gate: Holder,
    at: Channel,
    random: ChaCha20Rng,
}

impl Passenger {
    async fn of(first: &Connections, at: &Connections, random: &mut ChaCha20Rng) -> Self {
        let code = create_terminal(&first.metro, random).await.activation_code;
        let gate = Holder::enrol(&first.public, &first.authority, &code, random).await;
        let code = create_card(&first.bank, random).await.activation_code;
        let card = Holder::enrol(&first.public, &first.authority, &code, random).await;
        Self { card, gate, at: at.public.clone(), random: holder::random(random.next_u64()) }
    }

    fn next(&mut self) -> Vec<u8> {
        upload(&mut self.card, &mut self.gate, FEW, &mut self.random)
    }

    /// Uploads one after the other until told to stop, and says so whenever one is answered; every one of them.
    async fn upload_until(mut self, stop: watch::Receiver<bool>, answered: mpsc::UnboundedSender<()>) -> Vec<Vec<u8>> {
        let mut uploads = Vec::new();
        while !*stop.borrow() {
            let upload = self.next();
            let answer = settle(&self.at, upload.clone()).await;
            assert!(!answer.repeated && is_settled(&answer), "{answer:?}");
            uploads.push(upload);
            let _ = answered.send(());
        }
        uploads
    }

    /// Uploads one after the other until one is not answered; says how many were, and gives the one that was not and why.
    async fn upload_until_refused(&mut self, answered: mpsc::UnboundedSender<()>) -> (Vec<Vec<u8>>, Vec<u8>, Status) {
        let mut uploads = Vec::new();
        loop {
            let upload = self.next();
            match send(&self.at, vec![upload.clone()]).await {
                (_, Some(status)) => return (uploads, upload, status),
                (answers, None) => assert!(!answers[0].repeated && is_settled(&answers[0]), "{answers:?}"),
            }
            uploads.push(upload);
            let _ = answered.send(());
        }
    }
}

fn is_settled(answer: &UploadResponse) -> bool {
    answer.outcomes.iter().all(|outcome| outcome.outcome() == Outcome::Settled)
}

/// Holds that there is each of these uploads, once, and that it is posted once.
async fn each_is_there_once(at: &Connections, uploads: &[Vec<u8>]) {
    assert_eq!(all_records(&at.court).await.len(), uploads.len() * FEW);
    for upload in uploads {
        let again = settle(&at.public, upload.clone()).await;
        assert!(again.repeated && is_settled(&again), "{again:?}");
    }
    let posted = async { while balanced_ledger(&at.court).await.posting_count as usize != uploads.len() * FEW {} };
    within_patience("each is posted once", posted).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_database_that_stalls_and_crawls_is_waited_for() {
    let cluster = cluster();
    let proxy = Proxy::to(cluster.port()).await;
    let city = found(&behind(&proxy));
    let offices = Offices::of(&city);
    let nodes = Nodes::start(&city, &offices).await;
    let mut random = holder::random(72);
    let first = &nodes.connections[0];
    let (answered, mut answers) = mpsc::unbounded_channel();
    let (stop, stopped) = watch::channel(false);
    let mut uploading = JoinSet::new();
    for node in &nodes.connections {
        let passenger = Passenger::of(first, node, &mut random).await;
        uploading.spawn(passenger.upload_until(stopped.clone(), answered.clone()));
    }
    drop(answered);
    for _ in 0..2 {
        for stall in [Proxy::stall, Proxy::stall_answers] {
            stall(&proxy);
            until("somebody waits, in the middle of something", || proxy.held() > 0).await;
            // What was answered before does not count.
            while answers.try_recv().is_ok() {}
            proxy.heal();
            within_patience("it goes on", answers.recv()).await.expect("somebody uploads");
        }
        proxy.slow();
        while answers.try_recv().is_ok() {}
        for _ in 0..NODES {
            within_patience("a slow database is waited for", answers.recv()).await.expect("somebody uploads");
        }
        proxy.heal();
    }
    stop.send_replace(true);
    let uploads = within_patience("all is answered", uploading.join_all()).await.concat();
    each_is_there_once(&nodes.connections[2], &uploads).await;
    nodes.stop().await;
}

/// The threads of a process that have or had a connection to the database.
fn threads(service: &Service) -> usize {
    let all = std::fs::read_dir(format!("/proc/{}/task", service.process())).unwrap();
    let name =
        |thread: std::io::Result<std::fs::DirEntry>| std::fs::read_to_string(thread.ok()?.path().join("comm")).ok();
    all.filter_map(name).filter(|name| name.starts_with("symbolon-postgr")).count()
}

/// A server that hangs looks the same: everything sent is acknowledged, and nothing is ever answered.
#[tokio::test(flavor = "multi_thread")]
async fn a_database_that_swallows_everything_is_given_up_and_gone_back_to() {
    const CONNECTIONS: usize = 4;
    let cluster = cluster();
    let proxy = Proxy::to(cluster.port()).await;
    let city = found(&format!("{} connect_timeout=1", behind(&proxy)));
    city.configure("database", "connections", CONNECTIONS as i64);
    city.configure("database", "statement_seconds", 3);
    city.configure("database", "silence_seconds", 1);
    let offices = Offices::of(&city);
    let service = Service::start(&city).await;
    let at = offices.connect(&service).await;
    let mut random = holder::random(73);
    let mut passengers = Vec::new();
    // More than there are connections: none is left for those who come later.
    for _ in 0..CONNECTIONS + 2 {
        passengers.push(Passenger::of(&at, &at, &mut random).await);
    }
    let mut all = Vec::new();
    for swallow in [Proxy::stall_answers, Proxy::stall] {
        let (answered, mut answers) = mpsc::unbounded_channel();
        let mut uploading = JoinSet::new();
        for mut passenger in passengers.drain(..) {
            let answered = answered.clone();
            uploading.spawn(async move { (passenger.upload_until_refused(answered).await, passenger) });
        }
        within_patience("some are answered", answers.recv()).await.unwrap();
        swallow(&proxy);
        let refused = within_patience("everybody is told", uploading.join_all()).await;
        let mut unanswered = Vec::new();
        for ((settled, upload, status), passenger) in refused {
            assert_eq!(
                (status.code(), reason(&status).as_str()),
                (Code::Unavailable, "STORAGE_UNAVAILABLE"),
                "{status:?}"
            );
            all.extend(settled);
            unanswered.push(upload);
            passengers.push(passenger);
        }
        assert!((1..=ROLES.len() * CONNECTIONS).contains(&threads(&service)), "{} threads", threads(&service));
        proxy.heal();
        // What was held back comes through now, commits among it, for nobody.
        for upload in unanswered {
            let answer = async {
                loop {
                    match send(&at.public, vec![upload.clone()]).await {
                        (answers, None) => break answers,
                        (_, Some(status)) => assert_eq!(reason(&status), "STORAGE_UNAVAILABLE", "{status:?}"),
                    }
                }
            };
            let answer = within_patience("it goes on at the same node", answer).await.remove(0);
            assert!(is_settled(&answer), "{answer:?}");
            all.push(upload);
        }
    }
    each_is_there_once(&at, &all).await;
    assert!(threads(&service) <= ROLES.len() * CONNECTIONS, "{} threads", threads(&service));
    let theirs = "SELECT count(*) FROM pg_stat_activity WHERE application_name = 'symbolon'";
    let few = || cluster.sql("city", theirs).unwrap().parse::<usize>().unwrap() <= ROLES.len() * CONNECTIONS;
    until("the connections that were given up are gone", few).await;
    service.stop().await;
}
