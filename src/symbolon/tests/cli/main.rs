//! The binary as people and programs use it.
#![allow(clippy::unwrap_used, reason = "a test panics where it fails")]

mod audit;
mod bench;
mod by_hand;
mod demo;
mod device;
mod keys;
mod pseudonyms;
mod settlement;
mod sim;
mod usage;
mod vouchers;
mod workshop;
