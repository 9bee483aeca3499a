//! The bytes of a tap as their users meet them; what has a signature is tested once and run for each suite.

#![allow(clippy::unwrap_used, reason = "a test panics where it fails")]

mod bundles;
mod canonical;
mod layout;
mod misuse;
mod signatures;
mod terms;
mod uploads;
mod world;
