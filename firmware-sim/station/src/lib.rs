//! A terminal on the board: the verifier with the board's clock, randomness and flash, a reader and a service port on
//! its lines.
//!
//! Every byte is known beforehand: what lives as long as the program is in [`Memory`], where the linker counts it, and the
//! rest is stack. Nothing allocates and nothing can panic.
#![no_std]

mod asking;
mod clock;
mod display;
mod lines;
mod running;
mod starting;

pub use running::run;
pub use starting::{Memory, REPLAY_SLOTS, StartFailed};
