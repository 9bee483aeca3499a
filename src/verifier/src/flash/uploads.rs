//! Uploads cut from the journal, and the acknowledgements that free it.

use core::ops::ControlFlow;

use sha2::{Digest, Sha256};
use symbolon_ccks::{Authority, AuthorityId, Signature, SigningKey, Suite};
use symbolon_tap::{Acknowledgement, MAX_RECORDS, Record, RecordsHasher, UploadHead};
use zerocopy::FromZeros;

use super::entry::KeptEntry;
use super::state::{Freed, Pending, State};
use super::{DeviceFlash, FlashError, FlashStore};

/// An upload that was cut and waits for its acknowledgement.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PendingUpload {
    authority: AuthorityId,
    number: u32,
    count: u16,
    digest: [u8; 32],
}

impl PendingUpload {
    /// The authority whose records it has.
    pub const fn authority(&self) -> &AuthorityId {
        &self.authority
    }

    /// The terminal's own count of its uploads.
    pub const fn number(&self) -> u32 {
        self.number
    }

    /// How many records it has.
    pub const fn count(&self) -> u16 {
        self.count
    }

    /// How many bytes it has.
    pub const fn length(&self) -> u32 {
        (UploadHead::SIZE as u32).saturating_add((self.count as u32).saturating_mul(Record::SIZE as u32))
    }

    /// SHA-256 of all its bytes: what an acknowledgement names.
    pub const fn digest(&self) -> &[u8; 32] {
        &self.digest
    }
}

impl<F: DeviceFlash> FlashStore<'_, F> {
    /// The upload that waits for its acknowledgement.
    pub fn upload(&self) -> Option<PendingUpload> {
        let pending = &self.state.pending;
        (pending.through.get() != 0).then(|| PendingUpload {
            authority: AuthorityId::from_bytes(pending.authority),
            number: self.state.upload_number.get(),
            count: pending.count.get(),
            digest: pending.digest,
        })
    }

    /// Cuts an upload of the oldest taps of the key's authority, at most `most`, and signs it; `None` when there are none.
    /// While an upload waits for its acknowledgement there is no other: that one is given again, whosever it is, and is the
    /// same to the byte. `random` is 32 fresh bytes.
    ///
    /// Taps are uploaded under the key that challenged them: before a terminal gets another credential of the same
    /// authority, all of them are to be acknowledged.
    ///
    /// # Errors
    /// [`FlashError::Sign`] for a key that is no terminal's, [`FlashError::Unacknowledged`] while taps of two other
    /// authorities wait, [`FlashError::Exhausted`] after 2^32 uploads, [`FlashError::Device`].
    pub fn cut_upload<S: Suite>(
        &mut self,
        key: &SigningKey<S>,
        random: &[u8; 32],
        most: u16,
    ) -> Result<Option<PendingUpload>, FlashError> {
        self.settle()?;
        // Were a record of it damaged, which no cut does, nobody would ever acknowledge it: what is left is cut anew.
        if let Some(pending) = self.upload()
            && self.digest_upload(&self.state.pending)? == pending.digest
        {
            return Ok(Some(pending));
        }
        let mut next = self.state;
        next.pending = Pending::new_zeroed();
        let number = next.upload_number.get().checked_add(1).ok_or(FlashError::Exhausted)?;
        let Some((mut pending, records)) = self.pick(key.authority_id(), most.min(MAX_RECORDS))? else {
            return if self.upload().is_some() { self.commit(&mut next).map(|()| None) } else { Ok(None) };
        };
        freed_place(&next, &key.authority_id().prefix())?;
        let digest = records.finish().map_err(FlashError::Sign)?;
        let head = UploadHead::sign(key, number, &digest, false, random).map_err(FlashError::Sign)?;
        pending.head = *head.as_bytes();
        pending.digest = self.digest_upload(&pending)?;
        next.upload_number = number.into();
        next.pending = pending;
        self.commit(&mut next)?;
        self.read_last = None;
        Ok(self.upload())
    }

    /// The oldest waiting entries of an authority, and the hash of their records.
    fn pick(&self, authority: &AuthorityId, most: u16) -> Result<Option<(Pending, RecordsHasher)>, FlashError> {
        let prefix = authority.prefix();
        let (mut pending, mut hasher) = (Pending::new_zeroed(), RecordsHasher::new());
        pending.authority = *authority.as_bytes();
        self.journal.visit_from(self.journal.oldest(), |_, entry| {
            if pending.count.get() >= most {
                return Ok(ControlFlow::Break(()));
            }
            let is_picked = entry.prefix() == prefix && Self::is_waiting(&self.state, entry);
            if let Some(record) = entry.record().filter(|_| is_picked) {
                if pending.count.get() == 0 {
                    pending.from = entry.number().into();
                }
                pending.through = entry.number().saturating_add(1).into();
                pending.count = pending.count.get().saturating_add(1).into();
                hasher.add(record);
            }
            Ok(ControlFlow::Continue(()))
        })?;
        Ok((pending.count.get() != 0).then_some((pending, hasher)))
    }

    /// SHA-256 of an upload's bytes as the journal has them now.
    fn digest_upload(&self, pending: &Pending) -> Result<[u8; 32], FlashError> {
        let mut hash = Sha256::new_with_prefix(pending.head);
        self.journal.visit_from(self.journal.oldest(), |_, entry| {
            if is_in(pending, entry) {
                hash.update(entry.record_bytes());
            }
            Ok(ControlFlow::<()>::Continue(()))
        })?;
        Ok(hash.finalize().into())
    }

    /// Reads the pending upload's bytes from `offset` on: how many of `into` were filled, fewer only at its end.
    ///
    /// # Errors
    /// [`FlashError::NoUpload`] when none waits, [`FlashError::Device`].
    pub fn read_upload(&mut self, offset: u32, into: &mut [u8]) -> Result<usize, FlashError> {
        self.settle()?;
        let upload = self.upload().ok_or(FlashError::NoUpload)?;
        let mut filled = 0;
        while let Some(rest) = into.get_mut(filled..).filter(|rest| !rest.is_empty()) {
            let at = u32::try_from(filled).ok().and_then(|filled| offset.checked_add(filled));
            let Some(at) = at.filter(|at| *at < upload.length()) else { break };
            let copied = match at.checked_sub(UploadHead::SIZE as u32) {
                None => copy(rest, self.state.pending.head.get(at as usize..).unwrap_or_default()),
                Some(beyond) => {
                    let (index, within) = (beyond / Record::SIZE as u32, beyond % Record::SIZE as u32);
                    let entry = self.uploaded(index)?.ok_or(FlashError::Device)?;
                    copy(rest, entry.record_bytes().get(within as usize..).unwrap_or_default())
                }
            };
            filled = filled.saturating_add(copied);
        }
        Ok(filled)
    }

    /// The entry of this index in the pending upload. Where it was is remembered, so that reading on is quick.
    fn uploaded(&mut self, index: u32) -> Result<Option<KeptEntry>, FlashError> {
        let known = self.read_last.filter(|(known, _)| *known <= index);
        let (mut at, slot) = known.unwrap_or((0, self.journal.oldest()));
        let pending = &self.state.pending;
        let found = self.journal.visit_from(slot, |slot, entry| {
            if !is_in(pending, entry) {
                return Ok(ControlFlow::Continue(()));
            }
            if at == index {
                return Ok(ControlFlow::Break((slot, *entry)));
            }
            at = at.saturating_add(1);
            Ok(ControlFlow::Continue(()))
        })?;
        self.read_last = found.map(|(slot, _)| (index, slot));
        Ok(found.map(|(_, entry)| entry))
    }

    /// Takes the authority's acknowledgement of the pending upload, 46 bytes and the signature's 65, and frees its
    /// taps.
    ///
    /// # Errors
    /// [`FlashError::NoUpload`], [`FlashError::OtherUpload`] or [`FlashError::OtherAuthority`] when it is not for what waits;
    /// [`FlashError::Malformed`], [`FlashError::BadSignature`], [`FlashError::Device`]. Nothing is freed then.
    pub fn acknowledge<S: Suite>(
        &mut self,
        authority: &Authority<'_, S>,
        bytes: &[u8],
    ) -> Result<Acknowledgement, FlashError> {
        self.settle()?;
        let upload = self.upload().ok_or(FlashError::NoUpload)?;
        let (acknowledgement, signature) = bytes.split_at_checked(Acknowledgement::SIZE).unwrap_or((bytes, &[]));
        let acknowledgement = Acknowledgement::parse(acknowledgement).map_err(FlashError::Malformed)?;
        let signature = Signature::parse(signature).map_err(FlashError::Malformed)?;
        if upload.authority != *authority.id() {
            return Err(FlashError::OtherAuthority);
        }
        if *acknowledgement.upload_digest() != upload.digest {
            return Err(FlashError::OtherUpload);
        }
        acknowledgement.verify(authority, signature).map_err(|_| FlashError::BadSignature)?;
        self.free(&upload)?;
        Ok(*acknowledgement)
    }

    /// Frees the pending upload's entries, in one snapshot with the vouchers that were taken in them.
    fn free(&mut self, upload: &PendingUpload) -> Result<(), FlashError> {
        let mut next = self.state;
        let prefix = upload.authority.prefix();
        let place = freed_place(&next, &prefix)?;
        let freed = next.freed.get_mut(place).ok_or(FlashError::Device)?;
        *freed = Freed { prefix, through: next.pending.through };
        next.pending = Pending::new_zeroed();
        let oldest_waiting = self.journal.visit_from(self.journal.oldest(), |_, entry| {
            let is_waiting = Self::is_waiting(&next, entry);
            Ok(if is_waiting { ControlFlow::Break(entry.number()) } else { ControlFlow::Continue(()) })
        })?;
        next.base = oldest_waiting.unwrap_or(self.journal.next_number).max(next.base.get()).into();
        self.commit(&mut next)?;
        self.read_last = None;
        Ok(())
    }
}

/// Whether an entry is in this upload.
fn is_in(pending: &Pending, entry: &KeptEntry) -> bool {
    let range = pending.from.get()..pending.through.get();
    range.contains(&entry.number()) && entry.prefix() == AuthorityId::from_bytes(pending.authority).prefix()
}

/// Where up to which of its entries are free is kept for an authority: where it was, or where it is not needed for another
/// any more, since all entries that it frees are below the base.
fn freed_place(state: &State, prefix: &[u8; 8]) -> Result<usize, FlashError> {
    let own = state.freed.iter().position(|freed| freed.prefix == *prefix);
    let idle = state.freed.iter().position(|freed| freed.through.get() <= state.base.get());
    own.or(idle).ok_or(FlashError::Unacknowledged)
}

fn copy(into: &mut [u8], from: &[u8]) -> usize {
    into.iter_mut().zip(from).map(|(to, from)| *to = *from).count()
}
