//! The links between roles that run in processes of their own: for each the client, and the service that answers it.
//!
//! Both ends of a link and the conversions between stand in one file, so that they cannot part. A client connects by mutual
//! TLS with the certificate of the role that asks, and takes no other certificate than that of the role it asks. It
//! connects when it is first used and again whenever the connection is lost. Every call may be repeated.

mod clearing;
mod exchange;
mod issuer;
mod linkage;
mod registry;
#[cfg(test)]
mod tests;

use super::status;
use crate::{
    ServiceError,
    links::ServiceRole,
    pki::{Pki, PkiError, role_host},
};
use http::Uri;
use std::{fs, time::Duration};
use symbolon_api::InvalidField;
use symbolon_ccks::Malformed;
use tonic::{
    Code, Status,
    transport::{Certificate, Channel, ClientTlsConfig, Endpoint, Identity},
};
use tonic_types::StatusExt;

pub(crate) use clearing::{Adapter as ClearingAdapter, Remote as RemoteClearing};
pub(crate) use exchange::{Adapter as ExchangeRoleAdapter, Remote as RemoteExchange};
pub(crate) use issuer::{Adapter as IssuerAdapter, Remote as RemoteIssuer};
pub(crate) use linkage::{Adapter as LinkageAdapter, Remote as RemoteLinkage};
pub(crate) use registry::{Adapter as RegistryAdapter, Remote as RemoteRegistry};

/// The most bindings or pseudonyms in one message.
const MOST: usize = 8_192;
/// The most digests in one message: both credentials of each record of the largest upload.
const MOST_DIGESTS: usize = 2 * MOST;
/// Seeds of revoked cards come all at once: 80 bytes each, so this has room for 800,000.
const LARGEST_ANSWER: usize = 64 << 20;
const CONNECT_LIMIT: Duration = Duration::from_secs(5);
const KEEPALIVE_INTERVAL: Duration = Duration::from_secs(30);

/// A role in another process.
#[derive(Clone, Debug)]
pub(crate) struct Peer {
    role: ServiceRole,
    channel: Channel,
}

impl Peer {
    /// The role at `address`, as `caller` reaches it. Nothing is sent yet.
    ///
    /// # Errors
    /// [`PkiError`] when the caller's certificate cannot be read or used.
    pub(crate) fn new(
        role: ServiceRole,
        address: Uri,
        caller: ServiceRole,
        pki: &Pki,
        deadline: Duration,
    ) -> Result<Self, PkiError> {
        let files = pki.role_files(caller);
        let read = |path| fs::read(&path).map_err(|problem| PkiError::File { path, problem });
        let tls = ClientTlsConfig::new()
            .ca_certificate(Certificate::from_pem(read(files.authority)?))
            .identity(Identity::from_pem(read(files.certificate)?, read(files.key)?))
            .domain_name(role_host(role));
        let endpoint = Endpoint::from(address)
            .tls_config(tls)
            .map_err(|error| PkiError::Unusable(error.into()))?
            .connect_timeout(CONNECT_LIMIT)
            .timeout(deadline)
            .http2_keep_alive_interval(KEEPALIVE_INTERVAL)
            .keep_alive_while_idle(true);
        Ok(Self { role, channel: endpoint.connect_lazy() })
    }

    fn channel(&self) -> Channel {
        self.channel.clone()
    }

    /// What the refusal of a role means to the one that asked.
    fn refused(&self, refusal: &Status) -> ServiceError {
        let info = refusal.get_details_error_info();
        let reason = info.as_ref().map_or("", |info| info.reason.as_str());
        let detail = |key: &str| info.as_ref().and_then(|info| info.metadata.get(key)).map(String::as_str);
        let role = detail(status::ROLE).and_then(|role| role.parse().ok()).unwrap_or(self.role);
        match reason {
            "INSUFFICIENT_FUNDS" => ServiceError::InsufficientFunds,
            "NOT_APPROVED" => ServiceError::NotApproved(role),
            "ROLE_UNAVAILABLE" => ServiceError::RoleUnavailable(role),
            "NOT_FOUND" => ServiceError::NotFound(known_thing(detail(status::THING))),
            "ALREADY_EXISTS" => ServiceError::AlreadyExists(known_thing(detail(status::THING))),
            "NEVER_ISSUED" => ServiceError::NeverIssued,
            _ => self.failed(refusal, reason),
        }
    }

    fn failed(&self, refusal: &Status, reason: &str) -> ServiceError {
        match refusal.code() {
            Code::InvalidArgument
            | Code::FailedPrecondition
            | Code::PermissionDenied
            | Code::Unauthenticated
            | Code::AlreadyExists
            | Code::Internal
            | Code::Unimplemented => {
                // Both ends are ours: this is a mistake in the configuration or in the program, and somebody has to look.
                let message = refusal.message();
                tracing::error!(role = %self.role, code = ?refusal.code(), reason, message, "another role refused");
                ServiceError::Internal("another role refused what it was asked; the log says why")
            }
            code => {
                tracing::debug!(role = %self.role, ?code, "another role does not answer");
                ServiceError::RoleUnavailable(self.role)
            }
        }
    }

    /// The answer of a role, read; an answer that cannot be is as bad as none.
    fn read<T>(&self, read: Result<T, InvalidField>) -> Result<T, ServiceError> {
        read.map_err(|invalid| {
            tracing::error!(role = %self.role, field = invalid.field(), problem = invalid.problem(), "garbled answer");
            ServiceError::Internal("the answer of another role cannot be understood; the log says where")
        })
    }

    /// As many answers as questions, lest one be taken for another's.
    fn as_many<T>(&self, asked: usize, answers: Vec<T>) -> Result<Vec<T>, ServiceError> {
        let read = if answers.len() == asked {
            Ok(answers)
        } else {
            Err(InvalidField::new("answers", format!("{} to {asked} questions", answers.len())))
        };
        self.read(read)
    }
}

/// What roles speak of to each other, in the words of [`ServiceError`].
fn known_thing(thing: Option<&str>) -> &'static str {
    const THINGS: [&str; 10] =
        ["account", "card", "case", "credential", "pseudonym", "reservation", "sale", "subject", "tag", "terminal"];
    THINGS.into_iter().find(|known| Some(*known) == thing).unwrap_or("thing")
}

fn parsed<T>(field: &'static str, parsed: Result<T, Malformed>) -> Result<T, InvalidField> {
    parsed.map_err(|malformed| InvalidField::new(field, malformed.problem))
}

/// Reads a request; what cannot be read changes nothing.
fn asked<T>(read: Result<T, InvalidField>) -> Result<T, Status> {
    read.map_err(|invalid| status::invalid_field(&invalid))
}
