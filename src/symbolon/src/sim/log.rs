//! What happened: the last of it in words, all of it in one digest.

use sha2::{Digest, Sha256};
use std::{collections::VecDeque, fmt};

/// So many events are told of a failure.
const TOLD: usize = 24;

/// When something happens: seconds since the city began.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Moment(pub(super) u64);

impl Moment {
    /// The day, from 1 on.
    pub(super) const fn day(self) -> u64 {
        self.0 / 86_400 + 1
    }
}

impl fmt::Display for Moment {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let of_day = self.0 % 86_400;
        write!(formatter, "day {} {:02}:{:02}:{:02}", self.day(), of_day / 3_600, of_day / 60 % 60, of_day % 60)
    }
}

/// The log of all events.
#[derive(Debug, Default)]
pub(super) struct Log {
    hash: Sha256,
    last: VecDeque<String>,
    step: u64,
    /// Every line, so that a test can say where two logs part.
    #[cfg(test)]
    all: Vec<String>,
}

impl Log {
    /// A new step begins.
    pub(super) fn step(&mut self) {
        self.step += 1;
    }

    /// How many steps there were.
    pub(super) fn steps(&self) -> u64 {
        self.step
    }

    /// Notes what happened.
    pub(super) fn note(&mut self, moment: Moment, what: &str) {
        let line = format!("{moment} step {}: {what}", self.step);
        self.hash.update(line.as_bytes());
        self.hash.update(b"\n");
        #[cfg(test)]
        self.all.push(line.clone());
        if self.last.len() == TOLD {
            self.last.pop_front();
        }
        self.last.push_back(line);
    }

    /// Notes bytes that went somewhere: in the digest all of them.
    pub(super) fn note_bytes(&mut self, moment: Moment, what: &str, bytes: &[u8]) {
        let digest = Sha256::digest(bytes);
        let short = digest.get(..6).unwrap_or_default();
        self.note(moment, &format!("{what} [{} bytes, {}]", bytes.len(), hex::encode(short)));
    }

    /// The last events.
    pub(super) fn last(&self) -> Vec<String> {
        self.last.iter().cloned().collect()
    }

    /// Every line so far.
    #[cfg(test)]
    pub(super) fn all(&self) -> Vec<String> {
        self.all.clone()
    }

    /// SHA-256 of every line so far.
    pub(super) fn digest(&self) -> String {
        hex::encode(self.hash.clone().finalize())
    }
}
