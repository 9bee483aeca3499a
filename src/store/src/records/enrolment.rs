//! Activation codes, offers, and the archive of what was issued.

use std::fmt;

use symbolon_ccks::{Class, CompressedPoint, Credential, CredentialDigest, Identity, Signature, Subject, Time};

/// The part of an activation code that finds it; the rest is secret and stored as a hash.
pub type CodeLocator = [u8; 5];

/// A one-time activation code. Who reads this cannot make the code of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ActivationCodeRecord {
    /// Finds the code.
    pub locator: CodeLocator,
    /// The card or terminal that it activates.
    pub subject: Subject,
    /// Which of the two.
    pub class: Class,
    /// Keyed hash of the whole code.
    pub hash: [u8; 32],
    /// No longer good from this second on.
    pub expires: Time,
    /// How often something else was given under this locator.
    pub failed_attempts: u32,
    /// When a credential was issued by it.
    pub used: Option<Time>,
}

/// An offer of an identity.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OfferRecord {
    /// Single use.
    pub nonce: [u8; 32],
    /// The identity offered.
    pub identity: Identity,
    /// The credential that asked, when this is a renewal.
    pub former: Option<CredentialDigest>,
    /// No longer good from this second on.
    pub expires: Time,
    /// When a credential was issued by it.
    pub used: Option<Time>,
}

/// What shows that the holder asked for its credential.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[repr(u8)]
pub enum HolderRequestKind {
    /// Nothing but the possession under U: it shows that someone with u asked.
    PossessionOnly = 1,
    /// A signature by the key that the issuer registered for the holder.
    RegisteredKey = 2,
    /// A request signed by the holder's former credential.
    FormerCredential = 3,
}

impl HolderRequestKind {
    /// Every kind.
    pub const ALL: [Self; 3] = [Self::PossessionOnly, Self::RegisteredKey, Self::FormerCredential];
}

/// The holder's request over U, kept as it was signed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HolderRequest {
    /// By which key.
    pub kind: HolderRequestKind,
    /// What was signed; empty for [`HolderRequestKind::PossessionOnly`].
    pub signed: Vec<u8>,
    /// The signature; empty for [`HolderRequestKind::PossessionOnly`].
    pub signature: Vec<u8>,
    /// The key: the registered key's 33 bytes or the former credential's 89; empty for
    /// [`HolderRequestKind::PossessionOnly`].
    pub key: Vec<u8>,
}

/// A credential as it was issued, and the archive that ties it to its holder.
#[derive(Clone, PartialEq, Eq)]
pub struct IssuedRecord {
    /// The credential.
    pub credential: Credential,
    /// U.
    pub enrolment_point: CompressedPoint,
    /// s: with U it shows which key was issued.
    pub contribution: [u8; 32],
    /// The nonce of the offer.
    pub offer_nonce: [u8; 32],
    /// The signature under U over the offer.
    pub possession: Signature,
    /// The holder's request over U.
    pub request: HolderRequest,
    /// When it was issued.
    pub issued: Time,
}

impl fmt::Debug for IssuedRecord {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .debug_struct("IssuedRecord")
            .field("digest", &self.credential.digest())
            .field("issued", &self.issued)
            .finish_non_exhaustive()
    }
}
