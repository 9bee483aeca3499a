//! What a terminal keeps in flash: its journal, its state, its bundles and its authorities' parameters.
//!
//! A [`FlashStore`] is a [`Storage`](crate::Storage) over any `embedded-storage` NOR flash. It allocates nothing, and whatever moment the
//! power fails: what it has taken stays, and what it had not taken is not there by half. Four things lie in the
//! regions of a [`Layout`]:
//!
//! - *State*: a whole snapshot each time, with a generation and a digest, into the next slot of its pages. Everything
//!   that has to change together is in it, so that it changes in one stroke.
//! - *Journal*: a ring of entries, each with its number, the digest of the one before and its own. It is freed by an
//!   authority's acknowledgement alone. When it is full nothing more is taken.
//! - *Bundles*: loaded in pieces into a slot that is not in use, verified whole, then switched to by the state.
//! - *Authorities*: a successor's parameters, loaded likewise, used from its first valid bundle on.
//!
//! The journal is the project's own rather than a general queue, since a terminal answers for each entry: the receipt is
//! given once the entry is durable, so no cut may ever lose one that was acknowledged to its writer, nor bring one back
//! that was freed. That takes a digest over all of an entry, the cursor of what is free in the same snapshot as the digest
//! of what was acknowledged, and no entry anywhere that is rewritten to mark it as done. A test cuts the power at every
//! operation, in every way in which it can be torn.

mod authorities;
mod bundles;
mod entry;
mod error;
mod journal;
mod layout;
mod loading;
mod shared;
mod snapshots;
mod state;
mod storage;
mod uploads;

use core::fmt;
use core::ops::ControlFlow;

use symbolon_ccks::AuthorityId;

pub use authorities::StoredAuthority;
pub use bundles::{BundleParts, MAX_PARTS};
pub use error::FlashError;
pub use layout::{Layout, Pages, Region, Regions};
pub use shared::{DeviceFlash, SharedFlash};
pub use uploads::PendingUpload;

use crate::{Seen, VoucherWindow};
use entry::KeptEntry;
use journal::Journal;
use loading::Loading;
use shared::Area;
use snapshots::Snapshots;
use state::{KeptBundle, State};

/// How many nonce numbers are reserved at a time: so many are skipped at a restart, and so many taken between two
/// snapshots.
const NONCE_BLOCK: u32 = 256;

/// What a terminal keeps, in flash.
pub struct FlashStore<'a, F> {
    flash: &'a SharedFlash<F>,
    layout: Layout,
    snapshots: Snapshots<'a, F>,
    state: State,
    journal: Journal<'a, F>,
    vouchers: VoucherWindow,
    next_nonce: u32,
    loading: Option<Loading>,
    /// A bundle that is verified and not switched to.
    staged: Option<KeptBundle>,
    /// Where the record of this index of the pending upload was found last.
    read_last: Option<(u32, u32)>,
    /// The flash did not say what became of the last operation: look before the next.
    is_unsure: bool,
}

impl<'a, F: DeviceFlash> FlashStore<'a, F> {
    /// Takes up what is in the flash, or begins in a flash that has nothing. It writes nothing.
    ///
    /// It reads all of the state and the journal: a few milliseconds a page.
    ///
    /// # Errors
    /// [`FlashError::Layout`] when the flash is not as the layout has it, [`FlashError::Device`] when it cannot be read.
    pub fn open(flash: &'a SharedFlash<F>, layout: Layout) -> Result<Self, FlashError> {
        layout.check(flash.capacity()?, F::ERASE_SIZE, F::WRITE_SIZE)?;
        let mut state = State::new();
        let (snapshots, journal, vouchers) = Self::load(flash, &layout, &mut state)?;
        Ok(Self {
            flash,
            layout,
            snapshots,
            state,
            journal,
            vouchers,
            next_nonce: state.nonce_numbers.get(),
            loading: None,
            staged: None,
            read_last: None,
            is_unsure: false,
        })
    }

    /// Reads the flash, the state into `state`, which is a new one.
    #[inline(never)]
    fn load(
        flash: &'a SharedFlash<F>,
        layout: &Layout,
        state: &mut State,
    ) -> Result<(Snapshots<'a, F>, Journal<'a, F>, VoucherWindow), FlashError> {
        let regions = layout.regions();
        let snapshots = Snapshots::open(Area::new(flash, regions.state), state)?;
        let journal = Journal::open(Area::new(flash, regions.journal), state.lowest_free_number())?;
        if !snapshots.has_one() {
            // A new terminal; or every snapshot was damaged, which no cut does. The journal still knows which nonces
            // were answered, and its entries are uploaded once more.
            let highest = journal.highest_nonce()?;
            state.nonce_numbers = highest.map_or(0, |highest| highest.saturating_add(NONCE_BLOCK)).into();
        }
        let mut vouchers = VoucherWindow::from_bytes(&state.vouchers);
        journal.take_vouchers(&mut vouchers)?;
        Ok((snapshots, journal, vouchers))
    }

    /// Looks at the flash again if it did not say what became of the last operation.
    fn settle(&mut self) -> Result<(), FlashError> {
        if self.is_unsure { self.look_again() } else { Ok(()) }
    }

    #[cold]
    #[inline(never)]
    fn look_again(&mut self) -> Result<(), FlashError> {
        let mut state = State::new();
        let (snapshots, journal, vouchers) = Self::load(self.flash, &self.layout, &mut state)?;
        (self.snapshots, self.state, self.journal, self.vouchers) = (snapshots, state, journal, vouchers);
        // Numbers that were given stay given: `next_nonce` only ever rises.
        self.next_nonce = self.next_nonce.max(state.nonce_numbers.get());
        (self.loading, self.staged, self.read_last, self.is_unsure) = (None, None, None, false);
        Ok(())
    }

    /// Makes a state durable, with the vouchers taken so far.
    fn commit(&mut self, state: &mut State) -> Result<(), FlashError> {
        state.vouchers = self.vouchers.to_bytes();
        let written = self.snapshots.write(state);
        self.is_unsure |= written.is_err();
        written?;
        self.state = *state;
        Ok(())
    }

    /// Whether an entry waits for an acknowledgement.
    fn is_waiting(state: &State, entry: &KeptEntry) -> bool {
        !state.is_free(&entry.prefix(), entry.number())
    }

    /// How many taps wait for an acknowledgement.
    ///
    /// # Errors
    /// [`FlashError::Device`].
    pub fn unacknowledged(&self) -> Result<u32, FlashError> {
        self.journal.count(|entry| Self::is_waiting(&self.state, entry))
    }

    /// How many of the journal's entries do not follow the one before, by number and digest, though neither has been
    /// freed for everybody: 0 unless the flash was damaged. A cut leaves no break.
    ///
    /// # Errors
    /// [`FlashError::Device`].
    pub fn breaks(&self) -> Result<u32, FlashError> {
        self.journal.breaks(self.state.base.get())
    }

    /// How many more taps can be taken for certain. At 0 a terminal says so and asks nobody.
    ///
    /// # Errors
    /// [`FlashError::Device`].
    pub fn room(&self) -> Result<u32, FlashError> {
        self.journal.room(|entry| Self::is_waiting(&self.state, entry))
    }

    /// Erases the journal's next page ahead of its need, so that no tap waits for that: for when nobody taps. Whether a
    /// free page is ahead.
    ///
    /// # Errors
    /// [`FlashError::Device`].
    pub fn tidy(&mut self) -> Result<bool, FlashError> {
        self.settle()?;
        let state = &self.state;
        let tidied = self.journal.tidy(|entry| Self::is_waiting(state, entry) || entry.is_code());
        self.is_unsure |= tidied.is_err();
        tidied
    }

    /// Fills the memory of a terminal that starts ([`Terminal::new`](crate::Terminal::new)) with the last taps that the journal
    /// has, as many as there are slots: what the terminal would forget at a restart, such as which counters it has seen.
    ///
    /// # Errors
    /// [`FlashError::Device`].
    pub fn recall(&self, memory: &mut [Seen]) -> Result<(), FlashError> {
        let most = u32::try_from(memory.len()).unwrap_or(u32::MAX);
        let first = self.journal.next_number.saturating_sub(most);
        let mut slots = memory.iter_mut();
        self.journal.visit_from(self.journal.oldest(), |_, entry| {
            if let Some(record) = entry.record().filter(|_| entry.number() >= first)
                && let Some(slot) = slots.next()
            {
                *slot = Seen::of(record);
            }
            Ok(ControlFlow::<()>::Continue(()))
        })?;
        Ok(())
    }

    /// The flash that it is in.
    pub const fn flash(&self) -> &'a SharedFlash<F> {
        self.flash
    }

    fn is_dropped_id(&self, id: &AuthorityId) -> bool {
        self.state.dropped == *id.as_bytes()
    }
}

impl<F> fmt::Debug for FlashStore<'_, F> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .debug_struct("FlashStore")
            .field("generation", &self.state.generation.get())
            .field("next_number", &self.journal.next_number)
            .field("next_nonce", &self.next_nonce)
            .finish_non_exhaustive()
    }
}
