//! Semihosting: what the emulator does for the firmware. A real board has a display and a switch instead.

/// Operation numbers of Arm's "Semihosting for AArch32 and AArch64".
const WRITE_0: u32 = 0x04;
const TIME: u32 = 0x11;
const EXIT_EXTENDED: u32 = 0x20;
/// ADP_Stopped_ApplicationExit.
const APPLICATION_EXIT: u32 = 0x2_0026;

fn call(operation: u32, argument: *const u32) -> u32 {
    let result;
    // SAFETY: the debugger, which is the emulator, reads what `argument` points at, answers in r0 and goes on behind
    // the breakpoint; `argument` is valid for the operation at every place that calls this.
    unsafe {
        core::arch::asm!("bkpt 0xab", inlateout("r0") operation => result, in("r1") argument, options(nostack));
    }
    result
}

/// Writes a text to the emulator's console, what is not ASCII left out.
pub fn write(text: &str) {
    let mut block = [0u8; 65];
    for piece in text.as_bytes().chunks(64) {
        block.fill(0);
        for (to, from) in block.iter_mut().zip(piece.iter().filter(|byte| byte.is_ascii() && **byte != 0)) {
            *to = *from;
        }
        call(WRITE_0, block.as_ptr().cast());
    }
}

/// Writes a number in decimal digits, without the formatting machinery, which is larger than the rest of the board.
pub fn write_number(number: u64) {
    let mut digits = [0u8; 20];
    let mut rest = number;
    let mut used = 0;
    for digit in digits.iter_mut().rev() {
        *digit = b'0' + (rest % 10) as u8;
        rest /= 10;
        used += 1;
        if rest == 0 {
            break;
        }
    }
    let start = digits.len().saturating_sub(used);
    write(digits.get(start..).and_then(|digits| core::str::from_utf8(digits).ok()).unwrap_or_default());
}

/// The host's clock, seconds since 1970.
pub fn time() -> u64 {
    u64::from(call(TIME, core::ptr::null()))
}

/// Ends the emulation.
pub fn exit(code: u32) -> ! {
    let block = [APPLICATION_EXIT, code];
    loop {
        call(EXIT_EXTENDED, block.as_ptr());
    }
}
