//! Conformance: our own vectors, those of others, and a second implementation.

#![allow(clippy::unwrap_used, reason = "a test panics where it fails")]

mod aes_gcm;
mod combining;
mod expand_message;
mod files;
mod image;
#[path = "../../src/verifier-c/tests/c/native.rs"]
mod native;
mod point_decoding;
mod pseudonyms;
mod reference;
mod refusals;
mod runner;
mod scheme;
mod terminals;

/// Runs each generic function of a module for both suites.
macro_rules! for_each_suite {
    ($($name:ident),* $(,)?) => {
        mod p256 { $(#[test] fn $name() { super::$name::<symbolon_ccks::P256>(); })* }
        mod secp256k1 { $(#[test] fn $name() { super::$name::<symbolon_ccks::Secp256k1>(); })* }
    };
}
use for_each_suite;
