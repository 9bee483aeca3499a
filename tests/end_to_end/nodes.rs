//! Three nodes over one PostgreSQL database: they give the same answers, and whichever of them is killed, and however often
//! the database goes away, what was answered stays and nothing happens twice.

use crate::{
    PATIENCE,
    city::City,
    crash::{Connections, Offices, Unanswered, Workers},
    holder::{self, Holder, settle},
    office::{all_records, balanced_ledger, create_card, create_terminal},
    proxy::Proxy,
    service::Service,
};
use rand_chacha::ChaCha20Rng;
use rand_core::Rng;
use std::time::Instant;
use symbolon_api::v1::{
    ListAccountsRequest, ListCardsRequest, ListRecordsRequest, Outcome, UploadResponse,
    card_service_client::CardServiceClient, exchange_service_client::ExchangeServiceClient,
    ledger_service_client::LedgerServiceClient,
};
use symbolon_ccks::Sector;
use symbolon_postgres_cluster::{Cluster, USER};

pub(crate) const NODES: usize = 3;
const SEED: u64 = 20_260_301;
/// In one round each of the nodes is killed once.
const ROUNDS: u32 = 3;
const ROUNDS_WHEN_LONG: u32 = 34;
const OUTAGES: u32 = 3;
const OUTAGES_WHEN_LONG: u32 = 100;

fn rounds(short: u32, long: u32) -> u32 {
    if std::env::var_os("SYMBOLON_LONG").is_some() { long } else { short }
}

/// A database on a server that keeps its word through a kill.
pub(crate) fn cluster() -> Cluster {
    let cluster = Cluster::start_with(&["fsync=on", "listen_addresses=127.0.0.1"]).unwrap();
    cluster.create_database("city").unwrap();
    cluster
}

/// A city of nodes that each take part of the server's connections.
pub(crate) fn found(database: &str) -> City {
    let city = City::found_over(database);
    city.configure("database", "connections", 4);
    city
}

pub(crate) struct Nodes {
    services: Vec<Service>,
    pub(crate) connections: Vec<Connections>,
}

impl Nodes {
    pub(crate) async fn start(city: &City, offices: &Offices) -> Self {
        let mut nodes = Self { services: Vec::new(), connections: Vec::new() };
        for _ in 0..NODES {
            nodes.add(city, offices).await;
        }
        nodes
    }

    async fn add(&mut self, city: &City, offices: &Offices) {
        let service = Service::start(city).await;
        self.connections.push(offices.connect(&service).await);
        self.services.push(service);
    }

    /// Takes one away, drawn by lot.
    fn take(&mut self, random: &mut ChaCha20Rng) -> (Service, Connections) {
        let place = random.next_u32() as usize % self.services.len();
        (self.services.remove(place), self.connections.remove(place))
    }

    pub(crate) async fn stop(self) {
        for service in self.services {
            service.stop().await;
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_same_upload_at_two_nodes_settles_once_and_has_one_answer() {
    let cluster = cluster();
    let city = found(&cluster.address("city"));
    let offices = Offices::of(&city);
    let nodes = Nodes::start(&city, &offices).await;
    let mut random = holder::random(SEED);
    let [a, b, c] = &nodes.connections[..] else { unreachable!() };
    let code = create_terminal(&a.metro, &mut random).await.activation_code;
    let mut gate = Holder::enrol(&a.public, &a.authority, &code, &mut random).await;
    let mut cards = Vec::new();
    for _ in 0..3 {
        let code = create_card(&a.bank, &mut random).await.activation_code;
        cards.push(Holder::enrol(&a.public, &a.authority, &code, &mut random).await);
    }
    let mut count = 0;
    for _ in 0..10 {
        let pay = |card: &mut Holder| card.pay(&gate, Sector::Transport, 1 + random.next_u32() % 100, &mut random);
        let records = cards.iter_mut().map(pay).collect::<Vec<_>>();
        count += records.len();
        let upload = gate.upload(&records, &mut random);
        let send = |at: &Connections| {
            let (channel, upload) = (at.public.clone(), upload.clone());
            tokio::spawn(async move { settle(&channel, upload).await })
        };
        let (at_a, at_b) = (send(a), send(b));
        let (at_a, at_b) = (at_a.await.unwrap(), at_b.await.unwrap());
        assert!(at_a.repeated != at_b.repeated, "settled by both, or by none: {at_a:?}");
        let plain = |answer| UploadResponse { repeated: false, ..answer };
        let (at_a, at_b) = (plain(at_a), plain(at_b));
        assert_eq!(at_a, at_b);
        assert!(at_a.outcomes.iter().all(|outcome| outcome.outcome() == Outcome::Settled), "{at_a:?}");
        assert_eq!(plain(settle(&c.public, upload).await), at_a);
    }
    for node in &nodes.connections {
        assert_eq!(balanced_ledger(&node.court).await.posting_count as usize, count);
        assert_eq!(all_records(&node.court).await.len(), count);
    }
    pages_go_on_at_another_node(a, b).await;
    nodes.stop().await;
}

/// Of every role that lists something.
async fn pages_go_on_at_another_node(first: &Connections, second: &Connections) {
    let request = |page_token| ListCardsRequest { page_size: 1, page_token };
    let (mut at_first, mut at_second) =
        (CardServiceClient::new(first.bank.clone()), CardServiceClient::new(second.bank.clone()));
    let token = at_first.list_cards(request(String::new())).await.unwrap().into_inner().next_page_token;
    let here = at_first.list_cards(request(token.clone())).await.unwrap().into_inner();
    assert_eq!(at_second.list_cards(request(token)).await.unwrap().into_inner(), here);

    let request = |page_token| ListRecordsRequest { page_size: 1, page_token, ..ListRecordsRequest::default() };
    let (mut at_first, mut at_second) =
        (ExchangeServiceClient::new(first.court.clone()), ExchangeServiceClient::new(second.court.clone()));
    let token = at_first.list_records(request(String::new())).await.unwrap().into_inner().next_page_token;
    let here = at_first.list_records(request(token.clone())).await.unwrap().into_inner();
    assert_eq!(at_second.list_records(request(token)).await.unwrap().into_inner(), here);

    let request = |page_token| ListAccountsRequest { page_size: 1, page_token };
    let (mut at_first, mut at_second) =
        (LedgerServiceClient::new(first.court.clone()), LedgerServiceClient::new(second.court.clone()));
    let token = at_first.list_accounts(request(String::new())).await.unwrap().into_inner().next_page_token;
    let here = at_first.list_accounts(request(token.clone())).await.unwrap().into_inner();
    assert_eq!(at_second.list_accounts(request(token)).await.unwrap().into_inner(), here);
}

#[tokio::test(flavor = "multi_thread")]
async fn whichever_node_is_killed_nothing_is_lost_and_nothing_happens_twice() {
    let cluster = cluster();
    let city = found(&cluster.address("city"));
    let offices = Offices::of(&city);
    let mut random = holder::random(SEED);
    let mut nodes = Nodes::start(&city, &offices).await;
    let mut companies = Vec::new();
    for connections in &nodes.connections {
        companies.push(Workers::hire(2, connections, &mut random).await);
    }
    let mut unanswered = Unanswered::default();
    for _ in 0..rounds(ROUNDS, ROUNDS_WHEN_LONG) {
        let mut killing = Vec::new();
        for company in companies.drain(..) {
            let (service, connections) = nodes.take(&mut random);
            let mut random = holder::random(random.next_u64());
            killing
                .push(tokio::spawn(async move { company.work_until(&connections, service.kill(), &mut random).await }));
        }
        // Whoever is done first goes on at a new node, while the nodes of the others are still killed.
        for killed in killing {
            let mut company = killed.await.unwrap();
            nodes.add(&city, &offices).await;
            unanswered += company.catch_up(nodes.connections.last().unwrap()).await;
            companies.push(company);
        }
        let all = Workers::merged(companies.drain(..));
        balanced_ledger(&nodes.connections[0].court).await;
        companies = all.divided(NODES);
    }
    let mut all = Workers::merged(companies);
    all.await_postings(&nodes.connections[1]).await;
    all.check_everything(&nodes.connections[1]).await;
    nodes.stop().await;
    println!("{} records settled; requests left unanswered: {unanswered:?}", all.records());
    assert!(unanswered.done + unanswered.not_done > 0, "the kills interrupted nothing");
}

/// Everybody works at all nodes until `down` has taken the database away; after `up` they ask again, at other nodes, none of
/// which was started anew.
async fn outlive_outages(city: &City, mut down: impl FnMut(), mut up: impl FnMut()) {
    let offices = Offices::of(city);
    let mut random = holder::random(SEED);
    let mut nodes = Nodes::start(city, &offices).await;
    let mut companies = Vec::new();
    for connections in &nodes.connections {
        companies.push(Workers::hire(2, connections, &mut random).await);
    }
    let mut unanswered = Unanswered::default();
    for _ in 0..rounds(OUTAGES, OUTAGES_WHEN_LONG) {
        let (begin, begun) = tokio::sync::watch::channel(false);
        let mut working = Vec::new();
        let first = companies.remove(0);
        for (company, connections) in companies.drain(..).zip(&nodes.connections[1..]) {
            let (connections, mut begun) = (connections.clone(), begun.clone());
            let mut random = holder::random(random.next_u64());
            working.push(tokio::spawn(async move {
                let fault = async { drop(begun.wait_for(|begun| *begun).await) };
                company.work_until(&connections, fault, &mut random).await
            }));
        }
        // The others wait for the fault of this one.
        let fault = async {
            down();
            begin.send_replace(true);
        };
        companies.push(first.work_until(&nodes.connections[0], fault, &mut random).await);
        for company in working {
            companies.push(company.await.unwrap());
        }
        up();
        nodes.connections.rotate_left(1);
        let mut all = Workers::merged(companies.drain(..));
        unanswered += all.catch_up(&nodes.connections[0]).await;
        balanced_ledger(&nodes.connections[1].court).await;
        companies = all.divided(NODES);
    }
    let mut all = Workers::merged(companies);
    all.await_postings(&nodes.connections[0]).await;
    all.check_everything(&nodes.connections[0]).await;
    nodes.stop().await;
    println!("{} records settled; requests left unanswered: {unanswered:?}", all.records());
    assert!(unanswered.done + unanswered.not_done > 0, "the outages interrupted nothing");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_database_that_is_killed_comes_back_with_all_that_was_answered() {
    let cluster = std::sync::Mutex::new(cluster());
    let city = found(&cluster.lock().unwrap().address("city"));
    outlive_outages(&city, || cluster.lock().unwrap().kill().unwrap(), || cluster.lock().unwrap().restart().unwrap())
        .await;
}

/// Every other time they stall first, so that what is on its way is lost, commits and their answers among it.
#[tokio::test(flavor = "multi_thread")]
async fn connections_to_the_database_may_stall_and_be_cut_anywhere() {
    let cluster = cluster();
    let proxy = Proxy::to(cluster.port()).await;
    let (host, port) = (proxy.address().ip(), proxy.address().port());
    let city = found(&format!("host={host} port={port} user={USER} dbname=city"));
    let mut stalls = false;
    let down = || {
        stalls = !stalls;
        if stalls {
            proxy.stall();
            let began = Instant::now();
            while proxy.held() == 0 {
                assert!(began.elapsed() < PATIENCE, "nobody asks the database");
                std::thread::yield_now();
            }
        }
        proxy.cut();
    };
    outlive_outages(&city, down, || proxy.heal()).await;
}
