//! What a terminal decides: policy, replay, revocation and the journal of accepted taps.
//!
//! A [`Terminal`] asks with [`Terminal::challenge`] and answers with [`Terminal::decide`]: a [`Verdict`] that says what
//! a presentation established, what it did not, and when it is declined or referred one [`Reason`] out of a closed list.
//! An accepted tap is in the journal before its verdict is there, and has a receipt after it. It needs no network. The clock, the randomness and the storage of the device come in as traits; memory comes from the
//! caller. The crate allocates nothing, so that the same code runs in a gate's firmware and in a server's test.
//!
//! Nothing is believed and nothing changes before a signature verifies: a presentation made up by a stranger takes no
//! place in the replay memory or the journal, and leaves the challenge open for the holder it was made for.
#![no_std]
#![forbid(unsafe_code)]

#[cfg(test)]
extern crate std;

mod device;
mod domain;
pub mod flash;
mod memory;
mod policy;
pub mod port;
pub mod reader;
mod reason;
#[cfg(feature = "seeds")]
mod recognition;
#[cfg(not(feature = "seeds"))]
#[path = "recognition/absent.rs"]
mod recognition;
mod terminal;
mod trust;
mod verdict;
mod voucher;

pub use device::{BundleMark, Clock, Devices, Entry, Storage, StorageError};
pub use domain::{Domain, DomainRefused, DropRefused, KeyRefused};
pub use memory::Seen;
pub use policy::{Kinds, Offline, Policy};
pub use reason::{Language, Reason};
pub use recognition::subject_slots;
pub use terminal::{
    ANSWER_WITHIN_SECONDS, Asked, CLOCK_TOLERANCE_SECONDS, CODE_SECONDS, ChallengeRefused, ClockWrong,
    PREPARED_AHEAD_SECONDS, Request, SignedReceipt, Terminal,
};
pub use trust::{BundleRefused, MAX_PARTS};
pub use verdict::{Accepted, Established, NotEstablished, Refusal, Revocation, Verdict};
pub use voucher::{Credited, TakenVoucher, VoucherWindow};
