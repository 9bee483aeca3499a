//! Wycheproof's AES-GCM vectors against the cipher that seals secrets: keys of 128 and 256 bits, nonces of 96, tags of
//! 128. Those of 192 bits and other nonces are for types that the project does not have.

use aes_gcm::aead::{Aead, KeyInit, Payload};
use aes_gcm::{Aes128Gcm, Aes256Gcm};
use wycheproof::aead::{Test, TestName, TestSet};

/// What opening gives, and what sealing gives.
fn run<C: Aead + KeyInit>(test: &Test) -> (Option<Vec<u8>>, Vec<u8>) {
    let cipher = C::new_from_slice(&test.key).unwrap();
    let nonce = test.nonce.as_slice().try_into().unwrap();
    let sealed = [test.ct.as_slice(), &test.tag].concat();
    let opened = cipher.decrypt(&nonce, Payload { msg: &sealed, aad: &test.aad }).ok();
    (opened, cipher.encrypt(&nonce, Payload { msg: &test.pt, aad: &test.aad }).unwrap())
}

#[test]
fn seals_and_opens_as_wycheproof_says() {
    let set = TestSet::load(TestName::AesGcm).unwrap();
    let mut count = [0; 2];
    for group in set.test_groups {
        let (index, run): (_, fn(&Test) -> _) = match (group.key_size, group.nonce_size, group.tag_size) {
            (128, 96, 128) => (0, run::<Aes128Gcm>),
            (256, 96, 128) => (1, run::<Aes256Gcm>),
            _ => continue,
        };
        for test in group.tests {
            let (opened, sealed) = run(&test);
            if test.result.must_fail() {
                assert_eq!(opened, None, "{}: {}", test.tc_id, test.comment);
            } else {
                assert_eq!(opened.as_deref(), Some(test.pt.as_slice()), "{}: {}", test.tc_id, test.comment);
                assert_eq!(sealed, [test.ct.as_slice(), &test.tag].concat(), "{}: {}", test.tc_id, test.comment);
            }
            count[index] += 1;
        }
    }
    assert!(count.iter().all(|count| *count >= 60), "{count:?}");
}
