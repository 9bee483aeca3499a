//! Where a database is, and how a connection to it is set up.

use core::net::IpAddr;
use std::{fmt, str::FromStr, time::Duration};

use tokio_postgres::{
    Config, NoTls,
    config::{Host, SslMode},
};

use super::{client::Client, protection::Protection, session::Failure, tls::Tls};

/// How long each host may take to accept a connection.
const CONNECT: Duration = Duration::from_secs(5);

/// Three times as long a host has until the connection can be used.
const CONNECT_STEPS: u32 = 3;

/// How long the other end may leave what was sent unacknowledged.
const UNACKNOWLEDGED: Duration = Duration::from_secs(20);

/// After so long without anything the other end is asked whether it is there, so often before it is taken to be gone.
const KEEPALIVE_IDLE: Duration = Duration::from_secs(15);
const KEEPALIVE_INTERVAL: Duration = Duration::from_secs(5);
const KEEPALIVES: u32 = 3;

/// How long a statement, or a transaction in which none is asked, may take.
const STATEMENT: Duration = Duration::from_secs(60);

/// How much longer the database may be silent.
const SILENCE: Duration = Duration::from_secs(15);

/// What is done once and to whole tables may take so long for a statement.
const MAINTENANCE: Duration = Duration::from_secs(6 * 3_600);

/// What every connection is told.
const SETTINGS: &str = "SET client_min_messages TO 'warning'; \
                        SELECT set_config('synchronous_commit', 'on', false) \
                            WHERE current_setting('synchronous_commit') = 'off'";

/// Connections that one store has at most, unless it is told otherwise.
const CONNECTIONS: usize = 8;

/// A text is no address of a PostgreSQL database, or a name none of a schema.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct AddressError(String);

/// Where a store's database is: which server, which database there, as whom, and in which schema.
#[derive(Clone)]
pub struct PostgresAddress {
    config: Config,
    /// `None` for a connection that is not encrypted.
    tls: Option<Tls>,
    schema: String,
    connections: usize,
    /// How long the database lets a statement run, or a transaction in which none is asked.
    statement: Duration,
    /// How much longer an answer is waited for.
    silence: Duration,
}

impl fmt::Debug for PostgresAddress {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        // The configuration's own form leaves the password out.
        write!(formatter, "PostgresAddress({:?}, {})", self.config, self.schema)
    }
}

impl PostgresAddress {
    /// The address `text`, a URL (`postgresql://user@host/database`) or keywords and values
    /// (`host=/run/postgresql dbname=city`), and the schema there: small letters, digits and `_`, a letter first.
    ///
    /// Encrypted with `sslmode=verify-full` and `sslrootcert=FILE`, PEM: one of the certificates in the file has to have
    /// issued the database's, and it has to be of the host of the address; with `sslmode=require` or `verify-ca` of
    /// any. Without one of these only this machine is reached, unless `sslmode=disable` is written.
    ///
    /// # Errors
    /// [`AddressError`]; it never repeats the text, which may hold a password.
    pub fn new(text: &str, schema: &str) -> Result<Self, AddressError> {
        let (text, protection) = Protection::taken_from(text);
        let mut config = Config::from_str(&text).map_err(|error| {
            let cause = std::error::Error::source(&error).map_or_else(|| error.to_string(), ToString::to_string);
            AddressError(format!("not the address of a PostgreSQL database: {cause}"))
        })?;
        if config.get_hosts().is_empty() {
            return Err(AddressError("the address names no host".to_owned()));
        }
        let tls = protected(&config, &protection).map_err(AddressError)?;
        config.ssl_mode(if tls.is_some() { SslMode::Require } else { SslMode::Disable });
        let sound = |character: char| matches!(character, 'a'..='z' | '0'..='9' | '_');
        if !schema.starts_with(|first: char| first.is_ascii_lowercase()) || !schema.chars().all(sound) {
            return Err(AddressError(format!("{schema} is no name of a schema")));
        }
        if config.get_connect_timeout().is_none() {
            config.connect_timeout(CONNECT);
        }
        if config.get_tcp_user_timeout().is_none() {
            config.tcp_user_timeout(UNACKNOWLEDGED);
        }
        // It has a default, which does not tell whether it was asked for.
        if !text.contains("keepalives_idle") {
            config.keepalives_idle(KEEPALIVE_IDLE);
        }
        if config.get_keepalives_interval().is_none() {
            config.keepalives_interval(KEEPALIVE_INTERVAL);
        }
        if config.get_keepalives_retries().is_none() {
            config.keepalives_retries(KEEPALIVES);
        }
        if config.get_application_name().is_none() {
            config.application_name("symbolon");
        }
        let schema = schema.to_owned();
        Ok(Self { config, tls, schema, connections: CONNECTIONS, statement: STATEMENT, silence: SILENCE })
    }

    /// Whether the address itself holds a password.
    pub fn has_password(&self) -> bool {
        self.config.get_password().is_some()
    }

    /// The same with this password.
    #[must_use]
    pub fn with_password(mut self, password: &str) -> Self {
        self.config.password(password);
        self
    }

    /// The same with at most so many connections, at least one; beyond them units of work wait for their turn.
    #[must_use]
    pub fn with_connections(mut self, connections: usize) -> Self {
        self.connections = connections.max(1);
        self
    }

    /// The same with so much time for a statement, after which the database gives it up, and so much more until a
    /// database that says nothing at all is given up, at least a millisecond each. The database gives up a transaction too
    /// in which nothing is asked for as long as a statement may take, so that no node that hangs keeps the others waiting.
    #[must_use]
    pub fn with_patience(mut self, statement: Duration, silence: Duration) -> Self {
        const LEAST: Duration = Duration::from_millis(1);
        (self.statement, self.silence) = (statement.max(LEAST), silence.max(LEAST));
        self
    }

    /// The same for what is done to whole tables.
    pub(super) fn unhurried(mut self) -> Self {
        self.statement = MAINTENANCE;
        self
    }

    /// How long an answer may take: longer than the database lets any statement run.
    pub(super) fn patience(&self) -> Duration {
        self.statement.saturating_add(self.silence)
    }

    pub(super) fn connections(&self) -> usize {
        self.connections
    }

    pub(super) fn schema(&self) -> &str {
        &self.schema
    }

    /// A connection that waits for as long as it takes, for a command of its own.
    pub(super) fn connect(&self) -> Result<postgres::Client, Failure> {
        let config = postgres::Config::from(self.config.clone());
        let mut client = match &self.tls {
            Some(tls) => config.connect(tls.clone())?,
            None => config.connect(NoTls)?,
        };
        client.batch_execute(SETTINGS)?;
        client.batch_execute(&self.limits())?;
        Ok(client)
    }

    /// A connection that is given up when the database does not answer.
    pub(super) fn connect_watched(&self) -> Result<Client, Failure> {
        let hosts = self.config.get_hosts().len().try_into().unwrap_or(u32::MAX);
        let each = self.config.get_connect_timeout().copied().unwrap_or(CONNECT).saturating_mul(CONNECT_STEPS);
        let limit = each.saturating_mul(hosts);
        let mut client = Client::connect(&self.config, self.tls.as_ref(), limit)?;
        for settings in [SETTINGS, &self.limits()] {
            client.batch_execute(settings).map_err(|error| client.failure(error))?;
        }
        client.be_patient(self.patience());
        Ok(client)
    }

    fn limits(&self) -> String {
        let (schema, milliseconds) = (&self.schema, self.statement.as_millis());
        format!(
            "SET statement_timeout TO {milliseconds}; SET idle_in_transaction_session_timeout TO {milliseconds}; \
             SET search_path TO {schema}"
        )
    }
}

/// How a connection to these hosts is encrypted; `None` where it is not.
fn protected(config: &Config, protection: &Protection) -> Result<Option<Tls>, String> {
    let checks_name = match protection.mode.as_deref() {
        Some("disable") => return Ok(None),
        // What takes encryption where it is offered takes none from whoever is between.
        None | Some("allow" | "prefer") => {
            return if is_local(config) {
                Ok(None)
            } else {
                Err("a connection to another machine has to be encrypted: write sslmode=verify-full and \
                     sslrootcert=FILE, or sslmode=disable where nobody else is on the network"
                    .to_owned())
            };
        }
        Some("require" | "verify-ca") => false,
        Some("verify-full") => true,
        Some(_) => return Err("sslmode is one of disable, require, verify-ca and verify-full".to_owned()),
    };
    if config.get_hosts().iter().any(|host| matches!(host, Host::Unix(_))) {
        return Err("a socket of this machine is not encrypted: leave sslmode out".to_owned());
    }
    match &protection.roots {
        Some(roots) => Tls::new(roots, checks_name).map(Some),
        None => Err("sslmode asks for TLS, and no sslrootcert=FILE says whose certificates are taken".to_owned()),
    }
}

/// Whether nothing leaves this machine.
fn is_local(config: &Config) -> bool {
    let is_here = |host: &Host| match host {
        Host::Unix(_) => true,
        Host::Tcp(name) => name == "localhost" || name.parse::<IpAddr>().is_ok_and(|address| address.is_loopback()),
    };
    config.get_hosts().iter().all(is_here) && config.get_hostaddrs().iter().all(IpAddr::is_loopback)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_says_what_is_wrong_with_it_and_never_the_password() {
        for text in ["postgresql://u:secret@host/d?sslmode=disable", "host=/run user=u password=secret dbname=d"] {
            let address = PostgresAddress::new(text, "linkage_a").unwrap();
            assert!(!format!("{address:?}").contains("secret"));
        }
        for (text, schema, words) in [
            ("postgres://u:secret@host:port/d", "a", "not the address"),
            ("user=u password=secret", "a", "names no host"),
            ("host=h sslmode=perhaps password=secret", "a", "sslmode is one of"),
            ("host=h sslmode=require password=secret", "a", "no sslrootcert"),
            ("host=/run sslmode=verify-full sslrootcert=/nowhere", "a", "a socket"),
            ("host=h sslmode=verify-full sslrootcert=/nowhere/a.pem password=secret", "a", "/nowhere/a.pem"),
            ("host=h sslmode=require sslrootcert=/dev/null", "a", "no certificate"),
            ("host=/run", "linkage-a", "no name of a schema"),
            ("host=/run", "", "no name of a schema"),
            ("host=/run", "x\"; DROP", "no name of a schema"),
        ] {
            let refused = PostgresAddress::new(text, schema).unwrap_err().to_string();
            assert!(refused.contains(words) && !refused.contains("secret"), "{text}: {refused}");
        }
    }

    #[test]
    fn nothing_leaves_the_machine_in_the_clear_unless_it_is_written() {
        for text in [
            "host=/run",
            "postgres://u@%2Frun%2Fpostgresql/d",
            "host=localhost",
            "host=127.0.0.1 sslmode=prefer",
            "postgres://u@[::1]/d",
            "host=localhost,/run,127.8.0.1",
            "host=db.example hostaddr=10.0.0.9 sslmode=disable",
        ] {
            assert!(PostgresAddress::new(text, "a").unwrap().tls.is_none(), "{text}");
        }
        for text in [
            "host=db.example",
            "postgres://u@10.0.0.9/d",
            "host=localhost,db.example",
            "host=localhost hostaddr=10.0.0.9",
            "host=db.example sslmode=prefer",
            "postgres://u@db.example/d?sslmode=allow",
        ] {
            let refused = PostgresAddress::new(text, "a").unwrap_err().to_string();
            assert!(refused.contains("has to be encrypted"), "{text}: {refused}");
        }
    }
}
