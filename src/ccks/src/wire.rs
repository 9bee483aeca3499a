//! How fixed-layout structures are read in place.
//!
//! A wire structure is a `#[repr(C)]` struct without padding: integers are big-endian and unaligned, a field with few
//! legal values is a `#[repr(u8)]` enum, so that a reference to the structure is already a proof that those fields are
//! legal. Ranges that a type cannot express are checked by each structure's `parse`.

use crate::Malformed;
use zerocopy::{Immutable, IntoBytes, KnownLayout, TryFromBytes, Unaligned};

pub use zerocopy::big_endian::{U16, U32, U64};

/// The one version of every structure.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, TryFromBytes, IntoBytes, KnownLayout, Immutable, Unaligned)]
#[repr(u8)]
pub enum Version {
    /// Version 1.
    One = 1,
}

/// A byte that is zero.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, TryFromBytes, IntoBytes, KnownLayout, Immutable, Unaligned)]
#[repr(u8)]
pub enum Zero {
    /// The only value.
    Zero = 0,
}

/// A byte of a structure that has few legal values: where it stands, what is legal, what to say when it is not.
#[derive(Clone, Copy, Debug)]
pub struct Discrete {
    /// Offset in the structure, bytes.
    pub offset: usize,
    /// The legal values.
    pub legal: &'static [u8],
    /// What to say otherwise.
    pub problem: &'static str,
}

/// Reads `bytes` as exactly one `T`, in place.
///
/// # Errors
/// [`Malformed`] when the length is not that of `T` or a discrete field holds an illegal value.
pub fn read<'a, T>(structure: &'static str, bytes: &'a [u8]) -> Result<&'a T, Malformed>
where
    T: TryFromBytes + KnownLayout + Immutable + Unaligned,
{
    read_explained(structure, bytes, &[])
}

/// As [`read`], and finds in `discrete` the words for the byte that was illegal.
///
/// # Errors
/// [`Malformed`] when the length is not that of `T` or a discrete field holds an illegal value.
pub fn read_explained<'a, T>(
    structure: &'static str,
    bytes: &'a [u8],
    discrete: &[Discrete],
) -> Result<&'a T, Malformed>
where
    T: TryFromBytes + KnownLayout + Immutable + Unaligned,
{
    if bytes.len() != size_of::<T>() {
        return Err(Malformed::new(structure, "wrong length"));
    }
    T::try_ref_from_bytes(bytes).map_err(|_| {
        let wrong =
            discrete.iter().find(|field| bytes.get(field.offset).is_none_or(|byte| !field.legal.contains(byte)));
        let problem = wrong.map_or("a field holds a value that is not allowed", |field| field.problem);
        Malformed::new(structure, problem)
    })
}
