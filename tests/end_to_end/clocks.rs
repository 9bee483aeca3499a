//! A node whose clock is wrong, beside others over the same database.

use crate::{
    city::City,
    crash::{Connections, Offices},
    holder::{self, Holder, settle},
    nodes::{cluster, found},
    office::{all_records, balanced_ledger, create_card, create_terminal},
    service::{Service, connect},
    within_patience,
};
use rand_chacha::ChaCha20Rng;
use rand_core::Rng;
use std::sync::{
    Arc, Mutex,
    atomic::{AtomicI64, Ordering},
};
use symbolon_api::v1::{Outcome, RefusalReason, UploadResponse};
use symbolon_ccks::{Sector, Time};
use symbolon_service::{Clock, Entropy, config::Config, custody::Unlock, server::Running, setup};
use symbolon_tap::Record;
use tonic::transport::Channel;

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
