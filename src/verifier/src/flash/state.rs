//! What a terminal keeps besides its journal: one snapshot of it all, so that it changes in one stroke.

use sha2::{Digest, Sha256};
use symbolon_ccks::AuthorityId;
use symbolon_ccks::wire::{U16, U32, U64};
use symbolon_tap::{Successor, UploadHead};
use zerocopy::{FromBytes, FromZeros, Immutable, IntoBytes, KnownLayout, Unaligned};

use crate::VoucherWindow;

/// What is kept, as it is kept. The table is in `docs/journal.md`.
#[derive(Clone, Copy, FromBytes, IntoBytes, KnownLayout, Immutable, Unaligned)]
#[repr(C)]
pub(super) struct State {
    magic: [u8; 4],
    version: u8,
    zero: [u8; 3],
    /// One more in every snapshot.
    pub(super) generation: U64,
    /// Nonce numbers below this may have been given.
    pub(super) nonce_numbers: U32,
    /// The number of the upload that was cut last.
    pub(super) upload_number: U32,
    /// Journal entries below this number are free, whoever's they are.
    pub(super) base: U32,
    /// The latest signed time, seconds; 0 before the first.
    pub(super) clock_floor: U64,
    pub(super) vouchers: [u8; VoucherWindow::SIZE],
    pub(super) freed: [Freed; 2],
    pub(super) pending: Pending,
    pub(super) bundles: [KeptBundle; 2],
    pub(super) authorities: [KeptAuthority; 2],
    pub(super) succession: Succession,
    /// The authority that was dropped last; zeros before.
    pub(super) dropped: [u8; 32],
    reserved: [u8; 27],
    digest: [u8; 32],
}

/// Up to where the entries of one authority are free.
#[derive(Clone, Copy, PartialEq, Eq, FromBytes, IntoBytes, KnownLayout, Immutable, Unaligned)]
#[repr(C)]
pub(super) struct Freed {
    pub(super) prefix: [u8; 8],
    /// Entries of this authority below this number are free.
    pub(super) through: U32,
}

/// The upload that waits for its acknowledgement; `through` is 0 when none does.
#[derive(Clone, Copy, FromBytes, IntoBytes, KnownLayout, Immutable, Unaligned)]
#[repr(C)]
pub(super) struct Pending {
    pub(super) authority: [u8; 32],
    /// Its records are those of the authority from this number on,
    pub(super) from: U32,
    /// and below this one.
    pub(super) through: U32,
    pub(super) count: U16,
    /// SHA-256 of the whole upload.
    pub(super) digest: [u8; 32],
    /// Its first bytes, signature included.
    pub(super) head: [u8; UploadHead::SIZE],
}

/// The bundle of one authority; `parts` is 0 when only the mark is known, and the authority all zeros when there is none.
#[derive(Clone, Copy, PartialEq, Eq, FromBytes, IntoBytes, KnownLayout, Immutable, Unaligned)]
#[repr(C)]
pub(super) struct KeptBundle {
    pub(super) authority: [u8; 32],
    pub(super) sequence: U64,
    pub(super) mark: [u8; 32],
    pub(super) slot: u8,
    pub(super) parts: u8,
    pub(super) length: U32,
}

/// An authority whose prepared parameters are in the slot of the same place.
#[derive(Clone, Copy, PartialEq, Eq, FromBytes, IntoBytes, KnownLayout, Immutable, Unaligned)]
#[repr(C)]
pub(super) struct KeptAuthority {
    pub(super) id: [u8; 32],
    pub(super) length: U32,
    /// [`EMPTY`], [`HELD`] or [`IN_USE`].
    pub(super) status: u8,
}

/// Nothing, or nothing whole, is there.
pub(super) const EMPTY: u8 = 0;
/// Verified, and unused until it has a valid bundle.
pub(super) const HELD: u8 = 1;
/// In use.
pub(super) const IN_USE: u8 = 2;

/// The successor that was named first, and whether another one was named after it.
#[derive(Clone, Copy, FromBytes, IntoBytes, KnownLayout, Immutable, Unaligned)]
#[repr(C)]
pub(super) struct Succession {
    pub(super) is_named: u8,
    pub(super) has_conflict: u8,
    pub(super) successor: [u8; Successor::SIZE],
}

impl State {
    /// Length in bytes: whole words of every flash.
    pub(super) const SIZE: usize = size_of::<Self>();
    const MAGIC: [u8; 4] = *b"SYMS";

    /// What a new terminal has.
    pub(super) fn new() -> Self {
        Self { magic: Self::MAGIC, version: 1, base: U32::new(1), ..Self::new_zeroed() }
    }

    /// Reads a snapshot in place; `None` for what is none, torn, or damaged.
    pub(super) fn read(bytes: &[u8; Self::SIZE]) -> Option<&Self> {
        let state = Self::ref_from_bytes(bytes).ok()?;
        let is_whole = state.magic == Self::MAGIC && state.version == 1 && state.seal() == state.digest;
        is_whole.then_some(state)
    }

    /// Makes it a snapshot of this generation, with its digest.
    pub(super) fn seal_as(&mut self, generation: u64) {
        self.generation = generation.into();
        self.digest = self.seal();
    }

    fn seal(&self) -> [u8; 32] {
        let bytes = self.as_bytes();
        let covered = bytes.len().saturating_sub(32);
        Sha256::new_with_prefix(b"SYMBOLON-V1-STATE")
            .chain_update(bytes.get(..covered).unwrap_or_default())
            .finalize()
            .into()
    }

    /// Whether entries of the authority with this prefix are free at `number`.
    pub(super) fn is_free(&self, prefix: &[u8; 8], number: u32) -> bool {
        number < self.base.get() || number < self.freed_through(prefix)
    }

    pub(super) fn freed_through(&self, prefix: &[u8; 8]) -> u32 {
        let freed = self.freed.iter().find(|freed| freed.prefix == *prefix);
        freed.map_or(0, |freed| freed.through.get())
    }

    pub(super) fn bundle(&self, authority: &AuthorityId) -> Option<&KeptBundle> {
        self.bundles.iter().find(|bundle| bundle.authority == *authority.as_bytes())
    }

    pub(super) fn successor(&self) -> Option<&Successor> {
        if self.succession.is_named == 1 { Successor::parse(&self.succession.successor).ok() } else { None }
    }

    /// No number that was given is ever given again, whatever becomes of the journal.
    pub(super) fn lowest_free_number(&self) -> u32 {
        let freed = self.freed.iter().map(|freed| freed.through.get());
        freed.chain([self.base.get(), self.pending.through.get()]).max().unwrap_or(1).max(1)
    }
}

const _: () = assert!(State::SIZE.is_multiple_of(32) && State::SIZE <= super::snapshots::SLOT_SIZE as usize);
