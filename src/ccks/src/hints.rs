//! What makes a signature quicker to verify.

use crate::{BadSignature, Credential, Signature, Suite, curve::affine::Point};
use elliptic_curve::PrimeField as _;
use zerocopy::{FromBytes, Immutable, IntoBytes, KnownLayout, Unaligned};

/// The y-coordinates that spare a verifier two square roots a signature.
///
/// They are covered by nothing: a wrong one makes a verifier decompress the point, and never refuse.
#[derive(Clone, Copy, Debug, PartialEq, Eq, FromBytes, IntoBytes, KnownLayout, Immutable, Unaligned)]
#[repr(C)]
pub struct Hints {
    reconstruction_y: [u8; 32],
    commitment_y: [u8; 32],
}

impl Hints {
    /// Length in bytes.
    pub const SIZE: usize = 64;

    /// Hints of these y-coordinates, each 32 bytes big-endian: of the holder's P and of the signature's R.
    pub const fn new(reconstruction_y: [u8; 32], commitment_y: [u8; 32]) -> Self {
        Self { reconstruction_y, commitment_y }
    }

    /// The hints to a signature by the holder of a credential: two square roots, side by side.
    ///
    /// # Errors
    /// [`BadSignature`] where P or R is no point of the curve, so that no hint is right and the signature is none.
    pub fn of<S: Suite>(credential: &Credential, signature: &Signature) -> Result<Self, BadSignature> {
        let points = [credential.reconstruction_point(), signature.commitment()];
        let [reconstruction, commitment] = Point::<S>::decode_each(points.map(Some));
        let y = |point: Option<Point<S>>| Ok(point.ok_or(BadSignature)?.y.to_repr().into());
        Ok(Self { reconstruction_y: y(reconstruction)?, commitment_y: y(commitment)? })
    }

    /// y of the holder's reconstruction point P.
    pub const fn reconstruction_y(&self) -> &[u8; 32] {
        &self.reconstruction_y
    }

    /// y of the signature's R.
    pub const fn commitment_y(&self) -> &[u8; 32] {
        &self.commitment_y
    }

    /// The 64 bytes.
    pub fn as_bytes(&self) -> &[u8; Self::SIZE] {
        zerocopy::transmute_ref!(self)
    }
}

const _: () = assert!(size_of::<Hints>() == Hints::SIZE);
