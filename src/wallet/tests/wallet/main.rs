//! The wallet as its holder and its terminals meet it; each test is run for each suite.

#![allow(clippy::unwrap_used, reason = "a test panics where it fails")]

mod apdu;
mod budget;
mod counters;
mod crash;
mod purse;
mod refusals;
mod world;
