//! A process that dies at a chosen step, and what is right when it came back.

use std::sync::{
    Arc,
    atomic::{AtomicBool, AtomicI64, Ordering},
};

use symbolon_ccks::CredentialDigest;
use symbolon_store::{SqliteStore, Store, StoreError, Transaction};
use symbolon_tap::Kind;

use super::{HOUR, House, Town};

/// What becomes of a step.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Fate {
    Lives,
    DiesBefore,
    DiesAfter,
}

/// Burns down with every step at a store or another role; when it is through, nothing is done any more.
#[derive(Clone)]
pub(super) struct Fuse {
    left: Arc<AtomicI64>,
    /// Whether the last step takes effect before its answer is lost.
    after: bool,
    dead: Arc<AtomicBool>,
}

impl Default for Fuse {
    /// One that never ends.
    fn default() -> Self {
        Self::new(i64::MAX, false)
    }
}

impl Fuse {
    fn new(steps: i64, after: bool) -> Self {
        Self { left: Arc::new(AtomicI64::new(steps)), after, dead: Arc::default() }
    }

    pub(super) fn next(&self) -> Fate {
        if self.dead.load(Ordering::SeqCst) {
            return Fate::DiesBefore;
        }
        if self.left.fetch_sub(1, Ordering::SeqCst) > 0 {
            return Fate::Lives;
        }
        self.dead.store(true, Ordering::SeqCst);
        if self.after { Fate::DiesAfter } else { Fate::DiesBefore }
    }
}

/// A store of a process that dies.
#[derive(Clone)]
pub(super) struct Crashing {
    pub(super) store: SqliteStore,
    pub(super) fuse: Fuse,
}

fn died() -> StoreError {
    StoreError::Unavailable("the process died".to_owned())
}

impl Store for Crashing {
    async fn write<T, E, F>(&self, job: F) -> Result<T, E>
    where
        F: FnMut(&mut dyn Transaction) -> Result<T, E> + Send + 'static,
        T: Send + 'static,
        E: From<StoreError> + Send + 'static,
    {
        match self.fuse.next() {
            Fate::Lives => self.store.write(job).await,
            Fate::DiesBefore => Err(died().into()),
            Fate::DiesAfter => {
                self.store.write(job).await?;
                Err(died().into())
            }
        }
    }

    async fn write_for<T, E, F>(&self, _holders: Vec<CredentialDigest>, job: F) -> Result<T, E>
    where
        F: FnMut(&mut dyn Transaction) -> Result<T, E> + Send + 'static,
        T: Send + 'static,
        E: From<StoreError> + Send + 'static,
    {
        self.write(job).await
    }

    async fn read<T, E, F>(&self, job: F) -> Result<T, E>
    where
        F: FnOnce(&dyn Transaction) -> Result<T, E> + Send + 'static,
        T: Send + 'static,
        E: From<StoreError> + Send + 'static,
    {
        if self.fuse.next() == Fate::Lives { self.store.read(job).await } else { Err(died().into()) }
    }

    async fn erase_deleted(&self) -> Result<(), StoreError> {
        self.store.erase_deleted().await
    }
}

/// Uploads and passes on, dying at step `steps`; whether it did not get there.
async fn day(house: &mut House, uploads: &[Vec<u8>], fuse: Fuse) -> bool {
    house.reopen(fuse.clone());
    for upload in uploads {
        // Who gets no answer sends again later.
        let _ = house.exchange().upload(upload.clone()).await;
    }
    let _ = house.exchange().deliver_all(super::time(2 * HOUR)).await;
    !fuse.dead.load(Ordering::SeqCst)
}

#[tokio::test(flavor = "multi_thread")]
async fn wherever_it_dies_everything_is_charged_exactly_once() {
    let mut town = Town::new();
    let (mut metro, mut water) = (town.gate("metro"), town.gate("water"));
    let (mut card, mut clone) = (town.card(), town.card());
    let (mut one, mut other) = (town.pseudonym(), town.pseudonym());
    let at_metro = [
        metro.tap(&mut card, Kind::Purchase, 30, 100),
        metro.tap(&mut one, Kind::Entry, 500, 110),
        metro.tap(&mut other, Kind::Purchase, 70, 120),
        metro.tap(&mut clone, Kind::Purchase, 5, 130),
        metro.tap(&mut one, Kind::Exit, 0, 140),
    ];
    clone.counter = 0;
    let at_water = [water.tap(&mut other, Kind::Purchase, 11, 150), water.tap(&mut clone, Kind::Purchase, 6, 160)];
    let uploads = [metro.upload(&at_metro), water.upload(&at_water)];
    let wanted = [
        ("operator-metro-156".to_owned(), 30 + 200 + 70 + 5),
        ("operator-water-156".to_owned(), 11),
        ("journeys-156".to_owned(), 0),
        (card.account(), -30),
        (clone.account(), -5),
        (one.account(), -200),
        (other.account(), -81),
    ];

    for after in [false, true] {
        let mut steps = 0;
        loop {
            let mut house = House::new(&town).await;
            let lived = day(&mut house, &uploads, Fuse::new(steps, after)).await;
            // It is started again, the terminals send again, and the chores go on.
            assert!(day(&mut house, &uploads, Fuse::default()).await);
            let balances = house.balances().await;
            for (account, balance) in &wanted {
                let found = balances.get(account).copied().unwrap_or_default();
                assert_eq!(found, *balance, "{account}, died at step {steps}, after it: {after}");
            }
            let counts = house.exchange().counts().await.unwrap();
            assert_eq!((counts.waiting_charges.count, counts.undelivered_batches.count), (0, 0), "step {steps}");
            assert_eq!(counts.waiting_suspensions, 0, "step {steps}");
            assert!(house.registry.suspended.lock().unwrap().contains(&clone.digest()), "step {steps}");
            // What is sent again is the same, byte for byte.
            let sent = house.sent();
            for batch in &sent {
                assert!(sent.iter().filter(|again| again.id == batch.id).all(|again| again == batch), "step {steps}");
            }
            if lived {
                break;
            }
            steps += 1;
        }
        assert!(steps > 20, "the day has but {steps} steps");
    }
}
