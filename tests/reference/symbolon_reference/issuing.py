"""Issuing in one round trip: offer, possession, credential and contribution, the holder's check, the archive."""

from dataclasses import dataclass

from .credential import IDENTITY_SIZE, PSEUDONYM, Credential, Identity, credential_scalar
from .hashing import hash_to_scalar
from .signature import POSSESSION, Signer, verify
from .wire import BadSignature, Malformed, Reader, encode_number


@dataclass(frozen=True)
class Offer:
    """The identity an authority offers, and a nonce that is good once."""

    identity: Identity
    nonce: bytes

    @classmethod
    def parse(cls, data):
        reader = Reader("offer", data)
        offer = cls(Identity.read(reader), reader.take(32, "nonce"))
        reader.end()
        return offer


def possession_message(identity_data, nonce, period=None):
    """What U signs: the offer, or for a pseudonym, whose subject its holder must not choose, period and challenge."""
    if len(nonce) != 32:
        raise Malformed("offer: the nonce is not 32 bytes")
    if Identity.parse(identity_data).holder_class == PSEUDONYM:
        if period is None:
            raise Malformed("offer: a pseudonym without its period")
        return bytes([PSEUDONYM]) + encode_number(period, 4) + nonce
    if period is not None:
        raise Malformed("offer: only a pseudonym has a period")
    return identity_data + nonce


def verify_possession(authority, identity_data, nonce, period, point_data, possession):
    message = possession_message(identity_data, nonce, period)
    authority.curve.decode(point_data)
    verify(authority, Signer.point(point_data), POSSESSION, message, possession)


def issuing_nonce(authority, issuer_secret, random, identity_data, point_data):
    """k, hedged: a random number generator that repeats itself still gives another k for another U."""
    return hash_to_scalar(
        authority.curve, "ISSUE-NONCE", issuer_secret, random, authority.id, identity_data, point_data
    )


def issue(authority, secret, k, identity_data, point_data):
    """(credential, s), for a U whose possession was verified before."""
    curve = authority.curve
    if k == 0:
        raise ValueError("k is zero")
    reconstruction_point = curve.add(curve.decode(point_data), curve.multiply_base(k))
    if reconstruction_point is None:
        raise ValueError("P is the point at infinity")
    data = identity_data + curve.encode(reconstruction_point)
    e = credential_scalar(authority, data)
    return data, (e * k + secret.matrix_secret(authority.id, identity_data)) % curve.n


def archive_binds(authority, credential, point, s):
    """sG = e*(P - U) + D: only the s that belongs to this credential and this U fits."""
    curve = authority.curve
    e = credential_scalar(authority, credential.data)
    difference = curve.subtract(curve.decode(credential.reconstruction_point), point)
    expected = curve.add(curve.multiply(e, difference), authority.matrix_point(credential.identity_data))
    return curve.multiply_base(s) == expected


def complete(authority, offered_identity, credential_data, u, s):
    """The holder's check, and then its secret key d."""
    credential = Credential.parse(credential_data)
    if credential_data[:IDENTITY_SIZE] != offered_identity:
        raise BadSignature("credential: not the identity that was offered")
    curve = authority.curve
    if not archive_binds(authority, credential, curve.multiply_base(u), s):
        raise BadSignature("credential: s does not fit")
    d = (credential_scalar(authority, credential_data) * u + s) % curve.n
    if d == 0:
        raise BadSignature("credential: d is zero")
    return d
