//! The terminal for programs in C.
//!
//! One open terminal lives in memory of the caller's, with everything that the verifier borrows from each other: the
//! flash, up to two authorities with the terminal's keys under them, the tap that goes on. This crate puts them there,
//! checks every pointer and length that comes in, and turns results into numbers. It decides nothing itself.
//!
//! `include/symbolon.h` is written from it by `cargo xtask header`. With one module of vector arithmetic elsewhere, this
//! is the only `unsafe` of the project.
#![no_std]

#[cfg(all(feature = "p256", feature = "secp256k1"))]
compile_error!("a terminal's library has one suite: choose the feature p256 or the feature secp256k1, not both");
#[cfg(not(any(feature = "p256", feature = "secp256k1")))]
compile_error!("choose the suite: the feature p256 or the feature secp256k1");

// What a static library needs of it is the panic handler.
#[cfg(feature = "std")]
extern crate std;

mod checking;
mod domains;
mod instance;
mod opening;
mod panicking;
mod platform;
mod port;
mod status;
mod structures;
mod tap;
mod words;

pub use instance::*;
pub use port::*;
pub use status::*;
pub use structures::*;
pub use tap::*;
pub use words::*;

/// What the manual shows in Rust compiles.
#[cfg(doctest)]
#[doc = include_str!("../../../docs/terminal-integration.md")]
struct Manual;

/// The suite of the terminal's authority.
#[cfg(feature = "p256")]
pub(crate) type TerminalSuite = symbolon_ccks::P256;
/// The suite of the terminal's authority.
#[cfg(not(feature = "p256"))]
pub(crate) type TerminalSuite = symbolon_ccks::Secp256k1;
