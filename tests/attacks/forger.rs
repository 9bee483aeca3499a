//! What every forger has: the equations of the scheme, written out, to be used with any secret and for any signer.
//!
//! Nothing here comes from the signing side under attack, which would refuse half of it.

use elliptic_curve::Group;
use symbolon_ccks::{
    Authority, AuthorityId, CompressedPoint, Credential, Purpose, Signature, Signer, Suite, hash_to_scalar,
};

/// A scalar of the forger's own.
pub(crate) fn scalar<S: Suite>(seed: &str) -> S::Scalar {
    hash_to_scalar::<S>("FORGER", &[seed.as_bytes()])
}

/// `xG`, encoded.
pub(crate) fn times_generator<S: Suite>(scalar: &S::Scalar) -> CompressedPoint {
    S::encode_point(&S::Projective::mul_by_generator(scalar)).unwrap()
}

pub(crate) fn decode<S: Suite>(point: &CompressedPoint) -> S::Projective {
    S::decode_point(point).unwrap().into()
}

/// `e` of a credential.
pub(crate) fn factor<S: Suite>(id: &AuthorityId, credential: &Credential) -> S::Scalar {
    hash_to_scalar::<S>("CREDENTIAL", &[id.as_bytes(), credential.as_bytes()])
}

/// The signer's bytes, as a signature hashes them.
pub(crate) fn signer_bytes(signer: Signer<'_>) -> Vec<u8> {
    match signer {
        Signer::Credential(credential) => [&[1], credential.as_bytes().as_slice()].concat(),
        Signer::Institution(name) => [&[2], name.encoded()].concat(),
        Signer::Point(point) => [&[3], point.as_bytes().as_slice()].concat(),
        Signer::Rotation => vec![4],
    }
}

/// `c` of a signature.
pub(crate) fn challenge<S: Suite>(
    id: &AuthorityId,
    commitment: &CompressedPoint,
    signer: Signer<'_>,
    purpose: Purpose,
    message: &[u8],
) -> S::Scalar {
    let signer = signer_bytes(signer);
    let parts: [&[u8]; 5] = [commitment.as_bytes(), id.as_bytes(), &signer, &[purpose as u8], message];
    hash_to_scalar::<S>("SIGNATURE", &parts)
}

/// R and z put together.
pub(crate) fn signature<S: Suite>(commitment: &CompressedPoint, response: &S::Scalar) -> Signature {
    let bytes = [commitment.as_bytes().as_slice(), &S::encode_scalar(response)].concat();
    *Signature::parse(&bytes).unwrap()
}

/// Signs as `signer` with a secret that the forger hopes is the signer's.
pub(crate) fn sign<S: Suite>(
    id: &AuthorityId,
    signer: Signer<'_>,
    purpose: Purpose,
    message: &[u8],
    secret: &S::Scalar,
) -> Signature {
    let nonce = scalar::<S>("nonce");
    let commitment = times_generator::<S>(&nonce);
    let challenge = challenge::<S>(id, &commitment, signer, purpose, message);
    signature::<S>(&commitment, &(nonce + challenge * secret))
}

/// Whether `zG = R + cQ`: the equation that our verifier checks, but with a public key Q that is given to it. What a
/// scheme that computes Q in a weaker way would accept.
pub(crate) fn holds_under<S: Suite>(
    key: &S::Projective,
    id: &AuthorityId,
    signer: Signer<'_>,
    purpose: Purpose,
    message: &[u8],
    signature: &Signature,
) -> bool {
    let response = S::decode_scalar(signature.response()).unwrap();
    let challenge = challenge::<S>(id, signature.commitment(), signer, purpose, message);
    S::Projective::mul_by_generator(&response) == decode::<S>(signature.commitment()) + *key * challenge
}

/// Whether our verifier takes a transaction that was signed for `credential` with `secret`.
pub(crate) fn opens<S: Suite>(authority: &Authority<'_, S>, credential: &Credential, secret: &S::Scalar) -> bool {
    let signer = Signer::Credential(credential);
    let message = b"a thousand litres of water";
    let purpose = Purpose::Transaction;
    let signature = sign::<S>(authority.id(), signer, purpose, message, secret);
    authority.verify(signer, purpose, &[message], &signature).is_ok()
}
