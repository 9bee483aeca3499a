//! The part of the `symbolon` binary that other programs and tests want too: taking byte strings apart in words, auditing.
#![forbid(unsafe_code)]

#[cfg(feature = "audit")]
pub mod audit;
pub mod calendar;
pub mod explain;
pub mod linking;

/// Runs `$body` with `$suite` standing for the type of the suite that `$id` names.
///
/// The one place where a suite known from bytes becomes a type.
#[macro_export]
macro_rules! with_suite {
    ($id:expr, $suite:ident => $body:expr) => {
        match $id {
            symbolon_ccks::SuiteId::P256Sha256 => {
                type $suite = symbolon_ccks::P256;
                $body
            }
            symbolon_ccks::SuiteId::Secp256k1Sha256 => {
                type $suite = symbolon_ccks::Secp256k1;
                $body
            }
        }
    };
}
