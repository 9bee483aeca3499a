//! The device underneath, through the caller's callbacks.

use core::cell::Cell;
use core::convert::Infallible;
use core::ffi::c_void;

use embedded_storage::nor_flash::{ErrorType, NorFlash, NorFlashError, NorFlashErrorKind, ReadNorFlash};
use rand_core::{TryCryptoRng, TryRng};
use symbolon_ccks::Time;
use symbolon_verifier::Clock;
use symbolon_verifier::port::{ClockNotSet, SettableClock};
use zeroize::Zeroize;

use crate::status::{
    SYMBOLON_STATUS_CLOCK, SYMBOLON_STATUS_LAYOUT, SYMBOLON_STATUS_NULL_POINTER, SYMBOLON_STATUS_RANDOM, Status,
};
use crate::structures::{Platform, SYMBOLON_FLASH_ERASE_SIZE, SYMBOLON_FLASH_WRITE_SIZE};

/// What is said before the clock was read.
const EPOCH: Time = match Time::new(0) {
    Ok(time) => time,
    Err(_) => panic!("0 is a time"),
};

type Read = unsafe extern "C" fn(*mut c_void, u32, *mut u8, usize) -> i32;
type Write = unsafe extern "C" fn(*mut c_void, u32, *const u8, usize) -> i32;
type Erase = unsafe extern "C" fn(*mut c_void, u32, u32) -> i32;
type Now = unsafe extern "C" fn(*mut c_void, *mut u64) -> i32;
type SetNow = unsafe extern "C" fn(*mut c_void, u64) -> i32;
type Random = unsafe extern "C" fn(*mut c_void, *mut u8, usize) -> i32;

/// A platform with every callback that must be there.
#[derive(Clone, Copy)]
pub(crate) struct Callbacks {
    context: *mut c_void,
    read: Read,
    write: Write,
    erase: Erase,
    now: Now,
    set_now: Option<SetNow>,
    random: Random,
    flash_length: usize,
}

// SAFETY: whoever opens a terminal promises that its callbacks may be called with its context by the thread that calls the
// library, which for one terminal is one at a time.
unsafe impl Send for Callbacks {}

impl Callbacks {
    pub(crate) fn new(platform: &Platform) -> Result<Self, Status> {
        Ok(Self {
            context: platform.context,
            read: platform.flash_read.ok_or(SYMBOLON_STATUS_NULL_POINTER)?,
            write: platform.flash_write.ok_or(SYMBOLON_STATUS_NULL_POINTER)?,
            erase: platform.flash_erase.ok_or(SYMBOLON_STATUS_NULL_POINTER)?,
            now: platform.now.ok_or(SYMBOLON_STATUS_NULL_POINTER)?,
            set_now: platform.set_now,
            random: platform.random.ok_or(SYMBOLON_STATUS_NULL_POINTER)?,
            flash_length: usize::try_from(platform.flash_length).map_err(|_| SYMBOLON_STATUS_LAYOUT)?,
        })
    }

    /// The time, `None` when the clock fails or says what is no time.
    pub(crate) fn read_clock(&self) -> Option<Time> {
        let mut seconds = 0;
        // SAFETY: the caller of `symbolon_terminal_open` promised callbacks that may be called with its context for as
        // long as the terminal is open, and the pointer is to a local.
        let answer = unsafe { (self.now)(self.context, &raw mut seconds) };
        if answer == 0 { Time::new(seconds).ok() } else { None }
    }

    fn fill(&self, into: &mut [u8]) -> bool {
        // SAFETY: as in `read_clock`; the pointer and the length are those of a slice that is ours to write.
        into.is_empty() || unsafe { (self.random)(self.context, into.as_mut_ptr(), into.len()) } == 0
    }
}

/// What one call of the interface was given by the device when it began: the time, so that the whole call is of one, and
/// randomness, so that a device without any is noticed before something has changed.
#[derive(Debug)]
pub(crate) struct Witness {
    now: Cell<Option<Time>>,
    pool: Cell<[u8; POOL_SIZE]>,
    left: Cell<usize>,
}

/// As many random bytes as one call ever uses: 36 for a challenge, 32 for a receipt or an upload.
const POOL_SIZE: usize = 64;

impl Witness {
    pub(crate) const fn new() -> Self {
        Self { now: Cell::new(None), pool: Cell::new([0; POOL_SIZE]), left: Cell::new(0) }
    }

    /// Begins a call.
    pub(crate) fn begin(&self, callbacks: &Callbacks) -> Result<(), Status> {
        self.now.set(callbacks.read_clock());
        self.now.get().ok_or(SYMBOLON_STATUS_CLOCK)?;
        let mut pool = [0; POOL_SIZE];
        if !callbacks.fill(&mut pool) {
            return Err(SYMBOLON_STATUS_RANDOM);
        }
        self.pool.set(pool);
        self.left.set(POOL_SIZE);
        pool.zeroize();
        Ok(())
    }

    /// Ends a call: nothing that was drawn for it is used in another.
    pub(crate) fn end(&self) {
        self.pool.set([0; POOL_SIZE]);
        self.left.set(0);
    }

    /// The next random byte; `None` when the pool is used up.
    fn next(&self) -> Option<u8> {
        let left = self.left.get().checked_sub(1)?;
        self.left.set(left);
        self.pool.get().get(left).copied()
    }
}

/// The flash.
pub(crate) struct DeviceFlash(pub(crate) Callbacks);

/// Why the flash did not do it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum FlashFault {
    /// Outside of it.
    OutOfBounds,
    /// Its callback said so.
    Callback,
}

impl NorFlashError for FlashFault {
    fn kind(&self) -> NorFlashErrorKind {
        match self {
            Self::OutOfBounds => NorFlashErrorKind::OutOfBounds,
            Self::Callback => NorFlashErrorKind::Other,
        }
    }
}

impl ErrorType for DeviceFlash {
    type Error = FlashFault;
}

impl DeviceFlash {
    /// The offset as the callbacks take it, if so many bytes from there on are inside.
    fn inside(&self, offset: u32, length: usize) -> Result<u32, FlashFault> {
        let end = usize::try_from(offset).ok().and_then(|offset| offset.checked_add(length));
        end.filter(|end| *end <= self.0.flash_length).map(|_| offset).ok_or(FlashFault::OutOfBounds)
    }
}

fn answered(answer: i32) -> Result<(), FlashFault> {
    if answer == 0 { Ok(()) } else { Err(FlashFault::Callback) }
}

impl ReadNorFlash for DeviceFlash {
    const READ_SIZE: usize = 1;

    fn read(&mut self, offset: u32, bytes: &mut [u8]) -> Result<(), FlashFault> {
        let offset = self.inside(offset, bytes.len())?;
        // SAFETY: as in `Callbacks::read_clock`; the pointer and the length are those of a slice that is ours to write.
        answered(unsafe { (self.0.read)(self.0.context, offset, bytes.as_mut_ptr(), bytes.len()) })
    }

    fn capacity(&self) -> usize {
        self.0.flash_length
    }
}

impl NorFlash for DeviceFlash {
    const WRITE_SIZE: usize = SYMBOLON_FLASH_WRITE_SIZE;
    const ERASE_SIZE: usize = SYMBOLON_FLASH_ERASE_SIZE;

    fn erase(&mut self, from: u32, to: u32) -> Result<(), FlashFault> {
        let length = to.checked_sub(from).and_then(|length| usize::try_from(length).ok());
        let from = self.inside(from, length.ok_or(FlashFault::OutOfBounds)?)?;
        // SAFETY: as in `Callbacks::read_clock`.
        answered(unsafe { (self.0.erase)(self.0.context, from, to) })
    }

    fn write(&mut self, offset: u32, bytes: &[u8]) -> Result<(), FlashFault> {
        let offset = self.inside(offset, bytes.len())?;
        // SAFETY: as in `Callbacks::read_clock`; the pointer and the length are those of a slice.
        answered(unsafe { (self.0.write)(self.0.context, offset, bytes.as_ptr(), bytes.len()) })
    }
}

/// The clock: what it said when the call began.
pub(crate) struct DeviceClock {
    callbacks: Callbacks,
    witness: &'static Witness,
}

impl DeviceClock {
    pub(crate) const fn new(callbacks: Callbacks, witness: &'static Witness) -> Self {
        Self { callbacks, witness }
    }
}

impl Clock for DeviceClock {
    fn now(&self) -> Time {
        // A call does not begin without the time.
        self.witness.now.get().unwrap_or(EPOCH)
    }
}

impl SettableClock for DeviceClock {
    fn set(&mut self, now: Time) -> Result<(), ClockNotSet> {
        let set_now = self.callbacks.set_now.ok_or(ClockNotSet)?;
        // SAFETY: as in `Callbacks::read_clock`.
        if unsafe { set_now(self.callbacks.context, now.seconds()) } != 0 {
            return Err(ClockNotSet);
        }
        self.witness.now.set(Some(now));
        Ok(())
    }
}

/// The randomness: what was drawn when the call began, and after that what the callback gives.
pub(crate) struct DeviceRandom {
    callbacks: Callbacks,
    witness: &'static Witness,
}

impl DeviceRandom {
    pub(crate) const fn new(callbacks: Callbacks, witness: &'static Witness) -> Self {
        Self { callbacks, witness }
    }
}

impl TryRng for DeviceRandom {
    type Error = Infallible;

    fn try_next_u32(&mut self) -> Result<u32, Infallible> {
        let mut bytes = [0; 4];
        self.try_fill_bytes(&mut bytes)?;
        Ok(u32::from_le_bytes(bytes))
    }

    fn try_next_u64(&mut self) -> Result<u64, Infallible> {
        let mut bytes = [0; 8];
        self.try_fill_bytes(&mut bytes)?;
        Ok(u64::from_le_bytes(bytes))
    }

    fn try_fill_bytes(&mut self, into: &mut [u8]) -> Result<(), Infallible> {
        for byte in into {
            // A signature's nonce is derived from the key and the message too, so that zeros do not give it away.
            *byte = self.witness.next().unwrap_or_else(|| {
                let mut one = [0];
                self.callbacks.fill(&mut one);
                let [one] = one;
                one
            });
        }
        Ok(())
    }
}

impl TryCryptoRng for DeviceRandom {}
