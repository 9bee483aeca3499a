//! Four 64-bit words an element, one element at a time, on every processor.

mod inverse;
mod p256;
mod secp256k1;
pub(super) mod words;

use super::{Modulus, VectorField, Work};
use core::marker::PhantomData;

/// The arithmetic of four words, least significant first, that is each modulus' own. Everything taken and returned is below
/// the modulus.
pub(super) trait Words: Copy + core::fmt::Debug + Default + PartialEq + Eq + Send + Sync + 'static {
    /// The modulus p.
    const MODULUS: [u64; 4];
    /// One, as products see it.
    const ONE: [u64; 4];

    /// The sum.
    #[inline(always)]
    fn add(left: &[u64; 4], right: &[u64; 4]) -> [u64; 4] {
        words::add(left, right, &Self::MODULUS)
    }
    /// The difference.
    #[inline(always)]
    fn sub(left: &[u64; 4], right: &[u64; 4]) -> [u64; 4] {
        words::sub(left, right, &Self::MODULUS)
    }
    /// The product.
    fn mul(left: &[u64; 4], right: &[u64; 4]) -> [u64; 4];
    /// The square.
    fn square(element: &[u64; 4]) -> [u64; 4];
    /// A number below the modulus, as products see it.
    fn enter(number: &[u64; 4]) -> [u64; 4];
    /// The number back.
    fn leave(element: &[u64; 4]) -> [u64; 4];
    /// The inverse, in time that depends on the element; `None` of zero.
    fn invert(element: &[u64; 4]) -> Option<[u64; 4]> {
        // Out of the form that products see, the inverse, and in again, which is in twice.
        inverse::inverse(&Self::MODULUS, element).map(|inverse| Self::enter(&Self::enter(&inverse)))
    }
    /// To the power (p + 1) / 4.
    fn roots<F: VectorField, const N: usize>(field: F, vectors: [F::Vector; N]) -> [F::Vector; N];
}

/// The backend of four words. Everybody may have it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Portable<M: Modulus>(PhantomData<M>);

/// An element of four words, below the modulus.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Element<M: Modulus>([u64; 4], PhantomData<M>);

impl<M: Modulus> Element<M> {
    #[inline(always)]
    fn new(words: [u64; 4]) -> Self {
        debug_assert!(words::is_below(&words, &M::MODULUS), "an element is not below its modulus");
        Self(words, PhantomData)
    }
}

impl<M: Modulus> VectorField for Portable<M> {
    const WIDTH: usize = 1;
    type Packed = Element<M>;
    type Vector = Element<M>;
    type Loose = Element<M>;

    #[inline(always)]
    fn run<W: Work<Self>>(self, work: W) -> W::Output {
        work.run(self)
    }

    fn from_bytes(bytes: &[u8; 32]) -> Option<Element<M>> {
        let words = words::from_bytes(bytes);
        words::is_below(&words, &M::MODULUS).then(|| Element::new(M::enter(&words)))
    }

    fn to_bytes(element: &Element<M>) -> [u8; 32] {
        words::to_bytes(&M::leave(&element.0))
    }

    fn from_u64(number: u64) -> Element<M> {
        Element::new(M::enter(&[number, 0, 0, 0]))
    }

    fn invert(element: &Element<M>) -> Option<Element<M>> {
        M::invert(&element.0).map(Element::new)
    }

    #[inline(always)]
    fn mul_packed(left: &Element<M>, right: &Element<M>) -> Element<M> {
        Element::new(M::mul(&left.0, &right.0))
    }

    #[inline(always)]
    fn zero(self) -> Element<M> {
        Element::default()
    }

    #[inline(always)]
    fn one(self) -> Element<M> {
        Element::new(M::ONE)
    }

    #[inline(always)]
    fn splat(self, element: &Element<M>) -> Element<M> {
        *element
    }

    #[inline(always)]
    fn load(self, elements: &[Element<M>]) -> Element<M> {
        elements[0]
    }

    #[inline(always)]
    fn gather(self, elements: &[Element<M>], indices: &[u32]) -> Element<M> {
        elements[indices[0] as usize]
    }

    #[inline(always)]
    fn load_pairs(self, pairs: &[[Element<M>; 2]]) -> [Element<M>; 2] {
        pairs[0]
    }

    #[inline(always)]
    fn gather_pairs(self, pairs: &[[Element<M>; 2]], indices: &[u32]) -> [Element<M>; 2] {
        pairs[indices[0] as usize]
    }

    #[inline(always)]
    fn gather_firsts(self, pairs: &[[Element<M>; 2]], indices: &[u32]) -> Element<M> {
        pairs[indices[0] as usize][0]
    }

    #[inline(always)]
    fn store(self, vector: Element<M>, elements: &mut [Element<M>]) {
        elements[0] = vector;
    }

    #[inline(always)]
    fn store_pairs(self, vectors: [Element<M>; 2], pairs: &mut [[Element<M>; 2]]) {
        pairs[0] = vectors;
    }

    #[inline(always)]
    fn scatter_pairs(self, vectors: [Element<M>; 2], pairs: &mut [[Element<M>; 2]], indices: &[u32], mask: u8) {
        let index = indices[0] as usize;
        if mask & 1 == 1 {
            pairs[index] = vectors;
        }
    }

    #[inline(always)]
    fn add(self, left: Element<M>, right: Element<M>) -> Element<M> {
        Element::new(M::add(&left.0, &right.0))
    }

    #[inline(always)]
    fn sub(self, left: Element<M>, right: Element<M>) -> Element<M> {
        Element::new(M::sub(&left.0, &right.0))
    }

    #[inline(always)]
    fn sub_signed(self, mask: u8, left: Element<M>, right: Element<M>) -> Element<M> {
        self.sub(self.negate_if(mask, left), right)
    }

    #[inline(always)]
    fn mul(self, left: impl Into<Element<M>>, right: impl Into<Element<M>>) -> Element<M> {
        Element::new(M::mul(&left.into().0, &right.into().0))
    }

    #[inline(always)]
    fn mul_sub(self, left: impl Into<Element<M>>, right: impl Into<Element<M>>, subtrahend: Element<M>) -> Element<M> {
        self.sub(self.mul(left, right), subtrahend)
    }

    #[inline(always)]
    fn square(self, vector: impl Into<Element<M>>) -> Element<M> {
        Element::new(M::square(&vector.into().0))
    }

    #[inline(always)]
    fn square_sub(self, vector: impl Into<Element<M>>, [first, second]: [Element<M>; 2]) -> Element<M> {
        self.sub(self.sub(self.square(vector), first), second)
    }

    #[inline(always)]
    fn square_sub_twice(self, vector: impl Into<Element<M>>, twice: Element<M>, once: Element<M>) -> Element<M> {
        self.sub(self.square_sub(vector, [twice, twice]), once)
    }

    #[inline(always)]
    fn reduce(self, loose: Element<M>) -> Element<M> {
        loose
    }

    #[inline(always)]
    fn negate_if(self, mask: u8, vector: Element<M>) -> Element<M> {
        self.select(mask, vector, self.sub(self.zero(), vector))
    }

    #[inline(always)]
    fn select(self, mask: u8, without: Element<M>, with: Element<M>) -> Element<M> {
        if mask & 1 == 1 { with } else { without }
    }

    #[inline(always)]
    fn zeros(self, vector: impl Into<Element<M>>) -> u8 {
        u8::from(vector.into() == self.zero())
    }

    #[inline(always)]
    fn equals(self, left: Element<M>, right: Element<M>) -> u8 {
        u8::from(left == right)
    }

    #[inline(always)]
    fn odds(self, vector: Element<M>) -> u8 {
        (M::leave(&vector.0)[0] & 1) as u8
    }

    #[inline(always)]
    fn roots<const N: usize>(self, vectors: [Element<M>; N]) -> [Element<M>; N] {
        M::roots(self, vectors)
    }
}
