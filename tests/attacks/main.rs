//! Attacks on the scheme and on what is built upon it, each mounted for real.
//!
//! A module is one attack. It says what the attacker has and wants, runs the attack against the construction that is
//! weak without the defence, asserts that it succeeds there, and then runs the same attack against ours and asserts that
//! it fails. An attack that did not work on the weak construction would prove nothing about the other.
//!
//! Attackers use nothing but what they would have: public parameters, their own secrets, whatever crossed the air. Where
//! a weak construction has to be built first, it is built here, from the secrets of the authority under test.

#![allow(clippy::unwrap_used, reason = "a test panics where it fails")]

/// Runs each generic function for both suites.
macro_rules! for_each_suite {
    ($($name:ident),* $(,)?) => {
        mod p256 { $(#[test] fn $name() { super::$name::<symbolon_ccks::P256>(); })* }
        mod secp256k1 { $(#[test] fn $name() { super::$name::<symbolon_ccks::Secp256k1>(); })* }
    };
}

mod bureau;
mod city;
mod equations;
mod forger;
mod station;

mod challenge_replay;
mod collusion;
mod concurrent_issues;
mod counterfeit_terminal;
mod double_settlement;
mod framing;
mod honest_holder;
mod institution_keys;
mod mauled_signatures;
mod misplaced_taps;
mod nonce_reuse;
mod rogue_key;
mod substitution;
mod terminal_replay;
