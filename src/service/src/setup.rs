//! The data folder: made once by a key ceremony, opened whenever the service starts.
//!
//! | in the folder | |
//! | --- | --- |
//! | `authority.params` | the public parameters |
//! | `authority.sealed` | the authority's secret, sealed: for attester, issuer and exchange |
//! | `issuer.pub` | the key that wallets seal their requests to: for the attester |
//! | `roles/<role>.sealed` | what the role alone holds, sealed |
//! | `<role>.db` | everything else that is durable, each role's apart, unless it is in a PostgreSQL database |
//! | `pki/` | the certificates of the listeners, the roles and clients |
//!
//! A process opens what its own roles need, and nothing else has to be there.

mod loading;
mod role_keys;

pub use loading::{Loaded, load};

use crate::{
    Clock, Context, Entropy, Policy, ServiceError, UseCases,
    authority::AuthorityKeys,
    composition::{AttesterParts, Parts},
    config::Config,
    context::Draws,
    custody::{self, Costs, CustodyError, Unlock},
    grpc::links::Peer,
    institutions::Institutions,
    links::ServiceRole,
    pki::{Pki, PkiError},
    server::{self, Running, StartError},
};
use role_keys::RoleFiles;
use std::{
    fmt,
    fs::{self, File, OpenOptions},
    io::{self, Write},
    os::unix::fs::DirBuilderExt,
    path::{Path, PathBuf},
    sync::Arc,
};
use symbolon_ccks::{
    Authority, AuthorityId, AuthoritySecret, LinkageAuthority, Malformed, Name, P256, Secp256k1, Suite, SuiteId,
};
use symbolon_pseudonym::Issuance;
use symbolon_store::{
    AnyStore, PostgresStore, SqliteStore, StoreError,
    postgres::{self, PostgresAddress},
    sqlite,
};

const PARAMETERS: &str = "authority.params";
const SECRET: &str = "authority.sealed";
/// Where the parameters name their suite, behind `SYMB` and the version.
const SUITE_AT: usize = 5;

/// Why a data folder was not made or not opened.
#[derive(Debug, thiserror::Error)]
pub enum SetupError {
    /// There is something in the folder already.
    #[error("{} is there already and is never overwritten; choose another data_directory or move it away", .0.display())]
    Exists(PathBuf),
    /// The folder was never set up.
    #[error("{} is not a data folder; run `symbolon init` first", .0.display())]
    NotInitialised(PathBuf),
    /// A file cannot be read or written.
    #[error("{}: {problem}", .path.display())]
    File {
        /// Which.
        path: PathBuf,
        /// Why.
        problem: io::Error,
    },
    /// The sealed secret cannot be written or opened.
    #[error("the authority's secret: {0}")]
    Custody(#[from] CustodyError),
    /// The sealed file of a role cannot be opened.
    #[error("{}: {problem}", .path.display())]
    RoleKeys {
        /// Which.
        path: PathBuf,
        /// Why.
        problem: CustodyError,
    },
    /// A file that a role needs is not there.
    #[error(
        "{} is not there, and a role that is to run here needs it; `symbolon init` makes it, and a data folder of an \
         earlier version has none and cannot be used: found the authority anew",
        .0.display()
    )]
    RoleMissing(PathBuf),
    /// A file belongs to another role or authority.
    #[error("{} is not that of this role and authority", .0.display())]
    Foreign(PathBuf),
    /// The certificates cannot be made.
    #[error(transparent)]
    Pki(#[from] PkiError),
    /// The database cannot be opened.
    #[error("the database: {0}")]
    Store(#[from] StoreError),
    /// Roles that have to be copied have no schema in PostgreSQL, or none that may be seen.
    #[error(
        "by the configuration PostgreSQL holds the database of {}, and there is none there that this login may see: mend \
         `database`, or start the service once, which makes it",
        names(.0)
    )]
    SchemaMissing(Vec<ServiceRole>),
    /// There is no copy of roles that run here.
    #[error(
        "there is no copy of {}, whose database is in PostgreSQL by the configuration: make one, or name the database to \
         load a part",
        names(.0)
    )]
    CopyMissing(Vec<ServiceRole>),
    /// The parameters or the secret do not read.
    #[error(transparent)]
    Malformed(#[from] Malformed),
    /// They do not belong together, or cannot be put to use.
    #[error(transparent)]
    Service(#[from] ServiceError),
    /// The configuration is not sound.
    #[error(transparent)]
    Config(#[from] crate::config::ConfigError),
}

fn names(roles: &[ServiceRole]) -> String {
    roles.iter().map(|role| role.as_str()).collect::<Vec<_>>().join(", ")
}

/// What a key ceremony decides.
#[derive(Debug)]
pub struct Ceremony<'a> {
    /// The curve and hash of the authority.
    pub suite: SuiteId,
    /// The name of the authority, and of the institution key that signs bundles.
    pub name: Name,
    /// The DNS names and addresses by which the service is reached, besides the loopback ones.
    pub server_names: &'a [String],
    /// What seals the secret.
    pub unlock: &'a Unlock,
    /// What deriving a key from a passphrase costs.
    pub costs: Costs,
}

/// Draws an authority's secret, seals it, and makes parameters and certificates. Nothing is overwritten.
///
/// # Errors
/// [`SetupError::Exists`] when any of it is there; nothing is changed then.
pub fn initialise(
    config: &Config,
    ceremony: &Ceremony<'_>,
    clock: &dyn Clock,
    entropy: &dyn Entropy,
) -> Result<AuthorityId, SetupError> {
    config.check()?;
    for name in [PARAMETERS, SECRET, role_keys::FOLDER, role_keys::ISSUER_KEY, "pki"] {
        require_absent(&config.data_directory.join(name))?;
    }
    ServiceRole::ALL.into_iter().try_for_each(|role| require_absent(&database(config, role)))?;
    // A database will name cards and hold contributions to their keys: a new folder is for its owner alone.
    let mut folder = fs::DirBuilder::new();
    folder.recursive(true).mode(0o700).create(&config.data_directory).map_err(at(&config.data_directory))?;
    match ceremony.suite {
        SuiteId::P256Sha256 => establish::<P256>(config, ceremony, clock, entropy),
        SuiteId::Secp256k1Sha256 => establish::<Secp256k1>(config, ceremony, clock, entropy),
    }
}

fn establish<S: Suite>(
    config: &Config,
    ceremony: &Ceremony<'_>,
    clock: &dyn Clock,
    entropy: &dyn Entropy,
) -> Result<AuthorityId, SetupError> {
    let now = clock.now();
    let secret = AuthoritySecret::<S>::generate(&mut Draws(entropy));
    let bytes = secret.to_bytes();
    let keys = AuthorityKeys::establish(secret, now, &ceremony.name)?;
    Pki::at(config.pki_directory()).initialise(ceremony.server_names, now)?;
    custody::seal(&config.data_directory.join(SECRET), &bytes, ceremony.unlock, ceremony.costs, entropy)?;
    role_keys::establish(&config.data_directory, keys.id(), ceremony.unlock, ceremony.costs, entropy)?;
    // The parameters come last: with them the folder counts as set up.
    write_new(&config.data_directory.join(PARAMETERS), keys.parameters())?;
    Ok(*keys.id())
}

/// A service that is ready to start, of either suite.
pub enum Service {
    /// On NIST P-256.
    P256(Box<UseCases<P256, AnyStore>>),
    /// On secp256k1.
    Secp256k1(Box<UseCases<Secp256k1, AnyStore>>),
}

impl fmt::Debug for Service {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(match self {
            Self::P256(_) => "P256(..)",
            Self::Secp256k1(_) => "Secp256k1(..)",
        })
    }
}

impl Service {
    /// The digest of the authority parameters.
    pub fn authority_id(&self) -> &AuthorityId {
        match self {
            Self::P256(use_cases) => use_cases.authority_id(),
            Self::Secp256k1(use_cases) => use_cases.authority_id(),
        }
    }

    /// Starts it.
    ///
    /// # Errors
    /// As [`server::start`].
    pub async fn start(self, config: &Config) -> Result<Running, StartError> {
        match self {
            Self::P256(use_cases) => server::start(config, *use_cases).await,
            Self::Secp256k1(use_cases) => server::start(config, *use_cases).await,
        }
    }
}

/// Opens a data folder.
///
/// # Errors
/// [`SetupError`], each cause its own.
pub async fn open(
    config: &Config,
    unlock: &Unlock,
    clock: Arc<dyn Clock>,
    entropy: Arc<dyn Entropy>,
) -> Result<Service, SetupError> {
    config.check()?;
    let parameters = read_parameters(config)?;
    match parameters.get(SUITE_AT).copied() {
        Some(suite) if suite == SuiteId::P256Sha256 as u8 => {
            Ok(Service::P256(Box::new(open_suite(config, &parameters, unlock, clock, entropy).await?)))
        }
        Some(suite) if suite == SuiteId::Secp256k1Sha256 as u8 => {
            Ok(Service::Secp256k1(Box::new(open_suite(config, &parameters, unlock, clock, entropy).await?)))
        }
        _ => Err(Malformed::new("authority parameters", "the suite is not known").into()),
    }
}

/// The public parameters in a data folder.
///
/// # Errors
/// [`SetupError::NotInitialised`], [`SetupError::File`].
pub fn read_parameters(config: &Config) -> Result<Vec<u8>, SetupError> {
    let path = config.data_directory.join(PARAMETERS);
    fs::read(&path).map_err(|problem| match problem.kind() {
        io::ErrorKind::NotFound => SetupError::NotInitialised(config.data_directory.clone()),
        _ => SetupError::File { path, problem },
    })
}

async fn open_suite<S: Suite>(
    config: &Config,
    parameters: &[u8],
    unlock: &Unlock,
    clock: Arc<dyn Clock>,
    entropy: Arc<dyn Entropy>,
) -> Result<UseCases<S, AnyStore>, SetupError> {
    let authority_id = *Authority::<S>::parse(parameters)?.id();
    let opening = Opening { config, unlock, authority_id, policy: config.policy(), clock, entropy };
    let parts = opening.parts(opening.authority_keys::<S>(parameters)?).await?;
    let pki = Pki::at(config.pki_directory());
    UseCases::compose(parts, |caller, role| {
        let address = config.roles.peer(role)?;
        Ok(Peer::new(role, address, caller, &pki, config.limits.request())?)
    })
}

/// A data folder that is being opened.
struct Opening<'a> {
    config: &'a Config,
    unlock: &'a Unlock,
    authority_id: AuthorityId,
    policy: Policy,
    clock: Arc<dyn Clock>,
    entropy: Arc<dyn Entropy>,
}

impl Opening<'_> {
    /// The authority's secret, if a role runs here that issues or signs in its name.
    fn authority_keys<S: Suite>(&self, parameters: &[u8]) -> Result<Option<Arc<AuthorityKeys<S>>>, SetupError> {
        let needed = [ServiceRole::Attester, ServiceRole::Issuer, ServiceRole::Exchange];
        if !needed.into_iter().any(|role| self.config.roles.runs(role)) {
            return Ok(None);
        }
        let secret = custody::open(&self.config.data_directory.join(SECRET), self.unlock)?;
        Ok(Some(AuthorityKeys::open(AuthoritySecret::<S>::from_bytes(&secret)?, parameters)?))
    }

    async fn parts<S: Suite>(&self, keys: Option<Arc<AuthorityKeys<S>>>) -> Result<Parts<S, AnyStore>, SetupError> {
        let files =
            RoleFiles { folder: &self.config.data_directory, authority: &self.authority_id, unlock: self.unlock };
        let runs = |role| self.config.roles.runs(role);
        let of_role = |role| runs(role).then(|| keys.clone()).flatten();
        let mut parts = Parts {
            authority_id: self.authority_id,
            attester: None,
            issuer: None,
            linkage: Vec::new(),
            clearing: None,
            exchange: None,
        };
        if let Some(keys) = of_role(ServiceRole::Attester) {
            let (role_keys, issuance) = (files.attester()?, Arc::new(self.issuance(&files)?));
            let context = self.context(ServiceRole::Attester).await?;
            Institutions::new(context.clone(), keys.clone()).count_own_name().await?;
            parts.attester = Some(AttesterParts { context, keys, role_keys, issuance });
        }
        if let Some(keys) = of_role(ServiceRole::Issuer) {
            let role_keys = files.issuer()?;
            parts.issuer = Some((self.context(ServiceRole::Issuer).await?, keys, role_keys));
        }
        for authority in LinkageAuthority::ALL {
            let role = ServiceRole::of_linkage(authority);
            if runs(role) {
                let key = files.linkage(authority)?;
                parts.linkage.push((authority, self.context(role).await?, key));
            }
        }
        if runs(ServiceRole::Clearing) {
            let role_keys = files.clearing()?;
            parts.clearing = Some((self.context(ServiceRole::Clearing).await?, role_keys));
        }
        if let Some(keys) = of_role(ServiceRole::Exchange) {
            parts.exchange = Some((self.context(ServiceRole::Exchange).await?, keys, self.config.fare_table()?));
        }
        Ok(parts)
    }

    /// A role's own database, with what all roles share.
    async fn context(&self, role: ServiceRole) -> Result<Context<AnyStore>, SetupError> {
        let store = match self.config.database.of(role)? {
            Some(address) => AnyStore::Postgres(PostgresStore::open(address).await?),
            None => {
                let limits = self.config.database.limits();
                AnyStore::Sqlite(SqliteStore::open_within(database(self.config, role), limits)?)
            }
        };
        Ok(Context::new(store, self.clock.clone(), self.entropy.clone(), self.policy.clone()))
    }

    /// What is published about pseudonyms.
    fn issuance(&self, files: &RoleFiles<'_>) -> Result<Issuance, SetupError> {
        let policy = &self.policy.pseudonyms;
        Ok(Issuance::new(policy.boundary, policy.per_period, files.issuer_key()?, policy.profiles.clone())?)
    }
}

/// Copies the databases of the roles, as they were at one moment, into SQLite files in a new folder; which roles' those are.
/// Files of the data folder are of one moment, and so are the schemas of one PostgreSQL database. The service may run
/// meanwhile. The folder is there when all of it is, and not made when there is no database. What is not in PostgreSQL though
/// it should be is left out, unless it is of one of the roles `needed`.
///
/// # Errors
/// [`SetupError::Exists`], [`SetupError::File`], [`SetupError::Config`]; [`SetupError::Store`] for a database that cannot
/// be copied; [`SetupError::SchemaMissing`], and nothing is copied then.
pub fn back_up(config: &Config, folder: &Path, needed: &[ServiceRole]) -> Result<Vec<ServiceRole>, SetupError> {
    let mut unfinished = folder.as_os_str().to_owned();
    unfinished.push(".part");
    let unfinished = PathBuf::from(unfinished);
    require_absent(folder)?;
    require_absent(&unfinished)?;
    let (mut files, mut schemas) = (Vec::new(), Vec::new());
    for role in ServiceRole::ALL {
        match config.database.of(role)? {
            Some(address) => schemas.push((role, address)),
            None if database(config, role).is_file() => files.push(role),
            None => {}
        }
    }
    if files.is_empty() && schemas.is_empty() {
        return Ok(Vec::new());
    }
    fs::DirBuilder::new().mode(0o700).create(&unfinished).map_err(at(&unfinished))?;
    let to = |role: ServiceRole| unfinished.join(database(config, role).file_name().unwrap_or_default());
    let copies = files.iter().map(|role| sqlite::Copy { from: database(config, *role), to: to(*role) });
    sqlite::back_up(&copies.collect::<Vec<_>>())?;
    let missing = needed.iter().filter(|role| schemas.iter().any(|(other, _)| *role == other)).copied();
    let mut missing = missing.collect::<Vec<_>>();
    let mut roles = files;
    roles.extend(back_up_schemas(schemas, to)?);
    roles.sort_unstable();
    missing.retain(|role| !roles.contains(role));
    if !missing.is_empty() {
        fs::remove_dir_all(&unfinished).map_err(at(&unfinished))?;
        return Err(SetupError::SchemaMissing(missing));
    }
    let sync = |folder: &Path| File::open(folder).and_then(|folder| folder.sync_all()).map_err(at(folder));
    sync(&unfinished)?;
    if roles.is_empty() {
        fs::remove_dir(&unfinished).map_err(at(&unfinished))?;
        return Ok(roles);
    }
    fs::rename(&unfinished, folder).map_err(at(folder))?;
    sync(&std::path::absolute(folder).map_err(at(folder))?.join(".."))?;
    Ok(roles)
}

/// Copies what is in PostgreSQL; which roles' there is.
fn back_up_schemas(
    schemas: Vec<(ServiceRole, PostgresAddress)>,
    to: impl Fn(ServiceRole) -> PathBuf,
) -> Result<Vec<ServiceRole>, SetupError> {
    let roles = schemas.iter().map(|(role, _)| *role).collect::<Vec<_>>();
    let copies = schemas.into_iter().map(|(role, from)| postgres::Copy { from, to: to(role) });
    let are_there = postgres::back_up(&copies.collect::<Vec<_>>())?;
    Ok(roles.into_iter().zip(are_there).filter_map(|(role, is_there)| is_there.then_some(role)).collect())
}

fn database(config: &Config, role: ServiceRole) -> PathBuf {
    config.data_directory.join(format!("{role}.db"))
}

fn require_absent(path: &Path) -> Result<(), SetupError> {
    match path.try_exists() {
        Ok(false) => Ok(()),
        Ok(true) => Err(SetupError::Exists(path.to_owned())),
        Err(problem) => Err(at(path)(problem)),
    }
}

fn at(path: &Path) -> impl FnOnce(io::Error) -> SetupError {
    let path = path.to_owned();
    move |problem| SetupError::File { path, problem }
}

fn write_new(path: &Path, content: &[u8]) -> Result<(), SetupError> {
    let mut file = OpenOptions::new().write(true).create_new(true).open(path).map_err(at(path))?;
    file.write_all(content).and_then(|()| file.sync_all()).map_err(at(path))?;
    let folder = path.parent().unwrap_or(Path::new("."));
    File::open(folder).and_then(|folder| folder.sync_all()).map_err(at(folder))
}
