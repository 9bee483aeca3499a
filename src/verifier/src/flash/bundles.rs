//! Trust bundles: loaded into a slot that is not in use, verified whole, switched to by the state.

use sha2::{Digest, Sha256};
use symbolon_ccks::{Authority, AuthorityId, Source, Suite};
use symbolon_tap::{Bundle, BundleHeader, BundleUnreadable, BundleView};

use super::loading::{Loading, Target};
use super::shared::Area;
use super::state::KeptBundle;
use super::{DeviceFlash, FlashError, FlashStore};
use crate::BundleMark;

/// The most parts of one bundle that a terminal holds.
pub const MAX_PARTS: usize = 16;

/// Where a part's header has the length of its body.
const BODY_LENGTH_OFFSET: usize = 68;

/// The parts of one bundle, each read where it is.
#[derive(Clone, Copy, Debug)]
pub struct BundleParts<'a> {
    parts: [Source<'a>; MAX_PARTS],
    count: usize,
}

impl<'a> BundleParts<'a> {
    /// The parts, in their order.
    pub fn as_slice(&self) -> &[Source<'a>] {
        self.parts.get(..self.count).unwrap_or_default()
    }

    /// Finds the ends of `count` parts that lie one after another and fill `whole`.
    fn split(whole: Source<'a>, count: u8) -> Result<Self, FlashError> {
        let mut split = Self { parts: [Source::Memory(&[]); MAX_PARTS], count: usize::from(count) };
        if split.count == 0 || split.count > MAX_PARTS {
            return Err(FlashError::Parts);
        }
        let mut offset = 0_usize;
        for part in split.parts.iter_mut().take(split.count) {
            let length_at = offset.checked_add(BODY_LENGTH_OFFSET).ok_or(FlashError::Parts)?;
            let body = whole.array::<4>(length_at).map_err(|_| FlashError::Parts)?;
            let body = usize::try_from(u32::from_be_bytes(body)).map_err(|_| FlashError::Parts)?;
            let size = body.checked_add(Bundle::HEAD_SIZE).ok_or(FlashError::Parts)?;
            *part = whole.window(offset, size).ok_or(FlashError::Parts)?;
            offset = offset.saturating_add(size);
        }
        if offset == whole.length() { Ok(split) } else { Err(FlashError::Parts) }
    }

    /// Verifies every part, and that they are parts of one bundle, in their order.
    fn verify<S: Suite>(&self, authority: &Authority<'_, S>) -> Result<BundleMark, FlashError> {
        let mut hash = Sha256::new();
        let mut previous: Option<BundleHeader> = None;
        for part in self.as_slice() {
            let view = BundleView::open(*part).map_err(|unreadable| match unreadable {
                BundleUnreadable::Malformed(malformed) => FlashError::Malformed(malformed),
                BundleUnreadable::Read(_) => FlashError::Device,
            })?;
            view.verify(authority).map_err(|_| FlashError::BadSignature)?;
            let header = *view.header();
            let follows = previous.is_none_or(|previous| {
                let common = |header: &BundleHeader| {
                    (header.sequence(), header.parts(), header.issued_at(), header.valid_until(), header.sectors())
                };
                common(&previous) == common(&header) && previous.part() < header.part()
            });
            if !follows {
                return Err(FlashError::Parts);
            }
            hash.update(header.as_bytes());
            previous = Some(header);
        }
        let sequence = previous.map(|header| header.sequence()).ok_or(FlashError::Parts)?;
        Ok(BundleMark { sequence, digest: hash.finalize().into() })
    }
}

impl<'a, F: DeviceFlash> FlashStore<'a, F> {
    /// Begins to load a bundle of which `parts` parts are to come, one after another. What was being loaded is forgotten;
    /// what is in use stays.
    ///
    /// # Errors
    /// [`FlashError::Parts`] unless they are 1 to [`MAX_PARTS`], [`FlashError::Device`].
    pub fn begin_bundle(&mut self, parts: u8) -> Result<(), FlashError> {
        self.settle()?;
        if !(1..=MAX_PARTS).contains(&usize::from(parts)) {
            return Err(FlashError::Parts);
        }
        let is_used = |slot: &u8| self.state.bundles.iter().any(|kept| kept.parts != 0 && kept.slot == *slot);
        let slot = (0..3).find(|slot| !is_used(slot)).ok_or(FlashError::TwoLive)?;
        self.staged = None;
        self.loading = Some(Loading::new(Target::Bundle { slot, parts }));
        Ok(())
    }

    /// Takes the next piece of the bundle; one that was taken may come again.
    ///
    /// # Errors
    /// [`FlashError::NotBegun`], [`FlashError::OutOfOrder`], [`FlashError::TooLarge`]; [`FlashError::Device`], after which
    /// one begins again.
    pub fn write_bundle(&mut self, offset: u32, piece: &[u8]) -> Result<(), FlashError> {
        match self.loading.as_ref().map(Loading::target) {
            Some(target @ Target::Bundle { .. }) => self.write_piece(target, offset, piece),
            _ => Err(FlashError::NotBegun),
        }
    }

    /// Verifies the loaded bundle whole. It is in use once its mark is kept, as
    /// [`Terminal::install`](crate::Terminal::install) does: until then, and whatever is wrong with it, the one before is.
    ///
    /// # Errors
    /// [`FlashError::NotBegun`]; [`FlashError::Parts`], [`FlashError::Malformed`] or [`FlashError::BadSignature`] for what
    /// is not one whole bundle of this authority; [`FlashError::NotNewer`] or [`FlashError::SequenceJump`] for what may not
    /// follow the one in use; [`FlashError::Device`].
    #[inline(never)]
    pub fn finish_bundle<S: Suite>(&mut self, authority: &Authority<'_, S>) -> Result<BundleParts<'a>, FlashError> {
        let Some(Target::Bundle { slot, parts }) = self.loading.as_ref().map(Loading::target) else {
            return Err(FlashError::NotBegun);
        };
        if self.is_dropped_id(authority.id()) {
            return Err(FlashError::OtherAuthority);
        }
        let area = self.bundle_area(slot)?;
        let loading = self.loading.take().ok_or(FlashError::NotBegun)?;
        let length = loading.finish(&area)?;
        let split = BundleParts::split(area.source(0, length)?, parts)?;
        let mark = split.verify(authority)?;
        if let Some(kept) = self.state.bundle(authority.id()) {
            let step = mark.sequence.checked_sub(kept.sequence.get()).filter(|step| *step != 0);
            let step = step.ok_or(FlashError::NotNewer)?;
            if step > symbolon_tap::MAX_SEQUENCE_STEP {
                return Err(FlashError::SequenceJump);
            }
        }
        self.staged = Some(KeptBundle {
            authority: *authority.id().as_bytes(),
            sequence: mark.sequence.into(),
            mark: mark.digest,
            slot,
            parts,
            length: length.into(),
        });
        Ok(split)
    }

    /// The mark of the bundle that was verified last and is not in use yet, and whose it is.
    pub fn staged_bundle(&self) -> Option<(AuthorityId, BundleMark)> {
        let staged = self.staged.as_ref()?;
        let mark = BundleMark { sequence: staged.sequence.get(), digest: staged.mark };
        Some((AuthorityId::from_bytes(staged.authority), mark))
    }

    /// The bundle of an authority that is in use, to be installed after a restart; `None` when there is none. It was
    /// verified before it came into use; installing it verifies it again.
    ///
    /// # Errors
    /// [`FlashError::Parts`] or [`FlashError::Device`] when it has been damaged since.
    pub fn active_bundle(&self, authority: &AuthorityId) -> Result<Option<BundleParts<'a>>, FlashError> {
        let Some(kept) = self.state.bundle(authority).filter(|kept| kept.parts != 0) else {
            return Ok(None);
        };
        let whole = self.bundle_area(kept.slot)?.source(0, kept.length.get())?;
        BundleParts::split(whole, kept.parts).map(Some)
    }

    fn bundle_area(&self, slot: u8) -> Result<Area<'a, F>, FlashError> {
        let region = self.layout.regions().bundles.get(usize::from(slot));
        region.map(|region| Area::new(self.flash, *region)).ok_or(FlashError::Device)
    }

    pub(super) fn write_piece(&mut self, target: Target, offset: u32, piece: &[u8]) -> Result<(), FlashError> {
        let area = match target {
            Target::Bundle { slot, .. } => self.bundle_area(slot)?,
            Target::Authority { slot, .. } => self.authority_area(slot)?,
        };
        let written = self.loading.as_mut().ok_or(FlashError::NotBegun)?.write(&area, offset, piece);
        if written == Err(FlashError::Device) {
            // How much of the last block is there is not known, and a block is programmed once.
            self.loading = None;
        }
        written
    }
}
