//! How deep the stack has been: at the start all of it is painted, and what was never written to is still so.

use cortex_m_rt::STACK_PAINT_VALUE;

unsafe extern "C" {
    static _stack_start: u32;
    static _stack_end: u32;
}

/// The most bytes of stack that were in use since the start.
pub fn high_water_bytes() -> usize {
    let (lowest, top) = (&raw const _stack_end, &raw const _stack_start);
    let mut word = lowest;
    // SAFETY: the linker puts both symbols at the ends of the stack's memory, words aligned; reading it changes nothing.
    unsafe {
        while word < top && word.read_volatile() == STACK_PAINT_VALUE {
            word = word.add(1);
        }
    }
    (top as usize).saturating_sub(word as usize)
}
