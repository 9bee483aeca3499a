//! Eight elements at a time, on a processor that multiplies eight numbers of 52 bits by one instruction (AVX-512 IFMA).
//!
//! A lane has an element in five limbs of 52 bits. All of `unsafe` is below this module, in `lanes`.

#![allow(
    clippy::needless_range_loop,
    reason = "an iterator's adaptor may not be inlined, and so lose the instructions"
)]

mod lanes;
mod limbs;
mod p256;
mod secp256k1;
#[cfg(test)]
mod tests;
mod transposed;

use super::{
    Modulus, VectorField, Work,
    portable::{Words, words},
};
use core::marker::PhantomData;
use lanes::{Lanes, Permit};
use limbs::{LIMB, carried, multiple, product, square, surplus, zero_lanes};

/// What of this arithmetic is each modulus' own. In memory an element is four words, below the modulus.
pub(super) trait Limbs: Words {
    /// One, as products see it.
    const PACKED_ONE: [u64; 4];
    /// Whether what [`reduce`](Self::reduce) returns is below twice the modulus, so that it needs no [`fold`](Self::fold).
    const PRODUCTS_ARE_REDUCED: bool;

    /// A number below the modulus, as products see it.
    fn pack(number: &[u64; 4]) -> [u64; 4];
    /// The number back.
    fn unpack(element: &[u64; 4]) -> [u64; 4];
    /// The inverse, `None` of zero.
    fn invert_packed(element: &[u64; 4]) -> Option<[u64; 4]>;
    /// The product.
    fn mul_packed(left: &[u64; 4], right: &[u64; 4]) -> [u64; 4];

    /// A product's ten columns, each below 2^56, modulo p in five, each below 2^58, not carried. The whole is below 2^516.
    fn reduce(permit: Permit, wide: [Lanes; 10]) -> [Lanes; 5];
    /// What is in columns below 2^58, not carried: as a number below twice the modulus, in signed columns, not carried.
    fn fold(permit: Permit, columns: [Lanes; 5]) -> [Lanes; 5];
    /// The factor that makes the number itself of an element, `None` where it is the number.
    fn plain_one(permit: Permit) -> Option<[Lanes; 5]>;
}

/// The backend of eight lanes. Who has one asked the processor.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Ifma<M: Modulus> {
    permit: Permit,
    modulus: PhantomData<M>,
}

/// An element of four words, below the modulus.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Element<M: Modulus>([u64; 4], PhantomData<M>);

/// Eight elements below twice the modulus.
#[derive(Clone, Copy, Debug)]
pub struct Vector<M: Modulus>([Lanes; 5], PhantomData<M>);

/// Eight elements of at most four times the modulus.
#[derive(Clone, Copy, Debug)]
pub struct Loose<M: Modulus>([Lanes; 5], PhantomData<M>);

impl<M: Modulus> From<Vector<M>> for Loose<M> {
    #[inline(always)]
    fn from(vector: Vector<M>) -> Self {
        Self(vector.0, PhantomData)
    }
}

impl<M: Modulus> Ifma<M> {
    /// The backend, where this processor has the instructions.
    pub fn detect() -> Option<Self> {
        Some(Self { permit: Permit::detect()?, modulus: PhantomData })
    }

    /// In debug builds, panics where a lane is not five limbs of 52 bits, or more than so many times the modulus; `strictly`:
    /// or as much.
    #[inline(always)]
    fn check(limbs: [Lanes; 5], factor: u64, strictly: bool) {
        if cfg!(debug_assertions) {
            let bound = multiple(M::MODULUS, factor);
            let limbs = limbs.map(Lanes::to_array);
            for lane in 0..8 {
                let mut limbs = limbs.map(|limb| limb[lane]);
                assert!(limbs.iter().all(|limb| *limb <= LIMB), "a limb of more than 52 bits");
                let mut bound = bound;
                limbs.reverse();
                bound.reverse();
                assert!(limbs < bound || !strictly && limbs == bound, "lane {lane} is above its bound");
            }
        }
    }

    #[inline(always)]
    fn vector(self, limbs: [Lanes; 5]) -> Vector<M> {
        Self::check(limbs, 2, true);
        Vector(limbs, PhantomData)
    }

    #[inline(always)]
    fn loose(self, limbs: [Lanes; 5]) -> Loose<M> {
        Self::check(limbs, 4, false);
        Loose(limbs, PhantomData)
    }

    /// The same number's limbs in every lane.
    #[inline(always)]
    fn constant(self, limbs: [u64; 5]) -> [Lanes; 5] {
        let [l0, l1, l2, l3, l4] = limbs;
        let permit = self.permit;
        [permit.splat(l0), permit.splat(l1), permit.splat(l2), permit.splat(l3), permit.splat(l4)]
    }

    /// A product from its columns.
    #[inline(always)]
    fn reduced(self, wide: [Lanes; 10]) -> Vector<M> {
        let columns = M::reduce(self.permit, wide);
        let columns = if M::PRODUCTS_ARE_REDUCED { columns } else { M::fold(self.permit, columns) };
        self.vector(carried(self.permit, columns))
    }

    /// A product from its columns, less what is at most six times the modulus in columns below 2^54 - 4.
    #[inline(always)]
    fn reduced_less(self, wide: [Lanes; 10], subtrahend: [Lanes; 5]) -> Vector<M> {
        let mut columns = M::reduce(self.permit, wide);
        let surplus = self.constant(surplus(M::MODULUS));
        for limb in 0..5 {
            columns[limb] = columns[limb].add(surplus[limb].sub(subtrahend[limb]));
        }
        self.vector(carried(self.permit, M::fold(self.permit, columns)))
    }

    /// The limbs below the modulus.
    #[inline(always)]
    fn canonical(self, vector: Vector<M>) -> [Lanes; 5] {
        let modulus = self.constant(multiple(M::MODULUS, 1));
        // Where something was subtracted or folded last, all but one lane in 2^32 are.
        if vector.0[4].at_least(modulus[4]) == 0 {
            return vector.0;
        }
        let mut less = vector.0;
        for limb in 0..5 {
            less[limb] = less[limb].sub(modulus[limb]);
        }
        let mut limbs = carried(self.permit, less);
        let is_below = limbs[4].negatives();
        for limb in 0..5 {
            limbs[limb] = limbs[limb].select(is_below, vector.0[limb]);
        }
        Self::check(limbs, 1, true);
        limbs
    }

    #[inline(always)]
    fn rows(self, vector: Vector<M>) -> [[u64; 4]; 8] {
        transposed::rows(self.permit, self.canonical(vector))
    }
}

/// What an expression gives for each of eight lanes.
macro_rules! each_lane {
    ($lane:ident => $value:expr) => {
        [
            {
                let $lane = 0;
                $value
            },
            {
                let $lane = 1;
                $value
            },
            {
                let $lane = 2;
                $value
            },
            {
                let $lane = 3;
                $value
            },
            {
                let $lane = 4;
                $value
            },
            {
                let $lane = 5;
                $value
            },
            {
                let $lane = 6;
                $value
            },
            {
                let $lane = 7;
                $value
            },
        ]
    };
}

impl<M: Modulus> VectorField for Ifma<M> {
    const WIDTH: usize = 8;
    type Packed = Element<M>;
    type Vector = Vector<M>;
    type Loose = Loose<M>;

    #[inline(always)]
    fn run<W: Work<Self>>(self, work: W) -> W::Output {
        self.permit.call(self, work)
    }

    fn from_bytes(bytes: &[u8; 32]) -> Option<Element<M>> {
        let words = words::from_bytes(bytes);
        words::is_below(&words, &M::MODULUS).then(|| Element(M::pack(&words), PhantomData))
    }

    fn to_bytes(element: &Element<M>) -> [u8; 32] {
        words::to_bytes(&M::unpack(&element.0))
    }

    fn from_u64(number: u64) -> Element<M> {
        Element(M::pack(&[number, 0, 0, 0]), PhantomData)
    }

    fn invert(element: &Element<M>) -> Option<Element<M>> {
        M::invert_packed(&element.0).map(|inverse| Element(inverse, PhantomData))
    }

    fn mul_packed(left: &Element<M>, right: &Element<M>) -> Element<M> {
        Element(M::mul_packed(&left.0, &right.0), PhantomData)
    }

    #[inline(always)]
    fn zero(self) -> Vector<M> {
        self.vector([self.permit.splat(0); 5])
    }

    #[inline(always)]
    fn one(self) -> Vector<M> {
        self.vector(self.constant(multiple(M::PACKED_ONE, 1)))
    }

    #[inline(always)]
    fn splat(self, element: &Element<M>) -> Vector<M> {
        self.vector(self.constant(multiple(element.0, 1)))
    }

    #[inline(always)]
    fn load(self, elements: &[Element<M>]) -> Vector<M> {
        let elements = &elements[..8];
        self.vector(transposed::limbs(self.permit, each_lane!(lane => &elements[lane].0)))
    }

    #[inline(always)]
    fn gather(self, elements: &[Element<M>], indices: &[u32]) -> Vector<M> {
        let indices = &indices[..8];
        self.vector(transposed::limbs(self.permit, each_lane!(lane => &elements[indices[lane] as usize].0)))
    }

    #[inline(always)]
    fn load_pairs(self, pairs: &[[Element<M>; 2]]) -> [Vector<M>; 2] {
        let pairs = &pairs[..8];
        [
            self.vector(transposed::limbs(self.permit, each_lane!(lane => &pairs[lane][0].0))),
            self.vector(transposed::limbs(self.permit, each_lane!(lane => &pairs[lane][1].0))),
        ]
    }

    #[inline(always)]
    fn gather_pairs(self, pairs: &[[Element<M>; 2]], indices: &[u32]) -> [Vector<M>; 2] {
        let indices = &indices[..8];
        let pairs = each_lane!(lane => &pairs[indices[lane] as usize]);
        [
            self.vector(transposed::limbs(self.permit, each_lane!(lane => &pairs[lane][0].0))),
            self.vector(transposed::limbs(self.permit, each_lane!(lane => &pairs[lane][1].0))),
        ]
    }

    #[inline(always)]
    fn gather_firsts(self, pairs: &[[Element<M>; 2]], indices: &[u32]) -> Vector<M> {
        let indices = &indices[..8];
        self.vector(transposed::limbs(self.permit, each_lane!(lane => &pairs[indices[lane] as usize][0].0)))
    }

    #[inline(always)]
    fn store(self, vector: Vector<M>, elements: &mut [Element<M>]) {
        let elements = &mut elements[..8];
        let rows = self.rows(vector);
        for lane in 0..8 {
            elements[lane].0 = rows[lane];
        }
    }

    #[inline(always)]
    fn store_pairs(self, [firsts, seconds]: [Vector<M>; 2], pairs: &mut [[Element<M>; 2]]) {
        let pairs = &mut pairs[..8];
        let (firsts, seconds) = (self.rows(firsts), self.rows(seconds));
        for lane in 0..8 {
            pairs[lane][0].0 = firsts[lane];
            pairs[lane][1].0 = seconds[lane];
        }
    }

    #[inline(always)]
    fn scatter_pairs(
        self,
        [firsts, seconds]: [Vector<M>; 2],
        pairs: &mut [[Element<M>; 2]],
        indices: &[u32],
        mask: u8,
    ) {
        let indices = &indices[..8];
        let (firsts, seconds) = (self.rows(firsts), self.rows(seconds));
        for lane in 0..8 {
            if mask >> lane & 1 == 1 {
                let pair = &mut pairs[indices[lane] as usize];
                pair[0].0 = firsts[lane];
                pair[1].0 = seconds[lane];
            }
        }
    }

    #[inline(always)]
    fn add(self, left: Vector<M>, right: Vector<M>) -> Loose<M> {
        let mut limbs = left.0;
        for limb in 0..5 {
            limbs[limb] = limbs[limb].add(right.0[limb]);
        }
        self.loose(carried(self.permit, limbs))
    }

    #[inline(always)]
    fn sub(self, left: Vector<M>, right: Vector<M>) -> Loose<M> {
        let surplus = self.constant(multiple(M::MODULUS, 2));
        let mut limbs = left.0;
        for limb in 0..5 {
            limbs[limb] = limbs[limb].add(surplus[limb]).sub(right.0[limb]);
        }
        self.loose(carried(self.permit, limbs))
    }

    #[inline(always)]
    fn sub_signed(self, mask: u8, left: Vector<M>, right: Vector<M>) -> Loose<M> {
        let surplus = self.constant(multiple(M::MODULUS, 2));
        let mut limbs = right.0;
        for limb in 0..5 {
            let less = surplus[limb].sub(right.0[limb]);
            limbs[limb] = less.add(left.0[limb]).replaced_by_difference(mask, less, left.0[limb]);
        }
        self.loose(carried(self.permit, limbs))
    }

    #[inline(always)]
    fn mul(self, left: impl Into<Loose<M>>, right: impl Into<Loose<M>>) -> Vector<M> {
        self.reduced(product(self.permit, left.into().0, right.into().0))
    }

    #[inline(always)]
    fn mul_sub(self, left: impl Into<Loose<M>>, right: impl Into<Loose<M>>, subtrahend: Vector<M>) -> Vector<M> {
        self.reduced_less(product(self.permit, left.into().0, right.into().0), subtrahend.0)
    }

    #[inline(always)]
    fn square(self, vector: impl Into<Loose<M>>) -> Vector<M> {
        self.reduced(square(self.permit, vector.into().0))
    }

    #[inline(always)]
    fn square_sub(self, vector: impl Into<Loose<M>>, [first, second]: [Vector<M>; 2]) -> Vector<M> {
        let mut both = first.0;
        for limb in 0..5 {
            both[limb] = both[limb].add(second.0[limb]);
        }
        self.reduced_less(square(self.permit, vector.into().0), both)
    }

    #[inline(always)]
    fn square_sub_twice(self, vector: impl Into<Loose<M>>, twice: Vector<M>, once: Loose<M>) -> Vector<M> {
        let mut all = once.0;
        for limb in 0..5 {
            all[limb] = all[limb].add(twice.0[limb].add(twice.0[limb]));
        }
        self.reduced_less(square(self.permit, vector.into().0), all)
    }

    #[inline(always)]
    fn reduce(self, loose: Loose<M>) -> Vector<M> {
        self.vector(carried(self.permit, M::fold(self.permit, loose.0)))
    }

    #[inline(always)]
    fn negate_if(self, mask: u8, vector: Vector<M>) -> Vector<M> {
        // The negative of 0 would be twice the modulus, which a vector may not be.
        let mask = mask & !zero_lanes(vector.0);
        let surplus = self.constant(multiple(M::MODULUS, 2));
        let mut limbs = vector.0;
        for limb in 0..5 {
            limbs[limb] = limbs[limb].replaced_by_difference(mask, surplus[limb], vector.0[limb]);
        }
        self.vector(carried(self.permit, limbs))
    }

    #[inline(always)]
    fn select(self, mask: u8, without: Vector<M>, with: Vector<M>) -> Vector<M> {
        let mut limbs = without.0;
        for limb in 0..5 {
            limbs[limb] = limbs[limb].select(mask, with.0[limb]);
        }
        self.vector(limbs)
    }

    #[inline(always)]
    fn zeros(self, vector: impl Into<Loose<M>>) -> u8 {
        let limbs = self.reduce(vector.into()).0;
        let modulus = self.constant(multiple(M::MODULUS, 1));
        let mut differences = limbs;
        for limb in 0..5 {
            differences[limb] = limbs[limb].xor(modulus[limb]);
        }
        zero_lanes(limbs) | zero_lanes(differences)
    }

    #[inline(always)]
    fn odds(self, vector: Vector<M>) -> u8 {
        let plain = match M::plain_one(self.permit) {
            Some(one) => self.mul(vector, Loose(one, PhantomData)),
            None => vector,
        };
        self.canonical(plain)[0].tests(self.permit.splat(1))
    }

    #[inline(always)]
    fn roots<const N: usize>(self, vectors: [Vector<M>; N]) -> [Vector<M>; N] {
        M::roots(self, vectors)
    }
}
