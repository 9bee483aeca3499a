//! How many pseudonyms a core issues through all roles in one process, each role on its SQLite database, and what of
//! that is issuing: beside it, in interleaved rounds, plain issuing at once and one by one, the sealing, and rcgen
//! signing leaves. `cargo bench -p symbolon-service --bench pseudonyms`; under a minute. With `--test` a smoke run.
//!
//! A plain harness: a request is answered once, so that nothing here can be repeated as criterion would.

#![allow(clippy::unwrap_used, reason = "a benchmark stops where it fails")]

#[path = "../tests/pseudonyms/attester/line.rs"]
#[allow(dead_code, reason = "written for the tests, which need more of it")]
mod line;
#[path = "../tests/scene/time_and_chance.rs"]
#[allow(dead_code, reason = "written for the tests, which need more of it")]
mod time_and_chance;
#[path = "../tests/pseudonyms/attester/town.rs"]
#[allow(dead_code, reason = "written for the tests, which need more of it")]
mod town;

use rand_chacha::{ChaCha20Rng, rand_core::SeedableRng as _};
use rcgen::{CertificateParams, ExtendedKeyUsagePurpose, Issuer, KeyPair};
use std::{fs, hint::black_box, time::Instant};
use symbolon_ccks::{
    AuthoritySecret, Class, EnrolmentKey, GeneratorTable, Identity, IdentityFields, IssueRequest, P256,
    PossessionMessage, Sectors, Subject, SuiteId, Time,
};
use symbolon_pseudonym::{SealedAnswer, SealedItem, SealingSecret};
use symbolon_service::{Batching, PseudonymPolicy, attester::Pseudonyms};
use town::{Town, with_pseudonyms};

const PSEUDONYMS_OF_A_CARD: u16 = 20;

/// Microseconds of processor time of this process, all threads; in steps of a hundredth of a second.
fn processor_microseconds() -> f64 {
    const TICKS_A_SECOND: f64 = 100.0;
    let stat = fs::read_to_string("/proc/self/stat").unwrap();
    let fields = stat.rsplit(')').next().unwrap().split_whitespace().collect::<Vec<_>>();
    let ticks = [fields[11], fields[12]].map(|field| field.parse::<f64>().unwrap());
    (ticks[0] + ticks[1]) / TICKS_A_SECOND * 1e6
}

/// Microseconds a piece of the clock on the wall and of processor time.
#[derive(Clone, Copy)]
struct Cost {
    wall: f64,
    processor: f64,
}

/// Has `cards` ask for pseudonyms at the same time, so that all go through the mix together.
async fn through_all_roles(cards: u16) -> Cost {
    let items = u32::from(cards) * u32::from(PSEUDONYMS_OF_A_CARD);
    let mixing = Batching { items, delay_seconds: 3_600 };
    let town = Town::new(with_pseudonyms(PseudonymPolicy { mixing, ..PseudonymPolicy::default() }));
    let mut requests = Vec::new();
    for _ in 0..cards {
        let wallet = town.wallet(10_000_000).await;
        requests.push(town.ask(&wallet, PSEUDONYMS_OF_A_CARD).await.1);
    }
    let (began, processor) = (Instant::now(), processor_microseconds());
    let mut ready = 0;
    for _ in 0..2 {
        for request in &requests {
            if let Pseudonyms::Ready(answers) = town.attester().request(request.clone()).await.unwrap() {
                assert!(answers.iter().all(Result::is_ok));
                ready += 1;
            }
        }
    }
    // The last request set the mix going and was answered twice.
    assert_eq!(ready, requests.len() + 1);
    let (wall, processor) = (began.elapsed().as_secs_f64() * 1e6, processor_microseconds() - processor);
    Cost { wall: wall / f64::from(items), processor: processor / f64::from(items) }
}

/// Items as the issuer has them when they are opened, and what issues over them.
struct Plain {
    secret: AuthoritySecret<P256>,
    authority: symbolon_ccks::Authority<'static, P256>,
    table: GeneratorTable<P256>,
    identity: Identity,
    asked: Vec<([u8; 32], symbolon_ccks::CompressedPoint, symbolon_ccks::Signature)>,
}

impl Plain {
    fn new(count: u32) -> Self {
        let mut random = ChaCha20Rng::seed_from_u64(1);
        let secret = AuthoritySecret::<P256>::generate(&mut random);
        let parameters = secret.parameters(Time::new(1).unwrap(), &town::name("city"));
        let authority = symbolon_ccks::Authority::<P256>::parse(&parameters).unwrap();
        let identity = Identity::new(IdentityFields {
            suite: SuiteId::P256Sha256,
            class: Class::Pseudonym,
            sectors: Sectors::ALL,
            authority_prefix: authority.id().prefix(),
            subject: Subject::from_bytes([7; 16]),
            not_before: Time::new(1_000).unwrap(),
            not_after: Time::new(2_000).unwrap(),
            spend_limit: 2_000,
            budget: 2_000,
            currency: town::CURRENCY,
            tariff: 0,
        });
        let asked = (0..count).map(|index| {
            let mut challenge = [0; 32];
            challenge[..4].copy_from_slice(&index.to_be_bytes());
            let holder = EnrolmentKey::<P256>::generate(&mut random);
            let message = PossessionMessage::Pseudonym { period: 1, challenge: &challenge };
            let possession = holder.prove_possession(authority.id(), message, &[2; 32]).unwrap();
            (challenge, *holder.point(), possession)
        });
        let asked = asked.collect();
        Self { secret, authority, table: GeneratorTable::new(), identity: identity.unwrap(), asked }
    }

    fn requests(&self) -> Vec<IssueRequest<'_>> {
        let requests = self.asked.iter().map(|(challenge, point, possession)| IssueRequest {
            identity: &self.identity,
            possession_of: PossessionMessage::Pseudonym { period: 1, challenge },
            holder_point: point,
            possession,
            random: *challenge,
        });
        requests.collect()
    }

    fn at_once(&self) -> f64 {
        let requests = self.requests();
        timed(requests.len(), || {
            let issued = self.secret.issue_batch(&self.authority, &self.table, black_box(&requests), &[3; 32]);
            assert!(issued.iter().all(Result::is_ok));
        })
    }

    fn one_by_one(&self) -> f64 {
        let requests = self.requests().into_iter().take(100).collect::<Vec<_>>();
        timed(requests.len(), || {
            for request in black_box(&requests) {
                let IssueRequest { identity, possession_of, holder_point, possession, random } = request;
                self.secret.issue(&self.authority, identity, *possession_of, holder_point, possession, random).unwrap();
            }
        })
    }
}

/// Opening what a wallet sealed: the public-key part of what the issuer does beside issuing.
fn opening() -> f64 {
    let mut random = ChaCha20Rng::seed_from_u64(2);
    let secret = SealingSecret::generate(&mut random);
    let sealed = secret.public().seal(b"info", &[1; 64], &[2; 154], &mut random).unwrap();
    timed(200, || {
        for _ in 0..200 {
            secret.open(b"info", &[1; 64], black_box(&sealed)).unwrap();
        }
    })
}

struct Peer {
    issuer: Issuer<'static, KeyPair>,
    key: KeyPair,
}

impl Peer {
    fn new() -> Self {
        let mut parameters = CertificateParams::new(Vec::<String>::new()).unwrap();
        parameters.is_ca = rcgen::IsCa::Ca(rcgen::BasicConstraints::Unconstrained);
        let issuer = Issuer::new(parameters, KeyPair::generate().unwrap());
        Self { issuer, key: KeyPair::generate().unwrap() }
    }

    fn leaf(&self) -> f64 {
        timed(500, || {
            for _ in 0..500 {
                let mut parameters = CertificateParams::new(vec!["card.example".to_owned()]).unwrap();
                parameters.extended_key_usages = vec![ExtendedKeyUsagePurpose::ClientAuth];
                black_box(parameters.signed_by(&self.key, &self.issuer).unwrap());
            }
        })
    }
}

/// Microseconds a piece.
fn timed(pieces: usize, work: impl FnOnce()) -> f64 {
    let began = Instant::now();
    work();
    began.elapsed().as_secs_f64() * 1e6 / pieces as f64
}

fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    values[values.len() / 2]
}

fn main() {
    let is_smoke_run = std::env::args().any(|argument| argument == "--test");
    let (rounds, sizes) = if is_smoke_run { (1, vec![2]) } else { (7, vec![1, 16, 64]) };
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let (plain, peer) = (Plain::new(1_280), Peer::new());
    let mut columns = vec![Vec::new(); 4];
    let mut through = vec![Vec::new(); sizes.len()];
    for _ in 0..rounds {
        let round = [plain.at_once(), plain.one_by_one(), opening(), peer.leaf()];
        columns.iter_mut().zip(round).for_each(|(column, value)| column.push(value));
        for (costs, cards) in through.iter_mut().zip(&sizes) {
            costs.push(runtime.block_on(through_all_roles(*cards)));
        }
    }
    let medians = columns.into_iter().map(median).collect::<Vec<_>>();
    let leaf = medians[3];
    println!(
        "Microseconds a pseudonym, medians of {rounds} interleaved rounds; P-256; beside an rcgen leaf ({leaf:.1} us).\n"
    );
    println!("| what | us | rcgen leaves |");
    println!("| --- | ---: | ---: |");
    let row = |what: &str, microseconds: f64| println!("| {what} | {microseconds:.1} | {:.1} |", microseconds / leaf);
    row("issuing, 1,280 at once, one thread", medians[0]);
    row("issuing one by one", medians[1]);
    row("opening one sealed item (HPKE)", medians[2]);
    for (costs, cards) in through.iter().zip(&sizes) {
        let processor = median(costs.iter().map(|cost| cost.processor).collect());
        let wall = median(costs.iter().map(|cost| cost.wall).collect());
        row(&format!("all roles, {cards} cards mixed, processor time"), processor);
        row(&format!("all roles, {cards} cards mixed, wall clock"), wall);
        println!("| all roles, {cards} cards mixed: pseudonyms a second a core | {:.0} | |", 1e6 / processor);
    }
    println!();
    println!("Bytes a pseudonym: {} from the wallet, {} to it.", 32 + SealedItem::SIZE, SealedAnswer::SIZE);
}
