//! Loading something large in pieces into a slot that is not in use.

use symbolon_ccks::{AuthorityId, SuiteId};

use super::shared::Area;
use super::{DeviceFlash, FlashError};

/// How much is programmed at a time, bytes: whole words of every flash.
const BLOCK: usize = 256;

/// What is being loaded, and where to.
#[derive(Clone, Copy)]
pub(super) enum Target {
    /// A bundle of so many parts.
    Bundle { slot: u8, parts: u8 },
    /// Parameters, prepared, that get the status once they are verified.
    Authority { slot: u8, id: AuthorityId, suite: SuiteId, status: u8 },
}

/// Something that is being loaded. It does not survive a restart: one begins again.
pub(super) struct Loading {
    target: Target,
    /// Bytes that are in flash.
    programmed: u32,
    block: [u8; BLOCK],
    /// Bytes that wait in `block`.
    filled: usize,
}

impl Loading {
    pub(super) const fn new(target: Target) -> Self {
        Self { target, programmed: 0, block: [0xff; BLOCK], filled: 0 }
    }

    pub(super) const fn target(&self) -> Target {
        self.target
    }

    fn length(&self) -> u32 {
        self.programmed.saturating_add(self.filled as u32)
    }

    /// Takes the piece at `offset`: the one that follows, or one again that was taken, as after an answer that got lost.
    pub(super) fn write<F: DeviceFlash>(
        &mut self,
        area: &Area<'_, F>,
        offset: u32,
        piece: &[u8],
    ) -> Result<(), FlashError> {
        let size = u32::try_from(piece.len()).map_err(|_| FlashError::TooLarge)?;
        let end = offset.checked_add(size).filter(|end| *end <= area.length()).ok_or(FlashError::TooLarge)?;
        if offset != self.length() {
            let is_repeated = end <= self.length() && self.has(area, offset, piece)?;
            return if is_repeated { Ok(()) } else { Err(FlashError::OutOfOrder) };
        }
        let mut rest = piece;
        while !rest.is_empty() {
            let space = self.block.get_mut(self.filled..).unwrap_or_default();
            let copied = space.iter_mut().zip(rest).map(|(to, from)| *to = *from).count();
            self.filled = self.filled.saturating_add(copied);
            rest = rest.get(copied..).unwrap_or_default();
            if self.filled >= BLOCK {
                self.program(area)?;
            }
        }
        Ok(())
    }

    fn has<F: DeviceFlash>(&self, area: &Area<'_, F>, offset: u32, piece: &[u8]) -> Result<bool, FlashError> {
        let in_flash = self.programmed.saturating_sub(offset) as usize;
        let (programmed, waiting) = piece.split_at_checked(in_flash).unwrap_or((piece, &[]));
        let at = offset.saturating_sub(self.programmed) as usize;
        let present = self.block.get(at..at.saturating_add(waiting.len()));
        Ok(present == Some(waiting) && area.holds(offset, programmed)?)
    }

    /// Programs the block, and erases a page when the block is its first.
    fn program<F: DeviceFlash>(&mut self, area: &Area<'_, F>) -> Result<(), FlashError> {
        if self.programmed.checked_rem(Area::<'_, F>::PAGE_SIZE) == Some(0) {
            area.erase_page(self.programmed)?;
        }
        if !area.program(self.programmed, &self.block)? {
            return Err(FlashError::Device);
        }
        self.programmed = self.programmed.saturating_add(BLOCK as u32);
        (self.block, self.filled) = ([0xff; BLOCK], 0);
        Ok(())
    }

    /// Programs what is left: how many bytes there are.
    pub(super) fn finish<F: DeviceFlash>(mut self, area: &Area<'_, F>) -> Result<u32, FlashError> {
        let length = self.length();
        if self.filled != 0 {
            self.program(area)?;
        }
        Ok(length)
    }
}
