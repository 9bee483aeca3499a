//! The library as programs in C meet it: a whole terminal, and every misuse.

#![allow(clippy::unwrap_used, reason = "a test panics where it fails")]

mod city;
mod codes;
mod driven;
mod gate;
mod manual;
mod misuse;
mod native;
mod referred;
mod rollover;

/// Runs each generic function of a module for both suites.
macro_rules! for_each_suite {
    ($($name:ident),* $(,)?) => {
        mod p256 { $(#[test] fn $name() { super::$name::<symbolon_ccks::P256>(); })* }
        mod secp256k1 { $(#[test] fn $name() { super::$name::<symbolon_ccks::Secp256k1>(); })* }
    };
}
use for_each_suite;
