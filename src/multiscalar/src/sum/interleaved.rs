//! Sums of few terms: signed digits with zeros between them (width-w NAF), all in one chain of doublings.

use super::{
    jacobian::{Element, Jacobian},
    number::{Factor, bits},
};
use crate::Curve;
use alloc::vec::Vec;

/// Digits are odd and below 2^(WIDTH - 1), so each point has as many odd multiples as half of that.
const WIDTH: u32 = 5;
const MULTIPLES: usize = 1 << (WIDTH - 2);

/// The sum of the points, each times its factor.
pub(super) fn sum<C: Curve>(points: &[[Element<C>; 2]], factors: &[Factor]) -> Jacobian<C> {
    let multiples = odd_multiples::<C>(points);
    let digits = factors.iter().map(digits).collect::<Vec<_>>();
    let longest = digits.iter().map(Vec::len).max().unwrap_or(0);
    let mut sum = Jacobian::identity();
    for position in (0..longest).rev() {
        sum.double();
        for ((multiples, digits), factor) in multiples.as_chunks::<MULTIPLES>().0.iter().zip(&digits).zip(factors) {
            if let Some(digit) = digits.get(position).filter(|digit| **digit != 0) {
                let index = usize::from(digit.unsigned_abs() >> 1);
                sum.add(multiples[index], (*digit < 0) != factor.is_negative);
            }
        }
    }
    sum
}

/// 1, 3, 5 and so on times each point, with one inversion for all.
fn odd_multiples<C: Curve>(points: &[[Element<C>; 2]]) -> Vec<[Element<C>; 2]> {
    let mut twice = points.iter().map(|point| Jacobian::<C>::of(*point)).collect::<Vec<_>>();
    twice.iter_mut().for_each(Jacobian::double);
    let twice = Jacobian::to_coordinates_each(&twice);
    let mut multiples = Vec::with_capacity(points.len() * MULTIPLES);
    for (point, twice) in points.iter().zip(twice) {
        let mut multiple = Jacobian::<C>::of(*point);
        multiples.push(multiple);
        for _ in 1..MULTIPLES {
            multiple.add(twice, false);
            multiples.push(multiple);
        }
    }
    Jacobian::to_coordinates_each(&multiples)
}

/// Of the magnitude, the least significant first.
fn digits(factor: &Factor) -> Vec<i8> {
    let length = bits(&factor.magnitude) as usize + 1;
    let mut digits = alloc::vec![0; length];
    let (mut position, mut carry) = (0, 0);
    while position < length {
        let bit = factor.slice(position as u32, 1);
        if bit == carry {
            position += 1;
            continue;
        }
        let window = factor.slice(position as u32, WIDTH) + carry;
        let is_high = window >> (WIDTH - 1) == 1;
        digits[position] = if is_high { window as i8 - (1 << WIDTH) } else { window as i8 };
        carry = u32::from(is_high);
        position += WIDTH as usize;
    }
    digits
}
