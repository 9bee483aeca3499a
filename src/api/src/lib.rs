//! The gRPC interface generated from proto/, and its conversions to and from the project's types.
//!
//! [`v1`] is what `proto/symbolon/v1` says, word for word, and [`roles`] what `proto/symbolon/roles/v1` does. The conversions are strict: a field that is missing, out of
//! range or of the wrong length is an [`InvalidField`] that names it, and nothing is guessed.
#![forbid(unsafe_code)]

mod field;
mod name;
mod redacted;
mod value;

pub use field::InvalidField;
pub use name::{
    AccountName, CardName, EntryName, IssuerName, MisuseProofName, OperatorName, RecordName, TerminalName, UploadName,
};
pub use value::{
    at_most, byte, bytes, count, currency, institution_name, optional_time, period, request_id, required,
    sector_from_wire, sector_to_wire, sectors_from_wire, sectors_to_wire, suite_from_wire, suite_to_wire, tariff,
    time_from_wire, time_to_wire,
};

/// The messages, clients and servers of package `symbolon.v1`.
#[allow(missing_docs, unreachable_pub, unused_qualifications, rust_2018_idioms, clippy::all, clippy::pedantic)]
pub mod v1 {
    tonic::include_proto!("symbolon.v1");
}

/// The messages, clients and servers of package `symbolon.roles.v1`: what the roles of the service ask of each other.
#[allow(missing_docs, unreachable_pub, unused_qualifications, rust_2018_idioms, clippy::all, clippy::pedantic)]
pub mod roles {
    tonic::include_proto!("symbolon.roles.v1");
}

/// The encoded `FileDescriptorSet` of both packages and what they import, for reflection and for walking the methods.
pub const FILE_DESCRIPTOR_SET: &[u8] = tonic::include_file_descriptor_set!("symbolon");
