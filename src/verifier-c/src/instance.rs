//! An open terminal in the caller's memory: making it, finding it again, closing it.

use core::cell::{Cell, UnsafeCell};
use core::ffi::c_void;
use core::mem::MaybeUninit;
use core::ptr::addr_of_mut;

use symbolon_ccks::AuthorityId;
use symbolon_verifier::flash::{FlashStore, SharedFlash};
use symbolon_verifier::port::Port;
use symbolon_verifier::reader::Reader;
use symbolon_verifier::{Accepted, Asked, Seen, Terminal};

use crate::TerminalSuite;
use crate::checking::{structure, writable};
use crate::domains::Slot;
use crate::opening;
use crate::platform::{Callbacks, DeviceClock, DeviceFlash, DeviceRandom, Witness};
use crate::status::*;
use crate::structures::{Platform, Settings};

/// An open terminal. Its insides are the library's.
pub struct OpenTerminal {
    _insides: [u8; 0],
}

pub(crate) type Store = FlashStore<'static, DeviceFlash>;
pub(crate) type Running = Terminal<'static, TerminalSuite, DeviceClock, DeviceRandom, Store>;

/// What goes on in an open terminal.
pub(crate) struct Work {
    pub(crate) terminal: Running,
    pub(crate) reader: Reader,
    pub(crate) port: Port,
    /// The challenge that `symbolon_terminal_challenge` gave.
    pub(crate) asked: Option<Asked>,
    /// What `symbolon_terminal_decide` accepted, until the next challenge.
    pub(crate) accepted: Option<Accepted>,
}

/// One open terminal. Its fields borrow from each other, so it never moves; it is only ever reached by shared references
/// and through the pointers of its cells.
pub(crate) struct Instance {
    /// `OPEN` while it is one.
    mark: Cell<u64>,
    /// Where it was opened: what was copied elsewhere borrows from the original, and is no terminal.
    address: Cell<usize>,
    busy: Cell<bool>,
    pub(crate) callbacks: Callbacks,
    pub(crate) witness: Witness,
    pub(crate) flash: SharedFlash<DeviceFlash>,
    pub(crate) slots: [Slot; 2],
    work: UnsafeCell<MaybeUninit<Work>>,
}

/// "SYMBOLON", then said backwards: nothing that memory holds by chance.
const OPEN: u64 = 0x5359_4d42_4f4c_4f4e;
const CLOSED: u64 = 0;

/// How many bytes of memory a terminal needs.
#[unsafe(no_mangle)]
pub extern "C" fn symbolon_terminal_size() -> usize {
    size_of::<Instance>()
}

/// On what its address has to be aligned, bytes.
#[unsafe(no_mangle)]
pub extern "C" fn symbolon_terminal_alignment() -> usize {
    align_of::<Instance>()
}

/// How many bytes of `replay` one accepted tap takes.
#[unsafe(no_mangle)]
pub extern "C" fn symbolon_replay_slot_size() -> usize {
    size_of::<Seen>()
}

/// Opens a terminal in `memory` and writes its handle to `*terminal`.
///
/// The trust bundle that the flash holds is in use at once. A terminal that was open in this memory has to be closed
/// before; after a reset, whatever is in it does not matter.
///
/// # Safety
/// `memory` is `length` bytes of the caller's that nobody else uses until the terminal is closed. The structures, and what
/// they point at, are as their fields say. The callbacks may be called with their context until the terminal is closed.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn symbolon_terminal_open(
    memory: *mut c_void,
    length: usize,
    settings: *const Settings,
    platform: *const Platform,
    terminal: *mut *mut OpenTerminal,
) -> Status {
    // SAFETY: as this function's own contract says.
    match unsafe { open(memory, length, settings, platform, terminal) } {
        Ok(()) => SYMBOLON_STATUS_OK,
        Err(status) => status,
    }
}

/// # Safety
/// As [`symbolon_terminal_open`].
unsafe fn open(
    memory: *mut c_void,
    length: usize,
    settings: *const Settings,
    platform: *const Platform,
    terminal: *mut *mut OpenTerminal,
) -> Result<(), Status> {
    let place = check_place(memory, length)?;
    let handle = writable(terminal)?;
    // SAFETY: the caller gives structures of these types, or NULL.
    let (settings, platform) = unsafe { (structure(settings)?, structure(platform)?) };
    let callbacks = Callbacks::new(platform)?;
    // SAFETY: there are as many bytes at the place as an instance has, they are the caller's, and nobody uses them.
    let instance = unsafe { Instance::begin(place, callbacks) };
    let furnished = instance.witness.begin(&instance.callbacks).and_then(|()| {
        // SAFETY: the settings point at what they say, and `work` is where the terminal goes, which is not open yet.
        unsafe { opening::furnish(instance, settings, instance.work.get()) }
    });
    instance.witness.end();
    if let Err(status) = furnished {
        // SAFETY: nothing that borrows from the instance was left.
        unsafe { erase(place) };
        return Err(status);
    }
    instance.mark.set(OPEN);
    // SAFETY: `writable` has checked it.
    unsafe { handle.write(place.cast()) };
    Ok(())
}

/// Closes a terminal, and erases its memory with the keys in it. What the flash keeps, it keeps.
///
/// # Safety
/// `terminal` is what `symbolon_terminal_open` wrote, or NULL; its memory is still there.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn symbolon_terminal_close(terminal: *mut OpenTerminal) -> Status {
    // SAFETY: as this function's own contract says.
    let instance = match unsafe { find(terminal) } {
        Ok(instance) => instance,
        Err(status) => return status,
    };
    instance.mark.set(CLOSED);
    // SAFETY: it was open, so there is one; it goes first, as it borrows from the rest.
    unsafe { (*instance.work.get()).assume_init_drop() };
    for slot in &instance.slots {
        // SAFETY: what used it is gone.
        unsafe { slot.clear() };
    }
    // SAFETY: nothing borrows from the instance any more.
    unsafe { erase(terminal.cast()) };
    SYMBOLON_STATUS_OK
}

impl Instance {
    /// Begins an instance, not open yet, without what borrows from it.
    ///
    /// # Safety
    /// There are the bytes of an instance at `place`; they are the caller's, and nobody else uses them until they are
    /// erased.
    unsafe fn begin(place: *mut Self, callbacks: Callbacks) -> &'static Self {
        // SAFETY: each field is inside of the instance, and what was there before does not matter.
        unsafe {
            addr_of_mut!((*place).mark).write(Cell::new(CLOSED));
            addr_of_mut!((*place).address).write(Cell::new(place.addr()));
            addr_of_mut!((*place).busy).write(Cell::new(false));
            addr_of_mut!((*place).callbacks).write(callbacks);
            addr_of_mut!((*place).witness).write(Witness::new());
            addr_of_mut!((*place).flash).write(SharedFlash::new(DeviceFlash(callbacks)));
            addr_of_mut!((*place).slots).write([Slot::new(), Slot::new()]);
            addr_of_mut!((*place).work).write(UnsafeCell::new(MaybeUninit::uninit()));
            // Nothing uses the reference once the memory is erased.
            &*place
        }
    }

    /// A slot that no live authority has.
    pub(crate) fn free_slot(&'static self, terminal: &Running) -> Option<&'static Slot> {
        let is_live = |id: &AuthorityId| terminal.authorities().any(|live| live == id);
        self.slots.iter().find(|slot| slot.id().is_none_or(|id| !is_live(&id)))
    }
}

fn check_place(memory: *mut c_void, length: usize) -> Result<*mut Instance, Status> {
    let place = memory.cast::<Instance>();
    if place.is_null() {
        Err(SYMBOLON_STATUS_NULL_POINTER)
    } else if !place.is_aligned() {
        Err(SYMBOLON_STATUS_MISALIGNED)
    } else if length < size_of::<Instance>() {
        Err(SYMBOLON_STATUS_TOO_SHORT)
    } else {
        Ok(place)
    }
}

/// # Safety
/// The bytes of an instance are at `place`, and nothing borrows from them.
unsafe fn erase(place: *mut Instance) {
    for index in 0..size_of::<Instance>() {
        // SAFETY: inside of the instance. Volatile, so that it is done though nobody reads it.
        unsafe { place.cast::<u8>().wrapping_add(index).write_volatile(0) };
    }
}

/// The open terminal of a handle.
///
/// # Safety
/// `terminal` is NULL, or points at memory that can be read as an instance.
unsafe fn find<'a>(terminal: *mut OpenTerminal) -> Result<&'a Instance, Status> {
    let place = terminal.cast::<Instance>();
    if place.is_null() {
        return Err(SYMBOLON_STATUS_NULL_POINTER);
    }
    if !place.is_aligned() {
        return Err(SYMBOLON_STATUS_MISALIGNED);
    }
    // SAFETY: the marks are plain numbers at fixed places, whatever the memory holds.
    let (mark, address) = unsafe { ((*place).mark.get(), (*place).address.get()) };
    if mark != OPEN || address != place.addr() {
        return Err(SYMBOLON_STATUS_NOT_OPEN);
    }
    // SAFETY: it was opened here, so that all of it is initialised; only its cells ever change.
    let instance = unsafe { &*place };
    if instance.busy.get() { Err(SYMBOLON_STATUS_BUSY) } else { Ok(instance) }
}

/// A call on an open terminal: nobody else gets in until it ends.
pub(crate) struct Call<'a>(&'a Instance);

impl<'a> Call<'a> {
    /// Begins a call: finds the terminal, and has the clock and some randomness read.
    ///
    /// # Safety
    /// As [`find`].
    pub(crate) unsafe fn begin(terminal: *mut OpenTerminal) -> Result<Self, Status> {
        // SAFETY: as this function's own contract says.
        let instance = unsafe { find(terminal)? };
        instance.busy.set(true);
        let call = Self(instance);
        instance.witness.begin(&instance.callbacks)?;
        Ok(call)
    }

    /// What the terminal's authorities and keys are kept in.
    pub(crate) const fn instance(&self) -> &'a Instance {
        self.0
    }

    /// What goes on in the terminal.
    pub(crate) fn work(&mut self) -> &mut Work {
        // SAFETY: an open terminal has it, and `busy` lets nobody else have a reference to it while the call lasts.
        unsafe { (*self.0.work.get()).assume_init_mut() }
    }
}

impl Drop for Call<'_> {
    fn drop(&mut self) {
        self.0.witness.end();
        self.0.busy.set(false);
    }
}
