//! What an adversary wins beyond guessing, and how sure that is.

use core::fmt;

use super::OTHERS;

/// The quantile of the normal distribution for 99 of 100, both sides.
const QUANTILE: f64 = 2.575_829_303_548_901;

/// The outcome of many games.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Advantage {
    games: usize,
    won: usize,
}

impl Advantage {
    /// Of `games`, at least one, so many were won.
    pub fn new(games: usize, won: usize) -> Self {
        Self { games: games.max(1), won }
    }

    /// How many games were played.
    pub fn games(&self) -> usize {
        self.games
    }

    /// The share of games that were won.
    pub fn success(&self) -> f64 {
        self.won as f64 / self.games as f64
    }

    /// 0 for guessing, 1 for winning always.
    pub fn value(&self) -> f64 {
        beyond_chance(self.success())
    }

    /// Where the advantage lies with 99% confidence (Wilson's score interval), games being taken for independent.
    pub fn interval(&self) -> [f64; 2] {
        let (games, share, squared) = (self.games as f64, self.success(), QUANTILE * QUANTILE);
        let middle = (share + squared / (2.0 * games)) / (1.0 + squared / games);
        let spread = (share * (1.0 - share) / games + squared / (4.0 * games * games)).sqrt();
        let half = QUANTILE * spread / (1.0 + squared / games);
        [beyond_chance(middle - half), beyond_chance(middle + half)]
    }

    /// Whether the interval says that this is no more and no less than guessing.
    pub fn is_chance(&self) -> bool {
        let [low, high] = self.interval();
        low <= 0.0 && 0.0 <= high
    }
}

impl fmt::Display for Advantage {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let [low, high] = self.interval();
        write!(formatter, "{:+.4} [{low:+.4}, {high:+.4}]", self.value())
    }
}

fn beyond_chance(success: f64) -> f64 {
    let chance = 1.0 / OTHERS as f64;
    (success - chance) / (1.0 - chance)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Wilson's interval for 1,000 of 20,000, worked out apart: 0.04620 to 0.05411.
    #[test]
    fn the_interval_is_wilsons() {
        let chance = Advantage::new(20_000, 1_000);
        assert_eq!(chance.value(), 0.0);
        assert!(chance.is_chance());
        let [low, high] = chance.interval().map(|value| value * 0.95 + 0.05);
        assert!((low - 0.046_177).abs() < 2e-5 && (high - 0.054_121).abs() < 2e-5, "{low} {high}");
        assert!(!Advantage::new(20_000, 1_100).is_chance());
        assert!(!Advantage::new(20_000, 900).is_chance());
        assert_eq!(Advantage::new(10, 10).value(), 1.0);
    }
}
