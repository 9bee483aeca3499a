//! The private certificate authority: certificates of the two listeners and of the clients of the private one.
//!
//! These certificates secure the connections between offices and the service; nothing that a terminal or wallet decides
//! offline rests on them. All keys are P-256. Who a caller is stands in its certificate as a URI, see [`Caller::to_uri`].
//! The roles of the service have certificates too: each shows by its own that it is that role, whether it calls or is called.

mod files;
mod listener;

use crate::{Caller, Client, links::ServiceRole};
use files::{Folder, read_certificates};
use listener::ListenerCertificates;
use rcgen::{
    BasicConstraints, CertificateParams, DistinguishedName, DnType, ExtendedKeyUsagePurpose, IsCa, Issuer, KeyPair,
    KeyUsagePurpose, SanType,
};
use rustls::{
    RootCertStore, ServerConfig,
    crypto::CryptoProvider,
    pki_types::CertificateDer,
    server::{NoServerSessionStorage, WebPkiClientVerifier},
};
use std::{
    fmt, io,
    net::IpAddr,
    path::{Path, PathBuf},
    sync::Arc,
};
use symbolon_ccks::Time;
use time::OffsetDateTime;

const DAY_SECONDS: u64 = 86_400;
/// Clocks of two machines differ; a certificate made now is good a little earlier.
const BACKDATE_SECONDS: u64 = 300;
const AUTHORITY_VALIDITY_DAYS: u64 = 3_650;
const SERVER_VALIDITY_DAYS: u64 = 825;
const CLIENT_VALIDITY_DAYS: u64 = 398;

/// What can go wrong with certificates and their files.
#[derive(Debug, thiserror::Error)]
pub enum PkiError {
    /// A file is there already; it is never overwritten.
    #[error("{} is there already and is never overwritten; move it away first", .0.display())]
    Exists(PathBuf),
    /// A file cannot be read or written.
    #[error("{}: {problem}", .path.display())]
    File {
        /// Which.
        path: PathBuf,
        /// Why.
        problem: io::Error,
    },
    /// A file does not hold what it should.
    #[error("{} does not hold {expected}", .path.display())]
    Content {
        /// Which.
        path: PathBuf,
        /// What it should hold.
        expected: &'static str,
    },
    /// A name that a certificate cannot carry.
    #[error("{0:?} is neither a DNS name nor an IP address")]
    ServerName(String),
    /// A certificate cannot be made.
    #[error("cannot make a certificate")]
    Generate(#[from] rcgen::Error),
    /// A certificate and key cannot be used.
    #[error("the certificates cannot be used")]
    Unusable(#[source] Box<dyn std::error::Error + Send + Sync>),
}

/// Which of the two security domains.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Domain {
    /// Wallets and terminals: no client certificate.
    Public,
    /// Offices: a client certificate with a role.
    Private,
}

impl Domain {
    /// Both.
    pub const ALL: [Self; 2] = [Self::Public, Self::Private];

    /// Its name in file names, logs and metrics.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Public => "public",
            Self::Private => "private",
        }
    }
}

impl fmt::Display for Domain {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(self.as_str())
    }
}

/// The files of a client's certificate.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ClientFiles {
    /// The certificate, PEM.
    pub certificate: PathBuf,
    /// Its key, PKCS #8 PEM, mode 0600.
    pub key: PathBuf,
    /// The certificate of the authority, PEM: what the client checks the service by.
    pub authority: PathBuf,
}

/// The folder with the certificate authority and the certificates of the listeners.
#[derive(Clone, Debug)]
pub struct Pki {
    folder: Folder,
}

impl Pki {
    /// The folder at `path`, which need not be there yet.
    pub fn at(path: impl Into<PathBuf>) -> Self {
        Self { folder: Folder::new(path.into()) }
    }

    /// Where the authority's certificate is: what clients, wallets and terminals check the service by.
    pub fn authority_certificate(&self) -> PathBuf {
        self.folder.file("authority.crt")
    }

    /// Makes the authority and the certificates of both listeners and of every role.
    ///
    /// `server_names` are the DNS names and IP addresses by which the service is reached; `localhost` and the loopback
    /// addresses are always among them.
    ///
    /// # Errors
    /// [`PkiError::Exists`] when any of the files is there; nothing is changed then.
    pub fn initialise(&self, server_names: &[String], now: Time) -> Result<(), PkiError> {
        let names = server_subjects(server_names)?;
        self.folder.require_absent(&["authority.crt", "authority.key"])?;
        for domain in Domain::ALL {
            self.folder.require_absent(&[&format!("{domain}.crt"), &format!("{domain}.key")])?;
        }
        let (key, certificate) = make_authority(now)?;
        self.folder.write_pair("authority", &certificate.pem(), &key)?;
        for domain in Domain::ALL {
            self.write_server_certificate(domain, names.clone(), now)?;
        }
        ServiceRole::ALL.into_iter().try_for_each(|role| self.write_role_certificate(role, now))
    }

    /// Makes a certificate for a client, beside its key. Neither is ever overwritten.
    ///
    /// # Errors
    /// [`PkiError::Exists`] when the client has one.
    pub fn add_client(&self, client: &Client, now: Time) -> Result<ClientFiles, PkiError> {
        let stem = format!("clients/{}-{}", client.role(), client.name());
        let mut parameters =
            leaf(client.name().as_str(), ExtendedKeyUsagePurpose::ClientAuth, CLIENT_VALIDITY_DAYS, now);
        parameters.subject_alt_names = vec![SanType::URI(client.to_uri().try_into()?)];
        self.issue(&stem, &parameters)?;
        Ok(ClientFiles {
            certificate: self.folder.file(&format!("{stem}.crt")),
            key: self.folder.file(&format!("{stem}.key")),
            authority: self.authority_certificate(),
        })
    }

    /// The files by which a role shows that it is that role.
    pub fn role_files(&self, role: ServiceRole) -> ClientFiles {
        ClientFiles {
            certificate: self.folder.file(&format!("roles/{role}.crt")),
            key: self.folder.file(&format!("roles/{role}.key")),
            authority: self.authority_certificate(),
        }
    }

    /// What a listener of this domain needs to speak TLS 1.3: its certificate, and for the private domain those of the
    /// roles that run here, each shown to who asks for that role, and the demand of a client certificate by this authority.
    /// Without a role that serves offices, the private listener needs none of its own.
    ///
    /// Sessions are never resumed, so that what a client may do is read from its certificate at every connection.
    ///
    /// # Errors
    /// When the files cannot be read or do not fit each other.
    pub fn server_config(
        &self,
        domain: Domain,
        roles: &[ServiceRole],
        provider: &Arc<CryptoProvider>,
    ) -> Result<ServerConfig, PkiError> {
        let certificates = ListenerCertificates::read(&self.folder, domain, roles, provider)?;
        let builder = ServerConfig::builder_with_provider(provider.clone())
            .with_protocol_versions(&[&rustls::version::TLS13])
            .map_err(unusable)?;
        let builder = match domain {
            Domain::Public => builder.with_no_client_auth(),
            Domain::Private => {
                let mut roots = RootCertStore::empty();
                for authority in read_certificates(&self.authority_certificate())? {
                    roots.add(authority).map_err(unusable)?;
                }
                let verifier = WebPkiClientVerifier::builder_with_provider(roots.into(), provider.clone());
                builder.with_client_cert_verifier(verifier.build().map_err(unusable)?)
            }
        };
        let mut config = builder.with_cert_resolver(Arc::new(certificates));
        config.alpn_protocols = vec![b"h2".to_vec()];
        config.session_storage = Arc::new(NoServerSessionStorage {});
        config.send_tls13_tickets = 0;
        Ok(config)
    }

    fn write_server_certificate(&self, domain: Domain, names: Vec<SanType>, now: Time) -> Result<(), PkiError> {
        let common_name = format!("symbolon {domain} listener");
        let mut parameters = leaf(&common_name, ExtendedKeyUsagePurpose::ServerAuth, SERVER_VALIDITY_DAYS, now);
        parameters.subject_alt_names = names;
        self.issue(domain.as_str(), &parameters)
    }

    /// A certificate by which a role calls and is called.
    fn write_role_certificate(&self, role: ServiceRole, now: Time) -> Result<(), PkiError> {
        let common_name = format!("symbolon {role}");
        let mut parameters = leaf(&common_name, ExtendedKeyUsagePurpose::ClientAuth, SERVER_VALIDITY_DAYS, now);
        parameters.extended_key_usages.push(ExtendedKeyUsagePurpose::ServerAuth);
        parameters.subject_alt_names = vec![
            SanType::URI(Caller::Service(role).to_uri().try_into()?),
            SanType::DnsName(role_host(role).try_into()?),
        ];
        self.issue(&format!("roles/{role}"), &parameters)
    }

    /// Draws a key, has the authority sign its certificate and writes both.
    fn issue(&self, stem: &str, parameters: &CertificateParams) -> Result<(), PkiError> {
        self.folder.require_absent(&[&format!("{stem}.crt"), &format!("{stem}.key")])?;
        let authority_key = self.folder.file("authority.key");
        let unreadable = || PkiError::Content { path: authority_key.clone(), expected: "a PKCS #8 private key in PEM" };
        let authority_key = KeyPair::from_pem(&files::read(&authority_key)?).map_err(|_| unreadable())?;
        let authority_path = self.authority_certificate();
        let issuer = Issuer::from_ca_cert_pem(&files::read(&authority_path)?, authority_key)
            .map_err(|_| PkiError::Content { path: authority_path, expected: "an authority's certificate in PEM" })?;
        let key = KeyPair::generate()?;
        let certificate = parameters.signed_by(&key, &issuer)?;
        self.folder.write_pair(stem, &certificate.pem(), &key)
    }
}

/// Whom a certificate names; `None` when it names nobody, or more than one.
///
/// Only for a certificate that the TLS handshake verified.
pub fn caller_of_certificate(certificate: &CertificateDer<'_>) -> Option<Caller> {
    let certificate = webpki::EndEntityCert::try_from(certificate).ok()?;
    let mut uris = certificate.valid_uri_names();
    let caller = Caller::from_uri(uris.next()?)?;
    uris.next().is_none().then_some(caller)
}

/// The name that a role is asked for by in TLS. It is in no directory: the address stands in the configuration.
pub(crate) fn role_host(role: ServiceRole) -> String {
    format!("{role}.roles.symbolon.internal")
}

fn unusable(error: impl Into<Box<dyn std::error::Error + Send + Sync>>) -> PkiError {
    PkiError::Unusable(error.into())
}

fn make_authority(now: Time) -> Result<(KeyPair, rcgen::Certificate), PkiError> {
    let mut parameters = named("symbolon certificate authority", AUTHORITY_VALIDITY_DAYS, now);
    parameters.is_ca = IsCa::Ca(BasicConstraints::Constrained(0));
    parameters.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
    let key = KeyPair::generate()?;
    let certificate = parameters.self_signed(&key)?;
    Ok((key, certificate))
}

fn leaf(common_name: &str, usage: ExtendedKeyUsagePurpose, validity_days: u64, now: Time) -> CertificateParams {
    let mut parameters = named(common_name, validity_days, now);
    parameters.is_ca = IsCa::ExplicitNoCa;
    parameters.key_usages = vec![KeyUsagePurpose::DigitalSignature];
    parameters.extended_key_usages = vec![usage];
    parameters.use_authority_key_identifier_extension = true;
    parameters
}

fn named(common_name: &str, validity_days: u64, now: Time) -> CertificateParams {
    let mut parameters = CertificateParams::default();
    let mut name = DistinguishedName::new();
    name.push(DnType::CommonName, common_name);
    parameters.distinguished_name = name;
    parameters.not_before = date(now.saturating_sub(BACKDATE_SECONDS));
    parameters.not_after = date(now.saturating_add(validity_days * DAY_SECONDS));
    parameters
}

/// X.509 ends with the year 9999; later times become its last second.
fn date(time: Time) -> OffsetDateTime {
    const LAST_SECOND: i64 = 253_402_300_799;
    let seconds = time.seconds().cast_signed().min(LAST_SECOND);
    OffsetDateTime::from_unix_timestamp(seconds).expect("0 to the end of 9999 is in its range")
}

fn server_subjects(server_names: &[String]) -> Result<Vec<SanType>, PkiError> {
    let mut all: Vec<&str> = vec!["localhost", "127.0.0.1", "::1"];
    for name in server_names {
        if !all.contains(&name.as_str()) {
            all.push(name);
        }
    }
    all.into_iter().map(server_subject).collect()
}

fn server_subject(name: &str) -> Result<SanType, PkiError> {
    if let Ok(address) = name.parse::<IpAddr>() {
        return Ok(SanType::IpAddress(address));
    }
    let refused = || PkiError::ServerName(name.to_owned());
    rustls::pki_types::DnsName::try_from(name).map_err(|_| refused())?;
    Ok(SanType::DnsName(name.try_into().map_err(|_| refused())?))
}

/// Whether `path` is a folder that [`Pki::initialise`] has filled.
pub fn is_initialised(path: &Path) -> bool {
    path.join("authority.crt").exists()
}

#[cfg(test)]
mod tests;
