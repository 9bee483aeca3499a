//! Every backend beside whole numbers (num-bigint) and the curves' own crates.

mod laws;
pub(super) mod numbers;
mod operations;
mod stock;

#[cfg(all(target_arch = "x86_64", feature = "std"))]
use super::ifma::Ifma;
use super::{Modulus, Portable, VectorField, Work};

/// What a test does with a field, whichever it is.
trait Check {
    fn check<F: VectorField>(&self, field: F);
}

/// A check as work, so that it runs compiled for the backend's instructions.
struct Checked<'a, T>(&'a T);

impl<F: VectorField, T: Check> Work<F> for Checked<'_, T> {
    type Output = ();

    #[inline(always)]
    fn run(self, field: F) {
        self.0.check(field);
    }
}

/// With each backend that this processor has, as its users run it.
fn with_every_backend<M: Modulus>(check: &impl Check) {
    let portable = Portable::<M>::default();
    portable.run(Checked(check));
    #[cfg(all(target_arch = "x86_64", feature = "std"))]
    match Ifma::<M>::detect() {
        Some(ifma) => ifma.run(Checked(check)),
        None => std::eprintln!("no AVX-512 IFMA here: only the portable arithmetic is tested"),
    }
}
