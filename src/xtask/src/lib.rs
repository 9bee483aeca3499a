//! What the development commands share with the tests: the generator of the test vectors, and the
//! terminals' firmware in its emulator.

pub mod firmware;
pub mod process;
pub mod setup;
pub mod vectors;
