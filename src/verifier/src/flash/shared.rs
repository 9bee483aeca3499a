//! One flash, read by several.

use core::fmt;

use embedded_storage::nor_flash::NorFlash;
use spin::Mutex;
use symbolon_ccks::{ByteSource, ReadFailed, Source};

use super::{FlashError, Region};

/// The longest word that can be programmed or read at once.
const LONGEST_WORD: usize = 32;

/// What the store can be in: NOR flash that may be handed from one thread to another.
pub trait DeviceFlash: NorFlash + Send {}

impl<F: NorFlash + Send> DeviceFlash for F {}

/// A flash that the store writes to while bundles and parameters are read from it in place.
///
/// Nobody keeps hold of it between two calls, so that they never get in each other's way, and nobody waits for it: a
/// call from within a call, or from another thread in the middle of one, is refused as a failure of the flash.
pub struct SharedFlash<F>(Mutex<F>);

impl<F> SharedFlash<F> {
    /// Shares a flash.
    pub const fn new(flash: F) -> Self {
        Self(Mutex::new(flash))
    }

    /// The flash itself, for what else the device does with it; `None` while it is in use.
    pub fn with<T>(&self, work: impl FnOnce(&mut F) -> T) -> Option<T> {
        self.0.try_lock().map(|mut flash| work(&mut flash))
    }

    /// The flash back.
    pub fn into_inner(self) -> F {
        self.0.into_inner()
    }
}

impl<F: DeviceFlash> SharedFlash<F> {
    pub(super) fn capacity(&self) -> Result<usize, FlashError> {
        self.with(|flash| flash.capacity()).ok_or(FlashError::Device)
    }

    fn read_at(&self, offset: u32, into: &mut [u8]) -> Result<(), FlashError> {
        let reach = usize::try_from(offset).ok().and_then(|offset| offset.checked_add(into.len()));
        self.with(|flash| {
            if reach.is_none_or(|reach| reach > flash.capacity()) {
                return Err(FlashError::Device);
            }
            if F::READ_SIZE <= 1 {
                flash.read(offset, into).map_err(|_| FlashError::Device)
            } else {
                read_in_words(flash, offset, into)
            }
        })
        .unwrap_or(Err(FlashError::Device))
    }
}

/// Reads from a flash that gives whole words alone.
fn read_in_words<F: DeviceFlash>(flash: &mut F, offset: u32, into: &mut [u8]) -> Result<(), FlashError> {
    let mut words = [0; LONGEST_WORD];
    let mut at = offset;
    let mut rest = into;
    while !rest.is_empty() {
        let skipped = at & (LONGEST_WORD as u32 - 1);
        flash.read(at - skipped, &mut words).map_err(|_| FlashError::Device)?;
        let present = words.iter().skip(skipped as usize);
        let length = rest.iter_mut().zip(present).map(|(to, from)| *to = *from).count();
        rest = rest.get_mut(length..).unwrap_or_default();
        at = u32::try_from(length).ok().and_then(|length| at.checked_add(length)).ok_or(FlashError::Device)?;
    }
    Ok(())
}

impl<F: DeviceFlash> ByteSource for SharedFlash<F> {
    fn read(&self, offset: usize, into: &mut [u8]) -> Result<(), ReadFailed> {
        let offset = u32::try_from(offset).map_err(|_| ReadFailed)?;
        self.read_at(offset, into).map_err(|_| ReadFailed)
    }
}

impl<F> fmt::Debug for SharedFlash<F> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("SharedFlash").finish_non_exhaustive()
    }
}

/// A region of a flash. Offsets are counted from its beginning, and nothing reaches beyond its end.
pub(super) struct Area<'a, F> {
    flash: &'a SharedFlash<F>,
    region: Region,
}

impl<F> Clone for Area<'_, F> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<F> Copy for Area<'_, F> {}

impl<'a, F: DeviceFlash> Area<'a, F> {
    pub(super) const fn new(flash: &'a SharedFlash<F>, region: Region) -> Self {
        Self { flash, region }
    }

    /// Bytes that are erased together; [`super::Layout::check`] has seen that they fit in a u32.
    pub(super) const PAGE_SIZE: u32 = F::ERASE_SIZE as u32;

    pub(super) const fn length(&self) -> u32 {
        self.region.length()
    }

    /// Where in the flash `length` bytes from `offset` on lie.
    fn locate(&self, offset: u32, length: usize) -> Result<u32, FlashError> {
        let length = u32::try_from(length).map_err(|_| FlashError::Device)?;
        let end = offset.checked_add(length).filter(|end| *end <= self.region.length());
        end.and_then(|_| self.region.offset().checked_add(offset)).ok_or(FlashError::Device)
    }

    pub(super) fn read(&self, offset: u32, into: &mut [u8]) -> Result<(), FlashError> {
        self.flash.read_at(self.locate(offset, into.len())?, into)
    }

    pub(super) fn array<const N: usize>(&self, offset: u32) -> Result<[u8; N], FlashError> {
        let mut bytes = [0; N];
        self.read(offset, &mut bytes)?;
        Ok(bytes)
    }

    /// Whether the flash has exactly these bytes there.
    pub(super) fn holds(&self, offset: u32, bytes: &[u8]) -> Result<bool, FlashError> {
        let mut at = offset;
        for piece in bytes.chunks(64) {
            let mut present = [0; 64];
            let present = present.get_mut(..piece.len()).ok_or(FlashError::Device)?;
            self.read(at, present)?;
            if present != piece {
                return Ok(false);
            }
            at = at.saturating_add(64);
        }
        Ok(true)
    }

    /// Whether `length` bytes, a multiple of 64, look erased.
    pub(super) fn is_blank(&self, offset: u32, length: u32) -> Result<bool, FlashError> {
        let mut at = offset;
        let end = offset.saturating_add(length);
        while at < end {
            if self.array::<64>(at)?.iter().any(|byte| *byte != 0xff) {
                return Ok(false);
            }
            at = at.saturating_add(64);
        }
        Ok(true)
    }

    /// Programs whole words and reads them back: whether they are there now.
    pub(super) fn program(&self, offset: u32, bytes: &[u8]) -> Result<bool, FlashError> {
        let at = self.locate(offset, bytes.len())?;
        // What counts is whether the bytes are there, whatever the driver says.
        let _ = self.flash.with(|flash| flash.write(at, bytes)).ok_or(FlashError::Device)?;
        self.holds(offset, bytes)
    }

    /// Erases the page that begins at `offset`.
    pub(super) fn erase_page(&self, offset: u32) -> Result<(), FlashError> {
        let from = self.locate(offset, F::ERASE_SIZE)?;
        let to = from.checked_add(Self::PAGE_SIZE).ok_or(FlashError::Device)?;
        let erased = self.flash.with(|flash| flash.erase(from, to)).ok_or(FlashError::Device)?;
        erased.map_err(|_| FlashError::Device)?;
        if self.is_blank(offset, Self::PAGE_SIZE)? { Ok(()) } else { Err(FlashError::Device) }
    }

    /// `length` bytes from `offset` on, to be read in place.
    pub(super) fn source(&self, offset: u32, length: u32) -> Result<Source<'a>, FlashError> {
        let length = usize::try_from(length).map_err(|_| FlashError::Device)?;
        let offset = usize::try_from(self.locate(offset, length)?).map_err(|_| FlashError::Device)?;
        Ok(Source::Device { device: self.flash, offset, length })
    }
}
