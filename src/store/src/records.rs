//! What is stored: plain structs of values that are valid by their types.

mod attester;
mod authority;
mod charges;
mod clearing;
mod enrolment;
mod exchange;
mod holders;
mod issuer;
mod leases;
mod ledger;
mod linkage;
mod routes;
mod vouchers;

pub use attester::{
    AttesterCounts, ChallengeRecord, ItemEnd, LinkageHandleRecord, PseudonymItemRecord, PseudonymQuota,
    PseudonymRequestRecord, PseudonymRequestState, PublishedSeedsRecord, ReservationId, TraceApprovalRecord,
    TraceAuditRecord, WaitingItemRecord, WaitingItems,
};
pub use authority::{BundlePartRecord, BundleRecord, InstitutionRecord, RequestId, RequestKey, RequestRecord};
pub use charges::{ChargeBatchId, ChargeRecord, NewCharge, Payer, SuspensionRecord, Waiting};
pub use clearing::{BindingRecord, CaseEvent, CaseRecord, Release, ReservationRecord, SetAside};
pub use enrolment::{ActivationCodeRecord, CodeLocator, HolderRequest, HolderRequestKind, IssuedRecord, OfferRecord};
pub use exchange::{
    Agreement, AgreementKey, JourneyEnd, JourneyRecord, JourneyRole, MisuseId, MisuseKind, MisuseRecord, NewMisuse,
    NewSettlement, NewUpload, RecordPosition, RefundRecord, SettlementId, SettlementOutcome, SettlementRecord,
    SpentItem, UploadDigest, UploadId, UploadRecord,
};
pub use holders::{CardRecord, CardState, HolderKey, TerminalRecord, TerminalState};
pub use issuer::{ArchiveOpening, ArchivedPseudonymRecord, PseudonymState};
pub use leases::LeaseHolder;
pub use ledger::{
    AccountKind, AccountName, AccountRecord, EntryId, EntryKind, LedgerAudit, NetPosition, NewEntry, PostingRecord,
    StatementLine, StatementRecord, Transfer,
};
pub use linkage::LinkageSeedRecord;
pub use routes::{RouteEvent, RouteItem, RouteRecord};
pub use vouchers::{
    DeliveryRecord, IssuedVoucher, MeterStanding, VoucherCounts, VoucherId, VoucherMovement, VoucherPostingRecord,
    VoucherRecord, VoucherReference, VoucherState,
};
