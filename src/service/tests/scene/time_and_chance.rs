//! What the worlds of all these tests have in common: a clock that they set, and randomness that is the same in every run.

use std::sync::{
    Arc, Mutex,
    atomic::{AtomicU64, Ordering},
};

use rand_chacha::ChaCha20Rng;
use rand_core::{Rng as _, SeedableRng as _};
use symbolon_ccks::Time;
use symbolon_service::{Clock, Entropy};

/// When most of the worlds begin: some hours after a period of pseudonyms has.
pub(crate) const START: u64 = 1_800_000_000;

/// Stands until a test sets it; in seconds since 1970.
pub(crate) struct TestClock(pub(crate) AtomicU64);

impl TestClock {
    /// A clock that stands at these seconds.
    pub(crate) fn at(seconds: u64) -> Arc<Self> {
        Arc::new(Self(AtomicU64::new(seconds)))
    }
}

impl Clock for TestClock {
    fn now(&self) -> Time {
        Time::new(self.0.load(Ordering::SeqCst)).unwrap()
    }
}

/// The stream of a seed.
pub(crate) struct Seeded(Mutex<ChaCha20Rng>);

impl Seeded {
    pub(crate) fn new(seed: u64) -> Arc<Self> {
        Arc::new(Self(Mutex::new(ChaCha20Rng::seed_from_u64(seed))))
    }
}

impl Entropy for Seeded {
    fn fill(&self, bytes: &mut [u8]) {
        self.0.lock().unwrap().fill_bytes(bytes);
    }
}
