//! The reader's side of a tap over ISO 7816-4 commands: it asks, the card answers.
//!
//! [`Reader`] does no input or output. It gives the bytes of the next command, takes the bytes that the card answered,
//! and says in the end what became of the tap. In between it has the [`Terminal`] challenge, decide, and keep the tap
//! in its journal before the card sees a receipt. Whatever the card sends, and whenever it falls silent, the tap ends
//! and the next one can begin.

use rand_core::CryptoRng;
use symbolon_ccks::Suite;

use crate::{Accepted, ChallengeRefused, Clock, Reason, Request, Storage, Terminal};

/// What is wanted of the next card.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Wanted {
    /// That it answers a challenge: pays, enters, exits.
    Tap(Request),
    /// At a meter: that it hands over a voucher for this meter, and the meter takes the credit.
    Voucher,
}

/// The bytes of a command, as long as the longest that a reader sends.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct CommandBytes {
    bytes: [u8; Self::MOST],
    length: usize,
}

impl CommandBytes {
    /// PRESENT: 5 bytes of header and length, a challenge of 204, and the length that is expected.
    pub const MOST: usize = 210;

    /// The bytes that go to the card.
    pub fn as_bytes(&self) -> &[u8] {
        self.bytes.get(..self.length).unwrap_or_default()
    }
}

impl core::fmt::Debug for CommandBytes {
    fn fmt(&self, formatter: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        formatter.debug_list().entries(self.as_bytes()).finish()
    }
}

/// Which command a card had to answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub enum Phase {
    /// SELECT.
    Select = 1,
    /// VOUCHER.
    Voucher = 2,
    /// PRESENT.
    Present = 3,
    /// RECEIPT.
    Receipt = 4,
}

/// How a card failed to answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fault {
    /// Nothing came in time.
    Silent,
    /// What came is not as long as the answer to that command is.
    Length,
    /// A status word other than 90 00.
    Status(u16),
    /// The answer came while nothing was asked.
    Unasked,
}

/// What became of a tap.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[expect(clippy::large_enum_variant, reason = "there is no heap to put it on, and one exists at a time")]
pub enum Outcome {
    /// The tap counts and is in the journal.
    Accepted {
        /// What was accepted.
        accepted: Accepted,
        /// Whether the card took its receipt; else the fault. Either way the tap counts.
        receipt: Result<(), Fault>,
    },
    /// The card showed again what the journal has already, because its receipt was lost, and got its receipt once
    /// more. Nothing is opened, sold or credited for it: whoever overheard the tap can show the same bytes.
    Repeated {
        /// Whether the card took its receipt; else the fault.
        receipt: Result<(), Fault>,
    },
    /// To be settled by a person: what the terminal knows is too old, or not enough, to accept or decline.
    Referred(Reason),
    /// The tap does not count.
    Declined(Reason),
    /// The terminal would not ask this card for this.
    NotAsked(ChallengeRefused),
    /// The card did not answer as it must. Nothing was accepted.
    Failed {
        /// What it had to answer.
        phase: Phase,
        /// What came instead.
        fault: Fault,
    },
}

/// What to do next.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[expect(clippy::large_enum_variant, reason = "there is no heap to put it on, and one exists at a time")]
pub enum Step {
    /// Send these bytes to the card.
    Send(CommandBytes),
    /// The tap is over.
    Done(Outcome),
}

/// The reader's side of one tap at a time.
#[derive(Debug)]
pub struct Reader {
    patience_milliseconds: u32,
}

impl Reader {
    /// A reader that waits so long for each answer, by the caller's clock.
    pub const fn new(patience_milliseconds: u32) -> Self {
        Self { patience_milliseconds }
    }

    /// Begins a tap, and gives the first command. A tap that went on is given up.
    ///
    /// `now_milliseconds` is any clock that only goes forward, such as the time since the device started.
    pub fn start(&mut self, _wanted: Wanted, _now_milliseconds: u64) -> CommandBytes {
        CommandBytes { bytes: [0; CommandBytes::MOST], length: 0 }
    }

    /// Takes what the card answered to the command sent last, status word included.
    pub fn respond<S: Suite, C: Clock, R: CryptoRng, T: Storage>(
        &mut self,
        _terminal: &mut Terminal<'_, S, C, R, T>,
        _response: &[u8],
        _now_milliseconds: u64,
    ) -> Step {
        Step::Done(Outcome::Failed { phase: Phase::Select, fault: Fault::Unasked })
    }

    /// Ends the tap when the card has been silent for too long; called whenever nothing comes.
    pub fn poll(&mut self, _now_milliseconds: u64) -> Option<Outcome> {
        None
    }

    /// When [`Self::poll`] will end the tap; `None` while none goes on.
    pub fn deadline_milliseconds(&self) -> Option<u64> {
        let _ = self.patience_milliseconds;
        None
    }

    /// What was accepted, while the card is still to take its receipt: the gate may open already.
    pub fn accepted(&self) -> Option<&Accepted> {
        None
    }
}
