//! The curves y^2 = x^3 + ax + b of this crate.

use core::fmt::Debug;

/// A curve of prime order over a field of 256 bits. There are two, and nobody else adds one.
pub trait Curve: sealed::Sealed + Copy + Debug + Default + PartialEq + Eq + Send + Sync + 'static {}

/// NIST P-256.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct P256;

/// secp256k1.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Secp256k1;

impl Curve for P256 {}
impl Curve for Secp256k1 {}

pub(crate) mod sealed {
    use elliptic_curve::{
        CurveArithmetic, PrimeField,
        array::Array,
        consts::U32,
        group::GroupEncoding,
        ops::Reduce,
        point::{AffineCoordinates, DecompressPoint},
    };

    /// What the curve's own crate has.
    pub trait Sealed {
        type Stock: CurveArithmetic<
                AffinePoint: AffineCoordinates<FieldRepr = Array<u8, U32>>
                                 + DecompressPoint<Self::Stock>
                                 + GroupEncoding,
                Scalar: Reduce<Array<u8, U32>> + PrimeField<Repr = Array<u8, U32>>,
                FieldBytesSize = U32,
            >;
    }
    impl Sealed for super::P256 {
        type Stock = p256::NistP256;
    }
    impl Sealed for super::Secp256k1 {
        type Stock = k256::Secp256k1;
    }
}
