//! The service's configuration: one TOML file, every key of which may be left out.
//!
//! Unknown keys are refused, units stand in the names, and an error names the key and says what to do.

mod database;
mod fares;
mod pseudonyms;
mod roles;
mod rules;
mod sections;
mod vouchers;

pub use database::Database;
pub use fares::{Fares, Journey};
pub use pseudonyms::{PostpaidLine, Pseudonyms, PublishedProfile, Waiting};
pub use roles::Roles;
pub use rules::{Rule, Stale, Tariff};
pub use sections::{
    Bundles, Cards, Enrolment, Exchange, Limits, Listener, Log, LogFormat, Metrics, OfflineLimit, Terminals,
};
pub use vouchers::{Price, Vouchers};

use crate::{Policy, PublishingPolicy, exchange::FareTable};
use serde::Deserialize;
use std::{
    fmt::Display,
    fs, io,
    ops::RangeInclusive,
    path::{Path, PathBuf},
};

/// What can be wrong with a configuration.
#[derive(Debug, thiserror::Error)]
pub enum ConfigError {
    /// The file cannot be read.
    #[error("cannot read the configuration {}: {problem}", .path.display())]
    Unreadable {
        /// The file.
        path: PathBuf,
        /// Why.
        problem: io::Error,
    },
    /// It is not TOML, or a key is unknown or of the wrong type.
    #[error("the configuration cannot be understood: {0}")]
    Syntax(#[from] toml::de::Error),
    /// A value is out of its range.
    #[error("{key} = {value} cannot be: {remedy}")]
    Value {
        /// The key, with its section.
        key: &'static str,
        /// What it is set to.
        value: String,
        /// What to do.
        remedy: String,
    },
}

/// How the service runs.
///
/// The default listens on the loopback address alone and keeps its data in `symbolon-data`.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Config {
    /// The folder with the databases, the sealed secrets, the authority parameters and the certificates.
    pub data_directory: PathBuf,
    /// Where the roles keep what must not be forgotten.
    pub database: Database,
    /// For wallets and terminals.
    pub public: Listener,
    /// For issuers, operators, auditors and administrators.
    pub private: Listener,
    /// For Prometheus.
    pub metrics: Metrics,
    /// What one caller, and all together, may ask of the service.
    pub limits: Limits,
    /// Offers and activation codes.
    pub enrolment: Enrolment,
    /// New cards.
    pub cards: Cards,
    /// New terminals.
    pub terminals: Terminals,
    /// Trust bundles.
    pub bundles: Bundles,
    /// Settlement.
    pub exchange: Exchange,
    /// What journeys cost.
    pub fares: Fares,
    /// How pseudonyms are issued and charged.
    pub pseudonyms: Pseudonyms,
    /// What vouchers for meters cost.
    pub vouchers: Vouchers,
    /// Which roles of the service run here.
    pub roles: Roles,
    /// What is logged.
    pub log: Log,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            data_directory: "symbolon-data".into(),
            database: Database::default(),
            public: Listener { address: ([127, 0, 0, 1], 7400).into() },
            private: Listener { address: ([127, 0, 0, 1], 7401).into() },
            metrics: Metrics::default(),
            limits: Limits::default(),
            enrolment: Enrolment::default(),
            cards: Cards::default(),
            terminals: Terminals::default(),
            bundles: Bundles::default(),
            exchange: Exchange::default(),
            fares: Fares::default(),
            pseudonyms: Pseudonyms::default(),
            vouchers: Vouchers::default(),
            roles: Roles::default(),
            log: Log::default(),
        }
    }
}

impl Config {
    /// Reads a configuration file.
    ///
    /// # Errors
    /// [`ConfigError`], naming the key where there is one.
    pub fn read(path: &Path) -> Result<Self, ConfigError> {
        let text =
            fs::read_to_string(path).map_err(|problem| ConfigError::Unreadable { path: path.to_owned(), problem })?;
        Self::parse(&text)
    }

    /// Reads the text of a configuration.
    ///
    /// # Errors
    /// As [`Self::read`].
    pub fn parse(text: &str) -> Result<Self, ConfigError> {
        let config: Self = toml::from_str(text)?;
        config.check()?;
        Ok(config)
    }

    /// The defaults for tests and demonstrations: this data folder, and ports that the system chooses.
    pub fn on_any_port(data_directory: PathBuf) -> Self {
        let any_port = Listener { address: ([127, 0, 0, 1], 0).into() };
        Self {
            data_directory,
            public: any_port.clone(),
            private: any_port,
            metrics: Metrics { address: Some(([127, 0, 0, 1], 0).into()) },
            ..Self::default()
        }
    }

    /// Where the certificates are.
    pub fn pki_directory(&self) -> PathBuf {
        self.data_directory.join("pki")
    }

    /// What the use cases go by.
    pub fn policy(&self) -> Policy {
        const HOUR_SECONDS: u64 = 3_600;
        const DAY_SECONDS: u64 = 24 * HOUR_SECONDS;
        let mut offline_limits: Vec<_> = self.bundles.offline_limits.iter().map(OfflineLimit::limit).collect();
        offline_limits.sort_by_key(|limit| (limit.sector(), limit.currency()));
        Policy {
            activation_code_lifetime_seconds: self.enrolment.activation_code_days * DAY_SECONDS,
            activation_attempts: self.enrolment.attempts_per_code,
            offer_lifetime_seconds: self.enrolment.offer_seconds,
            request_time_tolerance_seconds: self.enrolment.clock_difference_seconds,
            card_validity_seconds: self.cards.validity_days * DAY_SECONDS,
            terminal_validity_seconds: self.terminals.validity_days * DAY_SECONDS,
            record_lead_seconds: self.exchange.record_lead_seconds,
            journey_seconds: self.exchange.journey_hours * HOUR_SECONDS,
            bundle_validity_seconds: self.bundles.validity_hours * HOUR_SECONDS,
            bundle_refresh_seconds: self.bundles.refresh_minutes * 60,
            request_memory_seconds: self.limits.request_memory_days * DAY_SECONDS,
            offline_limits,
            publishing: self.publishing().unwrap_or_default(),
            // A configuration that was checked has one.
            pseudonyms: self.pseudonyms.policy().unwrap_or_default(),
            vouchers: self.vouchers.policy().unwrap_or_default(),
        }
    }

    /// What trust bundles tell terminals to do.
    fn publishing(&self) -> Result<PublishingPolicy, ConfigError> {
        let bundles = &self.bundles;
        Ok(PublishingPolicy {
            rules: rules::rules(&bundles.rules)?,
            tariffs: rules::tariffs(&bundles.tariffs)?,
            fares: self.fares.published()?,
            compact_validity_seconds: bundles.compact_validity_hours * 3_600,
            part_bytes: bundles.part_kib << 10,
        })
    }

    /// Every part of a compact bundle repeats rules, tariffs, fares and limits, and needs room for more.
    fn check_parts(&self, publishing: &PublishingPolicy) -> Result<(), ConfigError> {
        let repeated = publishing.rules.len() * symbolon_tap::Rule::SIZE
            + publishing.tariffs.len() * symbolon_tap::Tariff::SIZE
            + publishing.fares.len() * symbolon_tap::Fare::SIZE
            + self.bundles.offline_limits.len() * symbolon_tap::Limit::SIZE;
        if repeated <= publishing.part_bytes / 2 {
            return Ok(());
        }
        let remedy = format!(
            "every part repeats {repeated} bytes of rules, tariffs, fares and limits, which may take half of it; choose \
             larger parts, or publish fewer fares"
        );
        Err(refused("bundles.part_kib", &self.bundles.part_kib, remedy))
    }

    /// What journeys are priced by.
    ///
    /// # Errors
    /// [`ConfigError::Value`] for an operator or a station that cannot be.
    pub fn fare_table(&self) -> Result<FareTable, ConfigError> {
        Ok(self.fares.table()?.with_tariffs(rules::tariffs(&self.bundles.tariffs)?))
    }

    /// Checks every range.
    ///
    /// # Errors
    /// [`ConfigError::Value`] for the first value that is out of its range.
    pub fn check(&self) -> Result<(), ConfigError> {
        if self.public.address == self.private.address && self.public.address.port() != 0 {
            return Err(refused(
                "private.address",
                &self.private.address,
                "it must differ from public.address, the listeners are two security domains",
            ));
        }
        self.database.check()?;
        self.metrics.check()?;
        self.limits.check()?;
        self.enrolment.check()?;
        self.cards.check()?;
        self.terminals.check()?;
        self.bundles.check()?;
        self.exchange.check()?;
        self.pseudonyms.policy()?;
        self.vouchers.policy()?;
        self.roles.check()?;
        self.fares.table()?;
        self.check_parts(&self.publishing()?)
    }
}

fn refused(key: &'static str, value: &dyn Display, remedy: impl Into<String>) -> ConfigError {
    ConfigError::Value { key, value: value.to_string(), remedy: remedy.into() }
}

/// Refuses a value outside `range`.
fn within<T: PartialOrd + Display>(key: &'static str, value: &T, range: RangeInclusive<T>) -> Result<(), ConfigError> {
    if range.contains(value) {
        return Ok(());
    }
    let remedy = format!("choose {} to {}, or leave the key out for the default", range.start(), range.end());
    Err(refused(key, value, remedy))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_at_all_is_the_default() {
        assert_eq!(Config::parse("").unwrap(), Config::default());
        assert_eq!(Config::default().policy(), Policy::default());
        Config::on_any_port("x".into()).check().unwrap();
    }

    #[test]
    fn every_section_can_be_set() {
        let config = Config::parse(
            r#"
            data_directory = "/srv/symbolon"
            [public]
            address = "[::]:443"
            [private]
            address = "10.0.0.1:7401"
            [metrics]
            address = "127.0.0.1:9000"
            [limits]
            message_bytes = 8_388_608
            connections = 10
            requests = 20
            requests_per_connection = 5
            handshake_seconds = 3
            request_seconds = 4
            upload_idle_seconds = 5
            shutdown_seconds = 6
            request_memory_days = 2
            [enrolment]
            activation_code_days = 7
            offer_seconds = 60
            clock_difference_seconds = 30
            attempts_per_code = 3
            failed_attempts_per_minute = 5
            [cards]
            validity_days = 100
            [terminals]
            validity_days = 200
            [bundles]
            validity_hours = 12
            refresh_minutes = 5
            offline_limits = [{ sector = "transport", currency = 156, amount = 2000 }]
            [exchange]
            record_lead_seconds = 60
            journey_hours = 24
            [log]
            format = "json"
            filter = "debug"
            "#,
        )
        .unwrap();
        assert_eq!(config.limits.requests, 20);
        assert_eq!(config.log.format, LogFormat::Json);
        let policy = config.policy();
        assert_eq!(policy.activation_code_lifetime_seconds, 7 * 86_400);
        assert_eq!(policy.bundle_refresh_seconds, 300);
        assert_eq!(policy.offline_limits, [symbolon_tap::Limit::new(symbolon_ccks::Sector::Transport, 156, 2_000)]);
        assert_eq!(config.pki_directory(), Path::new("/srv/symbolon/pki"));
    }

    #[test]
    fn an_unknown_key_is_named() {
        let refused = Config::parse("[limits]\nmessage_size = 3\n").unwrap_err().to_string();
        assert!(refused.contains("message_size") && refused.contains("message_bytes"), "{refused}");
        assert!(Config::parse("[fare]\n").is_err());
    }

    #[test]
    fn a_value_out_of_range_says_what_to_do() {
        for (text, key) in [
            ("[limits]\nrequests = 0", "limits.requests"),
            ("[limits]\nmessage_bytes = 1000", "limits.message_bytes"),
            ("[enrolment]\noffer_seconds = 0", "enrolment.offer_seconds"),
            ("[enrolment]\nactivation_code_days = 100000", "enrolment.activation_code_days"),
            ("[cards]\nvalidity_days = 0", "cards.validity_days"),
            ("[terminals]\nvalidity_days = 0", "terminals.validity_days"),
            ("[bundles]\nvalidity_hours = 0", "bundles.validity_hours"),
            ("[bundles]\nrefresh_minutes = 100000", "bundles.refresh_minutes"),
            (
                "[[bundles.offline_limits]]\nsector = \"gas\"\ncurrency = 156\namount = 1",
                "bundles.offline_limits.sector",
            ),
            ("[exchange]\nrecord_lead_seconds = 100000", "exchange.record_lead_seconds"),
            ("[exchange]\njourney_hours = 0", "exchange.journey_hours"),
            ("[limits]\nrequest_memory_days = 0", "limits.request_memory_days"),
            ("[metrics]\naddress = \"0.0.0.0:9000\"", "metrics.address"),
            ("[private]\naddress = \"127.0.0.1:7400\"", "private.address"),
        ] {
            let refused = Config::parse(text).unwrap_err().to_string();
            assert!(refused.starts_with(key) && refused.contains("cannot be: "), "{refused}");
        }
    }
}
