//! The encoding of authority parameters.
//!
//! "SYMB" | version | suite | rows | columns | institutions | created | T | name | matrix, a column at a time | vector.

use super::{AFFINE_POINTS, COLUMNS, INSTITUTIONS, ROWS};
use crate::{CompressedPoint, Malformed, Name, Suite, SuiteId, Time};

pub(crate) const STRUCTURE: &str = "authority parameters";
/// Bytes before the rotation key: magic, version, suite, the three counts, the time of creation.
const HEADER_SIZE: usize = 17;
const _: () = assert!(HEADER_SIZE + 1 + AFFINE_POINTS * CompressedPoint::SIZE == 35_955);

/// The parts of authority parameters, points still encoded.
pub(crate) struct Header<'b> {
    pub(crate) created: Time,
    pub(crate) name: Name,
    rotation_key: &'b [u8],
    /// The matrix, a column at a time, then the institution vector.
    points: &'b [u8],
}

impl<'b> Header<'b> {
    pub(crate) fn parse<S: Suite>(bytes: &'b [u8]) -> Result<Self, Malformed> {
        let malformed = |problem| Malformed::new(STRUCTURE, problem);
        let truncated = || malformed("truncated");
        let (header, rest) = bytes.split_first_chunk::<HEADER_SIZE>().ok_or_else(truncated)?;
        let [magic @ .., version, suite, rows, columns, institutions, _, _, _, _, _, _, _, _] = header;
        let [.., c0, c1, c2, c3, c4, c5, c6, c7] = header;
        if magic != b"SYMB" {
            return Err(malformed("does not begin with SYMB"));
        }
        if *version != 1 {
            return Err(malformed("the version is not 1"));
        }
        if SuiteId::from_byte(*suite).map_err(|_| malformed("the suite is not known"))? != S::ID {
            return Err(malformed("of another suite"));
        }
        if [*rows, *columns, *institutions] != [ROWS as u8, COLUMNS as u8, INSTITUTIONS as u8] {
            return Err(malformed("not 16 rows, 64 columns and 64 institutions"));
        }
        let created = Time::new(u64::from_be_bytes([*c0, *c1, *c2, *c3, *c4, *c5, *c6, *c7]))
            .map_err(|_| malformed("the time of creation is 2^40 seconds or more"))?;
        let (rotation_key, rest) = rest.split_at_checked(CompressedPoint::SIZE).ok_or_else(truncated)?;
        let (length, rest) = rest.split_first().ok_or_else(truncated)?;
        let (name, points) = rest.split_at_checked(usize::from(*length)).ok_or_else(truncated)?;
        let name = Name::parse(name).map_err(|error| malformed(error.problem))?;
        match points.len().cmp(&((AFFINE_POINTS - 1) * CompressedPoint::SIZE)) {
            core::cmp::Ordering::Less => Err(truncated()),
            core::cmp::Ordering::Greater => Err(malformed("trailing bytes")),
            core::cmp::Ordering::Equal => Ok(Self { created, name, rotation_key, points }),
        }
    }
}

pub(crate) fn decode_points<S: Suite>(header: &Header<'_>, memory: &mut [S::Affine]) -> Result<(), Malformed> {
    if memory.len() != AFFINE_POINTS {
        return Err(Malformed::new(STRUCTURE, "the memory given does not hold 1,089 points"));
    }
    let encoded = core::iter::once(header.rotation_key).chain(header.points.chunks_exact(CompressedPoint::SIZE));
    for (place, bytes) in memory.iter_mut().zip(encoded) {
        *place = CompressedPoint::parse(bytes)
            .ok()
            .and_then(S::decode_point)
            .ok_or(Malformed::new(STRUCTURE, "a point is not on the curve"))?;
    }
    Ok(())
}
