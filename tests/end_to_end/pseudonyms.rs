//! Anonymous taps, from asking to the ledger: with all roles in one process, and with each in a process of its own.

mod searching;

use crate::{
    PATIENCE,
    city::City,
    holder::{self, Holder, settle},
    office::{balanced_ledger, create_card, create_terminal, request_id},
    service::Service,
    wallet::ask,
};
use rand_chacha::ChaCha20Rng;
use std::{
    collections::BTreeMap,
    path::PathBuf,
    time::{Duration, Instant},
};
use symbolon_api::v1::{GetAccountRequest, Outcome, TopUpAccountRequest, ledger_service_client::LedgerServiceClient};
use symbolon_ccks::{Authority, P256, Sector};
use tonic::transport::Channel;

const TOP_UP: u32 = 100_000;
/// Between two looks at an account.
const PAUSE: Duration = Duration::from_millis(100);

/// Nothing waits for anything else.
pub(crate) fn at_once(city: &City) {
    let waiting = |items: i64| {
        toml::Table::from_iter([("items".to_owned(), items.into()), ("delay_seconds".to_owned(), 0.into())])
    };
    city.configure("pseudonyms", "mixing", waiting(1));
    city.configure("pseudonyms", "charging", waiting(1));
}

/// The processes of a city, by the roles that run in them.
struct Processes {
    city: City,
    configs: BTreeMap<&'static str, PathBuf>,
    running: BTreeMap<&'static str, Service>,
}

impl Processes {
    /// Each role in a process of its own, or all in one.
    async fn start(apart: bool) -> Self {
        let city = City::found();
        at_once(&city);
        let mut processes = Self { configs: BTreeMap::new(), running: BTreeMap::new(), city };
        if apart {
            processes.configs = processes.city.take_apart().into_iter().collect();
        } else {
            processes.configs.insert("all", processes.city.config_file());
        }
        for role in processes.configs.keys().copied().collect::<Vec<_>>() {
            processes.restart(role).await;
        }
        processes
    }

    async fn restart(&mut self, role: &'static str) {
        let service = Service::start_by(&self.city, &self.configs[role]).await;
        self.running.insert(role, service);
    }

    async fn kill(&mut self, role: &'static str) {
        self.running.remove(role).unwrap().kill().await;
    }

    /// The process that a role runs in.
    fn of(&self, role: &str) -> &Service {
        self.running.get(role).or(self.running.get("all")).unwrap()
    }

    async fn stop(self) {
        for service in self.running.into_values() {
            service.stop().await;
        }
    }
}

/// A card with money, and a gate.
struct Cast {
    authority: Authority<'static, P256>,
    public: Channel,
    uploads: Channel,
    /// Whoever sees the card's account; connected anew whenever clearing was started anew.
    account: String,
    card: Holder,
    gate: Holder,
}

impl Cast {
    async fn of(processes: &Processes, random: &mut ChaCha20Rng) -> Self {
        let (bank, metro) =
            (processes.city.add_client("issuer", "bank"), processes.city.add_client("operator", "metro"));
        let (attester, clearing) = (processes.of("attester"), processes.of("clearing"));
        let (public, authority) = (attester.public().await, attester.authority().await);
        let made = create_card(&attester.private(&bank).await, random).await;
        let card = Holder::enrol(&public, &authority, &made.activation_code, random).await;
        let gate = create_terminal(&attester.private(&metro).await, random).await;
        let gate = Holder::enrol(&public, &authority, &gate.activation_code, random).await;
        let account = made.card.unwrap().account;
        let request = TopUpAccountRequest { name: account.clone(), amount: TOP_UP, request_id: request_id(random) };
        LedgerServiceClient::new(clearing.private(&bank).await).top_up_account(request).await.unwrap();
        let uploads = processes.of("exchange").public().await;
        Self { authority, public, uploads, account, card, gate }
    }

    /// Asks for pseudonyms and taps once with each; the amounts paid.
    async fn pay(&mut self, pseudonyms: Vec<Holder>, random: &mut ChaCha20Rng) -> i64 {
        let amounts = (1..).map(|tap| tap * 100).take(pseudonyms.len()).collect::<Vec<u32>>();
        let taps = pseudonyms.into_iter().zip(&amounts);
        let records: Vec<_> =
            taps.map(|(mut pseudonym, amount)| pseudonym.pay(&self.gate, Sector::Transport, *amount, random)).collect();
        let answer = settle(&self.uploads, self.gate.upload(&records, random)).await;
        assert!(answer.outcomes.iter().all(|outcome| outcome.outcome() == Outcome::Settled), "{answer:?}");
        amounts.into_iter().map(i64::from).sum()
    }
}

/// Waits until the account has this balance, which it never passes.
async fn reaches(processes: &Processes, court: &crate::city::ClientFile, account: &str, expected: i64) {
    let court = processes.of("clearing").private(court).await;
    let began = Instant::now();
    loop {
        let request = GetAccountRequest { name: account.to_owned() };
        let found = LedgerServiceClient::new(court.clone()).get_account(request).await.unwrap().into_inner();
        let balance = found.account.unwrap().balance;
        if balance == expected {
            balanced_ledger(&court).await;
            return;
        }
        assert!(balance > expected, "{balance} is less than {expected}: something was charged twice");
        assert!(began.elapsed() < PATIENCE, "{balance}, not {expected}");
        tokio::time::sleep(PAUSE).await;
    }
}

async fn pays_anonymously(apart: bool, seed: u64) {
    let mut random = holder::random(seed);
    let processes = Processes::start(apart).await;
    let court = processes.city.add_client("auditor", "court");
    let mut cast = Cast::of(&processes, &mut random).await;
    let asked = ask(&cast.public, &cast.authority, &cast.card, 3, &mut random).await;
    let answer = asked.until_ready(&cast.public).await;
    assert_eq!(asked.send(&cast.public).await.unwrap(), answer, "the same request gets the same answer");
    let pseudonyms = asked.open(&cast.authority, &answer);
    let known = searching::of(&cast.card, &cast.account, &pseudonyms, &asked.points());
    let paid = cast.pay(pseudonyms, &mut random).await;
    reaches(&processes, &court, &cast.account, i64::from(TOP_UP) - paid).await;
    if apart {
        processes.know_what_they_may(&known);
    }
    processes.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_card_pays_anonymously() {
    pays_anonymously(false, 61).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_card_pays_anonymously_with_each_role_in_a_process_of_its_own() {
    pays_anonymously(true, 62).await;
}

/// Each role in turn is killed (SIGKILL) while pseudonyms are asked for or charged, and started again.
#[tokio::test(flavor = "multi_thread")]
async fn a_role_may_die_at_any_time_and_nothing_is_charged_twice() {
    let mut random = holder::random(63);
    let mut processes = Processes::start(true).await;
    let court = processes.city.add_client("auditor", "court");
    let mut cast = Cast::of(&processes, &mut random).await;
    let mut balance = i64::from(TOP_UP);
    for role in ["issuer", "linkage-b", "clearing"] {
        let asked = ask(&cast.public, &cast.authority, &cast.card, 2, &mut random).await;
        processes.kill(role).await;
        // It may have been taken before it got stuck; either way the same request goes on.
        assert!(asked.send(&cast.public).await.map_or(true, |answer| answer.answers.is_empty()), "without the {role}");
        processes.restart(role).await;
        let answer = asked.until_ready(&cast.public).await;
        let pseudonyms = asked.open(&cast.authority, &answer);
        balance -= cast.pay(pseudonyms, &mut random).await;
        reaches(&processes, &court, &cast.account, balance).await;
    }
    // Clearing dies before it hears of a tap; the attester and the exchange die too, and all come back.
    let asked = ask(&cast.public, &cast.authority, &cast.card, 1, &mut random).await;
    let pseudonyms = asked.open(&cast.authority, &asked.until_ready(&cast.public).await);
    processes.kill("clearing").await;
    balance -= cast.pay(pseudonyms, &mut random).await;
    processes.kill("exchange").await;
    processes.kill("attester").await;
    for role in ["attester", "exchange", "clearing"] {
        processes.restart(role).await;
    }
    reaches(&processes, &court, &cast.account, balance).await;
    processes.stop().await;
}
