//! What the roles ask of each other: the only ways between them.
//!
//! Each role keeps what it knows in a database of its own, and tells another only what is said here. In one process a link
//! is the other role's use case itself; between processes it is a client of `symbolon.roles.v1` over mTLS. Either way a
//! call may be repeated when its answer got lost: every one that changes something says how it is known again.
//!
//! | link | to | from |
//! | --- | --- | --- |
//! | [`LinkageLink`] | a linkage authority | attester |
//! | [`IssuerLink`] | issuer | attester |
//! | [`ClearingLink`] | clearing | attester, issuer, exchange |
//! | [`RegistryLink`] | attester | exchange |
//! | [`ExchangeLink`] | exchange | issuer |

use std::{fmt, str::FromStr};

use hmac::{Hmac, KeyInit as _, Mac as _};
use sha2::Sha256;
use symbolon_ccks::{Credential, CredentialDigest, LinkageAuthority, LinkageSeed, Name, Period, Subject, Time};
use symbolon_pseudonym::{
    AccountHandle, ClearingTag, Commitment, ItemChallenge, LinkageHandle, ProfileId, SealedAnswer, SealedItem,
    SealedValue, SealingKey,
};
use symbolon_store::records::{EntryKind, IssuedRecord, RecordPosition, VoucherId, VoucherMovement, VoucherReference};
use tonic::async_trait;

use crate::ServiceError;

/// What is sealed under when a role exports what it holds to a holder.
pub const EXPORT_INFO: &[u8] = b"SYMBOLON-V1-EXPORT";

/// A role of the service: a module with its own keys and database, and a process of its own where so configured.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum ServiceRole {
    /// Knows cards, their states and quotas; enrols cards and terminals, and publishes trust bundles.
    Attester,
    /// Issues pseudonyms, without knowing to which card.
    Issuer,
    /// The first linkage authority.
    LinkageA,
    /// The second linkage authority.
    LinkageB,
    /// Keeps the ledger; knows accounts by handles.
    Clearing,
    /// Takes uploads and settles them.
    Exchange,
}

impl ServiceRole {
    /// Every role.
    pub const ALL: [Self; 6] =
        [Self::Attester, Self::Issuer, Self::LinkageA, Self::LinkageB, Self::Clearing, Self::Exchange];

    /// Its name in configuration, files and certificates.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Attester => "attester",
            Self::Issuer => "issuer",
            Self::LinkageA => "linkage-a",
            Self::LinkageB => "linkage-b",
            Self::Clearing => "clearing",
            Self::Exchange => "exchange",
        }
    }

    /// Whether it serves issuers, operators, auditors, administrators or officers, rather than roles alone.
    pub const fn serves_offices(self) -> bool {
        matches!(self, Self::Attester | Self::Clearing | Self::Exchange)
    }

    /// Whether it serves wallets or terminals.
    pub const fn serves_the_public(self) -> bool {
        matches!(self, Self::Attester | Self::Exchange)
    }

    /// The roles that it asks, as the table above has them.
    pub const fn asks(self) -> &'static [Self] {
        match self {
            Self::Attester => &[Self::Issuer, Self::LinkageA, Self::LinkageB, Self::Clearing],
            Self::Issuer => &[Self::Clearing, Self::Exchange],
            Self::Exchange => &[Self::Attester, Self::Clearing],
            Self::LinkageA | Self::LinkageB | Self::Clearing => &[],
        }
    }

    /// The role of a linkage authority.
    pub const fn of_linkage(authority: LinkageAuthority) -> Self {
        match authority {
            LinkageAuthority::A => Self::LinkageA,
            LinkageAuthority::B => Self::LinkageB,
        }
    }
}

impl fmt::Display for ServiceRole {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(self.as_str())
    }
}

/// The text names no role of the service.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("not a role: use attester, issuer, linkage-a, linkage-b, clearing or exchange")]
pub struct UnknownServiceRole;

impl FromStr for ServiceRole {
    type Err = UnknownServiceRole;

    fn from_str(text: &str) -> Result<Self, UnknownServiceRole> {
        Self::ALL.into_iter().find(|role| role.as_str() == text).ok_or(UnknownServiceRole)
    }
}

/// Asks a linkage authority for values. The same request gives the same values, sealed anew.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ValuesRequest {
    /// What the authority knows the card by; one it has not met gets a seed.
    pub handle: LinkageHandle,
    /// The period: the present one or the next.
    pub period: Period,
    /// The number of the first value.
    pub first: u32,
    /// What each value is bound to, in order.
    pub commitments: Vec<Commitment>,
}

/// What a linkage authority holds under a handle; the seed itself stays there.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LinkageHolding {
    /// When it met the handle.
    pub since: Time,
    /// The period of the seed that it keeps; earlier ones are gone.
    pub period: Period,
    /// From which period on the seed was published, if it was.
    pub published_from: Option<Period>,
}

/// A linkage authority, as the attester sees it.
#[async_trait]
pub trait LinkageLink: Send + Sync {
    /// Gives values, sealed to the issuer.
    async fn values(&self, request: ValuesRequest) -> Result<Vec<SealedValue>, ServiceError>;
    /// Gives the seed from `from` on away, to be published, and counts the handle as revoked: it gets no more values.
    /// Asked again, it gives the seed of the first time, and that time's period. `None` for a handle never met.
    async fn reveal(&self, handle: LinkageHandle, from: Period) -> Result<Option<(Period, LinkageSeed)>, ServiceError>;
    /// Says what is held under a handle.
    async fn holding(&self, handle: LinkageHandle) -> Result<Option<LinkageHolding>, ServiceError>;
}

/// One pseudonym asked for, on its way to the issuer: nothing in it says which card asks, or which others it asks for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct IssueItem {
    /// The item's own challenge.
    pub challenge: ItemChallenge,
    /// What the card has signed of it, and what it is known by again.
    pub commitment: Commitment,
    /// For which period.
    pub period: Period,
    /// Of which shape.
    pub profile: ProfileId,
    /// The wallet's, for the issuer alone.
    pub sealed: SealedItem,
    /// What the two linkage authorities give for it.
    pub values: [SealedValue; 2],
    /// For clearing.
    pub tag: ClearingTag,
}

/// What became of an item.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ItemOutcome {
    /// A pseudonym, sealed to the wallet.
    Issued(SealedAnswer),
    /// None, for good.
    Refused(ItemRefusal),
    /// Not yet: clearing or the exchange did not answer. Send the item again.
    Pending,
}

/// Why an item got no pseudonym.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ItemRefusal {
    /// It does not open: sealed to another key, or for another challenge, commitment or authority.
    Unopened,
    /// U and salt do not give the commitment.
    WrongCommitment,
    /// The item says another suite or period than the attester.
    WrongPeriod,
    /// There is no such profile.
    UnknownProfile,
    /// The possession does not verify.
    BadPossession,
    /// A linkage value does not open, or came before.
    BadLinkageValue,
    /// U was used before, under another commitment.
    PointUsed,
    /// Clearing did not take the tag: malformed, used before, or beyond what was reserved.
    TagRefused,
    /// The authority cannot issue over this U.
    NotIssuable,
    /// The attester withdrew it: the card was taken out of use, or the period was over, before it was issued.
    Withdrawn,
}

impl ItemRefusal {
    /// Every refusal.
    pub const ALL: [Self; 10] = [
        Self::Unopened,
        Self::WrongCommitment,
        Self::WrongPeriod,
        Self::UnknownProfile,
        Self::BadPossession,
        Self::BadLinkageValue,
        Self::PointUsed,
        Self::TagRefused,
        Self::NotIssuable,
        Self::Withdrawn,
    ];

    /// A stable name.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Unopened => "unopened",
            Self::WrongCommitment => "wrong_commitment",
            Self::WrongPeriod => "wrong_period",
            Self::UnknownProfile => "unknown_profile",
            Self::BadPossession => "bad_possession",
            Self::BadLinkageValue => "bad_linkage_value",
            Self::PointUsed => "point_used",
            Self::TagRefused => "tag_refused",
            Self::NotIssuable => "not_issuable",
            Self::Withdrawn => "withdrawn",
        }
    }
}

/// What the issuer keeps of a pseudonym, for a case that clearing's officer approved.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ArchivedPseudonym {
    /// The credential.
    pub credential: Credential,
    /// U.
    pub point: symbolon_ccks::CompressedPoint,
    /// What hid U in the commitment.
    pub salt: [u8; 32],
    /// The contribution s.
    pub contribution: [u8; 32],
}

/// Shows the issuer that clearing's officer approved a case: HMAC-SHA-256 under the key of clearing and issuer, over
/// `"SYMBOLON-V1-TRACE"` || subject || case number.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TraceToken(pub [u8; 32]);

impl TraceToken {
    /// The token of this case, under the key of clearing and issuer.
    pub fn of_case(key: &[u8; 32], subject: &Subject, case: &str) -> Self {
        let mut mac = Hmac::<Sha256>::new_from_slice(key).expect("HMAC takes keys of every length");
        mac.update(b"SYMBOLON-V1-TRACE");
        mac.update(subject.as_bytes());
        mac.update(case.as_bytes());
        Self(mac.finalize().into_bytes().into())
    }
}

/// The issuer, as the attester sees it.
#[async_trait]
pub trait IssuerLink: Send + Sync {
    /// Issues what can be issued; outcomes in the order of the items. An item is known again by its commitment, and gets
    /// the same answer.
    async fn issue(&self, items: Vec<IssueItem>) -> Result<Vec<ItemOutcome>, ServiceError>;
    /// Gives what ties a pseudonym to the card's signature, for an approved case.
    async fn archived(
        &self,
        subject: Subject,
        case: &str,
        token: TraceToken,
    ) -> Result<Option<ArchivedPseudonym>, ServiceError>;
}

/// Money set aside for pseudonyms.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Reservation {
    /// What it is known by again, 16 random bytes.
    pub id: [u8; 16],
    /// The account that is to pay.
    pub account: AccountHandle,
    /// The period of the pseudonyms.
    pub period: Period,
    /// How many pseudonyms.
    pub count: u16,
    /// The budget of each, minor units.
    pub budget: u32,
    /// How far below zero the account may go: the postpaid line of its tariff, minor units.
    pub line: u32,
    /// ISO 4217 numeric.
    pub currency: u16,
    /// When the money is free again: when late records are no longer awaited.
    pub until: Time,
}

/// A subject and the tag that says who pays for it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Binding {
    /// The pseudonym's subject.
    pub subject: Subject,
    /// Its period.
    pub period: Period,
    /// For clearing alone.
    pub tag: ClearingTag,
}

/// Who takes part in a charge.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, serde::Serialize, serde::Deserialize)]
pub enum Party {
    /// Who holds the credential: pays, and gets back.
    Holder,
    /// An operator.
    Operator(#[serde(with = "name_text")] Name),
    /// What is held between entry and exit.
    Journeys,
}

/// Money moved between parties, minor units.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct Move {
    /// Who gives.
    pub from: Party,
    /// Who takes.
    pub to: Party,
    /// How much.
    pub amount: u32,
}

/// What the exchange has clearing post, all at once.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PostingBatch {
    /// What it is known by again, 16 random bytes.
    pub id: [u8; 16],
    /// What cards did under their own numbers, one entry each.
    pub named: Vec<NamedCharge>,
    /// What pseudonyms did, summed: who paid whom cannot be told from it.
    pub netted: Vec<NettedCharge>,
}

/// One settled record of a card under its own number.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NamedCharge {
    /// Why.
    pub kind: EntryKind,
    /// Who pays: a tag made for [`symbolon_pseudonym::TagUse::Named`].
    pub tag: ClearingTag,
    /// ISO 4217 numeric.
    pub currency: u16,
    /// The record settled.
    pub record: Option<RecordPosition>,
    /// What moves.
    pub moves: Vec<Move>,
}

/// Many settled records of pseudonyms in one currency; what all gain together is 0.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NettedCharge {
    /// ISO 4217 numeric.
    pub currency: u16,
    /// What each subject gains, minor units; below zero when it pays.
    pub subjects: Vec<(Subject, i64)>,
    /// What operators and journeys gain, minor units; never [`Party::Holder`].
    pub parties: Vec<(Party, i64)>,
}

/// Money that moves for a voucher: between an account and the operator of a meter. Neither card nor meter is said.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct VoucherPayment {
    /// What the sale is known by again, 16 random bytes.
    pub sale: VoucherId,
    /// Which way it moves.
    pub movement: VoucherMovement,
    /// The account that pays, or gets back.
    pub account: AccountHandle,
    /// Who sells the water or the power.
    pub operator: Name,
    /// ISO 4217 numeric.
    pub currency: u16,
    /// The price, minor units.
    pub amount: u32,
    /// How far below zero the account may go for it: the postpaid line of its tariff, minor units.
    pub line: u32,
}

/// A voucher that a meter took, as the meter's upload says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct DeliveredVoucher {
    /// The first 16 bytes of the SHA-256 of the signed voucher.
    pub reference: VoucherReference,
    /// The meter.
    pub meter: Subject,
}

/// An account that a case has opened, and what shows the issuer that it was approved.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OpenedSubject {
    /// Who pays for the pseudonym.
    pub account: AccountHandle,
    /// For the issuer.
    pub token: TraceToken,
    /// The officer of clearing who approved.
    pub approved_by: String,
    /// When.
    pub approved: Time,
}

/// Clearing, as attester, issuer and exchange see it.
#[async_trait]
pub trait ClearingLink: Send + Sync {
    /// Opens a holder's account of this card issuer; does nothing when it is open.
    async fn open_account(&self, account: AccountHandle, issuer: Name, currency: u16) -> Result<(), ServiceError>;
    /// Whether there is such an account of this card issuer and currency.
    async fn account_fits(&self, account: AccountHandle, issuer: Name, currency: u16) -> Result<bool, ServiceError>;
    /// Sets money aside, once for one id.
    ///
    /// # Errors
    /// [`ServiceError::InsufficientFunds`] when balance and line do not reach; nothing is set aside then.
    async fn reserve(&self, reservation: Reservation) -> Result<(), ServiceError>;
    /// Gives back what of a reservation is for so many pseudonyms that were never issued; once for one id.
    async fn release(&self, reservation: [u8; 16], count: u16) -> Result<(), ServiceError>;
    /// Learns who pays for subjects; whether it took each, in order. One taken before with the same tag is taken.
    async fn bind(&self, bindings: Vec<Binding>) -> Result<Vec<bool>, ServiceError>;
    /// Posts a batch, once for one id.
    async fn post(&self, batch: PostingBatch) -> Result<(), ServiceError>;
    /// Moves money for a voucher, each movement of a sale once and in their order.
    ///
    /// # Errors
    /// [`ServiceError::InsufficientFunds`] when balance and line do not reach for a sale; nothing is moved then.
    async fn pay_voucher(&self, payment: VoucherPayment) -> Result<(), ServiceError>;
    /// Opens a subject to its account, for a case that an officer of clearing approved.
    ///
    /// # Errors
    /// [`ServiceError::NotApproved`] without an approval of this case and subject that still holds.
    async fn open_subject(&self, case: &str, subject: Subject) -> Result<OpenedSubject, ServiceError>;
    /// Everything held on an account, as JSON sealed to the holder's key, so that who passes it on learns nothing.
    async fn export(&self, account: AccountHandle, holder: SealingKey) -> Result<Vec<u8>, ServiceError>;
}

/// A credential of class 1 or 2 that was issued, as the exchange needs to know it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum KnownCredential {
    /// A card's.
    Card {
        /// Who issued the card.
        issuer: Name,
        /// Who pays, made afresh for every record.
        tag: ClearingTag,
        /// Since when it is revoked.
        revoked_since: Option<Time>,
    },
    /// A terminal's.
    Terminal {
        /// Whose it is.
        operator: Name,
        /// Since when it is retired.
        retired: Option<Time>,
    },
}

/// What a revoked card's pseudonyms are recognised by, as published: handle-free.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PublishedSeeds {
    /// The first period that is recognised.
    pub period: Period,
    /// The seeds of A and B for that period.
    pub seeds: [LinkageSeed; 2],
    /// When they were published.
    pub published: Time,
}

/// The attester, as the exchange sees it.
#[async_trait]
pub trait RegistryLink: Send + Sync {
    /// What is known of credentials of cards and terminals, in the order asked; `None` for what was never issued.
    async fn credentials(&self, digests: Vec<CredentialDigest>) -> Result<Vec<Option<KnownCredential>>, ServiceError>;
    /// Suspends the card of a credential that was misused, if it is active. Never asked about a pseudonym.
    async fn suspend(&self, misused: CredentialDigest) -> Result<(), ServiceError>;
    /// What was archived when the credential of a card was issued, then of the one it was renewed from, and so on back.
    async fn issued_line(&self, digest: CredentialDigest) -> Result<Vec<IssuedRecord>, ServiceError>;
    /// Every published pair of seeds of which a pseudonym may still be in use or its records may come.
    async fn published_seeds(&self) -> Result<Vec<PublishedSeeds>, ServiceError>;
    /// Learns which vouchers meters took; learning one twice is once.
    async fn delivered(&self, vouchers: Vec<DeliveredVoucher>) -> Result<(), ServiceError>;
}

/// The exchange, as the issuer sees it.
#[async_trait]
pub trait ExchangeLink: Send + Sync {
    /// Learns which pseudonyms there are, so that one that never was is known for a forgery. Learning one twice is once.
    async fn register(&self, pseudonyms: Vec<(CredentialDigest, Period)>) -> Result<(), ServiceError>;
}

mod name_text {
    use serde::{Deserialize as _, Deserializer, Serializer, de::Error as _};
    use symbolon_ccks::Name;

    pub(super) fn serialize<S: Serializer>(name: &Name, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(name.as_str())
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Name, D::Error> {
        let text = String::deserialize(deserializer)?;
        Name::parse(&text).map_err(D::Error::custom)
    }
}
