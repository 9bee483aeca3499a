//! The board's memory beside the microcontroller's own: 16 MiB of PSRAM, in which a flash chip is simulated, a few bytes
//! behind a battery, and the maker's provisioning block.
//!
//! The emulator keeps it over a reset; at power-on it is zero.

use core::ptr;

use symbolon_emulator::Block;

/// Bytes of the simulated flash chip.
pub const FLASH_SIZE: usize = 8 << 20;
const FLASH: *mut u8 = 0x2100_0000 as *mut u8;
const BATTERY: *mut Battery = 0x2180_0000 as *mut Battery;
/// Where the maker's block lies; `symbolon_emulator::qemu` has the emulator load it there.
const BLOCK: *const u8 = 0x21c0_0000 as *const u8;
const BLOCK_SIZE: usize = 1 << 20;
/// Bytes of the chip that are erased together.
pub const PAGE_SIZE: u32 = symbolon_flash_sim::ERASE_SIZE as u32;

/// What the bytes behind the battery begin with once they are set.
const SET: u32 = 0x5359_4d42;

/// Bytes behind a battery: a clock's and the simulation's.
#[derive(Clone, Copy)]
#[repr(C)]
pub struct Battery {
    set: u32,
    /// How often the device started.
    pub starts: u32,
    /// How many of the block's power cuts have come about.
    pub cuts: u32,
    /// The clock, seconds since 1970, when it was looked at last; 0 when it is the host's.
    pub seconds: u64,
}

impl Battery {
    /// What is there; all zero at power-on.
    pub fn read() -> Self {
        // SAFETY: the address is in the PSRAM, aligned, outside of all else, and any bits are a `Battery`.
        let battery = unsafe { ptr::read_volatile(BATTERY) };
        if battery.set == SET { battery } else { Self { set: SET, starts: 0, cuts: 0, seconds: 0 } }
    }

    /// Keeps it.
    pub fn keep(&self) {
        // SAFETY: as in `read`.
        unsafe { ptr::write_volatile(BATTERY, *self) }
    }

    /// Whether the device starts for the first time, with its flash as the factory left it.
    pub fn is_first_start(&self) -> bool {
        self.starts == 0
    }
}

/// The simulated chip's memory.
///
/// # Safety
/// To be called once in a program: the slice is the only way to these bytes.
pub unsafe fn flash() -> &'static mut [u8] {
    // SAFETY: the range is PSRAM that nothing else uses, and the caller calls once.
    unsafe { core::slice::from_raw_parts_mut(FLASH, FLASH_SIZE) }
}

/// The maker's block, if the device has one.
pub fn block() -> Option<Block<'static>> {
    // SAFETY: the range is PSRAM that nothing writes to after the start.
    Block::open(unsafe { core::slice::from_raw_parts(BLOCK, BLOCK_SIZE) })
}
