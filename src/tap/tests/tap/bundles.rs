//! Trust bundles and their sections.

use sha2::{Digest, Sha256};
use symbolon_ccks::{Malformed, P256, Sector, Subject};
use symbolon_tap::{Bundle, BundleContent, BundleFields, Limit, MAX_SEQUENCE_STEP, SignRefused, encode_bundle};

use crate::world::{NOW_SECONDS, RANDOM, Samples, TestSuite, bundle_fields, time};

/// The sample bundle with another body, which its header then fits; its signature does not.
fn with_body(body: &[u8]) -> Vec<u8> {
    let mut bytes = Samples::new(P256::world()).bundle;
    bytes.truncate(Bundle::HEAD_SIZE);
    bytes[68..72].copy_from_slice(&(body.len() as u32).to_be_bytes());
    bytes[76..108].copy_from_slice(&Sha256::digest(body));
    bytes.extend_from_slice(body);
    bytes
}

fn section(section_type: u8, critical: u8, bytes: &[u8]) -> Vec<u8> {
    [&[section_type, critical, 0, 0], (bytes.len() as u32).to_be_bytes().as_slice(), bytes].concat()
}

fn refused(body: &[u8]) -> &'static str {
    Bundle::parse(&with_body(body)).map(|_| ()).unwrap_err().problem
}

#[test]
fn a_bundle_says_what_was_put_into_it() {
    let bytes = Samples::new(P256::world()).bundle;
    let bundle = Bundle::parse(&bytes).unwrap();
    let listed: Vec<_> = bundle.revoked().as_slice().iter().map(|subject| subject.as_bytes()[0]).collect();
    assert_eq!(listed, [1, 2, 3]);
    assert!(bundle.revoked().contains(&Subject::from_bytes([2; 16])));
    assert!(!bundle.revoked().contains(&Subject::from_bytes([4; 16])));
    assert_eq!(bundle.limits().offline_cap(Sector::Water, 156), Some(700));
    assert_eq!(bundle.limits().offline_cap(Sector::Transport, 156), Some(900));
    assert_eq!(bundle.limits().offline_cap(Sector::Power, 156), None);
    assert_eq!(bundle.limits().offline_cap(Sector::Water, 978), None);
    let header = bundle.header();
    assert_eq!((header.part(), header.parts(), header.sequence()), (1, 3, 0x0102_0304));
    assert_eq!(header.issued_at(), time(NOW_SECONDS));
    assert!(bundle.sections().all(|section| section.is_critical()));
}

#[test]
fn a_bundle_may_say_nothing() {
    let world = P256::world();
    let bytes = encode_bundle(&world.city(), &bundle_fields(), &BundleContent::default(), &RANDOM).unwrap();
    assert_eq!(bytes.len(), Bundle::HEAD_SIZE);
    let bundle = Bundle::parse(&bytes).unwrap();
    assert_eq!(bundle.verify(&world.authority), Ok(()));
    assert!(bundle.revoked().is_empty() && bundle.limits().as_slice().is_empty());
}

#[test]
fn an_unknown_section_is_passed_over_unless_it_is_critical() {
    let body = [section(1, 1, &[1; 16]), section(200, 0, b"from later")].concat();
    let bytes = with_body(&body);
    let bundle = Bundle::parse(&bytes).unwrap();
    assert_eq!(bundle.revoked().len(), 1);
    assert_eq!(bundle.sections().last().unwrap().bytes(), b"from later");
    assert_eq!(refused(&section(200, 1, b"from later")), "an unknown section is critical");
    assert_eq!(refused(&section(0, 1, b"")), "an unknown section is critical");
}

#[test]
fn sections_have_one_encoding() {
    let subjects = |first: u8, second: u8| section(1, 1, &[[first; 16], [second; 16]].concat());
    assert_eq!(Bundle::parse(&with_body(&subjects(1, 2))).map(|bundle| bundle.revoked().len()), Ok(2));
    assert_eq!(refused(&subjects(2, 1)), "the revoked subjects do not ascend");
    assert_eq!(refused(&subjects(1, 1)), "the revoked subjects do not ascend");
    assert_eq!(refused(&section(1, 1, &[0; 17])), "the revoked subjects are not 16 bytes each");
    assert_eq!(refused(&[subjects(1, 2), subjects(3, 4)].concat()), "the sections' types do not ascend");
    assert_eq!(refused(&[section(2, 1, &[]), subjects(1, 2)].concat()), "the sections' types do not ascend");
    assert_eq!(refused(&[1, 2, 0, 0, 0, 0, 0, 0]), "critical is not 0 or 1");
    assert_eq!(refused(&[1, 1, 1, 0, 0, 0, 0, 0]), "a zero byte is not zero");
    assert_eq!(refused(&[1, 1, 0, 1, 0, 0, 0, 0]), "a zero byte is not zero");
    assert_eq!(refused(&[1, 1, 0, 0, 0, 0, 0, 1]), "longer than what is left of the body");
    assert_eq!(refused(&[1, 1, 0, 0, 0xff, 0xff, 0xff, 0xff]), "longer than what is left of the body");
    assert_eq!(refused(&[1, 1, 0]), "longer than what is left of the body");
}

#[test]
fn limits_have_one_encoding() {
    let water = [1, 0, 0, 156, 0, 0, 2, 188];
    let transport = [4, 0, 0, 156, 0, 0, 2, 188];
    let limits = |limits: &[[u8; 8]]| section(2, 1, limits.as_flattened());
    let limit_bytes = "the limits are not 8 bytes each of a sector, zero and a cap";
    assert!(Bundle::parse(&with_body(&limits(&[water, transport]))).is_ok());
    assert_eq!(refused(&limits(&[transport, water])), "the limits do not ascend");
    assert_eq!(refused(&limits(&[water, water])), "the limits do not ascend");
    assert_eq!(refused(&limits(&[[3, 0, 0, 156, 0, 0, 2, 188]])), limit_bytes);
    assert_eq!(refused(&limits(&[[1, 1, 0, 156, 0, 0, 2, 188]])), limit_bytes);
    assert_eq!(refused(&section(2, 1, &water[..7])), limit_bytes);
    let world = P256::world();
    let twice = [Limit::new(Sector::Water, 156, 1), Limit::new(Sector::Water, 156, 2)];
    let twice = BundleContent { limits: &twice, ..BundleContent::default() };
    let refused = encode_bundle(&world.city(), &bundle_fields(), &twice, &RANDOM);
    assert_eq!(refused, Err(SignRefused::Fields));
}

#[test]
fn a_header_out_of_range_is_refused() {
    let good = Samples::new(P256::world()).bundle;
    let with = |offset: usize, bytes: &[u8]| -> Result<(), Malformed> {
        let mut changed = good.clone();
        changed[offset..offset + bytes.len()].copy_from_slice(bytes);
        Bundle::parse(&changed).map(|_| ())
    };
    let limit = (1u64 << 40).to_be_bytes();
    let problems: [(usize, &[u8], &str); 14] = [
        (0, &[2], "the version is not 1"),
        (1, &[0], "an unknown suite"),
        (1, &[3], "an unknown suite"),
        (2, &[1], "the zero byte is not zero"),
        (3, &[0], "none is set"),
        (3, &[8], "an unknown bit is set"),
        (44, &limit, "a time is 2^40 seconds or more"),
        (52, &limit, "a time is 2^40 seconds or more"),
        (60, &limit, "a time is 2^40 seconds or more"),
        (52, &[0; 8], "valid_until is before issued_at"),
        (68, &[0, 0, 0, 0], "wrong length"),
        (72, &[0, 3], "the part is not below the number of parts"),
        (74, &[0, 0], "the part is not below the number of parts"),
        (76, &[0; 32], "the body does not have the digest that the header gives"),
    ];
    for (offset, bytes, problem) in problems {
        assert_eq!(with(offset, bytes).unwrap_err().problem, problem, "at {offset}");
    }
    assert_eq!(with(36, &[0xff; 8]), Ok(()), "a sequence has no limit of its own");
}

#[test]
fn a_header_out_of_range_is_not_signed() {
    let city = P256::world().city();
    let refused = |fields: BundleFields| encode_bundle(&city, &fields, &BundleContent::default(), &RANDOM).err();
    assert_eq!(refused(BundleFields { valid_until: time(1), ..bundle_fields() }), Some(SignRefused::Fields));
    assert_eq!(refused(BundleFields { part: 3, ..bundle_fields() }), Some(SignRefused::Fields));
    assert_eq!(refused(BundleFields { part: 0, parts: 0, ..bundle_fields() }), Some(SignRefused::Fields));
}

#[test]
fn a_sequence_rises_by_a_bounded_step() {
    let bytes = Samples::new(P256::world()).bundle;
    let header = *Bundle::parse(&bytes).unwrap().header();
    let sequence = header.sequence();
    assert!(!header.may_follow(sequence + 1));
    assert!(!header.may_follow(sequence));
    assert!(header.may_follow(sequence - 1));
    assert!(header.may_follow(sequence - MAX_SEQUENCE_STEP));
    assert!(!header.may_follow(sequence - MAX_SEQUENCE_STEP - 1));
}
