//! The terminal's service port: where it is asked, by whoever maintains it, for its state and its uploads, and is
//! brought acknowledgements, trust bundles, authorities and the time.
//!
//! The port trusts nobody. What it takes is signed by the authority and checked before it counts, but for two things:
//! the time, which only ever moves forward, and what the next tap is to ask for.

use symbolon_ccks::Time;

use crate::Clock;
use crate::reader::Wanted;

/// A clock that can be set.
pub trait SettableClock: Clock {
    /// Sets it.
    ///
    /// # Errors
    /// [`ClockNotSet`] when the device does not let it be set.
    fn set(&mut self, now: Time) -> Result<(), ClockNotSet>;
}

/// The device's clock was not set.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ClockNotSet;

/// The service port: what it has to remember from one command to the next.
#[derive(Debug, Default)]
pub struct Port {
    wanted: Option<Wanted>,
}

impl Port {
    /// The longest answer: 256 bytes and a status word.
    pub const MOST: usize = 258;

    /// Nothing asked yet.
    pub const fn new() -> Self {
        Self { wanted: None }
    }

    /// What the next tap is to ask for, if the port was told so since this was called last.
    pub fn take_wanted(&mut self) -> Option<Wanted> {
        self.wanted.take()
    }

    // `handle(&mut self, terminal: &mut Terminal<'a, S, C, R, FlashStore<'a, F>>, command: &[u8],
    // response: &mut [u8; Port::MOST]) -> usize`, with `C: SettableClock`, joins them as soon as the flash store is in.
}
