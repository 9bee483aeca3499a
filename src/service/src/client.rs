//! Who calls on the private listener, as the client certificate says: a client by role and name, or a role of the service.

use crate::links::ServiceRole;
use std::{fmt, str::FromStr};
use symbolon_ccks::Name;

/// What a client of the private listener may do.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Role {
    /// Issues cards and tops up their accounts.
    Issuer,
    /// Runs terminals and collects what they earn.
    Operator,
    /// Sees everything that was settled, changes nothing.
    Auditor,
    /// Keeps the service.
    Administrator,
    /// Approves and opens cases for the attester.
    AttesterOfficer,
    /// Approves cases for clearing.
    ClearingOfficer,
}

impl Role {
    /// Every role.
    pub const ALL: [Self; 6] = [
        Self::Issuer,
        Self::Operator,
        Self::Auditor,
        Self::Administrator,
        Self::AttesterOfficer,
        Self::ClearingOfficer,
    ];

    /// The role's name, as certificates and the command line have it.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Issuer => "issuer",
            Self::Operator => "operator",
            Self::Auditor => "auditor",
            Self::Administrator => "administrator",
            Self::AttesterOfficer => "attester_officer",
            Self::ClearingOfficer => "clearing_officer",
        }
    }
}

impl fmt::Display for Role {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(self.as_str())
    }
}

/// The text names no role.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("not a role: use issuer, operator, auditor, administrator, attester_officer or clearing_officer")]
pub struct UnknownRole;

impl FromStr for Role {
    type Err = UnknownRole;

    fn from_str(text: &str) -> Result<Self, UnknownRole> {
        Self::ALL.into_iter().find(|role| role.as_str() == text).ok_or(UnknownRole)
    }
}

/// A client of the private listener.
///
/// The name is what the client owns things under: the cards of an issuer, the terminals and the account of an operator.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Client {
    role: Role,
    name: Name,
}

/// How the URI in a client certificate begins.
const URI_PREFIX: &str = "symbolon://client/";
/// How the URI in the certificate of a role begins.
const ROLE_URI_PREFIX: &str = "symbolon://role/";

impl Client {
    /// Names a client.
    pub const fn new(role: Role, name: Name) -> Self {
        Self { role, name }
    }

    /// What it may do.
    pub const fn role(&self) -> Role {
        self.role
    }

    /// What it owns things under.
    pub const fn name(&self) -> &Name {
        &self.name
    }

    /// As its certificate's subject alternative name has it: `symbolon://client/<role>/<name>`.
    pub fn to_uri(&self) -> String {
        format!("{URI_PREFIX}{}/{}", self.role, self.name)
    }

    /// Reads [`Self::to_uri`] back; `None` when the URI is anything else.
    pub fn from_uri(uri: &str) -> Option<Self> {
        let (role, name) = uri.strip_prefix(URI_PREFIX)?.split_once('/')?;
        Some(Self { role: role.parse().ok()?, name: Name::parse(name).ok()? })
    }
}

impl fmt::Display for Client {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{} {}", self.role, self.name)
    }
}

/// Who calls on the private listener.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Caller {
    /// An office.
    Client(Client),
    /// Another role of the service.
    Service(ServiceRole),
}

impl Caller {
    /// As its certificate's subject alternative name has it: `symbolon://client/<role>/<name>` or `symbolon://role/<role>`.
    pub fn to_uri(&self) -> String {
        match self {
            Self::Client(client) => client.to_uri(),
            Self::Service(role) => format!("{ROLE_URI_PREFIX}{role}"),
        }
    }

    /// Reads [`Self::to_uri`] back; `None` when the URI is anything else.
    pub fn from_uri(uri: &str) -> Option<Self> {
        match uri.strip_prefix(ROLE_URI_PREFIX) {
            Some(role) => role.parse().ok().map(Self::Service),
            None => Client::from_uri(uri).map(Self::Client),
        }
    }

    /// The office, if it is one.
    pub const fn client(&self) -> Option<&Client> {
        match self {
            Self::Client(client) => Some(client),
            Self::Service(_) => None,
        }
    }
}

impl fmt::Display for Caller {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Client(client) => client.fmt(formatter),
            Self::Service(role) => write!(formatter, "the {role}"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_uri_of_a_client_reads_back() {
        for role in Role::ALL {
            let client = Client::new(role, Name::parse("metro-1.example").unwrap());
            assert_eq!(Client::from_uri(&client.to_uri()), Some(client));
        }
    }

    #[test]
    fn a_role_of_the_service_is_no_client_and_the_other_way_round() {
        for role in ServiceRole::ALL {
            let caller = Caller::Service(role);
            assert_eq!(Caller::from_uri(&caller.to_uri()), Some(caller.clone()));
            assert_eq!((Client::from_uri(&caller.to_uri()), caller.client()), (None, None));
        }
        let bank = Client::new(Role::Issuer, Name::parse("bank").unwrap());
        assert_eq!(Caller::from_uri(&bank.to_uri()), Some(Caller::Client(bank)));
        for wrong in
            ["symbolon://role/", "symbolon://role/operator", "symbolon://role/issuer/a", "symbolon://roles/issuer"]
        {
            assert_eq!(Caller::from_uri(wrong), None, "{wrong}");
        }
    }

    #[test]
    fn no_other_uri_is_a_client() {
        for wrong in [
            "",
            "symbolon://client/issuer",
            "symbolon://client/issuer/",
            "symbolon://client/Issuer/a",
            "symbolon://client/owner/a",
            "symbolon://client/issuer/A",
            "symbolon://client/issuer/a/b",
            "symbolon://client/issuer/a?b",
            "symbolon://client//a",
            "https://client/issuer/a",
            " symbolon://client/issuer/a",
        ] {
            assert_eq!(Client::from_uri(wrong), None, "{wrong}");
        }
    }
}
