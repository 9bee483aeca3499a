//! What the issuer answers, sealed under the item's response key.

use core::fmt;

use aes_gcm::{Aes128Gcm, KeyInit as _, aead::AeadInOut as _};
use symbolon_ccks::{Contribution, Credential, Malformed};
use zeroize::Zeroizing;

use crate::{Commitment, ResponseKey, Unopened};

const PURPOSE: &[u8; 28] = b"SYMBOLON-V1-PSEUDONYM-ANSWER";
const CONTENT: usize = Credential::SIZE + 32;

/// A pseudonym as it was issued: the credential and the authority's contribution to its key.
#[derive(Debug)]
pub struct Answer {
    /// The credential, of class 3.
    pub credential: Credential,
    /// The contribution s.
    pub contribution: Contribution,
}

/// An answer under its response key, 137 bytes: credential 89 | s 32, and a tag of 16.
///
/// The nonce is the first 12 bytes of the item's commitment: every key seals one answer, of which a repetition is the
/// stored one, so that nonces need not differ; but they do, and so nobody who collects answers can try a key on all of
/// them at once, which matters at 128 bits. A wallet that gave two items one response key would still be safe.
#[derive(Clone, PartialEq, Eq)]
pub struct SealedAnswer([u8; Self::SIZE]);

impl SealedAnswer {
    /// Bytes of a sealed answer.
    pub const SIZE: usize = CONTENT + 16;

    /// Seals an answer, bound to the commitment of its item.
    pub fn seal(answer: &Answer, key: &ResponseKey, commitment: &Commitment) -> Self {
        let mut sealed = [0; Self::SIZE];
        let (content, tag_place) = sealed.split_at_mut(CONTENT);
        content[..Credential::SIZE].copy_from_slice(answer.credential.as_bytes());
        content[Credential::SIZE..].copy_from_slice(answer.contribution.as_bytes());
        let tag = Aes128Gcm::new(&key.0.into())
            .encrypt_inout_detached(&nonce(commitment).into(), &associated(commitment), content.into())
            .expect("121 bytes are within what the cipher takes");
        tag_place.copy_from_slice(&tag);
        Self(sealed)
    }

    /// Opens an answer.
    ///
    /// # Errors
    /// [`Unopened`] when it is the answer to another item, or was changed.
    pub fn open(&self, key: &ResponseKey, commitment: &Commitment) -> Result<Answer, Unopened> {
        let mut content = Zeroizing::new([0; CONTENT]);
        let (sealed, tag) = self.0.split_at(CONTENT);
        content.copy_from_slice(sealed);
        let tag: [u8; 16] = tag.try_into().map_err(|_| Unopened)?;
        Aes128Gcm::new(&key.0.into())
            .decrypt_inout_detached(
                &nonce(commitment).into(),
                &associated(commitment),
                content.as_mut_slice().into(),
                &tag.into(),
            )
            .map_err(|_| Unopened)?;
        let (credential, contribution) = content.split_at(Credential::SIZE);
        Ok(Answer {
            credential: *Credential::parse(credential).map_err(|_| Unopened)?,
            contribution: Contribution::from_bytes(contribution.try_into().map_err(|_| Unopened)?),
        })
    }

    /// Takes exactly 137 bytes.
    ///
    /// # Errors
    /// [`Malformed`] at another length.
    pub fn parse(bytes: &[u8]) -> Result<Self, Malformed> {
        bytes.try_into().map(Self).map_err(|_| Malformed::new("sealed answer", "wrong length"))
    }

    /// The bytes.
    pub const fn as_bytes(&self) -> &[u8; Self::SIZE] {
        &self.0
    }
}

impl fmt::Debug for SealedAnswer {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("SealedAnswer(..)")
    }
}

fn nonce(commitment: &Commitment) -> [u8; 12] {
    let [nonce @ .., _, _, _, _, _, _, _, _, _, _, _, _, _, _, _, _, _, _, _, _] = *commitment.as_bytes();
    nonce
}

fn associated(commitment: &Commitment) -> [u8; 28 + 32] {
    let mut associated = [0; 60];
    associated[..28].copy_from_slice(PURPOSE);
    associated[28..].copy_from_slice(commitment.as_bytes());
    associated
}
