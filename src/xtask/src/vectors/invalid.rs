//! What must be refused: one vector a failure, each saying at which step and why.

mod bundles;
mod encodings;
mod messages;
mod proofs;
mod pseudonyms;
mod terminals;

use symbolon_ccks::Suite;

use super::cast::Cast;
use super::model::{Hex, InvalidVector, Step};
use super::settling::Drawn;

/// Everything that must be refused under one suite.
pub(crate) fn all<S: Drawn>(cast: &Cast<S>) -> Vec<InvalidVector> {
    let mut collected = Collected { suite: S::NAME, vectors: Vec::new() };
    encodings::collect(cast, &mut collected);
    messages::collect(cast, &mut collected);
    bundles::collect(cast, &mut collected);
    proofs::collect(cast, &mut collected);
    pseudonyms::collect(cast, &mut collected);
    terminals::collect(cast, &mut collected);
    collected.vectors
}

/// `bytes` with those from `offset` on replaced.
pub(crate) fn patched(bytes: &[u8], offset: usize, replacement: &[u8]) -> Vec<u8> {
    let mut patched = bytes.to_vec();
    let place = patched.get_mut(offset..offset + replacement.len()).expect("the change lies within the bytes");
    place.copy_from_slice(replacement);
    patched
}

/// `bytes` with the lowest bit of its last byte flipped.
fn flipped(bytes: &[u8]) -> Vec<u8> {
    let mut flipped = bytes.to_vec();
    if let Some(last) = flipped.last_mut() {
        *last ^= 1;
    }
    flipped
}

/// One field out of its range: the end of the file's name, where the field is, what it holds instead, and why that is
/// wrong.
type WrongField<'a> = (&'a str, usize, &'a [u8], &'a str);

/// The vectors so far.
struct Collected {
    suite: &'static str,
    vectors: Vec<InvalidVector>,
}

impl Collected {
    /// Adds a vector whose own fields `rest` holds.
    fn add(&mut self, (structure, slug): (&str, &str), (step, reason): (Step, &str), why: &str, rest: InvalidVector) {
        self.vectors.push(InvalidVector {
            file_name: format!("{}-{slug}", structure.replace('_', "-")),
            suite: self.suite.to_owned(),
            structure: structure.to_owned(),
            step: Some(step),
            reason: reason.to_owned(),
            why: why.to_owned(),
            ..rest
        });
    }

    /// Adds bytes that do not parse.
    fn malformed(&mut self, structure: &str, slug: &str, why: &str, bytes: impl AsRef<[u8]>) {
        self.bytes(structure, slug, (Step::Parse, "malformed"), why, bytes);
    }

    /// Adds one byte string.
    fn bytes(&mut self, structure: &str, slug: &str, step: (Step, &str), why: &str, bytes: impl AsRef<[u8]>) {
        let rest = InvalidVector { bytes: Some(Hex::of(bytes)), ..InvalidVector::default() };
        self.add((structure, slug), step, why, rest);
    }

    /// Adds `bytes` one too short, one too long, and empty.
    fn lengths(&mut self, structure: &str, bytes: &[u8]) {
        let shorter = bytes.split_last().map_or(bytes, |(_, shorter)| shorter);
        self.malformed(structure, "truncated", "The last byte is missing.", shorter);
        self.malformed(structure, "trailing", "A byte follows the last one.", [bytes, &[0]].concat());
        self.malformed(structure, "empty", "There are no bytes at all.", []);
    }

    /// Adds `bytes` with each of these fields out of its range.
    fn wrong_fields(&mut self, structure: &str, bytes: &[u8], fields: &[WrongField<'_>]) {
        for (slug, offset, replacement, why) in fields {
            self.malformed(structure, slug, why, patched(bytes, *offset, replacement));
        }
    }
}

/// The order n of the group, 32 bytes big-endian, with `added` to it.
fn order<S: Suite>(added: u8) -> [u8; 32] {
    use elliptic_curve::Field;
    let minus_one = S::encode_scalar(&-S::Scalar::ONE);
    sum(&minus_one, &small(added + 1))
}

/// The field's modulus p, 32 bytes big-endian.
fn modulus<S: Suite>() -> [u8; 32] {
    let text = match S::ID {
        symbolon_ccks::SuiteId::P256Sha256 => "ffffffff00000001000000000000000000000000ffffffffffffffffffffffff",
        symbolon_ccks::SuiteId::Secp256k1Sha256 => "fffffffffffffffffffffffffffffffffffffffffffffffffffffffefffffc2f",
    };
    let bytes = hex::decode(text).expect("both are hex");
    bytes.try_into().expect("both have 32 bytes")
}

fn small(value: u8) -> [u8; 32] {
    let mut bytes = [0; 32];
    if let Some(last) = bytes.last_mut() {
        *last = value;
    }
    bytes
}

/// Big-endian addition; the sums made here stay below 2^256.
fn sum(left: &[u8; 32], right: &[u8; 32]) -> [u8; 32] {
    let (mut sum, mut carry) = ([0; 32], 0);
    for ((digit, left), right) in sum.iter_mut().zip(left).zip(right).rev() {
        let total = u16::from(*left) + u16::from(*right) + carry;
        *digit = (total & 0xff) as u8;
        carry = total >> 8;
    }
    sum
}

/// A compressed point with this x-coordinate, whether there is such a point or not.
fn with_x(x: &[u8; 32]) -> [u8; 33] {
    let mut bytes = [2; 33];
    if let Some((_, place)) = bytes.split_first_mut() {
        place.copy_from_slice(x);
    }
    bytes
}

/// The least x of which there is (or is not) a point.
fn least_x<S: Suite>(on_curve: bool) -> [u8; 32] {
    let is_on_curve = |x: &[u8; 32]| {
        let encoded = with_x(x);
        let point = symbolon_ccks::CompressedPoint::parse(&encoded).expect("the prefix is 2");
        S::decode_point(point).is_some()
    };
    (1..=u8::MAX).map(small).find(|x| is_on_curve(x) == on_curve).expect("about every second x has a point")
}

/// Three encodings that are no point: how they are called, what is wrong, the bytes.
fn bad_points<S: Suite>() -> [(&'static str, &'static str, [u8; 33]); 3] {
    [
        ("off-curve", "no point of the curve has this x-coordinate", with_x(&least_x::<S>(false))),
        ("x-is-modulus", "the x-coordinate is the field's modulus", with_x(&modulus::<S>())),
        (
            "x-above-modulus",
            "the x-coordinate is not below the field's modulus, though it would be a point's if reduced",
            with_x(&sum(&modulus::<S>(), &least_x::<S>(true))),
        ),
    ]
}
