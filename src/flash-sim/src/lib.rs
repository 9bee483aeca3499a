//! Simulated NOR flash whose power fails where a test says, and the day of a terminal that is tried on it.
//!
//! [`SimulatedFlash`] is what a flash chip promises and no more: programming clears bits, erasing sets those of a whole
//! page, and when the power fails an operation is left half done. It needs neither `std` nor an allocator, so that a
//! firmware image runs it in its own memory.
//!
//! With the `std` feature there is the scripted day, [`day`], and [`power_cuts`](cuts::power_cuts), which cuts the power at every
//! operation of it.
#![no_std]
#![forbid(unsafe_code)]

#[cfg(any(test, feature = "std"))]
extern crate std;

mod flash;
mod tear;

pub use flash::{Counts, ERASE_SIZE, SimulatedError, SimulatedFlash};
pub use tear::{Operation, SUBSETS, Tear};
