//! The service as a process: started, reached, stopped and killed.

use crate::{
    city::{City, ClientFile},
    program, within_patience,
};
use serde_json::Value;
use std::{
    fs::OpenOptions,
    net::SocketAddr,
    path::Path,
    process::{ExitStatus, Stdio},
    time::Duration,
};
use symbolon_api::v1::{GetParametersRequest, authority_service_client::AuthorityServiceClient};
use symbolon_ccks::{Authority, P256};
use tokio::{
    io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader},
    net::TcpStream,
    process::{Child, Command},
};
use tonic::transport::{Certificate, Channel, ClientTlsConfig, Endpoint, Error, Identity};

/// A running service. It is killed when it goes, unless it was stopped before.
pub(crate) struct Service {
    process: Child,
    public: Option<SocketAddr>,
    private: SocketAddr,
    metrics: Option<SocketAddr>,
    certificate: String,
}

impl Service {
    /// Starts the service of a city and waits until it says where it listens.
    pub(crate) async fn start(city: &City) -> Self {
        Self::start_by(city, &city.config_file()).await
    }

    /// Starts a process of the city by a configuration of its own.
    pub(crate) async fn start_by(city: &City, config: &Path) -> Self {
        let mut process = spawn(city, config);
        let mut lines = BufReader::new(process.stdout.take().unwrap()).lines();
        let line = within_patience("the service starts", lines.next_line()).await.unwrap();
        let line = line.unwrap_or_else(|| panic!("{}", std::fs::read_to_string(city.log_file()).unwrap()));
        let said: Value = serde_json::from_str(&line).unwrap();
        let address = |listener: &str| said[listener].as_str().map(|address| address.parse().unwrap());
        Self {
            process,
            public: address("public"),
            private: address("private").unwrap(),
            metrics: said["metrics"].as_str().map(|url| url.split('/').nth(2).unwrap().parse().unwrap()),
            certificate: city.certificate_authority(),
        }
    }

    /// Starts the service and kills it `after` a while, whatever it is doing then.
    pub(crate) async fn kill_at_start(city: &City, after: Duration) {
        let mut process = spawn(city, &city.config_file());
        tokio::time::sleep(after).await;
        process.kill().await.unwrap();
    }

    /// Where wallets and terminals reach it.
    pub(crate) fn public_address(&self) -> SocketAddr {
        self.public.unwrap()
    }

    /// Where offices reach it.
    pub(crate) fn private_address(&self) -> SocketAddr {
        self.private
    }

    /// Its process.
    pub(crate) fn process(&self) -> u32 {
        self.process.id().unwrap()
    }

    /// What a metric without labels, or with these, is now. It has to be configured where the metrics are.
    pub(crate) async fn metric(&self, name: &str) -> f64 {
        metric_at(self.metrics.unwrap(), name).await.unwrap_or_else(|| panic!("no {name}"))
    }

    /// A connection as wallets and terminals make it.
    pub(crate) async fn public(&self) -> Channel {
        connect(self.public_address(), &self.certificate, None).await.unwrap()
    }

    /// A connection as an office makes it.
    pub(crate) async fn private(&self, client: &ClientFile) -> Channel {
        connect(self.private, &client.authority, Some(client)).await.unwrap()
    }

    /// The authority, as anybody may learn of it.
    pub(crate) async fn authority(&self) -> Authority<'static, P256> {
        let mut service = AuthorityServiceClient::new(self.public().await);
        let answer = service.get_parameters(GetParametersRequest {}).await.unwrap().into_inner();
        let authority = Authority::parse(&answer.parameters).unwrap();
        assert_eq!(authority.id().as_bytes().as_slice(), answer.authority_id);
        authority
    }

    /// Kills it where it stands (SIGKILL).
    pub(crate) async fn kill(mut self) {
        self.process.kill().await.unwrap();
    }

    /// Asks it to stop (SIGTERM).
    pub(crate) async fn terminate(&self) {
        let process = self.process.id().unwrap().to_string();
        assert!(Command::new("kill").args(["-TERM", &process]).status().await.unwrap().success());
    }

    /// Waits for its end after [`Self::terminate`].
    pub(crate) async fn ended(mut self) -> ExitStatus {
        within_patience("the service ends", self.process.wait()).await.unwrap()
    }

    /// Stops it and holds that it ends well.
    pub(crate) async fn stop(self) {
        self.terminate().await;
        assert!(self.ended().await.success());
    }
}

/// What a metric is at this address, if it is there.
pub(crate) async fn metric_at(address: SocketAddr, name: &str) -> Option<f64> {
    let mut connection = TcpStream::connect(address).await.unwrap();
    connection.write_all(b"GET /metrics HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n").await.unwrap();
    let mut shown = String::new();
    connection.read_to_string(&mut shown).await.unwrap();
    let value = shown.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(' '));
    value.map(|value| value.parse().unwrap())
}

fn spawn(city: &City, config: &Path) -> Child {
    let log = OpenOptions::new().create(true).append(true).open(city.log_file()).unwrap();
    let mut command = Command::new(program::path());
    command.args(["serve", "--json", "--config"]).arg(config);
    command.arg("--key-file").arg(city.key_file());
    command.stdout(Stdio::piped()).stderr(log).stdin(Stdio::null()).kill_on_drop(true);
    command.spawn().unwrap()
}

/// Connects by TLS to a listener, believing `certificate_authority` (PEM), as `client` if there is one.
pub(crate) async fn connect(
    address: SocketAddr,
    certificate_authority: &str,
    client: Option<&ClientFile>,
) -> Result<Channel, Error> {
    let mut tls = ClientTlsConfig::new().ca_certificate(Certificate::from_pem(certificate_authority));
    if let Some(client) = client {
        tls = tls.identity(Identity::from_pem(&client.certificate, &client.key));
    }
    let endpoint = Endpoint::from_shared(format!("https://{address}")).unwrap().tls_config(tls).unwrap();
    within_patience("a connection is made or refused", endpoint.connect()).await
}
