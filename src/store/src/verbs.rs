//! What can be done inside one unit of work: a narrow trait for each subject.
//!
//! Verbs that only look take `&self`, verbs that change take `&mut self`; so a read cannot write. A verb that adds fails
//! with [`StoreError::Conflict`] when the key is taken, one that looks gives `None`.

mod attester;
mod clearing;
mod exchange;
mod issuer;
mod leases;
mod linkage;
mod order;
mod posting;
mod routes;
mod settling;
mod vouchers;

use symbolon_ccks::{Credential, CredentialDigest, Identity, Name, Subject, Time};

use crate::{
    StoreError,
    records::{
        AccountName, AccountRecord, ActivationCodeRecord, AgreementKey, BundlePartRecord, BundleRecord, CardRecord,
        CodeLocator, EntryId, InstitutionRecord, IssuedRecord, JourneyEnd, JourneyRecord, LedgerAudit, MisuseId,
        MisuseRecord, NetPosition, NewEntry, NewMisuse, NewSettlement, NewUpload, OfferRecord, PostingRecord,
        RequestKey, RequestRecord, SettlementId, SettlementRecord, SpentItem, StatementRecord, TerminalRecord,
        UploadDigest, UploadId, UploadRecord,
    },
};

pub use self::{
    attester::{Attestation, PseudonymRequests, PublishedSeeds, Traces},
    clearing::{Bindings, ClearingCases, PostedBatches, Reservations},
    exchange::{Charges, Pseudonyms, Suspensions},
    issuer::PseudonymArchive,
    leases::Leases,
    linkage::LinkageSeeds,
    order::Order,
    posting::Posting,
    routes::{Refunds, Routes},
    settling::Settling,
    vouchers::{Deliveries, VoucherPostings, Vouchers},
};

type Result<T> = std::result::Result<T, StoreError>;

/// Which part of a list.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Page {
    /// What comes after this position; 0 for the first page.
    pub after: u64,
    /// At most so many.
    pub limit: u16,
}

/// A member of a list, with its position in it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Listed<T> {
    /// Give it as [`Page::after`] to go on behind this one.
    pub position: u64,
    /// The member.
    pub record: T,
}

/// Cards.
pub trait Cards {
    /// The card of this number.
    fn card(&self, number: &Subject) -> Result<Option<CardRecord>>;
    /// Cards, oldest first; of one issuer or of all.
    fn cards(&self, issuer: Option<&Name>, page: Page) -> Result<Vec<Listed<CardRecord>>>;
    /// Adds a card.
    fn add_card(&mut self, card: &CardRecord) -> Result<()>;
    /// Replaces what is kept of a card.
    fn update_card(&mut self, card: &CardRecord) -> Result<()>;
    /// Pending, active and suspended cards whose time ran out at `now`, oldest first.
    fn cards_run_out(&self, now: Time, limit: u16) -> Result<Vec<CardRecord>>;
}

/// Terminals.
pub trait Terminals {
    /// The terminal of this subject.
    fn terminal(&self, subject: &Subject) -> Result<Option<TerminalRecord>>;
    /// Terminals, oldest first; of one operator or of all.
    fn terminals(&self, operator: Option<&Name>, page: Page) -> Result<Vec<Listed<TerminalRecord>>>;
    /// Adds a terminal.
    fn add_terminal(&mut self, terminal: &TerminalRecord) -> Result<()>;
    /// Replaces what is kept of a terminal.
    fn update_terminal(&mut self, terminal: &TerminalRecord) -> Result<()>;
}

/// Activation codes, offers, and the archive of what was issued.
pub trait Enrolments {
    /// The code with this locator.
    fn activation_code(&self, locator: &CodeLocator) -> Result<Option<ActivationCodeRecord>>;
    /// Adds the code of a subject that has none.
    fn add_activation_code(&mut self, code: &ActivationCodeRecord) -> Result<()>;
    /// Counts something else given under this locator.
    fn count_failed_attempt(&mut self, locator: &CodeLocator) -> Result<()>;
    /// Uses up the code of a subject; whether there was an unused one.
    fn use_activation_code(&mut self, subject: &Subject, now: Time) -> Result<bool>;
    /// The offer of this nonce.
    fn offer(&self, nonce: &[u8; 32]) -> Result<Option<OfferRecord>>;
    /// The newest unused offer to a subject that is good at `now`.
    fn standing_offer(&self, subject: &Subject, now: Time) -> Result<Option<OfferRecord>>;
    /// The newest unused offer to a subject, good or not.
    fn last_unused_offer(&self, subject: &Subject) -> Result<Option<OfferRecord>>;
    /// Every offer to a subject that is kept, oldest first.
    fn offers_to(&self, subject: &Subject) -> Result<Vec<OfferRecord>>;
    /// The activation code of a subject.
    fn activation_code_of(&self, subject: &Subject) -> Result<Option<ActivationCodeRecord>>;
    /// Adds an offer.
    fn add_offer(&mut self, offer: &OfferRecord) -> Result<()>;
    /// Uses up an offer; whether it was unused.
    fn use_offer(&mut self, nonce: &[u8; 32], now: Time) -> Result<bool>;
    /// What was issued for exactly this identity; at most one, for ever.
    fn issued_for(&self, identity: &Identity) -> Result<Option<IssuedRecord>>;
    /// What was issued under this digest.
    fn issued(&self, digest: &CredentialDigest) -> Result<Option<IssuedRecord>>;
    /// Everything that was issued to this subject, oldest first.
    fn issued_to(&self, subject: &Subject) -> Result<Vec<IssuedRecord>>;
    /// Archives what is issued.
    fn add_issued(&mut self, issued: &IssuedRecord) -> Result<()>;
}

/// Institutions whose keys were derived; at most 63 ever.
pub trait Institutions {
    /// The institution of this name.
    fn institution(&self, name: &Name) -> Result<Option<InstitutionRecord>>;
    /// All of them, in order.
    fn institutions(&self) -> Result<Vec<InstitutionRecord>>;
    /// Counts an institution and gives its ordinal; [`StoreError::Full`] when 63 are counted.
    fn count_institution(&mut self, name: &Name, now: Time) -> Result<u8>;
}

/// Revoked subjects.
pub trait Revocations {
    /// Since when this subject is revoked.
    fn revoked_since(&self, subject: &Subject) -> Result<Option<Time>>;
    /// Revokes a subject from `since` on; does nothing when it is revoked.
    fn revoke(&mut self, subject: &Subject, since: Time) -> Result<()>;
    /// Takes a revocation back; does nothing when there is none.
    fn lift_revocation(&mut self, subject: &Subject) -> Result<()>;
    /// Revoked subjects with a credential that has not expired at `now`, in ascending order.
    fn revoked_subjects(&self, now: Time) -> Result<Vec<Subject>>;
    /// Rises with every change of the revocations.
    fn revocation_revision(&self) -> Result<u64>;
}

/// Trust bundles.
pub trait Bundles {
    /// The newest bundle.
    fn newest_bundle(&self) -> Result<Option<BundleRecord>>;
    /// The bundle of this sequence, while it is kept: the newest, and the one before.
    fn bundle(&self, sequence: u64) -> Result<Option<BundleRecord>>;
    /// A part of the compact form of the bundle of this sequence; the last one when there are fewer. `None` while none
    /// was added, or when they are no longer kept.
    fn bundle_part(&self, sequence: u64, part: u16) -> Result<Option<BundlePartRecord>>;
    /// Adds the compact form of a bundle, at least one part, once; those of the newest four bundles that have one are kept.
    fn add_bundle_parts(&mut self, sequence: u64, valid_until: Time, parts: &[Vec<u8>]) -> Result<()>;
    /// Adds a bundle, newer than all others; earlier ones need not be kept.
    fn add_bundle(&mut self, bundle: &BundleRecord) -> Result<()>;
}

/// Answered requests.
pub trait Requests {
    /// The answered request of this key.
    fn answered_request(&self, key: &RequestKey) -> Result<Option<RequestRecord>>;
    /// Keeps an answered request.
    fn add_answered_request(&mut self, request: &RequestRecord) -> Result<()>;
    /// Forgets requests answered before `time`, and says how many.
    fn forget_requests_before(&mut self, time: Time) -> Result<u64>;
}

/// Uploads and what became of their records.
pub trait Settlements {
    /// The upload of this digest.
    fn upload(&self, digest: &UploadDigest) -> Result<Option<UploadRecord>>;
    /// The upload of this row number.
    fn upload_by_id(&self, id: UploadId) -> Result<Option<UploadRecord>>;
    /// Uploads that are listed, in the order of their numbers; of one operator or of all. See [`Order::list_uploads`].
    fn uploads(&self, operator: Option<&Name>, page: Page) -> Result<Vec<Listed<UploadRecord>>>;
    /// Keeps an upload whose answer follows in the same unit of work. Of one holder's uploads, those that are kept later
    /// have higher numbers.
    fn add_upload(&mut self, upload: &NewUpload) -> Result<UploadId>;
    /// Keeps the answer to an upload.
    fn answer_upload(&mut self, upload: UploadId, answer: &[u8]) -> Result<()>;
    /// The settlement of this identity.
    fn settlement(&self, credential: &CredentialDigest, counter: u32) -> Result<Option<SettlementRecord>>;
    /// The settlement of this row number.
    fn settlement_by_id(&self, id: SettlementId) -> Result<Option<SettlementRecord>>;
    /// The one settlement that posted this agreement.
    fn settled_agreement(&self, agreement: &AgreementKey) -> Result<Option<SettlementRecord>>;
    /// The record of a settlement, as a proof needs it.
    fn settlement_item(&self, id: SettlementId) -> Result<Option<SpentItem>>;
    /// Keeps a settlement under [`NewSettlement::id`]; what is settled and spends counts into [`Settlements::spent`].
    fn add_settlement(&mut self, settlement: &NewSettlement) -> Result<SettlementId>;
    /// What was settled of purchases and entries of this credential, minor units.
    fn spent(&self, credential: &CredentialDigest) -> Result<u64>;
    /// The settled purchases and entries of this credential, largest first.
    fn spent_items(&self, credential: &CredentialDigest) -> Result<Vec<SpentItem>>;
}

/// Ends of journeys.
pub trait Journeys {
    /// Ends of one holder's journeys with one operator, in the order of their times; of the same second, of their
    /// counters. Only those that an end at `time` has to do with: all from `time` on, and before it all from where the
    /// earliest journey began that goes on at `time`.
    fn journeys_around(&self, credential: &CredentialDigest, operator: &Name, time: Time)
    -> Result<Vec<JourneyRecord>>;
    /// The fare of the journey that an exit closes, minor units; `None` while it closes none.
    fn fare_of_exit(&self, exit: SettlementId) -> Result<Option<u32>>;
    /// The end that a settled record is.
    fn journey(&self, settlement: SettlementId) -> Result<Option<JourneyRecord>>;
    /// Entries of `time` or before whose journeys go on: not closed, not ended; oldest first.
    fn journeys_held_since(&self, time: Time, limit: u16) -> Result<Vec<JourneyRecord>>;
    /// Says how the journey of an entry ended without an exit: that it was held for too long only while it goes on, that
    /// it is void once.
    fn end_journey(&mut self, entry: SettlementId, end: JourneyEnd) -> Result<()>;
    /// Adds one end, open.
    fn add_journey(&mut self, journey: &JourneyRecord) -> Result<()>;
    /// Says which exit closes an entry and for which fare, or that it is open.
    fn close_journey(&mut self, entry: SettlementId, closed: Option<(SettlementId, u32)>) -> Result<()>;
}

/// Misuse proofs.
pub trait Misuses {
    /// The proof of this row number.
    fn misuse(&self, id: MisuseId) -> Result<Option<MisuseRecord>>;
    /// The proof that an offending record led to.
    fn misuse_of(&self, credential: &Credential, offence: &[u8; 32]) -> Result<Option<MisuseRecord>>;
    /// Proofs, oldest first: of an issuer's cards, with a record of an operator, or all.
    fn misuses(&self, concerning: Concerning<'_>, page: Page) -> Result<Vec<MisuseRecord>>;
    /// Keeps a proof.
    fn add_misuse(&mut self, misuse: &NewMisuse) -> Result<MisuseId>;
}

/// Whom listed misuse proofs concern.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Concerning<'a> {
    /// Anybody.
    All,
    /// The cards of an issuer.
    Issuer(&'a Name),
    /// Records of an operator.
    Operator(&'a Name),
}

/// The double-entry ledger.
pub trait Ledger {
    /// The account of this name.
    fn account(&self, name: &AccountName) -> Result<Option<AccountRecord>>;
    /// Accounts, oldest first; of one owner or of all.
    fn accounts(&self, owner: Option<&Name>, page: Page) -> Result<Vec<Listed<AccountRecord>>>;
    /// The accounts that stand in for unknown payers, oldest first.
    fn suspense_accounts(&self) -> Result<Vec<AccountRecord>>;
    /// Opens an account, with nothing in it; does nothing when it is open.
    fn open_account(&mut self, account: &AccountRecord) -> Result<()>;
    /// Makes an entry between open accounts.
    fn post(&mut self, entry: &NewEntry) -> Result<EntryId>;
    /// Accounts of operators, oldest first; of one or of all.
    fn operator_accounts(&self, operator: Option<&Name>) -> Result<Vec<AccountRecord>>;
    /// What entries of `from` or later and before `until` did to an account.
    fn statement(&self, account: &AccountName, from: Time, until: Time) -> Result<Option<StatementRecord>>;
    /// What entries of `from` or later and before `until` did for each party, by currency, kind and owner. What an issuer
    /// credits its holders with moves nothing between parties, and is left out; so all of a currency sum to zero.
    fn net_positions(&self, from: Time, until: Time) -> Result<Vec<NetPosition>>;
    /// What happened to an account, oldest first.
    fn postings(&self, account: &AccountName, page: Page) -> Result<Vec<Listed<PostingRecord>>>;
    /// Recounts everything.
    fn audit(&self) -> Result<LedgerAudit>;
}

/// Everything that one unit of work can do.
pub trait Transaction:
    Cards
    + Terminals
    + Enrolments
    + Institutions
    + Revocations
    + Bundles
    + Requests
    + Settlements
    + Settling
    + Journeys
    + Misuses
    + Pseudonyms
    + Charges
    + Refunds
    + Routes
    + Order
    + Suspensions
    + Ledger
    + Reservations
    + Bindings
    + PostedBatches
    + Posting
    + ClearingCases
    + PseudonymArchive
    + LinkageSeeds
    + Leases
    + Attestation
    + PseudonymRequests
    + PublishedSeeds
    + Traces
    + Vouchers
    + VoucherPostings
    + Deliveries
{
}

impl<T> Transaction for T where
    T: Cards
        + Terminals
        + Enrolments
        + Institutions
        + Revocations
        + Bundles
        + Requests
        + Settlements
        + Settling
        + Journeys
        + Misuses
        + Pseudonyms
        + Charges
        + Refunds
        + Routes
        + Order
        + Suspensions
        + Ledger
        + Reservations
        + Bindings
        + PostedBatches
        + Posting
        + ClearingCases
        + PseudonymArchive
        + LinkageSeeds
        + Leases
        + Attestation
        + PseudonymRequests
        + PublishedSeeds
        + Traces
        + Vouchers
        + VoucherPostings
        + Deliveries
{
}
