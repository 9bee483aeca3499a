//! Time and randomness: the one place of the binary where they come from outside.

use anyhow::{Context, Result};
use rand_chacha::ChaCha20Rng;
use rand_core::{Rng, SeedableRng};
use std::time::{SystemTime, UNIX_EPOCH};
use symbolon_ccks::Time;

/// The system's clock.
///
/// # Errors
/// When the clock is set before 1970 or tens of thousands of years ahead.
pub(crate) fn now() -> Result<Time> {
    let seconds = SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .context("the system's clock is set before 1970; set it right and try again")?
        .as_secs();
    Time::new(seconds).context("the system's clock is far in the future; set it right and try again")
}

/// A generator seeded by the operating system.
///
/// # Errors
/// When the operating system gives no randomness.
pub(crate) fn random() -> Result<ChaCha20Rng> {
    let mut seed = [0; 32];
    getrandom::fill(&mut seed).context("the operating system gives no randomness")?;
    Ok(ChaCha20Rng::from_seed(seed))
}

/// A fresh identifier for a request: a random UUID (version 4, RFC 9562).
pub(crate) fn request_id(random: &mut impl Rng) -> String {
    let mut bytes = [0; 16];
    random.fill_bytes(&mut bytes);
    bytes[6] = bytes[6] & 0x0f | 0x40;
    bytes[8] = bytes[8] & 0x3f | 0x80;
    let digits = hex::encode(bytes);
    let [a, b, c, d, e] = [0..8, 8..12, 12..16, 16..20, 20..32].map(|part| &digits[part]);
    format!("{a}-{b}-{c}-{d}-{e}")
}

/// The system's clock, as the service takes it.
pub(crate) struct SystemClock;

impl symbolon_service::Clock for SystemClock {
    fn now(&self) -> Time {
        // Before 1970 the service cannot judge anything: everything is not yet valid then.
        now().unwrap_or_else(|_| Time::new(0).expect("0 is below 2^40"))
    }
}

/// The operating system's randomness, as the service takes it.
pub(crate) struct SystemEntropy;

impl symbolon_service::Entropy for SystemEntropy {
    fn fill(&self, bytes: &mut [u8]) {
        // Keys made of anything else would be no keys, and there is nobody to ask for better: stopping is right.
        getrandom::fill(bytes).expect("the operating system gives randomness once it has started");
    }
}

/// A terminal's clock that stands still: for the length of one command, or until the demo sets it.
#[derive(Clone, Copy, Debug)]
pub(crate) struct StandingClock(pub(crate) Time);

impl symbolon_verifier::Clock for StandingClock {
    fn now(&self) -> Time {
        self.0
    }
}
