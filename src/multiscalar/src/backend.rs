//! Which arithmetic is used.

#[cfg(all(target_arch = "x86_64", feature = "std"))]
use crate::field::Ifma;
use crate::{
    Curve,
    field::{Portable, VectorField},
};

/// The arithmetic that a sum is made with. All give the same sums.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Backend {
    /// Four 64-bit words an element, one element at a time, on every processor.
    Portable,
    /// Eight elements at a time, on an x86-64 processor with AVX-512 IFMA; needs the feature `std`, which asks the processor.
    Ifma,
}

/// What is done with a curve's field, whichever the backend.
pub(crate) trait Task {
    type Output;

    fn run<F: VectorField>(self, field: F) -> Self::Output;
}

impl Backend {
    /// The fastest that this processor has.
    pub fn best() -> Self {
        if Self::Ifma.is_available() { Self::Ifma } else { Self::Portable }
    }

    /// Whether this processor has it.
    pub fn is_available(self) -> bool {
        match self {
            Self::Portable => true,
            #[cfg(all(target_arch = "x86_64", feature = "std"))]
            Self::Ifma => Ifma::<crate::P256>::detect().is_some(),
            #[cfg(not(all(target_arch = "x86_64", feature = "std")))]
            Self::Ifma => false,
        }
    }

    /// Does the task with this arithmetic where the processor has it, and with the portable one where not.
    pub(crate) fn run<C: Curve, T: Task>(self, task: T) -> T::Output {
        #[cfg(all(target_arch = "x86_64", feature = "std"))]
        if self == Self::Ifma
            && let Some(field) = Ifma::<C>::detect()
        {
            return task.run(field);
        }
        task.run(Portable::<C>::default())
    }
}
