//! What frees the journal, and what does not.

use symbolon_tap::Upload;
use symbolon_verifier::flash::{FlashError, FlashStore};
use symbolon_verifier::{Storage, StorageError};

use crate::city::*;

fn read(store: &mut FlashStore<'_, Flash>, block: usize) -> Vec<u8> {
    let length = store.upload().unwrap().length() as usize;
    let mut bytes = Vec::new();
    while bytes.len() < length {
        let mut into = vec![0; block];
        let read = store.read_upload(bytes.len() as u32, &mut into).unwrap();
        bytes.extend(&into[..read]);
    }
    assert_eq!(store.read_upload(length as u32, &mut [0]), Ok(0), "it ends where it ends");
    bytes
}

fn counters(upload: &[u8]) -> Vec<u32> {
    let upload = Upload::parse(upload).unwrap();
    upload.records().iter().map(|record| record.parse().unwrap().presentation().counter()).collect()
}

#[test]
fn an_upload_is_the_same_until_it_is_acknowledged() {
    let ([town, ..], flash) = (&*TOWNS, flash());
    let mut before = store(&flash);
    assert_eq!(before.cut_upload(&town.gate, &[1; 32], 9), Ok(None));
    (0..10).for_each(|counter| before.append(&town.tap(counter)).unwrap());
    let pending = before.cut_upload(&town.gate, &[1; 32], 7).unwrap().unwrap();
    let bytes = read(&mut before, 256);
    before.append(&town.tap(10)).unwrap();
    // Other randomness, another limit, and a restart.
    let mut store = store(&flash);
    assert_eq!(store.cut_upload(&town.gate, &[2; 32], 3), Ok(Some(pending)));
    for block in [1, 100, 209, 4_000] {
        assert_eq!(read(&mut store, block), bytes, "in blocks of {block}");
    }
    let upload = Upload::parse(&bytes).unwrap();
    upload.verify(&town.authority).unwrap();
    assert_eq!((upload.digest(), upload.number()), (*pending.digest(), 1));
    assert_eq!(counters(&bytes), (0..7).collect::<Vec<_>>());
    let answer = town.acknowledgement(*pending.digest(), &town.own_key()).unwrap();
    store.acknowledge(&town.authority, &answer).unwrap();
    assert_eq!(store.acknowledge(&town.authority, &answer), Err(FlashError::NoUpload));
    assert_eq!(store.cut_upload(&town.gate, &[2; 32], 99).unwrap().unwrap().number(), 2);
    assert_eq!(counters(&read(&mut store, 256)), [7, 8, 9, 10]);
    assert_unmisused(&flash);
}

#[test]
fn only_the_authority_s_word_on_this_upload_frees_it() {
    let ([town, other, _], flash) = (&*TOWNS, flash());
    let mut store = store(&flash);
    store.append(&town.tap(1)).unwrap();
    assert_eq!(store.acknowledge(&town.authority, &[0; 111]), Err(FlashError::NoUpload));
    let digest = *store.cut_upload(&town.gate, &[1; 32], 9).unwrap().unwrap().digest();
    let mut changed = digest;
    changed[31] ^= 1;
    let good = town.acknowledgement(digest, &town.own_key()).unwrap();
    let (mut flipped, mut longer) = (good.clone(), good.clone());
    flipped[80] ^= 1;
    longer.push(0);
    let wrong = town.acknowledgement(changed, &town.own_key()).unwrap();
    assert_eq!(store.acknowledge(&town.authority, &wrong), Err(FlashError::OtherUpload));
    assert_eq!(store.acknowledge(&town.authority, &flipped), Err(FlashError::BadSignature));
    for bytes in [&longer[..], &good[..110], &[]] {
        assert!(matches!(store.acknowledge(&town.authority, bytes), Err(FlashError::Malformed(_))));
    }
    assert_eq!(store.acknowledge(&other.authority, &good), Err(FlashError::OtherAuthority));
    let others = other.acknowledgement(digest, &other.own_key()).unwrap();
    assert_eq!(store.acknowledge(&town.authority, &others), Err(FlashError::BadSignature));
    assert_eq!(store.unacknowledged(), Ok(1));
    assert_eq!(store.acknowledge(&town.authority, &good).unwrap().upload_digest(), &digest);
    assert_eq!(store.unacknowledged(), Ok(0));
}

#[test]
fn each_authority_frees_its_own_taps_alone() {
    let ([one, two, _], flash) = (&*TOWNS, flash());
    let mut store = store(&flash);
    let owner = |counter: u32| if counter.is_multiple_of(3) { one } else { two };
    (0..20).for_each(|counter| store.append(&owner(counter).tap(counter)).unwrap());
    for (town, expected) in [(one, 7), (two, 13)] {
        let pending = store.cut_upload(&town.gate, &[1; 32], 99).unwrap().unwrap();
        assert_eq!((pending.authority(), u32::from(pending.count())), (town.id(), expected));
        let bytes = read(&mut store, 256);
        Upload::parse(&bytes).unwrap().verify(&town.authority).unwrap();
        assert!(counters(&bytes).iter().all(|counter| owner(*counter).id() == town.id()));
        let waiting = store.unacknowledged().unwrap();
        let answer = town.acknowledgement(*pending.digest(), &town.own_key()).unwrap();
        store.acknowledge(&town.authority, &answer).unwrap();
        assert_eq!(store.unacknowledged(), Ok(waiting - expected));
    }
}

#[test]
fn a_full_journal_says_so_and_overwrites_nothing() {
    let ([town, ..], flash) = (&*TOWNS, flash());
    let mut store = store(&flash);
    let mut taken = 0;
    let full = loop {
        match store.append(&town.tap(taken)) {
            Ok(()) => taken += 1,
            Err(error) => break error,
        }
    };
    assert_eq!((full, taken, store.room()), (StorageError::Full, 48, Ok(0)));
    // An upload that was cut frees nothing yet.
    let pending = store.cut_upload(&town.gate, &[1; 32], 20).unwrap().unwrap();
    assert_eq!(store.append(&town.tap(99)), Err(StorageError::Full));
    assert!((0..taken).all(|counter| store.find(&town.card(), counter).unwrap().is_some()));
    let answer = town.acknowledgement(*pending.digest(), &town.own_key()).unwrap();
    store.acknowledge(&town.authority, &answer).unwrap();
    // 20 are free, 16 of them a whole page.
    assert_eq!(store.room(), Ok(16));
    (100..116).for_each(|counter| store.append(&town.tap(counter)).unwrap());
    assert_eq!(store.append(&town.tap(116)), Err(StorageError::Full));
    assert_eq!(store.unacknowledged(), Ok(28 + 16));
    assert_eq!(store.breaks(), Ok(0));
    assert_unmisused(&flash);
}
