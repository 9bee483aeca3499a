//! The roles of pseudonyms, each alone with a store of its own.
#![allow(clippy::unwrap_used, reason = "a test panics where it fails")]

mod attester;
mod clearing;
mod exchange;
mod issuer;
mod linkage;
mod scene;
