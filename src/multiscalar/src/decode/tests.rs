use super::*;
use crate::{
    P256, Secp256k1,
    testing::{Reference, decompressed, multiples},
};
use proptest::prelude::*;

/// Whatever the hint says, what the curve's own crate decodes without it.
fn agrees<C: Reference>(encodings: &[Encoded]) {
    let expected = encodings.iter().map(|encoded| decompressed::<C>(&encoded.x, encoded.is_odd)).collect::<Vec<_>>();
    assert_eq!(decode::<C>(encodings), expected);
}

fn encoded(x: [u8; 32], is_odd: bool, hint: Option<[u8; 32]>) -> Encoded {
    Encoded { x, is_odd, hint }
}

/// Hints that are right, of the other parity, not below the modulus, of another point, of none; and none.
fn any_hint<C: Reference>() {
    let points = multiples::<C>(40);
    let mut encodings = Vec::new();
    for [point, other] in points.as_chunks().0 {
        let is_odd = point.y()[31] & 1 == 1;
        let hints =
            [None, Some(*point.y()), Some(*point.negated().y()), Some(*other.y()), Some([0xff; 32]), Some([0; 32])];
        encodings.extend(hints.map(|hint| encoded(*point.x(), is_odd, hint)));
        encodings.extend(hints.map(|hint| encoded(*point.x(), !is_odd, hint)));
        encodings.extend(hints.map(|hint| encoded([0xff; 32], is_odd, hint)));
    }
    agrees::<C>(&encodings);
    for count in 0..34 {
        agrees::<C>(&encodings[..count]);
    }
}

#[test]
fn any_hint_of_p256() {
    any_hint::<P256>();
}

#[test]
fn any_hint_of_secp256k1() {
    any_hint::<Secp256k1>();
}

fn any_encoding() -> impl Strategy<Value = Encoded> {
    (any::<[u8; 32]>(), any::<bool>(), any::<Option<[u8; 32]>>()).prop_map(|(x, is_odd, hint)| encoded(x, is_odd, hint))
}

proptest! {
    /// Half of all x are of no point.
    #[test]
    fn any_bytes(encodings in proptest::collection::vec(any_encoding(), 0..70)) {
        agrees::<P256>(&encodings);
        agrees::<Secp256k1>(&encodings);
    }
}
