//! Sleeping until something comes or it is time: AN386's first CMSDK timer wakes.

use cortex_m::{interrupt::InterruptNumber, peripheral::NVIC};

use crate::uart::Uart;

#[repr(C)]
struct Timer {
    control: u32,
    value: u32,
    reload: u32,
    interrupt: u32,
}

const TIMER: *mut Timer = 0x4000_0000 as *mut Timer;
const TIMER_INTERRUPT: Interrupt = Interrupt(8);
const ENABLE: u32 = 1;
const INTERRUPT_ENABLE: u32 = 1 << 3;
const TICKS_PER_MILLISECOND: u32 = 25_000;
/// The longest sleep: seconds are enough, and far below what the timer holds.
const LONGEST_MILLISECONDS: u32 = 10_000;

/// The number of an interrupt.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Interrupt(pub(crate) u16);

// SAFETY: each number that the crate makes one of is that of one interrupt in AN386.
unsafe impl InterruptNumber for Interrupt {
    fn number(self) -> u16 {
        self.0
    }
}

const WAKING: [Interrupt; 3] = [Uart::BOTH[0].receive_interrupt(), Uart::BOTH[1].receive_interrupt(), TIMER_INTERRUPT];

/// Sleeps until a byte comes on either line, for this long at most.
///
/// The interrupts only wake: no handler runs, as they are let in only while none can be taken.
pub fn for_milliseconds(milliseconds: u64) {
    let milliseconds = u32::try_from(milliseconds).unwrap_or(u32::MAX).min(LONGEST_MILLISECONDS);
    if milliseconds == 0 {
        return;
    }
    set_timer(milliseconds.saturating_mul(TICKS_PER_MILLISECOND));
    cortex_m::interrupt::free(|_| {
        for interrupt in WAKING {
            // SAFETY: with interrupts masked no handler runs, so that nothing shared is open to one.
            unsafe { NVIC::unmask(interrupt) };
        }
        if !Uart::BOTH.into_iter().any(Uart::has_byte) {
            cortex_m::asm::wfi();
        }
        for interrupt in WAKING {
            NVIC::mask(interrupt);
            NVIC::unpend(interrupt);
        }
    });
}

fn set_timer(ticks: u32) {
    // SAFETY: the address is that of the board's first timer, and nothing else of the program touches it.
    unsafe {
        (&raw mut (*TIMER).control).write_volatile(0);
        (&raw mut (*TIMER).interrupt).write_volatile(1);
        (&raw mut (*TIMER).reload).write_volatile(ticks);
        (&raw mut (*TIMER).value).write_volatile(ticks);
        (&raw mut (*TIMER).control).write_volatile(ENABLE | INTERRUPT_ENABLE);
    }
}
