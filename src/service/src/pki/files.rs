//! The files of the certificate authority: nothing is overwritten, keys are for their owner alone.

use super::PkiError;
use rcgen::KeyPair;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, pem::PemObject};
use std::{
    fs::{self, File, OpenOptions},
    io::{self, Write},
    os::unix::fs::{DirBuilderExt, OpenOptionsExt},
    path::{Path, PathBuf},
};

/// A folder of certificates and keys.
#[derive(Clone, Debug)]
pub(super) struct Folder(PathBuf);

impl Folder {
    pub(super) const fn new(path: PathBuf) -> Self {
        Self(path)
    }

    pub(super) fn file(&self, name: &str) -> PathBuf {
        self.0.join(name)
    }

    pub(super) fn require_absent(&self, names: &[&str]) -> Result<(), PkiError> {
        names.iter().map(|name| self.file(name)).try_for_each(|path| match path.try_exists() {
            Ok(false) => Ok(()),
            Ok(true) => Err(PkiError::Exists(path)),
            Err(problem) => Err(PkiError::File { path, problem }),
        })
    }

    /// Writes a key and its certificate: the key first, so that there is never a certificate without one.
    pub(super) fn write_pair(&self, stem: &str, certificate: &str, key: &KeyPair) -> Result<(), PkiError> {
        write_new(&self.file(&format!("{stem}.key")), key.serialize_pem().as_bytes(), 0o600)?;
        write_new(&self.file(&format!("{stem}.crt")), certificate.as_bytes(), 0o644)
    }
}

/// Writes a file that must not be there yet, durably.
fn write_new(path: &Path, content: &[u8], mode: u32) -> Result<(), PkiError> {
    let failed = |problem: io::Error| match problem.kind() {
        io::ErrorKind::AlreadyExists => PkiError::Exists(path.to_owned()),
        _ => PkiError::File { path: path.to_owned(), problem },
    };
    let folder = path.parent().unwrap_or(Path::new("."));
    fs::DirBuilder::new().recursive(true).mode(0o700).create(folder).map_err(failed)?;
    let mut file = OpenOptions::new().write(true).create_new(true).mode(mode).open(path).map_err(failed)?;
    file.write_all(content).and_then(|()| file.sync_all()).map_err(failed)?;
    File::open(folder).and_then(|folder| folder.sync_all()).map_err(failed)
}

pub(super) fn read(path: &Path) -> Result<String, PkiError> {
    fs::read_to_string(path).map_err(|problem| PkiError::File { path: path.to_owned(), problem })
}

pub(super) fn read_certificates(path: &Path) -> Result<Vec<CertificateDer<'static>>, PkiError> {
    let refused = || PkiError::Content { path: path.to_owned(), expected: "certificates in PEM" };
    let certificates: Vec<_> =
        CertificateDer::pem_slice_iter(read(path)?.as_bytes()).collect::<Result<_, _>>().map_err(|_| refused())?;
    if certificates.is_empty() { Err(refused()) } else { Ok(certificates) }
}

pub(super) fn read_key(path: &Path) -> Result<PrivateKeyDer<'static>, PkiError> {
    PrivateKeyDer::from_pem_slice(read(path)?.as_bytes())
        .map_err(|_| PkiError::Content { path: path.to_owned(), expected: "a private key in PEM" })
}
