//! Snapshots of the state, one after another through its pages: the newest whole one counts.

use zerocopy::IntoBytes;

use super::shared::Area;
use super::state::State;
use super::{DeviceFlash, FlashError};

/// From one snapshot to the next, bytes. A page has a whole number of them.
pub(super) const SLOT_SIZE: u32 = 1024;

/// The pages of the state.
pub(super) struct Snapshots<'a, F> {
    area: Area<'a, F>,
    /// The slot of the newest whole snapshot.
    newest: Option<u32>,
    /// The slot that was written to last, whole or not.
    last: Option<u32>,
    generation: u64,
}

impl<'a, F: DeviceFlash> Snapshots<'a, F> {
    /// Finds the newest whole snapshot and reads it into `state`, which stays as it is when there is none.
    pub(super) fn open(area: Area<'a, F>, state: &mut State) -> Result<Self, FlashError> {
        let mut snapshots = Self { area, newest: None, last: None, generation: 0 };
        for slot in 0..snapshots.slots() {
            let Some(generation) = snapshots.generation_in(slot)? else { continue };
            if snapshots.newest.is_none() || snapshots.generation < generation {
                snapshots.newest = Some(slot);
                snapshots.generation = generation;
            }
        }
        snapshots.last = snapshots.newest;
        if let Some(newest) = snapshots.newest {
            snapshots.area.read(newest.saturating_mul(SLOT_SIZE), state.as_mut_bytes())?;
        }
        Ok(snapshots)
    }

    /// Whether there is a whole snapshot.
    pub(super) fn has_one(&self) -> bool {
        self.newest.is_some()
    }

    /// The generation of the whole snapshot in a slot. A frame of its own: a state is large, and a device's stack is not.
    #[inline(never)]
    fn generation_in(&self, slot: u32) -> Result<Option<u64>, FlashError> {
        let mut bytes = [0; State::SIZE];
        self.area.read(slot.saturating_mul(SLOT_SIZE), &mut bytes)?;
        Ok(State::read(&bytes).map(|state| state.generation.get()))
    }

    fn slots(&self) -> u32 {
        self.area.length() / SLOT_SIZE
    }

    const fn slots_in_page() -> u32 {
        Area::<'a, F>::PAGE_SIZE / SLOT_SIZE
    }

    fn page_of(slot: u32) -> u32 {
        slot.checked_div(Self::slots_in_page()).unwrap_or_default()
    }

    /// Makes `state` durable as the newest snapshot, and seals it as it is written.
    ///
    /// A page is erased when the first of its slots comes to be written, whatever it seems to hold; never the one that has
    /// the newest snapshot.
    pub(super) fn write(&mut self, state: &mut State) -> Result<(), FlashError> {
        state.seal_as(self.generation.checked_add(1).ok_or(FlashError::Exhausted)?);
        for _ in 0..self.slots() {
            let slot =
                self.last.and_then(|last| last.checked_add(1)).unwrap_or(0).checked_rem(self.slots()).unwrap_or(0);
            let offset = slot.saturating_mul(SLOT_SIZE);
            if offset.checked_rem(Area::<'a, F>::PAGE_SIZE) == Some(0) {
                if self.newest.is_some_and(|newest| Self::page_of(newest) == Self::page_of(slot)) {
                    break;
                }
                self.area.erase_page(offset)?;
            } else if !self.area.is_blank(offset, SLOT_SIZE)? {
                self.last = Some(slot);
                continue;
            }
            self.last = Some(slot);
            if self.area.program(offset, state.as_bytes())? {
                self.newest = Some(slot);
                self.generation = state.generation.get();
                return Ok(());
            }
        }
        // Nothing takes a snapshot any more. From the newest on, it is tried again.
        self.last = self.newest;
        Err(FlashError::Device)
    }
}
