//! The field of secp256k1 in five limbs: plain numbers.
//!
//! p = 2^256 - 2^32 - 977: what is above 2^260 comes back below, times 2^36 + 15632.

use super::{
    Limbs,
    lanes::{Lanes, Permit},
};
use crate::{Secp256k1, field::portable::Words};

/// 2^256 modulo p.
const FOLD_256: u64 = 0x1_0000_03d1;
/// 2^260 modulo p.
const FOLD_260: u64 = FOLD_256 << 4;

impl Limbs for Secp256k1 {
    const PACKED_ONE: [u64; 4] = [1, 0, 0, 0];
    const PRODUCTS_ARE_REDUCED: bool = false;

    fn pack(number: &[u64; 4]) -> [u64; 4] {
        *number
    }

    fn unpack(element: &[u64; 4]) -> [u64; 4] {
        *element
    }

    fn invert_packed(element: &[u64; 4]) -> Option<[u64; 4]> {
        Self::invert(element)
    }

    fn mul_packed(left: &[u64; 4], right: &[u64; 4]) -> [u64; 4] {
        Self::mul(left, right)
    }

    #[inline(always)]
    fn reduce(permit: Permit, [t0, t1, t2, t3, t4, t5, t6, t7, t8, t9]: [Lanes; 10]) -> [Lanes; 5] {
        // Multiplication takes the lower 52 bits of a limb, so the upper ones need to be carried, and not taken away.
        let t6 = t6.add(t5.right::<52>());
        let t7 = t7.add(t6.right::<52>());
        let t8 = t8.add(t7.right::<52>());
        let t9 = t9.add(t8.right::<52>());
        let fold = permit.splat(FOLD_260);
        let above = permit.splat(0).add_high(t9, fold);
        [
            t0.add_low(t5, fold).add_low(above, fold),
            t1.add_low(t6, fold).add_high(t5, fold).add_high(above, fold),
            t2.add_low(t7, fold).add_high(t6, fold),
            t3.add_low(t8, fold).add_high(t7, fold),
            t4.add_low(t9, fold).add_high(t8, fold),
        ]
    }

    #[inline(always)]
    fn fold(permit: Permit, [t0, t1, t2, t3, t4]: [Lanes; 5]) -> [Lanes; 5] {
        let above = t4.right::<48>();
        let t4 = t4.and(permit.splat((1 << 48) - 1));
        [t0.add_low(above, permit.splat(FOLD_256)), t1, t2, t3, t4]
    }

    #[inline(always)]
    fn plain_one(_permit: Permit) -> Option<[Lanes; 5]> {
        None
    }
}
