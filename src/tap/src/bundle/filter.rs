//! The section that recognises revoked subjects in few bytes: a static set for each period, and one of the cards.
//!
//! A set is a binary fuse filter (Graf and Lemire, "Binary Fuse Filters: Fast and Smaller Than Xor Filters", 2022) with
//! three places a key and fingerprints of 16 bits. It knows every revoked subject, and one in 65,536 of the others: who
//! finds a subject in it asks, and does not call the card revoked.

#[cfg(feature = "alloc")]
pub(crate) mod building;

use sha2::{Digest, Sha256};
use symbolon_ccks::wire::{self, Discrete, U16, U32, U64, Zero};
use symbolon_ccks::{Class, Identity, Malformed, Period, PeriodBoundary, ReadFailed, Source, Subject};
use zerocopy::{Immutable, IntoBytes, KnownLayout, TryFromBytes, Unaligned};

use super::sections::STRUCTURE;
use super::view::BundleUnreadable;

const TAG: &[u8] = b"SYMBOLON-V1-FILTER";

/// What a filter knows of a subject: its hash, made once for all sets and parts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FilterKey {
    key: u64,
    spread: u16,
}

impl FilterKey {
    /// Hashes a subject.
    pub fn of(subject: &Subject) -> Self {
        let hash: [u8; 32] = Sha256::new_with_prefix(TAG).chain_update(subject.as_bytes()).finalize().into();
        let [k0, k1, k2, k3, k4, k5, k6, k7, s0, s1, ..] = hash;
        Self { key: u64::from_be_bytes([k0, k1, k2, k3, k4, k5, k6, k7]), spread: u16::from_be_bytes([s0, s1]) }
    }

    /// Which of a bundle's `parts` has this subject if it is revoked, counted from 0.
    pub fn part(&self, parts: u16) -> u16 {
        let [high, low, ..] = u32::from(self.spread).wrapping_mul(parts.into()).to_be_bytes();
        u16::from_be_bytes([high, low])
    }
}

/// Whose subjects a set holds: the pseudonyms of a period, or the cards.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Scope(u32);

impl Scope {
    /// Cards under their own numbers.
    pub const CARDS: Self = Self(u32::MAX);

    /// The pseudonyms of a period.
    pub const fn period(period: Period) -> Self {
        Self(period.number())
    }

    /// That of a credential: a card's, or by its `not_before` the period of a pseudonym; `None` for a terminal's, and
    /// for a pseudonym from before the first period.
    pub fn of(identity: &Identity, boundary: PeriodBoundary) -> Option<Self> {
        match identity.class() {
            Class::Card => Some(Self::CARDS),
            Class::Pseudonym => Period::at(identity.not_before(), boundary).map(Self::period),
            Class::Terminal => None,
        }
    }

    fn from_wire(number: u32) -> Result<Self, Malformed> {
        if number == Self::CARDS.0 { Ok(Self::CARDS) } else { Period::new(number).map(Self::period) }
    }
}

/// What a filter says of a subject.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FilterAnswer {
    /// It holds no set of the subject's scope, and says nothing.
    OutOfScope,
    /// The subject is not revoked.
    Absent,
    /// The subject is revoked, or one of the few that look like a revoked one.
    Hit,
}

/// The kind of every set.
#[derive(Clone, Copy, Debug, PartialEq, Eq, TryFromBytes, IntoBytes, KnownLayout, Immutable, Unaligned)]
#[repr(u8)]
#[allow(dead_code, reason = "values come from the wire too, whichever features make them here")]
enum FilterKind {
    /// Binary fuse, three places, fingerprints of 16 bits.
    BinaryFuse16 = 1,
}

/// What precedes the sets.
#[derive(Clone, Copy, Debug, TryFromBytes, IntoBytes, KnownLayout, Immutable, Unaligned)]
#[repr(C)]
struct FilterHead {
    kind: FilterKind,
    zero: Zero,
    sets: U16,
    boundary: U32,
}

impl FilterHead {
    const SIZE: usize = 8;

    fn read(bytes: &[u8]) -> Result<&Self, Malformed> {
        const DISCRETE: [Discrete; 2] = [
            Discrete { offset: 0, legal: &[1], problem: "a filter of an unknown kind" },
            Discrete { offset: 1, legal: &[0], problem: "the filter's zero byte is not zero" },
        ];
        wire::read_explained(STRUCTURE, bytes, &DISCRETE)
    }
}

/// What precedes a set's fingerprints.
#[derive(Clone, Copy, Debug, PartialEq, Eq, TryFromBytes, IntoBytes, KnownLayout, Immutable, Unaligned)]
#[repr(C)]
struct SetHead {
    scope: U32,
    seed: U64,
    segment_length: U32,
    segment_count_length: U32,
    keys: U32,
    fingerprints: U32,
    zero: [Zero; 4],
}

/// The longest segment: longer, and two of a key's places would be made from the same bits.
const MAX_SEGMENT_LENGTH: u32 = 1 << 18;

impl SetHead {
    const SIZE: usize = 32;

    fn read(bytes: &[u8]) -> Result<&Self, Malformed> {
        let head = wire::read::<Self>(STRUCTURE, bytes)
            .map_err(|_| Malformed::new(STRUCTURE, "a zero byte of a filter's set is not zero"))?;
        head.check()?;
        Ok(head)
    }

    /// Whether the numbers go together: with them, every place of every key is one of the fingerprints.
    fn check(&self) -> Result<(), Malformed> {
        let problem = |problem| Err(Malformed::new(STRUCTURE, problem));
        Scope::from_wire(self.scope.get())?;
        let (segment, places) = (self.segment_length.get(), self.segment_count_length.get());
        let (keys, fingerprints) = (self.keys.get(), self.fingerprints.get());
        if keys == 0 {
            let all_zero = self.seed.get() == 0 && segment == 0 && places == 0 && fingerprints == 0;
            return if all_zero { Ok(()) } else { problem("a filter's set of nothing that is not all zero") };
        }
        if !segment.is_power_of_two() || !(4..=MAX_SEGMENT_LENGTH).contains(&segment) {
            return problem("a filter's segments are not a power of two from 4 to 262,144 long");
        }
        if places == 0 || places & segment.wrapping_sub(1) != 0 {
            return problem("a filter's places are not whole segments");
        }
        if places.checked_add(segment.wrapping_mul(2)) != Some(fingerprints) || keys > fingerprints {
            return problem("a filter's set is not as long as its segments say");
        }
        Ok(())
    }

    /// How many bytes the fingerprints take.
    fn fingerprint_bytes(&self) -> Result<usize, ReadFailed> {
        usize::try_from(self.fingerprints.get()).ok().and_then(|count| count.checked_mul(2)).ok_or(ReadFailed)
    }

    /// Where a key's three fingerprints are and what they amount to when it is in the set.
    fn places(&self, key: u64) -> Places {
        let hash = mixed(key.wrapping_add(self.seed.get()));
        let segment = self.segment_length.get();
        let mask = segment.wrapping_sub(1);
        // The upper 32 of the 96 bits of hash x places, without a multiplication of that width.
        let (upper, lower) = (hash >> 32, hash & 0xffff_ffff);
        let places = u64::from(self.segment_count_length.get());
        let first = upper.wrapping_mul(places).wrapping_add(lower.wrapping_mul(places) >> 32) >> 32;
        let first = first as u32;
        let second = first.wrapping_add(segment) ^ ((hash >> 18) as u32 & mask);
        let third = first.wrapping_add(segment.wrapping_mul(2)) ^ (hash as u32 & mask);
        Places { at: [first, second, third], fingerprint: (hash ^ (hash >> 32)) as u16 }
    }
}

/// Three places, one in each of three segments that follow each other.
struct Places {
    at: [u32; 3],
    fingerprint: u16,
}

/// The finaliser of MurmurHash3 for 64 bits.
fn mixed(mut value: u64) -> u64 {
    value = (value ^ (value >> 33)).wrapping_mul(0xff51_afd7_ed55_8ccd);
    value = (value ^ (value >> 33)).wrapping_mul(0xc4ce_b9fe_1a85_ec53);
    value ^ (value >> 33)
}

/// The filter of revoked subjects, read where it is kept.
#[derive(Clone, Copy, Debug)]
pub struct Filter<'a> {
    source: Source<'a>,
    boundary: PeriodBoundary,
    sets: u16,
}

impl<'a> Filter<'a> {
    /// Of a section that [`Self::check`] has passed; `None` of one that is not there.
    pub(super) fn new(section: Source<'a>) -> Result<Option<Self>, ReadFailed> {
        if section.length() == 0 {
            return Ok(None);
        }
        let head = section.array::<{ FilterHead::SIZE }>(0)?;
        let head = FilterHead::read(&head).map_err(|_| ReadFailed)?;
        let boundary = PeriodBoundary::new(head.boundary.get()).map_err(|_| ReadFailed)?;
        Ok(Some(Self { source: section, boundary, sets: head.sets.get() }))
    }

    pub(super) fn check(section: &Source<'a>) -> Result<(), BundleUnreadable> {
        const WRONG_LENGTH: Malformed = Malformed::new(STRUCTURE, "a filter is not as long as its sets are");
        if section.length() < FilterHead::SIZE {
            return Err(WRONG_LENGTH.into());
        }
        let head = section.array::<{ FilterHead::SIZE }>(0)?;
        let head = FilterHead::read(&head)?;
        PeriodBoundary::new(head.boundary.get())?;
        if head.sets.get() == 0 {
            return Err(Malformed::new(STRUCTURE, "a filter without a set").into());
        }
        let (mut offset, mut previous) = (FilterHead::SIZE, None);
        for _ in 0..head.sets.get() {
            let start = offset.checked_add(SetHead::SIZE).filter(|start| *start <= section.length());
            let start = start.ok_or(WRONG_LENGTH)?;
            let bytes = section.array::<{ SetHead::SIZE }>(offset)?;
            let set = SetHead::read(&bytes)?;
            if previous.is_some_and(|previous| previous >= set.scope.get()) {
                return Err(Malformed::new(STRUCTURE, "a filter's sets do not ascend").into());
            }
            previous = Some(set.scope.get());
            let length = set.fingerprint_bytes().map_err(|_| WRONG_LENGTH)?;
            offset = start.checked_add(length).filter(|end| *end <= section.length()).ok_or(WRONG_LENGTH)?;
        }
        if offset == section.length() { Ok(()) } else { Err(WRONG_LENGTH.into()) }
    }

    /// Where periods begin.
    pub fn boundary(&self) -> PeriodBoundary {
        self.boundary
    }

    /// What it says of a subject of this scope. It reads the head of each set up to the scope's, 32 bytes, and three
    /// times two bytes.
    ///
    /// Of a subject of another part than the filter's it says [`FilterAnswer::Absent`], which is then no answer: see
    /// [`FilterKey::part`].
    ///
    /// # Errors
    /// [`ReadFailed`] when the device does not give the bytes, or no longer those that were checked.
    pub fn lookup(&self, scope: Scope, key: &FilterKey) -> Result<FilterAnswer, ReadFailed> {
        let mut offset = FilterHead::SIZE;
        for _ in 0..self.sets {
            let bytes = self.source.array::<{ SetHead::SIZE }>(offset)?;
            let set = SetHead::read(&bytes).map_err(|_| ReadFailed)?;
            let start = offset.checked_add(SetHead::SIZE).ok_or(ReadFailed)?;
            if set.scope.get() == scope.0 {
                return self.lookup_in(set, start, key);
            }
            if set.scope.get() > scope.0 {
                break;
            }
            offset = start.checked_add(set.fingerprint_bytes()?).ok_or(ReadFailed)?;
        }
        Ok(FilterAnswer::OutOfScope)
    }

    fn lookup_in(&self, set: &SetHead, start: usize, key: &FilterKey) -> Result<FilterAnswer, ReadFailed> {
        if set.keys.get() == 0 {
            return Ok(FilterAnswer::Absent);
        }
        let places = set.places(key.key);
        let mut left = places.fingerprint;
        for place in places.at {
            let place = usize::try_from(place).ok().and_then(|place| place.checked_mul(2)).ok_or(ReadFailed)?;
            let at = start.checked_add(place).ok_or(ReadFailed)?;
            left ^= u16::from_be_bytes(self.source.array(at)?);
        }
        Ok(if left == 0 { FilterAnswer::Hit } else { FilterAnswer::Absent })
    }
}

const _: () = assert!(size_of::<FilterHead>() == FilterHead::SIZE);
const _: () = assert!(size_of::<SetHead>() == SetHead::SIZE);
