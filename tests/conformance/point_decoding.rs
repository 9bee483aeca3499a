//! Wycheproof's ECDH vectors, as far as they are about decoding a public key.

use elliptic_curve::point::AffineCoordinates;
use symbolon_ccks::{CompressedPoint, P256, Secp256k1, Suite};
use wycheproof::TestResult;
use wycheproof::ecdh::{TestFlag, TestName, TestSet};

/// SubjectPublicKeyInfo of a named curve, up to the point: of an uncompressed one and of a compressed one.
const P256_KEY: [&str; 2] =
    ["3059301306072a8648ce3d020106082a8648ce3d030107034200", "3039301306072a8648ce3d020106082a8648ce3d030107032200"];
const SECP256K1_KEY: [&str; 2] =
    ["3056301006072a8648ce3d020106052b8104000a034200", "3036301006072a8648ce3d020106052b8104000a032200"];

/// How many of each kind were met.
#[derive(Debug, Default)]
struct Met {
    compressed: usize,
    refused_compressed: usize,
    uncompressed: usize,
    off_curve: usize,
    neither: usize,
}

/// Runs a set; `prefixes` are what stands before the point.
fn run<S: Suite<Affine: AffineCoordinates>>(name: TestName, prefixes: &[&str]) -> Met {
    let mut met = Met::default();
    for test in TestSet::load(name).unwrap().test_groups.into_iter().flat_map(|group| group.tests) {
        if test.flags.contains(&TestFlag::InvalidAsn) {
            // Acceptable to whoever mends the wrapping; what is then left is not said to be the point.
            continue;
        }
        let encoded = hex::encode(&test.public_key);
        // What is left out is about the wrapping: other curves, explicit parameters, loose DER.
        let Some(point) = prefixes.iter().find_map(|prefix| encoded.strip_prefix(prefix)) else { continue };
        let point = hex::decode(point).unwrap();
        let is_point = test.result != TestResult::Invalid;
        match (point.len(), point.first()) {
            (33, Some(2 | 3)) => {
                let decoded = CompressedPoint::parse(&point).ok().and_then(S::decode_point);
                assert_eq!(decoded.is_some(), is_point, "{}: {}", test.tc_id, test.comment);
                if is_point { met.compressed += 1 } else { met.refused_compressed += 1 }
            }
            (65, Some(4)) => {
                // It is refused as it is; compressed it decodes to itself, when it is a point at all.
                assert!(CompressedPoint::parse(&point).is_err(), "{}: {}", test.tc_id, test.comment);
                let (x, y) = point[1..].split_at(32);
                let compressed = [&[2 | (y[31] & 1)], x].concat();
                let decoded = CompressedPoint::parse(&compressed).ok().and_then(S::decode_point);
                let is_same = decoded.is_some_and(|decoded| decoded.x().as_ref() == x && decoded.y().as_ref() == y);
                assert_eq!(is_same, is_point, "{}: {}", test.tc_id, test.comment);
                if is_point { met.uncompressed += 1 } else { met.off_curve += 1 }
            }
            _ => {
                assert!(CompressedPoint::parse(&point).is_err(), "{}: {}", test.tc_id, test.comment);
                met.neither += 1;
            }
        }
    }
    met
}

#[test]
fn decodes_p256_points_as_wycheproof_says() {
    for (name, prefixes) in [(TestName::EcdhSecp256r1Ecpoint, [""].as_slice()), (TestName::EcdhSecp256r1, &P256_KEY)] {
        let met = run::<P256>(name, prefixes);
        assert!(met.compressed >= 1 && met.refused_compressed >= 7, "{met:?}");
        assert!(met.uncompressed >= 300 && met.off_curve >= 16, "{met:?}");
    }
    assert!(run::<P256>(TestName::EcdhSecp256r1Ecpoint, &[""]).neither >= 1);
}

#[test]
fn decodes_secp256k1_points_as_wycheproof_says() {
    let met = run::<Secp256k1>(TestName::EcdhSecp256k1, &SECP256K1_KEY);
    assert!(met.compressed >= 1 && met.refused_compressed >= 2, "{met:?}");
    assert!(met.uncompressed >= 400 && met.off_curve >= 16, "{met:?}");
}
