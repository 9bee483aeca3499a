//! Secrets at rest: one file, sealed with AES-256-GCM under a key from a passphrase or a key file.
//!
//! | bytes | |
//! | --- | --- |
//! | 8 | `SYMBSEAL` |
//! | 1 | version 1 |
//! | 1 | where the key comes from: 1 a passphrase (argon2id), 2 a key file |
//! | 12 | argon2id: memory in KiB, passes, lanes, four bytes each; zeros for a key file |
//! | 16 | salt |
//! | 16 | key check: tells a wrong key from a damaged file |
//! | 12 | nonce |
//! | rest | the secret, encrypted, and a tag of 16 bytes |
//!
//! Integers are big-endian. Everything before the encrypted part is authenticated with it.

mod key;

use std::{
    fs::{File, OpenOptions, Permissions},
    io::{Read as _, Write as _},
    os::unix::fs::{OpenOptionsExt as _, PermissionsExt as _},
    path::{Path, PathBuf},
};

use aes_gcm::{
    Aes256Gcm, KeyInit as _, Nonce,
    aead::{Aead as _, Payload},
};
use zeroize::Zeroizing;

pub use self::key::{Costs, Unlock};
use self::key::{Derivation, SealingKey};
use crate::Entropy;

const MAGIC: &[u8; 8] = b"SYMBSEAL";
const VERSION: u8 = 1;
const KEY_CHECK_AT: usize = 8 + 1 + 1 + 12 + 16;
const NONCE_AT: usize = KEY_CHECK_AT + 16;
const HEADER: usize = NONCE_AT + 12;
const TAG: usize = 16;

/// A sealed file larger than this is none of ours; the authority's secret has 36 kB.
const LARGEST: u64 = 1 << 20;

/// Why a secret was not sealed or not opened.
#[derive(Debug, thiserror::Error)]
pub enum CustodyError {
    /// There is a file already, and secrets are never overwritten.
    #[error("{} exists and is not overwritten", .0.display())]
    Exists(PathBuf),
    /// The file could not be read or written.
    #[error("{}: {source}", .path.display())]
    File {
        /// Which file.
        path: PathBuf,
        /// What happened.
        source: std::io::Error,
    },
    /// Others than the owner may read the file.
    #[error("{} can be read by others: its mode must be 0600", .0.display())]
    Exposed(PathBuf),
    /// It does not begin as a sealed file does.
    #[error("this is not a sealed file of Symbolon")]
    NotSealed,
    /// A version that this program does not know.
    #[error("the sealed file has version {0}, this program knows version 1")]
    Version(u8),
    /// It ends too early.
    #[error("the sealed file is truncated")]
    Truncated,
    /// It wants a passphrase and was given a key file, or the other way round.
    #[error("the file was sealed with {0}")]
    OtherKeySource(&'static str),
    /// The cost parameters are not ones that this program would have written.
    #[error("the sealed file asks for key derivation costs out of bounds")]
    Costs,
    /// The passphrase or key file is not the one that it was sealed with.
    #[error("wrong passphrase or key file")]
    WrongKey,
    /// The key is right, but the content was changed.
    #[error("the sealed file was altered or damaged")]
    Tampered,
    /// The key file does not hold 32 bytes, or 64 hex digits.
    #[error("the key file must hold 32 bytes, or 64 hex digits")]
    KeyFile,
    /// A passphrase that is empty.
    #[error("the passphrase is empty")]
    EmptyPassphrase,
}

/// Seals `secret` into a new file at `path`, mode 0600. The file appears whole and durable, or not at all.
///
/// # Errors
/// [`CustodyError::Exists`], [`CustodyError::File`], [`CustodyError::EmptyPassphrase`].
pub fn seal(
    path: &Path,
    secret: &[u8],
    unlock: &Unlock,
    costs: Costs,
    entropy: &dyn Entropy,
) -> Result<(), CustodyError> {
    let (mut salt, mut nonce) = ([0; 16], [0; 12]);
    entropy.fill(&mut salt);
    entropy.fill(&mut nonce);
    let derivation = Derivation::new(unlock, costs, salt);
    let key = derivation.key(unlock)?;
    let mut bytes = Vec::with_capacity(HEADER + secret.len() + TAG);
    bytes.extend_from_slice(MAGIC);
    bytes.push(VERSION);
    bytes.extend_from_slice(&derivation.to_bytes());
    bytes.extend_from_slice(&key.check());
    bytes.extend_from_slice(&nonce);
    let payload = Payload { msg: secret, aad: &bytes };
    let encrypted = cipher(&key).encrypt(&Nonce::from(nonce), payload).expect("36 kB are not too long for AES-GCM");
    bytes.extend_from_slice(&encrypted);
    write_new(path, &bytes)
}

/// Opens the file at `path`.
///
/// # Errors
/// [`CustodyError`], each cause its own, as far as they can be told apart: a changed key check looks like a wrong key.
pub fn open(path: &Path, unlock: &Unlock) -> Result<Zeroizing<Vec<u8>>, CustodyError> {
    let bytes = read(path)?;
    let magic = bytes.len().min(MAGIC.len());
    if bytes[..magic] != MAGIC[..magic] {
        return Err(CustodyError::NotSealed);
    }
    match bytes.get(MAGIC.len()) {
        Some(&VERSION) => {}
        Some(&other) => return Err(CustodyError::Version(other)),
        None => return Err(CustodyError::Truncated),
    }
    let (header, encrypted) = bytes.split_at_checked(HEADER).ok_or(CustodyError::Truncated)?;
    if encrypted.len() < TAG {
        return Err(CustodyError::Truncated);
    }
    let derivation = Derivation::parse(&header[MAGIC.len() + 1..KEY_CHECK_AT])?;
    let key = derivation.key(unlock)?;
    if !key.has_check(&header[KEY_CHECK_AT..NONCE_AT]) {
        return Err(CustodyError::WrongKey);
    }
    let nonce = <[u8; 12]>::try_from(&header[NONCE_AT..]).map_err(|_| CustodyError::Truncated)?;
    let payload = Payload { msg: encrypted, aad: header };
    let secret = cipher(&key).decrypt(&Nonce::from(nonce), payload).map_err(|_| CustodyError::Tampered)?;
    Ok(Zeroizing::new(secret))
}

fn cipher(key: &SealingKey) -> Aes256Gcm {
    Aes256Gcm::new(key.encryption().into())
}

fn at(path: &Path) -> impl FnOnce(std::io::Error) -> CustodyError {
    let path = path.to_owned();
    move |source| CustodyError::File { path, source }
}

/// Writes a file beside, makes it durable, and gives it its name, which must be free.
fn write_new(path: &Path, bytes: &[u8]) -> Result<(), CustodyError> {
    if path.symlink_metadata().is_ok() {
        return Err(CustodyError::Exists(path.to_owned()));
    }
    let mut beside = path.as_os_str().to_owned();
    beside.push(".new");
    let beside = PathBuf::from(beside);
    // Left over from a run that was interrupted: it was never given its name, so nothing depends on it.
    let _ = std::fs::remove_file(&beside);
    let mut file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(&beside).map_err(at(&beside))?;
    // The mode at creation is subject to the umask; this is not.
    file.set_permissions(Permissions::from_mode(0o600)).map_err(at(&beside))?;
    file.write_all(bytes).and_then(|()| file.sync_all()).map_err(at(&beside))?;
    // Unlike a rename, a link fails when the name was taken meanwhile.
    let linked = std::fs::hard_link(&beside, path);
    let _ = std::fs::remove_file(&beside);
    linked.map_err(|error| match error.kind() {
        std::io::ErrorKind::AlreadyExists => CustodyError::Exists(path.to_owned()),
        _ => at(path)(error),
    })?;
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    File::open(folder).and_then(|folder| folder.sync_all()).map_err(at(folder))
}

fn read(path: &Path) -> Result<Vec<u8>, CustodyError> {
    let file = File::open(path).map_err(at(path))?;
    let mode = file.metadata().map_err(at(path))?.permissions().mode();
    if mode & 0o077 != 0 {
        return Err(CustodyError::Exposed(path.to_owned()));
    }
    let mut bytes = Vec::new();
    file.take(LARGEST).read_to_end(&mut bytes).map_err(at(path))?;
    Ok(bytes)
}

#[cfg(test)]
mod tests;
