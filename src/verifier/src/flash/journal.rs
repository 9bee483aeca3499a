//! The journal: a ring of entries through its pages.

use core::ops::ControlFlow;

use symbolon_ccks::CredentialDigest;
use zerocopy::IntoBytes;

use super::entry::{COUNTER_OFFSET, ENTRY_SIZE, KeptEntry};
use super::shared::Area;
use super::{DeviceFlash, FlashError};
use crate::{Entry, VoucherWindow};

/// The pages of the journal. Entries are written one after another, and again from the first page after the last:
/// every page wears alike. A slot that does not hold a whole entry is passed over.
pub(super) struct Journal<'a, F> {
    area: Area<'a, F>,
    /// The slot that was written to last, whole or not.
    last: Option<u32>,
    /// The number that the next entry gets.
    pub(super) next_number: u32,
    /// The digest of the newest entry.
    newest: [u8; 16],
    /// Whether any entry has a voucher: a gate's never has.
    has_vouchers: bool,
    /// The slot of a page's beginning that was erased while nobody tapped.
    erased_ahead: Option<u32>,
}

impl<'a, F: DeviceFlash> Journal<'a, F> {
    /// Finds the newest entry. The next one gets a number after it, and none below `lowest_number`.
    pub(super) fn open(area: Area<'a, F>, lowest_number: u32) -> Result<Self, FlashError> {
        let mut journal =
            Self { area, last: None, next_number: 0, newest: [0; 16], has_vouchers: false, erased_ahead: None };
        for slot in 0..journal.slots() {
            let Some(entry) = journal.read(slot)? else { continue };
            journal.has_vouchers |= entry.voucher().is_some();
            if entry.number() >= journal.next_number {
                journal.last = Some(slot);
                journal.newest = entry.digest();
                journal.next_number = entry.number().saturating_add(1);
            }
        }
        journal.next_number = journal.next_number.max(lowest_number);
        Ok(journal)
    }

    pub(super) fn slots(&self) -> u32 {
        self.area.length() / ENTRY_SIZE
    }

    const fn slots_in_page() -> u32 {
        Area::<'a, F>::PAGE_SIZE / ENTRY_SIZE
    }

    fn begins_page(slot: u32) -> bool {
        slot.checked_rem(Self::slots_in_page()) == Some(0)
    }

    fn following(&self, slot: Option<u32>) -> u32 {
        let next = slot.and_then(|slot| slot.checked_add(1)).unwrap_or(0);
        if next < self.slots() { next } else { 0 }
    }

    /// The whole entry in a slot, if it has one.
    pub(super) fn read(&self, slot: u32) -> Result<Option<KeptEntry>, FlashError> {
        let bytes = self.area.array::<{ ENTRY_SIZE as usize }>(slot.saturating_mul(ENTRY_SIZE))?;
        Ok(KeptEntry::read(&bytes))
    }

    /// Visits the whole entries from `slot` on, oldest first, as [`Self::oldest`] gives it, until `visit` breaks.
    pub(super) fn visit_from<T>(
        &self,
        slot: u32,
        mut visit: impl FnMut(u32, &KeptEntry) -> Result<ControlFlow<T>, FlashError>,
    ) -> Result<Option<T>, FlashError> {
        let oldest = self.oldest();
        let mut slot = slot;
        for _ in 0..self.slots() {
            if let Some(entry) = self.read(slot)?
                && let ControlFlow::Break(found) = visit(slot, &entry)?
            {
                return Ok(Some(found));
            }
            slot = self.following(Some(slot));
            if slot == oldest {
                break;
            }
        }
        Ok(None)
    }

    /// Where the oldest entry is, if it is still there.
    pub(super) fn oldest(&self) -> u32 {
        self.following(self.last)
    }

    /// Appends an entry. `is_kept` says which entries must not be erased.
    pub(super) fn append(&mut self, entry: &Entry, is_kept: impl Fn(&KeptEntry) -> bool) -> Result<(), FlashError> {
        let after = self.next_number.checked_add(1).ok_or(FlashError::Exhausted)?;
        let kept = KeptEntry::new(self.next_number, entry, self.newest);
        for _ in 0..Self::slots_in_page().saturating_mul(2) {
            let slot = self.following(self.last);
            let offset = slot.saturating_mul(ENTRY_SIZE);
            if Self::begins_page(slot) {
                self.enter(slot, &is_kept)?;
            } else if !self.area.is_blank(offset, ENTRY_SIZE)? {
                self.last = Some(slot);
                continue;
            }
            self.last = Some(slot);
            if self.area.program(offset, kept.as_bytes())? {
                self.next_number = after;
                self.newest = kept.digest();
                return Ok(());
            }
        }
        Err(FlashError::Device)
    }

    /// Erases the page that begins with `slot`, whatever it seems to hold: it may be left over from an erasure that was
    /// torn.
    fn enter(&mut self, slot: u32, is_kept: impl Fn(&KeptEntry) -> bool) -> Result<(), FlashError> {
        if self.erased_ahead.take() == Some(slot) {
            return Ok(());
        }
        if !self.is_page_free(slot, is_kept)? {
            return Err(FlashError::Full);
        }
        self.area.erase_page(slot.saturating_mul(ENTRY_SIZE))
    }

    fn is_page_free(&self, slot: u32, is_kept: impl Fn(&KeptEntry) -> bool) -> Result<bool, FlashError> {
        for slot in slot..slot.saturating_add(Self::slots_in_page()) {
            if self.read(slot)?.is_some_and(|entry| is_kept(&entry)) {
                return Ok(false);
            }
        }
        Ok(true)
    }

    /// Erases the next page ahead of its need, so that no tap waits for it. Whether there is a free page ahead.
    pub(super) fn tidy(&mut self, is_kept: impl Fn(&KeptEntry) -> bool) -> Result<bool, FlashError> {
        let mut slot = self.following(self.last);
        while !Self::begins_page(slot) {
            slot = self.following(Some(slot));
        }
        if self.erased_ahead == Some(slot) {
            return Ok(true);
        }
        if !self.is_page_free(slot, is_kept)? {
            return Ok(false);
        }
        self.area.erase_page(slot.saturating_mul(ENTRY_SIZE))?;
        self.erased_ahead = Some(slot);
        Ok(true)
    }

    /// How many more entries can be appended for certain: what is blank of the present page, and the free pages after it.
    pub(super) fn room(&self, is_kept: impl Fn(&KeptEntry) -> bool) -> Result<u32, FlashError> {
        let (mut room, mut slot) = (0_u32, self.following(self.last));
        while !Self::begins_page(slot) {
            room = room.saturating_add(u32::from(self.area.is_blank(slot.saturating_mul(ENTRY_SIZE), ENTRY_SIZE)?));
            slot = self.following(Some(slot));
        }
        let pages = self.slots().checked_div(Self::slots_in_page()).unwrap_or_default();
        // The page that has the newest entry comes round last; it is not entered while that entry is the newest.
        for _ in 1..pages {
            if !self.is_page_free(slot, &is_kept)? {
                break;
            }
            room = room.saturating_add(Self::slots_in_page());
            slot = slot.saturating_add(Self::slots_in_page());
            slot = if slot < self.slots() { slot } else { 0 };
        }
        Ok(room)
    }

    /// The oldest entry of a transaction that has not been erased.
    pub(super) fn find(&self, credential: &CredentialDigest, counter: u32) -> Result<Option<Entry>, FlashError> {
        let mut slot = self.oldest();
        for _ in 0..self.slots() {
            // The counter is looked at first: it tells most entries apart without a hash.
            let present = self.area.array::<4>(slot.saturating_mul(ENTRY_SIZE).saturating_add(COUNTER_OFFSET))?;
            if present == counter.to_be_bytes()
                && let Some(entry) = self.read(slot)?.filter(|entry| entry.is_of(credential, counter))
            {
                return Ok(entry.entry());
            }
            slot = self.following(Some(slot));
        }
        Ok(None)
    }

    /// Takes the vouchers of all entries, those that the window has already aside.
    pub(super) fn take_vouchers(&self, window: &mut VoucherWindow) -> Result<(), FlashError> {
        if !self.has_vouchers {
            return Ok(());
        }
        self.visit_from(self.oldest(), |_, entry| {
            if let Some(voucher) = entry.voucher() {
                window.take(&voucher);
            }
            Ok(ControlFlow::<()>::Continue(()))
        })?;
        Ok(())
    }

    /// The highest nonce number in any entry.
    pub(super) fn highest_nonce(&self) -> Result<Option<u32>, FlashError> {
        let mut highest = None;
        self.visit_from(self.oldest(), |_, entry| {
            highest = highest.max(Some(entry.nonce_number()));
            Ok(ControlFlow::<()>::Continue(()))
        })?;
        Ok(highest)
    }

    /// How many entries are such.
    pub(super) fn count(&self, is_such: impl Fn(&KeptEntry) -> bool) -> Result<u32, FlashError> {
        let mut count = 0_u32;
        self.visit_from(self.oldest(), |_, entry| {
            count = count.saturating_add(u32::from(is_such(entry)));
            Ok(ControlFlow::<()>::Continue(()))
        })?;
        Ok(count)
    }

    /// How many entries from `base` on do not follow the one before them: something between was damaged.
    pub(super) fn breaks(&self, base: u32) -> Result<u32, FlashError> {
        let (mut breaks, mut before) = (0_u32, None);
        self.visit_from(self.oldest(), |_, entry| {
            if entry.number() >= base {
                let follows =
                    before.is_none_or(|before| before == (entry.number().saturating_sub(1), entry.previous()));
                breaks = breaks.saturating_add(u32::from(!follows));
                before = Some((entry.number(), entry.digest()));
            }
            Ok(ControlFlow::<()>::Continue(()))
        })?;
        Ok(breaks)
    }
}
