//! The flash chip: simulated, so that its power can fail in the middle of an operation, which resets the device.

use embedded_storage::nor_flash::{ErrorType, NorFlash, ReadNorFlash};
use symbolon_emulator::Block;
use symbolon_flash_sim::{SimulatedError, SimulatedFlash, Tear};

use crate::memory::{self, Battery};
use crate::steps;

type Chip = SimulatedFlash<&'static mut [u8]>;

/// The flash chip.
#[derive(Debug)]
pub struct Flash {
    chip: Chip,
}

impl Flash {
    /// The chip, erased at the first start, with the next of the block's power cuts ahead of it.
    ///
    /// # Safety
    /// To be called once in a program.
    pub unsafe fn start(battery: &Battery, block: &Block<'_>) -> Self {
        // SAFETY: the caller calls once.
        let memory = unsafe { memory::flash() };
        let mut chip = if battery.is_first_start() { Chip::erased(memory) } else { Chip::new(memory) };
        if let Some(cut) = block.cut(battery.cuts) {
            let tear = if cut.is_prefix { Tear::Prefix(cut.value.into()) } else { Tear::Subset(cut.value as u8) };
            chip.cut_after(cut.operations.into(), tear);
        }
        Self { chip }
    }

    /// Where the power failed, the device starts again; the chip keeps what it has.
    fn reset_without_power(&self) {
        if !self.chip.has_power() {
            let mut battery = Battery::read();
            battery.cuts = battery.cuts.wrapping_add(1);
            battery.keep();
            cortex_m::peripheral::SCB::sys_reset();
        }
    }
}

impl ErrorType for Flash {
    type Error = SimulatedError;
}

impl ReadNorFlash for Flash {
    const READ_SIZE: usize = Chip::READ_SIZE;

    fn read(&mut self, offset: u32, bytes: &mut [u8]) -> Result<(), SimulatedError> {
        self.chip.read(offset, bytes)
    }

    fn capacity(&self) -> usize {
        self.chip.capacity()
    }
}

impl NorFlash for Flash {
    const WRITE_SIZE: usize = Chip::WRITE_SIZE;
    const ERASE_SIZE: usize = Chip::ERASE_SIZE;

    fn erase(&mut self, from: u32, to: u32) -> Result<(), SimulatedError> {
        steps::flash_changing();
        let result = self.chip.erase(from, to);
        self.reset_without_power();
        steps::flash_changed();
        result
    }

    fn write(&mut self, offset: u32, bytes: &[u8]) -> Result<(), SimulatedError> {
        steps::flash_changing();
        let result = self.chip.write(offset, bytes);
        self.reset_without_power();
        steps::flash_changed();
        result
    }
}
