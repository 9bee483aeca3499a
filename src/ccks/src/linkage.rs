//! Linkage of pseudonyms (scheme, section 9): periods, the seeds of the two linkage authorities, the values and subjects.
//!
//! Each linkage authority keeps one seed a card (under a handle that says nothing of it). The seed of the next period is
//! a hash of this period's, so that who learns one can go on and never back; the j-th value of a period is a MAC under
//! its seed. A pseudonym's subject is the exclusive or of both authorities' values, so that neither knows it.

use crate::{Malformed, Subject, Time};
use core::fmt;
use hmac::{Hmac, KeyInit as _, Mac as _};
use sha2::{Digest as _, Sha256};
use subtle::ConstantTimeEq as _;
use zerocopy::{FromBytes, Immutable, IntoBytes, KnownLayout, Unaligned};
use zeroize::{Zeroize, ZeroizeOnDrop};

const DAY_SECONDS: u64 = 86_400;
/// How long a pseudonym outlives its period, so that journeys can end.
const GRACE_SECONDS: u64 = 6 * 3_600;
const SEED_TAG: &[u8] = b"SYMBOLON-V1-LINKAGE-SEED";
const VALUE_TAG: &[u8] = b"SYMBOLON-V1-LINKAGE-VALUE";

/// The second of the UTC day at which periods begin.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct PeriodBoundary(u32);

impl PeriodBoundary {
    /// 19:00 UTC, which is 03:00 in Beijing.
    pub const DEFAULT: Self = Self(19 * 3_600);

    /// Periods that begin so many seconds after midnight UTC.
    ///
    /// # Errors
    /// [`Malformed`] when that is not within a day.
    pub const fn new(seconds: u32) -> Result<Self, Malformed> {
        if (seconds as u64) < DAY_SECONDS {
            Ok(Self(seconds))
        } else {
            Err(Malformed::new("period boundary", "not within a day"))
        }
    }

    /// Seconds after midnight UTC.
    pub const fn seconds(self) -> u32 {
        self.0
    }
}

impl Default for PeriodBoundary {
    fn default() -> Self {
        Self::DEFAULT
    }
}

/// The number of a period: whole days from the boundary at or after 1970.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Period(u32);

impl Period {
    /// The first: it begins at the boundary on 1 January 1970.
    pub const FIRST: Self = Self(0);

    /// The last whose pseudonyms expire before 2^40 seconds, wherever in the day periods begin: three days before it.
    pub const LAST: Self = Self((Time::LIMIT_SECONDS / DAY_SECONDS) as u32 - 3);

    /// The period of this number.
    ///
    /// # Errors
    /// [`Malformed`] beyond [`Self::LAST`], where no credential can say when it expires.
    pub const fn new(number: u32) -> Result<Self, Malformed> {
        if number <= Self::LAST.0 {
            Ok(Self(number))
        } else {
            Err(Malformed::new("period", "beyond the times that can be written"))
        }
    }

    /// The period in which `time` is; `None` before the first.
    pub fn at(time: Time, boundary: PeriodBoundary) -> Option<Self> {
        let days = time.seconds().checked_sub(u64::from(boundary.0))? / DAY_SECONDS;
        Self::new(u32::try_from(days).ok()?).ok()
    }

    /// Its number.
    pub const fn number(self) -> u32 {
        self.0
    }

    /// The period after it, [`Self::LAST`] after itself.
    #[must_use]
    pub const fn next(self) -> Self {
        if self.0 < Self::LAST.0 { Self(self.0 + 1) } else { Self::LAST }
    }

    /// Its first second: a pseudonym's `not_before`.
    pub fn start(self, boundary: PeriodBoundary) -> Time {
        Time::new(u64::from(self.0) * DAY_SECONDS + u64::from(boundary.0)).expect("no period is beyond the last")
    }

    /// The first second after it, from which on a wallet uses the next period's pseudonyms.
    pub fn end(self, boundary: PeriodBoundary) -> Time {
        self.start(boundary).saturating_add(DAY_SECONDS)
    }

    /// When its pseudonyms expire, 6 hours after its end: their `not_after`.
    pub fn expiry(self, boundary: PeriodBoundary) -> Time {
        self.end(boundary).saturating_add(GRACE_SECONDS)
    }
}

/// One of the two linkage authorities.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[repr(u8)]
pub enum LinkageAuthority {
    /// The first, 0x41.
    A = 0x41,
    /// The second, 0x42.
    B = 0x42,
}

impl LinkageAuthority {
    /// Both.
    pub const ALL: [Self; 2] = [Self::A, Self::B];

    /// Its byte in what is hashed.
    pub const fn byte(self) -> u8 {
        self as u8
    }
}

/// What a linkage authority keeps of a card for one period, 32 bytes; erased from memory when dropped.
#[derive(Clone, Zeroize, ZeroizeOnDrop)]
pub struct LinkageSeed([u8; 32]);

impl LinkageSeed {
    /// Takes the 32 bytes: fresh random ones for a new card.
    pub const fn from_bytes(bytes: [u8; 32]) -> Self {
        Self(bytes)
    }

    /// The 32 bytes.
    pub const fn as_bytes(&self) -> &[u8; 32] {
        &self.0
    }

    /// The seed of the next period.
    #[must_use]
    pub fn next(&self, authority: LinkageAuthority) -> Self {
        let hash = Sha256::new_with_prefix(SEED_TAG).chain_update([authority.byte()]).chain_update(self.0);
        Self(hash.finalize().into())
    }

    /// The seed so many periods on.
    #[must_use]
    pub fn after(&self, authority: LinkageAuthority, periods: u32) -> Self {
        (0..periods).fold(self.clone(), |seed, _| seed.next(authority))
    }

    /// The j-th value of this seed's period.
    pub fn value(&self, j: u32) -> LinkageValue {
        let mut mac = Hmac::<Sha256>::new_from_slice(&self.0).expect("HMAC takes keys of every length");
        mac.update(VALUE_TAG);
        mac.update(&j.to_be_bytes());
        let full: [u8; 32] = mac.finalize().into_bytes().into();
        let mut value = [0; 16];
        value.copy_from_slice(&full[..16]);
        LinkageValue(value)
    }
}

impl PartialEq for LinkageSeed {
    /// In constant time.
    fn eq(&self, other: &Self) -> bool {
        self.0.ct_eq(&other.0).into()
    }
}

impl Eq for LinkageSeed {}

impl fmt::Debug for LinkageSeed {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("LinkageSeed(..)")
    }
}

/// One authority's half of a pseudonym's subject, 16 bytes.
#[derive(Clone, Copy, PartialEq, Eq, Hash, FromBytes, IntoBytes, KnownLayout, Immutable, Unaligned)]
#[repr(transparent)]
pub struct LinkageValue([u8; 16]);

impl LinkageValue {
    /// Takes the 16 bytes.
    pub const fn from_bytes(bytes: [u8; 16]) -> Self {
        Self(bytes)
    }

    /// The 16 bytes.
    pub const fn as_bytes(&self) -> &[u8; 16] {
        &self.0
    }

    /// The subject of the pseudonym that has this value from one authority and `other` from the other.
    pub fn subject_with(&self, other: &Self) -> Subject {
        let mut subject = self.0;
        subject.iter_mut().zip(other.0).for_each(|(byte, other)| *byte ^= other);
        Subject::from_bytes(subject)
    }
}

impl fmt::Debug for LinkageValue {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("LinkageValue(..)")
    }
}
