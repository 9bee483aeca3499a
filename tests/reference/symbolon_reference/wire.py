"""Reading fixed-width fields, and the three ways in which a byte string is refused."""

TIME_LIMIT = 1 << 40
STEPS = ("parse", "verify", "policy")


class Refused(Exception):
    """A byte string is refused; `step` says how far it came, `reason` is a stable word."""

    step = "parse"
    reason = "malformed"

    def __init__(self, problem, reason=None):
        super().__init__(problem)
        if reason is not None:
            self.reason = reason


class Malformed(Refused):
    """The bytes alone are wrong."""


class BadSignature(Refused):
    """A signature, or the public key it needs, is wrong."""

    step = "verify"
    reason = "bad_signature"


class NotAllowed(Refused):
    """Bytes and signatures are right, and the rules say no."""

    step = "policy"
    reason = "malformed"


class Reader:
    """Takes a byte string apart from left to right; whatever is missing or left over is refused."""

    def __init__(self, structure, data):
        self.structure = structure
        self.data = bytes(data)
        self.offset = 0

    def malformed(self, problem):
        return Malformed(f"{self.structure}: {problem}")

    def take(self, size, field):
        end = self.offset + size
        if end > len(self.data):
            raise self.malformed(f"{field} is cut off")
        taken = self.data[self.offset:end]
        self.offset = end
        return taken

    def number(self, size, field):
        return int.from_bytes(self.take(size, field), "big")

    def one_of(self, size, allowed, field):
        value = self.number(size, field)
        if value not in allowed:
            raise self.malformed(f"{field} is {value}")
        return value

    def zero(self, size, field="the reserved field"):
        if any(self.take(size, field)):
            raise self.malformed(f"{field} is not zero")

    def time(self, field):
        value = self.number(8, field)
        if value >= TIME_LIMIT:
            raise self.malformed(f"{field} is not below 2^40")
        return value

    def compressed_point(self, field):
        """The 33 bytes of a point by its prefix alone: which curve it must lie on may not be known yet."""
        encoded = self.take(33, field)
        if encoded[0] not in (2, 3):
            raise self.malformed(f"{field} has prefix {encoded[0]:#04x}")
        return encoded

    def name(self, field="name"):
        return parse_name(self.take(self.number(1, f"length of {field}"), field))

    def end(self):
        if self.offset != len(self.data):
            raise self.malformed(f"{len(self.data) - self.offset} bytes too many")


NAME_ALPHABET = frozenset(b"abcdefghijklmnopqrstuvwxyz0123456789-.")


def parse_name(encoded):
    """A name without its length byte, as text."""
    if not 1 <= len(encoded) <= 63:
        raise Malformed(f"name: {len(encoded)} characters")
    if not NAME_ALPHABET.issuperset(encoded):
        raise Malformed("name: a character other than a-z 0-9 - .")
    return encoded.decode("ascii")


def encode_name(name):
    """A name with its length in one byte before it."""
    encoded = name.encode("utf-8")
    parse_name(encoded)
    return bytes([len(encoded)]) + encoded


def encode_number(value, size):
    if not 0 <= value < 1 << (8 * size):
        raise ValueError(f"{value} does not fit {size} bytes")
    return value.to_bytes(size, "big")
