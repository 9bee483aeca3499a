//! What two roles tell each other through a third, under a key of theirs: AES-256-GCM, nonce 12 | ciphertext | tag 16.
//!
//! The cipher's key is HMAC-SHA-256 under the pairwise key over what the message is bound to, which is associated data
//! too. So random nonces meet only among messages bound to the same: a linkage value has its item to itself, and the
//! tags of one period are few enough in any city. Under one key for all, a large city would reach 2^32 messages, where
//! random nonces stop being safe (SP 800-38D, 8.3), within days.

use core::fmt;

use aes_gcm::{Aes256Gcm, KeyInit as _, aead::AeadInOut as _};
use hmac::{Hmac, Mac as _};
use sha2::Sha256;
use subtle::ConstantTimeEq as _;
use symbolon_ccks::{LinkageAuthority, LinkageValue, Malformed, Period};
use zeroize::{Zeroize, ZeroizeOnDrop};

use crate::{AccountHandle, Commitment, Unopened};

const VALUE_PURPOSE: &[u8] = b"SYMBOLON-V1-LINKAGE-SEALED";
const TAG_PURPOSE: &[u8] = b"SYMBOLON-V1-CLEARING-TAG";
const SIZE: usize = 12 + 16 + 16;

/// A key that two roles share, 32 bytes; erased from memory when dropped.
#[derive(Clone, Zeroize, ZeroizeOnDrop)]
pub struct PairwiseKey([u8; 32]);

impl PairwiseKey {
    /// Takes 32 fresh random bytes.
    pub const fn from_bytes(bytes: [u8; 32]) -> Self {
        Self(bytes)
    }

    /// The 32 bytes, to be stored.
    pub const fn as_bytes(&self) -> &[u8; 32] {
        &self.0
    }

    fn cipher(&self, bound_to: &[u8]) -> Aes256Gcm {
        let mut mac =
            <Hmac<Sha256> as hmac::KeyInit>::new_from_slice(&self.0).expect("HMAC takes keys of every length");
        mac.update(bound_to);
        let mut key = mac.finalize().into_bytes();
        let cipher = Aes256Gcm::new(&key);
        key.as_mut_slice().zeroize();
        cipher
    }

    fn seal(&self, nonce: [u8; 12], associated: &[u8], plaintext: [u8; 16]) -> [u8; SIZE] {
        let mut sealed = [0; SIZE];
        let (nonce_place, rest) = sealed.split_at_mut(12);
        let (text, tag_place) = rest.split_at_mut(16);
        nonce_place.copy_from_slice(&nonce);
        text.copy_from_slice(&plaintext);
        let tag = self
            .cipher(associated)
            .encrypt_inout_detached(&nonce.into(), associated, text.into())
            .expect("16 bytes are within what the cipher takes");
        tag_place.copy_from_slice(&tag);
        sealed
    }

    fn open(&self, associated: &[u8], sealed: &[u8; SIZE]) -> Result<[u8; 16], Unopened> {
        let (nonce, rest) = sealed.split_first_chunk::<12>().ok_or(Unopened)?;
        let (text, tag) = rest.split_first_chunk::<16>().ok_or(Unopened)?;
        let tag: [u8; 16] = tag.try_into().map_err(|_| Unopened)?;
        let mut text = *text;
        self.cipher(associated)
            .decrypt_inout_detached(&(*nonce).into(), associated, text.as_mut_slice().into(), &tag.into())
            .map_err(|_| Unopened)?;
        Ok(text)
    }
}

impl PartialEq for PairwiseKey {
    /// In constant time.
    fn eq(&self, other: &Self) -> bool {
        self.0.ct_eq(&other.0).into()
    }
}

impl Eq for PairwiseKey {}

impl fmt::Debug for PairwiseKey {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("PairwiseKey(..)")
    }
}

macro_rules! sealed_bytes {
    ($(#[$attribute:meta])* $name:ident, $structure:literal) => {
        $(#[$attribute])*
        #[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub struct $name([u8; SIZE]);

        impl $name {
            /// Its bytes' number.
            pub const SIZE: usize = SIZE;

            /// Takes exactly 44 bytes.
            ///
            /// # Errors
            /// [`Malformed`] at another length.
            pub fn parse(bytes: &[u8]) -> Result<Self, Malformed> {
                bytes.try_into().map(Self).map_err(|_| Malformed::new($structure, "wrong length"))
            }

            /// The bytes.
            pub const fn as_bytes(&self) -> &[u8; SIZE] {
                &self.0
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
                formatter.write_str(concat!(stringify!($name), "(..)"))
            }
        }
    };
}

sealed_bytes! {
    /// A linkage value on its way to the issuer, 44 bytes; the attester, who passes it on, cannot read it, nor put it to
    /// another item.
    SealedValue, "sealed linkage value"
}

impl SealedValue {
    /// Seals the value that `authority` gives for the item of this commitment. `nonce` is fresh and random.
    pub fn seal(
        value: &LinkageValue,
        authority: LinkageAuthority,
        period: Period,
        commitment: &Commitment,
        key: &PairwiseKey,
        nonce: [u8; 12],
    ) -> Self {
        Self(key.seal(nonce, &of_value(authority, period, commitment), *value.as_bytes()))
    }

    /// Opens it.
    ///
    /// # Errors
    /// [`Unopened`] when it is of the other authority, of another period or item, or was changed.
    pub fn open(
        &self,
        authority: LinkageAuthority,
        period: Period,
        commitment: &Commitment,
        key: &PairwiseKey,
    ) -> Result<LinkageValue, Unopened> {
        key.open(&of_value(authority, period, commitment), &self.0).map(LinkageValue::from_bytes)
    }
}

/// What a clearing tag is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TagUse {
    /// A pseudonym of this period.
    Pseudonym(Period),
    /// A transaction that a card made under its own number.
    Named,
}

impl TagUse {
    /// The period's number, which is never all ones; and all ones for [`Self::Named`].
    fn bytes(self) -> [u8; 4] {
        match self {
            Self::Pseudonym(period) => period.number().to_be_bytes(),
            Self::Named => [0xff; 4],
        }
    }
}

sealed_bytes! {
    /// An account handle on its way from the attester to clearing, 44 bytes, fresh for each use; nobody between can read
    /// it, nor see that two name the same account.
    ClearingTag, "clearing tag"
}

impl ClearingTag {
    /// Seals the handle of the account that is to pay. `nonce` is fresh and random.
    pub fn seal(account: &AccountHandle, usage: TagUse, key: &PairwiseKey, nonce: [u8; 12]) -> Self {
        Self(key.seal(nonce, &of_tag(usage), *account.as_bytes()))
    }

    /// Opens it.
    ///
    /// # Errors
    /// [`Unopened`] when it is for another use, or was changed.
    pub fn open(&self, usage: TagUse, key: &PairwiseKey) -> Result<AccountHandle, Unopened> {
        key.open(&of_tag(usage), &self.0).map(AccountHandle::from_bytes)
    }
}

fn of_value(authority: LinkageAuthority, period: Period, commitment: &Commitment) -> [u8; 26 + 1 + 4 + 32] {
    let mut associated = [0; 63];
    associated[..26].copy_from_slice(VALUE_PURPOSE);
    associated[26] = authority.byte();
    associated[27..31].copy_from_slice(&period.number().to_be_bytes());
    associated[31..].copy_from_slice(commitment.as_bytes());
    associated
}

fn of_tag(usage: TagUse) -> [u8; 24 + 4] {
    let mut associated = [0; 28];
    associated[..24].copy_from_slice(TAG_PURPOSE);
    associated[24..].copy_from_slice(&usage.bytes());
    associated
}
