//! What every use case is given: the store, the time, randomness and the service's policy.

use std::{convert::Infallible, sync::Arc};

use rand_core::{TryCryptoRng, TryRng};
use symbolon_ccks::{PeriodBoundary, Sector, Sectors, Time};
use symbolon_pseudonym::{Profile, ProfileFields, ProfileId};
use symbolon_tap::{Fare, Rule, Tariff};

use crate::vouchers::VoucherPolicy;

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
    /// How long the amount of an entry is held for an exit; then the journey costs it.
    pub journey_seconds: u64,
    /// How long a terminal may rely on a trust bundle; so long after a revocation it could not have known of it.
    pub bundle_validity_seconds: u64,
    /// After which age a bundle is built anew though nothing changed.
    pub bundle_refresh_seconds: u64,
    /// How long an answered request is remembered.
    pub request_memory_seconds: u64,
    /// The most that may be accepted offline in one tap, by sector and currency.
    pub offline_limits: Vec<symbolon_tap::Limit>,
    /// What trust bundles tell terminals to do.
    pub publishing: PublishingPolicy,
    /// How pseudonyms are issued and charged.
    pub pseudonyms: PseudonymPolicy,
    /// What vouchers cost, and how long they are good.
    pub vouchers: VoucherPolicy,
}

/// When things that wait for each other are passed on: as soon as so many wait, or the oldest has waited so long.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Batching {
    /// So many at least, unless the delay is over.
    pub items: u32,
    /// The longest wait.
    pub delay_seconds: u64,
}

/// What trust bundles tell terminals to do, beside whom not to accept.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PublishingPolicy {
    /// Whom terminals serve, at most one rule a sector, class and currency. With none of them terminals go by what they
    /// were set up with; with any, what is not listed is not served.
    pub rules: Vec<Rule>,
    /// Who pays less than the full fare, at most one a sector and group.
    pub tariffs: Vec<Tariff>,
    /// What journeys cost, each at most once.
    pub fares: Vec<Fare>,
    /// How long a bundle's compact form may be relied on, at most as long as the bundle, seconds: so many periods' subjects
    /// it has to hold.
    pub compact_validity_seconds: u64,
    /// No part of a compact form is longer.
    pub part_bytes: usize,
}

impl Default for PublishingPolicy {
    fn default() -> Self {
        Self {
            rules: Vec::new(),
            tariffs: Vec::new(),
            fares: Vec::new(),
            compact_validity_seconds: 24 * 3_600,
            part_bytes: 96 << 10,
        }
    }
}

/// What is decided of pseudonyms. Durations are in seconds, money in minor units.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PseudonymPolicy {
    /// Where periods begin.
    pub boundary: PeriodBoundary,
    /// How many pseudonyms a card gets in one period.
    pub per_period: u16,
    /// The shapes that pseudonyms have, in ascending order of their numbers.
    pub profiles: Vec<Profile>,
    /// How long the attester's challenge is good.
    pub challenge_lifetime_seconds: u64,
    /// When the attester passes items of the present period on to the issuer, those of different cards shuffled. A holder
    /// waits for these.
    pub mixing: Batching,
    /// When it passes on items of the next period, which nobody waits for; all of them do when that period begins.
    pub mixing_ahead: Batching,
    /// When the exchange passes what pseudonyms spent on to clearing, summed.
    pub charging: Batching,
    /// How long after a pseudonym expired its records are awaited; then what was set aside for it is free again.
    pub late_records_seconds: u64,
    /// How long an officer's approval of a case holds.
    pub approval_seconds: u64,
    /// Tariffs with a postpaid line, and how far below zero it lets an account go.
    pub postpaid_lines: Vec<(u8, u32)>,
}

impl Default for PseudonymPolicy {
    fn default() -> Self {
        const HOUR: u64 = 3_600;
        const RENMINBI: u16 = 156;
        let profile = |(id, sectors, tariff)| {
            let fields = ProfileFields {
                id: ProfileId(id),
                sectors,
                tariff,
                spend_limit: 2_000,
                budget: 2_000,
                currency: RENMINBI,
            };
            Profile::new(fields).expect("the limit is the budget")
        };
        let transport = Sectors::from(Sector::Transport);
        Self {
            boundary: PeriodBoundary::DEFAULT,
            per_period: 20,
            profiles: [(1, Sectors::ALL, 0), (2, Sectors::ALL, 1), (3, transport, 0), (4, transport, 1)]
                .map(profile)
                .to_vec(),
            challenge_lifetime_seconds: HOUR / 6,
            mixing: Batching { items: 8_192, delay_seconds: 30 },
            mixing_ahead: Batching { items: 1_048_576, delay_seconds: 2 * HOUR },
            charging: Batching { items: 1_024, delay_seconds: HOUR },
            late_records_seconds: 3 * 24 * HOUR,
            approval_seconds: 72 * HOUR,
            postpaid_lines: Vec::new(),
        }
    }
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
            journey_seconds: 72 * HOUR,
            bundle_validity_seconds: 3 * DAY,
            bundle_refresh_seconds: HOUR,
            request_memory_seconds: 30 * DAY,
            offline_limits: Vec::new(),
            publishing: PublishingPolicy::default(),
            pseudonyms: PseudonymPolicy::default(),
            vouchers: VoucherPolicy::default(),
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

    /// The source of randomness, as the curves' crates take one.
    pub(crate) fn draws(&self) -> Draws<'_> {
        Draws(self.entropy.as_ref())
    }

    /// Puts things in an order that tells nothing.
    pub(crate) fn shuffle<T>(&self, things: &mut [T]) {
        for last in (1..things.len()).rev() {
            // Of 64 random bits against so few places: even to one in 2^32 and more.
            let place = u64::from_le_bytes(self.random()) % (last as u64 + 1);
            things.swap(last, place as usize);
        }
    }

    /// The policy.
    pub fn policy(&self) -> &Policy {
        &self.policy
    }
}

/// The service's source of randomness, as the curves' crates and HPKE take one.
pub(crate) struct Draws<'a>(pub(crate) &'a dyn Entropy);

impl TryRng for Draws<'_> {
    type Error = Infallible;

    fn try_next_u32(&mut self) -> Result<u32, Infallible> {
        let mut bytes = [0; 4];
        self.0.fill(&mut bytes);
        Ok(u32::from_le_bytes(bytes))
    }

    fn try_next_u64(&mut self) -> Result<u64, Infallible> {
        let mut bytes = [0; 8];
        self.0.fill(&mut bytes);
        Ok(u64::from_le_bytes(bytes))
    }

    fn try_fill_bytes(&mut self, bytes: &mut [u8]) -> Result<(), Infallible> {
        self.0.fill(bytes);
        Ok(())
    }
}

impl TryCryptoRng for Draws<'_> {}
