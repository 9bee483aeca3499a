//! Suites: a curve and a hash under one number. Each is a few lines; everything else is generic over [`Suite`].

#[cfg(feature = "alloc")]
use crate::batch::verify::order::Order;
use crate::{
    CompressedPoint, Malformed,
    curve::{
        affine::Point,
        endomorphism::BETA,
        generator::{p256_multiple, secp256k1_multiple},
        inverse::{p256_inverse, secp256k1_inverse},
        jacobian::{Jacobian, double_p256, double_secp256k1},
        root::{Lanes, p256_root, secp256k1_root},
    },
};
use core::{convert::identity, fmt, str::FromStr};
use elliptic_curve::{
    CurveGroup, Group, PrimeField,
    array::Array,
    consts::{U32, U33, U48},
    group::GroupEncoding,
    hazmat::FieldArithmetic,
    ops::{Invert, Reduce},
    point::AffineCoordinates,
};
use subtle::CtOption;
use zerocopy::{Immutable, IntoBytes, KnownLayout, TryFromBytes, Unaligned};
use zeroize::DefaultIsZeroes;

/// The number of a suite on the wire. `0x03` is kept for SM2 with SM3.
#[derive(
    Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, TryFromBytes, IntoBytes, KnownLayout, Immutable, Unaligned,
)]
#[repr(u8)]
pub enum SuiteId {
    /// NIST P-256 with SHA-256.
    P256Sha256 = 1,
    /// secp256k1 with SHA-256.
    Secp256k1Sha256 = 2,
}

impl SuiteId {
    /// The byte on the wire.
    pub const fn to_byte(self) -> u8 {
        self as u8
    }

    /// The suite of a byte on the wire.
    ///
    /// # Errors
    /// [`Malformed`] for a number that no suite has.
    pub const fn from_byte(byte: u8) -> Result<Self, Malformed> {
        match byte {
            1 => Ok(Self::P256Sha256),
            2 => Ok(Self::Secp256k1Sha256),
            _ => Err(Malformed::new("suite", "not a known suite")),
        }
    }

    /// The name that goes into every domain separation tag.
    pub const fn name(self) -> &'static str {
        match self {
            Self::P256Sha256 => P256::NAME,
            Self::Secp256k1Sha256 => Secp256k1::NAME,
        }
    }
}

impl fmt::Display for SuiteId {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(self.name())
    }
}

/// A text that names no suite.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct UnknownSuite;

impl fmt::Display for UnknownSuite {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("not a suite: give p256 or secp256k1")
    }
}

impl core::error::Error for UnknownSuite {}

impl FromStr for SuiteId {
    type Err = UnknownSuite;

    fn from_str(text: &str) -> Result<Self, UnknownSuite> {
        match text {
            "p256" | P256::NAME => Ok(Self::P256Sha256),
            "secp256k1" | Secp256k1::NAME => Ok(Self::Secp256k1Sha256),
            _ => Err(UnknownSuite),
        }
    }
}

/// A prime-order curve with 32-byte fields, and the hash that goes with it.
pub trait Suite: Copy + fmt::Debug + Default + PartialEq + Eq + Send + Sync + 'static {
    /// Integers modulo the order of the group.
    type Scalar: PrimeField<Repr = Array<u8, U32>> + Reduce<Array<u8, U48>> + DefaultIsZeroes;
    /// A point with its two coordinates.
    type Affine: GroupEncoding<Repr = Array<u8, U33>> + Copy + Default + Eq + fmt::Debug + Send + Sync + 'static;
    /// A point on its way through a computation.
    type Projective: CurveGroup<Affine = Self::Affine> + Group<Scalar = Self::Scalar> + From<Self::Affine>;

    /// What coordinates are: integers modulo the field's modulus.
    type Field: PrimeField<Repr = Array<u8, U32>> + Invert<Output = CtOption<Self::Field>>;

    /// The same curve where sums of public points are made.
    #[cfg(feature = "alloc")]
    type PublicCurve: symbolon_multiscalar::Curve;

    /// The order of the group, where public scalars are reduced by it.
    #[cfg(feature = "alloc")]
    #[doc(hidden)]
    #[allow(private_interfaces, reason = "the trait is implemented here alone")]
    const ORDER: Order;

    /// The number on the wire.
    const ID: SuiteId;
    /// The name that goes into every domain separation tag.
    const NAME: &'static str;

    /// x and y of a point that is not the identity, settled.
    fn coordinates(point: &Self::Affine) -> [Self::Field; 2];

    /// The point of these coordinates; `None` when they are of none.
    fn from_coordinates(coordinates: [Self::Field; 2]) -> Option<Self::Affine>;

    /// The same element in the form in which it may be compared, negated and subtracted.
    fn settle(element: Self::Field) -> Self::Field;

    /// The same element in the form in which it may be negated and subtracted, but not compared.
    #[doc(hidden)]
    fn weakly_settle(element: Self::Field) -> Self::Field;

    /// The difference with an element of at most that magnitude.
    #[doc(hidden)]
    fn minus(element: &Self::Field, other: &Self::Field, magnitude: u32) -> Self::Field;

    /// Doubles a point, and gives what its Z is of what it was.
    #[doc(hidden)]
    #[allow(private_interfaces, reason = "the trait is implemented here alone")]
    fn double(point: &mut Jacobian<Self>) -> Self::Field;

    /// Adds the point (x, y), or its opposite; `None` when the sum is the identity.
    #[doc(hidden)]
    #[allow(private_interfaces, reason = "the trait is implemented here alone")]
    fn add(point: &mut Jacobian<Self>, x: &Self::Field, y: &Self::Field, subtract: bool) -> Option<()>;

    /// Whether an element in any form is zero, in time that depends on it.
    #[doc(hidden)]
    fn is_multiple_of_modulus(element: &Self::Field) -> bool;

    /// The cube root of 1 that an endomorphism of the curve multiplies x by, if it has one.
    #[doc(hidden)]
    fn endomorphism() -> Option<Self::Field>;

    /// 2 `index` + 1 times the generator; `None` beyond the table.
    #[doc(hidden)]
    #[allow(private_interfaces, reason = "the trait is implemented here alone")]
    fn generator_multiple(index: usize) -> Option<Point<Self>>;

    /// The coefficient a of the curve y^2 = x^3 + ax + b.
    fn curve_a() -> Self::Field;

    /// The coefficient b.
    fn curve_b() -> Self::Field;

    /// Of each square its roots' one that a power gives; of what is no square, anything. For public data alone.
    #[doc(hidden)]
    #[allow(private_interfaces, reason = "the trait is implemented here alone")]
    fn root_candidates<const N: usize>(squares: Lanes<Self::Field, N>) -> Lanes<Self::Field, N>;

    /// Of each element its inverse, and zero of zero, in constant time.
    #[doc(hidden)]
    #[allow(private_interfaces, reason = "the trait is implemented here alone")]
    fn inverse_power<const N: usize>(elements: Lanes<Self::Field, N>) -> Lanes<Self::Field, N>;

    /// Decodes a point; `None` when x is not below the field's modulus or belongs to no point of the curve.
    fn decode_point(point: &CompressedPoint) -> Option<Self::Affine> {
        Self::Affine::from_bytes(&Array(*point.as_bytes())).into()
    }

    /// Encodes a point; `None` for the identity, which has no compressed form.
    fn encode_point(point: &Self::Projective) -> Option<CompressedPoint> {
        let bytes: [u8; CompressedPoint::SIZE] = point.to_affine().to_bytes().into();
        CompressedPoint::parse(&bytes).ok().copied()
    }

    /// Decodes a scalar, 32 bytes big-endian; `None` when it is not below the group's order.
    fn decode_scalar(bytes: &[u8; 32]) -> Option<Self::Scalar> {
        Self::Scalar::from_repr(Array(*bytes)).into()
    }

    /// Encodes a scalar, 32 bytes big-endian.
    fn encode_scalar(scalar: &Self::Scalar) -> [u8; 32] {
        scalar.to_repr().into()
    }
}

macro_rules! suite {
    (
        $(#[$documentation:meta])* $suite:ident, $curve:ident :: $parameters:ident, $id:ident, $name:literal,
        order: $order:ident, a: $a:expr, b: $b:expr, settle: $settle:expr, weakly_settle: $weakly_settle:expr, minus: $minus:expr,
        double: $double:ident, is_zero: $is_zero:expr,
        endomorphism: $endomorphism:expr, generator_multiple: $generator_multiple:ident, root: $root:ident, inverse: $inverse:ident
    ) => {
        $(#[$documentation])*
        #[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
        pub struct $suite;

        impl Suite for $suite {
            type Scalar = $curve::Scalar;
            type Affine = $curve::AffinePoint;
            type Projective = $curve::ProjectivePoint;
            type Field = <$curve::$parameters as FieldArithmetic>::FieldElement;

            #[cfg(feature = "alloc")]
            type PublicCurve = symbolon_multiscalar::$suite;

            #[cfg(feature = "alloc")]
            #[allow(private_interfaces, reason = "the trait is implemented here alone")]
            const ORDER: Order = Order::new(&$order);

            const ID: SuiteId = SuiteId::$id;
            const NAME: &'static str = $name;

            fn coordinates(point: &Self::Affine) -> [Self::Field; 2] {
                [AffineCoordinates::x(point), AffineCoordinates::y(point)]
                    .map(|bytes| Self::Field::from_repr(bytes).expect("a coordinate is below the modulus"))
            }

            fn from_coordinates([x, y]: [Self::Field; 2]) -> Option<Self::Affine> {
                Self::Affine::from_coordinates(&x.to_repr(), &y.to_repr()).into()
            }

            fn settle(element: Self::Field) -> Self::Field {
                $settle(element)
            }

            fn weakly_settle(element: Self::Field) -> Self::Field {
                $weakly_settle(element)
            }

            fn minus(element: &Self::Field, other: &Self::Field, magnitude: u32) -> Self::Field {
                $minus(element, other, magnitude)
            }

            #[allow(private_interfaces, reason = "the trait is implemented here alone")]
            fn double(point: &mut Jacobian<Self>) -> Self::Field {
                $double(point)
            }

            #[allow(private_interfaces, reason = "the trait is implemented here alone")]
            fn add(point: &mut Jacobian<Self>, x: &Self::Field, y: &Self::Field, subtract: bool) -> Option<()> {
                point.add_inlined(x, y, subtract)
            }

            fn is_multiple_of_modulus(element: &Self::Field) -> bool {
                $is_zero(element).into()
            }

            fn endomorphism() -> Option<Self::Field> {
                $endomorphism
            }

            #[allow(private_interfaces, reason = "the trait is implemented here alone")]
            fn generator_multiple(index: usize) -> Option<Point<Self>> {
                $generator_multiple(index)
            }

            fn curve_a() -> Self::Field {
                $a
            }

            fn curve_b() -> Self::Field {
                $b
            }

            #[allow(private_interfaces, reason = "the trait is implemented here alone")]
            fn root_candidates<const N: usize>(squares: Lanes<Self::Field, N>) -> Lanes<Self::Field, N> {
                $root(squares)
            }

            #[allow(private_interfaces, reason = "the trait is implemented here alone")]
            fn inverse_power<const N: usize>(elements: Lanes<Self::Field, N>) -> Lanes<Self::Field, N> {
                $inverse(elements)
            }
        }
    };
}

suite!(
    /// NIST P-256 with SHA-256.
    P256, p256::NistP256, P256Sha256, "P256-SHA256",
    order: P256_ORDER, a: P256_A, b: P256_B, settle: identity, weakly_settle: identity, minus: |element: &Self::Field, other: &Self::Field, _| *element - other,
    double: double_p256, is_zero: Self::Field::is_zero,
    endomorphism: None, generator_multiple: p256_multiple, root: p256_root, inverse: p256_inverse
);
suite!(
    /// secp256k1 with SHA-256.
    Secp256k1, k256::Secp256k1, Secp256k1Sha256, "SECP256K1-SHA256",
    order: SECP256K1_ORDER, a: Self::Field::ZERO, b: Self::Field::from(7u64), settle: |element: Self::Field| element.normalize(),
    weakly_settle: |element: Self::Field| element.normalize_weak(),
    minus: |element: &Self::Field, other: &Self::Field, magnitude| *element + other.negate(magnitude),
    double: double_secp256k1, is_zero: Self::Field::normalizes_to_zero,
    endomorphism: Some(constant(BETA)), generator_multiple: secp256k1_multiple, root: secp256k1_root,
    inverse: secp256k1_inverse
);

type P256Element = <P256 as Suite>::Field;

/// The coefficients of P-256 (SEC 2, 2.4.2): a is -3. As constants, since a terminal compares 1,089 points with the equation.
const P256_A: P256Element =
    P256Element::from_hex_vartime("ffffffff00000001000000000000000000000000fffffffffffffffffffffffc");
const P256_B: P256Element =
    P256Element::from_hex_vartime("5ac635d8aa3a93e7b3ebbd55769886bc651d06b0cc53b0f63bce3c3e27d2604b");

/// The order n of P-256's group (SEC 2, 2.4.2).
#[cfg(feature = "alloc")]
const P256_ORDER: [u8; 32] = [
    0xff, 0xff, 0xff, 0xff, 0x00, 0x00, 0x00, 0x00, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, //
    0xbc, 0xe6, 0xfa, 0xad, 0xa7, 0x17, 0x9e, 0x84, 0xf3, 0xb9, 0xca, 0xc2, 0xfc, 0x63, 0x25, 0x51,
];
/// The order n of secp256k1's group (SEC 2, 2.4.1).
#[cfg(feature = "alloc")]
const SECP256K1_ORDER: [u8; 32] = [
    0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xfe, //
    0xba, 0xae, 0xdc, 0xe6, 0xaf, 0x48, 0xa0, 0x3b, 0xbf, 0xd2, 0x5e, 0x8c, 0xd0, 0x36, 0x41, 0x41,
];

/// The element of 32 bytes big-endian that are below the modulus.
pub(crate) fn constant<F: PrimeField<Repr = Array<u8, U32>>>(bytes: [u8; 32]) -> F {
    Option::from(F::from_repr(Array(bytes))).unwrap_or(F::ZERO)
}
