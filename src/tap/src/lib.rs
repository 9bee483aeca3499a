//! The bytes of a tap: terms, challenge, presentation, upload, trust bundle, successor and misuse proof.
//!
//! Every structure has one encoding, of fixed layout, read in place: `X::parse` takes exactly the bytes of an `X` and
//! refuses every non-canonical one, so that a value that exists is well formed. Parsing proves nothing about who sent
//! the bytes; `verify` does. The layouts are in `docs/wire-format.md`.
#![no_std]
#![forbid(unsafe_code)]

#[cfg(feature = "alloc")]
extern crate alloc;
#[cfg(test)]
extern crate std;

mod acknowledgement;
pub mod apdu;
mod bundle;
mod challenge;
mod digest;
pub mod misuse;
mod parts;
mod presentation;
mod receipt;
mod record;
mod refusal;
mod request;
mod select;
mod successor;
mod terms;
mod upload;
pub mod voucher;

pub use acknowledgement::{Acknowledgement, AcknowledgementFields};
#[cfg(feature = "alloc")]
pub use bundle::building::{BundleContent, BundleFields, FilterContent, encode_bundle};
pub use bundle::fares::{Fare, FareFields, Tariff};
#[cfg(feature = "alloc")]
pub use bundle::filter::building::{FilterSet, FilterUnbuildable};
pub use bundle::filter::{Filter, FilterAnswer, FilterKey, Scope};
pub use bundle::rules::{Rule, RuleFields, StaleAction};
pub use bundle::sections::{Limit, Limits, RevokedSubjects, Section, Sections, section_type};
pub use bundle::seeds::{RevokedSeed, RevokedSeeds, SeedTable};
pub use bundle::table::{Entry, Table};
pub use bundle::view::{BundleSections, BundleUnreadable, BundleView};
pub use bundle::{Bundle, BundleHeader, MAX_SEQUENCE_STEP};
pub use challenge::Challenge;
pub use presentation::{NO_TERMINAL, Presentation, TerminalDigest};
pub use receipt::{Outcome, Receipt};
pub use record::{Record, RecordBytes};
pub use refusal::SignRefused;
pub use request::RequestDigest;
pub use select::SelectResponse;
pub use successor::{Successor, SuccessorFields, SuccessorStatement};
pub use terms::{Flags, Kind, Misfit, Terms, TermsFields};
#[cfg(feature = "alloc")]
pub use upload::encode_upload;
pub use upload::{
    MAX_RECORDS, RecordHint, RecordsDigest, RecordsHasher, Upload, UploadHead, UploadHeader, sign_upload_header,
};
