//! Which certificate a listener shows: its own, or that of the role that the caller asks for.

use super::{
    Domain, PkiError,
    files::{Folder, read_certificates, read_key},
    role_host, unusable,
};
use crate::links::ServiceRole;
use rustls::{
    crypto::CryptoProvider,
    server::{ClientHello, ResolvesServerCert},
    sign::CertifiedKey,
};
use std::sync::Arc;

/// The certificates of a listener.
#[derive(Debug)]
pub(super) struct ListenerCertificates {
    own: Option<Arc<CertifiedKey>>,
    roles: Vec<(String, Arc<CertifiedKey>)>,
}

impl ListenerCertificates {
    /// Reads those that the listener of a process with these roles shows.
    pub(super) fn read(
        folder: &Folder,
        domain: Domain,
        roles: &[ServiceRole],
        provider: &CryptoProvider,
    ) -> Result<Self, PkiError> {
        let pair = |stem: &str| certified(folder, stem, provider);
        if domain == Domain::Public {
            return Ok(Self { own: Some(pair(domain.as_str())?), roles: Vec::new() });
        }
        let serves_offices = roles.iter().any(|role| role.serves_offices());
        let own = serves_offices.then(|| pair(domain.as_str())).transpose()?;
        let of_role = |role: &ServiceRole| Ok((role_host(*role), pair(&format!("roles/{role}"))?));
        Ok(Self { own, roles: roles.iter().map(of_role).collect::<Result<_, PkiError>>()? })
    }
}

impl ResolvesServerCert for ListenerCertificates {
    fn resolve(&self, hello: ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        let asked = self.roles.iter().find(|(host, _)| hello.server_name() == Some(host.as_str()));
        asked.map(|(_, certificate)| certificate).or(self.own.as_ref()).cloned()
    }
}

fn certified(folder: &Folder, stem: &str, provider: &CryptoProvider) -> Result<Arc<CertifiedKey>, PkiError> {
    let certificates = read_certificates(&folder.file(&format!("{stem}.crt")))?;
    let key = read_key(&folder.file(&format!("{stem}.key")))?;
    CertifiedKey::from_der(certificates, key, provider).map(Arc::new).map_err(unusable)
}
