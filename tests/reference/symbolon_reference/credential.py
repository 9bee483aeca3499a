"""Identity (56 bytes), credential (89 bytes) and the public key that follows from a credential."""

from dataclasses import dataclass

from .hashing import hash_to_scalar, sha256
from .wire import BadSignature, Malformed, Reader, encode_number

IDENTITY_SIZE = 56
CARD, TERMINAL, PSEUDONYM = 1, 2, 3
WATER, POWER, TRANSPORT = 1, 2, 4
ALL_SECTORS = WATER | POWER | TRANSPORT
WIRE_SUITES = (1, 2)


@dataclass(frozen=True)
class Identity:
    """What a holder claims to be; the fields in their order on the wire."""

    suite: int
    holder_class: int
    sectors: int
    authority_prefix: bytes
    subject: bytes
    not_before: int
    not_after: int
    spend_limit: int
    budget: int
    currency: int
    tariff: int

    @classmethod
    def parse(cls, data):
        reader = Reader("identity", data)
        identity = cls.read(reader)
        reader.end()
        return identity

    @classmethod
    def read(cls, reader):
        reader.one_of(1, (1,), "version")
        identity = cls(
            suite=reader.one_of(1, WIRE_SUITES, "suite"),
            holder_class=reader.one_of(1, (CARD, TERMINAL, PSEUDONYM), "class"),
            sectors=reader.one_of(1, range(1, ALL_SECTORS + 1), "sectors"),
            authority_prefix=reader.take(8, "authority"),
            subject=reader.take(16, "subject"),
            not_before=reader.time("not_before"),
            not_after=reader.time("not_after"),
            spend_limit=reader.number(4, "spend_limit"),
            budget=reader.number(4, "budget"),
            currency=reader.number(2, "currency"),
            tariff=reader.number(1, "tariff"),
        )
        reader.zero(1)
        if identity.not_after <= identity.not_before:
            raise reader.malformed("not_after is not greater than not_before")
        if identity.spend_limit > identity.budget:
            raise reader.malformed("spend_limit is above the budget")
        return identity

    def encode(self):
        return b"".join((
            bytes([1, self.suite, self.holder_class, self.sectors]),
            self.authority_prefix,
            self.subject,
            encode_number(self.not_before, 8),
            encode_number(self.not_after, 8),
            encode_number(self.spend_limit, 4),
            encode_number(self.budget, 4),
            encode_number(self.currency, 2),
            bytes([self.tariff, 0]),
        ))


def terminal_subject(operator_name, number):
    """A terminal's subject; the operator's name hashes as its ASCII alone, without a length."""
    return sha256(operator_name.encode("ascii"))[:8] + number


@dataclass(frozen=True)
class Credential:
    """An identity with its reconstruction point, still compressed: the curve is the authority's business."""

    identity: Identity
    reconstruction_point: bytes
    data: bytes

    @classmethod
    def parse(cls, data):
        reader = Reader("credential", data)
        credential = cls.read(reader)
        reader.end()
        return credential

    @classmethod
    def read(cls, reader):
        start = reader.offset
        identity = Identity.read(reader)
        point = reader.compressed_point("P")
        return cls(identity, point, reader.data[start:reader.offset])

    @property
    def identity_data(self):
        return self.data[:IDENTITY_SIZE]

    @property
    def digest(self):
        return sha256(self.data)


def credential_scalar(authority, credential_data):
    """e, which binds P to the identity and both to the whole authority_id."""
    e = hash_to_scalar(authority.curve, "CREDENTIAL", authority.id, credential_data)
    if e == 0:
        raise BadSignature("credential: e is zero")
    return e


def check_belongs(authority, identity):
    """A credential of another suite or authority is refused before any arithmetic."""
    if identity.suite != authority.curve.suite:
        raise BadSignature("credential: of another suite", "wrong_suite")
    if identity.authority_prefix != authority.prefix:
        raise BadSignature("credential: of another authority", "wrong_authority")


def public_key(authority, credential):
    """Q = e*P + D, as an affine point. Nobody is believed for having one."""
    check_belongs(authority, credential.identity)
    curve = authority.curve
    try:
        reconstruction_point = curve.decode(credential.reconstruction_point)
    except Malformed as malformed:
        raise BadSignature(f"credential: P: {malformed}") from malformed
    e = credential_scalar(authority, credential.data)
    matrix_point = authority.matrix_point(credential.identity_data)
    key = curve.add(curve.multiply(e, reconstruction_point), matrix_point)
    if key is None:
        raise BadSignature("credential: Q is the point at infinity")
    return key
