//! Trust bundles, from arbitrary bytes whose length and digest are put right on the way: what parses is written back
//! from its parts, and its sections are what their own rules say.
#![no_main]

use libfuzzer_sys::fuzz_target;
use sha2::{Digest, Sha256};
use symbolon_ccks::{Signature, Suite};
use symbolon_fuzz::{assert_same_bytes, city::City, with_city};
use symbolon_tap::{Bundle, BundleHeader, Limit, RevokedSeed, RevokedSeeds};

fuzz_target!(|input: &[u8]| {
    let Some((selector, bytes)) = input.split_first() else {
        return;
    };
    let mut bytes = bytes.to_vec();
    if selector & 2 != 0 {
        put_digest_right(&mut bytes);
    }
    with_city!(selector, city => read(city, &bytes));
});

/// Where the length and the digest of the body stand in the header.
const LENGTH: std::ops::Range<usize> = 68..72;
const DIGEST: std::ops::Range<usize> = 76..108;

fn put_digest_right(bytes: &mut [u8]) {
    let Some((head, body)) = bytes.split_at_mut_checked(BundleHeader::SIZE + Signature::SIZE) else {
        return;
    };
    head[LENGTH].copy_from_slice(&(body.len() as u32).to_be_bytes());
    head[DIGEST].copy_from_slice(&Sha256::digest(&*body));
}

fn read<S: Suite>(city: &City<S>, bytes: &[u8]) {
    let Ok(bundle) = Bundle::parse(bytes) else {
        assert!(bytes != city.bundle, "a valid bundle was refused");
        return;
    };
    let header = bundle.header();
    let fields: [&[u8]; 12] = [
        &[1, header.suite().to_byte(), 0, header.sectors().bits()],
        header.authority().as_bytes(),
        &header.sequence().to_be_bytes(),
        &header.issued_at().seconds().to_be_bytes(),
        &header.valid_until().seconds().to_be_bytes(),
        &header.oldest_not_before().seconds().to_be_bytes(),
        &(bundle.body().len() as u32).to_be_bytes(),
        &header.part().to_be_bytes(),
        &header.parts().to_be_bytes(),
        header.body_digest(),
        bundle.signature().as_bytes(),
        &sections(&bundle),
    ];
    assert_same_bytes("bundle", bytes, &fields.concat());
    assert!(header.part() < header.parts());

    for subject in bundle.revoked().as_slice() {
        assert!(bundle.revoked().contains(subject));
    }
    for limit in bundle.limits().as_slice() {
        let written = Limit::new(limit.sector(), limit.currency(), limit.offline_cap());
        assert_eq!(*limit, written);
        assert_eq!(bundle.limits().offline_cap(limit.sector(), limit.currency()), Some(limit.offline_cap()));
    }
    let seeds = bundle.revoked_seeds();
    for entry in seeds.entries() {
        let written = RevokedSeed::new(entry.period(), &entry.seeds_at(entry.period()).expect("its own period"));
        assert_eq!(*entry, written);
        // Few of them: a section may allow 65,535 a period.
        assert_eq!(entry.subjects(entry.period(), seeds.per_period().min(3)).count() as u32, seeds.per_period().min(3));
    }
    let written = RevokedSeeds::new(seeds.boundary(), seeds.per_period(), seeds.entries());
    assert!(written == Ok(seeds) || seeds.is_empty());
    let valid = bytes == city.bundle;
    assert_eq!(bundle.verify(&city.authority).is_ok(), valid);
}

/// The body, written from its sections.
fn sections(bundle: &Bundle<'_>) -> Vec<u8> {
    let mut body = Vec::new();
    for section in bundle.sections() {
        body.extend_from_slice(&[section.section_type(), u8::from(section.is_critical()), 0, 0]);
        body.extend_from_slice(&(section.bytes().len() as u32).to_be_bytes());
        body.extend_from_slice(section.bytes());
    }
    body
}
