//! Where the roles keep what must not be forgotten.

use super::{ConfigError, refused, roles::by_role, within};
use crate::links::ServiceRole;
use serde::Deserialize;
use std::{collections::BTreeMap, fs, path::PathBuf, time::Duration};
use symbolon_store::{postgres::PostgresAddress, sqlite::SqliteLimits};

/// What stands for an address where a role keeps its database in the data folder all the same.
const IN_THE_FOLDER: &str = "sqlite";

/// The databases. By default each role has an SQLite file of its own in the data folder.
#[derive(Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Database {
    /// The PostgreSQL database of every role that is not named below, such as
    /// `postgresql://symbolon@db.example/city?sslmode=verify-full&sslrootcert=/etc/symbolon/db.pem`.
    /// Each role has a schema of its own there, called like it with `_` for `-`.
    pub address: Option<String>,
    /// The addresses of single roles, or `sqlite` for a file in the data folder.
    #[serde(deserialize_with = "by_role")]
    pub roles: BTreeMap<ServiceRole, String>,
    /// A file with the password of all of them on its first line, for an address that holds none.
    pub password_file: Option<PathBuf>,
    /// The most connections of one role of one process.
    pub connections: usize,
    /// How long PostgreSQL may work on one statement, or leave a transaction open in which nothing is asked; then it gives
    /// it up.
    pub statement_seconds: u64,
    /// How much longer PostgreSQL may say nothing at all; then the connection is given up.
    pub silence_seconds: u64,
    /// The most that the SQLite file of one role may grow to, MiB, so that it stops before the disk is full; without it
    /// the disk is the limit.
    pub most_mib: Option<u32>,
    /// The most that one role keeps of its SQLite file in memory, MiB.
    pub cache_mib: u32,
}

impl std::fmt::Debug for Database {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        // An address may hold a password.
        formatter.debug_struct("Database").field("connections", &self.connections).finish_non_exhaustive()
    }
}

impl Default for Database {
    fn default() -> Self {
        Self {
            address: None,
            roles: BTreeMap::new(),
            password_file: None,
            connections: 8,
            statement_seconds: 60,
            silence_seconds: 15,
            most_mib: None,
            cache_mib: SqliteLimits::default().cache_mib,
        }
    }
}

impl Database {
    /// Where a role's database is; `None` for a file in the data folder.
    ///
    /// # Errors
    /// [`ConfigError::Value`] when the address is none, [`ConfigError::Unreadable`] for the password's file.
    pub fn of(&self, role: ServiceRole) -> Result<Option<PostgresAddress>, ConfigError> {
        let Some(address) = self.parsed(role)? else { return Ok(None) };
        let Some(path) = self.password_file.as_ref().filter(|_| !address.has_password()) else {
            return Ok(Some(address));
        };
        let text =
            fs::read_to_string(path).map_err(|problem| ConfigError::Unreadable { path: path.clone(), problem })?;
        Ok(Some(address.with_password(text.lines().next().unwrap_or_default())))
    }

    /// What an SQLite file of a role may take.
    pub const fn limits(&self) -> SqliteLimits {
        SqliteLimits { file_mib: self.most_mib, cache_mib: self.cache_mib }
    }

    /// Whether an address holds a password, so that nobody else may read the configuration.
    pub fn holds_a_password(&self) -> bool {
        let holds = |role| self.parsed(role).ok().flatten().is_some_and(|address| address.has_password());
        ServiceRole::ALL.into_iter().any(holds)
    }

    fn parsed(&self, role: ServiceRole) -> Result<Option<PostgresAddress>, ConfigError> {
        let (key, text) = match (self.roles.get(&role), &self.address) {
            (Some(text), _) => ("database.roles", text),
            (None, Some(text)) => ("database.address", text),
            (None, None) => return Ok(None),
        };
        if text == IN_THE_FOLDER {
            return Ok(None);
        }
        let address = PostgresAddress::new(text, &role.as_str().replace('-', "_"));
        let address = address.map_err(|error| {
            // It may hold a password, and is not shown.
            let remedy = format!("{error}; use the form postgresql://USER@HOST/DATABASE, or `{IN_THE_FOLDER}`");
            refused(key, &"...", remedy)
        })?;
        let [statement, silence] = [self.statement_seconds, self.silence_seconds].map(Duration::from_secs);
        Ok(Some(address.with_connections(self.connections).with_patience(statement, silence)))
    }

    pub(super) fn check(&self) -> Result<(), ConfigError> {
        // One that waits for another within a role would wait for itself.
        within("database.connections", &self.connections, 2..=200)?;
        within("database.statement_seconds", &self.statement_seconds, 1..=3_600)?;
        within("database.silence_seconds", &self.silence_seconds, 1..=3_600)?;
        if let Some(most) = &self.most_mib {
            within("database.most_mib", most, 1..=16 * 1024 * 1024)?;
        }
        within("database.cache_mib", &self.cache_mib, 1..=1024 * 1024)?;
        ServiceRole::ALL.into_iter().try_for_each(|role| self.parsed(role).map(drop))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::Config;

    #[test]
    fn a_role_has_its_own_schema_wherever_its_database_is() {
        let config = Config::parse(
            r#"
            [database]
            address = "postgresql://symbolon:secret@10.0.0.9/city?sslmode=disable"
            connections = 4
            [database.roles]
            linkage-a = "sqlite"
            clearing = "host=/run/postgresql dbname=clearing"
            "#,
        )
        .unwrap();
        let shown = |role| format!("{:?}", config.database.of(role).unwrap());
        assert!(shown(ServiceRole::LinkageB).contains("linkage_b"), "{}", shown(ServiceRole::LinkageB));
        assert!(shown(ServiceRole::Clearing).contains("/run/postgresql"));
        assert_eq!(shown(ServiceRole::LinkageA), "None");
        assert!(!format!("{config:?}").contains("secret"));
        assert!(Config::default().database.of(ServiceRole::Clearing).unwrap().is_none());
    }

    #[test]
    fn the_file_of_the_password_is_for_addresses_without_one() {
        let of = |address: &str| {
            let text = format!("[database]\naddress = \"{address}\"\npassword_file = \"/nowhere/at/all\"");
            Config::parse(&text).unwrap().database.of(ServiceRole::Clearing)
        };
        assert!(of("postgresql://court:secret@localhost/city").unwrap().unwrap().has_password());
        assert!(matches!(of("postgresql://court@localhost/city"), Err(ConfigError::Unreadable { .. })));
    }

    #[test]
    fn what_is_wrong_with_an_address_is_said_without_the_password() {
        for (text, key) in [
            ("address = \"mysql://u:secret@h/d\"", "database.address"),
            ("address = \"user=u password=secret\"", "database.address"),
            ("address = \"postgresql://u:secret@10.0.0.9/city\"", "database.address"),
            ("connections = 1", "database.connections"),
            ("statement_seconds = 0", "database.statement_seconds"),
            ("silence_seconds = 0", "database.silence_seconds"),
            ("most_mib = 0", "database.most_mib"),
            ("cache_mib = 0", "database.cache_mib"),
            ("[database.roles]\nclearing = \"postgresql://u:secret@h:x/d\"", "database.roles"),
        ] {
            let refused = Config::parse(&format!("[database]\n{text}")).unwrap_err().to_string();
            assert!(refused.starts_with(key) && !refused.contains("secret"), "{refused}");
        }
        assert!(Config::parse("[database.roles]\nbank = \"sqlite\"").is_err());
    }
}
