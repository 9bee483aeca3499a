//! Two nodes over one PostgreSQL database settle side by side; what is about one holder goes one after another.
//!
//! Each unit of work about holders waits at its end, before it commits, for the one at the other node to come as far, for
//! a moment: so two that nothing keeps apart do meet there, having seen nothing of each other.

use std::{
    sync::{
        Arc, Condvar, Mutex,
        atomic::{AtomicBool, Ordering},
        mpsc,
    },
    time::{Duration, Instant},
};

use symbolon_ccks::{CredentialDigest, P256};
use symbolon_postgres_cluster::Cluster;
use symbolon_service::{
    Context, Policy, ServiceError,
    cards::NewCard,
    exchange::{Answered, CollectedRecord, Exchange, FareTable, RecordOutcome, UploadedRecord},
};
use symbolon_store::{
    Page, PostgresStore, Store, StoreError, Transaction, postgres::PostgresAddress, records::RecordPosition,
};
use symbolon_tap::{Kind, Record};
use tokio::task::JoinHandle;

use crate::city::{ALL, City, Gate, Wallet, name, new_card, time};

const ROUNDS: usize = 6;
const HELD_SECONDS: u64 = 1_000;
/// The fare from the first station to the second.
const FARE: u32 = 350;
/// What is held until then.
const HELD: u32 = 500;
/// How long one that is done waits for the other.
const MOMENT: Duration = Duration::from_millis(30);

/// How long anything may take.
const PATIENCE: Duration = Duration::from_secs(30);

const SETTLED: fn(u32) -> RecordOutcome = |amount| RecordOutcome::Settled { amount };
const DUPLICATE: fn(u32) -> RecordOutcome = |amount| RecordOutcome::Duplicate { amount };

/// What a unit of work does when it is done and has not committed.
type Pause = Arc<dyn Fn() + Send + Sync>;

/// A store whose units about holders pause before they commit.
#[derive(Clone)]
struct Pausing {
    store: PostgresStore,
    pause: Arc<Mutex<Option<Pause>>>,
}

impl Store for Pausing {
    async fn write<T, E, F>(&self, job: F) -> Result<T, E>
    where
        F: FnMut(&mut dyn Transaction) -> Result<T, E> + Send + 'static,
        T: Send + 'static,
        E: From<StoreError> + Send + 'static,
    {
        self.store.write(job).await
    }

    async fn write_for<T, E, F>(&self, holders: Vec<CredentialDigest>, mut job: F) -> Result<T, E>
    where
        F: FnMut(&mut dyn Transaction) -> Result<T, E> + Send + 'static,
        T: Send + 'static,
        E: From<StoreError> + Send + 'static,
    {
        let pause = self.pause.lock().unwrap().clone().filter(|_| !holders.is_empty());
        let paused = move |unit: &mut dyn Transaction| {
            let done = job(unit)?;
            if let Some(pause) = &pause {
                pause();
            }
            Ok(done)
        };
        self.store.write_for(holders, paused).await
    }

    async fn read<T, E, F>(&self, job: F) -> Result<T, E>
    where
        F: FnOnce(&dyn Transaction) -> Result<T, E> + Send + 'static,
        T: Send + 'static,
        E: From<StoreError> + Send + 'static,
    {
        self.store.read(job).await
    }

    async fn erase_deleted(&self) -> Result<(), StoreError> {
        self.store.erase_deleted().await
    }
}

/// Where each two wait for each other, for a moment.
#[derive(Default)]
struct Meeting {
    arrived: Mutex<u32>,
    came: Condvar,
}

impl Meeting {
    fn arrive(&self) {
        let mut arrived = self.arrived.lock().unwrap();
        *arrived += 1;
        self.came.notify_all();
        let both = arrived.next_multiple_of(2);
        drop(self.came.wait_timeout_while(arrived, MOMENT, |arrived| *arrived < both).unwrap());
    }
}

struct Nodes {
    city: City,
    stores: [Pausing; 2],
    nodes: [Exchange<P256, Pausing>; 2],
    cluster: Cluster,
}

impl Nodes {
    async fn start() -> Self {
        let mut fares = FareTable::new(200);
        fares.set(name("metro"), [1; 16], [2; 16], FARE);
        let policy = Policy { journey_seconds: HELD_SECONDS, ..Policy::default() };
        let city = City::with(City::new().keys, policy, fares);
        let cluster = Cluster::start().unwrap();
        cluster.create_database("city").unwrap();
        let open = async || {
            let address = PostgresAddress::new(&cluster.address("city"), "exchange").unwrap();
            Pausing { store: PostgresStore::open(address).await.unwrap(), pause: Arc::default() }
        };
        let stores = [open().await, open().await];
        let nodes = stores.clone().map(|store| {
            let context = Context::new(store, city.clock.clone(), city.entropy.clone(), city.policy.clone());
            let (registry, clearing) = (city.roles().registry.clone(), city.roles().clearing.clone());
            Exchange::new(context, city.keys.clone(), city.fares.clone(), registry, clearing)
        });
        Self { city, stores, nodes, cluster }
    }

    /// Does something at each node at once.
    async fn both<A: Send + 'static, B: Send + 'static>(
        &self,
        one: impl Future<Output = A> + Send + 'static,
        other: impl Future<Output = B> + Send + 'static,
    ) -> (A, B) {
        let meeting = Arc::new(Meeting::default());
        for store in &self.stores {
            let meeting = meeting.clone();
            *store.pause.lock().unwrap() = Some(Arc::new(move || meeting.arrive()));
        }
        let (one, other) = (tokio::spawn(one), tokio::spawn(other));
        let done = (one.await.unwrap(), other.await.unwrap());
        for store in &self.stores {
            *store.pause.lock().unwrap() = None;
        }
        done
    }

    /// Uploads at each node at once; the outcomes of the first records, in the order of [`rank`].
    async fn upload_both(&self, uploads: [Vec<u8>; 2]) -> [RecordOutcome; 2] {
        let [one, other] = uploads;
        let (one, other) = self.both(upload(&self.nodes[0], one), upload(&self.nodes[1], other)).await;
        let mut outcomes = [one, other].map(|answered| answered.answer.outcomes()[0]);
        outcomes.sort_by_key(rank);
        outcomes
    }

    /// Uploads what is to be there before; where its records are.
    async fn sent(&self, gate: &mut Gate<P256>, records: &[Record]) -> Vec<UploadedRecord> {
        let answered = upload(&self.nodes[0], gate.upload(records)).await;
        let digest = *answered.answer.acknowledgement().upload_digest();
        self.nodes[1].records(None, Some(digest), ALL).await.unwrap()
    }

    /// What a holder has, when all is posted.
    async fn balance(&self, wallet: &Wallet<P256>) -> i64 {
        self.nodes[0].deliver_all(time(0)).await.unwrap();
        self.city.balance(wallet.account()).await
    }

    fn count(&self, what: &str) -> u64 {
        let counted = self.cluster.sql("city", &format!("SET search_path TO exchange; SELECT count(*) FROM {what}"));
        counted.unwrap().parse().unwrap()
    }

    /// Waits until so many units of work wait for the turn of another.
    async fn wait_for_waiting(&self, count: u64) {
        let began = Instant::now();
        while self.count("pg_stat_activity WHERE wait_event_type = 'Lock'") != count {
            assert!(began.elapsed() < PATIENCE, "nobody waits");
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    }
}

fn upload(node: &Exchange<P256, Pausing>, upload: Vec<u8>) -> impl Future<Output = Answered> + Send + 'static {
    let node = node.clone();
    async move { node.upload(upload).await.unwrap() }
}

/// Settled, duplicate, misuse, refused.
fn rank(outcome: &RecordOutcome) -> u8 {
    match outcome {
        RecordOutcome::Settled { .. } => 0,
        RecordOutcome::Duplicate { .. } => 1,
        RecordOutcome::Misuse(_) => 2,
        RecordOutcome::Refused(_) => 3,
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_upload_waits_for_those_of_its_holders_and_for_no_other() {
    let all = Nodes::start().await;
    let (mut one, mut other) = (all.city.wallet().await, all.city.wallet().await);
    let (mut metro, mut tram) = (all.city.gate("metro").await, all.city.gate("tram").await);
    let held = metro.tap(&mut one, Kind::Purchase, 10, 10);
    let (is_done, mut done) = tokio::sync::mpsc::unbounded_channel();
    let (go_on, may_go_on) = mpsc::channel::<()>();
    let may_go_on = Mutex::new(may_go_on);
    *all.stores[0].pause.lock().unwrap() = Some(Arc::new(move || {
        is_done.send(()).unwrap();
        let _ = may_go_on.lock().unwrap().recv();
    }));
    let first = tokio::spawn(upload(&all.nodes[0], metro.upload(&[held])));
    done.recv().await.unwrap();
    // It has settled, and its transaction is open. Others of the same operator and terminal go ahead of it.
    for round in 0..3 {
        let records =
            [metro.tap(&mut other, Kind::Purchase, 20, 20 + round), metro.tap(&mut other, Kind::Entry, 9, 30)];
        let beside = tokio::time::timeout(PATIENCE, upload(&all.nodes[1], metro.upload(&records)));
        let answered = beside.await.expect("it does not wait for the first");
        assert_eq!(answered.answer.outcomes(), [SETTLED(20), SETTLED(9)]);
    }
    // They are told already.
    assert_eq!(all.nodes[1].collect(&name("metro"), None, 9).await.unwrap().len(), 6);
    // One that the same holder takes part in waits.
    let both = [tram.tap(&mut other, Kind::Purchase, 30, 40), tram.tap(&mut one, Kind::Purchase, 30, 40)];
    let second = tokio::spawn(upload(&all.nodes[1], tram.upload(&both)));
    all.wait_for_waiting(1).await;
    // They are listed in the order of their numbers, and its is the first: whoever lists waits.
    let node = all.nodes[0].clone();
    let listed = tokio::spawn(async move { node.records(None, None, ALL).await.unwrap() });
    all.wait_for_waiting(2).await;
    assert!(!first.is_finished() && !second.is_finished() && !listed.is_finished());
    go_on.send(()).unwrap();
    let first_listed = listed.await.unwrap()[0].record;
    assert_eq!(first_listed.as_bytes(), held.as_bytes());
    assert_eq!(first.await.unwrap().answer.outcomes(), [SETTLED(10)]);
    assert_eq!(second.await.unwrap().answer.outcomes(), [SETTLED(30); 2]);
    assert_eq!(all.nodes[0].collect(&name("metro"), None, 9).await.unwrap().len(), 7);
    assert_eq!(all.nodes[1].records(None, None, ALL).await.unwrap().len(), 9);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_two_nodes_are_sent_at_once_settles_as_one_after_the_other() {
    let all = Nodes::start().await;
    let (mut metro, mut tram) = (all.city.gate("metro").await, all.city.gate("tram").await);
    let mut wallet = all.city.wallet().await;
    let mut spent = 0;
    for _ in 0..ROUNDS {
        // The same upload.
        let record = metro_tap(&mut metro, &mut wallet);
        let bytes = metro.upload(&[record]);
        let (one, other) = all.both(upload(&all.nodes[0], bytes.clone()), upload(&all.nodes[1], bytes)).await;
        assert!(one.answer == other.answer && one.repeated != other.repeated, "settled by both, or by none");
        // Bytes that no holder signed are the same upload too.
        let mut forged = *metro_tap(&mut metro, &mut wallet).as_bytes();
        forged[Record::SIZE - 1] ^= 1;
        let bytes = metro.upload(&[*Record::parse(&forged).unwrap()]);
        let (one, other) = all.both(upload(&all.nodes[0], bytes.clone()), upload(&all.nodes[1], bytes)).await;
        assert!(one.answer == other.answer && one.repeated != other.repeated, "settled by both, or by none");
        // The same record in two uploads.
        let record = metro_tap(&mut metro, &mut wallet);
        let outcomes = all.upload_both([metro.upload(&[record]), metro.upload(&[record])]).await;
        assert_eq!(outcomes, [SETTLED(10), DUPLICATE(10)]);
        // One challenge answered under two counters.
        let terms = metro.terms(Kind::Purchase, 10, 10);
        let answers = [wallet.answer(&metro, terms), wallet.answer(&metro, terms)];
        let outcomes = all.upload_both(answers.map(|answer| metro.upload(&[answer]))).await;
        assert_eq!(outcomes, [SETTLED(10), DUPLICATE(10)]);
        // Other terms under the same counter, at two operators.
        let terms = (metro.terms(Kind::Purchase, 10, 10), tram.terms(Kind::Purchase, 10, 10));
        wallet.counter += 1;
        let at_metro = wallet.answer_under(wallet.counter, &metro, terms.0);
        let at_tram = wallet.answer_under(wallet.counter, &tram, terms.1);
        let outcomes = all.upload_both([metro.upload(&[at_metro]), tram.upload(&[at_tram])]).await;
        assert!(matches!(outcomes, [RecordOutcome::Settled { amount: 10 }, RecordOutcome::Misuse(_)]), "{outcomes:?}");
        spent += 40;
        assert_eq!(all.balance(&wallet).await, -spent);
    }
    let misused = all.count("misuse");
    assert_eq!(misused, ROUNDS as u64);
    for _ in 0..ROUNDS {
        // Together more than the budget.
        let mut wallet = all.city.wallet_of(NewCard { spend_limit: 100, budget: 100, ..new_card() }).await;
        let records = (metro.tap(&mut wallet, Kind::Purchase, 60, 10), tram.tap(&mut wallet, Kind::Entry, 60, 20));
        let outcomes = all.upload_both([metro.upload(&[records.0]), tram.upload(&[records.1])]).await;
        assert!(matches!(outcomes, [RecordOutcome::Settled { amount: 60 }, RecordOutcome::Misuse(_)]), "{outcomes:?}");
        assert_eq!(all.balance(&wallet).await, -60);
    }
    assert_eq!(all.count("misuse"), misused + ROUNDS as u64);
}

fn metro_tap(metro: &mut Gate<P256>, wallet: &mut Wallet<P256>) -> Record {
    metro.tap(wallet, Kind::Purchase, 10, 10)
}

#[tokio::test(flavor = "multi_thread")]
async fn ends_of_a_journey_that_come_at_once_meet() {
    let all = Nodes::start().await;
    let (mut into, mut out_of) = (all.city.gate("metro").await, all.city.gate("metro").await);
    let late = time(2 * HELD_SECONDS);
    let mut wallets = Vec::new();
    for _ in 0..ROUNDS {
        wallets.push(all.city.wallet().await);
    }
    all.city.clock.set(HELD_SECONDS);
    let (mut gain, mut begins) = (0, 0);
    for mut wallet in wallets {
        let mut paid = 0;
        let mut journey = || {
            begins += 20;
            let entry = into.tap_at(&mut wallet, Kind::Entry, HELD, begins, 1);
            (entry, out_of.tap_at(&mut wallet, Kind::Exit, 0, begins + 10, 2))
        };
        let journeys: [_; 5] = std::array::from_fn(|_| journey());
        for (what, (entry, exit)) in journeys.into_iter().enumerate() {
            let exit = out_of.upload(&[exit]);
            if what == 0 {
                let (entry, exit) = (upload(&all.nodes[0], into.upload(&[entry])), upload(&all.nodes[1], exit));
                all.both(entry, exit).await;
                paid += i64::from(FARE);
            } else {
                let entry = all.sent(&mut into, &[entry]).await[0].position;
                let (one, other) = (all.nodes[0].clone(), all.nodes[1].clone());
                let voided = async move { one.void_journey(&name("metro"), entry).await.unwrap() };
                let closing = |node: Exchange<P256, Pausing>| async move {
                    node.close_held_journeys(late).await.unwrap();
                };
                match what {
                    // Whichever comes first: a void one costs nothing, and an exit that comes at last the fare.
                    1 => {
                        all.both(voided, upload(&other, exit)).await;
                    }
                    2 => {
                        all.both(closing(other.clone()), upload(&all.nodes[0], exit)).await;
                        paid += i64::from(FARE);
                    }
                    3 => {
                        all.both(closing(other), voided).await;
                    }
                    _ => {
                        all.both(closing(other), closing(all.nodes[0].clone())).await;
                        paid += i64::from(HELD);
                    }
                }
            }
            assert_eq!(all.balance(&wallet).await, -paid, "journey {what}");
        }
        gain += paid;
    }
    let gains = all.nodes[0].collect(&name("metro"), None, 1_000).await.unwrap();
    assert_eq!(gains.iter().map(|told| told.gain).sum::<i64>(), gain);
}

#[tokio::test(flavor = "multi_thread")]
async fn refunds_that_are_authorised_at_once_never_exceed_the_purchase() {
    let all = Nodes::start().await;
    let (mut metro, mut tram) = (all.city.gate("metro").await, all.city.gate("tram").await);
    let (mut wallet, mut friend) = (all.city.wallet().await, all.city.wallet().await);
    let authorising = |node: usize, refund: RecordPosition, purchase: RecordPosition| {
        let node = all.nodes[node].clone();
        async move { node.authorise_refund(&name("metro"), refund, purchase).await.map(|record| record.outcome) }
    };
    let (mut paid, mut given) = (0, 0);
    for _ in 0..ROUNDS {
        let mut tap = |holder: &mut Wallet<P256>, kind, amount| metro.tap(holder, kind, amount, 10);
        let records = [
            tap(&mut wallet, Kind::Purchase, 100),
            tap(&mut wallet, Kind::Refund, 60),
            tap(&mut friend, Kind::Refund, 60),
            tap(&mut wallet, Kind::Purchase, 100),
            tap(&mut friend, Kind::Refund, 70),
            tap(&mut friend, Kind::Refund, 1),
        ];
        let counter = friend.counter;
        let sent = all.sent(&mut metro, &records).await;
        let place = |index: usize| sent[index].position;
        // Two of one purchase, signed by different holders.
        let (one, other) = all.both(authorising(0, place(1), place(0)), authorising(1, place(2), place(0))).await;
        let (settled, refused) = if one.is_ok() { (one, other) } else { (other, one) };
        assert_eq!((settled, refused), (Ok(SETTLED(60)), Err(ServiceError::RefundExceeds(40))));
        // The same one twice.
        let (one, other) = all.both(authorising(0, place(4), place(3)), authorising(1, place(4), place(3))).await;
        assert_eq!((one, other), (Ok(SETTLED(70)), Ok(SETTLED(70))));
        // One whose counter is used otherwise in an upload.
        let terms = tram.terms(Kind::Purchase, 5, 10);
        let otherwise = friend.answer_under(counter, &tram, terms);
        let uploaded = upload(&all.nodes[1], tram.upload(&[otherwise]));
        let (refunded, uploaded) = all.both(authorising(0, place(5), place(0)), uploaded).await;
        match (refunded, uploaded.answer.outcomes()[0]) {
            (Ok(_), RecordOutcome::Misuse(_)) => given += 1,
            (Err(ServiceError::AlreadyExists(_)), RecordOutcome::Settled { amount: 5 }) => paid += 5,
            both => panic!("both or none took effect: {both:?}"),
        }
        (paid, given) = (paid + 200, given + 130);
        assert_eq!(all.balance(&wallet).await + all.balance(&friend).await, given - paid);
    }
}

/// Reads on at a node, until so many were seen.
fn follow<T: Send + 'static, F: Future<Output = Vec<T>> + Send>(
    count: usize,
    are_done: &Arc<AtomicBool>,
    mut next: impl FnMut(Option<&T>) -> F + Send + 'static,
) -> JoinHandle<Vec<T>> {
    let are_done = are_done.clone();
    tokio::spawn(async move {
        let mut seen = Vec::new();
        while seen.len() < count {
            let is_last = are_done.load(Ordering::SeqCst);
            let asking = next(seen.last());
            let more = asking.await;
            assert!(!is_last || !more.is_empty(), "{} of {count} were seen", seen.len());
            seen.extend(more);
            tokio::task::yield_now().await;
        }
        seen
    })
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn whoever_reads_on_while_nodes_settle_sees_everything_once_and_in_order() {
    const UPLOADS: usize = 24;
    const RECORDS: usize = 3;
    let all = Nodes::start().await;
    let mut gates = [all.city.gate("metro").await, all.city.gate("tram").await];
    let mut wallets = Vec::new();
    for _ in 0..UPLOADS / 2 {
        wallets.push(all.city.wallet().await);
    }
    let uploads = (0..UPLOADS).map(|number| {
        let (gate, wallet) = (&mut gates[number % 2], &mut wallets[number / 2]);
        let records: [_; RECORDS] = std::array::from_fn(|_| gate.tap(wallet, Kind::Purchase, 10, 10));
        gate.upload(&records)
    });
    let uploads = uploads.collect::<Vec<_>>();
    let meeting = Arc::new(Meeting::default());
    for store in &all.stores {
        let meeting = meeting.clone();
        *store.pause.lock().unwrap() = Some(Arc::new(move || meeting.arrive()));
    }
    let are_done = Arc::<AtomicBool>::default();
    let collecting = [("metro", 0), ("metro", 1), ("tram", 0), ("tram", 1)].map(|(operator, node)| {
        let node = all.nodes[node].clone();
        follow(UPLOADS / 2 * RECORDS, &are_done, move |last: Option<&CollectedRecord>| {
            let (node, after) = (node.clone(), last.map(|last| last.cursor));
            async move { node.collect(&name(operator), after, 2).await.unwrap() }
        })
    });
    let listing = all.nodes.clone().map(|node| {
        follow(UPLOADS * RECORDS, &are_done, move |last: Option<&UploadedRecord>| {
            let (node, after) = (node.clone(), last.map_or(0, |last| last.position.0));
            async move { node.records(None, None, Page { after, limit: 7 }).await.unwrap() }
        })
    });
    let running = uploads.into_iter().enumerate();
    let running = running.map(|(number, bytes)| tokio::spawn(upload(&all.nodes[number / 2 % 2], bytes)));
    for upload in running.collect::<Vec<_>>() {
        let answered = upload.await.unwrap();
        assert_eq!(answered.answer.outcomes(), [SETTLED(10); RECORDS]);
    }
    are_done.store(true, Ordering::SeqCst);
    for collected in collecting {
        let collected = collected.await.unwrap();
        assert!(collected.is_sorted_by(|one, next| one.cursor < next.cursor));
        let mut places = collected.iter().map(|one| one.record.position).collect::<Vec<_>>();
        places.sort_unstable();
        places.dedup();
        assert_eq!(places.len(), UPLOADS / 2 * RECORDS, "one was told twice");
    }
    for listed in listing {
        let listed = listed.await.unwrap();
        assert!(listed.is_sorted_by(|one, next| one.position < next.position));
        assert_eq!(listed.len(), UPLOADS * RECORDS);
    }
}
