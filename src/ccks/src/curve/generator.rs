//! Odd multiples of the generators, as constants.
//!
//! The files below are written by the test `write_the_tables`, and another test holds them to be right.

#[rustfmt::skip]
mod p256;
#[rustfmt::skip]
mod secp256k1;

use super::affine::Point;
use crate::{P256, Secp256k1, Suite};

/// What the digits of the generator's scalar have at most: 8 bits, so that 1, 3, 5, .. 127 times G are wanted, 4 KiB.
pub(super) const WIDTH: u32 = 8;
const COUNT: usize = 1 << (WIDTH - 2);

/// On P-256 a device does with half of them, 2 KiB, which takes five more additions of 170.
pub(super) const P256_WIDTH: u32 = if cfg!(feature = "std") { WIDTH } else { WIDTH - 1 };
const P256_COUNT: usize = 1 << (P256_WIDTH - 2);

type P256Element = <P256 as Suite>::Field;

/// In the form in which they are computed with.
static P256_MULTIPLES: [[P256Element; 2]; P256_COUNT] = {
    let mut multiples = [[P256Element::ZERO; 2]; P256_COUNT];
    let mut index = 0;
    while index < P256_COUNT {
        let [x, y] = p256::MULTIPLES[index];
        multiples[index] = [P256Element::from_hex_vartime(x), P256Element::from_hex_vartime(y)];
        index += 1;
    }
    multiples
};

/// As bytes, which cost nearly nothing to read.
static SECP256K1_MULTIPLES: [[u8; 64]; COUNT] = {
    let mut multiples = [[0; 64]; COUNT];
    let mut index = 0;
    while index < COUNT {
        let [x, y] = secp256k1::MULTIPLES[index];
        let mut place = 0;
        while place < 32 {
            multiples[index][place] = byte(x.as_bytes(), place);
            multiples[index][32 + place] = byte(y.as_bytes(), place);
            place += 1;
        }
        index += 1;
    }
    multiples
};

/// A byte of hexadecimal digits in lower case, when the tables are compiled.
const fn byte(digits: &[u8], index: usize) -> u8 {
    const fn value(digit: u8) -> u8 {
        match digit {
            b'0'..=b'9' => digit - b'0',
            b'a'..=b'f' => digit - b'a' + 10,
            _ => panic!("not a hexadecimal digit in lower case"),
        }
    }
    value(digits[2 * index]) << 4 | value(digits[2 * index + 1])
}

/// 2 `index` + 1 times the generator of P-256.
pub(crate) fn p256_multiple(index: usize) -> Option<Point<P256>> {
    P256_MULTIPLES.get(index).map(|[x, y]| Point { x: *x, y: *y })
}

/// 2 `index` + 1 times the generator of secp256k1.
pub(crate) fn secp256k1_multiple(index: usize) -> Option<Point<Secp256k1>> {
    SECP256K1_MULTIPLES.get(index).and_then(Point::from_coordinates_unchecked)
}

#[cfg(test)]
mod tests {
    use super::*;
    use elliptic_curve::{CurveGroup as _, Group as _};
    use std::{format, fs, path::Path, string::String};

    fn hold<S: Suite>(multiple: impl Fn(usize) -> Option<Point<S>>) {
        let twice = S::Projective::generator().double();
        let mut expected = S::Projective::generator();
        for index in 0..COUNT {
            let point = multiple(index).unwrap();
            assert_eq!([point.x, point.y], S::coordinates(&expected.to_affine()), "{} {index}", S::NAME);
            expected += twice;
        }
        assert!(multiple(COUNT).is_none());
    }

    #[test]
    fn tables_hold_odd_multiples_of_the_generators() {
        hold(p256_multiple);
        hold(secp256k1_multiple);
    }

    #[test]
    #[ignore = "writes the tables"]
    fn write_the_tables() {
        write::<P256>("p256.rs");
        write::<Secp256k1>("secp256k1.rs");
    }

    fn write<S: Suite>(file: &str) {
        let twice = S::Projective::generator().double();
        let multiples = core::iter::successors(Some(S::Projective::generator()), |multiple| Some(*multiple + twice));
        let lines = multiples.take(COUNT).map(|multiple| {
            let bytes = Point::<S>::of(&multiple.to_affine()).to_coordinates();
            let (x, y) = bytes.split_at(32);
            format!("    [\"{}\", \"{}\"],\n", hex::encode(x), hex::encode(y))
        });
        let text = format!(
            "//! 1, 3, 5, .. times the generator of {}: x and y, hexadecimal.\n\n\
            pub(super) const MULTIPLES: [[&str; 2]; super::COUNT] = [\n{}];\n",
            S::NAME,
            lines.collect::<String>()
        );
        fs::write(Path::new(env!("CARGO_MANIFEST_DIR")).join("src/curve/generator").join(file), text).unwrap();
    }
}
