//! The gRPC interface: thin adapters between the messages of `symbolon.v1` and `symbolon.roles.v1` and the use cases.
//!
//! Each adapter reads the fields of a request, calls one use case and writes its answer. Who may call what is decided
//! before, by the table in [`roles`]; errors become statuses in [`status`] alone.

mod attempts;
mod authority;
mod caller;
mod cards;
mod enrolment;
mod exchange;
mod ledger;
pub(crate) mod links;
mod page;
mod pseudonym;
mod refusal;
pub(crate) mod roles;
pub(crate) mod status;
mod terminals;
mod trace;
mod vouchers;

use crate::{composition::UseCases, config::Config, metrics::Metrics, pki::Domain};
use attempts::Attempts;
pub(crate) use exchange::Admission;
use links::{ClearingAdapter, ExchangeRoleAdapter, IssuerAdapter, LinkageAdapter, RegistryAdapter};
use page::PageTokens;
use std::{sync::Arc, time::Duration};
use symbolon_api::{
    roles::{
        clearing_service_server::ClearingServiceServer, exchange_role_service_server::ExchangeRoleServiceServer,
        issuer_service_server::IssuerServiceServer, linkage_service_server::LinkageServiceServer,
        registry_service_server::RegistryServiceServer,
    },
    v1::{
        authority_service_server::AuthorityServiceServer, card_service_server::CardServiceServer,
        enrolment_service_server::EnrolmentServiceServer, exchange_service_server::ExchangeServiceServer,
        ledger_service_server::LedgerServiceServer, pseudonym_service_server::PseudonymServiceServer,
        terminal_service_server::TerminalServiceServer, trace_service_server::TraceServiceServer,
        voucher_service_server::VoucherServiceServer,
    },
};
use symbolon_ccks::Suite;
use symbolon_store::Store;
use tokio::sync::watch;
use tonic::service::Routes;

/// What the adapters share beside the use cases.
#[derive(Clone)]
pub(crate) struct Shared {
    pub(crate) metrics: Arc<Metrics>,
    pub(crate) stop: watch::Receiver<bool>,
    pub(crate) upload_idle: Duration,
    pub(crate) admission: Arc<Admission>,
}

/// The services of a listener, of the roles that run here alone; the table of roles says which of their methods it admits.
pub(crate) fn routes<S: Suite, D: Store>(
    domain: Domain,
    use_cases: &UseCases<S, D>,
    config: &Config,
    shared: &Shared,
) -> Routes {
    let limit = config.limits.message_bytes;
    let routes = shared_routes(use_cases, limit, shared);
    match domain {
        Domain::Public => public_routes(routes, use_cases, config),
        Domain::Private => role_routes(private_routes(routes, use_cases, limit), use_cases, limit),
    }
}

/// The services that have methods on both listeners.
fn shared_routes<S: Suite, D: Store>(use_cases: &UseCases<S, D>, limit: usize, shared: &Shared) -> Routes {
    let mut routes = Routes::default();
    let keys = use_cases.attester.as_ref().map(|here| &here.keys);
    let keys = keys.or(use_cases.exchange.as_ref().map(|here| &here.keys));
    if let Some(keys) = keys {
        let bundles = use_cases.attester.as_ref().map(|here| here.bundles.clone());
        let authority = authority::Adapter::new(keys.clone(), bundles, shared.metrics.clone());
        routes = routes.add_service(AuthorityServiceServer::new(authority).max_decoding_message_size(limit));
    }
    if let Some(here) = &use_cases.exchange {
        let exchange =
            exchange::Adapter::new(here.exchange.clone(), PageTokens::new(*here.keys.page_key()), shared.clone());
        let exchange = ExchangeServiceServer::new(exchange).max_decoding_message_size(limit);
        routes = routes.add_service(exchange.max_encoding_message_size(usize::MAX));
    }
    routes
}

/// What wallets and terminals ask.
fn public_routes<S: Suite, D: Store>(routes: Routes, use_cases: &UseCases<S, D>, config: &Config) -> Routes {
    let limit = config.limits.message_bytes;
    let Some(here) = &use_cases.attester else { return routes };
    let attempts = Attempts::new(config.enrolment.failed_attempts_per_minute);
    let enrolment = enrolment::Adapter::new(here.enrolment.clone(), *use_cases.authority_id(), attempts);
    let pseudonym = pseudonym::Adapter::new(here.attester.clone(), use_cases.roles());
    let vouchers = vouchers::Adapter::new(here.vouchers.clone());
    routes
        .add_service(EnrolmentServiceServer::new(enrolment).max_decoding_message_size(limit))
        .add_service(PseudonymServiceServer::new(pseudonym).max_decoding_message_size(limit))
        .add_service(VoucherServiceServer::new(vouchers).max_decoding_message_size(limit))
}

/// What offices ask.
fn private_routes<S: Suite, D: Store>(mut routes: Routes, use_cases: &UseCases<S, D>, limit: usize) -> Routes {
    if let Some(here) = &use_cases.attester {
        let tokens = PageTokens::new(*here.keys.page_key());
        let cards = cards::Adapter::new(here.cards.clone(), tokens.clone());
        let terminals = terminals::Adapter::new(here.terminals.clone(), tokens);
        routes = routes
            .add_service(CardServiceServer::new(cards).max_decoding_message_size(limit))
            .add_service(TerminalServiceServer::new(terminals).max_decoding_message_size(limit));
    }
    if let Some(here) = &use_cases.clearing {
        let ledger = ledger::Adapter::new(here.ledger.clone(), PageTokens::new(here.clearing.page_key()));
        routes = routes.add_service(LedgerServiceServer::new(ledger).max_decoding_message_size(limit));
    }
    let attester = use_cases.attester.as_ref();
    let attester = attester.map(|here| (here.attester.clone(), PageTokens::new(*here.keys.page_key())));
    let clearing = use_cases.clearing.as_ref().map(|here| here.clearing.clone());
    let clearing = clearing.map(|here| (here.clone(), PageTokens::new(here.page_key())));
    if attester.is_some() || clearing.is_some() {
        let trace = trace::Adapter::new(attester, clearing);
        routes = routes.add_service(TraceServiceServer::new(trace).max_decoding_message_size(limit));
    }
    routes
}

/// What other roles ask.
fn role_routes<S: Suite, D: Store>(mut routes: Routes, use_cases: &UseCases<S, D>, limit: usize) -> Routes {
    if let Some(here) = &use_cases.attester {
        let registry = RegistryServiceServer::new(RegistryAdapter(here.registry.clone()));
        routes = routes.add_service(registry.max_decoding_message_size(limit));
    }
    if let Some(here) = &use_cases.issuer {
        let issuer = IssuerServiceServer::new(IssuerAdapter(Arc::new(here.issuer.clone())));
        routes = routes.add_service(issuer.max_decoding_message_size(limit));
    }
    if !use_cases.linkage.is_empty() {
        let linkage = LinkageServiceServer::new(LinkageAdapter::new(use_cases.linkage_links()));
        routes = routes.add_service(linkage.max_decoding_message_size(limit));
    }
    if let Some(here) = &use_cases.clearing {
        let clearing = ClearingServiceServer::new(ClearingAdapter(Arc::new(here.clearing.clone())));
        routes = routes.add_service(clearing.max_decoding_message_size(limit));
    }
    if let Some(here) = &use_cases.exchange {
        let exchange = ExchangeRoleServiceServer::new(ExchangeRoleAdapter(Arc::new(here.exchange.clone())));
        routes = routes.add_service(exchange.max_decoding_message_size(limit));
    }
    routes
}
