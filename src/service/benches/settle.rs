//! How many records settle a second: uploaded through gRPC over TLS into SQLite, beside what bounds it, in the same
//! run: the same rows inserted into SQLite by hand, the same uploads answered unread, and their signatures verified
//! alone. `cargo bench -p symbolon-service --bench settle`; under a minute. With `--test` a smoke run.
//!
//! A plain harness: each upload settles once, so that nothing here can be repeated as criterion would.

#![allow(clippy::unwrap_used, reason = "a benchmark stops where it fails")]

#[path = "../tests/service/city.rs"]
#[allow(dead_code, reason = "written for the tests, which need more of it")]
mod city;
#[path = "settle/peers.rs"]
mod peers;

use city::City;
use std::{
    path::PathBuf,
    time::{Duration, Instant},
};
use symbolon_api::v1::{Outcome, UploadRequest, exchange_service_client::ExchangeServiceClient};
use symbolon_ccks::{P256, SigningKey};
use symbolon_tap::{Record, TerminalDigest};
use tokio::task::JoinSet;
use tonic::transport::Channel;

/// Terminals that upload at once, each over a connection of its own.
const TERMINALS: usize = 4;
/// Taps of one card; a card's budget is 5,000 and each tap pays 1.
const TAPS_OF_A_CARD: usize = 2_000;

/// Records of one upload, and uploads of each terminal.
#[derive(Clone, Copy)]
struct Load {
    records: usize,
    uploads: usize,
}

impl Load {
    const fn total(self) -> usize {
        self.records * self.uploads * TERMINALS
    }
}

/// Everything that will be uploaded, signed before anything is measured.
struct Work {
    /// Uploads by terminal.
    uploads: Vec<Vec<Vec<u8>>>,
    /// All records, each with the terminal that took it.
    records: Vec<(Record, TerminalDigest)>,
}

impl Work {
    async fn prepare(city: &mut City, load: Load) -> Self {
        let mut work = Self { uploads: Vec::new(), records: Vec::new() };
        let mut wallet = Wallet::default();
        for _ in 0..TERMINALS {
            let code = city.create_terminal("metro").await.activation_code;
            let terminal = city.enrol(&code).await;
            let mut uploads = Vec::new();
            for number in 0..load.uploads {
                let mut records = Vec::with_capacity(load.records);
                for _ in 0..load.records {
                    records.push(wallet.pay(city, &terminal).await);
                }
                uploads.push(city.upload_of(&terminal, u32::try_from(number).unwrap(), &records));
                let digest = terminal.credential().unwrap().digest();
                work.records.extend(records.into_iter().map(|record| (record, digest)));
            }
            work.uploads.push(uploads);
        }
        work
    }
}

/// Pays with one card until it has paid enough, then with the next.
#[derive(Default)]
struct Wallet {
    card: Option<SigningKey<P256>>,
    taps: usize,
}

impl Wallet {
    async fn pay(&mut self, city: &mut City, terminal: &SigningKey<P256>) -> Record {
        if self.card.is_none() || self.taps == TAPS_OF_A_CARD {
            let code = city.create_card("bank").await.activation_code;
            *self = Self { card: Some(city.enrol(&code).await), taps: 0 };
        }
        self.taps += 1;
        let counter = u32::try_from(self.taps).unwrap();
        city.pay(self.card.as_ref().unwrap(), terminal, counter, 1)
    }
}

/// Sends all uploads, each terminal in one stream over its own connection, and waits for every answer.
async fn upload_all(channels: Vec<Channel>, uploads: &[Vec<Vec<u8>>], expected: Option<Outcome>) -> Duration {
    let mut terminals = JoinSet::new();
    let mut work = Vec::new();
    for (channel, uploads) in channels.into_iter().zip(uploads) {
        let messages: Vec<_> = uploads.iter().map(|upload| UploadRequest { upload: upload.clone() }).collect();
        work.push((ExchangeServiceClient::new(channel), messages));
    }
    let began = Instant::now();
    for (mut exchange, messages) in work {
        terminals.spawn(async move {
            let count = messages.len();
            let mut answers = exchange.upload(tokio_stream::iter(messages)).await.unwrap().into_inner();
            for _ in 0..count {
                let answer = answers.message().await.unwrap().unwrap();
                let settled = answer.outcomes.iter().all(|outcome| Some(outcome.outcome()) == expected);
                assert!(settled || expected.is_none(), "{answer:?}");
            }
        });
    }
    terminals.join_all().await;
    began.elapsed()
}

fn database(city: &City) -> PathBuf {
    city.config.data_directory.join("exchange.db")
}

fn per_second(count: usize, duration: Duration) -> f64 {
    count as f64 / duration.as_secs_f64()
}

async fn measure(load: Load) {
    let mut city = City::found().await;
    let work = Work::prepare(&mut city, load).await;
    let before = peers::row_counts(&database(&city));

    let mut channels = Vec::new();
    for _ in 0..TERMINALS {
        channels.push(city.public().await);
    }
    let settled = upload_all(channels, &work.uploads, Some(Outcome::Settled)).await;

    let silent = peers::SilentExchange::start(&city).await;
    let mut channels = Vec::new();
    for _ in 0..TERMINALS {
        channels.push(city::connect(silent.address(), city.tls()).await.unwrap());
    }
    let streamed = upload_all(channels, &work.uploads, None).await;
    silent.stop().await;

    let verified = peers::verify_all(&city.authority, &work.records);
    city.stop().await;
    let transactions = load.uploads * TERMINALS;
    let (rows, inserted) = peers::insert_same_rows(&database(&city), &before, transactions);

    let total = load.total();
    println!(
        "| {:>7} | {:>11.0} | {:>13.0} ({:>4.2}) | {:>13.0} ({:>4.2}) | {:>13.0} ({:>4.2}) | {:>10.1} |",
        load.records,
        per_second(total, settled),
        per_second(total, inserted),
        inserted.as_secs_f64() / settled.as_secs_f64(),
        per_second(total, streamed),
        streamed.as_secs_f64() / settled.as_secs_f64(),
        per_second(total, verified),
        verified.as_secs_f64() / settled.as_secs_f64(),
        rows as f64 / total as f64,
    );
}

fn main() {
    let is_smoke_run = std::env::args().any(|argument| argument == "--test");
    let loads = match is_smoke_run {
        true => vec![Load { records: 5, uploads: 2 }],
        false => vec![
            Load { records: 1, uploads: 500 },
            Load { records: 10, uploads: 200 },
            Load { records: 100, uploads: 50 },
            Load { records: 1_000, uploads: 5 },
        ],
    };
    let threads = std::thread::available_parallelism().unwrap();
    println!("{TERMINALS} terminals upload at once; client and service share {threads} threads of one machine.");
    println!("Records a second; in brackets the peer's time as a part of the time that settling took.\n");
    println!(
        "| records | settled     | rows inserted        | streamed, unread     | verified, {threads} threads  | rows a     |"
    );
    println!(
        "| upload  | through gRPC| by hand, FULL        | and not settled      | and nothing else     | record     |"
    );
    println!(
        "| ------: | ----------: | -------------------: | -------------------: | -------------------: | ---------: |"
    );
    let runtime = tokio::runtime::Runtime::new().unwrap();
    for load in loads {
        runtime.block_on(measure(load));
    }
}
