//! Sealing with HPKE (RFC 9180), base mode: DHKEM(X25519, HKDF-SHA256), HKDF-SHA256, AES-128-GCM. The library meets the
//! rest of the project here alone.

use alloc::vec::Vec;
use core::fmt;

use hpke::{Deserializable, Kem as _, OpModeR, OpModeS, Serializable, aead::AesGcm128, kdf::HkdfSha256};
use rand_core::CryptoRng;
use zeroize::Zeroizing;

type Kem = hpke::kem::X25519HkdfSha256;

/// Bytes that a seal adds: the encapsulated key and the tag.
pub(crate) const OVERHEAD: usize = 32 + 16;

/// What was sealed does not open: to another key, or changed on the way.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Unopened;

impl fmt::Display for Unopened {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("what was sealed does not open: it was sealed to another key, or changed")
    }
}

impl core::error::Error for Unopened {}

/// An X25519 public key that messages are sealed to, 32 bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct SealingKey([u8; 32]);

impl SealingKey {
    /// Takes the 32 bytes. Whether they are a key shows when something is sealed to it.
    pub const fn from_bytes(bytes: [u8; 32]) -> Self {
        Self(bytes)
    }

    /// The 32 bytes.
    pub const fn as_bytes(&self) -> &[u8; 32] {
        &self.0
    }

    /// Seals `plaintext`: encapsulated key 32 || ciphertext || tag 16.
    ///
    /// # Errors
    /// [`Unopened`] when this is a key of small order, to which nothing can be sealed.
    pub fn seal(
        &self,
        info: &[u8],
        associated: &[u8],
        plaintext: &[u8],
        random: &mut (impl CryptoRng + ?Sized),
    ) -> Result<Vec<u8>, Unopened> {
        let key = <Kem as hpke::Kem>::PublicKey::from_bytes(&self.0).map_err(|_| Unopened)?;
        let mut random = random;
        let (encapsulated, mut context) =
            hpke::setup_sender_with_rng::<AesGcm128, HkdfSha256, Kem>(&OpModeS::Base, &key, info, &mut random)
                .map_err(|_| Unopened)?;
        let mut sealed = Vec::with_capacity(plaintext.len() + OVERHEAD);
        sealed.extend_from_slice(&encapsulated.to_bytes());
        sealed.extend_from_slice(plaintext);
        let (_, buffer) = sealed.split_at_mut(32);
        let tag = context.seal_inout_detached(buffer.into(), associated).map_err(|_| Unopened)?;
        sealed.extend_from_slice(&tag.to_bytes());
        Ok(sealed)
    }
}

/// The secret half of a [`SealingKey`]; erased from memory when dropped.
pub struct SealingSecret {
    secret: <Kem as hpke::Kem>::PrivateKey,
    public: SealingKey,
}

impl SealingSecret {
    /// Draws a key pair.
    pub fn generate(random: &mut (impl CryptoRng + ?Sized)) -> Self {
        let mut bytes = Zeroizing::new([0; 32]);
        random.fill_bytes(bytes.as_mut_slice());
        Self::from_bytes(&bytes)
    }

    /// Takes the secret's 32 bytes.
    pub fn from_bytes(secret: &[u8; 32]) -> Self {
        let secret = <Kem as hpke::Kem>::PrivateKey::from_bytes(secret).expect("any 32 bytes are an X25519 secret");
        let public = SealingKey(Kem::sk_to_pk(&secret).to_bytes().into());
        Self { secret, public }
    }

    /// The secret's 32 bytes, to be stored.
    pub fn to_bytes(&self) -> Zeroizing<[u8; 32]> {
        Zeroizing::new(self.secret.to_bytes().into())
    }

    /// What is published.
    pub fn public(&self) -> &SealingKey {
        &self.public
    }

    /// Opens what [`SealingKey::seal`] made.
    ///
    /// # Errors
    /// [`Unopened`].
    pub fn open(&self, info: &[u8], associated: &[u8], sealed: &[u8]) -> Result<Zeroizing<Vec<u8>>, Unopened> {
        let (encapsulated, rest) = sealed.split_first_chunk::<32>().ok_or(Unopened)?;
        let (ciphertext, tag) = rest.split_last_chunk::<16>().ok_or(Unopened)?;
        let encapsulated = <Kem as hpke::Kem>::EncappedKey::from_bytes(encapsulated).map_err(|_| Unopened)?;
        let tag = hpke::aead::AeadTag::<AesGcm128>::from_bytes(tag).map_err(|_| Unopened)?;
        let mut context =
            hpke::setup_receiver::<AesGcm128, HkdfSha256, Kem>(&OpModeR::Base, &self.secret, &encapsulated, info)
                .map_err(|_| Unopened)?;
        let mut plaintext = Zeroizing::new(ciphertext.to_vec());
        context.open_inout_detached(plaintext.as_mut_slice().into(), associated, &tag).map_err(|_| Unopened)?;
        Ok(plaintext)
    }
}

impl fmt::Debug for SealingSecret {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("SealingSecret").field("public", &self.public).finish_non_exhaustive()
    }
}
