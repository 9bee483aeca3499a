//! The use cases on the SQLite store, below gRPC.
#![allow(clippy::unwrap_used, reason = "a test may panic")]

mod beside;
mod bundles;
mod cards;
mod city;
mod collecting;
mod enrolment;
mod exchange;
mod institutions;
mod journeys;
mod ledger;
mod misuse;
mod order;
mod outcomes;
mod refunds;
mod refusals;
mod renewal;
mod terminals;
#[path = "../scene/time_and_chance.rs"]
mod time_and_chance;
mod vouchers;
