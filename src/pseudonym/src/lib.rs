//! How a card comes by pseudonyms: what is published, what the wallet seals, what the roles pass on.
//!
//! | from | to | what |
//! | --- | --- | --- |
//! | authority | everyone | [`Issuance`]: the issuer's key, where periods begin, the [`Profile`]s |
//! | wallet | attester | [`RequestBody`]: for each pseudonym a [`Commitment`] and a [`SealedItem`], all signed by the card |
//! | linkage authority | issuer, through the attester | [`SealedValue`] |
//! | attester | clearing, through the issuer | [`ClearingTag`] |
//! | issuer | wallet, through the attester | [`SealedAnswer`] |
//!
//! The wallet's whole part is [`Asking`]: it seals an item, and makes a key of the answer.
//!
//! Every message has one encoding, of fixed layout; the layouts are in `docs/wire-format.md`. The crate performs no I/O,
//! reads no clock and draws no randomness of its own.
#![no_std]
#![forbid(unsafe_code)]

extern crate alloc;

mod answer;
mod asking;
mod handle;
mod issuance;
mod item;
mod pairwise;
mod profile;
mod request;
mod seal;

pub use answer::{Answer, SealedAnswer};
pub use asking::{AnswerRefused, AskError, Asking};
pub use handle::{AccountHandle, LinkageHandle};
pub use issuance::Issuance;
pub use item::{Commitment, ItemChallenge, ItemContent, ResponseKey, Salt, SealedItem};
pub use pairwise::{ClearingTag, PairwiseKey, SealedValue, TagUse};
pub use profile::{Profile, ProfileFields, ProfileId};
pub use request::{RequestBody, RequestItem};
pub use seal::{SealingKey, SealingSecret, Unopened};
