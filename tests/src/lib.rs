//! Conformance, attacks, end-to-end and crash tests.

pub mod runner;
