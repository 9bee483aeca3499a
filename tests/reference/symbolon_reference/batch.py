"""The coefficients by which many signatures are verified in one equation."""

from .hashing import hash_to_scalar, sha256
from .signature import Signer, signed_message
from .wire import encode_number

COEFFICIENT_SIZE = 16


def batch_coefficients(authority, secret, claims):
    """One coefficient for each (credential, purpose, message, signature), in bytes."""
    transcript = [encode_number(len(claims), 4)]
    for credential, purpose, message, signature in claims:
        bound = signed_message(authority, Signer.credential(credential), purpose, message)
        c = hash_to_scalar(authority.curve, "SIGNATURE", signature.commitment, bound)
        transcript += [signature.data, authority.curve.encode_scalar(c), credential]
    digest = sha256(*transcript)
    return [_coefficient(secret, index, digest) for index in range(len(claims))]


def _coefficient(secret, index, digest):
    drawn = sha256(b"SYMBOLON-V1-BATCH", secret, encode_number(index, 4), digest)[:COEFFICIENT_SIZE]
    return drawn if any(drawn) else encode_number(1, COEFFICIENT_SIZE)
