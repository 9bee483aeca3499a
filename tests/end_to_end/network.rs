//! Networks that stall and crawl: between terminals and the service, and between nodes and their database.

use crate::{
    PATIENCE,
    crash::Offices,
    holder::{self, Holder, exchange, settle},
    nodes::{Nodes, cluster, found},
    office::{Town, all_records, balanced_ledger, create_card, create_terminal},
    proxy::Proxy,
    service::connect,
    within_patience,
};
use rand_chacha::ChaCha20Rng;
use symbolon_api::v1::{Outcome, UploadRequest};
use symbolon_ccks::Sector;
use symbolon_postgres_cluster::USER;
use tokio::{sync::mpsc, task::JoinSet};
use tokio_stream::wrappers::ReceiverStream;

const RECORDS: usize = 32;
/// Records of an upload where the database is slow.
const FEW: usize = 4;
const UPLOADS: usize = 8;

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
    let town = Town::start(|city| city.configure("limits", "upload_idle_seconds", 1)).await;
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
    until("the upload is on its way", || proxy.held() > 0).await;
    assert!(!settle(&town.public, next()).await.repeated);
    proxy.heal();
    // What was held back comes through now, and is settled unless the stream was given up before.
    let late = within_patience("the stream goes on or ends", answers.message()).await;
    let again = settle(&town.public, stuck).await;
    assert_eq!(again.repeated, late.is_ok(), "{late:?}");

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

/// Uploads one after the other; says so whenever one is answered.
async fn upload_all(
    channel: tonic::transport::Channel,
    uploads: Vec<Vec<u8>>,
    answered: mpsc::UnboundedSender<()>,
) -> Vec<Vec<u8>> {
    for upload in &uploads {
        let answer = settle(&channel, upload.clone()).await;
        assert!(!answer.repeated && answer.outcomes.iter().all(|outcome| outcome.outcome() == Outcome::Settled));
        let _ = answered.send(());
    }
    uploads
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
    let mut uploading = JoinSet::new();
    for node in &nodes.connections {
        let code = create_terminal(&first.metro, &mut random).await.activation_code;
        let mut gate = Holder::enrol(&first.public, &first.authority, &code, &mut random).await;
        let code = create_card(&first.bank, &mut random).await.activation_code;
        let mut card = Holder::enrol(&first.public, &first.authority, &code, &mut random).await;
        let uploads = (0..UPLOADS).map(|_| upload(&mut card, &mut gate, FEW, &mut random)).collect();
        uploading.spawn(upload_all(node.public.clone(), uploads, answered.clone()));
    }
    drop(answered);
    for _ in 0..2 {
        for stall in [Proxy::stall, Proxy::stall_answers] {
            stall(&proxy);
            until("somebody waits, in the middle of something", || proxy.held() > 0).await;
            proxy.heal();
            within_patience("it goes on", answers.recv()).await;
        }
        proxy.slow();
        for _ in 0..2 {
            within_patience("a slow database is waited for", answers.recv()).await;
        }
        proxy.heal();
    }
    let uploads = within_patience("all is answered", uploading.join_all()).await.concat();
    let [a, .., c] = &nodes.connections[..] else { unreachable!() };
    assert_eq!(all_records(&a.court).await.len(), uploads.len() * FEW);
    for upload in &uploads {
        assert!(settle(&c.public, upload.clone()).await.repeated);
    }
    let posted = async { while balanced_ledger(&a.court).await.posting_count as usize != uploads.len() * FEW {} };
    tokio::time::timeout(PATIENCE, posted).await.expect("each is posted once");
    nodes.stop().await;
}
