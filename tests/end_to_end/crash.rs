//! The service is killed (SIGKILL) again and again in the middle of uploads, enrolments and top-ups, and started again
//! on the same data. Whatever it answered before must be so after; whatever it did not answer happened wholly or not
//! at all, and asking again brings it about once.
//!
//! The workers know exactly what they asked for and what they were told. After every restart they ask for everything
//! open again, partly in another shape (records in another upload, another U for the same code), and the ledger is
//! held against the sum of what they paid. Where the kills fall is drawn from a seed, the rest is left to the machine.

mod cashier;
mod enroller;
mod uploader;

use crate::{
    city::{City, ClientFile},
    holder,
    office::{all_records, balanced_ledger},
    service::Service,
    within_patience,
};
use cashier::Cashier;
use enroller::Enroller;
use rand_chacha::ChaCha20Rng;
use rand_core::Rng;
use std::{
    collections::HashMap,
    ops::AddAssign,
    sync::Arc,
    time::{Duration, Instant},
};
use symbolon_api::v1::{
    Account, AccountKind, Entry, ListAccountsRequest, ListEntriesRequest, Outcome,
    ledger_service_client::LedgerServiceClient,
};
use symbolon_ccks::{Authority, P256};
use tokio::{sync::mpsc, task::JoinSet};
use tonic::{Code, Status, transport::Channel};
use tonic_types::StatusExt;
use uploader::Uploader;

const SEED: u64 = 20_260_101;
const KILLS: u32 = 50;
const KILLS_WHEN_LONG: u32 = 200;
/// Every so many kills, one falls into the service's start.
const KILLS_PER_KILL_AT_START: u32 = 8;
/// A kill waits for this many answers at most, and for so long after the last of them.
const MOST_ANSWERS_BEFORE_KILL: u32 = 12;
const LONGEST_DELAY_MICROSECONDS: u32 = 8_000;
const LONGEST_START_MICROSECONDS: u32 = 400_000;

/// A lease runs out after 30 seconds, and is asked for every ten; the rest is for a slow machine.
const UNTIL_POSTED: Duration = Duration::from_secs(180);

/// Connections to one life of the service.
#[derive(Clone)]
pub(crate) struct Connections {
    pub(crate) public: Channel,
    pub(crate) bank: Channel,
    pub(crate) metro: Channel,
    pub(crate) court: Channel,
    pub(crate) authority: Arc<Authority<'static, P256>>,
}

/// A worker says so whenever it was answered.
type Progress = mpsc::UnboundedSender<()>;

/// How many requests the kills left without an answer, and what had become of them.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Unanswered {
    pub(crate) done: u32,
    pub(crate) not_done: u32,
}

impl AddAssign for Unanswered {
    fn add_assign(&mut self, other: Self) {
        self.done += other.done;
        self.not_done += other.not_done;
    }
}

/// Holds that a call failed because the service went away, or its database did, and not because it refused.
fn went_away(status: &Status) {
    let by_transport = [Code::Unavailable, Code::Unknown, Code::Cancelled, Code::Internal].contains(&status.code());
    let of_database = |reason: &str| reason == "STORAGE_UNAVAILABLE" || reason == "ROLE_UNAVAILABLE";
    let reason = status.get_details_error_info().map(|info| info.reason);
    let of_transport = by_transport && reason.is_none();
    assert!(
        of_transport || status.code() == Code::Unavailable && reason.is_some_and(|reason| of_database(&reason)),
        "{status:?}"
    );
}

pub(crate) struct Offices {
    bank: ClientFile,
    metro: ClientFile,
    court: ClientFile,
}

impl Offices {
    /// Makes their clients.
    pub(crate) fn of(city: &City) -> Self {
        Self {
            bank: city.add_client("issuer", "bank"),
            metro: city.add_client("operator", "metro"),
            court: city.add_client("auditor", "court"),
        }
    }

    pub(crate) async fn connect(&self, service: &Service) -> Connections {
        Connections {
            public: service.public().await,
            bank: service.private(&self.bank).await,
            metro: service.private(&self.metro).await,
            court: service.private(&self.court).await,
            authority: service.authority().await.into(),
        }
    }
}

/// Everybody who asks the service for something.
pub(crate) struct Workers {
    uploaders: Vec<Uploader>,
    enrollers: Vec<Enroller>,
    cashiers: Vec<Cashier>,
}

impl Workers {
    /// So many uploaders, one enroller fewer, and a cashier who tops up the accounts of those uploaders.
    pub(crate) async fn hire(count: usize, connections: &Connections, random: &mut ChaCha20Rng) -> Self {
        let mut uploaders = Vec::new();
        for _ in 0..count {
            uploaders.push(Uploader::hire(connections, random).await);
        }
        let accounts = uploaders.iter().flat_map(Uploader::accounts).collect();
        let enrollers = (1..count).map(|_| Enroller::hire(random)).collect();
        Self { uploaders, enrollers, cashiers: vec![Cashier::hire(accounts, random)] }
    }

    /// One company of several.
    pub(crate) fn merged(companies: impl IntoIterator<Item = Self>) -> Self {
        let mut all = Self { uploaders: Vec::new(), enrollers: Vec::new(), cashiers: Vec::new() };
        for company in companies {
            all.uploaders.extend(company.uploaders);
            all.enrollers.extend(company.enrollers);
            all.cashiers.extend(company.cashiers);
        }
        all
    }

    /// Everybody works at once until the service is gone; it is killed at a point drawn from `random`.
    async fn work_until_killed(self, connections: &Connections, service: Service, random: &mut ChaCha20Rng) -> Self {
        self.work_until(connections, service.kill(), random).await
    }

    /// Everybody works at once until nothing is answered any more; `fault` brings that about, and is begun at a point drawn
    /// from `random`.
    pub(crate) async fn work_until(
        self,
        connections: &Connections,
        fault: impl Future<Output = ()>,
        random: &mut ChaCha20Rng,
    ) -> Self {
        let (progress, mut answers) = mpsc::unbounded_channel();
        let (mut uploading, mut enrolling, mut paying) = (JoinSet::new(), JoinSet::new(), JoinSet::new());
        for uploader in self.uploaders {
            uploading.spawn(uploader.work(connections.clone(), progress.clone()));
        }
        for enroller in self.enrollers {
            enrolling.spawn(enroller.work(connections.clone(), progress.clone()));
        }
        for cashier in self.cashiers {
            paying.spawn(cashier.work(connections.clone(), progress.clone()));
        }
        drop(progress);
        for _ in 0..random.next_u32() % (MOST_ANSWERS_BEFORE_KILL + 1) {
            // Nobody is when another's fault came first.
            let Some(()) = within_patience("somebody is answered", answers.recv()).await else { break };
        }
        // Nothing is waited for here: this is the random point at which the kill falls.
        tokio::time::sleep(delay(LONGEST_DELAY_MICROSECONDS, random)).await;
        fault.await;
        let uploaders = within_patience("uploaders notice", uploading.join_all()).await;
        let enrollers = within_patience("enrollers notice", enrolling.join_all()).await;
        let cashiers = within_patience("cashiers notice", paying.join_all()).await;
        Self { uploaders, enrollers, cashiers }
    }

    /// Asks again for everything that was asked for since the last time.
    pub(crate) async fn catch_up(&mut self, connections: &Connections) -> Unanswered {
        let mut unanswered = Unanswered::default();
        for uploader in &mut self.uploaders {
            unanswered += uploader.catch_up(connections).await;
        }
        for enroller in &mut self.enrollers {
            unanswered += enroller.catch_up(connections).await;
        }
        for cashier in &mut self.cashiers {
            unanswered += cashier.catch_up(connections).await;
        }
        unanswered
    }

    /// What every account must hold by what was asked for. Nothing is open when this is called.
    fn expected_balances(&self) -> HashMap<&str, i64> {
        let mut balances: HashMap<&str, i64> = self.cashiers.iter().flat_map(Cashier::paid_in).collect();
        for (account, spent) in self.uploaders.iter().flat_map(Uploader::spent) {
            *balances.entry(account).or_default() -= spent;
        }
        balances
    }

    fn top_ups(&self) -> usize {
        self.cashiers.iter().map(Cashier::count).sum()
    }

    /// So many companies of them all.
    pub(crate) fn divided(self, count: usize) -> Vec<Self> {
        let mut companies = (0..count).map(|_| Self::merged([])).collect::<Vec<_>>();
        let place = |number: usize| number % count;
        self.uploaders.into_iter().enumerate().for_each(|(at, one)| companies[place(at)].uploaders.push(one));
        self.enrollers.into_iter().enumerate().for_each(|(at, one)| companies[place(at)].enrollers.push(one));
        self.cashiers.into_iter().enumerate().for_each(|(at, one)| companies[place(at)].cashiers.push(one));
        companies
    }

    pub(crate) fn records(&self) -> usize {
        self.uploaders.iter().map(|uploader| uploader.records().count()).sum()
    }

    /// Waits until clearing has posted what was settled. What a killed node left to be posted is posted by the node that
    /// takes its lease, when that has run out.
    pub(crate) async fn await_postings(&self, connections: &Connections) {
        let expected = self.records() + self.top_ups();
        let begun = Instant::now();
        loop {
            let found = balanced_ledger(&connections.court).await.posting_count as usize;
            if found == expected {
                return;
            }
            assert!(found < expected, "{found} postings for {expected} records and top-ups");
            assert!(begun.elapsed() < UNTIL_POSTED, "{found} postings for {expected} records and top-ups");
            tokio::time::sleep(Duration::from_millis(200)).await;
        }
    }

    /// Holds the ledger against what was asked for.
    pub(crate) async fn check_ledger(&self, connections: &Connections) {
        let found = balanced_ledger(&connections.court).await;
        assert_eq!(found.posting_count as usize, self.records() + self.top_ups(), "one posting each");
        let expected = self.expected_balances();
        let accounts = all_accounts(&connections.court).await;
        for account in &accounts {
            let balance = match account.kind() {
                AccountKind::Holder => expected.get(account.name.as_str()).copied().unwrap_or(0),
                AccountKind::Operator => self.uploaders.iter().flat_map(Uploader::spent).map(|(_, spent)| spent).sum(),
                AccountKind::Issuer => {
                    -self.cashiers.iter().flat_map(Cashier::paid_in).map(|(_, paid)| paid).sum::<i64>()
                }
                AccountKind::Clearing | AccountKind::Suspense | AccountKind::Unspecified => 0,
            };
            assert_eq!(account.balance, balance, "{account:?}");
        }
    }

    /// Holds every single record, entry, answer and card against what was asked for.
    pub(crate) async fn check_everything(&mut self, connections: &Connections) {
        self.check_ledger(connections).await;
        self.check_records(connections).await;
        for uploader in &self.uploaders {
            uploader.check_all_answers(connections).await;
        }
        for enroller in &mut self.enrollers {
            enroller.check_all_answers(connections).await;
        }
        for cashier in &self.cashiers {
            cashier.check_all_answers(connections).await;
        }
        let of_enrollers: HashMap<_, _> = self.enrollers.iter().flat_map(Enroller::cards).collect();
        enroller::check_cards(connections, &of_enrollers, self.uploaders.iter().flat_map(Uploader::accounts).count())
            .await;
    }

    async fn check_records(&self, connections: &Connections) {
        let mut settled: HashMap<Vec<u8>, (usize, u32)> = HashMap::new();
        for record in all_records(&connections.court).await {
            if record.outcome() == Outcome::Settled {
                let entry = settled.entry(record.content).or_default();
                *entry = (entry.0 + 1, record.settled_amount);
            }
        }
        for record in self.uploaders.iter().flat_map(Uploader::records) {
            let amount = record.terms().amount();
            assert_eq!(settled.remove(record.as_bytes().as_slice()), Some((1, amount)), "{record:?}");
        }
        assert!(settled.is_empty(), "records that nobody sent");
        let accounts = all_accounts(&connections.metro).await;
        let mut posted: HashMap<String, usize> = HashMap::new();
        for account in &accounts {
            for entry in all_entries(&connections.metro, &account.name).await {
                *posted.entry(entry.record).or_default() += 1;
            }
        }
        assert_eq!(posted.len(), self.records());
        assert!(posted.values().all(|count| *count == 1), "a record was posted twice");
    }
}

fn delay(longest_microseconds: u32, random: &mut ChaCha20Rng) -> Duration {
    Duration::from_micros(u64::from(random.next_u32() % (longest_microseconds + 1)))
}

async fn all_accounts(channel: &Channel) -> Vec<Account> {
    let mut ledger = LedgerServiceClient::new(channel.clone());
    let mut request = ListAccountsRequest { page_size: 1_000, ..ListAccountsRequest::default() };
    let mut accounts = Vec::new();
    loop {
        let page = ledger.list_accounts(request.clone()).await.unwrap().into_inner();
        accounts.extend(page.accounts);
        if page.next_page_token.is_empty() {
            return accounts;
        }
        request.page_token = page.next_page_token;
    }
}

async fn all_entries(channel: &Channel, account: &str) -> Vec<Entry> {
    let mut ledger = LedgerServiceClient::new(channel.clone());
    let mut request = ListEntriesRequest { parent: account.to_owned(), page_size: 1_000, page_token: String::new() };
    let mut entries = Vec::new();
    loop {
        let page = ledger.list_entries(request.clone()).await.unwrap().into_inner();
        entries.extend(page.entries);
        if page.next_page_token.is_empty() {
            return entries;
        }
        request.page_token = page.next_page_token;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn killed_at_random_points_the_service_loses_nothing_and_does_nothing_twice() {
    let kills = if std::env::var_os("SYMBOLON_LONG").is_some() { KILLS_WHEN_LONG } else { KILLS };
    let mut random = holder::random(SEED);
    let city = City::found();
    let offices = Offices::of(&city);
    // The first start lays out the database: a kill may fall there too.
    Service::kill_at_start(&city, delay(LONGEST_START_MICROSECONDS, &mut random)).await;
    let mut service = Service::start(&city).await;
    let mut connections = offices.connect(&service).await;
    let mut workers = Workers::hire(3, &connections, &mut random).await;
    let mut unanswered = Unanswered::default();
    for kill in 1..=kills {
        workers = workers.work_until_killed(&connections, service, &mut random).await;
        if kill % KILLS_PER_KILL_AT_START == 0 {
            Service::kill_at_start(&city, delay(LONGEST_START_MICROSECONDS, &mut random)).await;
        }
        service = Service::start(&city).await;
        connections = offices.connect(&service).await;
        unanswered += workers.catch_up(&connections).await;
        workers.check_ledger(&connections).await;
    }
    workers.check_everything(&connections).await;
    service.stop().await;
    println!(
        "{kills} kills, {} records settled, {} cards enrolled, {} top-ups; requests left unanswered: {unanswered:?}",
        workers.records(),
        workers.enrollers.iter().flat_map(Enroller::cards).count(),
        workers.top_ups(),
    );
    assert!(unanswered.done + unanswered.not_done >= kills / 2, "the kills interrupted next to nothing");
}
