//! Identity-based combined keys (CCKS): suites, authority parameters, credentials, issuing and signatures.
//!
//! A holder's public key is computed, not sent: `Q = e*P + D`, where `D` is the sum of 64 points that the digits of
//! the holder's identity pick from the authority's public matrix, `P` is the reconstruction point in the credential
//! and `e` binds the two. Whoever holds the authority's parameters, which one 32-byte digest names, can check any of
//! its holders without a certificate and without a network. `docs/scheme.md` tells the whole scheme and its limits.
//!
//! The crate performs no I/O, reads no clock and draws no randomness of its own: both are arguments. Without the
//! `alloc` feature it allocates nothing.
#![no_std]
#![forbid(unsafe_code)]

#[cfg(feature = "alloc")]
extern crate alloc;
#[cfg(test)]
extern crate std;

mod authority;
#[cfg(feature = "alloc")]
mod batch;
mod credential;
mod curve;
mod error;
mod hash;
mod hints;
mod identity;
mod issuing;
mod linkage;
mod name;
mod point;
#[cfg(feature = "alloc")]
mod secret;
mod sectors;
mod signature;
mod signing;
mod source;
mod subject;
mod suite;
mod time;
pub mod wire;

#[cfg(feature = "alloc")]
pub use authority::prepare_parameters;
pub use authority::{AFFINE_POINTS, Authority, AuthorityId, COLUMNS, INSTITUTIONS, MAXIMUM_PARAMETERS_SIZE, ROWS};
#[cfg(feature = "alloc")]
pub use batch::comb::GeneratorTable;
#[cfg(feature = "alloc")]
pub use batch::verify::{Bound, Claim, Work};
pub use credential::{Credential, CredentialDigest};
pub use error::{AuthorityRefused, BadSignature, Malformed};
pub use hash::hash_to_scalar;
pub use hints::Hints;
pub use identity::{Class, Identity, IdentityFields};
#[cfg(feature = "alloc")]
pub use issuing::{Contribution, IssueError, IssueRequest, Issued};
pub use issuing::{EnrolmentKey, IssueRefused, Offer, PossessionMessage};
pub use linkage::{LinkageAuthority, LinkageSeed, LinkageValue, Period, PeriodBoundary};
pub use name::Name;
pub use point::CompressedPoint;
#[cfg(feature = "alloc")]
pub use secret::AuthoritySecret;
pub use sectors::{Sector, Sectors};
pub use signature::{MAXIMUM_MESSAGE_PARTS, Purpose, Signature, Signer};
pub use signing::{SignError, SigningKey};
pub use source::{ByteSource, ReadFailed, Source};
pub use subject::{Subject, operator_tag};
pub use suite::{P256, Secp256k1, Suite, SuiteId, UnknownSuite};
/// The arithmetic that batches are verified with.
#[cfg(feature = "alloc")]
pub use symbolon_multiscalar::Backend;
pub use time::Time;
