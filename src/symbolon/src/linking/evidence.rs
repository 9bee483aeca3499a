//! What a category of a comparison tells: learned from pairs that are known to be by one card, or not.

/// Categories seen less often than this together are one: too few to learn from.
const LEAST: u32 = 50;

/// How often each category was seen, among pairs by one card and among others.
#[derive(Clone, Debug)]
pub(super) struct Counts {
    same: Vec<u32>,
    other: Vec<u32>,
}

impl Counts {
    pub(super) fn new(categories: usize) -> Self {
        Self { same: vec![0; categories], other: vec![0; categories] }
    }

    pub(super) fn add(&mut self, category: usize, is_same: bool) {
        let counts = if is_same { &mut self.same } else { &mut self.other };
        let last = counts.len() - 1;
        counts[category.min(last)] += 1;
    }

    /// How far the two distributions are apart, in standard deviations of what chance would make them (the likelihood
    /// ratio statistic against its degrees of freedom); 0 when there is but one category.
    pub(super) fn significance(&self) -> f64 {
        let mut cells: Vec<[f64; 2]> = Vec::new();
        let mut rare = [0.0; 2];
        for (&same, &other) in self.same.iter().zip(&self.other) {
            let cell = [f64::from(same), f64::from(other)];
            if same + other >= LEAST {
                cells.push(cell);
            } else {
                rare = [rare[0] + cell[0], rare[1] + cell[1]];
            }
        }
        if rare[0] + rare[1] > 0.0 {
            cells.push(rare);
        }
        if cells.len() < 2 {
            return 0.0;
        }
        let freedom = (cells.len() - 1) as f64;
        let totals = cells.iter().fold([0.0; 2], |sums, cell| [sums[0] + cell[0], sums[1] + cell[1]]);
        let all = totals[0] + totals[1];
        let part = |seen: f64, expected: f64| if seen > 0.0 { seen * (seen / expected).ln() } else { 0.0 };
        let of_cell = |cell: &[f64; 2]| {
            let sum = cell[0] + cell[1];
            part(cell[0], sum * totals[0] / all) + part(cell[1], sum * totals[1] / all)
        };
        let statistic = 2.0 * cells.iter().map(of_cell).sum::<f64>();
        (statistic - freedom) / (2.0 * freedom).sqrt()
    }

    /// The logarithm of how much likelier each category is by one card.
    pub(super) fn weights(&self) -> Vec<f64> {
        // As if each category had been seen a little more often: none is impossible for never having been seen.
        let (prior, categories) = (0.5, self.same.len() as f64);
        let total = |counts: &[u32]| counts.iter().map(|&count| f64::from(count)).sum::<f64>() + prior * categories;
        let (same, other) = (total(&self.same), total(&self.other));
        let weight = |(&of_same, &of_other): (&u32, &u32)| {
            ((f64::from(of_same) + prior) / same).ln() - ((f64::from(of_other) + prior) / other).ln()
        };
        self.same.iter().zip(&self.other).map(weight).collect()
    }
}

/// Half powers of two: 0, 1, 2, 3, 4-5, 6-7, 8-11 and so on.
pub(super) fn magnitude(value: u64) -> usize {
    match value {
        0..=3 => value as usize,
        _ => {
            let power = value.ilog2() as usize;
            2 * power + usize::from(value >> (power - 1) & 1 == 1)
        }
    }
}
