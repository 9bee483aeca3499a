//! Twice what the service can take, for a minute: minutes long, so only when asked for, and only optimised worth its time.

use super::{IN_FLIGHT, REFUSED, send_until_answered};
use crate::{
    city::City,
    holder::{self, Holder, send, settle},
    office::{Town, balanced_ledger},
};
use rand_core::Rng;
use std::{
    collections::VecDeque,
    sync::Arc,
    time::{Duration, Instant},
};
use symbolon_api::v1::Outcome;
use symbolon_ccks::Sector;
use tokio::{
    sync::{Mutex, mpsc},
    task::JoinSet,
    time::MissedTickBehavior,
};
use tonic::transport::Channel;

/// Room for what is settled in so long, and for as much as is under way while that is measured.
const ROOM_SECONDS: f64 = 2.0;
const UPLOAD_RECORDS: usize = 100;
const MEASURED_UPLOADS: usize = 4_000;
const MEASURING: Duration = Duration::from_secs(15);
const RUSH: Duration = Duration::from_secs(60);
/// So many times what it settled while that was measured the service may settle in the rush: so much is signed.
const MOST_SETTLED: f64 = 1.5;
/// Uploads under way while the capacity is measured.
const AT_WORK: usize = 8;
const CHANNELS: usize = 8;
/// Threads that sign.
const SIGNERS: u64 = 2;
/// What each role keeps of its file in memory: little, so that it is full when memory is looked at.
const CACHE_MIB: i64 = 16;
/// After so long into the rush memory should not grow any more.
const WARM: Duration = Duration::from_secs(20);
const MOST_GROWTH_MIB: f64 = 48.0;

/// Uploads of terminals and cards of their own, signed ahead.
async fn sign(town: &Town, count: usize) -> Vec<Vec<u8>> {
    let mut signing = JoinSet::new();
    for signer in 0..SIGNERS {
        let mut random = holder::random(1_000 * signer + count as u64);
        let (mut cards, mut gate) = (Vec::new(), town.terminal(&mut random).await);
        for _ in 0..16 {
            cards.push(town.card(&mut random).await);
        }
        signing.spawn_blocking(move || {
            let mut pay = |gate: &Holder| {
                let card = random.next_u32() as usize % cards.len();
                cards[card].pay(gate, Sector::Transport, 1, &mut random)
            };
            let mut drawn = holder::random(signer);
            let uploads = (0..count.div_ceil(SIGNERS as usize)).map(|_| {
                let records = (0..UPLOAD_RECORDS).map(|_| pay(&gate)).collect::<Vec<_>>();
                gate.upload(&records, &mut drawn)
            });
            uploads.collect::<Vec<_>>()
        });
    }
    signing.join_all().await.into_iter().flatten().collect()
}

/// Records settled a second when there are always some uploads under way, and no more.
async fn capacity(channels: &[Channel], uploads: Vec<Vec<u8>>) -> (f64, Vec<Vec<u8>>) {
    let (began, waiting) = (Instant::now(), Arc::new(Mutex::new(uploads)));
    let mut clients = JoinSet::new();
    for place in 0..AT_WORK {
        let (channel, waiting) = (channels[place % CHANNELS].clone(), waiting.clone());
        clients.spawn(async move {
            let mut settled = Vec::new();
            while began.elapsed() < MEASURING {
                let Some(upload) = waiting.lock().await.pop() else { break };
                assert!(!settle(&channel, upload.clone()).await.repeated);
                settled.push(upload);
            }
            settled
        });
    }
    let settled = clients.join_all().await.into_iter().flatten().collect::<Vec<_>>();
    ((settled.len() * UPLOAD_RECORDS) as f64 / began.elapsed().as_secs_f64(), settled)
}

/// Uploads still to be sent, the next one first.
type Waiting = Arc<Mutex<VecDeque<Vec<u8>>>>;

/// What became of the rush.
struct Rush {
    /// How long each upload that was settled took.
    latencies: Vec<Duration>,
    settled: Vec<Vec<u8>>,
    refusals: usize,
}

/// Sends so many uploads a second, whatever becomes of them; one that is refused is sent again after all others.
async fn rush(channels: &[Channel], waiting: &Waiting, per_second: f64) -> Rush {
    let mut ticks = tokio::time::interval(Duration::from_secs_f64(1.0 / per_second));
    ticks.set_missed_tick_behavior(MissedTickBehavior::Burst);
    let mut sending = JoinSet::new();
    for place in 0..(per_second * RUSH.as_secs_f64()) as usize {
        let upload = loop {
            ticks.tick().await;
            // When all are under way, those that are refused come back at once.
            if let Some(upload) = { waiting.lock().await.pop_front() } {
                break upload;
            }
        };
        let (channel, waiting) = (channels[place % CHANNELS].clone(), waiting.clone());
        sending.spawn(async move {
            let began = Instant::now();
            let (answers, status) = send(&channel, vec![upload.clone()]).await;
            match status {
                None => {
                    assert!(answers[0].outcomes.iter().all(|outcome| outcome.outcome() == Outcome::Settled));
                    Some((began.elapsed(), upload))
                }
                Some(status) => {
                    super::advised(&status);
                    waiting.lock().await.push_back(upload);
                    None
                }
            }
        });
    }
    let sent = sending.join_all().await;
    let count = sent.len();
    let (mut latencies, settled): (Vec<_>, Vec<_>) = sent.into_iter().flatten().unzip();
    latencies.sort_unstable();
    Rush { refusals: count - settled.len(), latencies, settled }
}

/// Memory that the process has, MiB, as Linux counts it.
fn resident_mib(process: u32) -> f64 {
    let status = std::fs::read_to_string(format!("/proc/{process}/status")).unwrap();
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).unwrap();
    line.trim().trim_end_matches(" kB").parse::<f64>().unwrap() / 1_024.0
}

/// Looks at memory and at what is being settled, every half second until it is aborted.
async fn watch(town: Arc<Town>, seen: mpsc::UnboundedSender<(Duration, f64, f64)>) {
    let began = Instant::now();
    let mut ticks = tokio::time::interval(Duration::from_millis(500));
    loop {
        ticks.tick().await;
        let in_flight = town.service.metric(IN_FLIGHT).await;
        let _ = seen.send((began.elapsed(), resident_mib(town.service.process()), in_flight));
    }
}

async fn connect_often(town: &Town) -> Vec<Channel> {
    let mut channels = Vec::new();
    for _ in 0..CHANNELS {
        channels.push(town.service.public().await);
    }
    channels
}

/// Room for so many records, and for more requests than bring so many: what is refused is refused for its records.
fn configure(city: &City, records: usize) {
    super::configure(city, records);
    city.configure("limits", "requests", 100_000);
    city.configure("limits", "requests_per_connection", 10_000);
    city.configure("database", "cache_mib", CACHE_MIB);
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "takes minutes, and its figures mean something in a release build alone"]
async fn twice_what_it_can_take_for_a_minute_is_refused_and_made_up_for() {
    let town = Town::start(|city| configure(city, AT_WORK * UPLOAD_RECORDS)).await;
    let channels = connect_often(&town).await;
    let (per_second, mut settled) = capacity(&channels, sign(&town, MEASURED_UPLOADS).await).await;
    let room = ((ROOM_SECONDS * per_second) as usize).max(AT_WORK * UPLOAD_RECORDS);
    configure(&town.city, room);
    drop(channels);
    let town = Arc::new(town.restart().await);
    let channels = connect_often(&town).await;
    let count = (MOST_SETTLED * per_second * RUSH.as_secs_f64()) as usize / UPLOAD_RECORDS;
    let waiting = Waiting::new(Mutex::new(sign(&town, count).await.into()));
    println!(
        "settles {per_second:.0} records a second; room for {room}; {count} uploads of {UPLOAD_RECORDS} are signed"
    );

    let (saw, mut seen) = mpsc::unbounded_channel();
    let watching = tokio::spawn(watch(town.clone(), saw));
    let began = Instant::now();
    let Rush { latencies, settled: accepted, refusals } =
        rush(&channels, &waiting, 2.0 * per_second / UPLOAD_RECORDS as f64).await;
    println!("sent and answered in {:.1} s", began.elapsed().as_secs_f64());
    watching.abort();
    let mut watched = Vec::new();
    while let Some(sight) = seen.recv().await {
        watched.push(sight);
    }
    let quantile = |part: f64| latencies[((latencies.len() - 1) as f64 * part) as usize].as_secs_f64();
    println!(
        "accepted {} uploads, median {:.2} s, p99 {:.2} s, most {:.2} s; refusals {refusals}",
        latencies.len(),
        quantile(0.5),
        quantile(0.99),
        quantile(1.0)
    );
    for (when, memory, _) in watched.iter().step_by(10) {
        println!("{:3.0} s: {memory:.0} MiB", when.as_secs_f64());
    }
    let memory = |at: Duration| watched.iter().find(|(when, ..)| *when >= at).unwrap().1;
    let (first, warm) = (memory(Duration::ZERO), memory(WARM));
    let most = watched.iter().map(|(_, memory, _)| *memory).fold(0.0, f64::max);
    let in_flight = watched.iter().map(|(_, _, records)| *records).fold(0.0, f64::max);
    println!(
        "memory: {first:.0} MiB before, {warm:.0} after {WARM:?}, {most:.0} at most; records in flight at most {in_flight}"
    );
    assert!(refusals > 0 && town.service.metric(REFUSED).await >= refusals as f64);
    // What is let in waits for what was let in before it, which is what the service settles in so long.
    assert!(quantile(0.99) < 3.0 * room as f64 / per_second + 1.0, "accepted uploads wait without bound");
    assert!(in_flight <= room as f64 && most - warm < MOST_GROWTH_MIB, "memory grows with what is sent");

    let began = Instant::now();
    let (refusals, mut again) = mpsc::unbounded_channel();
    let mut clients = JoinSet::new();
    for place in 0..AT_WORK * 2 {
        let (channel, waiting, refusals) = (channels[place % CHANNELS].clone(), waiting.clone(), refusals.clone());
        clients.spawn(async move {
            let mut settled = Vec::new();
            while let Some(upload) = { waiting.lock().await.pop_front() } {
                assert!(!send_until_answered(channel.clone(), upload.clone(), refusals.clone()).await.repeated);
                settled.push(upload);
            }
            settled
        });
    }
    drop(refusals);
    let made_up = clients.join_all().await.into_iter().flatten().collect::<Vec<_>>();
    let mut refused_again = 0;
    while again.recv().await.is_some() {
        refused_again += 1;
    }
    let records = (made_up.len() * UPLOAD_RECORDS) as f64;
    let seconds = began.elapsed().as_secs_f64();
    println!(
        "made up for in {seconds:.1} s, {:.0} records a second; refused again: {refused_again}",
        records / seconds
    );
    settled.extend(accepted.into_iter().chain(made_up));
    assert_eq!(town.service.metric(IN_FLIGHT).await, 0.0);
    assert_eq!(balanced_ledger(&town.court).await.posting_count as usize, settled.len() * UPLOAD_RECORDS);
    for upload in settled.into_iter().step_by(97) {
        assert!(settle(&channels[0], upload).await.repeated);
    }
    Arc::into_inner(town).unwrap().service.stop().await;
}
