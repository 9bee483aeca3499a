//! Simulated NOR flash whose power fails where a test says, and the day of a terminal that is tried on it.
//!
//! [`SimulatedFlash`] is what a flash chip promises and no more: programming clears bits, erasing sets those of a whole
//! page, and when the power fails an operation is left half done. It needs neither `std` nor an allocator, so that a
//! firmware image runs it in its own memory.
//!
//! With the `std` feature there is the scripted day of a gate and of a meter, and [`power_cuts`], which cuts the power at
//! every operation of them.
#![no_std]
#![forbid(unsafe_code)]

#[cfg(any(test, feature = "std"))]
extern crate std;

#[cfg(feature = "std")]
mod city;
#[cfg(feature = "std")]
mod cuts;
#[cfg(feature = "std")]
mod day;
mod flash;
#[cfg(feature = "std")]
mod recording;
mod tear;

#[cfg(feature = "std")]
pub use cuts::{Effort, Image, PowerCuts, power_cuts};
pub use flash::{Counts, ERASE_SIZE, SimulatedError, SimulatedFlash};
pub use tear::{Operation, SUBSETS, Tear};
