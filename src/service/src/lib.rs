//! The service: roles as use cases, and the thin gRPC layer over them.
#![forbid(unsafe_code)]

pub mod activation;
pub mod authority;
pub mod bundles;
pub mod cards;
mod client;
mod context;
pub mod custody;
pub mod enrolment;
mod errors;
pub mod exchange;
pub mod holder_key;
pub mod institutions;
pub mod ledger;
mod requests;
pub mod terminals;
mod validity;

pub use client::{Client, Role, UnknownRole};
pub use context::{Clock, Context, Entropy, Policy};
pub use errors::ServiceError;
pub use requests::Request;
