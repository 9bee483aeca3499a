//! The key of a sealed file: from a passphrase by argon2id, or out of a key file.

use std::{fmt, path::Path};

use argon2::{Algorithm, Argon2, Params, Version};
use hmac::{Hmac, KeyInit as _, Mac as _};
use sha2::Sha256;
use subtle::ConstantTimeEq as _;
use zeroize::Zeroizing;

use super::CustodyError;

/// What opens a sealed file.
pub enum Unlock {
    /// A passphrase.
    Passphrase(Zeroizing<String>),
    /// The 32 bytes of a key file.
    KeyFile(Zeroizing<[u8; 32]>),
}

impl Unlock {
    /// Reads a key file: 32 bytes, or 64 hex digits and white space.
    ///
    /// # Errors
    /// [`CustodyError::File`], [`CustodyError::KeyFile`].
    pub fn key_file(path: &Path) -> Result<Self, CustodyError> {
        let bytes = std::fs::read(path).map_err(super::at(path))?;
        let bytes = Zeroizing::new(bytes);
        let mut key = Zeroizing::new([0; 32]);
        if bytes.len() == key.len() {
            key.copy_from_slice(&bytes);
        } else {
            hex::decode_to_slice(bytes.trim_ascii(), key.as_mut_slice()).map_err(|_| CustodyError::KeyFile)?;
        }
        Ok(Self::KeyFile(key))
    }
}

impl fmt::Debug for Unlock {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(match self {
            Self::Passphrase(_) => "Passphrase(..)",
            Self::KeyFile(_) => "KeyFile(..)",
        })
    }
}

/// What argon2id costs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Costs {
    /// Memory, KiB.
    pub memory_kib: u32,
    /// Passes over it.
    pub passes: u32,
    /// Lanes.
    pub lanes: u32,
}

/// The second recommended choice of RFC 9106, section 4: 64 MiB, three passes, four lanes.
impl Default for Costs {
    fn default() -> Self {
        Self { memory_kib: 64 * 1024, passes: 3, lanes: 4 }
    }
}

impl Costs {
    /// Bounds on what a file may ask for, so that an altered one cannot exhaust the machine.
    fn within_bounds(self) -> bool {
        self.memory_kib <= 1024 * 1024 && self.passes <= 64 && self.lanes <= 64
    }
}

/// How the key is made: bytes 9 to 38 of a sealed file.
#[derive(Clone, Copy)]
pub(super) enum Derivation {
    Passphrase { costs: Costs, salt: [u8; 16] },
    KeyFile { salt: [u8; 16] },
}

impl Derivation {
    pub(super) fn new(unlock: &Unlock, costs: Costs, salt: [u8; 16]) -> Self {
        match unlock {
            Unlock::Passphrase(_) => Self::Passphrase { costs, salt },
            Unlock::KeyFile(_) => Self::KeyFile { salt },
        }
    }

    pub(super) fn to_bytes(self) -> Vec<u8> {
        let (source, costs, salt) = match self {
            Self::Passphrase { costs, salt } => (1, [costs.memory_kib, costs.passes, costs.lanes], salt),
            Self::KeyFile { salt } => (2, [0; 3], salt),
        };
        [&[source], costs.map(u32::to_be_bytes).as_flattened(), &salt].concat()
    }

    pub(super) fn parse(bytes: &[u8]) -> Result<Self, CustodyError> {
        let (source, rest) = bytes.split_first().ok_or(CustodyError::Truncated)?;
        let (costs, salt) = rest.split_first_chunk::<12>().ok_or(CustodyError::Truncated)?;
        let salt = salt.try_into().map_err(|_| CustodyError::Truncated)?;
        let [a, b, c, d, e, f, g, h, i, j, k, l] = *costs;
        let costs = Costs {
            memory_kib: u32::from_be_bytes([a, b, c, d]),
            passes: u32::from_be_bytes([e, f, g, h]),
            lanes: u32::from_be_bytes([i, j, k, l]),
        };
        match source {
            1 if costs.within_bounds() => Ok(Self::Passphrase { costs, salt }),
            1 => Err(CustodyError::Costs),
            2 => Ok(Self::KeyFile { salt }),
            _ => Err(CustodyError::Tampered),
        }
    }

    /// The key for this file.
    pub(super) fn key(&self, unlock: &Unlock) -> Result<SealingKey, CustodyError> {
        match (self, unlock) {
            (Self::Passphrase { .. }, Unlock::Passphrase(passphrase)) if passphrase.is_empty() => {
                Err(CustodyError::EmptyPassphrase)
            }
            (Self::Passphrase { costs, salt }, Unlock::Passphrase(passphrase)) => {
                let parameters = Params::new(costs.memory_kib, costs.passes, costs.lanes, Some(64))
                    .map_err(|_| CustodyError::Costs)?;
                let mut key = SealingKey(Zeroizing::new([0; 64]));
                Argon2::new(Algorithm::Argon2id, Version::V0x13, parameters)
                    .hash_password_into(passphrase.as_bytes(), salt, key.0.as_mut_slice())
                    .map_err(|_| CustodyError::Costs)?;
                Ok(key)
            }
            (Self::KeyFile { salt }, Unlock::KeyFile(file)) => {
                let mut key = SealingKey(Zeroizing::new([0; 64]));
                for (half, part) in key.0.chunks_mut(32).zip([b"seal", b"test"]) {
                    let mut mac =
                        Hmac::<Sha256>::new_from_slice(file.as_slice()).expect("HMAC takes keys of every length");
                    mac.update(part);
                    mac.update(salt);
                    half.copy_from_slice(&mac.finalize().into_bytes());
                }
                Ok(key)
            }
            (Self::Passphrase { .. }, Unlock::KeyFile(_)) => Err(CustodyError::OtherKeySource("a passphrase")),
            (Self::KeyFile { .. }, Unlock::Passphrase(_)) => Err(CustodyError::OtherKeySource("a key file")),
        }
    }
}

/// 64 bytes of key: the first half encrypts, the second only tells whether the key is right.
pub(super) struct SealingKey(Zeroizing<[u8; 64]>);

impl SealingKey {
    pub(super) fn encryption(&self) -> &[u8; 32] {
        self.0.first_chunk().expect("32 of 64 bytes")
    }

    /// 16 bytes that say which key it is and nothing about the half that encrypts.
    pub(super) fn check(&self) -> [u8; 16] {
        let mut mac = Hmac::<Sha256>::new_from_slice(&self.0[32..]).expect("HMAC takes keys of every length");
        mac.update(b"SYMBOLON-V1-KEY-CHECK");
        let [check @ .., _, _, _, _, _, _, _, _, _, _, _, _, _, _, _, _] =
            <[u8; 32]>::from(mac.finalize().into_bytes());
        check
    }

    pub(super) fn has_check(&self, check: &[u8]) -> bool {
        self.check().ct_eq(check).into()
    }
}
