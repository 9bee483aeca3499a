//! The gRPC interface: thin adapters between the messages of `symbolon.v1` and the use cases.
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
pub(crate) mod roles;
pub(crate) mod status;
mod terminals;

use crate::{
    Context,
    authority::AuthorityKeys,
    bundles::Bundles,
    cards::Cards,
    config::Config,
    enrolment::Enrolment,
    exchange::{Exchange, FareTable},
    ledger::Ledger,
    metrics::Metrics,
    pki::Domain,
    terminals::Terminals,
};
use attempts::Attempts;
use page::PageTokens;
use std::{sync::Arc, time::Duration};
use symbolon_api::v1::{
    authority_service_server::AuthorityServiceServer, card_service_server::CardServiceServer,
    enrolment_service_server::EnrolmentServiceServer, exchange_service_server::ExchangeServiceServer,
    ledger_service_server::LedgerServiceServer, terminal_service_server::TerminalServiceServer,
};
use symbolon_ccks::{AuthorityId, Suite};
use symbolon_store::Store;
use tokio::sync::watch;
use tonic::service::Routes;

/// The use cases of one authority on one store.
pub struct UseCases<S: Suite, D> {
    pub(crate) context: Context<D>,
    keys: Arc<AuthorityKeys<S>>,
    page_key: [u8; 32],
    pub(crate) cards: Cards<D>,
    terminals: Terminals<D>,
    enrolment: Enrolment<S, D>,
    exchange: Exchange<S, D>,
    pub(crate) ledger: Ledger<D>,
    pub(crate) bundles: Bundles<S, D>,
}

impl<S: Suite, D: Store> UseCases<S, D> {
    /// The roles of the service, all on the same store.
    pub fn new(context: Context<D>, keys: Arc<AuthorityKeys<S>>, fares: FareTable) -> Self {
        let attester = symbolon_pseudonym::PairwiseKey::from_bytes(context.random());
        let role_keys = crate::clearing::ClearingKeys {
            attester: attester.clone(),
            trace: zeroize::Zeroizing::new(context.random()),
        };
        let clearing = Arc::new(crate::clearing::Clearing::new(context.clone(), role_keys));
        let registry = Arc::new(crate::attester::Registry::new(context.clone(), attester));
        Self {
            page_key: context.random(),
            cards: Cards::new(context.clone(), keys.activation_key().clone(), clearing.clone()),
            terminals: Terminals::new(context.clone(), keys.activation_key().clone()),
            enrolment: Enrolment::new(context.clone(), keys.clone()),
            exchange: Exchange::new(context.clone(), keys.clone(), fares, registry, clearing),
            ledger: Ledger::new(context.clone()),
            bundles: Bundles::new(context.clone(), keys.clone(), None),
            context,
            keys,
        }
    }

    /// The digest of the authority parameters.
    pub fn authority_id(&self) -> &AuthorityId {
        self.keys.id()
    }
}

/// What the adapters share beside the use cases.
#[derive(Clone)]
pub(crate) struct Shared {
    pub(crate) metrics: Arc<Metrics>,
    pub(crate) stop: watch::Receiver<bool>,
    pub(crate) upload_idle: Duration,
}

/// The services of a listener; the table of roles says which of their methods it admits.
pub(crate) fn routes<S: Suite, D: Store>(
    domain: Domain,
    use_cases: &Arc<UseCases<S, D>>,
    config: &Config,
    shared: &Shared,
) -> Routes {
    let limit = config.limits.message_bytes;
    let tokens = PageTokens::new(use_cases.page_key);
    let authority = authority::Adapter::new(use_cases.clone(), shared.metrics.clone());
    let exchange = exchange::Adapter::new(use_cases.clone(), tokens.clone(), shared.clone());
    let routes = Routes::new(AuthorityServiceServer::new(authority).max_decoding_message_size(limit)).add_service(
        ExchangeServiceServer::new(exchange).max_decoding_message_size(limit).max_encoding_message_size(usize::MAX),
    );
    match domain {
        Domain::Public => {
            let attempts = Attempts::new(config.enrolment.failed_attempts_per_minute);
            let enrolment = enrolment::Adapter::new(use_cases.clone(), attempts);
            routes.add_service(EnrolmentServiceServer::new(enrolment).max_decoding_message_size(limit))
        }
        Domain::Private => {
            let cards = cards::Adapter::new(use_cases.clone(), tokens.clone());
            let terminals = terminals::Adapter::new(use_cases.clone(), tokens.clone());
            let ledger = ledger::Adapter::new(use_cases.clone(), tokens);
            routes
                .add_service(CardServiceServer::new(cards).max_decoding_message_size(limit))
                .add_service(TerminalServiceServer::new(terminals).max_decoding_message_size(limit))
                .add_service(LedgerServiceServer::new(ledger).max_decoding_message_size(limit))
        }
    }
}
