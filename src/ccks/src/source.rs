//! Bytes that are read where they are kept.
//!
//! A server has an authority's parameters and a trust bundle in memory. A small terminal has them in flash, larger than
//! its memory, and reads of them what a tap needs. [`Source`] is either; what reads one never sees the difference.

use core::fmt;

/// Bytes that are kept in a device and can be read from any offset on.
///
/// `Sync`, because what holds a [`Source`], an authority above all, is shared by the threads of a server. A driver that
/// needs itself mutably to read goes behind a lock that is tried, such as `spin::Mutex`, not behind a `RefCell`.
pub trait ByteSource: Sync {
    /// Fills `into` with the bytes from `offset` on.
    ///
    /// # Errors
    /// [`ReadFailed`] when they do not reach that far or the device does not give them; `into` may have been written to.
    fn read(&self, offset: usize, into: &mut [u8]) -> Result<(), ReadFailed>;
}

/// Bytes could not be read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ReadFailed;

impl fmt::Display for ReadFailed {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("the bytes could not be read where they are kept")
    }
}

impl core::error::Error for ReadFailed {}

/// Bytes in memory, or in a window of a device.
#[derive(Clone, Copy)]
pub enum Source<'a> {
    /// In memory.
    Memory(&'a [u8]),
    /// In a device, `length` bytes from `offset` on.
    Device {
        /// What they are read from.
        device: &'a dyn ByteSource,
        /// Where they begin, bytes.
        offset: usize,
        /// How many they are.
        length: usize,
    },
}

impl<'a> Source<'a> {
    /// How many bytes there are.
    pub const fn length(&self) -> usize {
        match self {
            Self::Memory(bytes) => bytes.len(),
            Self::Device { length, .. } => *length,
        }
    }

    /// Fills `into` with the bytes from `offset` on.
    ///
    /// # Errors
    /// [`ReadFailed`] when they do not reach that far or the device does not give them.
    pub fn read(&self, offset: usize, into: &mut [u8]) -> Result<(), ReadFailed> {
        let end = offset.checked_add(into.len()).ok_or(ReadFailed)?;
        match self {
            Self::Memory(bytes) => {
                let bytes = bytes.get(offset..end).ok_or(ReadFailed)?;
                // Of one length, since `into` decided where the range ends.
                into.iter_mut().zip(bytes).for_each(|(to, from)| *to = *from);
                Ok(())
            }
            Self::Device { device, offset: start, length } => {
                if end > *length {
                    return Err(ReadFailed);
                }
                device.read(start.checked_add(offset).ok_or(ReadFailed)?, into)
            }
        }
    }

    /// Reads `N` bytes from `offset` on.
    ///
    /// # Errors
    /// [`ReadFailed`] when they do not reach that far or the device does not give them.
    pub fn array<const N: usize>(&self, offset: usize) -> Result<[u8; N], ReadFailed> {
        let mut bytes = [0; N];
        self.read(offset, &mut bytes)?;
        Ok(bytes)
    }

    /// The `length` bytes from `offset` on; `None` when they do not reach that far.
    pub fn window(&self, offset: usize, length: usize) -> Option<Self> {
        let end = offset.checked_add(length)?;
        match self {
            Self::Memory(bytes) => bytes.get(offset..end).map(Self::Memory),
            Self::Device { device, offset: start, length: whole } => {
                let offset = start.checked_add(offset)?;
                (end <= *whole).then_some(Self::Device { device: *device, offset, length })
            }
        }
    }
}

impl<'a> From<&'a [u8]> for Source<'a> {
    fn from(bytes: &'a [u8]) -> Self {
        Self::Memory(bytes)
    }
}

impl fmt::Debug for Source<'_> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("Source").field("length", &self.length()).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::{ByteSource, ReadFailed, Source};
    use std::{vec, vec::Vec};

    struct Device(Vec<u8>);

    impl ByteSource for Device {
        fn read(&self, offset: usize, into: &mut [u8]) -> Result<(), ReadFailed> {
            Source::Memory(&self.0).read(offset, into)
        }
    }

    #[test]
    fn a_window_of_a_device_reads_as_the_same_bytes_in_memory_do() {
        let bytes = (0..=255).collect::<Vec<u8>>();
        let device = Device(bytes.clone());
        let kept = Source::Device { device: &device, offset: 16, length: 100 };
        let held = Source::from(&bytes[16..116]);
        for (offset, length) in [(0, 100), (99, 1), (100, 0), (0, 101), (100, 1), (usize::MAX, 2)] {
            let (mut from_device, mut from_memory) = (vec![0; length], vec![0; length]);
            assert_eq!(kept.read(offset, &mut from_device), held.read(offset, &mut from_memory), "{offset} {length}");
            assert_eq!(from_device, from_memory);
            match (kept.window(offset, length), held.window(offset, length)) {
                (None, None) => {}
                (Some(kept), Some(held)) => {
                    assert_eq!(kept.length(), held.length());
                    assert_eq!(kept.read(length, &mut [0]), Err(ReadFailed), "a window ends where it ends");
                    assert_eq!(held.read(length, &mut [0]), Err(ReadFailed));
                }
                _ => panic!("{offset} {length}: one has a window and the other has none"),
            }
        }
        assert_eq!(kept.array::<2>(98), Ok([114, 115]));
    }
}
