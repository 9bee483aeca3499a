//! Sums of products of public points and public scalars, many at once, in time that depends on them.
//!
//! Checking a batch of signatures is one such sum of some thousand terms. Scalars are cut into signed digits, the points
//! of one digit are added up in buckets (Pippenger's method), points have two coordinates, and the inversions that their
//! additions need are shared (Montgomery's trick).
//!
//! Nothing here is for secrets: how long a function takes, and which memory it touches, tells its arguments. So that no secret
//! comes in by accident, points and scalars are types of this crate alone, made from plain public bytes; nothing that
//! holds a secret elsewhere converts to them.
#![no_std]

extern crate alloc;
#[cfg(any(test, feature = "std"))]
extern crate std;

mod backend;
mod curve;
mod decode;
pub mod field;
mod point;
mod sum;
#[cfg(test)]
mod testing;

pub use backend::Backend;
pub use curve::{Curve, P256, Secp256k1};
pub use decode::{Encoded, decode, decode_with};
pub use point::Affine;
pub use sum::{Term, sum_of_products_vartime, sum_with, sums_of_groups_vartime};
