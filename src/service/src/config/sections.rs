//! The sections of the configuration.

use super::{ConfigError, Rule, Tariff, refused, within};
use serde::Deserialize;
use std::{net::SocketAddr, time::Duration};
use symbolon_ccks::Sector;
use symbolon_tap::Limit;

/// Where one of the two listeners listens.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Listener {
    /// Address and port; port 0 lets the system choose.
    pub address: SocketAddr,
}

/// Where the metrics are.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Metrics {
    /// A loopback address and port; no metrics are served without one.
    pub address: Option<SocketAddr>,
}

impl Metrics {
    pub(super) fn check(&self) -> Result<(), ConfigError> {
        match self.address {
            Some(address) if !address.ip().is_loopback() => Err(refused(
                "metrics.address",
                &address,
                "metrics are unprotected; choose a loopback address such as 127.0.0.1:7402 and put a proxy before it",
            )),
            _ => Ok(()),
        }
    }
}

/// What one caller, and all together, may ask of the service.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Limits {
    /// The largest message. An upload of 8,192 records has 2.2 MB.
    pub message_bytes: usize,
    /// The most open connections of one listener.
    pub connections: usize,
    /// The most requests of one listener at a time.
    pub requests: usize,
    /// The most requests of one connection at a time.
    pub requests_per_connection: u32,
    /// The most uploaded records that are being settled at a time; an upload that has more is settled alone.
    pub records: u32,
    /// How long a TLS handshake may take.
    pub handshake_seconds: u64,
    /// How long one request may take; an upload stream may last longer.
    pub request_seconds: u64,
    /// How long an upload stream may pause between two uploads.
    pub upload_idle_seconds: u64,
    /// How long requests under way may take to finish once the service is told to stop.
    pub shutdown_seconds: u64,
    /// How long the answer to a request that changed something is remembered, for when it is repeated.
    pub request_memory_days: u64,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            message_bytes: 4 << 20,
            connections: 1_024,
            requests: 256,
            requests_per_connection: 64,
            records: 32_768,
            handshake_seconds: 10,
            request_seconds: 30,
            upload_idle_seconds: 60,
            shutdown_seconds: 30,
            request_memory_days: 30,
        }
    }
}

impl Limits {
    /// How long a TLS handshake may take.
    pub const fn handshake(&self) -> Duration {
        Duration::from_secs(self.handshake_seconds)
    }

    /// How long one request may take.
    pub const fn request(&self) -> Duration {
        Duration::from_secs(self.request_seconds)
    }

    /// How long an upload stream may pause.
    pub const fn upload_idle(&self) -> Duration {
        Duration::from_secs(self.upload_idle_seconds)
    }

    /// How long draining may take.
    pub const fn shutdown(&self) -> Duration {
        Duration::from_secs(self.shutdown_seconds)
    }

    pub(super) fn check(&self) -> Result<(), ConfigError> {
        const HOUR_SECONDS: u64 = 3_600;
        // An upload of the most records, with hints, has 2,236,610 bytes, and its message a few more.
        within("limits.message_bytes", &self.message_bytes, 2_300_000..=64 << 20)?;
        within("limits.connections", &self.connections, 1..=1_000_000)?;
        within("limits.requests", &self.requests, 1..=1_000_000)?;
        within("limits.requests_per_connection", &self.requests_per_connection, 1..=10_000)?;
        within("limits.records", &self.records, 1..=1_000_000)?;
        within("limits.handshake_seconds", &self.handshake_seconds, 1..=HOUR_SECONDS)?;
        within("limits.request_seconds", &self.request_seconds, 1..=HOUR_SECONDS)?;
        within("limits.upload_idle_seconds", &self.upload_idle_seconds, 1..=HOUR_SECONDS)?;
        within("limits.shutdown_seconds", &self.shutdown_seconds, 1..=HOUR_SECONDS)?;
        within("limits.request_memory_days", &self.request_memory_days, 1..=3_660)
    }
}

/// Offers and activation codes.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Enrolment {
    /// How long an activation code works.
    pub activation_code_days: u64,
    /// How long an offer stands.
    pub offer_seconds: u64,
    /// How far the time in a signed request may be from the service's clock.
    pub clock_difference_seconds: u64,
    /// After how many wrong attempts an activation code is locked.
    pub attempts_per_code: u32,
    /// How many wrong activation codes one address may try in a minute.
    pub failed_attempts_per_minute: u32,
}

impl Default for Enrolment {
    fn default() -> Self {
        Self {
            activation_code_days: 7,
            offer_seconds: 600,
            clock_difference_seconds: 300,
            attempts_per_code: 10,
            failed_attempts_per_minute: 30,
        }
    }
}

impl Enrolment {
    pub(super) fn check(&self) -> Result<(), ConfigError> {
        within("enrolment.activation_code_days", &self.activation_code_days, 1..=366)?;
        within("enrolment.offer_seconds", &self.offer_seconds, 10..=86_400)?;
        within("enrolment.clock_difference_seconds", &self.clock_difference_seconds, 1..=86_400)?;
        within("enrolment.attempts_per_code", &self.attempts_per_code, 1..=1_000)?;
        within("enrolment.failed_attempts_per_minute", &self.failed_attempts_per_minute, 1..=1_000_000)
    }
}

/// New cards.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Cards {
    /// How long a card is valid when its issuer does not say.
    pub validity_days: u64,
}

impl Default for Cards {
    fn default() -> Self {
        Self { validity_days: 365 }
    }
}

impl Cards {
    pub(super) fn check(&self) -> Result<(), ConfigError> {
        within("cards.validity_days", &self.validity_days, 1..=36_500)
    }
}

/// New terminals.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Terminals {
    /// How long a terminal is valid when its operator does not say.
    pub validity_days: u64,
}

impl Default for Terminals {
    fn default() -> Self {
        Self { validity_days: 2 * 365 }
    }
}

impl Terminals {
    pub(super) fn check(&self) -> Result<(), ConfigError> {
        within("terminals.validity_days", &self.validity_days, 1..=36_500)
    }
}

/// Trust bundles.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Bundles {
    /// How long a terminal may rely on a bundle. So long after a revocation a terminal may not have heard of it.
    pub validity_hours: u64,
    /// After how long a bundle is made anew though nothing changed.
    pub refresh_minutes: u64,
    /// The most that terminals accept offline in one tap, at most one a sector and currency.
    pub offline_limits: Vec<OfflineLimit>,
    /// How long the compact form may be relied on, at most as long as the bundle. It has to hold what revoked cards may show
    /// in all that time.
    pub compact_validity_hours: u64,
    /// The most that a part of the compact form has, in units of 1,024 bytes.
    pub part_kib: usize,
    /// Whom terminals serve, and how while what they know is old; at most one a sector, class and currency. Without any,
    /// terminals go by what they were set up with.
    pub rules: Vec<Rule>,
    /// Who pays less than the full fare; at most one a sector and group.
    pub tariffs: Vec<Tariff>,
}

impl Default for Bundles {
    fn default() -> Self {
        Self {
            validity_hours: 72,
            refresh_minutes: 60,
            offline_limits: Vec::new(),
            compact_validity_hours: 24,
            part_kib: 96,
            rules: Vec::new(),
            tariffs: Vec::new(),
        }
    }
}

impl Bundles {
    pub(super) fn check(&self) -> Result<(), ConfigError> {
        within("bundles.validity_hours", &self.validity_hours, 1..=8_760)?;
        // A terminal that asks just before a bundle is made anew has to be left some time.
        within("bundles.refresh_minutes", &self.refresh_minutes, 1..=self.validity_hours * 30)?;
        within("bundles.compact_validity_hours", &self.compact_validity_hours, 1..=8_760)?;
        within("bundles.part_kib", &self.part_kib, 16..=2_048)?;
        let limits = &self.offline_limits;
        limits.iter().try_for_each(OfflineLimit::check)?;
        let named_before = |index: usize| {
            limits[..index]
                .iter()
                .any(|other| (&other.sector, other.currency) == (&limits[index].sector, limits[index].currency))
        };
        match (0..limits.len()).find(|index| named_before(*index)) {
            Some(index) => Err(refused(
                "bundles.offline_limits",
                &format_args!("{} {}", limits[index].sector, limits[index].currency),
                "name each sector and currency once",
            )),
            None => Ok(()),
        }
    }
}

/// The most that terminals of a sector accept offline in one tap.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct OfflineLimit {
    /// `water`, `power` or `transport`.
    pub sector: String,
    /// ISO 4217 numeric.
    pub currency: u16,
    /// Minor units.
    pub amount: u32,
}

impl OfflineLimit {
    fn check(&self) -> Result<(), ConfigError> {
        if self.sector.parse::<Sector>().is_err() {
            return Err(refused("bundles.offline_limits.sector", &self.sector, "use water, power or transport"));
        }
        within("bundles.offline_limits.currency", &self.currency, 1..=999)
    }

    /// As a bundle carries it.
    pub(super) fn limit(&self) -> Limit {
        // A configuration that was checked has no other sector.
        let sector = self.sector.parse().unwrap_or(Sector::Transport);
        Limit::new(sector, self.currency, self.amount)
    }
}

/// Settlement.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Exchange {
    /// How far a record's time may be ahead of the service's clock.
    pub record_lead_seconds: u64,
    /// How long the amount of an entry is held for an exit; then the journey costs it.
    pub journey_hours: u64,
}

impl Default for Exchange {
    fn default() -> Self {
        Self { record_lead_seconds: 600, journey_hours: 72 }
    }
}

impl Exchange {
    pub(super) fn check(&self) -> Result<(), ConfigError> {
        within("exchange.record_lead_seconds", &self.record_lead_seconds, 0..=86_400)?;
        within("exchange.journey_hours", &self.journey_hours, 1..=8_760)
    }
}

/// What is logged, to standard error.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Log {
    /// Lines for people or JSON for machines.
    pub format: LogFormat,
    /// What to log, such as `info` or `symbolon_service=debug,info`.
    pub filter: String,
}

impl Default for Log {
    fn default() -> Self {
        Self { format: LogFormat::Text, filter: "info".to_owned() }
    }
}

/// How log lines are written.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum LogFormat {
    /// For people.
    Text,
    /// One JSON object a line.
    Json,
}
