//! Uploads that wait together are judged together, and each gets its own verdicts and no other's.

use std::sync::Arc;

use rand_core::Rng as _;
use symbolon_ccks::{CredentialDigest, P256};
use symbolon_service::{
    Context, Entropy, Policy, ServiceError,
    exchange::{Exchange, FareTable, RecordOutcome, Refusal},
};
use symbolon_store::{SqliteStore, Store, StoreError, Transaction};
use symbolon_tap::{Kind, Record, RecordBytes, RecordHint};
use tokio::sync::{Semaphore, mpsc};
use zerocopy::FromBytes as _;

use super::{HOUR, House, SETTLED, Seeded, Town, authority};

const TERMINALS: usize = 12;
/// Blank records beside the others in each third upload, so that not all uploads are judged at one time.
const BLANK: usize = 8_000;

/// When the uploads come that wait together, seconds after today began.
const COMES: fn(usize) -> u64 = |number| 100 * number as u64;

/// What a terminal sends and what must become of its records, each for an amount that no other is for.
struct Sent {
    upload: Vec<u8>,
    outcomes: Vec<RecordOutcome>,
}

/// Uploads of as many terminals, good records and bad ones mixed; each comes so many seconds after today began.
fn uploads(town: &mut Town, blank: usize, comes: fn(usize) -> u64) -> Vec<Sent> {
    let mut uploads = Vec::<Sent>::new();
    let mut elsewhere = None;
    for number in 0..TERMINALS {
        let mut gate = town.gate(&format!("operator{number}"));
        let (mut records, mut outcomes, mut last) = (Vec::new(), Vec::new(), None);
        for place in 0..1 + town.random.next_u32() % 5 {
            let amount = 100 + 10 * number as u32 + place;
            let mut holder = if amount.is_multiple_of(2) { town.card() } else { town.pseudonym() };
            // To the second what is still taken of clocks that are ahead, and by which upload.
            let (how, latest) = (town.random.next_u32(), comes(number) + Policy::default().record_lead_seconds);
            let good = gate.tap(&mut holder, Kind::Purchase, amount, latest);
            let ahead = gate.tap(&mut holder, Kind::Purchase, amount, latest + 1);
            let (record, outcome) = match how % 5 {
                0 => (ahead.into(), RecordOutcome::Refused(Refusal::TimeAhead)),
                how => mistreated(&good, elsewhere, how),
            };
            last = Some(good);
            records.push(record);
            outcomes.push(outcome);
        }
        if number % 3 == 1 {
            let blanks = [RecordBytes::read_from_bytes(&[0xff; Record::SIZE]).unwrap()].repeat(blank);
            records.splice(0..0, blanks);
            outcomes.splice(0..0, vec![RecordOutcome::Refused(Refusal::Malformed); blank]);
        }
        // Wrong ones help nobody, and must not harm.
        let hints =
            if number.is_multiple_of(2) { vec![RecordHint::new([7; 32], [8; 32]); records.len()] } else { Vec::new() };
        elsewhere = last;
        uploads.push(Sent { upload: gate.upload_bytes(&records, &hints), outcomes });
    }
    uploads
}

/// A record as it is, changed, or one that another terminal took in its place; and what must become of it.
fn mistreated(good: &Record, elsewhere: Option<Record>, how: u32) -> (RecordBytes, RecordOutcome) {
    let bad = RecordOutcome::Refused(Refusal::BadSignature);
    match (how, elsewhere) {
        (2, Some(stolen)) => (stolen.into(), bad),
        (1, _) => {
            let mut bytes = *good.as_bytes();
            bytes[Record::SIZE - 1] ^= 1;
            (RecordBytes::read_from_bytes(&bytes).unwrap(), bad)
        }
        _ => ((*good).into(), SETTLED(good.terms().amount())),
    }
}

/// A store that holds back whatever it read, until everybody may go on.
#[derive(Clone)]
struct Holding {
    store: SqliteStore,
    read: mpsc::UnboundedSender<()>,
    go_on: Arc<Semaphore>,
}

impl Store for Holding {
    async fn write<T, E, F>(&self, job: F) -> Result<T, E>
    where
        F: FnMut(&mut dyn Transaction) -> Result<T, E> + Send + 'static,
        T: Send + 'static,
        E: From<StoreError> + Send + 'static,
    {
        self.store.write(job).await
    }

    async fn write_for<T, E, F>(&self, holders: Vec<CredentialDigest>, job: F) -> Result<T, E>
    where
        F: FnMut(&mut dyn Transaction) -> Result<T, E> + Send + 'static,
        T: Send + 'static,
        E: From<StoreError> + Send + 'static,
    {
        self.store.write_for(holders, job).await
    }

    async fn read<T, E, F>(&self, job: F) -> Result<T, E>
    where
        F: FnOnce(&dyn Transaction) -> Result<T, E> + Send + 'static,
        T: Send + 'static,
        E: From<StoreError> + Send + 'static,
    {
        let result = self.store.read(job).await;
        let _ = self.read.send(());
        // Nothing is ever to be had of it; it is closed when all may go on.
        let _ = self.go_on.acquire().await;
        result
    }

    async fn erase_deleted(&self) -> Result<(), StoreError> {
        self.store.erase_deleted().await
    }
}

/// Tells of each draw: an upload's first is the last thing before it waits to be judged.
struct Telling {
    entropy: Arc<Seeded>,
    drawn: mpsc::UnboundedSender<()>,
}

impl Entropy for Telling {
    fn fill(&self, bytes: &mut [u8]) {
        self.entropy.fill(bytes);
        let _ = self.drawn.send(());
    }
}

/// Uploads all at once on a runtime of one thread and one more that may block: that is kept busy until all wait. The
/// caller of the upload `gone` goes away meanwhile.
async fn upload_at_once(house: &House, sent: &[Sent], gone: usize) {
    let (read, mut was_read) = mpsc::unbounded_channel();
    let (drawn, mut was_drawn) = mpsc::unbounded_channel();
    let go_on = Arc::new(Semaphore::new(0));
    let store = SqliteStore::open(house.folder.path().join("exchange.db")).unwrap();
    let store = Holding { store, read, go_on: go_on.clone() };
    let entropy = Arc::new(Telling { entropy: house.entropy.clone(), drawn });
    let context = Context::new(store, house.clock.clone(), entropy, house.policy.clone());
    let (keys, fares) = (authority().keys.clone(), FareTable::new(200));
    let exchange = Exchange::<P256, _>::new(context, keys, fares, house.registry.clone(), house.line.clone());

    let mut running = Vec::new();
    for (number, Sent { upload, .. }) in sent.iter().enumerate() {
        house.set(COMES(number));
        let (exchange, upload) = (exchange.clone(), upload.clone());
        running.push(tokio::spawn(async move { exchange.upload(upload).await }));
        was_read.recv().await.unwrap();
    }
    let (release, released) = std::sync::mpsc::channel::<()>();
    let busy = tokio::task::spawn_blocking(move || released.recv());
    go_on.close();
    for _ in sent {
        was_drawn.recv().await.unwrap();
    }
    running[gone].abort();
    assert!((&mut running[gone]).await.unwrap_err().is_cancelled());
    drop(release);
    busy.await.unwrap().unwrap_err();
    for (number, (running, sent)) in running.into_iter().zip(sent).enumerate().filter(|(number, _)| *number != gone) {
        let answered = running.await.unwrap().unwrap();
        assert!(!answered.repeated);
        assert!(answered.answer.outcomes() == sent.outcomes, "another's verdicts on upload {number}");
    }
}

/// What every operator was paid, in the order of the uploads.
async fn paid(house: &House) -> Vec<i64> {
    let balances = house.balances().await;
    let accounts = (0..TERMINALS).map(|number| format!("operator-operator{number}-156"));
    accounts.map(|account| balances.get(&account).copied().unwrap_or_default()).collect()
}

/// What every operator is to be paid.
fn due(sent: &[Sent]) -> Vec<i64> {
    let amount = |outcome: &RecordOutcome| match outcome {
        RecordOutcome::Settled { amount } => i64::from(*amount),
        _ => 0,
    };
    sent.iter().map(|sent| sent.outcomes.iter().map(amount).sum()).collect()
}

#[test]
fn uploads_that_wait_together_get_each_its_own_verdicts() {
    const GONE: usize = 5;
    let runtime = tokio::runtime::Builder::new_current_thread().max_blocking_threads(1).build().unwrap();
    runtime.block_on(async {
        let mut town = Town::new();
        let sent = uploads(&mut town, BLANK, COMES);
        let mut house = House::new(&town).await;
        house.exchange = None;
        upload_at_once(&house, &sent, GONE).await;
        house.reopen(super::crashing::Fuse::default());
        // Who went away without an answer sends again.
        house.set(COMES(GONE));
        assert_eq!(house.upload(sent[GONE].upload.clone()).await.outcomes(), sent[GONE].outcomes);
        house.deliver_all().await;
        assert_eq!(paid(&house).await, due(&sent));
    });
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn uploads_that_come_as_they_like_get_each_their_own_verdicts() {
    let mut town = Town::new();
    let days = (0..3).map(|_| uploads(&mut town, 20, |_| HOUR)).collect::<Vec<_>>();
    let house = House::new(&town).await;
    house.set(HOUR);
    for sent in &days {
        let mut running = Vec::new();
        for Sent { upload, .. } in sent {
            // One that its terminal did not sign is not judged, and harms none that is.
            let mut unsigned = upload.clone();
            unsigned[150] ^= 1;
            running.extend([upload.clone(), unsigned].map(|upload| {
                let exchange = house.exchange().clone();
                tokio::spawn(async move { exchange.upload(upload).await })
            }));
        }
        let mut running = running.into_iter();
        for sent in sent {
            let [signed, unsigned] = [running.next().unwrap().await, running.next().unwrap().await].map(Result::unwrap);
            assert_eq!(signed.unwrap().answer.outcomes(), sent.outcomes);
            assert!(matches!(unsigned, Err(ServiceError::BadSignature(_))));
        }
    }
    house.deliver_all().await;
    let mut all = vec![0; TERMINALS];
    for sent in &days {
        all.iter_mut().zip(due(sent)).for_each(|(all, due)| *all += due);
    }
    assert_eq!(paid(&house).await, all);
}
