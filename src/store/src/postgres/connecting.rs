//! Where a database is, and how a connection to it is set up.

use std::{fmt, str::FromStr, time::Duration};

use postgres::{Client, Config, NoTls, config::SslMode};

use super::session::Failure;

/// How long a connection may take to come about.
const CONNECT: Duration = Duration::from_secs(5);

/// How long the other end may leave what was sent unacknowledged.
const SILENCE: Duration = Duration::from_secs(20);

/// What every connection is told. A statement or a transaction left open that takes longer is given up by the database,
/// so that no node that hangs keeps the others waiting.
const SETTINGS: &str = "SET statement_timeout TO '60s'; SET idle_in_transaction_session_timeout TO '60s'; \
                        SET client_min_messages TO 'warning'; \
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
    schema: String,
    connections: usize,
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
    /// # Errors
    /// [`AddressError`]; it never repeats the text, which may hold a password.
    pub fn new(text: &str, schema: &str) -> Result<Self, AddressError> {
        let mut config = Config::from_str(text).map_err(|error| {
            let cause = std::error::Error::source(&error).map_or_else(|| error.to_string(), ToString::to_string);
            AddressError(format!("not the address of a PostgreSQL database: {cause}"))
        })?;
        if config.get_hosts().is_empty() {
            return Err(AddressError("the address names no host".to_owned()));
        }
        if config.get_ssl_mode() == SslMode::Require {
            let text = "connections to the database are not encrypted by this version: use a socket, a private network or \
                        a tunnel, and leave sslmode out";
            return Err(AddressError(text.to_owned()));
        }
        let sound = |character: char| matches!(character, 'a'..='z' | '0'..='9' | '_');
        if !schema.starts_with(|first: char| first.is_ascii_lowercase()) || !schema.chars().all(sound) {
            return Err(AddressError(format!("{schema} is no name of a schema")));
        }
        if config.get_connect_timeout().is_none() {
            config.connect_timeout(CONNECT);
        }
        if config.get_tcp_user_timeout().is_none() {
            config.tcp_user_timeout(SILENCE);
        }
        if config.get_application_name().is_none() {
            config.application_name("symbolon");
        }
        Ok(Self { config, schema: schema.to_owned(), connections: CONNECTIONS })
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

    pub(super) fn connections(&self) -> usize {
        self.connections
    }

    pub(super) fn schema(&self) -> &str {
        &self.schema
    }

    pub(super) fn connect(&self) -> Result<Client, Failure> {
        let mut client = self.config.connect(NoTls)?;
        client.batch_execute(SETTINGS)?;
        client.batch_execute(&format!("SET search_path TO {}", self.schema))?;
        Ok(client)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_says_what_is_wrong_with_it_and_never_the_password() {
        for text in ["postgresql://u:secret@host/d", "host=/run user=u password=secret dbname=d"] {
            let address = PostgresAddress::new(text, "linkage_a").unwrap();
            assert!(!format!("{address:?}").contains("secret"));
        }
        for (text, schema, words) in [
            ("postgres://u:secret@host:port/d", "a", "not the address"),
            ("user=u password=secret", "a", "names no host"),
            ("host=h sslmode=perhaps password=secret", "a", "not the address"),
            ("host=h sslmode=require password=secret", "a", "not encrypted"),
            ("host=h", "linkage-a", "no name of a schema"),
            ("host=h", "", "no name of a schema"),
            ("host=h", "x\"; DROP", "no name of a schema"),
        ] {
            let refused = PostgresAddress::new(text, schema).unwrap_err().to_string();
            assert!(refused.contains(words) && !refused.contains("secret"), "{text}: {refused}");
        }
    }
}
