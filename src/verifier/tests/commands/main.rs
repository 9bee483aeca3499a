//! A terminal on simulated flash, tapped and maintained over commands: the card's side is the wallet's own.

#![allow(clippy::unwrap_used, reason = "a test panics where it fails")]

mod city;
mod frames;
mod hostile;
#[path = "../support/issuing.rs"]
mod issuing;
mod meter;
mod port;

mod reader;

/// Runs each generic function of a module for both suites.
macro_rules! for_each_suite {
    ($($name:ident),* $(,)?) => {
        mod p256 { $(#[test] fn $name() { super::$name::<symbolon_ccks::P256>(); })* }
        mod secp256k1 { $(#[test] fn $name() { super::$name::<symbolon_ccks::Secp256k1>(); })* }
    };
}
pub(crate) use for_each_suite;
