//! The compact form of a trust bundle: for terminals with little memory, in parts of which each stands by itself.
//!
//! It follows from the full form of the same sequence alone, and says the same of everything a terminal decides, save that
//! revoked subjects are in a filter instead of a list: a hit is referred, never called revoked. What full bundles leave to
//! their reader, who derives the subjects of a period from the published seeds, is done here for every period of which
//! a pseudonym can be valid while the bundle is.

use std::collections::HashMap;

use rand_core::Rng as _;
use symbolon_ccks::{Period, PeriodBoundary, Subject, Suite, Time};
use symbolon_store::records::BundleRecord;
use symbolon_tap::{
    Bundle, BundleContent, BundleFields, Entry, Fare, FilterContent, FilterKey, FilterSet, Limit, RevokedSeed, Rule,
    Scope, Table, Tariff, encode_bundle,
};

use crate::{ServiceError, authority::AuthorityKeys, context::Draws};

/// Bytes of fingerprints for a subject, a little more than a filter of many needs: by this the first attempt is made.
const BYTES_A_SUBJECT: usize = 3;

/// Attempts at a division into parts, each with an eighth more than the one before, before it is given up.
const MOST_ATTEMPTS: u32 = 64;

/// How a compact form is made.
#[derive(Clone, Copy, Debug)]
pub(super) struct Compacting {
    /// Where periods begin.
    pub(super) boundary: PeriodBoundary,
    /// How long the parts may be relied on, at most as long as the full form.
    pub(super) validity_seconds: u64,
    /// No part is longer.
    pub(super) part_bytes: usize,
}

/// A compact form, and what it took.
#[derive(Debug)]
pub(super) struct Compact {
    /// The parts, from 0.
    pub(super) parts: Vec<Vec<u8>>,
    /// Until when they may be relied on.
    pub(super) valid_until: Time,
    /// How many subjects were derived from seeds for it.
    pub(super) derived: usize,
    /// How many divisions were tried.
    pub(super) attempts: u32,
}

/// What follows from seeds, kept from one bundle to the next, which has most of them too.
#[derive(Default)]
pub(super) struct Derived(HashMap<(RevokedSeed, Period, u32), Vec<Subject>>);

/// What a full bundle says that its compact form repeats.
struct Repeated {
    limits: Vec<Limit>,
    rules: Vec<Rule>,
    tariffs: Vec<Tariff>,
    fares: Vec<Fare>,
}

impl Compact {
    /// Makes the compact form of a full bundle.
    pub(super) fn of<S: Suite>(
        full: &BundleRecord,
        compacting: &Compacting,
        keys: &AuthorityKeys<S>,
        derived: &mut Derived,
        draws: &mut Draws<'_>,
    ) -> Result<Self, ServiceError> {
        let bundle = Bundle::parse(&full.bytes)?;
        let valid_until = full.valid_until.min(full.issued.saturating_add(compacting.validity_seconds));
        let periods = periods(full.issued, valid_until, compacting.boundary);
        let (scopes, count) = derived.scopes(&bundle, &periods);
        let repeated = Repeated::of(&bundle)?;
        let subjects = scopes.iter().map(|(_, subjects)| subjects.len()).sum::<usize>();
        let room = compacting.part_bytes.saturating_sub(repeated.size()).max(1);
        let mut parts = (subjects * BYTES_A_SUBJECT).div_ceil(room).max(1);
        for attempt in 1..=MOST_ATTEMPTS {
            let Ok(count_of_parts) = u16::try_from(parts) else { break };
            let divided = Divided::among(count_of_parts, &scopes, draws.next_u64())?;
            if repeated.size() + divided.largest() > compacting.part_bytes {
                parts += parts.div_ceil(8);
                continue;
            }
            let encode = |part| {
                let fields = BundleFields {
                    sectors: bundle.header().sectors(),
                    sequence: full.sequence,
                    issued_at: full.issued,
                    valid_until,
                    oldest_not_before: bundle.header().oldest_not_before(),
                    part,
                    parts: count_of_parts,
                };
                let sets = FilterContent { boundary: compacting.boundary, sets: divided.part(part) };
                repeated.encode(keys, &fields, sets, draws)
            };
            let parts = (0..count_of_parts).map(encode).collect::<Result<Vec<_>, _>>()?;
            return Ok(Self { parts, valid_until, derived: count, attempts: attempt });
        }
        Err(ServiceError::Internal("no division of the bundle keeps its parts as small as they have to be"))
    }
}

/// The periods of which a pseudonym is valid at some time from `issued` to `valid_until`: a pseudonym outlives its
/// period by some hours.
fn periods(issued: Time, valid_until: Time, boundary: PeriodBoundary) -> Vec<Period> {
    let Some(last) = Period::at(valid_until, boundary) else { return Vec::new() };
    let present = Period::at(issued, boundary).map_or(0, Period::number);
    let before = present.checked_sub(1).and_then(|number| Period::new(number).ok());
    let before = before.filter(|before| issued < before.expiry(boundary));
    let from_present = (present..=last.number()).filter_map(|number| Period::new(number).ok());
    before.into_iter().chain(from_present).collect()
}

impl Derived {
    /// Every scope's revoked subjects, and how many of them had to be derived. What is not of this bundle is forgotten.
    fn scopes(&mut self, bundle: &Bundle<'_>, periods: &[Period]) -> (Vec<(Scope, Vec<Subject>)>, usize) {
        let seeds = bundle.revoked_seeds();
        let mut kept = HashMap::new();
        let mut count = 0;
        let mut scopes = vec![(Scope::CARDS, bundle.revoked().as_slice().to_vec())];
        for period in periods {
            let mut of_period = Vec::new();
            for entry in seeds.entries() {
                let key = (*entry, *period, seeds.per_period());
                let subjects = self.0.remove(&key).unwrap_or_else(|| {
                    let subjects = entry.subjects(*period, seeds.per_period()).collect::<Vec<_>>();
                    count += subjects.len();
                    subjects
                });
                of_period.extend_from_slice(&subjects);
                kept.insert(key, subjects);
            }
            scopes.push((Scope::period(*period), of_period));
        }
        self.0 = kept;
        (scopes, count)
    }
}

/// The sets of every part.
struct Divided(Vec<Vec<FilterSet>>);

impl Divided {
    fn among(parts: u16, scopes: &[(Scope, Vec<Subject>)], first_seed: u64) -> Result<Self, ServiceError> {
        let mut divided = (0..parts).map(|_| Vec::with_capacity(scopes.len())).collect::<Vec<_>>();
        for (scope, subjects) in scopes {
            let mut shares = vec![Vec::new(); usize::from(parts)];
            for subject in subjects {
                shares[usize::from(FilterKey::of(subject).part(parts))].push(*subject);
            }
            for (sets, share) in divided.iter_mut().zip(shares) {
                let set = FilterSet::build(*scope, &share, first_seed);
                sets.push(set.map_err(|_| ServiceError::Internal("no filter of the revoked subjects was found"))?);
            }
        }
        Ok(Self(divided))
    }

    /// Bytes of the largest part's sets.
    fn largest(&self) -> usize {
        let size = |sets: &Vec<FilterSet>| sets.iter().map(FilterSet::size).sum();
        self.0.iter().map(size).max().unwrap_or_default()
    }

    fn part(&self, part: u16) -> &[FilterSet] {
        self.0.get(usize::from(part)).map_or(&[], Vec::as_slice)
    }
}

impl Repeated {
    fn of(bundle: &Bundle<'_>) -> Result<Self, ServiceError> {
        Ok(Self {
            limits: bundle.limits().as_slice().to_vec(),
            rules: all(&bundle.rules())?,
            tariffs: all(&bundle.tariffs())?,
            fares: all(&bundle.fares())?,
        })
    }

    /// What every part takes, whatever its filter.
    fn size(&self) -> usize {
        /// The heads of four sections, and of the filter's.
        const HEADS: usize = 6 * 8;
        let entries = self.limits.len() * Limit::SIZE
            + self.rules.len() * Rule::SIZE
            + self.tariffs.len() * Tariff::SIZE
            + self.fares.len() * Fare::SIZE;
        Bundle::HEAD_SIZE + HEADS + entries
    }

    fn encode<S: Suite>(
        &self,
        keys: &AuthorityKeys<S>,
        fields: &BundleFields,
        filter: FilterContent<'_>,
        draws: &mut Draws<'_>,
    ) -> Result<Vec<u8>, ServiceError> {
        let content = BundleContent {
            limits: &self.limits,
            rules: &self.rules,
            tariffs: &self.tariffs,
            fares: &self.fares,
            filter,
            ..BundleContent::default()
        };
        let mut random = [0; 32];
        draws.fill_bytes(&mut random);
        encode_bundle(keys.own_key(), fields, &content, &random)
            .map_err(|_| ServiceError::Internal("a part of a bundle cannot be encoded"))
    }
}

/// The entries of a section.
fn all<E: Entry>(table: &Table<'_, E>) -> Result<Vec<E>, ServiceError> {
    let entries = table.iter().collect::<Result<Vec<_>, _>>();
    entries.map_err(|_| ServiceError::Internal("a bundle in memory does not read"))
}

#[cfg(test)]
mod tests {
    use std::{collections::HashSet, sync::OnceLock};

    use rand_chacha::ChaCha20Rng;
    use rand_core::{Rng as _, SeedableRng as _};
    use symbolon_ccks::{AuthoritySecret, LinkageSeed, Name, P256, Sector, Sectors};
    use symbolon_tap::{FilterAnswer, Limit, RevokedSeeds};

    use super::*;
    use crate::Entropy;

    const BOUNDARY: PeriodBoundary = PeriodBoundary::DEFAULT;
    const HOUR: u64 = 3_600;

    struct Counting(std::sync::Mutex<ChaCha20Rng>);

    impl Entropy for Counting {
        fn fill(&self, bytes: &mut [u8]) {
            self.0.lock().unwrap().fill_bytes(bytes);
        }
    }

    fn keys() -> &'static AuthorityKeys<P256> {
        static KEYS: OnceLock<std::sync::Arc<AuthorityKeys<P256>>> = OnceLock::new();
        KEYS.get_or_init(|| {
            let secret = AuthoritySecret::generate(&mut ChaCha20Rng::seed_from_u64(1));
            AuthorityKeys::establish(secret, Time::new(1).unwrap(), &Name::parse("city").unwrap()).unwrap()
        })
    }

    fn today() -> Period {
        Period::new(20_000).unwrap()
    }

    fn card(number: u32) -> Subject {
        Subject::from_bytes(std::array::from_fn(|index| number.to_be_bytes()[index % 4] ^ index as u8))
    }

    fn seed(number: u32, period: Period) -> RevokedSeed {
        let bytes = |x: u8| {
            let bytes = std::array::from_fn(|index| number.to_be_bytes()[index % 4] ^ x ^ index as u8);
            LinkageSeed::from_bytes(bytes)
        };
        RevokedSeed::new(period, &[bytes(1), bytes(2)])
    }

    /// A full bundle, issued so long after today's period began.
    fn full(seeds: &[RevokedSeed], per_period: u32, cards: u32, hours: u64) -> BundleRecord {
        let issued = today().start(BOUNDARY).saturating_add(hours * HOUR);
        let valid_until = issued.saturating_add(72 * HOUR);
        let fields = BundleFields {
            sectors: Sectors::ALL,
            sequence: 7,
            issued_at: issued,
            valid_until,
            oldest_not_before: Time::new(0).unwrap(),
            part: 0,
            parts: 1,
        };
        let revoked = (0..cards).map(card).collect::<Vec<_>>();
        let mut seeds = seeds.to_vec();
        seeds.sort_unstable();
        let content = BundleContent {
            revoked: &revoked,
            limits: &[Limit::new(Sector::Power, 156, 900)],
            seeds: RevokedSeeds::new(BOUNDARY, per_period, &seeds).unwrap(),
            tariffs: &[Tariff::new(Sector::Transport, 2, 500).unwrap()],
            ..BundleContent::default()
        };
        let bytes = encode_bundle(keys().own_key(), &fields, &content, &[3; 32]).unwrap();
        BundleRecord { sequence: 7, revision: 1, issued, valid_until, bytes }
    }

    fn made(full: &BundleRecord, part_bytes: usize, derived: &mut Derived) -> Compact {
        let compacting = Compacting { boundary: BOUNDARY, validity_seconds: 24 * HOUR, part_bytes };
        let entropy = Counting(std::sync::Mutex::new(ChaCha20Rng::seed_from_u64(5)));
        let compact = Compact::of(full, &compacting, keys(), derived, &mut Draws(&entropy)).unwrap();
        for part in &compact.parts {
            assert!(part.len() <= part_bytes, "{} of {part_bytes}", part.len());
        }
        compact
    }

    /// What the part that a subject belongs to says of it; and that no other part is of its sequence and header but in
    /// number.
    fn asked(compact: &Compact, scope: Scope, subject: &Subject) -> Vec<FilterAnswer> {
        let key = FilterKey::of(subject);
        let parts = compact.parts.iter().map(|bytes| Bundle::parse(bytes).unwrap());
        parts.map(|part| part.filter().unwrap().lookup(scope, &key).unwrap()).collect()
    }

    #[test]
    fn every_part_is_of_the_full_bundle_and_stands_by_itself() {
        let seeds = (0..40).map(|number| seed(number, today())).collect::<Vec<_>>();
        let full = full(&seeds, 20, 60, 12);
        let compact = made(&full, 1_500, &mut Derived::default());
        assert!(compact.parts.len() > 2, "{}", compact.parts.len());
        let whole = Bundle::parse(&full.bytes).unwrap();
        for (number, bytes) in (0..).zip(&compact.parts) {
            let part = Bundle::parse(bytes).unwrap();
            part.verify(keys().authority()).unwrap();
            let (header, of_full) = (part.header(), whole.header());
            assert_eq!((header.sequence(), header.issued_at()), (of_full.sequence(), of_full.issued_at()));
            assert_eq!((header.part(), usize::from(header.parts())), (number, compact.parts.len()));
            assert_eq!(header.valid_until(), full.issued.saturating_add(24 * HOUR));
            assert_eq!(part.limits().as_slice(), whole.limits().as_slice());
            assert_eq!(all(&part.tariffs()).unwrap(), all(&whole.tariffs()).unwrap());
            assert!(part.revoked().is_empty() && part.revoked_seeds().is_empty() && part.issuance().is_none());
        }
    }

    #[test]
    fn every_revoked_subject_hits_in_its_own_part_and_nothing_else_is_said_of_it() {
        // One of yesterday, revoked before the others: its pseudonyms of every later day are recognised too.
        let yesterday = Period::new(today().number() - 1).unwrap();
        let mut seeds = (0..50).map(|number| seed(number, today())).collect::<Vec<_>>();
        seeds.push(seed(99, yesterday));
        let full = full(&seeds, 20, 200, 3);
        let compact = made(&full, 2_000, &mut Derived::default());
        let parts = compact.parts.len() as u16;
        let (mut revoked, mut strays) = (0, 0);
        let mut check = |scope, subject: &Subject| {
            let own = usize::from(FilterKey::of(subject).part(parts));
            for (number, answer) in asked(&compact, scope, subject).into_iter().enumerate() {
                match (number == own, answer) {
                    (true, answer) => assert_eq!(answer, FilterAnswer::Hit),
                    (false, FilterAnswer::Hit) => strays += 1,
                    (false, answer) => assert_eq!(answer, FilterAnswer::Absent),
                }
            }
            revoked += 1;
        };
        (0..200).for_each(|number| check(Scope::CARDS, &card(number)));
        for (period, known) in [(yesterday, &seeds[50..]), (today(), &seeds[..]), (today().next(), &seeds[..])] {
            for entry in known {
                entry.subjects(period, 20).for_each(|subject| check(Scope::period(period), &subject));
            }
        }
        assert_eq!(revoked, 200 + 20 + 51 * 20 + 51 * 20);
        assert!(strays < 5, "{strays} of {revoked} subjects were found in a part that is not theirs");
        // A card has no more pseudonyms than so many, and on a day that is not held nothing is said.
        let one_more = seed(99, yesterday).subjects(yesterday, 21).last().unwrap();
        let own = usize::from(FilterKey::of(&one_more).part(parts));
        assert_eq!(asked(&compact, Scope::period(yesterday), &one_more)[own], FilterAnswer::Absent);
        let beyond = Period::new(today().number() + 2).unwrap();
        assert_eq!(asked(&compact, Scope::period(beyond), &card(1))[0], FilterAnswer::OutOfScope);
    }

    #[test]
    fn the_periods_are_those_of_which_a_pseudonym_can_be_valid_meanwhile() {
        let at = |hours: u64| today().start(BOUNDARY).saturating_add(hours * HOUR);
        let told = |from: u64, hours: u64| {
            let numbers = periods(at(from), at(from + hours), BOUNDARY).into_iter().map(Period::number);
            numbers.map(|number| i64::from(number) - i64::from(today().number())).collect::<Vec<_>>()
        };
        assert_eq!(told(0, 1), [-1, 0], "yesterday's journeys may still end");
        assert_eq!(told(5, 1), [-1, 0]);
        assert_eq!(told(6, 1), [0]);
        assert_eq!(told(6, 18), [0, 1], "valid in the second in which tomorrow begins");
        assert_eq!(told(6, 17), [0]);
        assert_eq!(told(3, 72), [-1, 0, 1, 2, 3]);
        assert_eq!(periods(Time::new(1).unwrap(), Time::new(2).unwrap(), BOUNDARY), []);
    }

    #[test]
    fn ten_thousand_cards_are_derived_once_and_one_more_by_itself() {
        const PER_PERIOD: u32 = 4;
        let mut seeds = (0..10_000).map(|number| seed(number, today())).collect::<Vec<_>>();
        let mut derived = Derived::default();
        let first = made(&full(&seeds, PER_PERIOD, 0, 12), 96 << 10, &mut derived);
        // Today and tomorrow.
        assert_eq!(first.derived, 10_000 * PER_PERIOD as usize * 2);
        assert!(first.attempts <= 2 && first.parts.len() <= 4, "{} {}", first.attempts, first.parts.len());
        let again = made(&full(&seeds, PER_PERIOD, 0, 12), 96 << 10, &mut derived);
        assert_eq!(again.derived, 0);
        seeds.push(seed(20_000, today()));
        let one_more = made(&full(&seeds, PER_PERIOD, 0, 13), 96 << 10, &mut derived);
        assert_eq!(one_more.derived, PER_PERIOD as usize * 2);
        // What is no longer published is not kept either.
        made(&full(&seeds[..5], PER_PERIOD, 0, 13), 96 << 10, &mut derived);
        assert_eq!(derived.0.len(), 10);
        let subjects = derived.0.values().flatten().collect::<HashSet<_>>();
        assert_eq!(subjects.len(), 5 * PER_PERIOD as usize * 2);
    }

    #[test]
    fn a_bundle_without_revocations_is_one_part_that_says_so() {
        let compact = made(&full(&[], 20, 0, 12), 4_096, &mut Derived::default());
        assert_eq!((compact.parts.len(), compact.derived), (1, 0));
        for scope in [Scope::CARDS, Scope::period(today()), Scope::period(today().next())] {
            assert_eq!(asked(&compact, scope, &card(1)), [FilterAnswer::Absent]);
        }
    }

    #[test]
    fn what_does_not_fit_is_refused_and_not_tried_for_ever() {
        let compacting = Compacting { boundary: BOUNDARY, validity_seconds: HOUR, part_bytes: 300 };
        let entropy = Counting(std::sync::Mutex::new(ChaCha20Rng::seed_from_u64(5)));
        let full = full(&[seed(1, today())], 20, 5, 12);
        let refused = Compact::of(&full, &compacting, keys(), &mut Derived::default(), &mut Draws(&entropy));
        assert!(matches!(refused, Err(ServiceError::Internal(_))), "{:?}", refused.map(|made| made.attempts));
    }
}
