//! Recognising the pseudonyms of revoked cards.
//!
//! A trust bundle publishes seeds, not subjects: from an entry's period on, the subjects of every later one follow by
//! hashing. A terminal derives those of the periods in which a pseudonym can be valid now into memory of the caller's,
//! sorted, and searches them at a tap.

use symbolon_ccks::{Identity, Period, PeriodBoundary, ReadFailed, Subject, Time};
use symbolon_tap::{RevokedSeeds, SeedTable};

/// In how many periods pseudonyms are valid at one time, at most: the present one, and the one before during the six
/// hours in which its journeys end.
const LIVE_PERIODS: usize = 2;

/// How many slots a terminal needs to recognise the pseudonyms of the revoked cards that `seeds` are of, in any period:
/// entries x per_period x 2, of 16 bytes each. See [`Domain::with_subject_slots`](crate::Domain::with_subject_slots).
pub fn subject_slots(seeds: &RevokedSeeds<'_>) -> usize {
    slots(seeds.entries().len(), seeds.per_period())
}

/// The same of seeds that are read where they are kept.
pub(crate) fn slots_for(seeds: &SeedTable<'_>) -> usize {
    slots(seeds.entries().len(), seeds.per_period())
}

fn slots(entries: usize, per_period: u32) -> usize {
    // For two periods at all times, so that what reaches now also does after the period changed.
    let per_period = usize::try_from(per_period).unwrap_or(usize::MAX);
    entries.saturating_mul(per_period).saturating_mul(LIVE_PERIODS)
}

/// The periods, both included, of which a pseudonym can be valid.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Live {
    first: Period,
    last: Period,
}

impl Live {
    /// At `time`; `None` before the first period.
    fn at(time: Time, boundary: PeriodBoundary) -> Option<Self> {
        let last = Period::at(time, boundary)?;
        let before = last.number().checked_sub(1).and_then(|number| Period::new(number).ok());
        let first = before.filter(|before| time < before.expiry(boundary)).unwrap_or(last);
        Some(Self { first, last })
    }

    fn covers(self, other: Self) -> bool {
        self.first <= other.first && other.last <= self.last
    }

    fn contains(self, period: Period) -> bool {
        (self.first..=self.last).contains(&period)
    }

    fn periods(self) -> impl Iterator<Item = Period> {
        (self.first.number()..=self.last.number()).filter_map(|number| Period::new(number).ok())
    }
}

/// What can be said of a pseudonym.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Recognised {
    /// A revoked card's.
    Revoked,
    /// None of a revoked card.
    NotListed,
    /// It cannot be told: the memory does not reach, or the pseudonym is of no period that there is now.
    Unknown,
}

/// The subjects of revoked cards' pseudonyms in the live periods, sorted, in memory of the caller's.
pub(crate) struct Recognition<'a> {
    slots: &'a mut [Subject],
    used: usize,
    derived: Option<Live>,
}

impl<'a> Recognition<'a> {
    pub(crate) fn new(slots: &'a mut [Subject]) -> Self {
        Self { slots, used: 0, derived: None }
    }

    /// Whether the memory holds all that `seeds` recognise.
    pub(crate) fn reaches(&self, seeds: &SeedTable<'_>) -> bool {
        slots_for(seeds) <= self.slots.len()
    }

    /// Forgets what was derived: the seeds are others now.
    pub(crate) fn clear(&mut self) {
        self.derived = None;
    }

    /// Derives what the periods live from `time` to `until` need, unless that is here already. The span between is
    /// short of the six hours of a period's grace, so that there are never more than two of them.
    pub(crate) fn prepare(&mut self, seeds: &SeedTable<'_>, time: Time, until: Time) -> Result<(), ReadFailed> {
        let boundary = seeds.boundary();
        let Some(needed) = Live::at(time, boundary) else { return Ok(()) };
        let upcoming = Live::at(until, boundary).map_or(needed.last, |later| later.last);
        let wanted = if needed.first == needed.last { Live { last: upcoming, ..needed } } else { needed };
        if !self.reaches(seeds) || self.derived.is_some_and(|derived| derived.covers(wanted)) {
            return Ok(());
        }
        self.clear();
        let mut free = self.slots.iter_mut();
        for entry in seeds.entries().iter() {
            let entry = entry?;
            for period in wanted.periods() {
                // `reaches` has seen that there is a slot for each. The subjects first: a slot that is taken is used.
                let subjects = entry.subjects(period, seeds.per_period());
                subjects.zip(free.by_ref()).for_each(|(subject, slot)| *slot = subject);
            }
        }
        let left = free.into_slice().len();
        self.used = self.slots.len().saturating_sub(left);
        self.slots.get_mut(..self.used).unwrap_or_default().sort_unstable();
        self.derived = Some(wanted);
        Ok(())
    }

    /// What can be said of the pseudonym with this identity in a tap at `time`.
    ///
    /// A pseudonym that does not have the validity of a live period is unknown: nobody issues such, and its subject
    /// would be of a period that was not searched.
    ///
    /// # Errors
    /// [`ReadFailed`] when the device does not give the seeds.
    pub(crate) fn recognise(
        &mut self,
        seeds: &SeedTable<'_>,
        identity: &Identity,
        time: Time,
    ) -> Result<Recognised, ReadFailed> {
        self.prepare(seeds, time, time)?;
        let period = period_of(identity, seeds.boundary());
        let searched = period.zip(self.derived).is_some_and(|(period, derived)| derived.contains(period));
        if !searched || !self.reaches(seeds) {
            return Ok(Recognised::Unknown);
        }
        let known = self.slots.get(..self.used).unwrap_or_default();
        Ok(match known.binary_search(&identity.subject()) {
            Ok(_) => Recognised::Revoked,
            Err(_) => Recognised::NotListed,
        })
    }
}

/// The period whose validity a pseudonym has, to the second.
fn period_of(identity: &Identity, boundary: PeriodBoundary) -> Option<Period> {
    let period = Period::at(identity.not_before(), boundary)?;
    let exact = identity.not_before() == period.start(boundary) && identity.not_after() == period.expiry(boundary);
    exact.then_some(period)
}
