//! Which roles of the service run here, and where the others are.

use super::{ConfigError, refused};
use crate::links::ServiceRole;
use http::Uri;
use serde::{Deserialize, Deserializer, de::Error as _};
use std::{collections::BTreeMap, fmt};

/// The roles of one process. By default all run here, and no addresses are needed.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Roles {
    /// Those that run here: `attester`, `issuer`, `linkage-a`, `linkage-b`, `clearing`, `exchange`.
    #[serde(deserialize_with = "role_names")]
    pub run: Vec<ServiceRole>,
    /// Where the private listeners of the others are, such as `https://10.0.0.2:7401`. One of a role that runs here is
    /// not used, so that all processes may share the table.
    #[serde(deserialize_with = "by_role")]
    pub peers: BTreeMap<ServiceRole, String>,
}

impl Default for Roles {
    fn default() -> Self {
        Self { run: ServiceRole::ALL.to_vec(), peers: BTreeMap::new() }
    }
}

impl Roles {
    /// Whether a role runs here.
    pub fn runs(&self, role: ServiceRole) -> bool {
        self.run.contains(&role)
    }

    /// Whether a role runs here that wallets or terminals talk to.
    pub fn serve_the_public(&self) -> bool {
        self.run.iter().any(|role| role.serves_the_public())
    }

    /// Where a role is that runs elsewhere.
    ///
    /// # Errors
    /// [`ConfigError::Value`] when it is not said, or is no address.
    pub(crate) fn peer(&self, role: ServiceRole) -> Result<Uri, ConfigError> {
        let key = peer_key(role);
        let address = self.peers.get(&role).ok_or_else(|| {
            let remedy = format!("a role that runs here asks the {role}: say where it is, or have it run here too");
            refused(key, &"nothing", remedy)
        })?;
        let parsed = address.parse::<Uri>().ok();
        let sound = |address: &Uri| {
            address.scheme_str() == Some("https") && address.host().is_some() && matches!(address.path(), "" | "/")
        };
        parsed.filter(sound).ok_or_else(|| refused(key, address, "use the form https://HOST:PORT"))
    }

    pub(super) fn check(&self) -> Result<(), ConfigError> {
        if self.run.is_empty() {
            return Err(refused("roles.run", &"[]", "name at least one role, or leave the key out to run all"));
        }
        if let Some(twice) = (1..self.run.len()).find(|index| self.run[..*index].contains(&self.run[*index])) {
            return Err(refused("roles.run", &self.run[twice], "name each role once"));
        }
        self.asked().try_for_each(|role| self.peer(role).map(drop))
    }

    /// The roles elsewhere that those here ask.
    fn asked(&self) -> impl Iterator<Item = ServiceRole> {
        let asked = self.run.iter().flat_map(|role| role.asks()).copied();
        asked.filter(|role| !self.runs(*role))
    }
}

const fn peer_key(role: ServiceRole) -> &'static str {
    match role {
        ServiceRole::Attester => "roles.peers.attester",
        ServiceRole::Issuer => "roles.peers.issuer",
        ServiceRole::LinkageA => "roles.peers.linkage-a",
        ServiceRole::LinkageB => "roles.peers.linkage-b",
        ServiceRole::Clearing => "roles.peers.clearing",
        ServiceRole::Exchange => "roles.peers.exchange",
    }
}

fn parsed<E: serde::de::Error>(name: &str) -> Result<ServiceRole, E> {
    name.parse().map_err(|unknown: crate::links::UnknownServiceRole| E::custom(Named { name, problem: &unknown }))
}

fn role_names<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Vec<ServiceRole>, D::Error> {
    Vec::<String>::deserialize(deserializer)?.iter().map(|name| parsed(name)).collect()
}

/// A table with a text for each of some roles.
pub(super) fn by_role<'de, D: Deserializer<'de>>(deserializer: D) -> Result<BTreeMap<ServiceRole, String>, D::Error> {
    let named = BTreeMap::<String, String>::deserialize(deserializer)?;
    let mut peers = BTreeMap::new();
    for (name, address) in named {
        if peers.insert(parsed(&name)?, address).is_some() {
            return Err(D::Error::custom("a role is named twice"));
        }
    }
    Ok(peers)
}

struct Named<'a> {
    name: &'a str,
    problem: &'a dyn fmt::Display,
}

impl fmt::Display for Named<'_> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{} is {}", self.name, self.problem)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::Config;

    #[test]
    fn a_process_may_run_some_of_the_roles() {
        let config = Config::parse(
            r#"
            [roles]
            run = ["issuer", "clearing"]
            [roles.peers]
            exchange = "https://exchange.example:7401"
            clearing = "https://127.0.0.1:7411"
            "#,
        )
        .unwrap();
        assert!(config.roles.runs(ServiceRole::Issuer) && !config.roles.runs(ServiceRole::Attester));
        assert!(!config.roles.serve_the_public());
        assert_eq!(config.roles.peer(ServiceRole::Exchange).unwrap().port_u16(), Some(7401));
        assert!(Config::parse("[roles]\nrun = [\"linkage-b\"]").is_ok(), "it asks nobody");
    }

    #[test]
    fn whom_a_role_asks_has_to_be_somewhere() {
        for (roles, peers, key) in [
            ("[]", "", "roles.run = []"),
            (r#"["issuer", "issuer"]"#, "", "roles.run = issuer"),
            (r#"["issuer"]"#, r#"clearing = "https://c""#, "roles.peers.exchange = nothing"),
            (r#"["attester"]"#, "", "roles.peers.issuer = nothing"),
            (r#"["exchange"]"#, r#"attester = "http://a""#, "roles.peers.attester = http://a"),
            (r#"["exchange"]"#, r#"attester = "https://a/b""#, "roles.peers.attester = https://a/b"),
            (r#"["exchange"]"#, r#"attester = "a b""#, "roles.peers.attester = a b"),
        ] {
            let refused = Config::parse(&format!("[roles]\nrun = {roles}\n[roles.peers]\n{peers}")).unwrap_err();
            assert!(refused.to_string().starts_with(key), "{refused}");
        }
    }

    #[test]
    fn there_are_six_roles() {
        for text in ["[roles]\nrun = [\"bank\"]", "[roles.peers]\nbank = \"https://b\""] {
            let refused = Config::parse(text).unwrap_err().to_string();
            assert!(refused.contains("bank is not a role: use attester"), "{refused}");
        }
    }
}
