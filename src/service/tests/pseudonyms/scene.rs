//! What every role's tests begin with: a clock that tests set, seeded randomness, stores in a folder.

use std::{
    path::Path,
    sync::{
        Arc, Mutex,
        atomic::{AtomicU64, Ordering},
    },
};

use rand_chacha::ChaCha20Rng;
use rand_core::{Rng as _, SeedableRng as _};
use symbolon_ccks::{Period, PeriodBoundary, Time};
use symbolon_service::{Clock, Context, Entropy, Policy};
use symbolon_store::SqliteStore;

/// When the scene begins: some hours after a period has.
pub(crate) const START: u64 = 1_800_000_000;

pub(crate) const DAY: u64 = 86_400;

pub(crate) struct TestClock(AtomicU64);

impl TestClock {
    /// Seconds after the start.
    pub(crate) fn set(&self, after_start: u64) {
        self.0.store(START + after_start, Ordering::SeqCst);
    }

    pub(crate) fn put_back(&self, seconds: u64) {
        self.0.fetch_sub(seconds, Ordering::SeqCst);
    }

    /// Moves to the first second of the period so many after the present one.
    pub(crate) fn move_on(&self, periods: u64) {
        let present = Period::at(self.now(), PeriodBoundary::DEFAULT).unwrap();
        self.0.store(present.start(PeriodBoundary::DEFAULT).seconds() + periods * DAY, Ordering::SeqCst);
    }

    pub(crate) fn period(&self) -> Period {
        Period::at(self.now(), PeriodBoundary::DEFAULT).unwrap()
    }
}

impl Clock for TestClock {
    fn now(&self) -> Time {
        Time::new(self.0.load(Ordering::SeqCst)).unwrap()
    }
}

struct Seeded(Mutex<ChaCha20Rng>);

impl Entropy for Seeded {
    fn fill(&self, bytes: &mut [u8]) {
        self.0.lock().unwrap().fill_bytes(bytes);
    }
}

pub(crate) struct Scene {
    pub(crate) folder: tempfile::TempDir,
    pub(crate) clock: Arc<TestClock>,
    entropy: Arc<dyn Entropy>,
}

impl Scene {
    pub(crate) fn new(seed: u64) -> Self {
        let clock = Arc::new(TestClock(AtomicU64::new(START)));
        let entropy = Arc::new(Seeded(Mutex::new(ChaCha20Rng::seed_from_u64(seed))));
        Self { folder: tempfile::tempdir().unwrap(), clock, entropy }
    }

    /// What a role is given, on the store in `file`.
    pub(crate) fn context(&self, file: &str) -> Context<SqliteStore> {
        let store = SqliteStore::open(self.folder.path().join(file)).unwrap();
        Context::new(store, self.clock.clone(), Arc::clone(&self.entropy), Policy::default())
    }

    pub(crate) fn random<const N: usize>(&self) -> [u8; N] {
        let mut bytes = [0; N];
        self.entropy.fill(&mut bytes);
        bytes
    }

    pub(crate) fn draws(&self) -> ChaCha20Rng {
        ChaCha20Rng::from_seed(self.random())
    }
}

/// Whether these bytes lie in any file of a folder: what somebody could read who takes it.
pub(crate) fn readable(folder: &Path, wanted: &[u8]) -> bool {
    let mut files = std::fs::read_dir(folder).unwrap();
    files.any(|file| {
        let bytes = std::fs::read(file.unwrap().path()).unwrap();
        bytes.windows(wanted.len()).any(|window| window == wanted)
    })
}
