"""Pseudonyms: what is published, asked for, sealed and answered."""

from dataclasses import dataclass

from .credential import ALL_SECTORS, IDENTITY_SIZE, PSEUDONYM, WIRE_SUITES, Credential, Identity
from .hashing import sha256
from .issuing import archive_binds
from .linkage import AUTHORITIES, DAY, LAST_PERIOD, period_times
from .sealing import NONCE_SIZE, Gcm, Unopened, hmac_sha256, hpke_open, hpke_seal
from .signature import Signature
from .wire import BadSignature, Malformed, NotAllowed, Reader, Refused, encode_number

CONTENT_SIZE = 154
SEALED_ITEM_SIZE = 32 + CONTENT_SIZE + 16
SEALED_ANSWER_SIZE = 89 + 32 + 16
PAIRWISE_SIZE = NONCE_SIZE + 16 + 16
NAMED = 0xFFFFFFFF


# ---- what is published -------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Profile:
    """What all pseudonyms of one shape have in common."""

    number: int
    sectors: int
    tariff: int
    spend_limit: int
    budget: int
    currency: int

    @classmethod
    def read(cls, reader):
        number = reader.number(1, "number")
        sectors = reader.one_of(1, range(1, ALL_SECTORS + 1), "sectors")
        tariff = reader.number(1, "tariff")
        reader.zero(1)
        spend_limit, budget = (reader.number(4, field) for field in ("spend_limit", "budget"))
        currency = reader.number(2, "currency")
        reader.zero(2)
        if spend_limit > budget:
            raise reader.malformed("spend_limit is above the budget")
        return cls(number, sectors, tariff, spend_limit, budget, currency)

    @classmethod
    def parse(cls, data):
        reader = Reader("profile", data)
        profile = cls.read(reader)
        reader.end()
        return profile

    def encode(self):
        start = bytes([self.number, self.sectors, self.tariff, 0])
        limits = encode_number(self.spend_limit, 4) + encode_number(self.budget, 4)
        return start + limits + encode_number(self.currency, 2) + bytes(2)

    def identity(self, authority, subject, period, boundary):
        start, _, expiry = period_times(period, boundary)
        return Identity(
            authority.curve.suite, PSEUDONYM, self.sectors, authority.prefix, subject, start, expiry,
            self.spend_limit, self.budget, self.currency, self.tariff,
        )


@dataclass(frozen=True)
class Issuance:
    """The parameters that everyone has alike."""

    boundary: int
    per_period: int
    issuer_key: bytes
    profiles: list

    @classmethod
    def parse(cls, data):
        reader = Reader("issuance", data)
        reader.one_of(1, (1,), "version")
        count = reader.one_of(1, range(1, 65), "profiles")
        per_period = reader.one_of(2, range(1, 1 << 16), "per period")
        boundary = reader.one_of(4, range(DAY), "period boundary")
        issuer_key = reader.take(32, "the issuer's key")
        profiles = [Profile.read(reader) for _ in range(count)]
        reader.end()
        if any(left.number >= right.number for left, right in zip(profiles, profiles[1:])):
            raise reader.malformed("the profiles' numbers do not ascend")
        return cls(boundary, per_period, issuer_key, profiles)

    def encode(self):
        start = bytes([1, len(self.profiles)]) + encode_number(self.per_period, 2) + encode_number(self.boundary, 4)
        return start + self.issuer_key + b"".join(profile.encode() for profile in self.profiles)


# ---- asking ------------------------------------------------------------------------------------------------------------


def item_challenge(challenge, j):
    return sha256(challenge, encode_number(j, 4))


def commitment_to(point_data, salt):
    return sha256(point_data, salt)


def read_period(reader):
    period = reader.number(4, "period")
    if period > LAST_PERIOD:
        raise reader.malformed("period is beyond the last")
    return period


@dataclass(frozen=True)
class Content:
    """What the wallet tells the issuer alone."""

    suite: int
    period: int
    point: bytes
    possession: bytes
    salt: bytes
    response_key: bytes

    @classmethod
    def parse(cls, data):
        reader = Reader("pseudonym item", data)
        reader.one_of(1, (1,), "version")
        suite = reader.one_of(1, WIRE_SUITES, "suite")
        reader.zero(2)
        period = read_period(reader)
        point = reader.compressed_point("U")
        possession = Signature.read(reader).data
        content = cls(suite, period, point, possession, reader.take(32, "salt"), reader.take(16, "response key"))
        reader.end()
        return content

    def encode(self):
        start = bytes([1, self.suite, 0, 0]) + encode_number(self.period, 4)
        return start + self.point + self.possession + self.salt + self.response_key


def item_info(authority):
    return b"SYMBOLON-V1-PSEUDONYM-ITEM" + authority.id


def seal_item(authority, challenge, issuer_key, content, ephemeral_material):
    associated = challenge + commitment_to(content.point, content.salt)
    return hpke_seal(issuer_key, item_info(authority), associated, content.encode(), ephemeral_material)


def open_item(authority, challenge, commitment, issuer_secret, sealed):
    """A content that is not well formed is told as one that does not open."""
    if len(sealed) != SEALED_ITEM_SIZE:
        raise Malformed("sealed item: wrong length")
    plain = hpke_open(issuer_secret, item_info(authority), challenge + commitment, sealed)
    try:
        return Content.parse(plain)
    except Malformed as malformed:
        raise Unopened(str(malformed)) from malformed


def read_request(data):
    """(period, challenge, [(commitment, sealed item)])."""
    reader = Reader("pseudonym request", data)
    reader.one_of(1, (1,), "version")
    reader.zero(1)
    count = reader.one_of(2, range(1, 257), "items")
    period = read_period(reader)
    challenge = reader.take(32, "challenge")
    items = [(reader.take(32, "commitment"), reader.take(SEALED_ITEM_SIZE, "sealed item")) for _ in range(count)]
    reader.end()
    if len({commitment for commitment, _ in items}) != count:
        raise reader.malformed("a commitment occurs twice")
    return period, challenge, items


def encode_request(period, challenge, items):
    start = bytes([1, 0]) + encode_number(len(items), 2) + encode_number(period, 4) + challenge
    return start + b"".join(commitment + sealed for commitment, sealed in items)


# ---- between roles -----------------------------------------------------------------------------------------------------


def value_binding(authority_byte, period, commitment):
    if authority_byte not in AUTHORITIES:
        raise ValueError("no linkage authority")
    return b"SYMBOLON-V1-LINKAGE-SEALED" + bytes([authority_byte]) + encode_number(period, 4) + commitment


def tag_binding(period):
    """`period` is None for a card under its own number."""
    return b"SYMBOLON-V1-CLEARING-TAG" + encode_number(NAMED if period is None else period, 4)


def cipher_key(key, binding):
    return hmac_sha256(key, binding)


def seal_pairwise(key, binding, nonce, plaintext):
    return nonce + Gcm(cipher_key(key, binding)).seal(nonce, plaintext, binding)


def open_pairwise(structure, key, binding, sealed):
    if len(sealed) != PAIRWISE_SIZE:
        raise Malformed(f"{structure}: wrong length")
    return Gcm(cipher_key(key, binding)).open(sealed[:NONCE_SIZE], sealed[NONCE_SIZE:], binding)


# ---- answering ---------------------------------------------------------------------------------------------------------


def answer_binding(commitment):
    return b"SYMBOLON-V1-PSEUDONYM-ANSWER" + commitment


def seal_answer(response_key, commitment, credential_data, s_data):
    nonce = commitment[:NONCE_SIZE]
    return Gcm(response_key).seal(nonce, credential_data + s_data, answer_binding(commitment))


def open_answer(response_key, commitment, sealed):
    """(credential, s), as bytes."""
    if len(sealed) != SEALED_ANSWER_SIZE:
        raise Malformed("sealed answer: wrong length")
    plain = Gcm(response_key).open(commitment[:NONCE_SIZE], sealed, answer_binding(commitment))
    return plain[:89], plain[89:]


class OtherIdentity(NotAllowed):
    reason = "other_identity"


class UnknownProfile(NotAllowed):
    reason = "unknown_profile"


class WrongContribution(BadSignature):
    reason = "wrong_contribution"


def check_answer(authority, issuance, profile_number, period, u, credential_data, s_data):
    """The wallet's check of what it opened."""
    profile = next((profile for profile in issuance.profiles if profile.number == profile_number), None)
    if profile is None:
        raise UnknownProfile("the profile is not published")
    credential = Credential.parse(credential_data)
    expected = profile.identity(authority, credential.identity.subject, period, issuance.boundary)
    if credential_data[:IDENTITY_SIZE] != expected.encode():
        raise OtherIdentity("not what every pseudonym of this profile and period says")
    curve = authority.curve
    try:
        holds = archive_binds(authority, credential, curve.multiply_base(u), curve.decode_scalar(s_data))
    except Refused:
        holds = False
    if not holds:
        raise WrongContribution("s does not fit")
