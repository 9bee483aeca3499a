"""Trust over time: the bundle that a terminal lives by, and the statement that names a successor."""

from dataclasses import dataclass

from .credential import ALL_SECTORS, WIRE_SUITES
from .hashing import sha256
from .linkage import check_revoked_seeds
from .sections import Filter, entries_of, read_fares, read_limit, read_rules, read_tariffs
from .signature import BUNDLE, SUCCESSOR, Signature, Signer, verify
from .wire import BadSignature, Reader, encode_number

BUNDLE_HEADER_SIZE = 108
SUCCESSOR_MESSAGE_SIZE = 88
REVOKED_SUBJECTS, LIMITS, REVOKED_SEEDS, ISSUANCE, RULES, TARIFFS, FARES, FILTER = range(1, 9)
FOR_TERMINALS = {RULES: read_rules, TARIFFS: read_tariffs, FARES: read_fares, FILTER: Filter}
KNOWN_SECTIONS = (REVOKED_SUBJECTS, LIMITS, REVOKED_SEEDS, *FOR_TERMINALS)


@dataclass(frozen=True)
class Bundle:
    """One part of a bundle: its header, and its body's sections as (type, critical, bytes)."""

    suite: int
    sectors: int
    authority_id: bytes
    sequence: int
    issued_at: int
    valid_until: int
    oldest_not_before: int
    part: int
    parts: int
    signature: Signature
    sections: list
    data: bytes

    @classmethod
    def parse(cls, data):
        reader = Reader("bundle", data)
        reader.one_of(1, (1,), "version")
        suite = reader.one_of(1, WIRE_SUITES, "suite")
        reader.zero(1)
        sectors = reader.one_of(1, range(1, ALL_SECTORS + 1), "sectors")
        authority_id = reader.take(32, "authority_id")
        sequence = reader.number(8, "sequence")
        times = [reader.time(field) for field in ("issued_at", "valid_until", "oldest_not_before")]
        body_size = reader.number(4, "body length")
        part = reader.number(2, "part")
        parts = reader.number(2, "parts")
        digest = reader.take(32, "digest of the body")
        signature = Signature.read(reader)
        body = reader.take(body_size, "body")
        reader.end()
        if part >= parts:
            raise reader.malformed(f"part {part} of {parts}")
        if times[1] < times[0]:
            raise reader.malformed("valid until before it was issued")
        if sha256(body) != digest:
            raise reader.malformed("the body has another digest")
        sections = read_sections(body)
        return cls(
            suite, sectors, authority_id, sequence, *times, part, parts, signature, sections, reader.data
        )

    def verify(self, authority):
        if self.suite != authority.curve.suite or self.authority_id != authority.id:
            raise BadSignature("bundle: of another authority", "wrong_authority")
        header = self.data[:BUNDLE_HEADER_SIZE]
        verify(authority, Signer.institution(authority.name), BUNDLE, header, self.signature.data)


def read_sections(body):
    """A section that is critical and unknown refuses the bundle; any other unknown one is passed over."""
    reader = Reader("bundle's body", body)
    sections = []
    while reader.offset < len(reader.data):
        kind = reader.number(1, "section type")
        critical = reader.one_of(1, (0, 1), "critical")
        reader.zero(2)
        content = reader.take(reader.number(4, "section length"), "section")
        if critical and kind not in KNOWN_SECTIONS:
            raise reader.malformed(f"critical section {kind} is unknown")
        if kind == REVOKED_SUBJECTS:
            check_subjects(reader, content)
        if kind == LIMITS and content:
            entries_of("limits", content, 8, 4, read_limit)
        if kind in FOR_TERMINALS:
            if not critical:
                raise reader.malformed(f"section {kind} is not critical")
            FOR_TERMINALS[kind](content)
        if kind == REVOKED_SEEDS:
            if not critical:
                raise reader.malformed("revoked seeds are not critical")
            check_revoked_seeds(reader, content)
        if kind == ISSUANCE and not content:
            raise reader.malformed("issuance parameters are empty")
        if sections and sections[-1][0] >= kind:
            raise reader.malformed("the sections' types do not ascend")
        sections.append((kind, critical, content))
    return sections


def check_subjects(reader, content):
    subjects = [content[start:start + 16] for start in range(0, len(content), 16)]
    if len(content) % 16:
        raise reader.malformed("revoked subjects do not fill their section")
    if any(left >= right for left, right in zip(subjects, subjects[1:])):
        raise reader.malformed("revoked subjects are not sorted")


def bundle_header(authority, sectors, sequence, issued_at, valid_until, oldest_not_before, part, parts, body):
    """The 108 bytes that the authority's own institution key signs."""
    start = bytes([1, authority.curve.suite, 0, sectors]) + authority.id
    times = (sequence, issued_at, valid_until, oldest_not_before)
    middle = b"".join(encode_number(number, 8) for number in times) + encode_number(len(body), 4)
    return start + middle + encode_number(part, 2) + encode_number(parts, 2) + sha256(body)


@dataclass(frozen=True)
class Successor:
    """An authority names the next one, with the key that it keeps offline for this alone."""

    suite: int
    authority_id: bytes
    next_authority_id: bytes
    next_from: int
    this_until: int
    signature: Signature
    data: bytes

    @classmethod
    def parse(cls, data):
        reader = Reader("successor", data)
        reader.one_of(1, (1,), "version")
        suite = reader.one_of(1, WIRE_SUITES, "suite")
        reader.zero(6)
        successor = cls(
            suite,
            reader.take(32, "authority_id"),
            reader.take(32, "next authority_id"),
            reader.time("next_from"),
            reader.time("this_until"),
            Signature.read(reader),
            reader.data,
        )
        reader.end()
        return successor

    def verify(self, authority):
        if self.authority_id != authority.id:
            raise BadSignature("successor: of another authority", "wrong_authority")
        verify(authority, Signer.rotation(), SUCCESSOR, self.data[:SUCCESSOR_MESSAGE_SIZE], self.signature.data)


def successor_message(next_suite, authority_id, next_authority_id, next_from, this_until):
    times = encode_number(next_from, 8) + encode_number(this_until, 8)
    return bytes([1, next_suite]) + bytes(6) + authority_id + next_authority_id + times
