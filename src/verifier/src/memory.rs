//! The bounded memory of what was accepted lately.

use sha2::{Digest, Sha256};
use symbolon_ccks::{CredentialDigest, Time};
use symbolon_tap::{Flags, Presentation, Record};

use crate::CODE_SECONDS;

/// What a slot of the memory holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
enum Held {
    Nothing,
    Tap,
    Code,
}

/// One accepted tap or code, as far as a terminal remembers it: a slot of 24 bytes.
///
/// A tap needs no memory to be safe from replay, since its challenge is fresh. The memory tells a replay from a
/// forgery, and catches a clone that uses the counter of its original at the same terminal. A code has nothing but this
/// memory, and stays in it until it expires.
///
/// Digests are cut short here. That can only ever decline: to meet another's 8 bytes takes 2^64 credentials.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Seen {
    credential: [u8; 8],
    /// The terminal's half of a tap's nonce; the time of a code, big-endian.
    mark: [u8; 8],
    counter: u32,
    presentation: [u8; 3],
    held: Held,
}

impl Seen {
    /// A slot in which there is nothing yet.
    pub const EMPTY: Self =
        Self { credential: [0; 8], mark: [0; 8], counter: 0, presentation: [0; 3], held: Held::Nothing };

    /// What there is to remember of an accepted record.
    pub fn of(record: &Record) -> Self {
        Self::of_holder(record, &record.presentation().holder().digest())
    }

    /// As [`Self::of`], with the digest of the holder's credential, which a terminal has by then.
    pub(crate) fn of_holder(record: &Record, credential: &CredentialDigest) -> Self {
        let (terms, presentation) = (record.terms(), record.presentation());
        let (mark, held) = match terms.flags() {
            Flags::Tap => (terms.terminal_nonce(), Held::Tap),
            Flags::ScreenCode => (terms.time().seconds().to_be_bytes(), Held::Code),
        };
        Self { mark, held, ..Self::of_presentation(presentation, credential) }
    }

    fn of_presentation(presentation: &Presentation, credential: &CredentialDigest) -> Self {
        let digest: [u8; 32] = Sha256::digest(presentation.as_bytes()).into();
        let [first, second, third, ..] = digest;
        Self {
            credential: leading(credential.as_bytes()),
            mark: [0; 8],
            counter: presentation.counter(),
            presentation: [first, second, third],
            held: Held::Nothing,
        }
    }

    /// Whether this transaction, (credential, counter), is in the slot.
    fn is_transaction(&self, other: &Self) -> bool {
        self.held != Held::Nothing && self.credential == other.credential && self.counter == other.counter
    }

    /// Whether it is a code that can still be shown.
    fn is_valid_code(&self, now: Time) -> bool {
        self.held == Held::Code && now.seconds() < u64::from_be_bytes(self.mark).saturating_add(CODE_SECONDS)
    }
}

fn leading(digest: &[u8; 32]) -> [u8; 8] {
    let [leading @ .., _, _, _, _, _, _, _, _, _, _, _, _, _, _, _, _, _, _, _, _, _, _, _, _] = *digest;
    leading
}

/// What the memory knows of a transaction.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Known {
    /// Nothing.
    New,
    /// That these very bytes were accepted.
    Replay,
    /// That the counter was used for something else.
    Used,
}

/// The latest accepted taps and the codes that have not expired, in memory of the caller's.
pub(crate) struct ReplayMemory<'a> {
    slots: &'a mut [Seen],
    next: usize,
}

impl<'a> ReplayMemory<'a> {
    pub(crate) fn new(slots: &'a mut [Seen]) -> Self {
        Self { slots, next: 0 }
    }

    /// Remembers what was accepted. The oldest tap makes room when there is none; a code never does before it expires.
    pub(crate) fn remember(&mut self, seen: Seen, now: Time) {
        if let Some(place) = self.place(now)
            && let Some(slot) = self.slots.get_mut(place)
        {
            *slot = seen;
            self.next = place.saturating_add(1);
        }
    }

    /// Whether another code could be remembered.
    pub(crate) fn has_room(&self, now: Time) -> bool {
        self.place(now).is_some()
    }

    /// Where the next goes: in the order of the slots, around, so that what is passed over is newer or a code.
    fn place(&self, now: Time) -> Option<usize> {
        let free = |(_, seen): &(usize, &Seen)| seen.held == Held::Nothing;
        let slots = || self.slots.iter().enumerate();
        let from_next = slots().skip(self.next).chain(slots().take(self.next));
        let mut evictable = from_next.filter(|(_, seen)| !seen.is_valid_code(now));
        slots().find(free).or_else(|| evictable.next()).map(|(place, _)| place)
    }

    /// What is known of a presentation that may be anything: `Replay` for bytes that were accepted, else `New`.
    pub(crate) fn has_bytes(&self, bytes: &[u8]) -> bool {
        let presentation = Presentation::parse(bytes).ok();
        presentation
            .is_some_and(|presentation| self.known(presentation, &presentation.holder().digest()) == Known::Replay)
    }

    /// What is known of the transaction that a presentation is.
    pub(crate) fn known(&self, presentation: &Presentation, credential: &CredentialDigest) -> Known {
        self.known_as(&Seen::of_presentation(presentation, credential))
    }

    /// What is known of the transaction in a slot, whose mark does not matter.
    pub(crate) fn known_as(&self, this: &Seen) -> Known {
        let mut known = self.slots.iter().filter(|seen| seen.is_transaction(this));
        match known.next() {
            None => Known::New,
            Some(seen) if seen.presentation == this.presentation => Known::Replay,
            Some(_) => Known::Used,
        }
    }

    /// Whether the challenge with this terminal's half of the nonce was answered.
    pub(crate) fn has_nonce(&self, terminal_nonce: &[u8; 8]) -> bool {
        self.slots.iter().any(|seen| seen.held == Held::Tap && seen.mark == *terminal_nonce)
    }
}

const _: () = assert!(size_of::<Seen>() == 24);
