//! Pseudonyms of revoked cards, recognised by the seeds that both linkage authorities have published.
//!
//! What follows from the seeds is computed for one period at a time, when a pseudonym of that period comes, and kept
//! until other seeds are published.

use std::{
    collections::{BTreeMap, HashMap},
    sync::{Arc, Mutex, PoisonError},
};

use symbolon_ccks::{Identity, Period, PeriodBoundary, Subject, Time};
use symbolon_tap::RevokedSeed;

use crate::{PseudonymPolicy, links::PublishedSeeds};

/// The periods kept; records of more are not awaited at a time.
const MOST_PERIODS: usize = 8;

/// Recognises pseudonyms of revoked cards.
#[derive(Clone)]
pub(super) struct RevokedPseudonyms {
    boundary: PeriodBoundary,
    per_period: u32,
    derived: Arc<Mutex<Derived>>,
}

/// What follows from some seeds.
#[derive(Default)]
struct Derived {
    seeds: Vec<PublishedSeeds>,
    /// The subjects of a period, and when the seeds that give them were published.
    periods: BTreeMap<Period, HashMap<Subject, Time>>,
}

impl RevokedPseudonyms {
    pub(super) fn new(policy: &PseudonymPolicy) -> Self {
        let per_period = u32::from(policy.per_period);
        Self { boundary: policy.boundary, per_period, derived: Arc::default() }
    }

    /// Since when everyone can tell that a pseudonym is of a revoked card; `None` when it is of none of these seeds.
    pub(super) fn since(&self, published: &[PublishedSeeds], pseudonym: &Identity) -> Option<Time> {
        let period = Period::at(pseudonym.not_before(), self.boundary)?;
        // A panic while it was held has left nothing half done: what is derived is put in whole.
        let mut derived = self.derived.lock().unwrap_or_else(PoisonError::into_inner);
        if derived.seeds != published {
            *derived = Derived { seeds: published.to_vec(), periods: BTreeMap::new() };
        }
        if derived.periods.len() == MOST_PERIODS && !derived.periods.contains_key(&period) {
            derived.periods.pop_first();
        }
        let derive = || subjects(published, period, self.per_period);
        derived.periods.entry(period).or_insert_with(derive).get(&pseudonym.subject()).copied()
    }
}

/// Every subject of a period that follows from the seeds: from none that begin with a later period.
fn subjects(published: &[PublishedSeeds], period: Period, per_period: u32) -> HashMap<Subject, Time> {
    let mut subjects = HashMap::new();
    for revoked in published {
        for subject in RevokedSeed::new(revoked.period, &revoked.seeds).subjects(period, per_period) {
            let since = subjects.entry(subject).or_insert(revoked.published);
            *since = revoked.published.min(*since);
        }
    }
    subjects
}

#[cfg(test)]
mod tests {
    use super::*;
    use symbolon_ccks::{LinkageAuthority, LinkageSeed};

    fn seeds(number: u8, period: u32, published: u64) -> PublishedSeeds {
        PublishedSeeds {
            period: Period::new(period).unwrap(),
            seeds: [LinkageSeed::from_bytes([number; 32]), LinkageSeed::from_bytes([number + 100; 32])],
            published: Time::new(published).unwrap(),
        }
    }

    fn subject(seeds: &PublishedSeeds, periods: u32, j: u32) -> Subject {
        let [a, b] = &seeds.seeds;
        let (a, b) = (a.after(LinkageAuthority::A, periods), b.after(LinkageAuthority::B, periods));
        a.value(j).subject_with(&b.value(j))
    }

    #[test]
    fn a_period_and_later_ones_are_recognised_and_none_before() {
        let (one, other) = (seeds(1, 100, 7), seeds(2, 102, 8));
        let published = [one.clone(), other.clone()];
        let in_period = |number| subjects(&published, Period::new(number).unwrap(), 3);
        assert_eq!(in_period(99).len(), 0);
        assert_eq!(in_period(101).len(), 3);
        assert_eq!(in_period(101).get(&subject(&one, 1, 2)), Some(&one.published));
        assert_eq!(in_period(101).get(&subject(&one, 1, 3)), None, "a card has three");
        assert_eq!(in_period(102).len(), 6);
        assert_eq!(in_period(102).get(&subject(&other, 0, 0)), Some(&other.published));
    }

    #[test]
    fn seeds_published_twice_count_from_the_first_time() {
        let (first, again) = (seeds(1, 100, 7), seeds(1, 100, 9));
        for published in [[first.clone(), again.clone()], [again, first.clone()]] {
            let subjects = subjects(&published, first.period, 1);
            assert_eq!(subjects.get(&subject(&first, 0, 0)), Some(&first.published));
        }
    }
}
