//! The scheme as its users meet it, every test written once and run for each suite.

#![allow(clippy::unwrap_used, reason = "a test panics where it fails")]

mod city;
mod encoding;
mod issuing;
mod opening;
mod secrets;
mod signing;

/// Runs each generic function of a module for both suites.
macro_rules! for_each_suite {
    ($($name:ident),* $(,)?) => {
        mod p256 { $(#[test] fn $name() { super::$name::<symbolon_ccks::P256>(); })* }
        mod secp256k1 { $(#[test] fn $name() { super::$name::<symbolon_ccks::Secp256k1>(); })* }
    };
}
use for_each_suite;
