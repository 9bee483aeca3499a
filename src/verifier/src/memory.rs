//! The bounded memory of what was accepted lately.

use sha2::{Digest, Sha256};
use symbolon_ccks::CredentialDigest;
use symbolon_tap::{Presentation, Record};

/// One accepted tap, as far as a terminal remembers it.
///
/// A tap needs no memory to be safe from replay, since its challenge is fresh. The memory tells a replay from a
/// forgery, and catches a clone that uses the counter of its original at the same terminal.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Seen {
    credential: CredentialDigest,
    counter: u32,
    presentation: [u8; 32],
    terminal_nonce: [u8; 8],
}

impl Seen {
    /// What there is to remember of an accepted record.
    pub fn of(record: &Record) -> Self {
        let presentation = record.presentation();
        Self {
            credential: presentation.holder().digest(),
            counter: presentation.counter(),
            presentation: digest(presentation.as_bytes()),
            terminal_nonce: record.terms().terminal_nonce(),
        }
    }
}

/// The latest accepted taps in memory of the caller's; when it is full, the oldest makes room.
pub(crate) struct ReplayMemory<'a> {
    slots: &'a mut [Option<Seen>],
    next: usize,
}

impl<'a> ReplayMemory<'a> {
    pub(crate) fn new(slots: &'a mut [Option<Seen>]) -> Self {
        let next = slots.iter().position(Option::is_none).unwrap_or_default();
        Self { slots, next }
    }

    pub(crate) fn remember(&mut self, seen: Seen) {
        if let Some(slot) = self.slots.get_mut(self.next) {
            *slot = Some(seen);
            self.next = (self.next + 1) % self.slots.len();
        }
    }

    /// Whether exactly these bytes were accepted.
    pub(crate) fn has_bytes(&self, presentation: &[u8]) -> bool {
        presentation.len() == Presentation::SIZE && {
            let digest = digest(presentation);
            self.slots.iter().flatten().any(|seen| seen.presentation == digest)
        }
    }

    /// Whether the challenge with this terminal's half of the nonce was answered.
    pub(crate) fn has_nonce(&self, terminal_nonce: &[u8; 8]) -> bool {
        self.slots.iter().flatten().any(|seen| seen.terminal_nonce == *terminal_nonce)
    }

    /// Whether this transaction, (credential, counter), was accepted.
    pub(crate) fn has_transaction(&self, seen: &Seen) -> bool {
        let mut known = self.slots.iter().flatten();
        known.any(|other| other.credential == seen.credential && other.counter == seen.counter)
    }
}

fn digest(bytes: &[u8]) -> [u8; 32] {
    Sha256::digest(bytes).into()
}
