//! Between eight elements of four words in memory and five limbs of 52 bits in lanes.
//!
//! Eight elements are a table of eight rows and four columns, which is turned over; loads of whole rows and shuffles of
//! what they load take less time than the processor's instruction that gathers words.

use super::{
    lanes::{Lanes, Permit},
    limbs::LIMB,
};

/// The limbs of eight elements.
#[inline(always)]
pub(super) fn limbs(permit: Permit, rows: [&[u64; 4]; 8]) -> [Lanes; 5] {
    let [r0, r1, r2, r3, r4, r5, r6, r7] = rows;
    // Pairs of rows such that what follows leaves them in order.
    let (a, b) = (permit.halves(r0, r2), permit.halves(r1, r3));
    let (c, d) = (permit.halves(r4, r6), permit.halves(r5, r7));
    let (even, odd) = (a.firsts(b), a.seconds(b));
    let (even_after, odd_after) = (c.firsts(d), c.seconds(d));
    let w0 = even.pairs::<0b10_00_10_00>(even_after);
    let w1 = odd.pairs::<0b10_00_10_00>(odd_after);
    let w2 = even.pairs::<0b11_01_11_01>(even_after);
    let w3 = odd.pairs::<0b11_01_11_01>(odd_after);
    let limb = permit.splat(LIMB);
    [
        w0.and(limb),
        w0.right::<52>().or(w1.left::<12>()).and(limb),
        w1.right::<40>().or(w2.left::<24>()).and(limb),
        w2.right::<28>().or(w3.left::<36>()).and(limb),
        w3.right::<16>(),
    ]
}

/// The elements of the limbs of eight, each below 2^256 and each limb below 2^52.
#[inline(always)]
pub(super) fn rows(permit: Permit, [l0, l1, l2, l3, l4]: [Lanes; 5]) -> [[u64; 4]; 8] {
    let w0 = l0.or(l1.left::<52>());
    let w1 = l1.right::<12>().or(l2.left::<40>());
    let w2 = l2.right::<24>().or(l3.left::<28>());
    let w3 = l3.right::<36>().or(l4.left::<16>());
    let (even, even_after) = (w0.firsts(w1), w2.firsts(w3));
    let (odd, odd_after) = (w0.seconds(w1), w2.seconds(w3));
    let (before, after) = (permit.lanes(&[0, 1, 8, 9, 2, 3, 10, 11]), permit.lanes(&[4, 5, 12, 13, 6, 7, 14, 15]));
    let [r0, r2] = even.numbers(even_after, before).to_halves();
    let [r4, r6] = even.numbers(even_after, after).to_halves();
    let [r1, r3] = odd.numbers(odd_after, before).to_halves();
    let [r5, r7] = odd.numbers(odd_after, after).to_halves();
    [r0, r1, r2, r3, r4, r5, r6, r7]
}
