//! What a terminal decides: policy, replay, revocation and the journal of accepted taps.
//!
//! A [`Terminal`] asks with [`Terminal::challenge`] and answers with [`Terminal::decide`]: a [`Verdict`] that says what
//! a presentation established, what it did not, and when it is declined one [`Reason`] out of a closed list. It needs
//! no network. The clock, the randomness and the storage of the device come in as traits; memory comes from the
//! caller. The crate allocates nothing, so that the same code runs in a gate's firmware and in a server's test.
//!
//! Nothing is believed and nothing changes before a signature verifies: a presentation made up by a stranger takes no
//! place in the replay memory or the journal, and leaves the challenge outstanding for the holder it was made for.
#![no_std]
#![forbid(unsafe_code)]

#[cfg(test)]
extern crate std;

mod device;
mod memory;
mod policy;
pub mod port;
pub mod reader;
mod reason;
mod recognition;
mod terminal;
mod trust;
mod verdict;

pub use device::{BundleMark, Clock, Devices, Storage, StorageError};
pub use memory::Seen;
pub use policy::{Kinds, Offline, Policy};
pub use reason::Reason;
pub use recognition::subject_slots;
pub use terminal::{
    ANSWER_WITHIN_SECONDS, CLOCK_TOLERANCE_SECONDS, ChallengeRefused, KeyRefused, PREPARED_AHEAD_SECONDS, Request,
    Terminal,
};
pub use trust::BundleRefused;
pub use verdict::{Accepted, Established, NotEstablished, Revocation, Verdict};
