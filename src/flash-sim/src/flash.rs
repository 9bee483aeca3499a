//! The simulated flash.

use core::fmt;

use embedded_storage::nor_flash::{ErrorType, NorFlash, NorFlashError, NorFlashErrorKind, ReadNorFlash};

use crate::tear::{Operation, Tear};

/// Bytes that are erased together.
pub const ERASE_SIZE: usize = 4096;

/// Why the flash did not do it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SimulatedError {
    /// There is no power, until [`SimulatedFlash::restart`].
    NoPower,
    /// Outside of the flash.
    OutOfBounds,
    /// Not on the bounds of what is programmed or erased at once.
    NotAligned,
    /// Programming would have set a bit, which only erasing does.
    SetsBits,
    /// A word that was programmed since it was erased: flash with error correction takes it once.
    ProgrammedTwice,
}

impl fmt::Display for SimulatedError {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(match self {
            Self::NoPower => "there is no power",
            Self::OutOfBounds => "outside of the flash",
            Self::NotAligned => "not on the bounds of a word or a page",
            Self::SetsBits => "programming cannot set bits",
            Self::ProgrammedTwice => "the word was programmed before",
        })
    }
}

impl core::error::Error for SimulatedError {}

impl NorFlashError for SimulatedError {
    fn kind(&self) -> NorFlashErrorKind {
        match self {
            Self::OutOfBounds => NorFlashErrorKind::OutOfBounds,
            Self::NotAligned => NorFlashErrorKind::NotAligned,
            Self::NoPower | Self::SetsBits | Self::ProgrammedTwice => NorFlashErrorKind::Other,
        }
    }
}

/// How often the flash was asked for what.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counts {
    /// Reads.
    pub reads: u64,
    /// Programs.
    pub programs: u64,
    /// Bytes programmed.
    pub programmed_bytes: u64,
    /// Pages erased.
    pub erases: u64,
}

impl Counts {
    /// Operations that change the flash: where the power can fail with consequences.
    pub const fn operations(&self) -> u64 {
        self.programs.saturating_add(self.erases)
    }
}

#[derive(Clone, Copy)]
struct Cut {
    operations_left: u64,
    tear: Tear,
}

/// NOR flash in memory `M`, programmed in words of `WRITE_SIZE` bytes and erased in pages of [`ERASE_SIZE`].
///
/// It is stricter than the chips: a word is programmed once between two erasures. What a test or a terminal does
/// wrong is an error, and stays to be seen in [`Self::violation`] when the code under test swallows it.
pub struct SimulatedFlash<M, const WRITE_SIZE: usize = 4> {
    memory: M,
    counts: Counts,
    cut: Option<Cut>,
    has_power: bool,
    torn: Option<Operation>,
    violation: Option<SimulatedError>,
}

impl<M: AsRef<[u8]> + AsMut<[u8]>, const WRITE_SIZE: usize> SimulatedFlash<M, WRITE_SIZE> {
    /// Flash that holds what is in `memory`, whole pages of it; erased flash is all 0xff.
    pub fn new(memory: M) -> Self {
        Self { memory, counts: Counts::default(), cut: None, has_power: true, torn: None, violation: None }
    }

    /// Erased flash.
    pub fn erased(mut memory: M) -> Self {
        memory.as_mut().fill(0xff);
        Self::new(memory)
    }

    /// Has the power fail in the middle of an operation that changes the flash, after `operations` more have been
    /// done; it is left as `tear` says.
    pub fn cut_after(&mut self, operations: u64, tear: Tear) {
        self.cut = Some(Cut { operations_left: operations, tear });
    }

    /// Power again. A cut that has not come about is forgotten.
    pub fn restart(&mut self) {
        self.has_power = true;
        self.cut = None;
        self.torn = None;
    }

    /// Whether there is power.
    pub fn has_power(&self) -> bool {
        self.has_power
    }

    /// The operation in the middle of which the power failed.
    pub fn torn(&self) -> Option<Operation> {
        self.torn
    }

    /// The first thing that was done wrong since the flash was made.
    pub fn violation(&self) -> Option<SimulatedError> {
        self.violation
    }

    /// How often it was asked for what.
    pub fn counts(&self) -> Counts {
        self.counts
    }

    /// What it holds.
    pub fn bytes(&self) -> &[u8] {
        self.memory.as_ref()
    }

    /// What it holds, to be damaged.
    pub fn bytes_mut(&mut self) -> &mut [u8] {
        self.memory.as_mut()
    }

    /// The memory back.
    pub fn into_memory(self) -> M {
        self.memory
    }

    fn powered(&self) -> Result<(), SimulatedError> {
        if self.has_power { Ok(()) } else { Err(SimulatedError::NoPower) }
    }

    fn wrong<T>(&mut self, error: SimulatedError) -> Result<T, SimulatedError> {
        self.violation.get_or_insert(error);
        Err(error)
    }

    /// How this operation is torn, if it is the one in the middle of which the power fails.
    fn tear(&mut self, operation: Operation) -> Option<Tear> {
        let cut = self.cut.as_mut()?;
        if let Some(left) = cut.operations_left.checked_sub(1) {
            cut.operations_left = left;
            return None;
        }
        let tear = cut.tear;
        self.cut = None;
        self.has_power = false;
        self.torn = Some(operation);
        Some(tear)
    }

    fn check_program(&mut self, offset: u32, bytes: &[u8]) -> Result<(), SimulatedError> {
        let start = offset as usize;
        if !start.is_multiple_of(WRITE_SIZE) || !bytes.len().is_multiple_of(WRITE_SIZE) {
            return self.wrong(SimulatedError::NotAligned);
        }
        let range = start..start.saturating_add(bytes.len());
        let Some(present) = self.memory.as_ref().get(range) else {
            return self.wrong(SimulatedError::OutOfBounds);
        };
        let ((present, _), (programmed, _)) = (present.as_chunks::<WRITE_SIZE>(), bytes.as_chunks::<WRITE_SIZE>());
        let mut words = present.iter().zip(programmed);
        let problem = words.find_map(|(present, programmed)| {
            let mut bytes = present.iter().zip(programmed);
            let sets_bits = bytes.any(|(present, programmed)| programmed & !present != 0);
            let is_erased = present.iter().all(|byte| *byte == 0xff);
            let problem = if sets_bits { SimulatedError::SetsBits } else { SimulatedError::ProgrammedTwice };
            (!is_erased).then_some(problem)
        });
        problem.map_or(Ok(()), |problem| self.wrong(problem))
    }

    fn erase_page(&mut self, offset: u32) -> Result<(), SimulatedError> {
        self.powered()?;
        let tear = self.tear(Operation::Erase { offset });
        self.counts.erases += 1;
        let page = self.memory.as_mut().iter_mut().skip(offset as usize).take(ERASE_SIZE).enumerate();
        for (index, byte) in page {
            *byte = tear.map_or(0xff, |tear| tear.erase(offset, index, *byte));
        }
        self.powered()
    }
}

impl<M, const WRITE_SIZE: usize> ErrorType for SimulatedFlash<M, WRITE_SIZE> {
    type Error = SimulatedError;
}

impl<M: AsRef<[u8]> + AsMut<[u8]>, const WRITE_SIZE: usize> ReadNorFlash for SimulatedFlash<M, WRITE_SIZE> {
    const READ_SIZE: usize = 1;

    fn read(&mut self, offset: u32, bytes: &mut [u8]) -> Result<(), SimulatedError> {
        self.powered()?;
        self.counts.reads += 1;
        let start = offset as usize;
        match self.memory.as_ref().get(start..start.saturating_add(bytes.len())) {
            // Of one length; a firmware image that runs this has no way to panic, so not even to say otherwise.
            Some(present) => bytes.iter_mut().zip(present).for_each(|(to, from)| *to = *from),
            None => return self.wrong(SimulatedError::OutOfBounds),
        }
        Ok(())
    }

    fn capacity(&self) -> usize {
        self.memory.as_ref().len()
    }
}

impl<M: AsRef<[u8]> + AsMut<[u8]>, const WRITE_SIZE: usize> NorFlash for SimulatedFlash<M, WRITE_SIZE> {
    const WRITE_SIZE: usize = WRITE_SIZE;
    const ERASE_SIZE: usize = ERASE_SIZE;

    fn erase(&mut self, from: u32, to: u32) -> Result<(), SimulatedError> {
        self.powered()?;
        let page = ERASE_SIZE as u32;
        if !from.is_multiple_of(page) || !to.is_multiple_of(page) {
            return self.wrong(SimulatedError::NotAligned);
        }
        if from > to || to as usize > self.memory.as_ref().len() {
            return self.wrong(SimulatedError::OutOfBounds);
        }
        (from..to).step_by(ERASE_SIZE).try_for_each(|offset| self.erase_page(offset))
    }

    fn write(&mut self, offset: u32, bytes: &[u8]) -> Result<(), SimulatedError> {
        self.powered()?;
        self.check_program(offset, bytes)?;
        let tear = self.tear(Operation::Program { offset, length: bytes.len() });
        self.counts.programs += 1;
        self.counts.programmed_bytes += bytes.len() as u64;
        let present = self.memory.as_mut().iter_mut().skip(offset as usize).zip(bytes).enumerate();
        for (index, (byte, programmed)) in present {
            *byte = tear.map_or(*programmed, |tear| tear.program(offset, index, *byte, *programmed));
        }
        self.powered()
    }
}

impl<M, const WRITE_SIZE: usize> fmt::Debug for SimulatedFlash<M, WRITE_SIZE> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .debug_struct("SimulatedFlash")
            .field("counts", &self.counts)
            .field("has_power", &self.has_power)
            .field("violation", &self.violation)
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::{ERASE_SIZE, SimulatedError, SimulatedFlash};
    use crate::tear::{Operation, Tear};
    use embedded_storage::nor_flash::{NorFlash, ReadNorFlash};
    use std::{collections::BTreeSet, vec, vec::Vec};

    fn flash() -> SimulatedFlash<Vec<u8>> {
        SimulatedFlash::erased(vec![0; 2 * ERASE_SIZE])
    }

    fn read(flash: &mut SimulatedFlash<Vec<u8>>, offset: u32) -> [u8; 8] {
        let mut bytes = [0; 8];
        flash.read(offset, &mut bytes).unwrap();
        bytes
    }

    #[test]
    fn bits_are_cleared_by_programming_and_set_by_erasing_alone() {
        let mut flash = flash();
        flash.write(8, &[0xf0; 8]).unwrap();
        assert_eq!(flash.violation(), None);
        assert_eq!(flash.write(8, &[0xff; 4]), Err(SimulatedError::SetsBits));
        assert_eq!(flash.write(8, &[0x10; 4]), Err(SimulatedError::ProgrammedTwice));
        assert_eq!(read(&mut flash, 8), [0xf0; 8]);
        flash.erase(0, 4096).unwrap();
        assert_eq!(read(&mut flash, 8), [0xff; 8]);
        for (offset, length) in [(1, 4), (4, 3)] {
            assert_eq!(flash.write(offset, &[0; 4][..length]), Err(SimulatedError::NotAligned));
        }
        assert_eq!(flash.write(8188, &[0; 8]), Err(SimulatedError::OutOfBounds));
        assert_eq!(flash.erase(0, 100), Err(SimulatedError::NotAligned));
        assert_eq!(flash.erase(0, 3 * 4096), Err(SimulatedError::OutOfBounds));
        assert_eq!(flash.read(8190, &mut [0; 4]), Err(SimulatedError::OutOfBounds));
        assert_eq!(flash.violation(), Some(SimulatedError::SetsBits));
        assert_eq!((flash.counts().programs, flash.counts().erases, flash.counts().programmed_bytes), (1, 1, 8));
    }

    #[test]
    fn a_torn_program_leaves_each_prefix_or_some_of_its_bytes() {
        let mut left = BTreeSet::new();
        for tear in Tear::of_program(8) {
            let mut flash = flash();
            flash.write(0, &[0x55; 4]).unwrap();
            flash.cut_after(1, tear);
            flash.write(4, &[0x55; 4]).unwrap();
            assert_eq!(flash.write(8, &[0; 8]), Err(SimulatedError::NoPower));
            assert_eq!(flash.torn(), Some(Operation::Program { offset: 8, length: 8 }));
            assert_eq!(flash.read(0, &mut [0; 4]), Err(SimulatedError::NoPower));
            assert_eq!(flash.write(16, &[0; 4]), Err(SimulatedError::NoPower));
            assert_eq!(flash.erase(0, 4096), Err(SimulatedError::NoPower));
            flash.restart();
            assert_eq!(read(&mut flash, 0), [0x55; 8], "what was done before stays");
            let bytes = read(&mut flash, 8);
            if let Tear::Prefix(length) = tear {
                assert!(bytes.iter().enumerate().all(|(index, byte)| (*byte == 0) == (index < length)));
            }
            assert!(bytes.iter().all(|byte| matches!(byte, 0 | 0xff)));
            left.insert(bytes);
            assert_eq!(flash.violation(), None, "no power is nobody's fault");
        }
        assert!(left.len() >= 8 + 10, "{} kinds of torn programs", left.len());
    }

    #[test]
    fn a_torn_erasure_leaves_a_page_partly_erased() {
        let (mut kinds, mut some_bits) = (BTreeSet::new(), false);
        for tear in Tear::of_erase(ERASE_SIZE) {
            let mut flash = flash();
            flash.write(0, &[0x0f; ERASE_SIZE]).unwrap();
            flash.write(4096, &[0x0f; 8]).unwrap();
            flash.cut_after(0, tear);
            assert_eq!(flash.erase(0, 8192), Err(SimulatedError::NoPower));
            flash.restart();
            assert_eq!(read(&mut flash, 4096), [0x0f; 8], "the next page was not reached");
            let page = &flash.bytes()[..ERASE_SIZE];
            assert!(page.iter().all(|byte| byte & 0x0f == 0x0f), "erasing clears nothing");
            some_bits |= page.iter().any(|byte| !matches!(byte, 0x0f | 0xff));
            assert!(tear == Tear::Prefix(0) || page.contains(&0xff), "{tear:?}");
            assert!(page.contains(&0x0f), "{tear:?}");
            kinds.insert(page.to_vec());
        }
        assert_eq!(kinds.len(), 24);
        assert!(some_bits);
    }
}
