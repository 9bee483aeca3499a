//! Memory for values that live as long as the program, in variables, where the linker counts it.

use core::cell::UnsafeCell;
use core::fmt;
use core::mem::MaybeUninit;
use core::sync::atomic::{AtomicBool, Ordering};

/// Memory for one value, which can be put there once.
pub struct Place<T> {
    value: UnsafeCell<MaybeUninit<T>>,
    is_taken: AtomicBool,
}

// SAFETY: `put` hands the value out once, to whoever put it there.
unsafe impl<T> Sync for Place<T> {}

impl<T> Place<T> {
    /// Nothing there yet.
    pub const fn new() -> Self {
        Self { value: UnsafeCell::new(MaybeUninit::uninit()), is_taken: AtomicBool::new(false) }
    }

    /// Whether nothing is there yet.
    pub fn is_empty(&self) -> bool {
        !self.is_taken.load(Ordering::Acquire)
    }

    /// Puts a value there for good; `None` when there is one already.
    #[inline(never)]
    pub fn put(&'static self, value: T) -> Option<&'static mut T> {
        if self.is_taken.swap(true, Ordering::AcqRel) {
            return None;
        }
        // SAFETY: only the first caller comes here, so that this is the one reference there ever is.
        Some(unsafe { (*self.value.get()).write(value) })
    }
}

/// Memory for a value that is there from the start, and is taken hold of once.
pub struct Kept<T> {
    value: UnsafeCell<T>,
    is_taken: AtomicBool,
}

// SAFETY: `take` hands the value out once.
unsafe impl<T> Sync for Kept<T> {}

impl<T> Kept<T> {
    /// This value.
    pub const fn new(value: T) -> Self {
        Self { value: UnsafeCell::new(value), is_taken: AtomicBool::new(false) }
    }

    /// Takes hold of it for good; `None` when somebody has.
    pub fn take(&'static self) -> Option<&'static mut T> {
        if self.is_taken.swap(true, Ordering::AcqRel) {
            return None;
        }
        // SAFETY: only the first caller comes here, so that this is the one reference there ever is.
        Some(unsafe { &mut *self.value.get() })
    }
}

impl<T> fmt::Debug for Kept<T> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("Kept").finish_non_exhaustive()
    }
}

impl<T> Default for Place<T> {
    fn default() -> Self {
        Self::new()
    }
}

impl<T> fmt::Debug for Place<T> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("Place").finish_non_exhaustive()
    }
}
