//! The secret side of an authority.

use crate::{
    Authority, AuthorityId, CompressedPoint, Identity, Malformed, Name, SigningKey, Suite, Time,
    authority::{self, AFFINE_POINTS, COLUMNS, INSTITUTIONS, ROWS},
    issuing::random_scalar,
};
use alloc::{boxed::Box, vec::Vec};
use core::fmt;
use elliptic_curve::{CurveGroup, Field, Group, group::GroupEncoding};
use rand_core::CryptoRng;
use zeroize::{Zeroize, Zeroizing};

/// An authority's secrets: the scalars of T, of the matrix and of the institution vector, each its own, and the issuer
/// secret that hedges the nonces of issues. Erased from memory when dropped.
pub struct AuthoritySecret<S: Suite> {
    /// T, then the matrix a column at a time, then the vector; none is zero.
    scalars: Box<[S::Scalar]>,
    issuer_secret: [u8; 32],
}

impl<S: Suite> AuthoritySecret<S> {
    /// Bytes of the stored form.
    pub const SIZE: usize = AFFINE_POINTS * 32 + 32;

    /// Draws every secret.
    pub fn generate(random: &mut (impl CryptoRng + ?Sized)) -> Self {
        let scalars = (0..AFFINE_POINTS)
            .map(|_| {
                loop {
                    let scalar = random_scalar::<S>(random);
                    if !bool::from(scalar.is_zero()) {
                        break scalar;
                    }
                }
            })
            .collect();
        let mut issuer_secret = [0; 32];
        random.fill_bytes(&mut issuer_secret);
        Self { scalars, issuer_secret }
    }

    /// Reads the stored form: the scalars of T, of the matrix a column at a time and of the vector, 32 bytes
    /// big-endian each, then the issuer secret, 32 bytes.
    ///
    /// # Errors
    /// [`Malformed`] at another length, or a scalar that is zero or not below the order.
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, Malformed> {
        const STRUCTURE: &str = "authority secret";
        let (scalars, issuer_secret) = bytes
            .split_last_chunk::<32>()
            .filter(|_| bytes.len() == Self::SIZE)
            .ok_or(Malformed::new(STRUCTURE, "wrong length"))?;
        // Owned by the result from the first scalar on, so that a refusal half-way erases what was read.
        let mut secret = Self {
            scalars: alloc::vec![S::Scalar::ZERO; AFFINE_POINTS].into_boxed_slice(),
            issuer_secret: *issuer_secret,
        };
        let (chunks, _) = scalars.as_chunks::<32>();
        for (place, chunk) in secret.scalars.iter_mut().zip(chunks) {
            *place = S::decode_scalar(chunk)
                .filter(|scalar| !bool::from(scalar.is_zero()))
                .ok_or(Malformed::new(STRUCTURE, "a scalar is zero or not below the order"))?;
        }
        Ok(secret)
    }

    /// The stored form; see [`AuthoritySecret::from_bytes`].
    pub fn to_bytes(&self) -> Zeroizing<Vec<u8>> {
        let mut bytes = Zeroizing::new(Vec::with_capacity(Self::SIZE));
        for scalar in &self.scalars {
            bytes.extend_from_slice(Zeroizing::new(S::encode_scalar(scalar)).as_slice());
        }
        bytes.extend_from_slice(&self.issuer_secret);
        bytes
    }

    /// The authority parameters that belong to these secrets; their SHA-256 is the authority's id.
    pub fn parameters(&self, created: Time, name: &Name) -> Vec<u8> {
        let points: Vec<S::Projective> = self.scalars.iter().map(S::Projective::mul_by_generator).collect();
        let mut affine = alloc::vec![S::Affine::default(); points.len()];
        S::Projective::batch_normalize(&points, &mut affine);

        let mut bytes = Vec::with_capacity(authority::MAXIMUM_PARAMETERS_SIZE);
        bytes.extend_from_slice(b"SYMB");
        bytes.extend_from_slice(&[1, S::ID.to_byte(), ROWS as u8, COLUMNS as u8, INSTITUTIONS as u8]);
        bytes.extend_from_slice(&created.seconds().to_be_bytes());
        for (index, point) in affine.iter().enumerate() {
            let encoded: [u8; CompressedPoint::SIZE] = point.to_bytes().into();
            bytes.extend_from_slice(&encoded);
            if index == 0 {
                bytes.extend_from_slice(name.encoded());
            }
        }
        bytes
    }

    /// The key of an institution.
    ///
    /// 64 of these keys give every other one: an authority derives at most 63 in its life, its own name included, and
    /// counts each durably before the key leaves. The caller keeps that count.
    pub fn institution_key(&self, authority: &Authority<'_, S>, name: &Name) -> SigningKey<S> {
        let secret = Zeroizing::new(
            self.vector()
                .iter()
                .zip(0u8..)
                .map(|(scalar, index)| authority::institution_factor::<S>(authority.id(), name, index) * scalar)
                .sum::<S::Scalar>(),
        );
        SigningKey::institution(*secret, name, authority.id(), authority.name())
    }

    /// The rotation key, which names a successor and nothing else.
    pub fn rotation_key(&self, authority: &Authority<'_, S>) -> SigningKey<S> {
        let secret = Zeroizing::new(self.scalars.first().copied().unwrap_or_default());
        SigningKey::rotation(*secret, authority.id(), authority.name())
    }

    /// `m`, the private twin of `D`. The digits are public; the sum is constant-time.
    pub(crate) fn matrix_secret(&self, id: &AuthorityId, identity: &Identity) -> S::Scalar {
        let matrix = self.scalars.get(1..).unwrap_or_default();
        matrix
            .chunks_exact(ROWS)
            .zip(authority::digits(id, identity))
            .filter_map(|(column, digit)| column.get(usize::from(digit)))
            .sum()
    }

    pub(crate) fn issuer_secret(&self) -> &[u8; 32] {
        &self.issuer_secret
    }

    fn vector(&self) -> &[S::Scalar] {
        self.scalars.get(1 + ROWS * COLUMNS..).unwrap_or_default()
    }
}

impl<S: Suite> Drop for AuthoritySecret<S> {
    fn drop(&mut self) {
        self.scalars.iter_mut().for_each(Zeroize::zeroize);
        self.issuer_secret.zeroize();
    }
}

impl<S: Suite> fmt::Debug for AuthoritySecret<S> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("AuthoritySecret").field("suite", &S::ID).finish_non_exhaustive()
    }
}
