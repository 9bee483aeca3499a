//! Signatures: who signs, for which purpose, and the 65 bytes.

use crate::{Class, CompressedPoint, Credential, Malformed, Name, Suite, hash_to_scalar, wire};
use zerocopy::{Immutable, IntoBytes, KnownLayout, TryFromBytes, Unaligned};

/// The most parts in which a message can be given to signing and verifying.
pub const MAXIMUM_MESSAGE_PARTS: usize = 4;

/// Parts of what a signature hashes: two before the statement, its four, the message's.
const STATEMENT_PARTS: usize = 6 + MAXIMUM_MESSAGE_PARTS;

/// What a signature is for. It is hashed into the signature: none can serve as another.
#[derive(
    Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, TryFromBytes, IntoBytes, KnownLayout, Immutable, Unaligned,
)]
#[repr(u8)]
pub enum Purpose {
    /// A terminal's challenge.
    Challenge = 1,
    /// A holder's consent to a transaction.
    Transaction = 2,
    /// A terminal's upload of records.
    Upload = 3,
    /// The authority's trust bundle.
    Bundle = 4,
    /// A terminal's receipt.
    Receipt = 5,
    /// Possession of the secret behind a point that is to be combined.
    Possession = 6,
    /// The naming of a successor authority.
    Successor = 7,
    /// A holder's request to the service.
    Request = 8,
    /// The authority's acknowledgement of an upload.
    Acknowledgement = 9,
    /// The authority's voucher for meter credit.
    Voucher = 10,
}

impl Purpose {
    /// Every purpose, in the order of their numbers.
    pub const ALL: [Self; 10] = [
        Self::Challenge,
        Self::Transaction,
        Self::Upload,
        Self::Bundle,
        Self::Receipt,
        Self::Possession,
        Self::Successor,
        Self::Request,
        Self::Acknowledgement,
        Self::Voucher,
    ];
}

/// Who signs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Signer<'a> {
    /// The holder of a credential.
    Credential(&'a Credential),
    /// An institution known by its name alone.
    Institution(&'a Name),
    /// Whoever knows the discrete logarithm of a point.
    Point(&'a CompressedPoint),
    /// The authority's rotation key.
    Rotation,
}

impl<'a> Signer<'a> {
    /// Whether this signer may sign for `purpose` under the authority called `authority_name`.
    pub fn may_sign(&self, purpose: Purpose, authority_name: &Name) -> bool {
        match (self, purpose) {
            (Self::Credential(credential), _) => {
                let class = credential.identity().class();
                match purpose {
                    Purpose::Challenge | Purpose::Upload | Purpose::Receipt => class == Class::Terminal,
                    Purpose::Transaction => matches!(class, Class::Card | Class::Pseudonym),
                    Purpose::Request => matches!(class, Class::Card | Class::Terminal),
                    _ => false,
                }
            }
            (Self::Institution(name), Purpose::Bundle | Purpose::Acknowledgement | Purpose::Voucher) => {
                *name == authority_name
            }
            (Self::Point(_), Purpose::Possession) | (Self::Rotation, Purpose::Successor) => true,
            _ => false,
        }
    }

    /// The encoding that is hashed: a tag, then the signer's bytes.
    fn encoding(&self) -> (&'static [u8; 1], &'a [u8]) {
        match self {
            Self::Credential(credential) => (&[1], credential.as_bytes()),
            Self::Institution(name) => (&[2], name.encoded()),
            Self::Point(point) => (&[3], point.as_bytes()),
            Self::Rotation => (&[4], &[]),
        }
    }
}

/// Everything that a signature covers.
pub(crate) struct Statement<'a> {
    authority_id: &'a [u8; 32],
    signer: (&'static [u8; 1], &'a [u8]),
    purpose: [u8; 1],
    message: [&'a [u8]; MAXIMUM_MESSAGE_PARTS],
}

impl<'a> Statement<'a> {
    /// `None` when the message comes in too many parts.
    pub(crate) fn new(
        authority_id: &'a [u8; 32],
        signer: &Signer<'a>,
        purpose: Purpose,
        message: &[&'a [u8]],
    ) -> Option<Self> {
        let mut parts = [[].as_slice(); MAXIMUM_MESSAGE_PARTS];
        parts.get_mut(..message.len())?.copy_from_slice(message);
        Some(Self { authority_id, signer: signer.encoding(), purpose: [purpose as u8], message: parts })
    }

    /// `c = H2S("SIGNATURE", R || authority_id || signer || purpose || message)`.
    pub(crate) fn challenge<S: Suite>(&self, commitment: &CompressedPoint) -> S::Scalar {
        self.hash_after::<S>("SIGNATURE", [commitment.as_bytes(), &[]])
    }

    /// `r = H2S("NONCE", d || random || authority_id || signer || purpose || message)`.
    pub(crate) fn nonce<S: Suite>(&self, secret: &[u8; 32], random: &[u8; 32]) -> S::Scalar {
        self.hash_after::<S>("NONCE", [secret, random])
    }

    /// What is hashed to c, part by part.
    #[cfg(feature = "alloc")]
    pub(crate) fn challenge_parts<'p>(&'p self, commitment: &'p CompressedPoint) -> [&'p [u8]; STATEMENT_PARTS] {
        self.parts_after([commitment.as_bytes(), &[]])
    }

    fn hash_after<S: Suite>(&self, tag: &str, before: [&[u8]; 2]) -> S::Scalar {
        hash_to_scalar::<S>(tag, &self.parts_after(before))
    }

    /// `before || authority_id || signer || purpose || message`: what is signed has one order of its parts.
    fn parts_after<'p>(&'p self, [before, then]: [&'p [u8]; 2]) -> [&'p [u8]; STATEMENT_PARTS] {
        let (signer_tag, signer) = self.signer;
        let [first, second, third, fourth] = self.message;
        [before, then, self.authority_id, signer_tag, signer, &self.purpose, first, second, third, fourth]
    }
}

/// A full Schnorr signature in the family of EC-FSDSA (ISO/IEC 14888-3), key-prefixed: R, then z.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, TryFromBytes, IntoBytes, KnownLayout, Immutable, Unaligned)]
#[repr(C)]
pub struct Signature {
    commitment: CompressedPoint,
    response: [u8; 32],
}

impl Signature {
    /// Bytes of a signature.
    pub const SIZE: usize = 65;

    pub(crate) fn new(commitment: CompressedPoint, response: [u8; 32]) -> Self {
        Self { commitment, response }
    }

    /// Reads exactly 65 bytes in place.
    ///
    /// Whether R is a point and z below the order shows when the signature is verified.
    ///
    /// # Errors
    /// [`Malformed`] at another length, or a prefix of R other than 2 and 3.
    pub fn parse(bytes: &[u8]) -> Result<&Self, Malformed> {
        let prefix = wire::Discrete { offset: 0, legal: &[2, 3], problem: "the prefix of R is not 2 or 3" };
        wire::read_explained("signature", bytes, &[prefix])
    }

    /// R.
    pub fn commitment(&self) -> &CompressedPoint {
        &self.commitment
    }

    /// z, 32 bytes big-endian.
    pub fn response(&self) -> &[u8; 32] {
        &self.response
    }

    /// The 65 bytes.
    pub fn as_bytes(&self) -> &[u8; Self::SIZE] {
        zerocopy::transmute_ref!(self)
    }
}
