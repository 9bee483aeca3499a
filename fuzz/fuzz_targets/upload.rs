//! Uploads, from arbitrary bytes whose digest is put right on the way: what parses is written back from its parts.
#![no_main]

use libfuzzer_sys::fuzz_target;
use sha2::{Digest, Sha256};
use symbolon_ccks::Suite;
use symbolon_fuzz::{assert_same_bytes, city::City, with_city};
use symbolon_tap::{Record, Upload, UploadHead};

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

/// Where the digest of the records stands.
const DIGEST: std::ops::Range<usize> = 97..129;

fn put_digest_right(bytes: &mut [u8]) {
    let Some((head, rest)) = bytes.split_at_mut_checked(UploadHead::SIZE) else {
        return;
    };
    let count = usize::from(u16::from_be_bytes([head[2], head[3]]));
    if let Some(records) = rest.get(..count * Record::SIZE) {
        head[DIGEST].copy_from_slice(&Sha256::digest(records));
    }
}

fn read<S: Suite>(city: &City<S>, bytes: &[u8]) {
    let Ok(upload) = Upload::parse(bytes) else {
        assert!(!city.uploads.iter().any(|valid| valid == bytes), "a valid upload was refused");
        return;
    };
    let mut written = [upload.header().as_bytes().as_slice(), upload.signature().as_bytes()].concat();
    for record in upload.records() {
        if let Ok(record) = record.parse() {
            assert_same_bytes(
                "record",
                Record::new(*record.terms(), *record.presentation()).as_bytes(),
                record.as_bytes(),
            );
        }
        written.extend_from_slice(record.as_bytes());
    }
    let records = written.get(UploadHead::SIZE..).unwrap_or_default();
    assert_eq!(upload.header().as_bytes()[DIGEST], Sha256::digest(records)[..], "the digest is that of the records");
    for hint in upload.hints().unwrap_or_default() {
        written.extend_from_slice(hint.as_bytes());
    }
    assert_same_bytes("upload", bytes, &written);
    assert_same_bytes("upload", bytes, upload.as_bytes());
    let hints = upload.hints().map(<[_]>::len);
    assert!(hints.is_none_or(|hints| hints == upload.records().len()));
    assert_eq!(upload.verify(&city.authority).is_ok(), city.uploads.iter().any(|valid| same_head(valid, bytes)));
}

/// The head decides: it has the records' digest in it, and hints stand outside the signature.
fn same_head(left: &[u8], right: &[u8]) -> bool {
    left[..UploadHead::SIZE] == right[..UploadHead::SIZE]
}
