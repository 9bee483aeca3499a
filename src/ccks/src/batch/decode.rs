//! Decoding public points, several side by side.
//!
//! A square root is one long chain of squarings, each waiting for the one before; chains of several points, a step of
//! each in turn, wait for nothing.

use super::affine::Point;
use crate::{CompressedPoint, Suite};
use alloc::vec::Vec;
use elliptic_curve::{CurveGroup as _, Field, Group as _, PrimeField as _, array::Array};

/// Chains side by side.
const LANES: usize = 4;

/// As many field elements as go side by side.
#[derive(Clone, Copy)]
pub(crate) struct Lanes<F>([F; LANES]);

impl<F: Field> Lanes<F> {
    /// Each squared so many times.
    pub(crate) fn squared(mut self, times: usize) -> Self {
        for _ in 0..times {
            self.0.iter_mut().for_each(|element| *element = element.square());
        }
        self
    }

    /// Each times the other's.
    pub(crate) fn times(mut self, other: &Self) -> Self {
        self.0.iter_mut().zip(&other.0).for_each(|(element, other)| *element *= other);
        self
    }

    /// Given an element to the power 2^k - 1, and in `other` to the power 2^`more` - 1: to the power 2^(k + `more`) - 1.
    pub(crate) fn appended(self, more: usize, other: &Self) -> Self {
        self.squared(more).times(other)
    }
}

/// Decodes points; `None` where x is not below the modulus or belongs to no point of the curve.
pub(crate) fn decode_all_vartime<S: Suite>(points: &[&CompressedPoint]) -> Vec<Option<Point<S>>> {
    let Point { x, y } = Point::<S>::of(&S::Projective::generator().to_affine());
    let b = S::settle(y.square() - right_side::<S>(&x, &S::Field::ZERO));
    let mut decoded = Vec::with_capacity(points.len());
    for points in points.chunks(LANES) {
        let xs = points.iter().map(|point| Option::<S::Field>::from(S::Field::from_repr(Array(*point.x()))));
        let mut lanes = [None; LANES];
        lanes.iter_mut().zip(xs).for_each(|(lane, x)| *lane = x);
        let squares = lanes.map(|x| right_side::<S>(&x.unwrap_or(S::Field::ZERO), &b));
        let roots = S::root_candidates(Lanes(squares)).0;
        for (((point, x), square), root) in points.iter().zip(lanes).zip(squares).zip(roots) {
            let holds = bool::from(S::settle(root.square() - square).is_zero());
            let root = S::settle(root);
            let y = if bool::from(root.is_odd()) == point.y_is_odd() { root } else { S::settle(-root) };
            decoded.push(x.filter(|_| holds).map(|x| Point { x, y }));
        }
    }
    decoded
}

/// x^3 + ax + b.
fn right_side<S: Suite>(x: &S::Field, b: &S::Field) -> S::Field {
    S::settle((x.square() + S::curve_a()) * x + b)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{P256, Secp256k1};
    use rand_chacha::{
        ChaCha20Rng,
        rand_core::{Rng as _, SeedableRng as _},
    };

    /// Half of all x are of points; and some are not below the modulus.
    fn agrees_with_the_library<S: Suite>() {
        let mut random = ChaCha20Rng::seed_from_u64(3);
        let encodings = (0..203).map(|index: u8| {
            let mut bytes = [0; CompressedPoint::SIZE];
            random.fill_bytes(&mut bytes[1..]);
            bytes[0] = 2 + (index & 1);
            match index {
                0 => bytes[1..].fill(0xff),
                1 => bytes[1..].fill(0),
                _ => {}
            }
            bytes
        });
        let encodings = encodings.collect::<Vec<_>>();
        let points = encodings.iter().map(|bytes| CompressedPoint::parse(bytes).unwrap()).collect::<Vec<_>>();
        for count in [0, 1, 4, 5, points.len()] {
            let decoded = decode_all_vartime::<S>(&points[..count]);
            assert_eq!(decoded.len(), count);
            for (point, decoded) in points.iter().zip(decoded) {
                let expected = S::decode_point(point);
                assert_eq!(decoded.and_then(|point| S::from_coordinates([point.x, point.y])), expected, "{point:?}");
                assert_eq!(decoded.and_then(|decoded| decoded.compressed()), expected.map(|_| **point));
            }
        }
        let on_curve = decode_all_vartime::<S>(&points).iter().flatten().count();
        assert!((60..140).contains(&on_curve), "{on_curve}");
    }

    #[test]
    fn p256_agrees_with_the_library() {
        agrees_with_the_library::<P256>();
    }

    #[test]
    fn secp256k1_agrees_with_the_library() {
        agrees_with_the_library::<Secp256k1>();
    }
}
