//! The adversary that sees where, when and for how much a tap was.

use std::collections::BTreeMap;

use super::evidence::{Counts, magnitude};
use super::{Adversary, Game, Habit, ObservedTap};

const FEATURES: usize = 10;
const CATEGORIES: usize = 768;
const DAY_SECONDS: u64 = 86_400;
/// How far one step of distance is.
const STEP_METRES: f64 = 250.0;
/// The rounds of fitting how much each kind of evidence counts, and the size of a step in each.
const ROUNDS: usize = 12;
const RATE: f64 = 0.02;
/// So many games are enough to fit ten numbers.
const FITTED: usize = 3_000;

/// Links taps by what people do again and again, and by the pseudonym where two taps have the same.
///
/// It knows how likely each coincidence is among taps of one card and among taps of others (places and distances of both
/// ends of a journey, hours, days, amounts, how rare a shared place is, whether one can have gone from the one to the
/// other in time), and how much each kind of evidence counts beside the others, all learned.
#[derive(Clone, Debug)]
pub struct HabitsAdversary {
    weights: Vec<Vec<f64>>,
    trust: [f64; FEATURES],
    /// How many half powers of two each place is rarer than the most frequent.
    rarity: BTreeMap<(u8, u32), usize>,
}

impl HabitsAdversary {
    /// Learns from games whose answers are known.
    pub fn learn(taps: &[ObservedTap], games: &[Game]) -> Self {
        let mut learned = Self { weights: Vec::new(), trust: [1.0; FEATURES], rarity: rarity(taps, games) };
        let (counted, fitted) = games.split_at(games.len() * 3 / 4);
        let mut counts = vec![Counts::new(CATEGORIES); FEATURES];
        for game in counted {
            for (place, &other) in game.others.iter().enumerate() {
                let categories = learned.categories(&taps[game.shown], &taps[other]);
                for (counts, category) in counts.iter_mut().zip(categories) {
                    counts.add(category, place == game.answer);
                }
            }
        }
        learned.weights = counts.iter().map(Counts::weights).collect();
        learned.fit(taps, &fitted[..fitted.len().min(FITTED)]);
        learned
    }

    /// Fits how much each kind of evidence counts: ascends the likelihood of the answers (a conditional logit).
    fn fit(&mut self, taps: &[ObservedTap], games: &[Game]) {
        let evidence: Vec<(Vec<[f64; FEATURES]>, usize)> = games
            .iter()
            .map(|game| {
                let of = |&other: &usize| self.evidence(&taps[game.shown], &taps[other]);
                (game.others.iter().map(of).collect(), game.answer)
            })
            .collect();
        for round in 0..ROUNDS {
            let rate = RATE / (1.0 + round as f64 / 4.0);
            for (others, answer) in &evidence {
                let scores: Vec<f64> = others.iter().map(|evidence| dot(&self.trust, evidence)).collect();
                let highest = scores.iter().copied().fold(f64::NEG_INFINITY, f64::max);
                let odds: Vec<f64> = scores.iter().map(|score| (score - highest).exp()).collect();
                let total: f64 = odds.iter().sum();
                for (place, (evidence, odds)) in others.iter().zip(&odds).enumerate() {
                    let error = f64::from(u8::from(place == *answer)) - odds / total;
                    self.trust.iter_mut().zip(evidence).for_each(|(trust, value)| *trust += rate * error * value);
                }
            }
        }
    }

    fn evidence(&self, shown: &ObservedTap, other: &ObservedTap) -> [f64; FEATURES] {
        let categories = self.categories(shown, other);
        let mut evidence = [0.0; FEATURES];
        for ((value, weights), category) in evidence.iter_mut().zip(&self.weights).zip(categories) {
            *value = weights[category.min(CATEGORIES - 1)];
        }
        evidence
    }

    /// In which category of each kind of evidence the pair is.
    fn categories(&self, shown: &ObservedTap, other: &ObservedTap) -> [usize; FEATURES] {
        let (one, two) = (&shown.habit, &other.habit);
        let sectors = 3 * sector(one) + sector(two);
        let days = 2 * usize::from(is_weekend(one)) + usize::from(is_weekend(two));
        let hours = hours_apart(one, two);
        let [start, end, there, back] = distances(one, two).map(|distance| distance.min(19));
        let nearest = start.min(end).min(there).min(back);
        let equal = equalities(one, two);
        let coarse = [1, 3, 8].iter().filter(|&&quarters| hours >= quarters).count();
        let amounts = magnitude(u64::from(one.amount.abs_diff(two.amount))).min(19);
        [
            32 * sectors + nearest,
            20 * start + end,
            20 * there + back,
            50 * (4 * usize::from(sectors.is_multiple_of(4)) + days).min(7) + hours,
            16 * (4 * coarse + days) + equal,
            24 * sectors + amounts,
            8 * magnitude(self.rarest(one, two) as u64) + usize::from(sectors.is_multiple_of(4)),
            32 * (4 * coarse + days) + nearest,
            self.passage(one, two),
            usize::from(shown.pseudonym == other.pseudonym),
        ]
    }

    /// How rare the rarest place is that both were at; 0 when there is none.
    fn rarest(&self, one: &Habit, two: &Habit) -> usize {
        let theirs: Vec<_> = places(two).collect();
        let shared = places(one).filter(|place| theirs.contains(place));
        shared.map(|place| 1 + self.rarity.get(&place).copied().unwrap_or(24)).max().unwrap_or_default()
    }

    /// Of two taps of one day: how long after the first the second was, and how far from where the first ended.
    fn passage(&self, one: &Habit, two: &Habit) -> usize {
        let (first, second) = if one.time_seconds <= two.time_seconds { (one, two) } else { (two, one) };
        let minutes = (second.time_seconds - first.time_seconds) / 60;
        if minutes >= 24 * 60 {
            return 0;
        }
        let from = first.end.map_or(first.position, |(_, position)| position);
        1 + 24 * magnitude(minutes) + steps(from, second.position).min(23)
    }
}

impl Adversary for HabitsAdversary {
    fn score(&self, shown: &ObservedTap, other: &ObservedTap) -> f64 {
        dot(&self.trust, &self.evidence(shown, other))
    }
}

fn dot(one: &[f64; FEATURES], two: &[f64; FEATURES]) -> f64 {
    one.iter().zip(two).map(|(one, two)| one * two).sum()
}

/// Places are told apart by sector too: each has its own numbers. Stations are the same at both ends of a journey.
fn places(habit: &Habit) -> impl Iterator<Item = (u8, u32)> {
    let end = habit.end.map(|(place, _)| place);
    [Some(habit.place), end].into_iter().flatten().map(|place| (habit.sector, place))
}

fn rarity(taps: &[ObservedTap], games: &[Game]) -> BTreeMap<(u8, u32), usize> {
    let mut seen: BTreeMap<(u8, u32), u64> = BTreeMap::new();
    for game in games {
        places(&taps[game.shown].habit).for_each(|place| *seen.entry(place).or_default() += 1);
    }
    let most = seen.values().copied().max().unwrap_or(1);
    seen.into_iter().map(|(place, count)| (place, magnitude(most / count))).collect()
}

fn sector(habit: &Habit) -> usize {
    (habit.sector.trailing_zeros() as usize).min(2)
}

/// 1970 began on a Thursday.
fn is_weekend(habit: &Habit) -> bool {
    matches!((habit.time_seconds / DAY_SECONDS + 3) % 7, 5 | 6)
}

/// How many quarters of an hour apart, round the clock: 0 to 48.
fn hours_apart(one: &Habit, two: &Habit) -> usize {
    let apart = (one.time_seconds % DAY_SECONDS).abs_diff(two.time_seconds % DAY_SECONDS);
    (apart.min(DAY_SECONDS - apart) / 900) as usize
}

/// Start to start, end to end, end to start, start to end; far where a tap has no end.
fn distances(one: &Habit, two: &Habit) -> [usize; 4] {
    let ends = [one, two].map(|habit| habit.end.map(|(_, position)| position));
    let between = |one: Option<[i32; 2]>, two: Option<[i32; 2]>| match (one, two) {
        (Some(one), Some(two)) => steps(one, two).min(18),
        _ => 19,
    };
    let starts = [Some(one.position), Some(two.position)];
    [between(starts[0], starts[1]), between(ends[0], ends[1]), between(ends[0], starts[1]), between(starts[0], ends[1])]
}

/// A bit each for the same start, the same end, an end where the other starts, and the reverse.
fn equalities(one: &Habit, two: &Habit) -> usize {
    if one.sector != two.sector {
        return 0;
    }
    let ends = [one, two].map(|habit| habit.end.map(|(place, _)| place));
    let equal = [
        one.place == two.place,
        ends[0].is_some() && ends[0] == ends[1],
        ends[0] == Some(two.place),
        ends[1] == Some(one.place),
    ];
    equal.iter().rev().fold(0, |bits, equal| 2 * bits + usize::from(*equal))
}

fn steps(one: [i32; 2], two: [i32; 2]) -> usize {
    let [east, north] = [0, 1].map(|axis| f64::from(one[axis].abs_diff(two[axis])));
    magnitude((east.hypot(north) / STEP_METRES) as u64)
}
