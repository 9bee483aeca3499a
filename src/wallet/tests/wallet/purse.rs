//! The purse: which pseudonym answers, what lasts, and how it is filled.

mod choosing;
mod crashing;
pub(crate) mod issuing;
mod keeping;
mod refilling;
