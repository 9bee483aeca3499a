//! Pseudonyms as the attester sees them.

use serde::{Deserialize, Serialize};
use symbolon_ccks::{Credential, LinkageSeed, Period, Signature, Subject, Time};
use symbolon_pseudonym::{
    ClearingTag, Commitment, ItemChallenge, LinkageHandle, ProfileId, SealedAnswer, SealedItem, SealedValue,
};

use super::RequestId;
use crate::serial;

/// What money set aside is known by: 16 random bytes.
pub type ReservationId = [u8; 16];

/// A challenge given to a card.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ChallengeRecord {
    /// The challenge.
    pub challenge: [u8; 32],
    /// The card.
    pub card: Subject,
    /// The wallet's request for it.
    pub asked_by: RequestId,
    /// No longer good from this second on.
    pub expires: Time,
    /// The one request that came under it.
    pub used_by: Option<RequestId>,
}

/// What the linkage authorities know a card by, and since when.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LinkageHandleRecord {
    /// The handle.
    pub handle: LinkageHandle,
    /// When it was drawn.
    pub created: Time,
}

/// What a card had of one period.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct PseudonymQuota {
    /// How many it asked for.
    pub used: u16,
    /// The number of the next linkage value; at most `used`.
    pub next: u16,
}

/// How far a request has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[repr(u8)]
pub enum PseudonymRequestState {
    /// Taken, and counted; whether clearing has set money aside is not known.
    Taken = 1,
    /// Money is set aside, and the numbers of the linkage values are fixed.
    Reserved = 2,
    /// Its items have what they need: they wait, or have ended.
    Prepared = 3,
}

impl PseudonymRequestState {
    /// Every state.
    pub const ALL: [Self; 3] = [Self::Taken, Self::Reserved, Self::Prepared];
}

/// A request for pseudonyms, kept as it was signed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PseudonymRequestRecord {
    /// The card that asks.
    pub card: Subject,
    /// Chosen by the wallet.
    pub id: RequestId,
    /// The credential whose key signed.
    pub credential: Credential,
    /// When it was signed.
    pub signed: Time,
    /// The exact bytes of the body.
    pub body: Vec<u8>,
    /// The signature.
    pub signature: Signature,
    /// For which period.
    pub period: Period,
    /// How many pseudonyms.
    pub count: u16,
    /// Of which shape.
    pub profile: ProfileId,
    /// What is set aside for them.
    pub reservation: ReservationId,
    /// The budget of each, minor units.
    pub budget: u32,
    /// How far below zero the account may go for them, minor units.
    pub line: u32,
    /// How far it has come.
    pub state: PseudonymRequestState,
    /// The number of the first linkage value; `None` while [`PseudonymRequestState::Taken`].
    pub first: Option<u16>,
    /// When it came.
    pub received: Time,
}

/// What became of an item, for good.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ItemEnd {
    /// The issuer's answer, for the wallet alone.
    Answered(SealedAnswer),
    /// A refusal's stable name.
    Refused(String),
}

/// One item of a request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PseudonymItemRecord {
    /// What it is known by.
    pub commitment: Commitment,
    /// What became of it; `None` for now.
    pub end: Option<ItemEnd>,
}

/// An item that waits to be passed on to the issuer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct WaitingItemRecord {
    /// What the card signed of it.
    pub commitment: Commitment,
    /// Its own challenge.
    pub challenge: ItemChallenge,
    /// For which period.
    pub period: Period,
    /// Of which shape.
    pub profile: ProfileId,
    /// For the issuer alone.
    pub sealed: SealedItem,
    /// Of the two linkage authorities, for the issuer alone.
    pub values: [SealedValue; 2],
    /// For clearing alone.
    pub tag: ClearingTag,
    /// Since when it waits.
    pub since: Time,
    /// Whether the issuer has seen it already and gave no answer.
    pub passed: bool,
}

/// What waits.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct WaitingItems {
    /// Items that the issuer has not seen.
    pub fresh: u32,
    /// Since when the oldest of them waits.
    pub oldest: Option<Time>,
    /// Items that the issuer has seen, without an answer so far.
    pub passed: u32,
}

/// Seeds of a card that was taken out for good; nothing says of which.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PublishedSeedsRecord {
    /// The first period that is recognised.
    pub period: Period,
    /// The seeds of both linkage authorities for it.
    pub seeds: [LinkageSeed; 2],
    /// When they were published.
    pub published: Time,
}

/// An officer's approval of a case.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TraceApprovalRecord {
    /// Hash of case and pseudonym.
    pub digest: [u8; 32],
    /// The case.
    pub case_number: String,
    /// The officer.
    pub officer: String,
    /// When.
    pub approved: Time,
}

/// What the owner of a card is shown of a trace that led to it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct TraceAuditRecord {
    /// The card.
    #[serde(with = "serial::plain")]
    pub card: Subject,
    /// The case.
    pub case_number: String,
    /// The period of the pseudonym that was opened.
    #[serde(with = "serial::plain")]
    pub period: Period,
    /// The attester's officer who approved.
    pub attester_officer: String,
    /// When.
    #[serde(with = "serial::plain")]
    pub attester_approved: Time,
    /// Clearing's officer who approved.
    pub clearing_officer: String,
    /// When.
    #[serde(with = "serial::plain")]
    pub clearing_approved: Time,
    /// Who opened the case.
    pub opened_by: String,
    /// When.
    #[serde(with = "serial::plain")]
    pub opened: Time,
}

/// How much the attester has to do.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct AttesterCounts {
    /// What waits.
    pub waiting: WaitingItems,
    /// Requests that are neither finished nor forgotten.
    pub unfinished_requests: u32,
    /// Releases that clearing has not taken yet.
    pub releases: u32,
    /// Revoked cards whose seeds are not published yet.
    pub seeds_to_reveal: u32,
    /// Published pairs of seeds.
    pub published_seeds: u32,
}
