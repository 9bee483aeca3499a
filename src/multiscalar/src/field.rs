//! The fields of the curves: vectors of elements that are worked on together.
//!
//! A [`VectorField`] is a value that stands for the leave to use a backend's instructions: of [`Portable`] everybody has
//! one, of `Ifma` only who asked the processor. So everything goes through a method of that value, and nothing safe can
//! reach instructions that are not there.
//!
//! Public numbers only: inversions take a time that depends on the element, and nothing is erased.

#[cfg(all(target_arch = "x86_64", feature = "std"))]
pub mod ifma;
pub mod portable;
mod root;
#[cfg(test)]
mod tests;

#[cfg(all(target_arch = "x86_64", feature = "std"))]
pub use ifma::Ifma;
pub use portable::Portable;

/// The field that a curve's coordinates are of. There are two, and nobody else adds one.
#[cfg(all(target_arch = "x86_64", feature = "std"))]
#[expect(private_bounds, reason = "so that nobody else can")]
pub trait Modulus: portable::Words + ifma::Limbs {}

/// The field that a curve's coordinates are of. There are two, and nobody else adds one.
#[cfg(not(all(target_arch = "x86_64", feature = "std")))]
#[expect(private_bounds, reason = "so that nobody else can")]
pub trait Modulus: portable::Words {}

impl Modulus for crate::P256 {}
impl Modulus for crate::Secp256k1 {}

/// What is done with a field, once for whichever it is. The type holds the arguments.
///
/// Everything that `run` calls in its hot loops should be `#[inline(always)]`, as `run` itself: only what is inlined into
/// [`VectorField::run`] is compiled for the backend's instructions. Closures and iterator adaptors may not be.
pub trait Work<F: VectorField> {
    /// What comes of it.
    type Output;

    /// Does it.
    fn run(self, field: F) -> Self::Output;
}

/// A field, and how to work on [`WIDTH`](Self::WIDTH) of its elements side by side.
///
/// There are three kinds of elements. [`Packed`](Self::Packed) is one of them in memory, always below the modulus: two are
/// equal where their bytes are. [`Vector`](Self::Vector) are `WIDTH` of them, each below twice the modulus; and
/// [`Loose`](Self::Loose) the same, each at most four times the modulus: what comes of adding or subtracting two vectors,
/// without the work of reducing it. Multiplication takes either.
///
/// A mask has one bit a lane, the least significant for the first; bits from `WIDTH` on are zero in what is returned and
/// ignored in what is taken.
pub trait VectorField: Copy + Send + Sync + 'static {
    /// How many elements a vector has, at most 8.
    const WIDTH: usize;

    /// One element in memory, 32 bytes, in this backend's own form. The default is zero.
    type Packed: Copy + Default + PartialEq + Eq + core::fmt::Debug + Send + Sync + 'static;
    /// `WIDTH` elements, each below twice the modulus.
    type Vector: Copy + Send + Sync + 'static;
    /// `WIDTH` elements, each at most four times the modulus.
    type Loose: Copy + From<Self::Vector> + Send + Sync + 'static;

    /// Does that work, compiled for this backend's instructions.
    fn run<W: Work<Self>>(self, work: W) -> W::Output;

    /// The element of 32 bytes, big-endian; `None` where they are not below the modulus.
    fn from_bytes(bytes: &[u8; 32]) -> Option<Self::Packed>;

    /// An element as 32 bytes, big-endian.
    fn to_bytes(element: &Self::Packed) -> [u8; 32];

    /// A small number.
    fn from_u64(number: u64) -> Self::Packed;

    /// The inverse, in time that depends on the element; `None` of zero.
    fn invert(element: &Self::Packed) -> Option<Self::Packed>;

    /// The product of two elements, one alone: slower than a lane of [`mul`](Self::mul).
    fn mul_packed(left: &Self::Packed, right: &Self::Packed) -> Self::Packed;

    /// All zero.
    fn zero(self) -> Self::Vector;

    /// All one.
    fn one(self) -> Self::Vector;

    /// The same element in every lane.
    fn splat(self, element: &Self::Packed) -> Self::Vector;

    /// The first `WIDTH` elements. Panics where there are fewer.
    fn load(self, elements: &[Self::Packed]) -> Self::Vector;

    /// The elements at the first `WIDTH` indices. Panics where there are fewer indices, or one is out of range.
    fn gather(self, elements: &[Self::Packed], indices: &[u32]) -> Self::Vector;

    /// The first `WIDTH` pairs: the firsts and the seconds. Panics where there are fewer.
    fn load_pairs(self, pairs: &[[Self::Packed; 2]]) -> [Self::Vector; 2];

    /// The pairs at the first `WIDTH` indices: the firsts and the seconds. Panics as [`gather`](Self::gather).
    fn gather_pairs(self, pairs: &[[Self::Packed; 2]], indices: &[u32]) -> [Self::Vector; 2];

    /// The firsts alone of the pairs at the first `WIDTH` indices. Panics as [`gather`](Self::gather).
    fn gather_firsts(self, pairs: &[[Self::Packed; 2]], indices: &[u32]) -> Self::Vector;

    /// Writes the lanes to the first `WIDTH` elements. Panics where there are fewer.
    fn store(self, vector: Self::Vector, elements: &mut [Self::Packed]);

    /// Writes the lanes of both to the first `WIDTH` pairs. Panics where there are fewer.
    fn store_pairs(self, vectors: [Self::Vector; 2], pairs: &mut [[Self::Packed; 2]]);

    /// Writes those lanes of both that the mask has to the pairs at their indices, the first lane first. Panics where there
    /// are fewer than `WIDTH` indices, or one of those in the mask is out of range.
    fn scatter_pairs(self, vectors: [Self::Vector; 2], pairs: &mut [[Self::Packed; 2]], indices: &[u32], mask: u8);

    /// Left plus right.
    fn add(self, left: Self::Vector, right: Self::Vector) -> Self::Loose;

    /// Left minus right.
    fn sub(self, left: Self::Vector, right: Self::Vector) -> Self::Loose;

    /// Left minus right, and of left the negative in those lanes that the mask has. Both are below the modulus, as loaded.
    fn sub_signed(self, mask: u8, left: Self::Vector, right: Self::Vector) -> Self::Loose;

    /// Left times right.
    fn mul(self, left: impl Into<Self::Loose>, right: impl Into<Self::Loose>) -> Self::Vector;

    /// Left times right minus a third: quicker than in two steps, and reduced.
    fn mul_sub(
        self,
        left: impl Into<Self::Loose>,
        right: impl Into<Self::Loose>,
        subtrahend: Self::Vector,
    ) -> Self::Vector;

    /// The square.
    fn square(self, vector: impl Into<Self::Loose>) -> Self::Vector;

    /// The square minus both others: quicker than in three steps, and reduced.
    fn square_sub(self, vector: impl Into<Self::Loose>, subtrahends: [Self::Vector; 2]) -> Self::Vector;

    /// The square minus twice another, which is below the modulus, and minus a third: quicker than in four steps, and reduced.
    fn square_sub_twice(self, vector: impl Into<Self::Loose>, twice: Self::Vector, once: Self::Loose) -> Self::Vector;

    /// The same elements, below twice the modulus again.
    fn reduce(self, loose: Self::Loose) -> Self::Vector;

    /// The negative of those lanes that the mask has.
    fn negate_if(self, mask: u8, vector: Self::Vector) -> Self::Vector;

    /// The lanes of the second that the mask has, of the first the others.
    fn select(self, mask: u8, without: Self::Vector, with: Self::Vector) -> Self::Vector;

    /// Which lanes are zero (in the field: a multiple of the modulus).
    fn zeros(self, vector: impl Into<Self::Loose>) -> u8;

    /// Which lanes are equal in the field.
    #[inline(always)]
    fn equals(self, left: Self::Vector, right: Self::Vector) -> u8 {
        self.zeros(self.sub(left, right))
    }

    /// Which lanes are odd, as numbers below the modulus.
    fn odds(self, vector: Self::Vector) -> u8;

    /// To the power (p + 1) / 4 each, p the modulus, several vectors side by side: a square root, of what has one. One
    /// vector alone would wait for itself most of the time; four are quick.
    fn roots<const N: usize>(self, vectors: [Self::Vector; N]) -> [Self::Vector; N];
}
