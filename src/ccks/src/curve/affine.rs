//! Points as pairs of coordinates.

use super::root::Lanes;
use crate::{CompressedPoint, Suite};
use elliptic_curve::{Field, PrimeField as _, array::Array};
use subtle::{Choice, ConditionallySelectable};

/// A point that is not the identity.
///
/// Both coordinates are settled ([`Suite::settle`]): they can be compared and subtracted.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Point<S: Suite> {
    pub(crate) x: S::Field,
    pub(crate) y: S::Field,
}

impl<S: Suite> Point<S> {
    /// Bytes of both coordinates.
    pub(crate) const SIZE: usize = 64;

    /// The coordinates of a point that is not the identity.
    #[cfg(feature = "alloc")]
    pub(crate) fn of(point: &S::Affine) -> Self {
        let [x, y] = S::coordinates(point);
        Self { x, y }
    }

    /// Decodes a point; `None` where x is not below the modulus or belongs to no point of the curve.
    pub(crate) fn decode(point: &CompressedPoint) -> Option<Self> {
        let [decoded] = Self::decode_each([Some(point)]);
        decoded
    }

    /// Decodes points side by side.
    pub(crate) fn decode_each<const N: usize>(points: [Option<&CompressedPoint>; N]) -> [Option<Self>; N] {
        let b = S::curve_b();
        let xs = points.map(|point| point.and_then(|point| element::<S>(point.x())));
        let squares = xs.map(|x| right_side::<S>(&x.unwrap_or(S::Field::ZERO), &b));
        let roots = S::root_candidates(Lanes(squares)).0;
        let mut decoded = [None; N];
        for ((((decoded, point), x), square), root) in decoded.iter_mut().zip(points).zip(xs).zip(squares).zip(roots) {
            let holds = bool::from(S::settle(root.square() - square).is_zero());
            let root = S::settle(root);
            let is_odd = point.is_some_and(CompressedPoint::y_is_odd);
            let y = if bool::from(root.is_odd()) == is_odd { root } else { S::settle(-root) };
            *decoded = x.filter(|_| holds).map(|x| Self { x, y });
        }
        decoded
    }

    /// The point of two coordinates, 32 bytes big-endian each, x first. Nobody checks whether it is on the curve.
    pub(crate) fn from_coordinates_unchecked(bytes: &[u8; 64]) -> Option<Self> {
        let [x, y] = zerocopy::transmute_ref!(bytes);
        Some(Self { x: element::<S>(x)?, y: element::<S>(y)? })
    }

    /// Whether the curve's equation holds.
    pub(crate) fn is_on_curve(&self) -> bool {
        let right = right_side::<S>(&self.x, &S::curve_b());
        S::settle(self.y.square() - right).is_zero().into()
    }

    /// Both coordinates, 32 bytes big-endian each, x first.
    #[cfg(feature = "alloc")]
    pub(crate) fn to_coordinates(self) -> [u8; 64] {
        let halves: [[u8; 32]; 2] = [self.x.to_repr().into(), self.y.to_repr().into()];
        zerocopy::transmute!(halves)
    }

    /// As sums of public points take it.
    #[cfg(feature = "alloc")]
    pub(crate) fn to_public(self) -> symbolon_multiscalar::Affine<S::PublicCurve> {
        let [x, y]: [[u8; 32]; 2] = [self.x.to_repr().into(), self.y.to_repr().into()];
        symbolon_multiscalar::Affine::from_coordinates_unchecked(&x, &y).expect("coordinates are below the modulus")
    }

    /// The point with these coordinates, to go on with in a computation of single points.
    pub(crate) fn to_projective(self) -> Option<S::Projective> {
        S::from_coordinates([self.x, self.y]).map(S::Projective::from)
    }

    /// As it travels.
    pub(crate) fn compressed(&self) -> Option<CompressedPoint> {
        let halves: ([u8; 1], [u8; 32]) = ([2 + self.y.is_odd().unwrap_u8()], self.x.to_repr().into());
        let mut bytes = [0; CompressedPoint::SIZE];
        bytes.iter_mut().zip(halves.0.iter().chain(&halves.1)).for_each(|(to, from)| *to = *from);
        CompressedPoint::parse(&bytes).ok().copied()
    }

    #[cfg(feature = "alloc")]
    pub(crate) fn negated(self) -> Self {
        Self { x: self.x, y: S::settle(-self.y) }
    }

    pub(crate) fn negated_if(self, choice: Choice) -> Self {
        let negated = S::settle(-self.y);
        Self { x: self.x, y: S::Field::conditional_select(&self.y, &negated, choice) }
    }
}

impl<S: Suite> ConditionallySelectable for Point<S> {
    fn conditional_select(a: &Self, b: &Self, choice: Choice) -> Self {
        Self {
            x: S::Field::conditional_select(&a.x, &b.x, choice),
            y: S::Field::conditional_select(&a.y, &b.y, choice),
        }
    }
}

/// A field element of 32 bytes big-endian; `None` when it is not below the modulus.
fn element<S: Suite>(bytes: &[u8; 32]) -> Option<S::Field> {
    S::Field::from_repr(Array(*bytes)).into()
}

/// x^3 + ax + b.
fn right_side<S: Suite>(x: &S::Field, b: &S::Field) -> S::Field {
    S::settle((x.square() + S::curve_a()) * x + b)
}
