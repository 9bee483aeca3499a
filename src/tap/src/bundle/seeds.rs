//! The section by which the pseudonyms of revoked cards are recognised (scheme, section 9).

use symbolon_ccks::wire::U32;
use symbolon_ccks::{LinkageAuthority, LinkageSeed, Malformed, Period, PeriodBoundary, ReadFailed, Source, Subject};
use zerocopy::{FromBytes, Immutable, IntoBytes, KnownLayout, Unaligned};

use super::sections::STRUCTURE;
use super::table::{Entry, Table};
use super::view::BundleUnreadable;

/// What precedes the entries: where periods begin, and how many pseudonyms a card has in one at most.
#[derive(Clone, Copy, Debug, FromBytes, IntoBytes, KnownLayout, Immutable, Unaligned)]
#[repr(C)]
pub(super) struct SeedsHead {
    boundary: U32,
    per_period: U32,
}

impl SeedsHead {
    const SIZE: usize = 8;

    #[cfg(feature = "alloc")]
    pub(super) fn new(boundary: PeriodBoundary, per_period: u32) -> Self {
        Self { boundary: boundary.seconds().into(), per_period: per_period.into() }
    }
}

/// What recognises the pseudonyms of one revoked card from a period on, 68 bytes: t u32 | seed of A 32 | seed of B 32.
///
/// It names neither the card nor any handle of it, and as seeds cannot be hashed back it says nothing of earlier
/// periods.
#[derive(
    Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, FromBytes, IntoBytes, KnownLayout, Immutable, Unaligned,
)]
#[repr(C)]
pub struct RevokedSeed {
    period: U32,
    seed_a: [u8; 32],
    seed_b: [u8; 32],
}

impl RevokedSeed {
    /// Length in bytes.
    pub const SIZE: usize = 68;

    /// Publishes the seeds of linkage authorities A and B, in this order, for `period`.
    pub fn new(period: Period, seeds: &[LinkageSeed; 2]) -> Self {
        let [seed_a, seed_b] = seeds;
        Self { period: period.number().into(), seed_a: *seed_a.as_bytes(), seed_b: *seed_b.as_bytes() }
    }

    /// The first period of which pseudonyms are recognised.
    pub fn period(&self) -> Period {
        // Every way to make an entry checks its period: the last stands for none.
        Period::new(self.period.get()).unwrap_or(Period::LAST)
    }

    /// The seeds of A and B for `period`; `None` for one before the entry's.
    ///
    /// It costs two hashes for every period from the entry's on.
    pub fn seeds_at(&self, period: Period) -> Option<[LinkageSeed; 2]> {
        let periods = period.number().checked_sub(self.period.get())?;
        let seed_at = |authority, seed| LinkageSeed::from_bytes(seed).after(authority, periods);
        Some([seed_at(LinkageAuthority::A, self.seed_a), seed_at(LinkageAuthority::B, self.seed_b)])
    }

    /// The subjects that the card's pseudonyms of `period` have, `per_period` of them in the order of j from 0; none
    /// for a period before the entry's.
    pub fn subjects(&self, period: Period, per_period: u32) -> impl Iterator<Item = Subject> + use<> {
        let seeds = self.seeds_at(period).into_iter();
        seeds.flat_map(move |[a, b]| (0..per_period).map(move |j| a.value(j).subject_with(&b.value(j))))
    }
}

/// The published seeds of revoked cards, read in place.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct RevokedSeeds<'a> {
    boundary: PeriodBoundary,
    per_period: u32,
    entries: &'a [RevokedSeed],
}

impl<'a> RevokedSeeds<'a> {
    /// The most pseudonyms that a card can have in one period; the issuance parameters allow no more either.
    pub const MAX_PER_PERIOD: u32 = 65_535;

    /// Puts them together to be published; without an entry there is nothing to publish, and no section.
    ///
    /// # Errors
    /// [`Malformed`] when `entries` do not ascend strictly (byte by byte, and so by period first) or `per_period` is
    /// not 1 to [`Self::MAX_PER_PERIOD`].
    pub fn new(boundary: PeriodBoundary, per_period: u32, entries: &'a [RevokedSeed]) -> Result<Self, Malformed> {
        check_per_period(per_period)?;
        if !entries.is_sorted_by(|earlier, later| earlier < later) {
            return Err(<RevokedSeed as Entry>::NOT_ASCENDING);
        }
        // They ascend, so the last has the highest period.
        entries.last().map_or(Ok(()), |last| Period::new(last.period.get()).map(|_| ()))?;
        Ok(Self { boundary, per_period, entries })
    }

    pub(super) fn parse(bytes: &'a [u8]) -> Result<Self, Malformed> {
        const WRONG_LENGTH: Malformed = <RevokedSeed as Entry>::NOT_WHOLE;
        let (head, entries) = bytes.split_at_checked(SeedsHead::SIZE).ok_or(WRONG_LENGTH)?;
        let head = SeedsHead::ref_from_bytes(head).map_err(|_| WRONG_LENGTH)?;
        let entries = <[RevokedSeed]>::ref_from_bytes(entries).map_err(|_| WRONG_LENGTH)?;
        if entries.is_empty() {
            return Err(NO_SEED);
        }
        Self::new(PeriodBoundary::new(head.boundary.get())?, head.per_period.get(), entries)
    }

    /// Where periods begin.
    pub fn boundary(&self) -> PeriodBoundary {
        self.boundary
    }

    /// How many pseudonyms a card has in one period at most; 0 when the bundle has no such section.
    pub fn per_period(&self) -> u32 {
        self.per_period
    }

    /// The entries, ascending by their periods.
    pub fn entries(&self) -> &'a [RevokedSeed] {
        self.entries
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }

    /// The subjects of all revoked cards' pseudonyms in the periods from `first` to `last`, both included, in no order
    /// to rely on. An entry says nothing of the periods before its own.
    pub fn subjects(&self, first: Period, last: Period) -> impl Iterator<Item = Subject> + use<'a> {
        let (entries, per_period) = (self.entries, self.per_period);
        let periods = (first.number()..=last.number()).filter_map(|number| Period::new(number).ok());
        periods.flat_map(move |period| entries.iter().flat_map(move |entry| entry.subjects(period, per_period)))
    }
}

const NO_SEED: Malformed = Malformed::new(STRUCTURE, "no revoked seed where some were announced");

fn check_per_period(per_period: u32) -> Result<(), Malformed> {
    if (1..=RevokedSeeds::MAX_PER_PERIOD).contains(&per_period) {
        Ok(())
    } else {
        Err(Malformed::new(STRUCTURE, "not 1 to 65,535 pseudonyms a period"))
    }
}

impl Entry for RevokedSeed {
    const KEY_SIZE: usize = Self::SIZE;
    const NOT_WHOLE: Malformed = Malformed::new(STRUCTURE, "the revoked seeds are not a head and 68 bytes each");
    const NOT_ASCENDING: Malformed = Malformed::new(STRUCTURE, "the revoked seeds do not ascend");

    fn check(&self) -> Result<(), Malformed> {
        Period::new(self.period.get()).map(|_| ())
    }
}

/// The published seeds of revoked cards, read where they are kept.
#[derive(Clone, Copy, Debug)]
pub struct SeedTable<'a> {
    boundary: PeriodBoundary,
    per_period: u32,
    entries: Table<'a, RevokedSeed>,
}

impl<'a> SeedTable<'a> {
    /// Of a section that [`Self::check`] has passed; `None` of one that is not there.
    pub(super) fn new(section: Source<'a>) -> Result<Option<Self>, ReadFailed> {
        if section.length() == 0 {
            return Ok(None);
        }
        let (head, entries) = Self::split(&section)?;
        let boundary = PeriodBoundary::new(head.boundary.get()).map_err(|_| ReadFailed)?;
        Ok(Some(Self { boundary, per_period: head.per_period.get(), entries: Table::new(entries) }))
    }

    pub(super) fn check(section: &Source<'a>) -> Result<(), BundleUnreadable> {
        if section.length() < SeedsHead::SIZE {
            return Err(<RevokedSeed as Entry>::NOT_WHOLE.into());
        }
        let (head, entries) = Self::split(section)?;
        if entries.length() == 0 {
            return Err(NO_SEED.into());
        }
        PeriodBoundary::new(head.boundary.get())?;
        check_per_period(head.per_period.get())?;
        Table::<RevokedSeed>::check(&entries)
    }

    fn split(section: &Source<'a>) -> Result<(SeedsHead, Source<'a>), ReadFailed> {
        let head = section.array::<{ SeedsHead::SIZE }>(0)?;
        let entries = section.length().checked_sub(SeedsHead::SIZE).ok_or(ReadFailed)?;
        let entries = section.window(SeedsHead::SIZE, entries).ok_or(ReadFailed)?;
        Ok((zerocopy::transmute!(head), entries))
    }

    /// Where periods begin.
    pub fn boundary(&self) -> PeriodBoundary {
        self.boundary
    }

    /// How many pseudonyms a card has in one period at most.
    pub fn per_period(&self) -> u32 {
        self.per_period
    }

    /// The entries, ascending by their periods.
    pub fn entries(&self) -> Table<'a, RevokedSeed> {
        self.entries
    }

    /// Whether `subject` is that of a revoked card's pseudonym of `period`.
    ///
    /// It hashes for every entry: 2 times for each period since the entry's, and 8 times for each of the card's
    /// pseudonyms. A terminal with many of them holds a [`Filter`](crate::Filter) instead.
    ///
    /// # Errors
    /// [`ReadFailed`] when the device does not give the bytes.
    pub fn recognises(&self, subject: &Subject, period: Period) -> Result<bool, ReadFailed> {
        for entry in self.entries.iter() {
            if entry?.subjects(period, self.per_period).any(|revoked| revoked == *subject) {
                return Ok(true);
            }
        }
        Ok(false)
    }
}

const _: () = assert!(size_of::<SeedsHead>() == SeedsHead::SIZE);
const _: () = assert!(size_of::<RevokedSeed>() == RevokedSeed::SIZE);
