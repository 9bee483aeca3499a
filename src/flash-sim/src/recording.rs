//! Flash that remembers what was done to it, so that the moments in between can be gone back to.

use embedded_storage::nor_flash::{ErrorType, NorFlash, ReadNorFlash};
use std::vec::Vec;

use crate::flash::{ERASE_SIZE, SimulatedError, SimulatedFlash};
use crate::tear::{Operation, Tear};

/// The word that the days are tried with, bytes.
pub(crate) const WORD: usize = 4;

/// Flash in the host's memory.
pub(crate) type HostFlash = SimulatedFlash<Vec<u8>, WORD>;

/// An operation with the bytes that were programmed.
#[derive(Clone, Debug)]
pub(crate) struct Done {
    operation: Operation,
    bytes: Vec<u8>,
}

impl Done {
    pub(crate) const fn operation(&self) -> Operation {
        self.operation
    }

    /// Does it once more, to a copy of the flash: whole, or torn.
    pub(crate) fn repeat(&self, image: &mut [u8], tear: Option<Tear>) {
        match self.operation {
            Operation::Program { offset, .. } => {
                let present = image.iter_mut().skip(offset as usize).zip(&self.bytes).enumerate();
                for (index, (byte, programmed)) in present {
                    *byte = tear.map_or(*programmed, |tear| tear.program(offset, index, *byte, *programmed));
                }
            }
            Operation::Erase { offset } => {
                let page = image.iter_mut().skip(offset as usize).take(ERASE_SIZE).enumerate();
                for (index, byte) in page {
                    *byte = tear.map_or(0xff, |tear| tear.erase(offset, index, *byte));
                }
            }
        }
    }

    /// Every way in which it can be torn.
    pub(crate) fn tears(&self) -> Vec<Tear> {
        match self.operation {
            Operation::Program { length, .. } => Tear::of_program(length).collect(),
            Operation::Erase { .. } => Tear::of_erase(ERASE_SIZE).collect(),
        }
    }
}

/// Simulated flash, and what was done to it.
#[derive(Debug)]
pub(crate) struct Recording {
    pub(crate) flash: HostFlash,
    pub(crate) done: Vec<Done>,
}

impl ErrorType for Recording {
    type Error = SimulatedError;
}

impl ReadNorFlash for Recording {
    const READ_SIZE: usize = HostFlash::READ_SIZE;

    fn read(&mut self, offset: u32, bytes: &mut [u8]) -> Result<(), SimulatedError> {
        self.flash.read(offset, bytes)
    }

    fn capacity(&self) -> usize {
        self.flash.capacity()
    }
}

impl NorFlash for Recording {
    const WRITE_SIZE: usize = HostFlash::WRITE_SIZE;
    const ERASE_SIZE: usize = HostFlash::ERASE_SIZE;

    fn erase(&mut self, from: u32, to: u32) -> Result<(), SimulatedError> {
        for offset in (from..to).step_by(ERASE_SIZE) {
            self.done.push(Done { operation: Operation::Erase { offset }, bytes: Vec::new() });
        }
        self.flash.erase(from, to)
    }

    fn write(&mut self, offset: u32, bytes: &[u8]) -> Result<(), SimulatedError> {
        let operation = Operation::Program { offset, length: bytes.len() };
        self.done.push(Done { operation, bytes: bytes.to_vec() });
        self.flash.write(offset, bytes)
    }
}
