//! Sums of products and decoded points are those of the curves' own crates, whatever the backend.
//!
//! The input is a list of terms; points are few, so that they meet in every bucket, and scalars are arbitrary, short, or next to
//! the group's order. Or it is a list of points as they travel.
#![no_main]

use elliptic_curve::{
    CurveArithmetic, CurveGroup, Group,
    array::Array,
    consts::U32,
    ops::Reduce,
    point::{AffineCoordinates, DecompressPoint},
};
use libfuzzer_sys::fuzz_target;
use symbolon_multiscalar::{Affine, Backend, Curve, Encoded, P256, Secp256k1, Term, decode, sum_with};

fuzz_target!(|input: &[u8]| {
    let Some((selector, bytes)) = input.split_first() else {
        return;
    };
    match selector % 4 {
        0 => sums::<P256>(bytes),
        1 => sums::<Secp256k1>(bytes),
        2 => decodings::<P256>(bytes),
        _ => decodings::<Secp256k1>(bytes),
    }
});

/// A curve in its own crate.
trait Stock: Curve {
    type Other: CurveArithmetic<
            AffinePoint: AffineCoordinates<FieldRepr = Array<u8, U32>> + DecompressPoint<Self::Other>,
            Scalar: Reduce<Array<u8, U32>>,
            FieldBytesSize = U32,
        >;
    /// The group's order, big-endian.
    const GROUP_ORDER: [u8; 32];
}

/// The bytes of hexadecimal digits.
const fn bytes(digits: &[u8; 64]) -> [u8; 32] {
    const fn value(digit: u8) -> u8 {
        if digit < b'a' { digit - b'0' } else { digit - b'a' + 10 }
    }
    let mut bytes = [0; 32];
    let mut index = 0;
    while index < 32 {
        bytes[index] = value(digits[2 * index]) << 4 | value(digits[2 * index + 1]);
        index += 1;
    }
    bytes
}

impl Stock for P256 {
    type Other = p256::NistP256;
    const GROUP_ORDER: [u8; 32] = bytes(b"ffffffff00000000ffffffffffffffffbce6faada7179e84f3b9cac2fc632551");
}

impl Stock for Secp256k1 {
    type Other = k256::Secp256k1;
    const GROUP_ORDER: [u8; 32] = bytes(b"fffffffffffffffffffffffffffffffebaaedce6af48a03bbfd25e8cd0364141");
}

type Projective<C> = <<C as Stock>::Other as CurveArithmetic>::ProjectivePoint;
type AffinePoint<C> = <<C as Stock>::Other as CurveArithmetic>::AffinePoint;
type Scalar<C> = <<C as Stock>::Other as CurveArithmetic>::Scalar;

fn affine<C: Stock>(point: &Projective<C>) -> Option<Affine<C>> {
    if point.is_identity().into() {
        return None;
    }
    let point = point.to_affine();
    Some(Affine::from_coordinates(&point.x().into(), &point.y().into()).expect("it is of the curve"))
}

/// A scalar, and what is left of the input: 32 bytes, 16, one, or what is to be added to the order.
fn scalar<C: Stock>(kind: u8, bytes: &[u8]) -> Option<([u8; 32], &[u8])> {
    let length = [32, 16, 1, 1][usize::from(kind % 4)];
    let (own, rest) = bytes.split_at_checked(length)?;
    let mut scalar = [0; 32];
    if kind % 4 == 3 {
        scalar = C::GROUP_ORDER;
        scalar[31] = scalar[31].wrapping_add(own[0]);
    } else {
        scalar[32 - length..].copy_from_slice(own);
    }
    Some((scalar, rest))
}

fn sums<C: Stock>(mut bytes: &[u8]) {
    let mut terms = Vec::new();
    let mut expected = Projective::<C>::identity();
    // Kind of the scalar, repetitions, point; scalar.
    while let [kind, which, rest @ ..] = bytes {
        let Some((scalar, rest)) = scalar::<C>(*kind, rest) else { break };
        bytes = rest;
        let multiple = Scalar::<C>::from(u64::from(1 + which % 16));
        let point = Projective::<C>::mul_by_generator(&if which & 16 == 0 { multiple } else { -multiple });
        let term = Term { point: affine::<C>(&point).expect("a small multiple"), scalar };
        for _ in 0..=kind >> 4 {
            terms.push(term);
            expected += point * <Scalar<C> as Reduce<Array<u8, U32>>>::reduce(&Array(scalar));
        }
        if terms.len() > 256 {
            break;
        }
    }
    let expected = affine::<C>(&expected);
    assert_eq!(sum_with(Backend::Portable, 1, &terms), expected);
    assert_eq!(sum_with(Backend::best(), 2, &terms), expected);
}

fn decodings<C: Stock>(bytes: &[u8]) {
    let mut encodings = Vec::new();
    for piece in bytes.chunks(65).take(64) {
        let mut padded = [0; 65];
        padded[..piece.len()].copy_from_slice(piece);
        let (flags, rest) = (padded[0], &padded[1..]);
        let (mut x, mut hint) = ([0; 32], [0; 32]);
        x.copy_from_slice(&rest[..32]);
        hint.copy_from_slice(&rest[32..]);
        let mut encoded = Encoded { x, is_odd: flags & 1 == 1, hint: (flags & 2 != 0).then_some(hint) };
        if flags & 4 != 0 {
            // A point and perhaps its hint, which no fuzzer comes upon.
            let point = Projective::<C>::mul_by_generator(&Scalar::<C>::from(u64::from(x[0]) + 1));
            let point = affine::<C>(&point).expect("a small multiple");
            let hint = if flags & 8 == 0 { *point.y() } else { *point.negated().y() };
            encoded = Encoded { x: *point.x(), hint: encoded.hint.map(|_| hint), ..encoded };
        }
        encodings.push(encoded);
    }
    let expected = encodings.iter().map(|encoded| {
        let point = AffinePoint::<C>::decompress(&Array(encoded.x), u8::from(encoded.is_odd).into());
        Option::<AffinePoint<C>>::from(point).and_then(|point| affine::<C>(&point.into()))
    });
    assert_eq!(decode::<C>(&encodings), expected.collect::<Vec<_>>());
}
