//! What is stored: plain structs of values that are valid by their types.

mod authority;
mod enrolment;
mod exchange;
mod holders;
mod ledger;

pub use authority::{BundleRecord, InstitutionRecord, RequestId, RequestKey, RequestRecord};
pub use enrolment::{ActivationCodeRecord, CodeLocator, HolderRequest, HolderRequestKind, IssuedRecord, OfferRecord};
pub use exchange::{
    Agreement, JourneyRecord, JourneyRole, MisuseId, MisuseKind, MisuseRecord, NewMisuse, NewSettlement, NewUpload,
    RecordPosition, SettlementId, SettlementOutcome, SettlementRecord, SpentItem, UploadDigest, UploadId, UploadRecord,
};
pub use holders::{CardRecord, CardState, HolderKey, TerminalRecord, TerminalState};
pub use ledger::{
    AccountKind, AccountName, AccountRecord, EntryId, EntryKind, LedgerAudit, NewEntry, PostingRecord, Transfer,
};
