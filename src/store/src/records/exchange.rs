//! Uploads, settlements, journeys and misuse.

use serde::{Deserialize, Serialize};
use symbolon_ccks::{Credential, CredentialDigest, Name, Subject, Time};
use symbolon_tap::{Kind, RecordBytes};

/// SHA-256 of a whole upload.
pub type UploadDigest = [u8; 32];

/// SHA-256(terms || terminal digest): what was agreed, under whichever counter.
pub type Agreement = [u8; 32];

/// An agreement of a credential, with what it was made of, by which it is found: an agreement says which terminal took
/// it and when, and whoever looks for those of one upload finds them side by side.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct AgreementKey {
    /// The holder's credential.
    pub credential_digest: CredentialDigest,
    /// What was agreed.
    pub agreement: Agreement,
    /// The terminal that it was agreed with.
    pub terminal_digest: CredentialDigest,
    /// When, by the terminal's clock.
    pub time: Time,
}

/// A row number of an upload.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct UploadId(pub u64);

/// A record's place among all that were ever uploaded: rises with the uploads and within each.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct RecordPosition(pub u64);

impl RecordPosition {
    /// An upload has at most 2^13 records.
    const BITS_IN_UPLOAD: u32 = 13;

    /// The record at `position`, from 0, of an upload.
    pub fn new(upload: UploadId, position: u16) -> Self {
        Self(upload.0 << Self::BITS_IN_UPLOAD | u64::from(position))
    }

    /// The upload that it came in.
    pub fn upload(self) -> UploadId {
        UploadId(self.0 >> Self::BITS_IN_UPLOAD)
    }

    /// Its position in that upload, from 0.
    pub fn position(self) -> u16 {
        (self.0 & ((1 << Self::BITS_IN_UPLOAD) - 1)) as u16
    }
}

/// A row number of a settlement; see [`NewSettlement::id`]. Of one holder's uploads, the later has the higher ones.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct SettlementId(pub u64);

/// A row number of a misuse proof.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct MisuseId(pub u64);

/// An upload to be kept.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NewUpload {
    /// SHA-256 of the whole upload.
    pub digest: UploadDigest,
    /// The operator whose terminal it came from.
    pub operator: Name,
    /// The terminal.
    pub terminal: Subject,
    /// The digest of the credential that the terminal signed with.
    pub terminal_digest: CredentialDigest,
    /// The terminal's own number of it.
    pub number: u32,
    /// Its records, 209 bytes each.
    pub records: Vec<u8>,
    /// When it was received.
    pub received: Time,
}

/// An upload and its answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct UploadRecord {
    /// Row number.
    pub id: UploadId,
    /// What was uploaded.
    pub upload: NewUpload,
    /// What was answered.
    pub answer: Vec<u8>,
}

/// What became of a record that the holder did sign.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[repr(u8)]
pub enum SettlementOutcome {
    /// Posted.
    Settled = 1,
    /// The same agreement, answered under another counter: it had settled before.
    AnsweredTwice = 2,
    /// Not posted: it proves misuse.
    Misuse = 3,
}

impl SettlementOutcome {
    /// Every outcome.
    pub const ALL: [Self; 3] = [Self::Settled, Self::AnsweredTwice, Self::Misuse];
}

/// A settlement to be kept; its identity is (credential digest, counter).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NewSettlement {
    /// The holder's credential.
    pub credential_digest: CredentialDigest,
    /// The holder's counter.
    pub counter: u32,
    /// What was agreed.
    pub agreement: Agreement,
    /// What became of it.
    pub outcome: SettlementOutcome,
    /// The settlement that it repeats, when it was answered twice.
    pub repeats: Option<SettlementId>,
    /// The proof, when it is misuse.
    pub misuse: Option<MisuseId>,
    /// The upload it came in.
    pub upload: UploadId,
    /// Its place in the upload, from 0.
    pub position: u16,
    /// The terminal that took it.
    pub terminal_digest: CredentialDigest,
    /// What happened.
    pub kind: Kind,
    /// The amount that the holder signed, minor units.
    pub amount: u32,
    /// Whether the card had been revoked before, but the terminal could not have known.
    pub after_revocation: bool,
    /// When it happened, by the terminal's clock.
    pub time: Time,
}

impl NewSettlement {
    /// The row number that it is kept under: its record's place among all. Those that were kept before a schema
    /// numbered them so have smaller ones than their place.
    pub fn id(&self) -> SettlementId {
        SettlementId(RecordPosition::new(self.upload, self.position).0)
    }

    /// What its agreement is found by.
    pub fn agreement_key(&self) -> AgreementKey {
        AgreementKey {
            credential_digest: self.credential_digest,
            agreement: self.agreement,
            terminal_digest: self.terminal_digest,
            time: self.time,
        }
    }
}

/// A settlement that is kept.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SettlementRecord {
    /// Row number.
    pub id: SettlementId,
    /// What is kept.
    pub settlement: NewSettlement,
}

/// A settled record that drew on a budget, as a proof needs it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SpentItem {
    /// The holder's counter.
    pub counter: u32,
    /// Minor units.
    pub amount: u32,
    /// The terminal that took it.
    pub terminal_digest: CredentialDigest,
    /// The record.
    pub record: RecordBytes,
    /// The operator of the terminal.
    pub operator: Name,
}

/// Which end of a journey.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum JourneyRole {
    /// It begins.
    Entry,
    /// It ends.
    Exit,
}

/// One end of a journey of a holder with an operator.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct JourneyRecord {
    /// The settled record.
    pub settlement: SettlementId,
    /// The holder's credential.
    pub credential_digest: CredentialDigest,
    /// The operator travelled with.
    pub operator: Name,
    /// Which end.
    pub role: JourneyRole,
    /// When, by the terminal's clock.
    pub time: Time,
    /// The holder's counter.
    pub counter: u32,
    /// Of an entry: what is held, minor units. Of an exit: 0.
    pub amount: u32,
    /// The station.
    pub reference: [u8; 16],
    /// Of an entry: the exit that closes it and the fare posted, minor units; `None` while it is open.
    pub closed: Option<(SettlementId, u32)>,
    /// Of an entry: how its journey ended otherwise.
    pub ended: Option<JourneyEnd>,
}

/// How a journey ends without an exit.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[repr(u8)]
pub enum JourneyEnd {
    /// No exit came in time: it costs what was held, until an exit comes after all.
    HeldTooLong = 1,
    /// Its operator voided it: it costs nothing, whatever comes.
    Voided = 2,
}

impl JourneyEnd {
    /// Every end.
    pub const ALL: [Self; 2] = [Self::HeldTooLong, Self::Voided];
}

/// An amount given back for a purchase.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RefundRecord {
    /// The settled record by which the holder takes it back.
    pub settlement: SettlementId,
    /// The settled purchase that it is for.
    pub paid: SettlementId,
    /// Minor units, above 0.
    pub amount: u32,
    /// When the operator authorised it.
    pub authorised: Time,
}

/// What a misuse proof proves.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[repr(u8)]
pub enum MisuseKind {
    /// Two messages under one counter.
    DoubleUse = 1,
    /// Transactions that sum to more than the budget.
    Overspend = 2,
}

impl MisuseKind {
    /// Every kind.
    pub const ALL: [Self; 2] = [Self::DoubleUse, Self::Overspend];
}

/// A misuse proof to be kept.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NewMisuse {
    /// What it proves.
    pub kind: MisuseKind,
    /// The credential that signed.
    pub credential: Credential,
    /// SHA-256 of what the offending record signed.
    pub offence: [u8; 32],
    /// The issuer of the card.
    pub issuer: Option<Name>,
    /// The operators that took one of the items.
    pub operators: Vec<Name>,
    /// The proof: items of 241 bytes.
    pub items: Vec<u8>,
    /// When it was found.
    pub found: Time,
}

/// A misuse proof that is kept.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MisuseRecord {
    /// Row number.
    pub id: MisuseId,
    /// What is kept.
    pub misuse: NewMisuse,
}
