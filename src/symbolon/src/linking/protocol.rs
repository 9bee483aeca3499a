//! The adversary that sees only the bytes that cards send.

use std::collections::BTreeMap;

use super::evidence::{Counts, magnitude};
use super::{Adversary, Game, OTHERS, ObservedTap};

/// A comparison counts when chance would make it so clear less than once in many thousands of comparisons.
const CLEAR: f64 = 6.0;
/// So many of the clearest are used at most; as many when none is clear, so that it plays all the same.
const CLEAREST: usize = 24;
/// In so many games every comparison is tried; the best of them then in all games.
const TRIED: usize = 2_500;
const BEST: usize = 48;
/// So many pairs of strangers are looked at for each pair of a card, with the best comparisons.
const STRANGERS: usize = 4;
/// A run of 4 bytes that more taps than one in so many have is no mark of anybody.
const COMMON: usize = 50;

/// One way to compare two taps' bytes; each gives a category.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Comparison {
    /// How many bits differ in the byte here: equality, parity, prefixes, flags.
    Byte(usize),
    /// How far the numbers of so many bytes are apart that begin here: counters, times, amounts, serials.
    Number(usize, usize),
    /// How many bits differ in the 16 bytes from here: subjects and keys that are alike.
    Bits(usize),
    /// How different the number of set bits is in the 16 bytes from here: values drawn unevenly.
    Weight(usize),
    /// How many bits the bytes here differ in from those 16 further: what one field gives of the other.
    Across(usize),
    /// How many runs of 4 bytes the taps have in common, wherever in them: copies.
    Runs,
}

impl Comparison {
    const CATEGORIES: usize = 132;

    /// Every comparison of taps of `length` bytes.
    fn all(length: usize) -> Vec<Self> {
        let from = |width: usize| 0..(length + 1).saturating_sub(width);
        let numbers = [1, 2, 4, 8].into_iter().flat_map(|width| from(width).map(move |at| Self::Number(at, width)));
        let sixteens = from(16).step_by(4);
        let wide = sixteens.flat_map(|at| [Self::Bits(at), Self::Weight(at)]);
        let across = from(32).step_by(4).map(Self::Across);
        from(1).map(Self::Byte).chain(numbers).chain(wide).chain(across).chain([Self::Runs]).collect()
    }

    fn category(self, shown: &ObservedTap, other: &ObservedTap, runs: &Runs) -> usize {
        let (one, two) = (shown.bytes.as_slice(), other.bytes.as_slice());
        match self {
            Self::Byte(at) => (one[at] ^ two[at]).count_ones() as usize,
            Self::Number(at, width) => magnitude(number(one, at, width).abs_diff(number(two, at, width))),
            Self::Bits(at) => (sixteen(one, at) ^ sixteen(two, at)).count_ones() as usize,
            Self::Weight(at) => {
                let weights = [one, two].map(|bytes| sixteen(bytes, at).count_ones());
                weights[0].abs_diff(weights[1]) as usize
            }
            Self::Across(at) => (sixteen(one, at) ^ sixteen(two, at + 16)).count_ones() as usize,
            Self::Runs => runs.shared(one, two),
        }
    }
}

fn number(bytes: &[u8], at: usize, width: usize) -> u64 {
    let mut padded = [0; 8];
    padded[8 - width..].copy_from_slice(&bytes[at..at + width]);
    u64::from_be_bytes(padded)
}

fn sixteen(bytes: &[u8], at: usize) -> u128 {
    let mut taken = [0; 16];
    taken.copy_from_slice(&bytes[at..at + 16]);
    u128::from_be_bytes(taken)
}

/// The runs of 4 bytes that so many taps have that they mark nobody.
#[derive(Clone, Debug, Default)]
struct Runs {
    common: Vec<u32>,
}

impl Runs {
    fn of(taps: &[ObservedTap]) -> Self {
        let mut seen: BTreeMap<u32, usize> = BTreeMap::new();
        // A sample of them tells what is common.
        let step = taps.len() / 400 + 1;
        let sample = taps.iter().step_by(step);
        let size = taps.len() / step + 1;
        sample.flat_map(|tap| runs(&tap.bytes)).for_each(|run| *seen.entry(run).or_default() += 1);
        let common = seen.into_iter().filter(|(_, count)| *count > 2 && *count > size / COMMON);
        Self { common: common.map(|(run, _)| run).collect() }
    }

    fn shared(&self, one: &[u8], two: &[u8]) -> usize {
        let mut theirs: Vec<u32> = runs(two).collect();
        theirs.sort_unstable();
        let shared = runs(one).filter(|run| theirs.binary_search(run).is_ok());
        shared.filter(|run| self.common.binary_search(run).is_err()).count()
    }
}

fn runs(bytes: &[u8]) -> impl Iterator<Item = u32> {
    bytes.windows(4).map(|run| number(run, 0, 4) as u32)
}

/// Links taps by whatever it found in their bytes that is alike, or unlike, among taps of one card.
#[derive(Clone, Debug)]
pub struct ProtocolAdversary {
    used: Vec<(Comparison, Vec<f64>)>,
    runs: Runs,
}

impl ProtocolAdversary {
    /// Learns from games whose answers are known.
    pub fn learn(taps: &[ObservedTap], games: &[Game]) -> Self {
        let length = taps.iter().map(|tap| tap.bytes.len()).min().unwrap_or_default();
        let runs = Runs::of(taps);
        let tried = &games[..games.len().min(TRIED)];
        let tried = by_significance(Comparison::all(length), taps, tried, 1, &runs);
        let best = tried.into_iter().take(BEST).map(|found| found.comparison).collect();
        let best = by_significance(best, taps, games, STRANGERS, &runs);
        let clear = best.iter().take_while(|found| found.significance > CLEAR).count();
        let taken = best.into_iter().take(if clear > 0 { clear.min(CLEAREST) } else { CLEAREST });
        Self { used: taken.map(|found| (found.comparison, found.counts.weights())).collect(), runs }
    }
}

/// What a comparison tells.
struct Found {
    comparison: Comparison,
    significance: f64,
    counts: Counts,
}

/// What the comparisons tell over games whose answers are known, the most telling first.
fn by_significance(
    comparisons: Vec<Comparison>,
    taps: &[ObservedTap],
    games: &[Game],
    strangers: usize,
    runs: &Runs,
) -> Vec<Found> {
    let count = |comparison: Comparison| {
        let mut counts = Counts::new(Comparison::CATEGORIES);
        for game in games {
            for place in 0..=strangers {
                let other = game.others[(game.answer + place) % OTHERS];
                counts.add(comparison.category(&taps[game.shown], &taps[other], runs), place == 0);
            }
        }
        Found { comparison, significance: counts.significance(), counts }
    };
    let mut found: Vec<Found> = comparisons.into_iter().map(count).collect();
    found.sort_by(|one, other| other.significance.total_cmp(&one.significance));
    found
}

impl Adversary for ProtocolAdversary {
    fn score(&self, shown: &ObservedTap, other: &ObservedTap) -> f64 {
        let weigh = |(comparison, weights): &(Comparison, Vec<f64>)| {
            let category = comparison.category(shown, other, &self.runs);
            weights[category.min(weights.len() - 1)]
        };
        self.used.iter().map(weigh).sum()
    }
}
