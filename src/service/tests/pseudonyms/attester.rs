//! The attester, with real roles around it whose answers get lost when a test says so.

mod asking;
mod crashing;
mod line;
mod mixing;
mod registry;
mod revoking;
mod secrecy;
mod town;
mod tracing;
mod vouchers;
