"""The curves y^2 = x^3 + ax + b of both suites: group law, SEC1 compressed points, scalars.

An affine point is a pair (x, y), the point at infinity is None. Inside, points are Jacobian triples (X, Y, Z) for
x = X/Z^2, y = Y/Z^3, with Z = 0 at infinity.
"""

from .wire import Malformed

INFINITY = (1, 1, 0)
WINDOW_BITS = 4


class Curve:
    """A short Weierstrass curve of prime order over a prime field with p = 3 mod 4."""

    def __init__(self, suite, name, p, a, b, n, generator):
        self.suite = suite
        self.name = name
        self.p = p
        self.a = a % p
        self.b = b
        self.n = n
        self.generator = generator
        self._base_table = None

    # ---- bytes -------------------------------------------------------------------------------------------------

    def decode(self, encoded):
        """A point from its 33 bytes. Only one encoding of a point exists, and infinity has none."""
        if len(encoded) != 33:
            raise Malformed(f"point: {len(encoded)} bytes")
        if encoded[0] not in (2, 3):
            raise Malformed(f"point: prefix {encoded[0]:#04x}")
        x = int.from_bytes(encoded[1:], "big")
        if x >= self.p:
            raise Malformed("point: x is not below p")
        y_squared = (x * x * x + self.a * x + self.b) % self.p
        y = pow(y_squared, (self.p + 1) // 4, self.p)
        if y * y % self.p != y_squared:
            raise Malformed("point: not on the curve")
        if y & 1 != encoded[0] & 1:
            # Both orders are odd, so that no point has y = 0 and the other root always has the other parity.
            y = self.p - y
        return (x, y)

    def encode(self, point):
        if point is None:
            raise ValueError("the point at infinity has no encoding")
        x, y = point
        return bytes([2 | (y & 1)]) + x.to_bytes(32, "big")

    def decode_scalar(self, encoded):
        if len(encoded) != 32:
            raise Malformed(f"scalar: {len(encoded)} bytes")
        value = int.from_bytes(encoded, "big")
        if value >= self.n:
            raise Malformed("scalar: not below n")
        return value

    def decode_secret(self, encoded):
        """A scalar standing alone is a secret key or a coefficient, and none of these may be 0."""
        value = self.decode_scalar(encoded)
        if value == 0:
            raise Malformed("scalar: zero")
        return value

    def encode_scalar(self, value):
        if not 0 <= value < self.n:
            raise ValueError("not reduced")
        return value.to_bytes(32, "big")

    def contains(self, point):
        x, y = point
        in_range = 0 <= x < self.p and 0 <= y < self.p
        return in_range and (y * y - (x * x * x + self.a * x + self.b)) % self.p == 0

    # ---- affine group ------------------------------------------------------------------------------------------

    def add(self, left, right):
        return self._to_affine(self._add(self._to_jacobian(left), self._to_jacobian(right)))

    def negate(self, point):
        return None if point is None else (point[0], -point[1] % self.p)

    def subtract(self, left, right):
        return self.add(left, self.negate(right))

    def sum(self, points):
        total = INFINITY
        for point in points:
            total = self._add(total, self._to_jacobian(point))
        return self._to_affine(total)

    def multiply(self, scalar, point):
        return self._to_affine(self._multiply(scalar, point))

    def multiply_base(self, scalar):
        return self._to_affine(self._multiply_base(scalar))

    def multiply_base_many(self, scalars):
        """Many multiples of G for one inversion."""
        return self._to_affine_many([self._multiply_base(scalar) for scalar in scalars])

    def combine_with_base(self, base_scalar, scalar, point):
        """base_scalar * G + scalar * point."""
        return self._to_affine(self._add(self._multiply_base(base_scalar), self._multiply(scalar, point)))

    # ---- Jacobian group ----------------------------------------------------------------------------------------

    @staticmethod
    def _to_jacobian(point):
        return INFINITY if point is None else (point[0], point[1], 1)

    def _to_affine(self, point):
        x, y, z = point
        if z == 0:
            return None
        inverse = pow(z, -1, self.p)
        inverse_squared = inverse * inverse % self.p
        return (x * inverse_squared % self.p, y * inverse_squared * inverse % self.p)

    def _to_affine_many(self, points):
        """Montgomery's trick: the product of all Z is inverted once and unrolled from its end."""
        products = [1]
        for _, _, z in points:
            products.append(products[-1] * (z or 1) % self.p)
        inverse = pow(products[-1], -1, self.p)
        affine = []
        for (x, y, z), before in zip(reversed(points), reversed(products[:-1])):
            if z == 0:
                affine.append(None)
                continue
            z_inverse = inverse * before % self.p
            inverse = inverse * z % self.p
            squared = z_inverse * z_inverse % self.p
            affine.append((x * squared % self.p, y * squared * z_inverse % self.p))
        affine.reverse()
        return affine

    def _double(self, point):
        x, y, z = point
        p = self.p
        if z == 0:
            return INFINITY
        y_squared = y * y % p
        s = 4 * x * y_squared % p
        m = 3 * x * x
        if self.a:
            m += self.a * pow(z, 4, p)
        m %= p
        new_x = (m * m - 2 * s) % p
        return (new_x, (m * (s - new_x) - 8 * y_squared * y_squared) % p, 2 * y * z % p)

    def _add(self, left, right):
        p = self.p
        x1, y1, z1 = left
        x2, y2, z2 = right
        if z1 == 0:
            return right
        if z2 == 0:
            return left
        z1_squared = z1 * z1 % p
        if z2 == 1:
            u1, s1, product = x1, y1, z1
        else:
            z2_squared = z2 * z2 % p
            u1, s1, product = x1 * z2_squared % p, y1 * z2_squared * z2 % p, z1 * z2
        h = (x2 * z1_squared - u1) % p
        r = (y2 * z1_squared * z1 - s1) % p
        if h == 0:
            return self._double(left) if r == 0 else INFINITY
        h_squared = h * h % p
        h_cubed = h_squared * h % p
        v = u1 * h_squared % p
        new_x = (r * r - h_cubed - 2 * v) % p
        return (new_x, (r * (v - new_x) - s1 * h_cubed) % p, product * h % p)

    def _multiply(self, scalar, point):
        """Fixed windows from the top; the scalar may be any integer."""
        scalar %= self.n
        if scalar == 0 or point is None:
            return INFINITY
        first = self._to_jacobian(point)
        multiples = [INFINITY, first]
        for _ in range(2, 1 << WINDOW_BITS):
            multiples.append(self._add(multiples[-1], first))
        total = INFINITY
        for shift in range(256 - WINDOW_BITS, -1, -WINDOW_BITS):
            for _ in range(WINDOW_BITS):
                total = self._double(total)
            window = (scalar >> shift) & ((1 << WINDOW_BITS) - 1)
            if window:
                total = self._add(total, multiples[window])
        return total

    def _multiply_base(self, scalar):
        """One addition a window out of a table that holds w * 2^(4i) * G: no doubling at all."""
        if self._base_table is None:
            self._base_table = self._make_base_table()
        scalar %= self.n
        total = INFINITY
        for row in self._base_table:
            window = scalar & ((1 << WINDOW_BITS) - 1)
            if window:
                total = self._add(total, row[window])
            scalar >>= WINDOW_BITS
        return total

    def _make_base_table(self):
        entries = []
        unit = self._to_jacobian(self.generator)
        for _ in range(256 // WINDOW_BITS):
            multiple = INFINITY
            for _ in range(1 << WINDOW_BITS):
                entries.append(multiple)
                multiple = self._add(multiple, unit)
            unit = multiple
        flat = [self._to_jacobian(point) for point in self._to_affine_many(entries)]
        width = 1 << WINDOW_BITS
        return [flat[start:start + width] for start in range(0, len(flat), width)]


P256 = Curve(
    suite=1,
    name="P256-SHA256",
    p=0xFFFFFFFF00000001000000000000000000000000FFFFFFFFFFFFFFFFFFFFFFFF,
    a=-3,
    b=0x5AC635D8AA3A93E7B3EBBD55769886BC651D06B0CC53B0F63BCE3C3E27D2604B,
    n=0xFFFFFFFF00000000FFFFFFFFFFFFFFFFBCE6FAADA7179E84F3B9CAC2FC632551,
    generator=(
        0x6B17D1F2E12C4247F8BCE6E563A440F277037D812DEB33A0F4A13945D898C296,
        0x4FE342E2FE1A7F9B8EE7EB4A7C0F9E162BCE33576B315ECECBB6406837BF51F5,
    ),
)

SECP256K1 = Curve(
    suite=2,
    name="SECP256K1-SHA256",
    p=2**256 - 2**32 - 977,
    a=0,
    b=7,
    n=0xFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFEBAAEDCE6AF48A03BBFD25E8CD0364141,
    generator=(
        0x79BE667EF9DCBBAC55A06295CE870B07029BFCDB2DCE28D959F2815B16F81798,
        0x483ADA7726A3C4655DA4FBFC0E1108A8FD17B448A68554199C47D08FFB10D4B8,
    ),
)

CURVES = (P256, SECP256K1)
SUITES = {curve.suite: curve for curve in CURVES}
SUITE_NAMES = {curve.name: curve for curve in CURVES}
