"""The Schnorr signature of the scheme, and the table of who may sign what."""

from dataclasses import dataclass

from .credential import CARD, PSEUDONYM, TERMINAL, Credential, public_key
from .hashing import hash_to_scalar, sha256
from .wire import BadSignature, Malformed, Reader, encode_name, encode_number

CHALLENGE, TRANSACTION, UPLOAD, BUNDLE, RECEIPT = 1, 2, 3, 4, 5
POSSESSION, SUCCESSOR, REQUEST, ACKNOWLEDGEMENT, VOUCHER = 6, 7, 8, 9, 10

BY_CREDENTIAL, BY_INSTITUTION, BY_POINT, BY_ROTATION = 1, 2, 3, 4

# Classes that may sign a purpose with a credential.
CREDENTIAL_PURPOSES = {
    CHALLENGE: (TERMINAL,),
    TRANSACTION: (CARD, PSEUDONYM),
    UPLOAD: (TERMINAL,),
    RECEIPT: (TERMINAL,),
    REQUEST: (CARD, TERMINAL),
}
# Purposes of the one institution that bears the authority's name; no other institution signs anything yet.
INSTITUTION_PURPOSES = (BUNDLE, ACKNOWLEDGEMENT, VOUCHER)


@dataclass(frozen=True)
class Signer:
    """Who signs: a kind, and its bytes (credential 89, name with its length, U 33, or nothing)."""

    kind: int
    body: bytes

    @classmethod
    def credential(cls, data):
        return cls(BY_CREDENTIAL, bytes(data))

    @classmethod
    def institution(cls, name):
        return cls(BY_INSTITUTION, encode_name(name))

    @classmethod
    def point(cls, data):
        return cls(BY_POINT, bytes(data))

    @classmethod
    def rotation(cls):
        return cls(BY_ROTATION, b"")

    @property
    def encoded(self):
        return bytes([self.kind]) + self.body


def check_pairing(authority, signer, purpose):
    """The table of purposes and signers; every other pairing is refused before any arithmetic."""
    if signer.kind == BY_CREDENTIAL:
        holder_class = Credential.parse(signer.body).identity.holder_class
        allowed = holder_class in CREDENTIAL_PURPOSES.get(purpose, ())
    elif signer.kind == BY_INSTITUTION:
        allowed = purpose in INSTITUTION_PURPOSES and signer.body == encode_name(authority.name)
    elif signer.kind == BY_POINT:
        allowed = purpose == POSSESSION
    else:
        allowed = signer.kind == BY_ROTATION and purpose == SUCCESSOR
    if not allowed:
        raise BadSignature(f"signature: purpose {purpose} is not this signer's")


def signer_public_key(authority, signer):
    """The affine public key of a signer."""
    if signer.kind == BY_CREDENTIAL:
        return public_key(authority, Credential.parse(signer.body))
    if signer.kind == BY_INSTITUTION:
        key = authority.institution_key(signer.body[1:].decode("ascii"))
        if key is None:
            raise BadSignature("signature: an institution's key is the point at infinity")
        return key
    if signer.kind == BY_POINT:
        try:
            return authority.curve.decode(signer.body)
        except Malformed as malformed:
            raise BadSignature(f"signature: U: {malformed}") from malformed
    return authority.rotation


@dataclass(frozen=True)
class Signature:
    """R, still compressed, and z, not yet compared with n: both wait until the suite is known."""

    commitment: bytes
    response: bytes

    @classmethod
    def parse(cls, data):
        reader = Reader("signature", data)
        signature = cls.read(reader)
        reader.end()
        return signature

    @classmethod
    def read(cls, reader):
        return cls(reader.compressed_point("R"), reader.take(32, "z"))

    @property
    def data(self):
        return self.commitment + self.response

    def check_range(self, curve):
        """What only the suite can tell: R on the curve, z below n."""
        curve.decode(self.commitment)
        curve.decode_scalar(self.response)


def signed_message(authority, signer, purpose, message):
    """What is hashed after R: the authority, the signer, the purpose and the message."""
    return authority.id + signer.encoded + bytes([purpose]) + message


def sign(authority, signer, secret, purpose, message, random):
    """The 65 bytes. The same randomness gives the same bytes, which is what vectors need."""
    check_pairing(authority, signer, purpose)
    if len(random) != 32:
        raise ValueError("signing wants 32 random bytes")
    curve = authority.curve
    bound = signed_message(authority, signer, purpose, message)
    r = hash_to_scalar(curve, "NONCE", curve.encode_scalar(secret), random, bound)
    if r == 0:
        raise ValueError("this randomness gives no nonce")
    commitment = curve.encode(curve.multiply_base(r))
    c = hash_to_scalar(curve, "SIGNATURE", commitment, bound)
    return commitment + curve.encode_scalar((r + c * secret) % curve.n)


def verify(authority, signer, purpose, message, signature_data):
    """Returns nothing, or raises Malformed for the bytes alone and BadSignature for all else."""
    signature = Signature.parse(signature_data)
    check_pairing(authority, signer, purpose)
    curve = authority.curve
    try:
        signature.check_range(curve)
    except Malformed as malformed:
        raise BadSignature(f"signature: {malformed}") from malformed
    key = signer_public_key(authority, signer)
    bound = signed_message(authority, signer, purpose, message)
    c = hash_to_scalar(curve, "SIGNATURE", signature.commitment, bound)
    z = int.from_bytes(signature.response, "big")
    commitment = curve.combine_with_base(z, -c, key)
    if commitment is None or curve.encode(commitment) != signature.commitment:
        raise BadSignature("signature: zG - cQ is not R")


def request_message(method, time, request_id, body):
    """The message of purpose 8: a digest over the method, the time, the request and its exact bytes."""
    encoded = method.encode("ascii")
    if not 1 <= len(encoded) <= 255 or len(request_id) != 16:
        raise ValueError("a method of 1 to 255 characters and a request id of 16 bytes")
    return sha256(bytes([len(encoded)]), encoded, encode_number(time, 8), request_id, body)
