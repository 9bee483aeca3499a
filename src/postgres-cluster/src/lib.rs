//! A PostgreSQL server of a test's or a measurement's own: made with `initdb` in a temporary folder, reached by a Unix socket there, and
//! stopped when it is dropped.
//!
//! PostgreSQL refuses to run as root: when a test does, the server runs as `postgres` or `nobody`.
#![forbid(unsafe_code)]

mod binaries;

use std::{
    fs, io,
    net::TcpListener,
    os::unix::{
        fs::{PermissionsExt as _, chown},
        process::CommandExt as _,
    },
    path::{Path, PathBuf},
    process::{Child, Command, Output, Stdio},
    time::{Duration, Instant},
};

use tempfile::TempDir;

/// The one user that the server knows; it may do everything, and only who reaches the socket can be it.
pub const USER: &str = "symbolon";

/// How long a server may take to start, recovery included.
const PATIENCE: Duration = Duration::from_secs(60);
const GLANCE: Duration = Duration::from_millis(10);

/// Why there is no server.
#[derive(Debug, thiserror::Error)]
pub enum ClusterError {
    /// It is not installed.
    #[error(
        "{0} is neither on PATH nor in /usr/lib/postgresql/*/bin; install PostgreSQL (on Debian, as root: apt install \
         postgresql) and run this again"
    )]
    Missing(&'static str),
    /// It runs as root, and there is no user that it could be instead.
    #[error("PostgreSQL refuses to run as root, and /etc/passwd has neither `postgres` nor `nobody`")]
    NoUser,
    /// A program cannot be started, or a file not be used.
    #[error("{what}: {problem}")]
    System {
        /// What was tried.
        what: String,
        /// Why it failed.
        problem: io::Error,
    },
    /// A program failed.
    #[error("{what} failed: {said}")]
    Failed {
        /// Which.
        what: String,
        /// What it said.
        said: String,
    },
}

/// A server that runs, or was stopped and can be started again.
#[derive(Debug)]
pub struct Cluster {
    // Stopped before its folder goes.
    server: Option<Child>,
    folder: TempDir,
    port: u16,
    settings: Vec<String>,
    user: Option<(u32, u32)>,
}

impl Cluster {
    /// Starts a server that forgets what it was told when the machine stops: `fsync` is off.
    ///
    /// # Errors
    /// [`ClusterError`]
    pub fn start() -> Result<Self, ClusterError> {
        Self::start_with(&["fsync=off"])
    }

    /// Starts a server with these settings, such as `fsync=on`, or `listen_addresses=127.0.0.1` for one that is reached
    /// at [`Self::port`] too.
    ///
    /// # Errors
    /// [`ClusterError`]
    pub fn start_with(settings: &[&str]) -> Result<Self, ClusterError> {
        let user = binaries::other_user()?;
        // A socket's path has at most 107 bytes: not below a folder that is deep already.
        let folder = tempfile::Builder::new().prefix("symbolon-pg").tempdir_in("/tmp").map_err(system("a folder"))?;
        if let Some((user, group)) = user {
            chown(folder.path(), Some(user), Some(group)).map_err(system("a folder"))?;
        }
        let port = TcpListener::bind("127.0.0.1:0").and_then(|any| any.local_addr()).map_err(system("a port"))?.port();
        let settings = settings.iter().map(|setting| (*setting).to_owned()).collect();
        let mut cluster = Self { server: None, folder, port, settings, user };
        let mut make = cluster.program("initdb")?;
        make.arg("-D").arg(cluster.data()).args(["-U", USER, "-A", "trust", "-E", "UTF8", "--no-locale", "--no-sync"]);
        run(make)?;
        cluster.restart()?;
        Ok(cluster)
    }

    /// Starts the server, after [`Self::stop`] or [`Self::kill`].
    ///
    /// # Errors
    /// [`ClusterError`]; [`ClusterError::Failed`] has the end of its log.
    pub fn restart(&mut self) -> Result<(), ClusterError> {
        self.kill()?;
        let patience = Instant::now() + PATIENCE;
        // One that was killed leaves processes that end by themselves; until then it refuses to start.
        loop {
            let mut server = self.spawn()?;
            loop {
                if let Some(status) = server.try_wait().map_err(system("postgres"))? {
                    if Instant::now() > patience {
                        return Err(ClusterError::Failed { what: format!("postgres ({status})"), said: self.log() });
                    }
                    std::thread::sleep(GLANCE);
                    break;
                }
                if self.is_ready(server.id()) {
                    self.server = Some(server);
                    return Ok(());
                }
                if Instant::now() > patience {
                    let _ = server.kill();
                    let _ = server.wait();
                    return Err(ClusterError::Failed { what: "postgres".to_owned(), said: self.log() });
                }
                std::thread::sleep(GLANCE);
            }
        }
    }

    fn spawn(&self) -> Result<Child, ClusterError> {
        let log = fs::File::options().create(true).append(true).open(self.folder.path().join("log"));
        let log = log.map_err(system("the log"))?;
        let mut server = self.program("postgres")?;
        server.arg("-D").arg(self.data()).arg("-k").arg(self.folder.path());
        server.args(["-p", &self.port.to_string(), "-c", "listen_addresses="]);
        for setting in &self.settings {
            server.args(["-c", setting]);
        }
        server.stdin(Stdio::null()).stdout(Stdio::null()).stderr(log);
        server.spawn().map_err(system("postgres"))
    }

    /// Whether the server of this process takes connections, as its lock file says.
    fn is_ready(&self, process: u32) -> bool {
        let said = fs::read_to_string(self.data().join("postmaster.pid")).unwrap_or_default();
        said.lines().next() == Some(process.to_string().as_str())
            && said.lines().next_back().map(str::trim) == Some("ready")
    }

    /// Stops the server in good order; its connections are cut.
    ///
    /// # Errors
    /// [`ClusterError`]
    pub fn stop(&mut self) -> Result<(), ClusterError> {
        if self.server.is_some() {
            let mut stop = self.program("pg_ctl")?;
            stop.arg("-D").arg(self.data()).args(["-m", "fast", "-w", "-s", "stop"]);
            run(stop)?;
        }
        self.reap()
    }

    /// Kills the server, as losing power does; what it had not written is lost.
    ///
    /// # Errors
    /// [`ClusterError`]
    pub fn kill(&mut self) -> Result<(), ClusterError> {
        if let Some(server) = &mut self.server {
            server.kill().map_err(system("postgres"))?;
        }
        self.reap()
    }

    fn reap(&mut self) -> Result<(), ClusterError> {
        match self.server.take() {
            Some(mut server) => server.wait().map(drop).map_err(system("postgres")),
            None => Ok(()),
        }
    }

    /// Starts it again as one that takes encrypted connections too, with this certificate and key, PEM.
    ///
    /// # Errors
    /// [`ClusterError`]
    pub fn encrypt(&mut self, certificate: &str, key: &str) -> Result<(), ClusterError> {
        self.stop()?;
        // It looks for them there, and takes no key that others can read.
        for (name, content) in [("server.crt", certificate), ("server.key", key)] {
            let path = self.data().join(name);
            fs::write(&path, content).map_err(system(name))?;
            fs::set_permissions(&path, fs::Permissions::from_mode(0o600)).map_err(system(name))?;
            if let Some((user, group)) = self.user {
                chown(&path, Some(user), Some(group)).map_err(system(name))?;
            }
        }
        self.settings.push("ssl=on".to_owned());
        self.restart()
    }

    /// Makes a database and gives the address of its user.
    ///
    /// # Errors
    /// [`ClusterError`]
    pub fn create_database(&self, name: &str) -> Result<String, ClusterError> {
        self.sql("postgres", &format!("CREATE DATABASE \"{name}\""))?;
        Ok(self.address(name))
    }

    /// The address of a database, as the keywords and values that every client of PostgreSQL takes.
    pub fn address(&self, database: &str) -> String {
        format!("host={} port={} user={USER} dbname={database}", self.folder.path().display(), self.port)
    }

    /// Runs SQL in a database with `psql` and gives what it prints, without headings.
    ///
    /// # Errors
    /// [`ClusterError::Failed`] with what the server said.
    pub fn sql(&self, database: &str, statements: &str) -> Result<String, ClusterError> {
        let mut psql = self.client("psql", database)?;
        psql.args(["-X", "-q", "-A", "-t", "-v", "ON_ERROR_STOP=1", "-c", statements]);
        Ok(String::from_utf8_lossy(&run(psql)?.stdout).trim().to_owned())
    }

    /// A client program of PostgreSQL, such as `pg_dump`, told which database.
    ///
    /// # Errors
    /// [`ClusterError::Missing`]
    pub fn client(&self, name: &'static str, database: &str) -> Result<Command, ClusterError> {
        let mut client = self.program(name)?;
        client.arg("-d").arg(self.address(database));
        Ok(client)
    }

    /// Where it listens when a setting lets it.
    pub fn port(&self) -> u16 {
        self.port
    }

    /// Where its socket is.
    pub fn folder(&self) -> &Path {
        self.folder.path()
    }

    /// The process of the server, while it runs.
    pub fn process(&self) -> Option<u32> {
        self.server.as_ref().map(Child::id)
    }

    /// The end of what the server has logged.
    pub fn log(&self) -> String {
        let log = fs::read_to_string(self.folder.path().join("log")).unwrap_or_default();
        let lines = log.lines().collect::<Vec<_>>();
        lines[lines.len().saturating_sub(20)..].join("\n")
    }

    fn data(&self) -> PathBuf {
        self.folder.path().join("data")
    }

    /// A program of PostgreSQL, run as who may.
    fn program(&self, name: &'static str) -> Result<Command, ClusterError> {
        let mut program = Command::new(binaries::find(name)?);
        program.current_dir(self.folder.path()).env("LC_ALL", "C");
        if let Some((user, group)) = self.user {
            program.uid(user).gid(group);
        }
        Ok(program)
    }
}

impl Drop for Cluster {
    fn drop(&mut self) {
        // In order first, so that no process of it is left when its folder goes.
        if self.stop().is_err() {
            let _ = self.kill();
        }
    }
}

fn run(mut program: Command) -> Result<Output, ClusterError> {
    let what = program.get_program().to_string_lossy().into_owned();
    let output = program.stdin(Stdio::null()).output().map_err(system(&what))?;
    if output.status.success() {
        return Ok(output);
    }
    Err(ClusterError::Failed { what, said: String::from_utf8_lossy(&output.stderr).trim().to_owned() })
}

fn system(what: &str) -> impl FnOnce(io::Error) -> ClusterError {
    let what = what.to_owned();
    move |problem| ClusterError::System { what, problem }
}
