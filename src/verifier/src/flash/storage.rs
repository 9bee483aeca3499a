//! The store as a terminal sees it.

use symbolon_ccks::{AuthorityId, CredentialDigest, Time};

use super::state::{HELD, IN_USE, KeptBundle};
use super::{DeviceFlash, FlashError, FlashStore, NONCE_BLOCK};
use crate::{BundleMark, Entry, Storage, StorageError, VoucherWindow};

impl<F: DeviceFlash> FlashStore<'_, F> {
    fn take_nonce(&mut self) -> Result<u32, FlashError> {
        self.settle()?;
        let number = self.next_nonce;
        let after = number.checked_add(1).ok_or(FlashError::Exhausted)?;
        if number >= self.state.nonce_numbers.get() {
            let mut next = self.state;
            next.nonce_numbers = number.saturating_add(NONCE_BLOCK).into();
            self.commit(&mut next)?;
        }
        self.next_nonce = after;
        Ok(number)
    }

    fn take_entry(&mut self, entry: &Entry) -> Result<(), FlashError> {
        self.settle()?;
        if entry.voucher().is_some_and(|voucher| !self.vouchers.takes(voucher.sequence())) {
            return Err(FlashError::VoucherTaken);
        }
        let (state, now) = (&self.state, entry.record().terms().time().seconds());
        let appended = self.journal.append(entry, |kept| Self::is_waiting(state, kept) || kept.is_live_code(now));
        self.is_unsure |= matches!(appended, Err(FlashError::Device));
        appended?;
        if let Some(voucher) = entry.voucher() {
            self.vouchers.take(&voucher);
        }
        Ok(())
    }

    /// The bundle that was loaded and verified is switched to in the snapshot that keeps its mark, and its authority is
    /// in use from then on.
    fn take_mark(&mut self, authority: &AuthorityId, mark: BundleMark) -> Result<(), FlashError> {
        self.settle()?;
        if self.is_dropped_id(authority) {
            return Err(FlashError::OtherAuthority);
        }
        let unstored = KeptBundle {
            authority: *authority.as_bytes(),
            sequence: mark.sequence.into(),
            mark: mark.digest,
            slot: 0,
            parts: 0,
            length: 0.into(),
        };
        let is_same = |kept: &KeptBundle| {
            (kept.authority, kept.sequence, kept.mark) == (unstored.authority, unstored.sequence, unstored.mark)
        };
        if let Some(kept) = self.state.bundle(authority) {
            if is_same(kept) {
                return Ok(());
            }
            if mark.sequence <= kept.sequence.get() {
                return Err(FlashError::NotNewer);
            }
        }
        let bundle = self.staged.filter(is_same).unwrap_or(unstored);
        let mut next = self.state;
        let own = next.bundles.iter().position(|kept| kept.authority == bundle.authority);
        let empty = next.bundles.iter().position(|kept| kept.authority == [0; 32]);
        let place = own.or(empty).and_then(|place| next.bundles.get_mut(place)).ok_or(FlashError::TwoLive)?;
        *place = bundle;
        let held = next.authorities.iter_mut().find(|kept| kept.status == HELD && kept.id == bundle.authority);
        if let Some(held) = held {
            held.status = IN_USE;
        }
        self.commit(&mut next)?;
        self.staged = None;
        Ok(())
    }

    fn take_floor(&mut self, floor: Time) -> Result<(), FlashError> {
        self.settle()?;
        if floor.seconds() <= self.state.clock_floor.get() {
            return Ok(());
        }
        let mut next = self.state;
        next.clock_floor = floor.seconds().into();
        self.commit(&mut next)
    }
}

impl<F: DeviceFlash> Storage for FlashStore<'_, F> {
    fn next_nonce_number(&mut self) -> Result<u32, StorageError> {
        Ok(self.take_nonce()?)
    }

    fn append(&mut self, entry: &Entry) -> Result<(), StorageError> {
        Ok(self.take_entry(entry)?)
    }

    fn find(&mut self, credential: &CredentialDigest, counter: u32) -> Result<Option<Entry>, StorageError> {
        self.settle()?;
        Ok(self.journal.find(credential, counter)?)
    }

    fn vouchers(&self) -> VoucherWindow {
        self.vouchers
    }

    fn bundle_mark(&self, authority: &AuthorityId) -> Option<BundleMark> {
        let kept = self.state.bundle(authority)?;
        Some(BundleMark { sequence: kept.sequence.get(), digest: kept.mark })
    }

    fn keep_bundle_mark(&mut self, authority: &AuthorityId, mark: BundleMark) -> Result<(), StorageError> {
        Ok(self.take_mark(authority, mark)?)
    }

    fn clock_floor(&self) -> Option<Time> {
        let seconds = self.state.clock_floor.get();
        if seconds == 0 { None } else { Time::new(seconds).ok() }
    }

    fn raise_clock_floor(&mut self, floor: Time) -> Result<(), StorageError> {
        Ok(self.take_floor(floor)?)
    }
}
