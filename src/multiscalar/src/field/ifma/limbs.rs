//! Numbers of five limbs of 52 bits, eight side by side, whatever the modulus.

use super::lanes::{Lanes, Permit};

/// The lowest 52 bits.
pub(super) const LIMB: u64 = (1 << 52) - 1;

/// The limbs of the modulus times 1 to 8.
#[inline(always)]
pub(super) const fn multiple(modulus: [u64; 4], factor: u64) -> [u64; 5] {
    let [w0, w1, w2, w3] = modulus;
    let once =
        [w0 & LIMB, (w0 >> 52 | w1 << 12) & LIMB, (w1 >> 40 | w2 << 24) & LIMB, (w2 >> 28 | w3 << 36) & LIMB, w3 >> 16];
    let mut limbs = [0; 5];
    let mut carry = 0;
    let mut limb = 0;
    while limb < 5 {
        // Below 2^55, and the carries below 2^3.
        carry += factor * once[limb];
        limbs[limb] = carry & LIMB;
        carry >>= 52;
        limb += 1;
    }
    limbs
}

/// Eight times the modulus in limbs from which three of 52 bits can be subtracted without any getting below zero: each has
/// lent 2^54 to the one below it, but the last, which has four bits more than the others' highest could need.
#[inline(always)]
pub(super) const fn surplus(modulus: [u64; 4]) -> [u64; 5] {
    let [l0, l1, l2, l3, l4] = multiple(modulus, 8);
    [l0 + (1 << 54), l1 + (1 << 54) - 4, l2 + (1 << 54) - 4, l3 + (1 << 54) - 4, l4 - 4]
}

/// Carries, in signed columns below 2^63 of a number that is not negative and below 2^260.
#[inline(always)]
pub(super) fn carried(permit: Permit, [t0, t1, t2, t3, t4]: [Lanes; 5]) -> [Lanes; 5] {
    let limb = permit.splat(LIMB);
    let t1 = t1.add(t0.right_signed::<52>());
    let t2 = t2.add(t1.right_signed::<52>());
    let t3 = t3.add(t2.right_signed::<52>());
    let t4 = t4.add(t3.right_signed::<52>());
    [t0.and(limb), t1.and(limb), t2.and(limb), t3.and(limb), t4]
}

/// All ten columns of the products, lane by lane.
#[inline(always)]
pub(super) fn product(permit: Permit, a: [Lanes; 5], b: [Lanes; 5]) -> [Lanes; 10] {
    let mut columns = [permit.splat(0); 10];
    for row in 0..5 {
        for column in 0..5 {
            columns[row + column] = columns[row + column].add_low(a[row], b[column]);
            columns[row + column + 1] = columns[row + column + 1].add_high(a[row], b[column]);
        }
    }
    columns
}

/// All ten columns of the squares, lane by lane: each of the mixed products once, twice them, and the squares.
#[inline(always)]
pub(super) fn square(permit: Permit, a: [Lanes; 5]) -> [Lanes; 10] {
    let mut columns = [permit.splat(0); 10];
    for row in 0..4 {
        for column in row + 1..5 {
            columns[row + column] = columns[row + column].add_low(a[row], a[column]);
            columns[row + column + 1] = columns[row + column + 1].add_high(a[row], a[column]);
        }
    }
    for column in &mut columns[1..9] {
        *column = column.add(*column);
    }
    for row in 0..5 {
        columns[2 * row] = columns[2 * row].add_low(a[row], a[row]);
        columns[2 * row + 1] = columns[2 * row + 1].add_high(a[row], a[row]);
    }
    columns
}

/// Which lanes are zero.
#[inline(always)]
pub(super) fn zero_lanes([l0, l1, l2, l3, l4]: [Lanes; 5]) -> u8 {
    let any = l0.or(l1).or(l2).or(l3).or(l4);
    !any.tests(any)
}
