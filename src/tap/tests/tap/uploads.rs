//! Uploads.

use sha2::{Digest, Sha256};
use symbolon_ccks::P256;
use symbolon_tap::{
    MAX_RECORDS, RecordHint, RecordsHasher, SignRefused, Upload, UploadHead, encode_upload, sign_upload_header,
};

use crate::world::{RANDOM, Samples, TestSuite, records};

#[test]
fn an_upload_gives_its_records_in_place() {
    let world = P256::world();
    let samples = Samples::new(world);
    let upload = Upload::parse(&samples.upload_with_hints).unwrap();
    let parsed: Vec<_> = upload.records().iter().map(|record| *record.parse().unwrap()).collect();
    assert_eq!(parsed, records(world, 3));
    assert_eq!(upload.records().as_ptr().cast(), samples.upload_with_hints[194..].as_ptr());
    assert_eq!(upload.hints(), Some([RecordHint::new([5; 32], [6; 32]); 3].as_slice()));
    assert_eq!((upload.number(), upload.terminal()), (77, &world.terminal.issued.credential));
    assert_eq!(upload.digest().as_slice(), Sha256::digest(&samples.upload_with_hints).as_slice());
    assert_eq!(Upload::parse(&samples.upload).unwrap().hints(), None);
}

#[test]
fn one_bad_record_leaves_the_others() {
    let mut bytes = Samples::new(P256::world()).upload;
    bytes[194 + 209 + 1] = 9;
    redigest(&mut bytes, 3);
    let upload = Upload::parse(&bytes).unwrap();
    let parsed: Vec<_> = upload.records().iter().map(|record| record.parse().is_ok()).collect();
    assert_eq!(parsed, [true, false, true]);
}

fn redigest(upload: &mut [u8], count: usize) {
    let digest = Sha256::digest(&upload[194..194 + count * 209]);
    upload[97..129].copy_from_slice(&digest);
}

#[test]
fn records_must_have_the_digest_that_is_signed() {
    let mut bytes = Samples::new(P256::world()).upload;
    *bytes.last_mut().unwrap() ^= 1;
    assert!(Upload::parse(&bytes).unwrap_err().problem.contains("digest"));
}

#[test]
fn hints_are_outside_the_signature() {
    let world = P256::world();
    let mut bytes = Samples::new(world).upload_with_hints;
    let digest = Upload::parse(&bytes).unwrap().digest();
    *bytes.last_mut().unwrap() ^= 1;
    let upload = Upload::parse(&bytes).unwrap();
    assert_eq!(upload.verify(&world.authority), Ok(()));
    assert_ne!(upload.digest(), digest);
}

#[test]
fn an_upload_has_1_to_8192_records() {
    let world = P256::world();
    let key = &world.terminal.key;
    let records = vec![Samples::new(world).record; usize::from(MAX_RECORDS) + 1];
    assert_eq!(encode_upload(key, 1, &[], None, &RANDOM), Err(SignRefused::RecordCount));
    assert_eq!(encode_upload(key, 1, &records, None, &RANDOM), Err(SignRefused::RecordCount));
    let mut bytes = encode_upload(key, 1, &records[1..], None, &RANDOM).unwrap();
    assert_eq!(bytes.len(), Upload::size(MAX_RECORDS, false));
    assert_eq!(Upload::parse(&bytes).unwrap().records().len(), 8192);

    bytes[2..4].copy_from_slice(&8193u16.to_be_bytes());
    bytes.extend_from_slice(records[0].as_bytes());
    redigest(&mut bytes, 8193);
    assert_eq!(Upload::parse(&bytes).unwrap_err().problem, "not 1 to 8192 records");
    bytes.truncate(UploadHead::SIZE);
    bytes[2..4].copy_from_slice(&[0, 0]);
    redigest(&mut bytes, 0);
    assert_eq!(Upload::parse(&bytes).unwrap_err().problem, "not 1 to 8192 records");
}

#[test]
fn hints_are_one_a_record() {
    let world = P256::world();
    let hints = [RecordHint::new([5; 32], [6; 32]); 2];
    let refused = encode_upload(&world.terminal.key, 1, &records(world, 3), Some(&hints), &RANDOM);
    assert_eq!(refused, Err(SignRefused::RecordCount));
}

#[test]
fn a_terminal_signs_records_that_it_reads_one_by_one() {
    let world = P256::world();
    let records = records(world, 3);
    let mut hasher = RecordsHasher::new();
    records.iter().for_each(|record| hasher.add(record));
    let streamed = UploadHead::sign(&world.terminal.key, 77, &hasher.finish().unwrap(), false, &RANDOM);
    assert_eq!(streamed, sign_upload_header(&world.terminal.key, 77, &records, false, &RANDOM));
    assert_eq!(Samples::new(world).upload[..194], *streamed.unwrap().as_bytes());
    assert_eq!(RecordsHasher::new().finish(), Err(SignRefused::RecordCount));
}
