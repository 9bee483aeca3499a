//! What every role's tests begin with: what a role is given, on stores in a folder.

use std::{
    path::Path,
    sync::{Arc, atomic::Ordering},
};

use rand_chacha::ChaCha20Rng;
use rand_core::SeedableRng as _;
use symbolon_ccks::{Period, PeriodBoundary};
use symbolon_service::{Clock as _, Context, Entropy, Policy};
use symbolon_store::SqliteStore;

pub(crate) use crate::time_and_chance::START;
use crate::time_and_chance::{Seeded, TestClock};

pub(crate) const DAY: u64 = 86_400;

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

pub(crate) struct Scene {
    pub(crate) folder: tempfile::TempDir,
    pub(crate) clock: Arc<TestClock>,
    entropy: Arc<dyn Entropy>,
}

impl Scene {
    pub(crate) fn new(seed: u64) -> Self {
        let clock = TestClock::at(START);
        let entropy = Seeded::new(seed);
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
