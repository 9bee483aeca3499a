//! Reaching the service: whom to believe, how to prove oneself, and what a refusal means in words.

use crate::files::{self, Readers};
use anyhow::{Context, Error, Result, anyhow};
use serde::{Deserialize, Serialize, de::DeserializeOwned};
use std::{path::Path, time::Duration};
use symbolon_ccks::AuthorityId;
use tonic::{
    Code, Status,
    transport::{Certificate, Channel, ClientTlsConfig, Endpoint, Identity},
};
use tonic_types::StatusExt;

/// How long a call may take before it is given up.
const CALL_TIMEOUT: Duration = Duration::from_secs(30);
const CONNECT_TIMEOUT: Duration = Duration::from_secs(10);

/// What a wallet or terminal is made with (`trust.toml`): where the service is, and which authority to believe.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Trust {
    /// The public side of the service, such as `https://127.0.0.1:7400`.
    pub(crate) service: String,
    /// SHA-256 of the authority parameters, in hex.
    authority_id: String,
    /// The certificate by which the service is known, PEM.
    pub(crate) certificate: String,
}

impl Trust {
    /// Puts the parts together.
    pub(crate) fn new(service: String, authority_id: &AuthorityId, certificate: String) -> Self {
        Self { service, authority_id: authority_id.to_string(), certificate }
    }

    /// Reads `trust.toml`.
    pub(crate) fn read(path: &Path) -> Result<Self> {
        let trust: Self = read_toml(path, "the trust.toml that `symbolon init` wrote")?;
        trust.authority_id()?;
        Ok(trust)
    }

    /// Writes it, for everybody to read.
    pub(crate) fn write(&self, path: &Path) -> Result<()> {
        let text = toml::to_string(self).context("cannot write the trust file")?;
        files::create(path, text.as_bytes(), Readers::All)
    }

    /// The trust anchor.
    pub(crate) fn authority_id(&self) -> Result<AuthorityId> {
        parse_authority_id(&self.authority_id)
    }

    /// A connection to the public side, made when it is first used.
    pub(crate) fn connect(&self) -> Result<Channel> {
        connect(&self.service, &self.certificate, None)
    }
}

/// An authority's id in hex.
pub(crate) fn parse_authority_id(text: &str) -> Result<AuthorityId> {
    let bytes = hex::decode(text).ok().and_then(|bytes| bytes.try_into().ok());
    bytes.map(AuthorityId::from_bytes).context("an authority id has 64 hex digits")
}

/// A client of the private side, as `client add` writes it into one file.
#[derive(Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct ClientFile {
    /// The private side of the service.
    pub(crate) service: String,
    /// The client's certificate, PEM.
    pub(crate) certificate: String,
    /// Its key, PEM.
    pub(crate) key: String,
    /// The certificate by which the service is known, PEM.
    pub(crate) authority: String,
}

impl ClientFile {
    /// Reads a client's file.
    pub(crate) fn read(path: &Path) -> Result<Self> {
        read_toml(path, "a client's file that `symbolon client add` wrote")
    }

    /// Writes it, for the owner alone to read.
    pub(crate) fn write(&self, path: &Path) -> Result<()> {
        let text = toml::to_string(self).context("cannot write the client's file")?;
        files::create(path, text.as_bytes(), Readers::Owner)
    }

    /// A connection to the private side, made when it is first used.
    pub(crate) fn connect(&self) -> Result<Channel> {
        let identity = Identity::from_pem(&self.certificate, &self.key);
        connect(&self.service, &self.authority, Some(identity))
    }
}

fn read_toml<T: DeserializeOwned>(path: &Path, expected: &str) -> Result<T> {
    let bytes = files::read(path)?;
    let text = String::from_utf8(bytes).ok().unwrap_or_default();
    toml::from_str(&text).map_err(|error| {
        // The error's own text quotes the line, which may be a key.
        anyhow!("{} is not {expected}: {}", path.display(), error.message())
    })
}

fn connect(service: &str, authority: &str, identity: Option<Identity>) -> Result<Channel> {
    let mut tls = ClientTlsConfig::new().ca_certificate(Certificate::from_pem(authority));
    if let Some(identity) = identity {
        tls = tls.identity(identity);
    }
    let endpoint = Endpoint::from_shared(service.to_owned())
        .with_context(|| format!("{service:?} is not the address of a service"))?
        .tls_config(tls)
        .context("the certificates cannot be used")?
        .connect_timeout(CONNECT_TIMEOUT)
        .timeout(CALL_TIMEOUT);
    Ok(endpoint.connect_lazy())
}

/// What the service's refusal means, and what to do about it.
pub(crate) fn refused(what: &'static str) -> impl Fn(Status) -> Error {
    move |status| {
        let reason = status.get_details_error_info().map(|info| format!(" ({})", info.reason)).unwrap_or_default();
        let fields: Vec<_> = status
            .get_details_bad_request()
            .map(|request| request.field_violations)
            .unwrap_or_default()
            .iter()
            .map(|violation| format!("{}: {}", violation.field, violation.description))
            .collect();
        let message = match (status.code(), fields.is_empty()) {
            // With a reason the service did answer, and another role did not.
            (Code::Unavailable, _) if reason.is_empty() => return unreachable_service(what, &status),
            (_, true) => status.message().to_owned(),
            (_, false) => fields.join("; "),
        };
        let remedy = if reason.contains("QUOTA_EXCEEDED") { "" } else { remedy(status.code()) };
        anyhow!("{what}: the service answered {message}{reason}{remedy}")
    }
}

fn unreachable_service(what: &str, status: &Status) -> Error {
    let mut cause: Option<&dyn std::error::Error> = std::error::Error::source(status);
    let mut innermost = status.message().to_owned();
    while let Some(error) = cause {
        innermost = error.to_string();
        cause = error.source();
    }
    anyhow!(
        "{what}: the service cannot be reached ({innermost}); is it running? \
         `symbolon serve --config ...` starts it, and the address is in trust.toml or the client's file"
    )
}

fn remedy(code: Code) -> &'static str {
    match code {
        Code::PermissionDenied => "; use the file of a client with the role that may do this",
        Code::Unauthenticated => "; the certificate or signature was not accepted",
        Code::ResourceExhausted => "; wait a minute and try again",
        Code::DeadlineExceeded => "; try again, repeating is safe",
        _ => "",
    }
}
