//! The roles of pseudonyms, each alone with a store of its own.
#![allow(clippy::unwrap_used, reason = "a test panics where it fails")]

mod attester;
mod clearing;
mod exchange;
mod issuer;
mod linkage;
mod scene;
#[path = "../scene/time_and_chance.rs"]
mod time_and_chance;
