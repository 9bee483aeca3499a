//! What every use case is given: the store, the time, randomness and the service's policy.

use std::sync::Arc;

use symbolon_ccks::Time;

/// Tells the time.
pub trait Clock: Send + Sync + 'static {
    /// Now.
    fn now(&self) -> Time;
}

/// A source of randomness fit for keys.
pub trait Entropy: Send + Sync + 'static {
    /// Fills `bytes` with fresh random ones.
    fn fill(&self, bytes: &mut [u8]);
}

/// What the operator of the service decides. Durations are in seconds.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Policy {
    /// How long an activation code works.
    pub activation_code_lifetime_seconds: u64,
    /// Wrong codes under one locator after which it is locked.
    pub activation_attempts: u32,
    /// How long an offer stands.
    pub offer_lifetime_seconds: u64,
    /// How far the time of a signed request may be from the service's clock.
    pub request_time_tolerance_seconds: u64,
    /// The validity of a card's credential when its issuer does not say, and after renewal.
    pub card_validity_seconds: u64,
    /// The validity of a terminal's credential when its operator does not say, and after renewal.
    pub terminal_validity_seconds: u64,
    /// How far a record's time may be ahead of the service's clock.
    pub record_lead_seconds: u64,
    /// How long a terminal may rely on a trust bundle; so long after a revocation it could not have known of it.
    pub bundle_validity_seconds: u64,
    /// After which age a bundle is built anew though nothing changed.
    pub bundle_refresh_seconds: u64,
    /// How long an answered request is remembered.
    pub request_memory_seconds: u64,
    /// The most that may be accepted offline in one tap, by sector and currency.
    pub offline_limits: Vec<symbolon_tap::Limit>,
}

impl Default for Policy {
    fn default() -> Self {
        const HOUR: u64 = 3600;
        const DAY: u64 = 24 * HOUR;
        Self {
            activation_code_lifetime_seconds: 7 * DAY,
            activation_attempts: 10,
            offer_lifetime_seconds: HOUR / 6,
            request_time_tolerance_seconds: HOUR / 12,
            card_validity_seconds: 365 * DAY,
            terminal_validity_seconds: 2 * 365 * DAY,
            record_lead_seconds: HOUR / 6,
            bundle_validity_seconds: 3 * DAY,
            bundle_refresh_seconds: HOUR,
            request_memory_seconds: 30 * DAY,
            offline_limits: Vec::new(),
        }
    }
}

/// The store, the clock, the source of randomness and the policy, as the roles share them.
#[derive(Clone)]
pub struct Context<D> {
    store: D,
    clock: Arc<dyn Clock>,
    entropy: Arc<dyn Entropy>,
    policy: Arc<Policy>,
}

impl<D> Context<D> {
    /// Puts them together.
    pub fn new(store: D, clock: Arc<dyn Clock>, entropy: Arc<dyn Entropy>, policy: Policy) -> Self {
        Self { store, clock, entropy, policy: Arc::new(policy) }
    }

    /// The store.
    pub fn store(&self) -> &D {
        &self.store
    }

    /// Now.
    pub fn now(&self) -> Time {
        self.clock.now()
    }

    /// Fresh random bytes.
    pub fn random<const N: usize>(&self) -> [u8; N] {
        let mut bytes = [0; N];
        self.entropy.fill(&mut bytes);
        bytes
    }

    /// The policy.
    pub fn policy(&self) -> &Policy {
        &self.policy
    }
}
