//! Pseudonyms as wallet, attester and issuer meet them; what has a signature is tested once and run for each suite.

#![allow(clippy::unwrap_used, reason = "a test panics where it fails")]

mod asking;
mod items;
mod pairwise;
mod published;
mod requests;
mod sealing;
mod world;
