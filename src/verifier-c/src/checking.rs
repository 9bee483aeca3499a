//! Looking at what the caller gives before using it.

use core::slice;

use crate::status::*;
use crate::structures::{Platform, Request, Settings, Step, Verdict};

/// A structure of numbers and pointers that begins with its size, a u32.
pub(crate) trait Versioned {}

impl Versioned for Settings {}
impl Versioned for Platform {}
impl Versioned for Request {}
impl Versioned for Verdict {}
impl Versioned for Step {}

/// A structure of the caller's, once its version is known.
///
/// # Safety
/// `pointer` is NULL, or points at a `T` of the caller's.
pub(crate) unsafe fn structure<'a, T: Versioned>(pointer: *const T) -> Result<&'a T, Status> {
    if pointer.is_null() {
        return Err(SYMBOLON_STATUS_NULL_POINTER);
    }
    if !pointer.is_aligned() {
        return Err(SYMBOLON_STATUS_MISALIGNED);
    }
    // SAFETY: every such structure begins with a u32, whatever its version.
    let size = unsafe { pointer.cast::<u32>().read() };
    if usize::try_from(size) != Ok(size_of::<T>()) {
        return Err(SYMBOLON_STATUS_WRONG_SIZE);
    }
    // SAFETY: it is as long as a `T` and all of its bytes are numbers and pointers.
    Ok(unsafe { &*pointer })
}

/// Where a structure that begins with its size is to be written.
///
/// # Safety
/// As [`structure`].
pub(crate) unsafe fn writable_structure<T: Versioned>(pointer: *mut T) -> Result<*mut T, Status> {
    // SAFETY: as this function's own contract says.
    unsafe { structure(pointer.cast_const())? };
    Ok(pointer)
}

/// Where something is to be written.
pub(crate) fn writable<T>(pointer: *mut T) -> Result<*mut T, Status> {
    if pointer.is_null() {
        Err(SYMBOLON_STATUS_NULL_POINTER)
    } else if !pointer.is_aligned() {
        Err(SYMBOLON_STATUS_MISALIGNED)
    } else {
        Ok(pointer)
    }
}

/// Where something is to be read.
pub(crate) fn readable<T>(pointer: *const T) -> Result<*const T, Status> {
    writable(pointer.cast_mut()).map(<*mut T>::cast_const)
}

/// Bytes of the caller's.
///
/// # Safety
/// `pointer` is NULL, or points at `length` bytes.
pub(crate) unsafe fn bytes<'a>(pointer: *const u8, length: usize) -> Result<&'a [u8], Status> {
    if pointer.is_null() {
        return Err(SYMBOLON_STATUS_NULL_POINTER);
    }
    if isize::try_from(length).is_err() {
        return Err(SYMBOLON_STATUS_OUT_OF_RANGE);
    }
    // SAFETY: as this function's own contract says.
    Ok(unsafe { slice::from_raw_parts(pointer, length) })
}

/// A number of bytes of the caller's that is known here.
///
/// # Safety
/// `pointer` is NULL, or points at `N` bytes.
pub(crate) unsafe fn array<'a, const N: usize>(pointer: *const u8) -> Result<&'a [u8; N], Status> {
    // SAFETY: as this function's own contract says.
    let bytes = unsafe { bytes(pointer, N)? };
    bytes.try_into().map_err(|_| SYMBOLON_STATUS_TOO_SHORT)
}
