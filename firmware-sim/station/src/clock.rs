//! The clock chip: simulated by the ticks since the start and a few bytes behind a battery, or the host's clock.

use symbolon_ccks::Time;
use symbolon_verifier::Clock;
use symbolon_verifier::port::{ClockNotSet, SettableClock};

use board::memory::Battery;
use board::{host, ticks};

const EPOCH: Time = match Time::new(0) {
    Ok(epoch) => epoch,
    Err(_) => panic!("zero is in range"),
};

/// The clock chip.
#[derive(Debug)]
pub(crate) struct RealTime {
    /// What it said at the start; `None` when it is the host's clock.
    at_start: Option<u64>,
    /// By how much it was set forward since.
    ahead_seconds: u64,
}

impl RealTime {
    /// Goes on where it was at the last start, or from where the maker set it.
    pub(crate) fn start(battery: &Battery, first: Option<u64>) -> Self {
        let at_start =
            if battery.is_first_start() { first } else { Some(battery.seconds).filter(|seconds| *seconds != 0) };
        Self { at_start, ahead_seconds: 0 }
    }

    /// Seconds since 1970.
    fn seconds(&self) -> u64 {
        let unset = self.at_start.map_or_else(host::time, |start| start.saturating_add(ticks::milliseconds() / 1_000));
        unset.saturating_add(self.ahead_seconds)
    }

    /// Keeps the time behind the battery: now and then, since a reset finds no other.
    pub(crate) fn keep(&self) {
        if self.at_start.is_some() {
            let mut battery = Battery::read();
            battery.seconds = self.seconds();
            battery.keep();
        }
    }
}

impl Clock for RealTime {
    fn now(&self) -> Time {
        Time::new(self.seconds()).unwrap_or(EPOCH)
    }
}

impl SettableClock for RealTime {
    fn set(&mut self, now: Time) -> Result<(), ClockNotSet> {
        // The port asks to go forward alone; this clock cannot go back anyway.
        let ahead = now.seconds().checked_sub(self.seconds()).ok_or(ClockNotSet)?;
        self.ahead_seconds = self.ahead_seconds.saturating_add(ahead);
        self.keep();
        Ok(())
    }
}
