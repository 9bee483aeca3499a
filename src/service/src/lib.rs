//! The service: roles as use cases, and the thin gRPC layer over them.
#![forbid(unsafe_code)]

pub mod activation;
pub mod attester;
pub mod authority;
pub mod bundles;
pub mod cards;
pub mod clearing;
mod client;
mod composition;
pub mod config;
mod context;
pub mod custody;
pub mod enrolment;
mod errors;
pub mod exchange;
mod grpc;
pub mod holder_key;
pub mod institutions;
pub mod issuer;
pub mod ledger;
pub mod linkage;
pub mod links;
pub mod logging;
pub mod metrics;
pub mod pki;
mod requests;
pub mod server;
pub mod setup;
pub mod terminals;
mod validity;
pub mod vouchers;

pub use client::{Caller, Client, Role, UnknownRole};
pub use composition::UseCases;
pub use context::{Batching, Clock, Context, Entropy, Policy, PseudonymPolicy, PublishingPolicy};
pub use errors::ServiceError;
pub use grpc::roles::{Access, METHODS, Method};
pub use requests::Request;
