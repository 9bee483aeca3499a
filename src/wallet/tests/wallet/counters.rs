//! The account in a file.

use std::fs;
use std::path::PathBuf;

use symbolon_ccks::{CredentialDigest, P256};
use symbolon_tap::Kind;
use symbolon_tap::misuse::Item;
use symbolon_wallet::{Account, CounterError, CounterStore, FileCounterStore, Wallet};

use crate::world::{TestSuite, numbered, pay};

const CARD: CredentialDigest = CredentialDigest::from_bytes([0xca; 32]);

fn folder() -> (tempfile::TempDir, PathBuf) {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("card.counter");
    (folder, path)
}

#[test]
fn an_account_lasts() {
    let (_folder, path) = folder();
    let mut store = FileCounterStore::create(&path, &CARD).unwrap();
    assert_eq!(store.account(&CARD), Ok(Account::default()));
    assert_eq!(store.reserve(&CARD, 300), Ok(1));
    assert_eq!(store.reserve(&CARD, u32::MAX), Ok(2));
    drop(store);
    let mut store = FileCounterStore::open(&path, &CARD).unwrap();
    let account = Account { counter: 2, spent: u64::from(u32::MAX) + 300, answer: None };
    assert_eq!(store.account(&CARD), Ok(account));
    assert_eq!(store.reserve(&CARD, 0), Ok(3));
}

#[test]
fn the_last_answer_lasts() {
    let (_folder, path) = folder();
    let world = P256::world();
    let digest = world.card.credential().unwrap().digest();
    let mut wallet = world.wallet(FileCounterStore::create(&path, &digest).unwrap());
    let challenge = numbered(world, 1, Kind::Purchase, 500);
    let answer = pay(&mut wallet, &challenge).unwrap();
    drop(wallet);
    let mut wallet = world.wallet(FileCounterStore::open(&path, &digest).unwrap());
    assert_eq!(pay(&mut wallet, &challenge), Ok(answer));
    let kept: Item = wallet.account().unwrap().answer.unwrap();
    assert_eq!(kept.presentation(), &answer);
}

#[test]
fn no_account_is_begun_over_another_or_out_of_nothing() {
    let (_folder, path) = folder();
    assert_eq!(FileCounterStore::open(&path, &CARD).unwrap_err(), CounterError::Unknown);
    drop(FileCounterStore::create(&path, &CARD).unwrap());
    assert_eq!(FileCounterStore::create(&path, &CARD).unwrap_err(), CounterError::Exists);
    let other = CredentialDigest::from_bytes([1; 32]);
    assert_eq!(FileCounterStore::open(&path, &other).unwrap_err(), CounterError::Unknown);
    let mut store = FileCounterStore::open(&path, &CARD).unwrap();
    assert_eq!(store.reserve(&other, 0), Err(CounterError::Unknown));
    assert_eq!(store.account(&other), Err(CounterError::Unknown));
}

#[test]
fn two_wallets_do_not_share_a_counter() {
    let (_folder, path) = folder();
    let store = FileCounterStore::create(&path, &CARD).unwrap();
    assert_eq!(FileCounterStore::open(&path, &CARD).unwrap_err(), CounterError::InUse);
    drop(store);
    assert!(FileCounterStore::open(&path, &CARD).is_ok());
}

#[test]
fn a_damaged_file_is_refused_wherever_it_is_damaged() {
    let (_folder, path) = folder();
    let mut store = FileCounterStore::create(&path, &CARD).unwrap();
    store.reserve(&CARD, 5).unwrap();
    drop(store);
    let good = fs::read(&path).unwrap();
    assert_eq!(good.len(), 325);
    let damaged = |bytes: &[u8]| {
        fs::write(&path, bytes).unwrap();
        FileCounterStore::open(&path, &CARD).unwrap_err()
    };
    for index in 0..good.len() {
        let mut bytes = good.clone();
        bytes[index] ^= 1;
        assert_eq!(damaged(&bytes), CounterError::Damaged, "byte {index}");
        assert_eq!(damaged(&good[..index]), CounterError::Damaged, "cut to {index}");
    }
    assert_eq!(damaged(&[&good, [0].as_slice()].concat()), CounterError::Damaged);
    fs::write(&path, &good).unwrap();
    assert!(FileCounterStore::open(&path, &CARD).is_ok());
}

/// Never written over, so never half written: each change is a new file in the old one's place.
#[test]
fn an_account_is_replaced_as_a_whole() {
    let (folder, path) = folder();
    let mut store = FileCounterStore::create(&path, &CARD).unwrap();
    // A second name for the file as it is now: what is written over it shows under both.
    let kept = folder.path().join("kept");
    fs::hard_link(&path, &kept).unwrap();
    let before = fs::read(&kept).unwrap();
    store.reserve(&CARD, 5).unwrap();
    assert_eq!(fs::read(&kept).unwrap(), before);
    assert_ne!(fs::read(&path).unwrap(), before);
}

#[cfg(unix)]
#[test]
fn only_its_owner_reads_an_account() {
    use std::os::unix::fs::PermissionsExt;
    let (folder, path) = folder();
    let mut store = FileCounterStore::create(&path, &CARD).unwrap();
    store.reserve(&CARD, 5).unwrap();
    for file in fs::read_dir(folder.path()).unwrap() {
        assert_eq!(file.unwrap().metadata().unwrap().permissions().mode() & 0o777, 0o600);
    }
}

#[test]
fn a_wallet_without_its_account_signs_nothing() {
    let (_folder, path) = folder();
    let world = P256::world();
    let other_account = FileCounterStore::create(&path, &CARD).unwrap();
    let mut wallet = Wallet::new(&world.authority, &world.card, other_account).unwrap();
    let refused = pay(&mut wallet, &numbered(world, 1, Kind::Purchase, 500)).unwrap_err();
    assert_eq!(refused.reason(), "counter_unavailable");
}
