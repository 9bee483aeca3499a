//! The relations of SEC 4 (section 2.4 and 2.5, with D for the authority's own key), computed with plain integers and
//! affine points: nothing of the curve crates takes part.

use num_bigint::BigUint;
use symbolon_ccks::{Suite, SuiteId};

use crate::files::scheme;
use crate::for_each_suite;
use xtask::vectors::model::Hex;

for_each_suite!(keys_combine, points_of_the_matrix_sum_up);

/// y^2 = x^3 + a*x + b over the integers modulo p, with a generator of prime order n (SEC 2, 2.4.1 and 2.4.2).
struct Curve {
    p: BigUint,
    a: BigUint,
    b: BigUint,
    n: BigUint,
    generator: Point,
}

/// A point other than the identity.
type Point = (BigUint, BigUint);

fn number(hex: &str) -> BigUint {
    BigUint::parse_bytes(hex.as_bytes(), 16).unwrap()
}

impl Curve {
    fn of<S: Suite>() -> Self {
        let [p, a, b, n, x, y] = match S::ID {
            SuiteId::P256Sha256 => [
                "ffffffff00000001000000000000000000000000ffffffffffffffffffffffff",
                "ffffffff00000001000000000000000000000000fffffffffffffffffffffffc",
                "5ac635d8aa3a93e7b3ebbd55769886bc651d06b0cc53b0f63bce3c3e27d2604b",
                "ffffffff00000000ffffffffffffffffbce6faada7179e84f3b9cac2fc632551",
                "6b17d1f2e12c4247f8bce6e563a440f277037d812deb33a0f4a13945d898c296",
                "4fe342e2fe1a7f9b8ee7eb4a7c0f9e162bce33576b315ececbb6406837bf51f5",
            ],
            SuiteId::Secp256k1Sha256 => [
                "fffffffffffffffffffffffffffffffffffffffffffffffffffffffefffffc2f",
                "0",
                "7",
                "fffffffffffffffffffffffffffffffebaaedce6af48a03bbfd25e8cd0364141",
                "79be667ef9dcbbac55a06295ce870b07029bfcdb2dce28d959f2815b16f81798",
                "483ada7726a3c4655da4fbfc0e1108a8fd17b448a68554199c47d08ffb10d4b8",
            ],
        }
        .map(number);
        Self { p, a, b, n, generator: (x, y) }
    }

    fn difference(&self, left: &BigUint, right: &BigUint) -> BigUint {
        (left + &self.p - right) % &self.p
    }

    fn quotient(&self, numerator: BigUint, denominator: &BigUint) -> BigUint {
        numerator * denominator.modinv(&self.p).unwrap() % &self.p
    }

    /// The sum; `None` is the identity.
    fn add(&self, left: Option<Point>, right: Option<Point>) -> Option<Point> {
        let (Some(left), Some(right)) = (&left, &right) else { return left.or(right) };
        let slope = if left.0 != right.0 {
            self.quotient(self.difference(&right.1, &left.1), &self.difference(&right.0, &left.0))
        } else if left.1 == right.1 {
            self.quotient(&left.0 * &left.0 * 3_u8 + &self.a, &(&left.1 * 2_u8 % &self.p))
        } else {
            return None;
        };
        let x = self.difference(&self.difference(&(&slope * &slope % &self.p), &left.0), &right.0);
        let y = self.difference(&(&slope * self.difference(&left.0, &x) % &self.p), &left.1);
        Some((x, y))
    }

    fn multiply(&self, factor: &BigUint, point: &Point) -> Option<Point> {
        let bits = (0..factor.bits()).rev();
        bits.fold(None, |sum, bit| {
            let doubled = self.add(sum.clone(), sum);
            if factor.bit(bit) { self.add(doubled, Some(point.clone())) } else { doubled }
        })
    }

    /// SEC 1, 2.3.4. Both moduli are 3 modulo 4, so that a root is a power.
    fn decode(&self, encoded: &[u8]) -> Point {
        let (prefix, x) = encoded.split_first().unwrap();
        let x = BigUint::from_bytes_be(x);
        let square = (x.modpow(&3_u8.into(), &self.p) + &self.a * &x + &self.b) % &self.p;
        let y = square.modpow(&((&self.p + 1_u8) / 4_u8), &self.p);
        assert_eq!(&y * &y % &self.p, square);
        let y = if y.bit(0) == (*prefix == 3) { y } else { &self.p - y };
        (x, y)
    }
}

fn scalar(hex: &Hex) -> BigUint {
    BigUint::from_bytes_be(&hex.0)
}

fn keys_combine<S: Suite>() {
    let curve = Curve::of::<S>();
    for vector in scheme::<S>().credentials {
        let (u, k, e, s, d) =
            (scalar(&vector.u), scalar(&vector.k), scalar(&vector.e), scalar(&vector.s), scalar(&vector.d));
        // The holder's private key is what it began with, times e, plus what the authority added.
        assert_eq!(d, (&e * &u + &s) % &curve.n);
        let of_generator = |scalar: &BigUint| curve.multiply(scalar, &curve.generator);
        let point = curve.decode(&vector.credential.0[56..]);
        let matrix_point = curve.decode(&vector.matrix_point.0);
        let public_key = curve.decode(&vector.public_key.0);
        assert_eq!(of_generator(&d), Some(public_key.clone()));
        assert_eq!(curve.add(curve.multiply(&e, &point), Some(matrix_point.clone())), Some(public_key));
        // P holds both halves; s = e*k + m, and mG = D.
        assert_eq!(of_generator(&u), Some(curve.decode(&vector.holder_point.0)));
        assert_eq!(curve.add(of_generator(&u), of_generator(&k)), Some(point));
        let m = (&s + &curve.n * &curve.n - &e * &k) % &curve.n;
        assert_eq!(of_generator(&m), Some(matrix_point));
    }
}

fn points_of_the_matrix_sum_up<S: Suite>() {
    let (curve, scheme) = (Curve::of::<S>(), scheme::<S>());
    // Magic to created, T, the name with its length; then 64 columns of 16 points.
    let cells = &scheme.authority.parameters.0[17 + 33 + 1 + scheme.authority.name.len()..];
    for vector in &scheme.credentials {
        let digits = hex::encode(&vector.digits.0);
        let cell = |(column, digit): (usize, char)| {
            let index = column * 16 + usize::try_from(digit.to_digit(16).unwrap()).unwrap();
            curve.decode(&cells[index * 33..][..33])
        };
        let picked = digits.chars().enumerate().map(cell);
        let sum = picked.fold(None, |sum, point| curve.add(sum, Some(point)));
        assert_eq!(sum, Some(curve.decode(&vector.matrix_point.0)));
    }
}
