//! The service as a process of its own, and the load on it.

use super::town::Town;
use anyhow::{Context, Result, ensure};
use serde_json::Value;
use std::{
    env, fs,
    io::{BufRead, BufReader},
    net::SocketAddr,
    process::{Child, Command, Stdio},
    time::{Duration, Instant},
};
use symbolon_api::v1::{Outcome, UploadRequest, exchange_service_client::ExchangeServiceClient};
use tokio::{sync::mpsc, task::JoinSet};
use tokio_stream::wrappers::ReceiverStream;
use tonic::transport::{Certificate, Channel, ClientTlsConfig, Endpoint};

/// How long the service may take to stop.
const STOP_LIMIT: Duration = Duration::from_secs(60);

/// What a load came to.
pub(super) struct Loaded {
    pub(super) records: usize,
    pub(super) seconds: f64,
    /// How long each upload took to be answered, shortest first.
    latencies: Vec<Duration>,
}

impl Loaded {
    pub(super) fn per_second(&self) -> f64 {
        self.records as f64 / self.seconds
    }

    pub(super) fn uploads(&self) -> usize {
        self.latencies.len()
    }

    /// In milliseconds.
    pub(super) fn quantile(&self, part: f64) -> f64 {
        let place = (part * self.latencies.len() as f64).ceil() as usize;
        self.latencies.get(place.saturating_sub(1)).map_or(0.0, |latency| latency.as_secs_f64() * 1e3)
    }
}

/// A service that runs; killed when it is let go of before it was stopped.
pub(super) struct Served {
    child: Child,
    address: SocketAddr,
}

impl Served {
    pub(super) fn start(town: &Town) -> Result<Self> {
        let program = env::current_exe().context("the program does not find itself")?;
        let log = fs::File::create(town.path("log"))?;
        let mut child = Command::new(program)
            .args(["--json", "serve", "--config"])
            .arg(town.path("symbolon.toml"))
            .arg("--key-file")
            .arg(town.path("key"))
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(log)
            .spawn()
            .context("the service cannot be started")?;
        let output = child.stdout.take().context("a process has an output")?;
        let mut line = String::new();
        BufReader::new(output).read_line(&mut line)?;
        let mut served = Self { child, address: ([127, 0, 0, 1], 0).into() };
        let announced = serde_json::from_str::<Value>(&line).with_context(|| {
            format!("it did not start: {}", fs::read_to_string(town.path("log")).unwrap_or_default())
        })?;
        served.address = announced["public"].as_str().context("it has no public listener")?.parse()?;
        Ok(served)
    }

    /// Uploads, each terminal one after the other over its own connection, for so many seconds or until nothing is left.
    pub(super) async fn load(&self, town: &Town, work: &[Vec<Vec<u8>>], seconds: u64) -> Result<Loaded> {
        load(town, self.address, work, seconds, Some(Outcome::Settled)).await
    }

    /// Stops it, after what waits is passed on; the processor time that it took, seconds.
    pub(super) fn stop(mut self) -> Result<f64> {
        let seconds = processor_seconds(self.child.id())?;
        // The standard library has no gentle signal.
        let pid = self.child.id().to_string();
        ensure!(Command::new("kill").args(["-TERM", &pid]).status()?.success(), "the service cannot be told to stop");
        let began = Instant::now();
        while self.child.try_wait()?.is_none() {
            ensure!(began.elapsed() < STOP_LIMIT, "the service does not stop");
            std::thread::sleep(Duration::from_millis(20));
        }
        Ok(seconds)
    }
}

impl Drop for Served {
    fn drop(&mut self) {
        // It is gone already when it was stopped.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// User and system time of a process so far, as Linux counts them: in hundredths of a second.
fn processor_seconds(process: u32) -> Result<f64> {
    let stat = fs::read_to_string(format!("/proc/{process}/stat"))?;
    let fields = stat.rsplit(") ").next().unwrap_or_default().split(' ').collect::<Vec<_>>();
    let ticks = |index: usize| fields.get(index).and_then(|ticks| ticks.parse::<f64>().ok());
    Ok((ticks(11).context("no user time")? + ticks(12).context("no system time")?) / 100.0)
}

pub(super) async fn load(
    town: &Town,
    address: SocketAddr,
    work: &[Vec<Vec<u8>>],
    seconds: u64,
    expected: Option<Outcome>,
) -> Result<Loaded> {
    let authority = fs::read_to_string(town.data().join("pki/authority.crt"))?;
    let tls = ClientTlsConfig::new().ca_certificate(Certificate::from_pem(authority)).domain_name("localhost");
    let mut channels = Vec::new();
    for _ in work {
        channels.push(Endpoint::from_shared(format!("https://{address}"))?.tls_config(tls.clone())?.connect().await?);
    }
    let mut terminals = JoinSet::new();
    let began = Instant::now();
    let end = began + Duration::from_secs(seconds);
    for (channel, uploads) in channels.into_iter().zip(work) {
        terminals.spawn(terminal(channel, uploads.clone(), end, expected));
    }
    let mut latencies = Vec::new();
    let mut records = 0;
    while let Some(terminal) = terminals.join_next().await {
        let (settled, mut taken) = terminal??;
        records += settled;
        latencies.append(&mut taken);
    }
    let seconds = began.elapsed().as_secs_f64();
    latencies.sort_unstable();
    Ok(Loaded { records, seconds, latencies })
}

/// Sends one upload after the other, each when the one before is answered; how many records settled.
async fn terminal(
    channel: Channel,
    uploads: Vec<Vec<u8>>,
    end: Instant,
    expected: Option<Outcome>,
) -> Result<(usize, Vec<Duration>)> {
    let (sender, receiver) = mpsc::channel(1);
    let mut exchange = ExchangeServiceClient::new(channel);
    let (mut records, mut latencies) = (0, Vec::with_capacity(uploads.len()));
    let mut uploads = uploads.into_iter();
    let first = uploads.next().context("a terminal has something to send")?;
    let mut sent = Instant::now();
    sender.send(UploadRequest { upload: first }).await?;
    let mut answers = exchange.upload(ReceiverStream::new(receiver)).await?.into_inner();
    while let Some(answer) = answers.message().await? {
        latencies.push(sent.elapsed());
        let settled = answer.outcomes.iter().filter(|outcome| Some(outcome.outcome()) == expected).count();
        ensure!(expected.is_none() || settled == answer.outcomes.len(), "a record did not settle: {answer:?}");
        records += answer.outcomes.len();
        match uploads.next().filter(|_| Instant::now() < end) {
            Some(upload) => {
                sent = Instant::now();
                sender.send(UploadRequest { upload }).await?;
            }
            None => break,
        }
    }
    Ok((records, latencies))
}
