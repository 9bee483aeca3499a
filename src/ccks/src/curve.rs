//! Arithmetic on public points, in their coordinates.
//!
//! The curves' crates serve secrets: complete formulas, constant time. What is verified is public, and here the quicker
//! ways are taken, in time that depends on the data. [`affine`] has points as pairs of coordinates and [`root`] the square
//! roots that decode them.

pub(crate) mod affine;
pub(crate) mod root;
