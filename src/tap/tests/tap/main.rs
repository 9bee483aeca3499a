//! The bytes of a tap as their users meet them; what has a signature is tested once and run for each suite.

#![allow(clippy::unwrap_used, reason = "a test panics where it fails")]

mod apdus;
mod bundles;
mod canonical;
mod filters;
mod layout;
mod misuse;
mod signatures;
mod terminals;
mod terms;
mod uploads;
mod views;
mod vouchers;
mod world;
