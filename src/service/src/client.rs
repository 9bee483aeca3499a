//! Who calls on the private listener: a role and a name, as the client certificate says.

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
}

impl Role {
    /// Every role.
    pub const ALL: [Self; 4] = [Self::Issuer, Self::Operator, Self::Auditor, Self::Administrator];

    /// The role's name, as certificates and the command line have it.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Issuer => "issuer",
            Self::Operator => "operator",
            Self::Auditor => "auditor",
            Self::Administrator => "administrator",
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
#[error("not a role: use issuer, operator, auditor or administrator")]
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
