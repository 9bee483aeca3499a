//! The service as its callers see it: over TLS, on ports of its own.
#![allow(clippy::unwrap_used, reason = "a test panics where it fails")]

mod admission;
mod apart;
mod asking;
mod boundaries;
mod city;
mod issuing;
mod listeners;
mod pseudonyms;
mod renewing;
mod settling;
mod setup;
mod vouchers;
