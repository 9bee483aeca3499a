//! The city of the demo: its key ceremony, its service that starts and stops, its offices.

use super::{
    SPEND_LIMIT,
    processes::{self, Plan, RoleProcess},
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
    io::Write,
    net::SocketAddr,
    path::{Path, PathBuf},
    process::ChildStdin,
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
    links::ServiceRole,
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
/// The folder in which roles that are processes of their own have theirs.
const ROLES: &str = "roles";
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

/// A clock that the demo sets, and that other processes may follow.
#[derive(Debug)]
pub(super) struct SimulatedClock {
    seconds: AtomicU64,
    followers: Mutex<Vec<ChildStdin>>,
}

impl SimulatedClock {
    /// A clock that stands at so many seconds since 1970.
    pub(super) fn at(seconds: u64) -> Self {
        Self { seconds: AtomicU64::new(seconds), followers: Mutex::default() }
    }

    /// Seconds since 1970.
    pub(super) fn seconds(&self) -> u64 {
        self.seconds.load(Ordering::Relaxed)
    }

    /// Sets it to so many seconds since 1970, and all who follow.
    pub(super) fn set_to(&self, seconds: u64) {
        self.seconds.store(seconds, Ordering::Relaxed);
        for follower in self.followers.lock().unwrap_or_else(PoisonError::into_inner).iter_mut() {
            // One that is gone shows when it is asked for something.
            let _ = writeln!(follower, "{seconds}");
        }
    }

    /// Has a process follow from now on.
    pub(super) fn lead(&self, follower: ChildStdin) {
        self.followers.lock().unwrap_or_else(PoisonError::into_inner).push(follower);
    }

    /// Lets go of all who follow, which has them stop.
    fn let_go(&self) {
        self.followers.lock().unwrap_or_else(PoisonError::into_inner).clear();
    }

    /// Sets it to so many seconds after the day began.
    pub(super) fn set(&self, seconds_into_the_day: u64) {
        self.set_to(DAY_BEGINS_SECONDS + seconds_into_the_day);
    }

    /// Lets time pass.
    pub(super) fn advance(&self, seconds: u64) {
        self.set_to(self.seconds() + seconds);
    }
}

impl Clock for SimulatedClock {
    fn now(&self) -> Time {
        Time::new(self.seconds()).expect("the demo's day is long before 2^40 seconds")
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
    /// What processes are told, when every role has one of its own.
    apart: Option<Apart>,
}

struct Apart {
    gates: usize,
    per_period: u16,
    sealing_key: Zeroizing<[u8; 32]>,
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
        in_processes: bool,
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
        let unlock = Unlock::KeyFile(sealing_key.clone());
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
        let clock = Arc::new(SimulatedClock::at(DAY_BEGINS_SECONDS - PREPARING_SECONDS));
        let apart = in_processes.then_some(Apart { gates, per_period, sealing_key });
        let mut city = Self { folder, config, unlock, authority_id, clock, entropy, clients: Vec::new(), apart };
        city.add_client(Role::Issuer, ISSUER)?;
        city.add_client(Role::Auditor, AUDITOR)?;
        city.add_client(Role::AttesterOfficer, REGISTRAR_OFFICER)?;
        city.add_client(Role::ClearingOfficer, CLEARING_OFFICER)?;
        for sector in Sector::ALL {
            city.add_client(Role::Operator, operator_of(sector))?;
        }
        if in_processes {
            processes::set_apart(&city.config.data_directory, &city.path().join(ROLES))?;
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
        let service = match &self.apart {
            Some(Apart { gates, per_period, sealing_key }) => {
                let folder = &self.path().join(ROLES);
                let plan = Plan { folder, gates: *gates, per_period: *per_period, sealing_key };
                Service::Apart(processes::start(&plan, &self.clock)?)
            }
            None => {
                let service = setup::open(&self.config, &self.unlock, self.clock.clone(), self.entropy.clone())
                    .await
                    .context("the service cannot start")?;
                Service::Together(service.start(&self.config).await.context("the service cannot start")?)
            }
        };
        Ok(RunningCity { city: self, service })
    }
}

/// The demo's configuration: any free ports, a fare for every journey, and one shape of pseudonyms.
pub(super) fn config(data_directory: PathBuf, gates: usize, per_period: u16) -> Config {
    let mut config = Config::on_any_port(data_directory);
    config.metrics.address = None;
    // At night, so that a day's taps are of one period.
    config.pseudonyms.period_boundary_seconds = 3 * 3_600;
    config.pseudonyms.per_period = per_period;
    // A day's charges are summed once, so that a seed gives one number of postings.
    config.pseudonyms.charging.items = 65_536;
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

/// The service that runs.
enum Service {
    /// In this process.
    Together(Running),
    /// Every role in a process of its own.
    Apart(Vec<RoleProcess>),
}

impl Service {
    fn of(processes: &[RoleProcess], role: ServiceRole) -> Result<&RoleProcess> {
        processes.iter().find(|process| process.role == role).context("the demo runs every role")
    }

    fn public(&self, role: ServiceRole) -> Result<SocketAddr> {
        let address = match self {
            Self::Together(running) => running.public_address(),
            Self::Apart(processes) => Self::of(processes, role)?.public,
        };
        address.context("a role that citizens talk to listens to them")
    }

    fn private(&self, role: ServiceRole) -> Result<SocketAddr> {
        match self {
            Self::Together(running) => Ok(running.private_address()),
            Self::Apart(processes) => Ok(Self::of(processes, role)?.private),
        }
    }

    fn addresses(&self) -> Vec<SocketAddr> {
        match self {
            Self::Together(running) => {
                running.public_address().into_iter().chain([running.private_address()]).collect()
            }
            Self::Apart(processes) => {
                processes.iter().flat_map(|process| process.public.into_iter().chain([process.private])).collect()
            }
        }
    }
}

/// The city while its service runs.
pub(super) struct RunningCity<'c> {
    city: &'c City,
    service: Service,
}

impl RunningCity<'_> {
    /// A connection as wallets and terminals have it, to the role that they talk to.
    pub(super) fn public(&self, role: ServiceRole) -> Result<Channel> {
        self.trust(role)?.connect()
    }

    /// What wallets and terminals are made with.
    pub(super) fn trust(&self, role: ServiceRole) -> Result<Trust> {
        let certificate = Pki::at(self.city.config.pki_directory()).authority_certificate();
        let certificate =
            fs::read_to_string(&certificate).with_context(|| format!("cannot read {}", certificate.display()))?;
        Ok(Trust::new(service_url(self.service.public(role)?), &self.city.authority_id, certificate))
    }

    /// The issuer's connection to a role.
    pub(super) fn issuer(&self, role: ServiceRole) -> Result<Channel> {
        self.client(Role::Issuer, ISSUER, role)
    }

    /// The auditor's connection to a role.
    pub(super) fn auditor(&self, role: ServiceRole) -> Result<Channel> {
        self.client(Role::Auditor, AUDITOR, role)
    }

    /// The connection of the attester's officer to the attester.
    pub(super) fn officer_of_the_attester(&self) -> Result<Channel> {
        self.client(Role::AttesterOfficer, REGISTRAR_OFFICER, ServiceRole::Attester)
    }

    /// The connection of clearing's officer to clearing.
    pub(super) fn officer_of_clearing(&self) -> Result<Channel> {
        self.client(Role::ClearingOfficer, CLEARING_OFFICER, ServiceRole::Clearing)
    }

    /// The connection of the operator of a sector to a role.
    pub(super) fn operator(&self, sector: Sector, role: ServiceRole) -> Result<Channel> {
        self.client(Role::Operator, operator_of(sector), role)
    }

    fn client(&self, client_role: Role, name: &str, role: ServiceRole) -> Result<Channel> {
        let is_it = |client: &Client| client.role() == client_role && client.name().as_str() == name;
        let found = self.city.clients.iter().find(|(client, _)| is_it(client));
        let (_, file) = found.context("the demo made no such client")?;
        // The port is another whenever the service starts.
        ClientFile { service: service_url(self.service.private(role)?), ..file.clone() }.connect()
    }

    /// Stops the service, and makes sure that nothing listens any more.
    pub(super) async fn stop(self) -> Result<()> {
        let addresses = self.service.addresses();
        match self.service {
            Service::Together(running) => running.shutdown().await?,
            Service::Apart(mut processes) => {
                self.city.clock.let_go();
                processes::wait(&mut processes)?;
            }
        }
        for address in addresses {
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
