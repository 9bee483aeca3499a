"""Authority parameters: the public matrix and institution vector, and the secrets behind a test authority."""

from .curve import SUITES
from .hashing import hash_to_scalar, sha256
from .wire import Reader, encode_name, encode_number

ROWS = 16
COLUMNS = 64
INSTITUTIONS = 64
SECRET_COUNT = 1 + COLUMNS * ROWS + INSTITUTIONS


class Authority:
    """The public parameters, taken apart; `id` is the digest that a terminal trusts."""

    def __init__(self, data):
        reader = Reader("authority parameters", data)
        if reader.take(4, "magic") != b"SYMB":
            raise reader.malformed("does not begin with SYMB")
        reader.one_of(1, (1,), "version")
        self.curve = SUITES[reader.one_of(1, SUITES, "suite")]
        reader.one_of(1, (ROWS,), "rows")
        reader.one_of(1, (COLUMNS,), "columns")
        reader.one_of(1, (INSTITUTIONS,), "institutions")
        self.created = reader.time("created")
        rotation = reader.take(33, "T")
        self.name = reader.name()
        cells = [reader.take(33, "a point") for _ in range(COLUMNS * ROWS + INSTITUTIONS)]
        reader.end()
        decode = self.curve.decode
        self.rotation = decode(rotation)
        points = [decode(cell) for cell in cells]
        self.matrix = [points[start:start + ROWS] for start in range(0, COLUMNS * ROWS, ROWS)]
        self.vector = points[COLUMNS * ROWS:]
        self.data = reader.data
        self.id = sha256(reader.data)
        self.prefix = self.id[:8]
        self._institution_keys = {}

    def digits(self, identity):
        return identity_digits(self.id, identity)

    def matrix_point(self, identity):
        """D, what the matrix alone says about an identity; None should it be infinity."""
        return self.curve.sum(self.matrix[column][digit] for column, digit in enumerate(self.digits(identity)))

    def institution_key(self, name):
        """Q of a name; None should it be infinity. Kept, since it takes 64 multiplications."""
        if name not in self._institution_keys:
            curve = self.curve
            coefficients = institution_coefficients(curve, self.id, name)
            terms = (curve.multiply(h, point) for h, point in zip(coefficients, self.vector))
            self._institution_keys[name] = curve.sum(terms)
        return self._institution_keys[name]


def identity_index(authority_id, identity):
    return sha256(b"SYMBOLON-V1-INDEX", authority_id, identity)


def identity_digits(authority_id, identity):
    """The 64 hex digits of the index, first first."""
    return [int(digit, 16) for digit in identity_index(authority_id, identity).hex()]


def institution_coefficients(curve, authority_id, name):
    prefix = authority_id + encode_name(name)
    return [hash_to_scalar(curve, "INSTITUTION", prefix, bytes([j])) for j in range(INSTITUTIONS)]


class AuthoritySecret:
    """All 1,089 secret scalars, in the order T, M column by column, V."""

    def __init__(self, curve, scalars):
        if len(scalars) != SECRET_COUNT or not all(0 < scalar < curve.n for scalar in scalars):
            raise ValueError("an authority needs 1,089 scalars from 1 to n - 1")
        self.curve = curve
        self.scalars = list(scalars)
        self.rotation = scalars[0]
        cells = scalars[1:1 + COLUMNS * ROWS]
        self.matrix = [cells[start:start + ROWS] for start in range(0, len(cells), ROWS)]
        self.vector = scalars[1 + COLUMNS * ROWS:]

    @classmethod
    def from_test_seed(cls, curve, seed):
        return cls(curve, [
            hash_to_scalar(curve, "TEST-AUTHORITY", seed, encode_number(number, 4)) for number in range(SECRET_COUNT)
        ])

    def parameters(self, created, name):
        """The public bytes."""
        curve = self.curve
        points = [curve.encode(point) for point in curve.multiply_base_many(self.scalars)]
        header = b"SYMB" + bytes([1, curve.suite, ROWS, COLUMNS, INSTITUTIONS]) + encode_number(created, 8)
        return header + points[0] + encode_name(name) + b"".join(points[1:])

    def matrix_secret(self, authority_id, identity):
        """m, the private twin of D."""
        digits = identity_digits(authority_id, identity)
        return sum(self.matrix[column][digit] for column, digit in enumerate(digits)) % self.curve.n

    def institution_secret(self, authority_id, name):
        coefficients = institution_coefficients(self.curve, authority_id, name)
        return sum(h * x for h, x in zip(coefficients, self.vector)) % self.curve.n
