//! The city of the demo: its key ceremony, its service that starts and stops, its offices.

use super::{
    SPEND_LIMIT,
    schedule::{DAY_BEGINS_SECONDS, station},
};
use crate::{
    commands::{service_url, write_client},
    connect::{ClientFile, Trust},
    source::{self, SystemClock},
};
use anyhow::{Context, Result, ensure};
use rand_chacha::ChaCha20Rng;
use rand_core::{Rng, SeedableRng};
use std::{
    fs,
    path::{Path, PathBuf},
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicU64, Ordering},
    },
};
use symbolon_ccks::{AuthorityId, Name, Sector, SuiteId, Time};
use symbolon_service::{
    Client, Clock, Entropy, Role,
    config::{Config, Journey, PublishedProfile},
    custody::{Costs, Unlock},
    pki::Pki,
    server::Running,
    setup::{self, Ceremony},
};
use tempfile::TempDir;
use tokio::net::TcpStream;
use tonic::transport::Channel;
use zeroize::Zeroizing;

/// The currency of the demo: CNY.
pub(super) const CURRENCY: u16 = 156;
const ISSUER: &str = "bank";
const AUDITOR: &str = "auditor";
/// The officers who open cases together: one of the attester, one of clearing.
pub(super) const REGISTRAR_OFFICER: &str = "registrar-li";
pub(super) const CLEARING_OFFICER: &str = "clearing-wang";
/// How long before the day the city gets ready.
const PREPARING_SECONDS: u64 = 3_600;
/// With more gates than this, every journey has the same fare.
const MOST_GATES_WITH_FARES: usize = 40;

/// The operator of a sector's terminals.
pub(super) fn operator_of(sector: Sector) -> &'static str {
    match sector {
        Sector::Transport => "metro",
        Sector::Water => "waterworks",
        Sector::Power => "powergrid",
    }
}

/// A clock that the demo sets.
#[derive(Debug)]
pub(super) struct SimulatedClock(AtomicU64);

impl SimulatedClock {
    /// Sets it to so many seconds after the day began.
    pub(super) fn set(&self, seconds_into_the_day: u64) {
        self.0.store(DAY_BEGINS_SECONDS + seconds_into_the_day, Ordering::Relaxed);
    }

    /// Lets time pass.
    pub(super) fn advance(&self, seconds: u64) {
        self.0.fetch_add(seconds, Ordering::Relaxed);
    }
}

impl Clock for SimulatedClock {
    fn now(&self) -> Time {
        Time::new(self.0.load(Ordering::Relaxed)).expect("the demo's day is long before 2^40 seconds")
    }
}

/// Randomness out of the seed.
#[derive(Debug)]
struct SeededEntropy(Mutex<ChaCha20Rng>);

impl Entropy for SeededEntropy {
    fn fill(&self, bytes: &mut [u8]) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).fill_bytes(bytes);
    }
}

/// The folder that the demo works in.
enum Folder {
    /// Gone when the demo ends.
    Temporary(TempDir),
    /// Kept.
    Kept(PathBuf),
}

impl Folder {
    fn path(&self) -> &Path {
        match self {
            Self::Temporary(folder) => folder.path(),
            Self::Kept(path) => path,
        }
    }
}

/// Everything about the city that outlives its service.
pub(super) struct City {
    folder: Folder,
    config: Config,
    unlock: Unlock,
    authority_id: AuthorityId,
    clock: Arc<SimulatedClock>,
    entropy: Arc<SeededEntropy>,
    clients: Vec<(Client, ClientFile)>,
}

impl City {
    /// Holds the key ceremony and makes the offices' certificates.
    ///
    /// `per_period` is how many pseudonyms a card gets in one day.
    pub(super) fn establish(
        suite: SuiteId,
        seed: u64,
        gates: usize,
        per_period: u16,
        keep: Option<&Path>,
    ) -> Result<Self> {
        let folder = match keep {
            Some(path) => {
                ensure!(!path.exists(), "{} exists already; --keep needs a new folder", path.display());
                Folder::Kept(std::path::absolute(path).context("the folder has no absolute path")?)
            }
            None => {
                Folder::Temporary(TempDir::with_prefix("symbolon-demo-").context("cannot make a folder for the demo")?)
            }
        };
        let mut random = ChaCha20Rng::seed_from_u64(seed);
        random.set_stream(u64::MAX);
        let mut sealing_key = Zeroizing::new([0; 32]);
        random.fill_bytes(sealing_key.as_mut_slice());
        let unlock = Unlock::KeyFile(sealing_key);
        let entropy = Arc::new(SeededEntropy(Mutex::new(random)));
        let config = config(folder.path().join("city"), gates, per_period);
        let ceremony = Ceremony {
            suite,
            name: Name::parse("city.example")?,
            server_names: &[],
            unlock: &unlock,
            costs: Costs::default(),
        };
        // Certificates are checked against the real time, whatever the demo's own clock says.
        let authority_id = setup::initialise(&config, &ceremony, &SystemClock, &*entropy)?;
        let clock = Arc::new(SimulatedClock(AtomicU64::new(DAY_BEGINS_SECONDS - PREPARING_SECONDS)));
        let mut city = Self { folder, config, unlock, authority_id, clock, entropy, clients: Vec::new() };
        city.add_client(Role::Issuer, ISSUER)?;
        city.add_client(Role::Auditor, AUDITOR)?;
        city.add_client(Role::AttesterOfficer, REGISTRAR_OFFICER)?;
        city.add_client(Role::ClearingOfficer, CLEARING_OFFICER)?;
        for sector in Sector::ALL {
            city.add_client(Role::Operator, operator_of(sector))?;
        }
        Ok(city)
    }

    fn add_client(&mut self, role: Role, name: &str) -> Result<()> {
        let client = Client::new(role, Name::parse(name)?);
        let file = ClientFile::read(&write_client(&self.config, &client)?)?;
        self.clients.push((client, file));
        Ok(())
    }

    /// Where the data is kept, if it is.
    pub(super) fn kept_at(&self) -> Option<&Path> {
        match &self.folder {
            Folder::Kept(path) => Some(path),
            Folder::Temporary(_) => None,
        }
    }

    /// The folder for whatever the demo writes.
    pub(super) fn path(&self) -> &Path {
        self.folder.path()
    }

    pub(super) fn authority_id(&self) -> &AuthorityId {
        &self.authority_id
    }

    pub(super) fn clock(&self) -> &SimulatedClock {
        &self.clock
    }

    /// The authority's public parameters, as anybody may have them.
    pub(super) fn parameters(&self) -> Result<Vec<u8>> {
        Ok(setup::read_parameters(&self.config)?)
    }

    /// Starts the service.
    pub(super) async fn start(&self) -> Result<RunningCity<'_>> {
        let service = setup::open(&self.config, &self.unlock, self.clock.clone(), self.entropy.clone())
            .await
            .context("the service cannot start")?;
        let running = service.start(&self.config).await.context("the service cannot start")?;
        Ok(RunningCity { city: self, running })
    }
}

/// The demo's configuration: any free ports, a fare for every journey, and one shape of pseudonyms.
fn config(data_directory: PathBuf, gates: usize, per_period: u16) -> Config {
    let mut config = Config::on_any_port(data_directory);
    config.metrics.address = None;
    // At night, so that a day's taps are of one period.
    config.pseudonyms.period_boundary_seconds = 3 * 3_600;
    config.pseudonyms.per_period = per_period;
    config.pseudonyms.profiles = vec![PublishedProfile {
        id: 1,
        sectors: Sector::ALL.map(|sector| sector.to_string()).to_vec(),
        tariff: 0,
        spend_limit: SPEND_LIMIT,
        budget: SPEND_LIMIT,
        currency: CURRENCY,
    }];
    config.fares.default_fare = 300;
    if gates <= MOST_GATES_WITH_FARES {
        for from in 0..gates {
            for to in 0..gates {
                let text = |gate: usize| hex::encode(station(3 * gate));
                config.fares.journeys.push(Journey {
                    operator: operator_of(Sector::Transport).to_owned(),
                    from: text(from),
                    to: text(to),
                    // Two for the first station, and half a unit more for each further one, up to six.
                    fare: 200 + 50 * from.abs_diff(to).min(8) as u32,
                });
            }
        }
    }
    config
}

/// The city while its service runs.
pub(super) struct RunningCity<'c> {
    city: &'c City,
    running: Running,
}

impl RunningCity<'_> {
    /// A connection as wallets and terminals have it.
    pub(super) fn public(&self) -> Result<Channel> {
        self.trust()?.connect()
    }

    /// What wallets and terminals are made with.
    pub(super) fn trust(&self) -> Result<Trust> {
        let certificate = Pki::at(self.city.config.pki_directory()).authority_certificate();
        let certificate =
            fs::read_to_string(&certificate).with_context(|| format!("cannot read {}", certificate.display()))?;
        let address = self.running.public_address().context("the demo runs every role")?;
        Ok(Trust::new(service_url(address), &self.city.authority_id, certificate))
    }

    /// The issuer's connection.
    pub(super) fn issuer(&self) -> Result<Channel> {
        self.client(Role::Issuer, ISSUER)
    }

    /// The auditor's connection.
    pub(super) fn auditor(&self) -> Result<Channel> {
        self.client(Role::Auditor, AUDITOR)
    }

    /// The connection of an officer.
    pub(super) fn officer(&self, role: Role, name: &str) -> Result<Channel> {
        self.client(role, name)
    }

    /// The connection of the operator of a sector.
    pub(super) fn operator(&self, sector: Sector) -> Result<Channel> {
        self.client(Role::Operator, operator_of(sector))
    }

    fn client(&self, role: Role, name: &str) -> Result<Channel> {
        let found =
            self.city.clients.iter().find(|(client, _)| client.role() == role && client.name().as_str() == name);
        let (_, file) = found.context("the demo made no such client")?;
        // The port is another whenever the service starts.
        ClientFile { service: service_url(self.running.private_address()), ..file.clone() }.connect()
    }

    /// Stops the service, and makes sure that nothing listens any more.
    pub(super) async fn stop(self) -> Result<()> {
        let addresses = [self.running.public_address(), Some(self.running.private_address())];
        self.running.shutdown().await?;
        for address in addresses.into_iter().flatten() {
            let reached = TcpStream::connect(address).await;
            ensure!(reached.is_err(), "the service was stopped, but something still listens on {address}");
        }
        Ok(())
    }
}

/// A seed's own generator for one purpose: streams never meet.
pub(super) fn stream(seed: u64, number: u64) -> ChaCha20Rng {
    let mut random = ChaCha20Rng::seed_from_u64(seed);
    random.set_stream(number);
    random
}

/// A fresh request identifier.
pub(super) fn request_id(random: &mut ChaCha20Rng) -> String {
    source::request_id(random)
}
