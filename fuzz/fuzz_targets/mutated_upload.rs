//! A valid upload with something changed in it: its signature holds only over the very head and records, and each
//! record's only over the very record. Hints may be anything.
#![no_main]

use libfuzzer_sys::fuzz_target;
use sha2::{Digest, Sha256};
use symbolon_ccks::Suite;
use symbolon_fuzz::{city::City, program::Program, with_city};
use symbolon_tap::{Record, Upload, UploadHead};

fuzz_target!(|input: &[u8]| {
    let [selector, program @ ..] = input else {
        return;
    };
    with_city!(selector, city => change(city, *selector, program));
});

/// Where the digest of the records stands.
const DIGEST: std::ops::Range<usize> = 97..129;

fn change<S: Suite>(city: &City<S>, selector: u8, program: &[u8]) {
    let [valid, other] = if selector & 2 == 0 { [0, 1] } else { [1, 0] }.map(|index| &city.uploads[index]);
    let mut bytes = valid.clone();
    Program::new(program).apply(&mut bytes, &[other]);
    if selector & 4 != 0 && bytes.len() >= UploadHead::SIZE + 3 * Record::SIZE {
        let digest = Sha256::digest(&bytes[UploadHead::SIZE..UploadHead::SIZE + 3 * Record::SIZE]);
        bytes[DIGEST].copy_from_slice(&digest);
    }
    let Ok(upload) = Upload::parse(&bytes) else {
        assert!(bytes != *valid, "a valid upload was refused");
        return;
    };
    let signed = city.uploads.iter().any(|genuine| genuine[..UploadHead::SIZE] == bytes[..UploadHead::SIZE]);
    assert_eq!(upload.verify(&city.authority).is_ok(), signed, "an upload that no terminal signed");

    let records = city.records.map(|record| *record.as_bytes());
    let uploaded: Vec<[u8; Record::SIZE]> = upload.records().iter().map(|record| *record.as_bytes()).collect();
    if signed {
        assert_eq!(uploaded, records, "the signature covers the records");
    }
    // Each record by itself; a terminal that changes one and signs again gains nothing.
    let terminal = city.terminals[0].credential().expect("a terminal's key").digest();
    for record in upload.records() {
        let verified = record
            .parse()
            .is_ok_and(|record| record.presentation().verify(&city.authority, record.terms(), &terminal).is_ok());
        assert_eq!(verified, records.contains(record.as_bytes()), "a record that no holder signed");
    }
}
