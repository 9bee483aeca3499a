//! Decoding public points, several side by side.

use crate::{CompressedPoint, Suite, curve::affine::Point};
use alloc::vec::Vec;

/// Chains side by side.
const LANES: usize = 4;

/// Decodes points; `None` where x is not below the modulus or belongs to no point of the curve.
pub(crate) fn decode_all_vartime<S: Suite>(points: &[&CompressedPoint]) -> Vec<Option<Point<S>>> {
    let mut decoded = Vec::with_capacity(points.len());
    for points in points.chunks(LANES) {
        let mut lanes = [None; LANES];
        lanes.iter_mut().zip(points).for_each(|(lane, point)| *lane = Some(*point));
        decoded.extend(Point::decode_each(lanes).into_iter().take(points.len()));
    }
    decoded
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
