//! The encoding of authority parameters, as they travel and prepared.
//!
//! As they travel: "SYMB" | version | suite | rows | columns | institutions | created | T | name | matrix, a column at a
//! time | vector. Prepared: the same up to and with the name, then T, the matrix and the vector with both coordinates, 64
//! bytes a point, so that a terminal reads a point where it is kept instead of taking a square root.

use super::{AFFINE_POINTS, COLUMNS, INSTITUTIONS, ROWS};
use crate::{AuthorityRefused, CompressedPoint, Malformed, Name, Source, Suite, SuiteId, Time, curve::affine::Point};
use sha2::{Digest, Sha256};

pub(crate) const STRUCTURE: &str = "authority parameters";
/// Bytes before the rotation key: magic, version, suite, the three counts, the time of creation.
const FIXED_SIZE: usize = 17;
/// Bytes before the characters of the name.
const BEFORE_NAME: usize = FIXED_SIZE + CompressedPoint::SIZE + 1;
const _: () = assert!(BEFORE_NAME + (AFFINE_POINTS - 1) * CompressedPoint::SIZE == 35_955);

const TRUNCATED: Malformed = Malformed::new(STRUCTURE, "truncated");
const TRAILING: Malformed = Malformed::new(STRUCTURE, "trailing bytes");
const OFF_CURVE: Malformed = Malformed::new(STRUCTURE, "a point is not on the curve");

/// What comes before the matrix.
pub(crate) struct Header {
    pub(crate) created: Time,
    pub(crate) name: Name,
    /// Bytes up to and with the name.
    pub(crate) size: usize,
}

impl Header {
    /// Reads the header that `bytes` begin with.
    pub(crate) fn parse<S: Suite>(bytes: &[u8]) -> Result<Self, Malformed> {
        let malformed = |problem| Malformed::new(STRUCTURE, problem);
        let (fixed, rest) = bytes.split_first_chunk::<FIXED_SIZE>().ok_or(TRUNCATED)?;
        let [magic @ .., version, suite, rows, columns, institutions, _, _, _, _, _, _, _, _] = fixed;
        let [.., c0, c1, c2, c3, c4, c5, c6, c7] = fixed;
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
        let (_rotation_key, rest) = rest.split_at_checked(CompressedPoint::SIZE).ok_or(TRUNCATED)?;
        let (length, rest) = rest.split_first().ok_or(TRUNCATED)?;
        let length = usize::from(*length);
        let name = rest.get(..length).ok_or(TRUNCATED)?;
        let name = Name::parse(name).map_err(|error| malformed(error.problem))?;
        Ok(Self { created, name, size: BEFORE_NAME + length })
    }
}

/// Parses parameters as they travel, and decodes their points: T, the matrix a column at a time, the vector.
#[cfg(feature = "alloc")]
pub(crate) fn parse<S: Suite>(bytes: &[u8]) -> Result<(Header, alloc::vec::Vec<Point<S>>), Malformed> {
    let header = Header::parse::<S>(bytes)?;
    let rotation_key = bytes.get(FIXED_SIZE..BEFORE_NAME - 1).unwrap_or_default();
    let points = bytes.get(header.size..).unwrap_or_default();
    match points.len().cmp(&((AFFINE_POINTS - 1) * CompressedPoint::SIZE)) {
        core::cmp::Ordering::Less => return Err(TRUNCATED),
        core::cmp::Ordering::Greater => return Err(TRAILING),
        core::cmp::Ordering::Equal => {}
    }
    let encoded = core::iter::once(rotation_key).chain(points.chunks_exact(CompressedPoint::SIZE));
    let encoded = encoded.map(CompressedPoint::parse).collect::<Result<alloc::vec::Vec<_>, _>>();
    let decoded = crate::batch::decode::decode_all_vartime::<S>(&encoded.map_err(|_| OFF_CURVE)?);
    Ok((header, decoded.into_iter().collect::<Option<_>>().ok_or(OFF_CURVE)?))
}

/// Bytes of prepared parameters.
pub(crate) const fn prepared_size(name_length: usize) -> usize {
    BEFORE_NAME + name_length + AFFINE_POINTS * Point::<crate::P256>::SIZE
}

/// The header of prepared parameters, read where they are kept, and the window of their points.
///
/// Every point is read and held to be on the curve, and the digest is that of the parameters as they travel.
pub(crate) fn open<'a, S: Suite>(source: Source<'a>) -> Result<(Header, [u8; 32], Source<'a>), AuthorityRefused> {
    let mut memory = [0; BEFORE_NAME + Name::MAXIMUM_LENGTH];
    let available = source.length().min(memory.len());
    let bytes = memory.get_mut(..available).unwrap_or_default();
    source.read(0, bytes)?;
    let header = Header::parse::<S>(bytes)?;
    match source.length().cmp(&prepared_size(header.name.as_ascii().len())) {
        core::cmp::Ordering::Less => return Err(TRUNCATED.into()),
        core::cmp::Ordering::Greater => return Err(TRAILING.into()),
        core::cmp::Ordering::Equal => {}
    }
    let points = source.window(header.size, AFFINE_POINTS * Point::<S>::SIZE).ok_or(TRUNCATED)?;
    let bytes = bytes.get(..header.size).unwrap_or_default();
    let rotation_key = bytes.get(FIXED_SIZE..BEFORE_NAME - 1).unwrap_or_default();
    let mut hash = Sha256::new();
    hash.update(bytes);
    for index in 0..AFFINE_POINTS {
        let point = read_point::<S>(&points, index)?.filter(Point::is_on_curve).ok_or(OFF_CURVE)?;
        let point = point.compressed().ok_or(OFF_CURVE)?;
        match index {
            0 if point.as_bytes() != rotation_key => {
                return Err(Malformed::new(STRUCTURE, "the rotation key is another than the header's").into());
            }
            0 => {}
            _ => hash.update(point.as_bytes()),
        }
    }
    Ok((header, hash.finalize().into(), points))
}

/// One of the points of prepared parameters; `None` for a coordinate that is not below the modulus.
pub(crate) fn read_point<S: Suite>(points: &Source<'_>, index: usize) -> Result<Option<Point<S>>, crate::ReadFailed> {
    let offset = index.checked_mul(Point::<S>::SIZE).ok_or(crate::ReadFailed)?;
    // In memory they need no copy first, which is a tenth of an addition on a small device.
    if let Source::Memory(bytes) = points {
        let point = bytes.get(offset..).and_then(|bytes| bytes.first_chunk()).ok_or(crate::ReadFailed)?;
        return Ok(Point::from_coordinates_unchecked(point));
    }
    Ok(Point::from_coordinates_unchecked(&points.array(offset)?))
}
