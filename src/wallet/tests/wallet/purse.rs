//! The purse: which pseudonym answers, what lasts, and how it is filled.

mod choosing;
mod crashing;
mod issuing;
mod keeping;
mod refilling;
