//! The whole service from outside: real processes, real sockets, real certificates.
//!
//! Every test founds a city of its own in a temporary folder with `symbolon init`, starts `symbolon serve` on ports
//! that the system chooses, and talks to it over TLS as offices, wallets and terminals do.

#![allow(clippy::unwrap_used, reason = "a test panics where it fails")]

mod city;
mod holder;
mod office;
mod program;
mod proxy;
mod service;
mod wallet;

mod auditing;
mod cards;
mod clocks;
mod connections;
mod crash;
mod limits;
mod moving;
mod network;
mod nodes;
mod operators;
mod overload;
mod pseudonyms;
mod python_client;
mod shutdown;
mod storage;
mod uploads;

use std::{future::Future, time::Duration};

/// How long anything that a test waits for may take, on a slow machine.
const PATIENCE: Duration = Duration::from_secs(60);

/// Awaits what has to happen; panics when it does not.
async fn within_patience<T>(what: &str, future: impl Future<Output = T>) -> T {
    tokio::time::timeout(PATIENCE, future).await.unwrap_or_else(|_| panic!("{what}: not within {PATIENCE:?}"))
}
