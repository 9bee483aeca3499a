//! The service: roles as use cases, and the thin gRPC layer over them.
#![forbid(unsafe_code)]

mod client;

pub use client::{Client, Role, UnknownRole};
