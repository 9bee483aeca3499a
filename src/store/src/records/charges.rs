//! What the exchange has other roles do: money to post, cards to suspend.

use symbolon_ccks::{CredentialDigest, Subject, Time};
use symbolon_pseudonym::ClearingTag;

use super::{EntryKind, MisuseId, RecordPosition, SettlementId};

/// What a batch of charges is known by: 16 random bytes.
pub type ChargeBatchId = [u8; 16];

/// Who pays for a settled record.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Payer {
    /// A card under its own number: the account's tag, which clearing alone opens.
    Named(ClearingTag),
    /// A pseudonym.
    Pseudonym(Subject),
}

/// Money that a settlement moves, to be kept.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NewCharge {
    /// The settled record.
    pub settlement: SettlementId,
    /// Why.
    pub kind: EntryKind,
    /// ISO 4217 numeric.
    pub currency: u16,
    /// Who pays.
    pub payer: Payer,
    /// What moves, as JSON of the service.
    pub moves: String,
    /// When it was settled.
    pub settled: Time,
    /// The batch it is in; `None` while it waits to be summed with others.
    pub batch: Option<ChargeBatchId>,
}

/// A charge in a batch.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ChargeRecord {
    /// The settled record's place among all.
    pub record: RecordPosition,
    /// What is kept.
    pub charge: NewCharge,
}

/// How much waits.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Waiting {
    /// So many.
    pub count: u64,
    /// Since when the oldest does.
    pub oldest: Option<Time>,
}

/// A card that the attester is to suspend.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SuspensionRecord {
    /// The proof.
    pub misuse: MisuseId,
    /// The credential that was misused.
    pub credential_digest: CredentialDigest,
}
