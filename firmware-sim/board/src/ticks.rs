//! Time since the start, and the count of instructions: SysTick, which runs at 25 MHz and is counted across its wraps.
//!
//! With `-icount shift=6` the emulator's clock goes 64 ns an instruction, which are 1.6 ticks, so that a difference of
//! ticks is an exact number of instructions. These are instructions, not cycles of any chip.

use core::sync::atomic::{AtomicU32, Ordering};

use cortex_m::peripheral::{SCB, SYST, syst::SystClkSource};
use cortex_m_rt::exception;

const TICKS_PER_MILLISECOND: u64 = 25_000;
/// The counter has 24 bits and counts down.
const RELOAD: u32 = 0x00ff_ffff;
const PERIOD: u64 = 1 << 24;

static WRAPS: AtomicU32 = AtomicU32::new(0);

/// Starts counting.
pub fn start(systick: &mut SYST) {
    systick.set_clock_source(SystClkSource::Core);
    systick.set_reload(RELOAD);
    systick.clear_current();
    systick.enable_interrupt();
    systick.enable_counter();
}

#[exception]
fn SysTick() {
    WRAPS.fetch_add(1, Ordering::Relaxed);
}

/// Ticks since the start.
pub fn now() -> u64 {
    cortex_m::interrupt::free(|_| {
        let before = SYST::get_current();
        let is_pending = SCB::is_pendst_pending();
        let after = SYST::get_current();
        // A wrap that the handler has not counted: it was pending, or came between the two readings. A wrap just after
        // the first reading may show as pending already; then `after` is the one that belongs to it, as always.
        let uncounted = u64::from(is_pending || after > before);
        (u64::from(WRAPS.load(Ordering::Relaxed)) + uncounted) * PERIOD + u64::from(RELOAD.wrapping_sub(after))
    })
}

/// Milliseconds since the start.
pub fn milliseconds() -> u64 {
    now() / TICKS_PER_MILLISECOND
}

/// How many instructions take so many ticks.
pub const fn instructions(ticks: u64) -> u64 {
    ticks.saturating_mul(10) / 16
}
