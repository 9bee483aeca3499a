//! Prometheus metrics: what is counted, and the loopback listener that shows it.

mod http;

pub(crate) use http::serve;

use crate::pki::Domain;
use prometheus_client::{
    encoding::{EncodeLabelSet, text},
    metrics::{
        counter::Counter,
        family::Family,
        gauge::Gauge,
        histogram::{Histogram, exponential_buckets},
    },
    registry::{Registry, Unit},
};
use std::{fmt, time::Duration};

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Request {
    method: &'static str,
    code: &'static str,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Method {
    method: &'static str,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Outcome {
    outcome: &'static str,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Listener {
    listener: &'static str,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Refused {
    listener: &'static str,
    reason: &'static str,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Currency {
    currency: u16,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Waiting {
    what: &'static str,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Role {
    role: &'static str,
}

/// Why a connection did not come about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum ConnectionRefused {
    /// There are as many as the configuration allows.
    TooMany,
    /// The TLS handshake failed.
    Handshake,
    /// The TLS handshake took too long.
    HandshakeTimeout,
    /// The client certificate names no client.
    NoClient,
}

impl ConnectionRefused {
    pub(crate) const fn as_str(self) -> &'static str {
        match self {
            Self::TooMany => "too_many",
            Self::Handshake => "handshake",
            Self::HandshakeTimeout => "handshake_timeout",
            Self::NoClient => "no_client",
        }
    }
}

/// Everything that is counted.
pub struct Metrics {
    registry: Registry,
    requests: Family<Request, Counter>,
    durations: Family<Method, Histogram>,
    records: Family<Outcome, Counter>,
    uploads: Counter,
    uploads_refused: Counter,
    records_in_flight: Gauge,
    connections: Family<Listener, Gauge>,
    refused: Family<Refused, Counter>,
    bundle_sequence: Gauge,
    suspense: Family<Currency, Gauge>,
    waiting: Family<Waiting, Gauge>,
    pseudonyms: Family<Outcome, Gauge>,
    published_seeds: Gauge,
    clock_ahead: Family<Role, Gauge>,
}

impl fmt::Debug for Metrics {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("Metrics").finish_non_exhaustive()
    }
}

impl Default for Metrics {
    fn default() -> Self {
        Self::new()
    }
}

impl Metrics {
    /// Nothing counted yet.
    pub fn new() -> Self {
        let mut registry = Registry::with_prefix("symbolon");
        let metrics = Self {
            requests: Family::default(),
            // 0.5 ms to 16 s.
            durations: Family::new_with_constructor(|| Histogram::new(exponential_buckets(0.000_5, 2.0, 16))),
            records: Family::default(),
            uploads: Counter::default(),
            uploads_refused: Counter::default(),
            records_in_flight: Gauge::default(),
            connections: Family::default(),
            refused: Family::default(),
            bundle_sequence: Gauge::default(),
            suspense: Family::default(),
            waiting: Family::default(),
            pseudonyms: Family::default(),
            published_seeds: Gauge::default(),
            clock_ahead: Family::default(),
            registry: Registry::default(),
        };
        registry.register("requests", "Requests by method and status code", metrics.requests.clone());
        registry.register_with_unit(
            "request_duration",
            "How long requests took",
            Unit::Seconds,
            metrics.durations.clone(),
        );
        registry.register("records", "Uploaded records by outcome", metrics.records.clone());
        registry.register("uploads", "Uploads answered", metrics.uploads.clone());
        let refused = metrics.uploads_refused.clone();
        registry.register("uploads_refused", "Uploads refused because too many records were being settled", refused);
        let in_flight = metrics.records_in_flight.clone();
        registry.register("records_in_flight", "Uploaded records that are being settled", in_flight);
        registry.register("connections", "Open connections by listener", metrics.connections.clone());
        registry.register("connections_refused", "Connections that did not come about", metrics.refused.clone());
        registry.register("bundle_sequence", "Sequence of the newest trust bundle", metrics.bundle_sequence.clone());
        let suspense = metrics.suspense.clone();
        registry.register("suspense", "What unknown payers owe by currency, minor units; below zero is owed", suspense);
        registry.register("waiting", "What waits for another role or for its time", metrics.waiting.clone());
        let pseudonyms = metrics.pseudonyms.clone();
        registry.register("pseudonyms", "Pseudonyms by outcome since the service started", pseudonyms);
        let seeds = metrics.published_seeds.clone();
        registry.register("published_seeds", "Revoked cards whose pseudonyms are recognised by seeds", seeds);
        let ahead = metrics.clock_ahead.clone();
        let help = "How far this clock is ahead of that of the role's database; below zero is behind";
        registry.register_with_unit("clock_ahead", help, Unit::Seconds, ahead);
        Self { registry, ..metrics }
    }

    /// A request was answered. `method` must come from a closed list, or the callers choose how much is kept.
    pub(crate) fn request(&self, method: &'static str, code: &'static str, duration: Duration) {
        self.requests.get_or_create(&Request { method, code }).inc();
        self.durations.get_or_create(&Method { method }).observe(duration.as_secs_f64());
    }

    /// An upload was answered.
    pub(crate) fn upload(&self) {
        self.uploads.inc();
    }

    /// An upload was refused because too many records were being settled.
    pub(crate) fn upload_refused(&self) {
        self.uploads_refused.inc();
    }

    /// The number of records that are being settled, which the caller raises and lowers.
    pub(crate) const fn records_in_flight(&self) -> &Gauge {
        &self.records_in_flight
    }

    /// A record of an upload had this outcome.
    pub(crate) fn record(&self, outcome: &'static str) {
        self.records.get_or_create(&Outcome { outcome }).inc();
    }

    /// A bundle was issued.
    pub(crate) fn bundle(&self, sequence: u64) {
        self.bundle_sequence.set(sequence.cast_signed());
    }

    /// The balance of the account that stands in for unknown payers of this currency.
    pub(crate) fn suspense(&self, currency: u16, balance: i64) {
        self.suspense.get_or_create(&Currency { currency }).set(balance);
    }

    /// So much waits. `what` must come from a closed list.
    pub(crate) fn waiting(&self, what: &'static str, count: u64) {
        self.waiting.get_or_create(&Waiting { what }).set(count.cast_signed());
    }

    /// So many items had this outcome since the service started.
    pub(crate) fn pseudonyms(&self, outcome: &'static str, count: u64) {
        self.pseudonyms.get_or_create(&Outcome { outcome }).set(count.cast_signed());
    }

    /// So many pairs of seeds are published.
    pub(crate) fn published_seeds(&self, count: u64) {
        self.published_seeds.set(count.cast_signed());
    }

    /// So far this process's clock is ahead of that of the role's database.
    pub(crate) fn clock_ahead(&self, role: &'static str, seconds: i64) {
        self.clock_ahead.get_or_create(&Role { role }).set(seconds);
    }

    /// The number of open connections, which the caller raises and lowers.
    pub(crate) fn connections(&self, domain: Domain) -> Gauge {
        self.connections.get_or_create_owned(&Listener { listener: domain.as_str() })
    }

    /// A connection did not come about.
    pub(crate) fn refused(&self, domain: Domain, reason: ConnectionRefused) {
        self.refused.get_or_create(&Refused { listener: domain.as_str(), reason: reason.as_str() }).inc();
    }

    /// All of it in the OpenMetrics text format.
    pub fn encode(&self) -> String {
        let mut encoded = String::new();
        text::encode(&mut encoded, &self.registry).expect("writing to a String cannot fail");
        encoded
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_counted_is_shown() {
        let metrics = Metrics::new();
        metrics.request("GetCard", "ok", Duration::from_millis(3));
        metrics.record("settled");
        metrics.upload();
        metrics.upload_refused();
        metrics.records_in_flight().inc_by(7);
        metrics.bundle(12);
        metrics.suspense(156, -700);
        metrics.waiting("batches", 2);
        metrics.pseudonyms("issued", 20);
        metrics.published_seeds(1);
        metrics.clock_ahead("clearing", -20);
        metrics.connections(Domain::Public).inc();
        metrics.refused(Domain::Private, ConnectionRefused::TooMany);
        let text = metrics.encode();
        for line in [
            r#"symbolon_requests_total{method="GetCard",code="ok"} 1"#,
            r#"symbolon_request_duration_seconds_count{method="GetCard"} 1"#,
            r#"symbolon_records_total{outcome="settled"} 1"#,
            "symbolon_uploads_total 1",
            "symbolon_uploads_refused_total 1",
            "symbolon_records_in_flight 7",
            "symbolon_bundle_sequence 12",
            r#"symbolon_suspense{currency="156"} -700"#,
            r#"symbolon_waiting{what="batches"} 2"#,
            r#"symbolon_pseudonyms{outcome="issued"} 20"#,
            "symbolon_published_seeds 1",
            r#"symbolon_clock_ahead_seconds{role="clearing"} -20"#,
            r#"symbolon_connections{listener="public"} 1"#,
            r#"symbolon_connections_refused_total{listener="private",reason="too_many"} 1"#,
        ] {
            assert!(text.lines().any(|shown| shown == line), "{line} is missing in\n{text}");
        }
    }
}
