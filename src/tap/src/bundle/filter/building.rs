//! Making a filter: the authority's side.

use alloc::vec;
use alloc::vec::Vec;
use core::fmt;

use symbolon_ccks::Subject;
use symbolon_ccks::wire::{U16, Zero};
use zerocopy::IntoBytes;

use super::{FilterHead, FilterKey, FilterKind, MAX_SEGMENT_LENGTH, Scope, SetHead, mixed};
use crate::bundle::building::FilterContent;
use crate::refusal::SignRefused;

/// How many seeds are tried for a set. One does in nine of ten cases, so that running out of them says that the
/// subjects, not the seeds, are at fault.
const ATTEMPTS: u64 = 64;

/// The most subjects of a set: as many as have their fingerprints counted in 32 bits, with room to spare.
const MAX_KEYS: usize = 1 << 30;

/// No set was made: more subjects than a set can have, or no seed did.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FilterUnbuildable;

impl fmt::Display for FilterUnbuildable {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("no filter of these subjects was found")
    }
}

impl core::error::Error for FilterUnbuildable {}

/// A set of a filter, made.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FilterSet {
    head: SetHead,
    fingerprints: Vec<U16>,
}

impl FilterSet {
    /// Makes the set of these subjects, in whatever order and however often each is given: the same set in every run for
    /// the same `first_seed`. Needs about 40 bytes of memory a subject.
    ///
    /// # Errors
    /// [`FilterUnbuildable`] for more than 2^30 subjects, or when none of 64 seeds does, which is not to be expected.
    pub fn build(scope: Scope, subjects: &[Subject], first_seed: u64) -> Result<Self, FilterUnbuildable> {
        if subjects.len() > MAX_KEYS {
            return Err(FilterUnbuildable);
        }
        let mut keys = subjects.iter().map(|subject| FilterKey::of(subject).key).collect::<Vec<_>>();
        // What hashes alike cannot be told apart, and the same place three times over is never emptied.
        keys.sort_unstable();
        keys.dedup();
        if keys.is_empty() {
            return Ok(Self { head: empty_head(scope), fingerprints: Vec::new() });
        }
        let mut head = sized_head(scope, u32::try_from(keys.len()).map_err(|_| FilterUnbuildable)?);
        for attempt in 0..ATTEMPTS {
            head.seed = mixed(first_seed.wrapping_add(attempt)).into();
            if let Some(fingerprints) = fill(&head, &keys) {
                return Ok(Self { head, fingerprints });
            }
        }
        Err(FilterUnbuildable)
    }

    /// How many different subjects it has.
    pub fn keys(&self) -> u32 {
        self.head.keys.get()
    }

    /// How many bytes it takes in a bundle.
    pub fn size(&self) -> usize {
        SetHead::SIZE + self.fingerprints.as_bytes().len()
    }
}

fn empty_head(scope: Scope) -> SetHead {
    SetHead {
        scope: scope.0.into(),
        seed: 0.into(),
        segment_length: 0.into(),
        segment_count_length: 0.into(),
        keys: 0.into(),
        fingerprints: 0.into(),
        zero: [Zero::Zero; 4],
    }
}

/// How many keys there are at least for each length of a segment from 8 on: 2^k from 3.33^(k - 2.25) keys on, which is
/// the rule of the paper.
const SEGMENT_STEPS: [u32; 16] = [
    3,
    9,
    28,
    92,
    304,
    1_010,
    3_362,
    11_193,
    37_273,
    124_118,
    413_310,
    1_376_322,
    4_583_150,
    15_261_887,
    50_822_082,
    169_237_530,
];

/// The sizes that `keys` of them need: of the paper, in whole numbers.
fn sized_head(scope: Scope, keys: u32) -> SetHead {
    let steps = SEGMENT_STEPS.iter().filter(|least| keys >= **least).count();
    let segment = u32::try_from(steps).map_or(MAX_SEGMENT_LENGTH, |steps| 4_u32 << steps).min(MAX_SEGMENT_LENGTH);
    // 0.875 + 0.25 ln(10^6) / ln(keys) places a key, and at least 1.125: in thousandths, where ln(10^6) is 19,932 / 1000
    // ln(2), and the logarithm is interpolated between powers of two, which errs towards more places.
    let keys_and = u64::from(keys.max(2));
    let power = keys_and.ilog2();
    let logarithm = u64::from(power) * 1_000 + ((keys_and * 1_000) >> power) - 1_000;
    let thousandths = (875 + 250 * 19_932 / logarithm).max(1_125);
    let places = (u64::from(keys) * thousandths).div_ceil(1_000);
    let segments = places.div_ceil(segment.into()).saturating_sub(2).max(1);
    let segments = u32::try_from(segments).unwrap_or(u32::MAX / segment);
    let segment_count_length = segments.saturating_mul(segment);
    SetHead {
        segment_length: segment.into(),
        segment_count_length: segment_count_length.into(),
        keys: keys.into(),
        fingerprints: segment_count_length.saturating_add(2 * segment).into(),
        ..empty_head(scope)
    }
}

/// One place while the keys are being peeled off: how many have it, and all their numbers added up by exclusive or, which
/// is the number itself once there is only one.
#[derive(Clone, Copy, Default)]
struct Place {
    keys: u32,
    numbers: u32,
}

/// The fingerprints that give every key its own; `None` when this seed does not do.
///
/// A key that alone has some place can be set right by that place whatever the others hold: such keys are taken off one by
/// one, which frees others, and are set right in the opposite order.
fn fill(head: &SetHead, keys: &[u64]) -> Option<Vec<U16>> {
    let count = usize::try_from(head.fingerprints.get()).ok()?;
    let mut places = vec![Place::default(); count];
    for (number, key) in (0_u32..).zip(keys) {
        for at in head.places(*key).at {
            let place = places.get_mut(at as usize)?;
            place.keys += 1;
            place.numbers ^= number;
        }
    }
    let mut alone = (0_u32..).zip(&places).filter(|(_, place)| place.keys == 1).map(|(at, _)| at).collect::<Vec<_>>();
    let mut taken = Vec::with_capacity(keys.len());
    while let Some(at) = alone.pop() {
        let Place { keys: 1, numbers: number } = *places.get(at as usize)? else { continue };
        taken.push((number, at));
        for at in head.places(*keys.get(number as usize)?).at {
            let place = places.get_mut(at as usize)?;
            place.keys -= 1;
            place.numbers ^= number;
            if place.keys == 1 {
                alone.push(at);
            }
        }
    }
    if taken.len() < keys.len() {
        return None;
    }
    let mut fingerprints = vec![U16::ZERO; count];
    for (number, own) in taken.into_iter().rev() {
        let places = head.places(*keys.get(number as usize)?);
        let others = places.at.iter().filter(|at| **at != own).filter_map(|at| fingerprints.get(*at as usize));
        let value = others.fold(places.fingerprint, |value, other| value ^ other.get());
        *fingerprints.get_mut(own as usize)? = value.into();
    }
    Some(fingerprints)
}

/// The bytes of the section, none without a set.
pub(crate) fn encode_filter(content: &FilterContent<'_>) -> Result<Vec<u8>, SignRefused> {
    if content.sets.is_empty() {
        return Ok(Vec::new());
    }
    let mut sets = content.sets.iter().collect::<Vec<_>>();
    sets.sort_unstable_by_key(|set| set.head.scope);
    if !sets.is_sorted_by(|earlier, later| earlier.head.scope < later.head.scope) {
        return Err(SignRefused::Fields);
    }
    let head = FilterHead {
        kind: FilterKind::BinaryFuse16,
        zero: Zero::Zero,
        sets: u16::try_from(sets.len()).map_err(|_| SignRefused::Fields)?.into(),
        boundary: content.boundary.seconds().into(),
    };
    let mut bytes = Vec::from(head.as_bytes());
    for set in sets {
        bytes.extend_from_slice(set.head.as_bytes());
        bytes.extend_from_slice(set.fingerprints.as_bytes());
    }
    Ok(bytes)
}
