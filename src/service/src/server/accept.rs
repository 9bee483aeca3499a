//! Takes connections: how many, how long their handshake may take, and whose they are.

use crate::{
    Caller,
    config::Limits,
    metrics::{ConnectionRefused, Metrics},
    pki::{self, Domain},
};
use rustls::ServerConfig;
use std::{
    convert::Infallible,
    io,
    net::SocketAddr,
    pin::Pin,
    sync::{Arc, PoisonError, RwLock},
    task::{Context, Poll},
    time::Duration,
};
use tokio::{
    io::{AsyncRead, AsyncWrite, ReadBuf},
    net::{TcpListener, TcpStream},
    sync::{OwnedSemaphorePermit, Semaphore, mpsc, watch},
    task::JoinSet,
};
use tokio_rustls::{TlsAcceptor, server::TlsStream};
use tonic::transport::server::Connected;

/// After the system refused to give a connection, most likely for want of file descriptors.
const PAUSE_AFTER_ERROR: Duration = Duration::from_millis(50);

/// The TLS configuration of a listener; exchanged whole, for the connections that come after.
#[derive(Clone)]
pub(super) struct TlsSettings(Arc<RwLock<Arc<ServerConfig>>>);

impl TlsSettings {
    pub(super) fn new(config: ServerConfig) -> Self {
        Self(Arc::new(RwLock::new(Arc::new(config))))
    }

    pub(super) fn replace(&self, config: ServerConfig) {
        *self.0.write().unwrap_or_else(PoisonError::into_inner) = Arc::new(config);
    }

    fn acceptor(&self) -> TlsAcceptor {
        TlsAcceptor::from(self.0.read().unwrap_or_else(PoisonError::into_inner).clone())
    }
}

/// What is known of a connection; every request on it carries it.
#[derive(Clone, Debug)]
pub(crate) struct ConnectionInfo {
    /// The listener that took it.
    pub(crate) domain: Domain,
    /// From where it came.
    pub(crate) peer: SocketAddr,
    /// Whose it is; on the private listener always somebody's.
    pub(crate) caller: Option<Caller>,
}

/// A connection whose handshake is done.
pub(super) struct Connection {
    stream: TlsStream<TcpStream>,
    info: ConnectionInfo,
    _place: Place,
}

/// The place that a connection takes among those allowed.
struct Place {
    open: prometheus_client::metrics::gauge::Gauge,
    _permit: OwnedSemaphorePermit,
}

impl Drop for Place {
    fn drop(&mut self) {
        self.open.dec();
    }
}

/// Takes the connections of one listener.
pub(super) struct Acceptor {
    domain: Domain,
    settings: TlsSettings,
    metrics: Arc<Metrics>,
    room: Arc<Semaphore>,
    handshake_limit: Duration,
}

impl Acceptor {
    pub(super) fn new(domain: Domain, settings: TlsSettings, limits: &Limits, metrics: Arc<Metrics>) -> Arc<Self> {
        let room = Arc::new(Semaphore::new(limits.connections));
        Arc::new(Self { domain, settings, metrics, room, handshake_limit: limits.handshake() })
    }

    /// Hands over connections until told to stop. Handshakes under way are then given up: no request was made on them.
    pub(super) async fn run(
        self: Arc<Self>,
        listener: TcpListener,
        connections: mpsc::Sender<Result<Connection, Infallible>>,
        mut stop: watch::Receiver<bool>,
    ) {
        let mut handshakes = JoinSet::new();
        loop {
            let accepted = tokio::select! {
                _ = stop.wait_for(|stop| *stop) => return,
                accepted = listener.accept() => accepted,
                Some(_) = handshakes.join_next() => continue,
            };
            match accepted {
                Ok((stream, peer)) => {
                    if let Some(place) = self.place() {
                        handshakes.spawn(self.clone().hand_over(stream, peer, place, connections.clone()));
                    }
                }
                Err(error) => {
                    tracing::warn!(listener = %self.domain, %error, "cannot accept a connection");
                    tokio::time::sleep(PAUSE_AFTER_ERROR).await;
                }
            }
        }
    }

    /// A place for one more connection, unless all are taken.
    fn place(&self) -> Option<Place> {
        let Ok(permit) = self.room.clone().try_acquire_owned() else {
            self.metrics.refused(self.domain, ConnectionRefused::TooMany);
            return None;
        };
        let open = self.metrics.connections(self.domain);
        open.inc();
        Some(Place { open, _permit: permit })
    }

    async fn hand_over(
        self: Arc<Self>,
        stream: TcpStream,
        peer: SocketAddr,
        place: Place,
        connections: mpsc::Sender<Result<Connection, Infallible>>,
    ) {
        match self.handshake(stream, peer, place).await {
            // Nobody takes it any more when the service is stopping.
            Ok(connection) => drop(connections.send(Ok(connection)).await),
            Err(refused) => {
                self.metrics.refused(self.domain, refused);
                tracing::debug!(listener = %self.domain, reason = refused.as_str(), "a connection did not come about");
            }
        }
    }

    async fn handshake(
        &self,
        stream: TcpStream,
        peer: SocketAddr,
        place: Place,
    ) -> Result<Connection, ConnectionRefused> {
        // Answers are small and each is waited for.
        stream.set_nodelay(true).map_err(|_| ConnectionRefused::Handshake)?;
        let handshake = self.settings.acceptor().accept(stream);
        let stream = tokio::time::timeout(self.handshake_limit, handshake)
            .await
            .map_err(|_| ConnectionRefused::HandshakeTimeout)?
            .map_err(|_| ConnectionRefused::Handshake)?;
        let caller = match self.domain {
            Domain::Public => None,
            Domain::Private => Some(caller_of(&stream).ok_or(ConnectionRefused::NoClient)?),
        };
        Ok(Connection { stream, info: ConnectionInfo { domain: self.domain, peer, caller }, _place: place })
    }
}

/// Whom the client certificate names that the handshake verified.
fn caller_of(stream: &TlsStream<TcpStream>) -> Option<Caller> {
    let (_, session) = stream.get_ref();
    pki::caller_of_certificate(session.peer_certificates()?.first()?)
}

impl Connected for Connection {
    type ConnectInfo = ConnectionInfo;

    fn connect_info(&self) -> ConnectionInfo {
        self.info.clone()
    }
}

impl AsyncRead for Connection {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_read(context, buffer)
    }
}

impl AsyncWrite for Connection {
    fn poll_write(mut self: Pin<&mut Self>, context: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write(context, bytes)
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(context)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffers: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write_vectored(context, buffers)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }
}
