//! The field of P-256 in five limbs: elements times 2^260 (Montgomery's form).
//!
//! p = 2^256 - 2^224 + 2^192 + 2^96 - 1 is -1 modulo 2^52, so that what a step of Montgomery's reduction adds p times is the
//! lowest limb itself.

use super::{
    Limbs,
    lanes::{Lanes, Permit},
};
use crate::{P256, field::portable::Words};

/// 2^516 modulo p: times that and divided by 2^256 is times 2^260.
const PACK: [u64; 4] = [0x0000_0000_0000_0030, 0xffff_ffbf_ffff_fff0, 0xffff_ffff_ffff_ffef, 0x0000_004f_ffff_ffdf];
/// 2^252: times that and divided by 2^256 is divided by 2^4.
const SIXTEENTH: [u64; 4] = [0, 0, 0, 1 << 60];
/// 2^264 modulo p: times that and divided by 2^256 is times 2^8.
const TIMES_256: [u64; 4] =
    [0x0000_0000_0000_0100, 0xffff_ff00_0000_0000, 0xffff_ffff_ffff_ffff, 0x0000_00ff_ffff_feff];

impl Limbs for P256 {
    const PACKED_ONE: [u64; 4] =
        [0x0000_0000_0000_0010, 0xffff_fff0_0000_0000, 0xffff_ffff_ffff_ffff, 0x0000_000f_ffff_ffef];
    const PRODUCTS_ARE_REDUCED: bool = true;

    fn pack(number: &[u64; 4]) -> [u64; 4] {
        Self::mul(number, &PACK)
    }

    fn unpack(element: &[u64; 4]) -> [u64; 4] {
        // To the portable form of a 16th of what it would be, which is the number times 2^4 there.
        Self::leave(&Self::mul(element, &SIXTEENTH))
    }

    fn invert_packed(element: &[u64; 4]) -> Option<[u64; 4]> {
        // In the portable form this is 2^4 times the element: the inverse is a 16th of what it should be, and 16 more are lost.
        Self::invert(element).map(|inverse| Self::mul(&inverse, &TIMES_256))
    }

    fn mul_packed(left: &[u64; 4], right: &[u64; 4]) -> [u64; 4] {
        Self::mul(&Self::mul(left, right), &SIXTEENTH)
    }

    #[inline(always)]
    fn reduce(permit: Permit, wide: [Lanes; 10]) -> [Lanes; 5] {
        let [t0, t1, t2, t3, t4, t5, t6, t7, t8, t9] = wide;
        let multiples = Multiples {
            of_limb_1: permit.splat(1 << 44),
            of_limb_3: permit.splat(1 << 36),
            of_limb_4: permit.splat((1 << 48) - (1 << 16)),
        };
        let [t1, t2, t3, t4, t5] = multiples.step([t0, t1, t2, t3, t4, t5]);
        let [t2, t3, t4, t5, t6] = multiples.step([t1, t2, t3, t4, t5, t6]);
        let [t3, t4, t5, t6, t7] = multiples.step([t2, t3, t4, t5, t6, t7]);
        let [t4, t5, t6, t7, t8] = multiples.step([t3, t4, t5, t6, t7, t8]);
        multiples.step([t4, t5, t6, t7, t8, t9])
    }

    #[inline(always)]
    fn fold(permit: Permit, [t0, t1, t2, t3, t4]: [Lanes; 5]) -> [Lanes; 5] {
        // 2^256 is 2^224 - 2^192 - 2^96 + 1.
        let above = t4.right::<48>();
        let t4 = t4.and(permit.splat((1 << 48) - 1));
        [t0.add(above), t1.sub(above.left::<44>()), t2, t3.sub(above.left::<36>()), t4.add(above.left::<16>())]
    }

    #[inline(always)]
    fn plain_one(permit: Permit) -> Option<[Lanes; 5]> {
        let zero = permit.splat(0);
        Some([permit.splat(1), zero, zero, zero, zero])
    }
}

/// The limbs of p that are neither -1 nor 0, plus one where the limb below is -1.
#[derive(Clone, Copy)]
struct Multiples {
    of_limb_1: Lanes,
    of_limb_3: Lanes,
    of_limb_4: Lanes,
}

impl Multiples {
    /// Adds p times the lower 52 bits of the first limb, which leaves a multiple of 2^52 there; that is carried, and the limb
    /// dropped.
    #[inline(always)]
    fn step(self, [t0, t1, t2, t3, t4, t5]: [Lanes; 6]) -> [Lanes; 5] {
        [
            t1.add(t0.right::<52>()).add_low(t0, self.of_limb_1),
            t2.add_high(t0, self.of_limb_1),
            t3.add_low(t0, self.of_limb_3),
            t4.add_high(t0, self.of_limb_3).add_low(t0, self.of_limb_4),
            t5.add_high(t0, self.of_limb_4),
        ]
    }
}
