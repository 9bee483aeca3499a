//! Attacks on the scheme and on what is built upon it, each mounted for real.
//!
//! A module is one attack. It says what the attacker has and wants, runs the attack against the construction that is
//! weak without the defence, asserts that it succeeds there, and then runs the same attack against ours and asserts that
//! it fails. An attack that did not work on the weak construction would prove nothing about the other.
//!
//! | | attack | module |
//! | --- | --- | --- |
//! | 1 | a rogue accompanying key | [`rogue_key`] |
//! | 2 | colluding holders solve for an unseen one's key | [`collusion`] |
//! | 3 | one issuing nonce used twice | [`nonce_reuse`] |
//! | | many issues at once (ROS) | [`concurrent_issues`] |
//! | 4 | what was made for one thing used for another | [`substitution`], [`misplaced_taps`] |
//! | 5 | mauled signatures | [`mauled_signatures`] |
//! | 6 | a presentation replayed at one terminal | [`terminal_replay`] |
//! | 7 | institution keys collected | [`institution_keys`] |
//! | 8 | a counterfeit terminal | [`counterfeit_terminal`] |
//! | 9 | a recorded challenge replayed to the card | [`challenge_replay`] |
//! | 10 | one challenge settled twice | [`double_settlement`] |
//! | 11 | an issuer frames a holder | [`framing`] |
//! | 12 | everybody against an honest holder | [`honest_holder`] |
//! | 13 | the attester substitutes U, or swaps answers | [`substituted_point`] |
//! | 14 | the issuer marks a card | [`marked_pseudonyms`] |
//! | 15 | sealed requests replayed, or taken apart | [`replayed_items`] |
//! | 16 | a linkage authority returns repeated or chosen values | [`chosen_values`] |
//! | 17 | a card asks many times at once | [`parallel_requests`] |
//! | 18 | a clearing tag replayed, or malformed | [`replayed_tags`] |
//! | 19 | a holder changes the fields of a pseudonym | [`altered_pseudonym`] |
//! | 20 | a revoked card's pseudonyms are spent | [`revoked_pseudonyms`] |
//! | 21 | the database of one role is stolen | [`stolen_databases`] |
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
mod roles;
mod station;

mod altered_pseudonym;
mod challenge_replay;
mod chosen_values;
mod collusion;
mod concurrent_issues;
mod counterfeit_terminal;
mod double_settlement;
mod framing;
mod honest_holder;
mod institution_keys;
mod marked_pseudonyms;
mod mauled_signatures;
mod misplaced_taps;
mod nonce_reuse;
mod parallel_requests;
mod replayed_items;
mod replayed_tags;
mod revoked_pseudonyms;
mod rogue_key;
mod stolen_databases;
mod substituted_point;
mod substitution;
mod terminal_replay;
