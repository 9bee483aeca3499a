//! Gaussian elimination over the scalar field, as colluding holders would use it.

use elliptic_curve::PrimeField;

/// Linear equations over common unknowns, each a vector of coefficients and the value it comes to.
///
/// Kept in echelon form: every row begins with a one at its pivot, and no later row has anything there.
pub(crate) struct Equations<F> {
    rows: Vec<Row<F>>,
}

struct Row<F> {
    pivot: usize,
    coefficients: Vec<F>,
    value: F,
}

impl<F: PrimeField> Equations<F> {
    pub(crate) fn new() -> Self {
        Self { rows: Vec::new() }
    }

    /// The number of equations that say something that the others do not.
    pub(crate) fn rank(&self) -> usize {
        self.rows.len()
    }

    /// Adds an equation; false when its left side follows from the earlier ones and it was left out.
    pub(crate) fn learn(&mut self, coefficients: Vec<F>, value: F) -> bool {
        let (mut rest, known) = self.reduce(coefficients);
        let Some(pivot) = rest.iter().position(|entry| !entry.is_zero_vartime()) else {
            return false;
        };
        let inverse = rest[pivot].invert().unwrap();
        rest[pivot..].iter_mut().for_each(|entry| *entry *= inverse);
        self.rows.push(Row { pivot, coefficients: rest, value: (value - known) * inverse });
        true
    }

    /// What these coefficients come to, if the equations decide it.
    pub(crate) fn predict(&self, coefficients: Vec<F>) -> Option<F> {
        let (rest, value) = self.reduce(coefficients);
        rest.iter().all(|entry| entry.is_zero_vartime()).then_some(value)
    }

    /// Subtracts multiples of the rows: what cannot be cleared, and what the cleared part comes to.
    fn reduce(&self, mut rest: Vec<F>) -> (Vec<F>, F) {
        let mut value = F::ZERO;
        for row in &self.rows {
            let factor = rest[row.pivot];
            if factor.is_zero_vartime() {
                continue;
            }
            for (entry, coefficient) in rest[row.pivot..].iter_mut().zip(&row.coefficients[row.pivot..]) {
                *entry -= factor * coefficient;
            }
            value += factor * row.value;
        }
        (rest, value)
    }
}
