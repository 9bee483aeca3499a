//! Arithmetic on points, in their coordinates.
//!
//! The curves' crates serve secrets: complete formulas, constant time. What is verified is public, and here the quicker
//! ways are taken, in time that depends on the data: [`products`] is what a signature's equation takes, [`pairs`] sums
//! the points of a matrix. Of secrets there is
//! [`secret`] alone. Nothing here
//! allocates and nothing can panic, since a terminal without either goes this way.

pub(crate) mod affine;
mod digits;
pub(crate) mod endomorphism;
pub(crate) mod generator;
pub(crate) mod inverse;
pub(crate) mod jacobian;
mod multiples;
pub(crate) mod odd_digits;
pub(crate) mod pairs;
pub(crate) mod products;
pub(crate) mod root;
pub(crate) mod secret;
