//! A node whose clock is wrong, beside others over the same database.

use crate::{
    city::{City, ROLES},
    crash::{Connections, Offices},
    holder::{self, Holder, settle},
    nodes::{cluster, found},
    office::{all_records, balanced_ledger, card_request, create_card, create_terminal, get_card},
    service::{Service, connect, metric_at},
    within_patience,
};
use rand_chacha::ChaCha20Rng;
use rand_core::Rng;
use std::sync::{
    Arc, Mutex,
    atomic::{AtomicI64, Ordering},
};
use symbolon_api::v1::{CardState, Outcome, RefusalReason, UploadResponse, card_service_client::CardServiceClient};
use symbolon_ccks::{Sector, Time};
use symbolon_postgres_cluster::Cluster;
use symbolon_service::{Clock, Entropy, config::Config, custody::Unlock, server::Running, setup};
use symbolon_tap::Record;
use tonic::transport::Channel;
use tonic_health::pb::{HealthCheckRequest, health_check_response::ServingStatus, health_client::HealthClient};

const HOUR: i64 = 3_600;
const DAY: i64 = 24 * HOUR;
const RECORDS: usize = 4;

/// The system's clock, and so many seconds.
struct WrongClock(AtomicI64);

impl Clock for WrongClock {
    fn now(&self) -> Time {
        Time::new(holder::now().seconds().saturating_add_signed(self.0.load(Ordering::SeqCst))).unwrap()
    }
}

struct Drawn(Mutex<ChaCha20Rng>);

impl Entropy for Drawn {
    fn fill(&self, bytes: &mut [u8]) {
        self.0.lock().unwrap().fill_bytes(bytes);
    }
}

/// A node in this process, as no other can be given another clock.
async fn start_with(city: &City, clock: Arc<WrongClock>) -> (Running, Channel) {
    let config = Config::read(&city.config_file()).unwrap();
    let unlock = Unlock::key_file(&city.key_file()).unwrap();
    let entropy = Arc::new(Drawn(Mutex::new(holder::random(81))));
    let running = setup::open(&config, &unlock, clock, entropy).await.unwrap().start(&config).await.unwrap();
    let channel = connect(running.public_address().unwrap(), &city.certificate_authority(), None).await.unwrap();
    (running, channel)
}

fn pay(card: &mut Holder, gate: &Holder, random: &mut ChaCha20Rng) -> Vec<Record> {
    (0..RECORDS).map(|_| card.pay(gate, Sector::Transport, 7, random)).collect()
}

fn all(answer: &UploadResponse, outcome: Outcome) -> bool {
    answer.outcomes.len() == RECORDS && answer.outcomes.iter().all(|found| found.outcome() == outcome)
}

/// The same upload everywhere has one answer, and was settled by one.
async fn one_answer_at(channels: &[&Channel], upload: &[u8]) -> UploadResponse {
    let asked = channels.iter().map(|channel| {
        let (channel, upload) = ((*channel).clone(), upload.to_vec());
        tokio::spawn(async move { settle(&channel, upload).await })
    });
    let asked: Vec<_> = asked.collect();
    let mut answers = Vec::new();
    for answer in asked {
        answers.push(answer.await.unwrap());
    }
    assert_eq!(answers.iter().filter(|answer| !answer.repeated).count(), 1, "settled by one");
    answers.iter_mut().for_each(|answer| answer.repeated = false);
    assert!(answers.windows(2).all(|two| two[0] == two[1]), "{answers:?}");
    answers.remove(0)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_node_whose_clock_jumps_loses_nothing_and_settles_nothing_twice() {
    let cluster = cluster();
    let city = found(&cluster.address("city"));
    let offices = Offices::of(&city);
    let services = [Service::start(&city).await, Service::start(&city).await];
    let (first, second) = (offices.connect(&services[0]).await, offices.connect(&services[1]).await);
    let clock = Arc::new(WrongClock(AtomicI64::new(0)));
    let (running, wrong) = start_with(&city, clock.clone()).await;
    let everywhere = [&wrong, &first.public, &second.public];
    let mut random = holder::random(82);
    let (mut card, mut gate) = hire(&first, &mut random).await;
    let mut settled = 0;

    // A record is judged by its own time: a clock that is ahead takes nothing from it, and both nodes agree.
    for ahead in [0, DAY, -HOUR / 12, DAY] {
        clock.0.store(ahead, Ordering::SeqCst);
        for _ in 0..2 {
            let upload = gate.upload(&pay(&mut card, &gate, &mut random), &mut random);
            assert!(all(&one_answer_at(&everywhere, &upload).await, Outcome::Settled), "{ahead} s");
            settled += RECORDS;
        }
    }

    // To a clock that is far behind they are ahead. It says so, and they settle by another upload at another node.
    clock.0.store(-HOUR, Ordering::SeqCst);
    let records = pay(&mut card, &gate, &mut random);
    let upload = gate.upload(&records, &mut random);
    let refused = settle(&wrong, upload.clone()).await;
    assert!(all(&refused, Outcome::Refused), "{refused:?}");
    assert!(refused.outcomes.iter().all(|found| found.refusal_reason() == RefusalReason::TimeAhead));
    let again = settle(&first.public, upload).await;
    assert!(again.repeated && again.acknowledgement == refused.acknowledgement, "another answer at another node");
    let anew = gate.upload(&records, &mut random);
    assert!(all(&settle(&second.public, anew).await, Outcome::Settled));
    settled += RECORDS;
    let anew = gate.upload(&records, &mut random);
    assert!(all(&settle(&wrong, anew).await, Outcome::Duplicate), "what settled elsewhere is known to every clock");

    clock.0.store(0, Ordering::SeqCst);
    let upload = gate.upload(&pay(&mut card, &gate, &mut random), &mut random);
    assert!(all(&one_answer_at(&everywhere, &upload).await, Outcome::Settled));
    settled += RECORDS;

    let records = all_records(&first.court).await;
    assert_eq!(records.iter().filter(|record| record.outcome() == Outcome::Settled).count(), settled);
    let posted = async { while balanced_ledger(&first.court).await.posting_count as usize != settled {} };
    within_patience("each is posted once", posted).await;
    running.shutdown().await.unwrap();
    for service in services {
        service.stop().await;
    }
}

async fn hire(at: &Connections, random: &mut ChaCha20Rng) -> (Holder, Holder) {
    let code = create_card(&at.bank, random).await.activation_code;
    let card = Holder::enrol(&at.public, &at.authority, &code, random).await;
    let code = create_terminal(&at.metro, random).await.activation_code;
    (card, Holder::enrol(&at.public, &at.authority, &code, random).await)
}

/// How many roles' chores somebody holds.
fn held(cluster: &Cluster) -> usize {
    let of = |role: &str| format!("(SELECT count(*) FROM {}.leases)", role.replace('-', "_"));
    let all = ROLES.map(of).join(" + ");
    cluster.sql("city", &format!("SELECT {all}")).unwrap().parse().unwrap()
}

/// Until the node has seen of every role how far its clock is ahead, about.
async fn until_seen(running: &Running, ahead_seconds: i64) {
    let at = running.metrics_address().unwrap();
    let seen = async {
        for role in ROLES {
            let name = format!("symbolon_clock_ahead_seconds{{role=\"{role}\"}}");
            while metric_at(at, &name).await.is_none_or(|shown| (shown - ahead_seconds as f64).abs() > 10.0) {}
        }
    };
    within_patience("the clocks are compared", seen).await;
}

async fn health(at: &Channel, role: &str) -> ServingStatus {
    let request = HealthCheckRequest { service: format!("chores/{role}") };
    HealthClient::new(at.clone()).check(request).await.unwrap().into_inner().status()
}

async fn until_posted(court: &Channel, count: usize) {
    let posted = async { while balanced_ledger(court).await.posting_count as usize != count {} };
    within_patience("it is posted", posted).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_node_whose_clock_is_a_day_ahead_does_no_chores() {
    let cluster = cluster();
    let city = found(&cluster.address("city"));
    city.configure("metrics", "address", "127.0.0.1:0");
    let offices = Offices::of(&city);
    let [teller, judge] = [("issuer", "teller"), ("auditor", "judge")].map(|(role, name)| city.add_client(role, name));
    let right = Service::start(&city).await;
    let mut random = holder::random(83);
    let (mut card, mut gate) = hire(&offices.connect(&right).await, &mut random).await;
    // By the clock that is ahead it has run out.
    let mut brief = card_request(&mut random);
    let until = i64::try_from(holder::now().seconds()).unwrap() + HOUR;
    brief.card.as_mut().unwrap().not_after_time = Some(prost_types::Timestamp { seconds: until, nanos: 0 });
    let brief = CardServiceClient::new(right.private(&teller).await).create_card(brief).await.unwrap().into_inner();
    let brief = brief.card.unwrap().name;

    // It starts with a clock that is wrong, and when the other one stops there is nobody else.
    let clock = Arc::new(WrongClock(AtomicI64::new(DAY)));
    let (running, wrong) = start_with(&city, clock.clone()).await;
    let court = connect(running.private_address(), &judge.authority, Some(&judge)).await.unwrap();
    until_seen(&running, DAY).await;
    right.stop().await;
    clock.0.store(DAY + HOUR, Ordering::SeqCst);
    until_seen(&running, DAY + HOUR).await;
    let upload = gate.upload(&pay(&mut card, &gate, &mut random), &mut random);
    assert!(all(&settle(&wrong, upload).await, Outcome::Settled), "requests are answered");
    for role in ROLES {
        assert_eq!(health(&wrong, role).await, ServingStatus::NotServing, "{role}");
    }
    assert_eq!(held(&cluster), 0, "it does chores");

    // Another one does them.
    let right = Service::start(&city).await;
    until_posted(&court, RECORDS).await;
    assert_eq!(get_card(&right.private(&teller).await, &brief).await.state(), CardState::Pending);
    right.stop().await;

    // Its clock is set right, and then wrong again while it does them.
    clock.0.store(0, Ordering::SeqCst);
    until_seen(&running, 0).await;
    let upload = gate.upload(&pay(&mut card, &gate, &mut random), &mut random);
    assert!(all(&settle(&wrong, upload).await, Outcome::Settled));
    until_posted(&court, 2 * RECORDS).await;
    assert_eq!(health(&wrong, "exchange").await, ServingStatus::Serving);
    clock.0.store(-DAY, Ordering::SeqCst);
    until_seen(&running, -DAY).await;
    assert_eq!(held(&cluster), 0, "it keeps what it cannot do");
    running.shutdown().await.unwrap();
}
