//! Conformance, attacks, end-to-end and crash tests.

pub mod fresh;
pub mod runner;
