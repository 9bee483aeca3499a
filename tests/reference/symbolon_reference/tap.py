"""The messages of a tap and after it: select, terms, challenge, presentation, upload, settlement's answers."""

from dataclasses import dataclass

from .credential import POWER, TRANSPORT, WATER, WIRE_SUITES, Credential
from .hashing import sha256
from .signature import ACKNOWLEDGEMENT, CHALLENGE, RECEIPT, TRANSACTION, UPLOAD, Signature, Signer, verify
from .wire import NotAllowed, Reader, encode_number

PURCHASE, ENTRY, EXIT, CREDIT, REFUND = 1, 2, 3, 4, 5
KINDS = (PURCHASE, ENTRY, EXIT, CREDIT, REFUND)
SPENDING_KINDS = (PURCHASE, ENTRY)
SCREEN_CODE = 1
NO_TERMINAL = bytes(32)

TERMS_SIZE = 50
RECORD_SIZE = 209
UPLOAD_HEADER_SIZE = 129
MOST_RECORDS = 8192


@dataclass(frozen=True)
class Select:
    """A card's first answer: which authority and tariff, and its half of the nonce."""

    suite: int
    tariff: int
    authority_prefix: bytes
    nonce: bytes

    @classmethod
    def parse(cls, data):
        reader = Reader("select", data)
        reader.one_of(1, (1,), "version")
        suite = reader.one_of(1, WIRE_SUITES, "suite")
        tariff = reader.number(1, "tariff")
        reader.zero(1)
        select = cls(suite, tariff, reader.take(8, "authority"), reader.take(8, "nonce"))
        reader.end()
        return select

    def encode(self):
        return bytes([1, self.suite, self.tariff, 0]) + self.authority_prefix + self.nonce


@dataclass(frozen=True)
class Terms:
    """What is agreed on."""

    kind: int
    sector: int
    flags: int
    nonce: bytes
    time: int
    amount: int
    currency: int
    reference: bytes

    @classmethod
    def parse(cls, data):
        reader = Reader("terms", data)
        terms = cls.read(reader)
        reader.end()
        return terms

    @classmethod
    def read(cls, reader):
        reader.one_of(1, (1,), "version")
        terms = cls(
            kind=reader.one_of(1, KINDS, "kind"),
            sector=reader.one_of(1, (WATER, POWER, TRANSPORT), "sector"),
            flags=reader.one_of(1, (0, SCREEN_CODE), "flags"),
            nonce=reader.take(16, "nonce"),
            time=reader.time("time"),
            amount=reader.number(4, "amount"),
            currency=reader.number(2, "currency"),
            reference=reader.take(16, "reference"),
        )
        if terms.kind == PURCHASE and terms.amount == 0:
            raise reader.malformed("a purchase of nothing")
        if terms.kind in (EXIT, CREDIT) and terms.amount != 0:
            raise reader.malformed("an amount in an exit or a credit")
        if terms.flags == SCREEN_CODE and terms.kind not in SPENDING_KINDS:
            raise reader.malformed("a screen code is for kinds 1 and 2 only")
        return terms

    def encode(self):
        return b"".join((
            bytes([1, self.kind, self.sector, self.flags]),
            self.nonce,
            encode_number(self.time, 8),
            encode_number(self.amount, 4),
            encode_number(self.currency, 2),
            self.reference,
        ))


@dataclass(frozen=True)
class Challenge:
    """Terms under a terminal's signature."""

    terms: Terms
    terminal: Credential
    signature: Signature
    data: bytes

    @classmethod
    def parse(cls, data):
        reader = Reader("challenge", data)
        challenge = cls(Terms.read(reader), Credential.read(reader), Signature.read(reader), reader.data)
        reader.end()
        if challenge.terms.flags != 0:
            raise reader.malformed("a tap has no screen code")
        return challenge

    def verify(self, authority):
        verify(authority, Signer.credential(self.terminal.data), CHALLENGE, self.data[:TERMS_SIZE], self.signature.data)

    def check_rules(self):
        """What the holder asks of a challenge beyond its signature."""
        check_terminal_terms(self.terms, self.terminal)


def check_terminal_terms(terms, terminal):
    identity = terminal.identity
    if not terms.sector & identity.sectors:
        raise NotAllowed("terms: the sector is not the terminal's", "wrong_sector")
    if terms.currency != identity.currency:
        raise NotAllowed("terms: the currency is not the terminal's", "wrong_currency")
    if terms.time < identity.not_before:
        raise NotAllowed("terms: before the terminal's validity", "not_yet_valid")
    if terms.time >= identity.not_after:
        raise NotAllowed("terms: after the terminal's validity", "expired")


def transaction_message(terms_data, terminal_digest, counter):
    return terms_data + terminal_digest + encode_number(counter, 4)


@dataclass(frozen=True)
class Presentation:
    """The holder's answer. It means nothing without the terms and the terminal's digest."""

    counter: int
    holder: Credential
    signature: Signature
    data: bytes

    @classmethod
    def parse(cls, data):
        reader = Reader("presentation", data)
        presentation = cls.read(reader)
        reader.end()
        return presentation

    @classmethod
    def read(cls, reader):
        start = reader.offset
        reader.one_of(1, (1,), "version")
        counter = reader.number(4, "counter")
        holder = Credential.read(reader)
        signature = Signature.read(reader)
        return cls(counter, holder, signature, reader.data[start:reader.offset])

    def verify(self, authority, terms_data, terminal_digest):
        message = transaction_message(terms_data, terminal_digest, self.counter)
        verify(authority, Signer.credential(self.holder.data), TRANSACTION, message, self.signature.data)


def check_holder_terms(terms, identity):
    """The rules that bind the holder's credential, in the order in which a terminal asks."""
    if not terms.sector & identity.sectors:
        raise NotAllowed("terms: the sector is not the holder's", "wrong_sector")
    if terms.currency != identity.currency:
        raise NotAllowed("terms: the currency is not the holder's", "wrong_currency")


def check_holder_limits(terms, identity):
    if terms.time < identity.not_before:
        raise NotAllowed("terms: before the holder's validity", "not_yet_valid")
    if terms.time >= identity.not_after:
        raise NotAllowed("terms: after the holder's validity", "expired")
    if terms.kind in SPENDING_KINDS and terms.amount > identity.spend_limit:
        raise NotAllowed("terms: above the spend limit", "over_limit")


@dataclass(frozen=True)
class Record:
    """Terms and presentation as a terminal keeps them."""

    terms: Terms
    presentation: Presentation
    data: bytes

    @classmethod
    def read(cls, reader):
        start = reader.offset
        terms = Terms.read(reader)
        presentation = Presentation.read(reader)
        return cls(terms, presentation, reader.data[start:reader.offset])

    def verify(self, authority, terminal):
        """Signature and rules of a record that `terminal` uploads."""
        if self.terms.flags == SCREEN_CODE:
            if terminal.identity.subject[:8] != self.terms.reference[:8]:
                raise NotAllowed("record: a screen code for another operator")
            digest = NO_TERMINAL
        else:
            digest = terminal.digest
        check_terminal_terms(self.terms, terminal)
        check_holder_terms(self.terms, self.presentation.holder.identity)
        check_holder_limits(self.terms, self.presentation.holder.identity)
        self.presentation.verify(authority, self.data[:TERMS_SIZE], digest)

    def claim(self, terminal_digest):
        """The claim of a record that settles: a screen code's is none."""
        presentation = self.presentation
        message = transaction_message(self.data[:TERMS_SIZE], terminal_digest, presentation.counter)
        return presentation.holder.data, TRANSACTION, message, presentation.signature


@dataclass(frozen=True)
class Upload:
    """A terminal's batch of records."""

    number: int
    terminal: Credential
    records: list
    hints: list
    signature: Signature
    data: bytes

    @classmethod
    def parse(cls, data):
        reader = Reader("upload", data)
        reader.one_of(1, (1,), "version")
        hinted = reader.one_of(1, (0, 1), "hints flag")
        count = reader.one_of(2, range(1, MOST_RECORDS + 1), "count")
        number = reader.number(4, "upload number")
        terminal = Credential.read(reader)
        digest = reader.take(32, "digest of the records")
        signature = Signature.read(reader)
        start = reader.offset
        records = [Record.read(reader) for _ in range(count)]
        if sha256(reader.data[start:reader.offset]) != digest:
            raise reader.malformed("the records have another digest")
        hints = []
        if hinted:
            hints = [(reader.take(32, "y of P"), reader.take(32, "y of R")) for _ in range(count)]
        reader.end()
        return cls(number, terminal, records, hints, signature, reader.data)

    def verify(self, authority):
        header = self.data[:UPLOAD_HEADER_SIZE]
        verify(authority, Signer.credential(self.terminal.data), UPLOAD, header, self.signature.data)

    def verify_records(self, authority):
        for record in self.records:
            record.verify(authority, self.terminal)

    def claims(self):
        """What the holders signed: credential, purpose, message and signature of each record."""
        return [record.claim(self.terminal.digest) for record in self.records]

    def usable_hints(self, curve):
        """How many y-coordinates save a decompression; a bad one costs time and rejects nothing."""
        usable = 0
        for record, pair in zip(self.records, self.hints):
            points = (record.presentation.holder.reconstruction_point, record.presentation.signature.commitment)
            usable += sum(hint_fits(curve, point, hint) for point, hint in zip(points, pair))
        return usable


def hint_fits(curve, compressed, hint):
    x, y = int.from_bytes(compressed[1:], "big"), int.from_bytes(hint, "big")
    return curve.contains((x, y)) and y & 1 == compressed[0] & 1


def upload_header(hinted, number, terminal_data, records):
    """The 129 bytes that a terminal signs for its records (209 bytes each)."""
    start = bytes([1, int(hinted)]) + encode_number(len(records), 2) + encode_number(number, 4)
    return start + terminal_data + sha256(*records)


def parse_acknowledgement(data):
    """Digest of the upload, settled, duplicate, refused, time."""
    reader = Reader("acknowledgement", data)
    digest = reader.take(32, "digest")
    settled, duplicate, refused = (reader.number(2, field) for field in ("settled", "duplicate", "refused"))
    time = reader.time("time")
    reader.end()
    return digest, settled, duplicate, refused, time


def verify_acknowledgement(authority, data, signature_data):
    parse_acknowledgement(data)
    verify(authority, Signer.institution(authority.name), ACKNOWLEDGEMENT, data, signature_data)


def parse_receipt(data):
    """Digest of terms and presentation, result (1 accepted, 2 declined, 3 credited), time."""
    reader = Reader("receipt", data)
    digest = reader.take(32, "digest")
    result = reader.one_of(1, (1, 2, 3), "result")
    time = reader.time("time")
    reader.end()
    return digest, result, time


def verify_receipt(authority, data, terminal_data, signature_data):
    parse_receipt(data)
    verify(authority, Signer.credential(terminal_data), RECEIPT, data, signature_data)
