//! One pseudonym's request, sealed by itself to the issuer.

use core::fmt;

use rand_core::CryptoRng;
use sha2::{Digest as _, Sha256};
use subtle::ConstantTimeEq as _;
use symbolon_ccks::{
    AuthorityId, CompressedPoint, Malformed, Period, Signature, SuiteId,
    wire::{self, U32, Version, Zero},
};
use zerocopy::{Immutable, IntoBytes, KnownLayout, TryFromBytes, Unaligned};
use zeroize::{Zeroize, ZeroizeOnDrop};

use crate::seal::{OVERHEAD, SealingKey, SealingSecret, Unopened};

const INFO: &[u8] = b"SYMBOLON-V1-PSEUDONYM-ITEM";

/// SHA-256(U || salt): what the card signs, and what later ties a pseudonym to that signature.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Commitment([u8; 32]);

/// What hides U in its commitment, 32 random bytes.
pub type Salt = [u8; 32];

impl Commitment {
    /// Commits to U.
    pub fn to(point: &CompressedPoint, salt: &Salt) -> Self {
        Self(Sha256::new_with_prefix(point.as_bytes()).chain_update(salt).finalize().into())
    }

    /// Takes the 32 bytes.
    pub const fn from_bytes(bytes: [u8; 32]) -> Self {
        Self(bytes)
    }

    /// The 32 bytes.
    pub const fn as_bytes(&self) -> &[u8; 32] {
        &self.0
    }
}

/// What possession is proved over: SHA-256(challenge || j u32). The challenge itself never travels with an item.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ItemChallenge([u8; 32]);

impl ItemChallenge {
    /// The challenge of item `j` of a request.
    pub fn of(challenge: &[u8; 32], j: u32) -> Self {
        Self(Sha256::new_with_prefix(challenge).chain_update(j.to_be_bytes()).finalize().into())
    }

    /// Takes the 32 bytes.
    pub const fn from_bytes(bytes: [u8; 32]) -> Self {
        Self(bytes)
    }

    /// The 32 bytes.
    pub const fn as_bytes(&self) -> &[u8; 32] {
        &self.0
    }
}

/// The AES-128-GCM key that one answer is sealed under, drawn for it alone; erased from memory when dropped.
#[derive(Clone, Zeroize, ZeroizeOnDrop)]
pub struct ResponseKey(pub(crate) [u8; 16]);

impl ResponseKey {
    /// Takes 16 fresh random bytes.
    pub const fn from_bytes(bytes: [u8; 16]) -> Self {
        Self(bytes)
    }

    /// The 16 bytes.
    pub const fn as_bytes(&self) -> &[u8; 16] {
        &self.0
    }
}

impl PartialEq for ResponseKey {
    /// In constant time.
    fn eq(&self, other: &Self) -> bool {
        self.0.ct_eq(&other.0).into()
    }
}

impl Eq for ResponseKey {}

impl fmt::Debug for ResponseKey {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("ResponseKey(..)")
    }
}

/// What is sealed, 154 bytes: version 1 | suite | zero 2 | period u32 | U 33 | possession 65 | salt 32 | response key 16.
#[derive(Clone, PartialEq, Eq)]
pub struct ItemContent {
    /// The suite of U.
    pub suite: SuiteId,
    /// The period that the pseudonym is for.
    pub period: Period,
    /// U.
    pub point: CompressedPoint,
    /// Its possession over the period and the item's challenge (purpose 6).
    pub possession: Signature,
    /// What hides U in the commitment.
    pub salt: Salt,
    /// What the answer is to be sealed under.
    pub response_key: ResponseKey,
}

#[derive(TryFromBytes, IntoBytes, KnownLayout, Immutable, Unaligned, Zeroize)]
#[repr(C)]
struct Layout {
    #[zeroize(skip)]
    version: Version,
    #[zeroize(skip)]
    suite: SuiteId,
    #[zeroize(skip)]
    zero: [Zero; 2],
    #[zeroize(skip)]
    period: U32,
    point: [u8; 33],
    possession: [u8; 65],
    salt: Salt,
    response_key: [u8; 16],
}

impl Drop for Layout {
    fn drop(&mut self) {
        self.zeroize();
    }
}

impl ItemContent {
    /// Bytes of the content.
    pub const SIZE: usize = 154;

    /// The commitment to U.
    pub fn commitment(&self) -> Commitment {
        Commitment::to(&self.point, &self.salt)
    }

    /// Seals the item to the issuer, bound to its challenge and commitment.
    ///
    /// # Errors
    /// [`Unopened`] when nothing can be sealed to `issuer_key`.
    pub fn seal(
        &self,
        authority: &AuthorityId,
        challenge: &ItemChallenge,
        issuer_key: &SealingKey,
        random: &mut (impl CryptoRng + ?Sized),
    ) -> Result<SealedItem, Unopened> {
        let layout = Layout {
            version: Version::One,
            suite: self.suite,
            zero: [Zero::Zero; 2],
            period: self.period.number().into(),
            point: *self.point.as_bytes(),
            possession: *self.possession.as_bytes(),
            salt: self.salt,
            response_key: self.response_key.0,
        };
        let associated = associated(challenge, &self.commitment());
        let sealed = issuer_key.seal(&info(authority), &associated, layout.as_bytes(), random)?;
        Ok(SealedItem(sealed.try_into().map_err(|_| Unopened)?))
    }

    fn parse(bytes: &[u8]) -> Result<Self, Malformed> {
        let layout: &Layout = wire::read("pseudonym item", bytes)?;
        Ok(Self {
            suite: layout.suite,
            period: Period::new(layout.period.get())?,
            point: *CompressedPoint::parse(&layout.point)?,
            possession: *Signature::parse(&layout.possession)?,
            salt: layout.salt,
            response_key: ResponseKey(layout.response_key),
        })
    }
}

impl fmt::Debug for ItemContent {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .debug_struct("ItemContent")
            .field("suite", &self.suite)
            .field("period", &self.period)
            .finish_non_exhaustive()
    }
}

/// A sealed item, 202 bytes: encapsulated key 32 | content 154 | tag 16.
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct SealedItem([u8; Self::SIZE]);

impl SealedItem {
    /// Bytes of a sealed item.
    pub const SIZE: usize = ItemContent::SIZE + OVERHEAD;

    /// Takes exactly 202 bytes.
    ///
    /// # Errors
    /// [`Malformed`] at another length.
    pub fn parse(bytes: &[u8]) -> Result<Self, Malformed> {
        bytes.try_into().map(Self).map_err(|_| Malformed::new("sealed item", "wrong length"))
    }

    /// The bytes.
    pub const fn as_bytes(&self) -> &[u8; Self::SIZE] {
        &self.0
    }

    /// Opens the item and reads it.
    ///
    /// # Errors
    /// [`Unopened`] when it was sealed to another key, for another authority, challenge or commitment.
    /// What opens is well formed when it opens: an honest wallet sealed it, or the one who did harms itself; so a
    /// malformed content is [`Unopened`] too.
    pub fn open(
        &self,
        authority: &AuthorityId,
        challenge: &ItemChallenge,
        commitment: &Commitment,
        secret: &SealingSecret,
    ) -> Result<ItemContent, Unopened> {
        let content = secret.open(&info(authority), &associated(challenge, commitment), &self.0)?;
        ItemContent::parse(&content).map_err(|_| Unopened)
    }
}

impl fmt::Debug for SealedItem {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("SealedItem(..)")
    }
}

fn info(authority: &AuthorityId) -> [u8; 26 + 32] {
    let mut info = [0; 58];
    info[..26].copy_from_slice(INFO);
    info[26..].copy_from_slice(authority.as_bytes());
    info
}

fn associated(challenge: &ItemChallenge, commitment: &Commitment) -> [u8; 64] {
    let mut associated = [0; 64];
    associated[..32].copy_from_slice(&challenge.0);
    associated[32..].copy_from_slice(&commitment.0);
    associated
}

const _: () = assert!(size_of::<Layout>() == ItemContent::SIZE);
