//! The running service: two listeners of two security domains, a loopback one for metrics, and the work done by itself.

mod accept;
mod chores;
mod gate;

pub(crate) use accept::ConnectionInfo;

use crate::{
    UseCases,
    config::{Config, Limits},
    grpc::{self, roles::METHODS},
    links::ServiceRole,
    metrics::{self, Metrics},
    pki::{Domain, Pki, PkiError},
};
use accept::{Acceptor, TlsSettings};
use gate::GateLayer;
use rustls::crypto::CryptoProvider;
use std::{collections::BTreeSet, io, net::SocketAddr, sync::Arc, time::Duration};
use symbolon_ccks::Suite;
use symbolon_store::Store;
use tokio::{
    net::TcpListener,
    sync::{mpsc, watch},
    task::JoinSet,
};
use tokio_stream::wrappers::ReceiverStream;
use tonic::{service::Routes, transport};
use tonic_health::{ServingStatus, server::HealthReporter};

/// Connections whose handshake is done and that wait to be served.
const CONNECTIONS_AHEAD: usize = 16;
/// After so long without a frame a peer is asked for one, and has [`KEEPALIVE_TIMEOUT`] to answer.
const KEEPALIVE_INTERVAL: Duration = Duration::from_secs(30);
const KEEPALIVE_TIMEOUT: Duration = Duration::from_secs(20);
/// What a client certificate allows is looked at when a connection is made, so connections do not live for ever.
const CONNECTION_AGE: Duration = Duration::from_secs(3_600);
const HEADER_LIST_BYTES: u32 = 16 * 1024;

/// Why the service did not start.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// The certificates cannot be used.
    #[error("the certificates of the service cannot be used")]
    Pki(#[from] PkiError),
    /// An address cannot be listened on.
    #[error("cannot listen on {address} ({key}); choose another address or stop what uses it")]
    Listen {
        /// The configuration key.
        key: &'static str,
        /// The address.
        address: SocketAddr,
        /// Why.
        source: io::Error,
    },
    /// The reflection service cannot be made.
    #[error("the descriptions of the interface cannot be read")]
    Reflection(#[from] tonic_reflection::server::Error),
}

/// Requests were still under way when the time to finish them ran out.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("requests were still under way after {seconds} s; what was acknowledged is kept")]
pub struct NotDrained {
    seconds: u64,
}

/// A service that is running. Dropping it stops it at once; [`Running::shutdown`] lets requests finish.
#[derive(Debug)]
pub struct Running {
    public_address: Option<SocketAddr>,
    private_address: SocketAddr,
    metrics_address: Option<SocketAddr>,
    certificates: Certificates,
    stop: watch::Sender<bool>,
    tasks: JoinSet<()>,
    health: Health,
    shutdown_limit: Duration,
}

/// Where the certificates come from, and the listeners that use them.
struct Certificates {
    pki: Pki,
    provider: Arc<CryptoProvider>,
    roles: Vec<ServiceRole>,
    settings: Vec<(Domain, TlsSettings)>,
}

impl std::fmt::Debug for Certificates {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.debug_struct("Certificates").field("pki", &self.pki).finish_non_exhaustive()
    }
}

#[derive(Clone)]
struct Health(HealthReporter);

impl Health {
    /// Of the service as a whole, whose name is empty, and of each of its gRPC services that are served here.
    async fn report(&self, roles: &[ServiceRole], status: ServingStatus) {
        let own = METHODS.iter().filter(|method| method.is_own() && method.is_served_by(roles));
        let names = own.filter_map(|method| method.path().trim_start_matches('/').split('/').next());
        let names: BTreeSet<&str> = names.chain([""]).collect();
        for name in names {
            self.0.set_service_status(name, status).await;
        }
    }
}

impl std::fmt::Debug for Health {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.write_str("Health")
    }
}

/// Starts the service: when this returns, all listeners take connections. Without a role that serves wallets or terminals
/// there is no public listener.
///
/// # Errors
/// [`StartError`]; nothing is left running then.
pub async fn start<S: Suite, D: Store>(config: &Config, use_cases: UseCases<S, D>) -> Result<Running, StartError> {
    let metrics = Arc::new(Metrics::new());
    let (stop, stopped) = watch::channel(false);
    let roles = use_cases.roles();
    let use_cases = Arc::new(use_cases);
    let shared = grpc::Shared {
        metrics: metrics.clone(),
        stop: stopped.clone(),
        upload_idle: config.limits.upload_idle(),
        admission: grpc::Admission::new(config.limits.records, metrics.clone()),
    };
    let (health, health_service) = tonic_health::server::health_reporter();
    let health = Health(health);
    health.report(&roles, ServingStatus::Serving).await;
    let mut certificates = Certificates::new(config, roles.clone());
    let mut tasks = JoinSet::new();
    let mut opened = Vec::new();
    let serves_the_public = roles.iter().any(|role| role.serves_the_public());
    for domain in Domain::ALL.into_iter().filter(|domain| *domain == Domain::Private || serves_the_public) {
        let (listener, address) = listen(domain, config).await?;
        let settings = certificates.settings_of(domain)?;
        let routes = grpc::routes(domain, &use_cases, config, &shared).add_service(health_service.clone());
        let routes = if domain == Domain::Private { with_reflection(routes)? } else { routes };
        let acceptor = Acceptor::new(domain, settings, &config.limits, metrics.clone());
        let (sender, connections) = mpsc::channel(CONNECTIONS_AHEAD);
        let gate = GateLayer::new(&config.limits, metrics.clone(), roles.clone());
        tasks.spawn(acceptor.run(listener, sender, stopped.clone()));
        let connections = ReceiverStream::new(connections);
        tasks.spawn(serve(domain, config.limits.clone(), gate, routes, connections, stopped.clone()));
        opened.push((domain, address));
    }
    let metrics_address = match config.metrics.address {
        Some(address) => {
            let (listener, address) = bind("metrics.address", address).await?;
            let stopped = stopped.clone();
            tasks.spawn(metrics::serve(listener, metrics.clone(), when_stopped(stopped)));
            Some(address)
        }
        None => None,
    };
    for role in roles.iter().copied() {
        tasks.spawn(chores::run(role, use_cases.clone(), metrics.clone(), health.clone(), stopped.clone()));
    }
    let address = |domain| opened.iter().find(|(opened, _)| *opened == domain).map(|(_, address)| *address);
    let (public_address, private_address) = (address(Domain::Public), address(Domain::Private));
    let private_address = private_address.expect("every process has a private listener");
    tracing::info!(public = ?public_address, private = %private_address, metrics = ?metrics_address, "listening");
    Ok(Running {
        public_address,
        private_address,
        metrics_address,
        certificates,
        stop,
        tasks,
        health,
        shutdown_limit: config.limits.shutdown(),
    })
}

impl Running {
    /// Where wallets and terminals connect, if a role runs here that serves them.
    pub const fn public_address(&self) -> Option<SocketAddr> {
        self.public_address
    }

    /// Where clients with a certificate connect, and other roles.
    pub const fn private_address(&self) -> SocketAddr {
        self.private_address
    }

    /// Where the metrics are, if anywhere: `http://<address>/metrics`.
    pub const fn metrics_address(&self) -> Option<SocketAddr> {
        self.metrics_address
    }

    /// Reads the certificates again, for the connections that come after.
    ///
    /// # Errors
    /// [`PkiError`] when they cannot be used; all listeners then keep those they have.
    pub fn reload_certificates(&self) -> Result<(), PkiError> {
        self.certificates.reload()?;
        tracing::info!("the certificates were read again");
        Ok(())
    }

    /// Stops taking connections, lets requests under way finish, and ends. Upload streams end after the upload that is
    /// being settled; what was acknowledged is durable. What is due to other roles is passed on once more; what waits to be
    /// mixed with more waits on disk, as it would tell too much alone.
    ///
    /// # Errors
    /// [`NotDrained`] when they take longer than `limits.shutdown_seconds`.
    pub async fn shutdown(mut self) -> Result<(), NotDrained> {
        tracing::info!("stopping");
        self.health.report(&self.certificates.roles, ServingStatus::NotServing).await;
        self.stop.send_replace(true);
        let drained = async { while self.tasks.join_next().await.is_some() {} };
        let drained = tokio::time::timeout(self.shutdown_limit, drained).await;
        drained.map_err(|_| NotDrained { seconds: self.shutdown_limit.as_secs() })
    }
}

impl Certificates {
    fn new(config: &Config, roles: Vec<ServiceRole>) -> Self {
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        Self { pki: Pki::at(config.pki_directory()), provider, roles, settings: Vec::new() }
    }

    fn settings_of(&mut self, domain: Domain) -> Result<TlsSettings, PkiError> {
        let settings = TlsSettings::new(self.pki.server_config(domain, &self.roles, &self.provider)?);
        self.settings.push((domain, settings.clone()));
        Ok(settings)
    }

    fn reload(&self) -> Result<(), PkiError> {
        let read = |(domain, _): &(Domain, _)| self.pki.server_config(*domain, &self.roles, &self.provider);
        let configs: Vec<_> = self.settings.iter().map(read).collect::<Result<_, _>>()?;
        for ((_, settings), config) in self.settings.iter().zip(configs) {
            settings.replace(config);
        }
        Ok(())
    }
}

async fn listen(domain: Domain, config: &Config) -> Result<(TcpListener, SocketAddr), StartError> {
    match domain {
        Domain::Public => bind("public.address", config.public.address).await,
        Domain::Private => bind("private.address", config.private.address).await,
    }
}

async fn bind(key: &'static str, address: SocketAddr) -> Result<(TcpListener, SocketAddr), StartError> {
    let failed = |source| StartError::Listen { key, address, source };
    let listener = TcpListener::bind(address).await.map_err(failed)?;
    let address = listener.local_addr().map_err(failed)?;
    Ok((listener, address))
}

fn with_reflection(routes: Routes) -> Result<Routes, StartError> {
    let builder = || {
        tonic_reflection::server::Builder::configure()
            .register_encoded_file_descriptor_set(symbolon_api::FILE_DESCRIPTOR_SET)
            .register_encoded_file_descriptor_set(tonic_health::pb::FILE_DESCRIPTOR_SET)
    };
    // Most tools still ask for the older version.
    Ok(routes.add_service(builder().build_v1()?).add_service(builder().build_v1alpha()?))
}

async fn serve(
    domain: Domain,
    limits: Limits,
    gate: GateLayer,
    routes: Routes,
    connections: ReceiverStream<Result<accept::Connection, std::convert::Infallible>>,
    stopped: watch::Receiver<bool>,
) {
    let served = transport::Server::builder()
        .max_concurrent_streams(limits.requests_per_connection)
        .http2_keepalive_interval(Some(KEEPALIVE_INTERVAL))
        .http2_keepalive_timeout(Some(KEEPALIVE_TIMEOUT))
        .max_connection_age(CONNECTION_AGE)
        .http2_max_header_list_size(HEADER_LIST_BYTES)
        .layer(gate)
        .serve_with_incoming_shutdown(routes.prepare(), connections, when_stopped(stopped))
        .await;
    if let Err(error) = served {
        tracing::error!(listener = %domain, %error, "a listener failed");
    }
}

/// Done when the service is told to stop, or is dropped.
async fn when_stopped(mut stopped: watch::Receiver<bool>) {
    // An error says that the sender is gone.
    let _ = stopped.wait_for(|stop| *stop).await;
}
