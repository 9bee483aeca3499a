//! A terminal's firmware in QEMU: what it is provisioned with, how it is started, and the lines to it.
//!
//! [`Block`] is what a maker writes into a device before it leaves the factory: whose terminal it is, whom it trusts,
//! what it asks for. The firmware in `firmware-sim/` reads it in place; with the `std` feature [`block::Provisioning`]
//! makes one, and [`Emulator`](qemu::Emulator) starts an image with it, for `cargo xtask firmware`, the tests and the demo.
#![no_std]
#![forbid(unsafe_code)]

#[cfg(feature = "std")]
extern crate std;

pub mod block;
#[cfg(feature = "std")]
pub mod line;
#[cfg(feature = "std")]
pub mod qemu;

pub use block::Block;
