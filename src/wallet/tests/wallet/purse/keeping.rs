//! The purse in a file.

use std::fs;
use std::path::PathBuf;

use symbolon_ccks::{Class, IdentityFields, P256, SigningKey, Subject};
use symbolon_tap::Kind;
use symbolon_wallet::{
    Fallback, FilePurseStore, MemoryCounterStore, Purse, PurseError, PursePolicy, PurseSettings, PurseStore, Wallet,
};

use super::issuing::{ask, boundary, fill, issuance, present, purse, random};
use crate::world::{TestSuite, World, now};

fn folder() -> (tempfile::TempDir, PathBuf) {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("purse");
    (folder, path)
}

fn filled(path: &PathBuf) -> Purse<'static, P256, MemoryCounterStore, FilePurseStore> {
    let world = P256::world();
    let wallet = world.wallet(MemoryCounterStore::new());
    let store = FilePurseStore::create(path).unwrap();
    let mut purse = Purse::create(wallet, store, PurseSettings::default()).unwrap();
    purse.take_issuance(&issuance(1)).unwrap().unwrap();
    fill(world, &mut purse, present(), 3);
    purse
}

fn opened(path: &PathBuf) -> Result<Purse<'static, P256, MemoryCounterStore, FilePurseStore>, PurseError> {
    Purse::open(P256::world().wallet(MemoryCounterStore::new()), FilePurseStore::open(path)?)
}

#[test]
fn a_purse_lasts() {
    let (_folder, path) = folder();
    let world = P256::world();
    let mut purse = filled(&path);
    let settings = PurseSettings {
        policy: PursePolicy::PerSector,
        fallback: Fallback::CardNumber,
        per_refill: 7,
        low_water: 1,
        next_period_lead_seconds: 60,
    };
    purse.set(settings).unwrap();
    let entered = ask(1, Kind::Entry, 500).tap(world, &mut purse).unwrap();
    let bought = ask(2, Kind::Purchase, 30).water().tap(world, &mut purse).unwrap();
    purse.prepare_request(present().next(), 2, [1; 32], now(), &mut random(3)).unwrap();
    let before: Vec<_> = purse.pseudonyms().collect();
    drop(purse);

    let mut purse = opened(&path).unwrap();
    assert_eq!((purse.settings(), purse.pseudonyms().collect::<Vec<_>>()), (settings, before));
    assert_eq!((purse.pending().len(), purse.taps().len(), purse.left(now())), (1, 2, 1));
    assert_eq!(ask(2, Kind::Purchase, 30).water().tap(world, &mut purse), Ok(bought));
    let left = ask(3, Kind::Exit, 0).tap(world, &mut purse).unwrap();
    assert_eq!((left.holder(), left.counter()), (entered.holder(), 2));
    let again = ask(4, Kind::Purchase, 30).water().tap(world, &mut purse).unwrap();
    assert_eq!((again.holder(), again.counter()), (bought.holder(), 2));
}

#[test]
fn two_processes_do_not_share_a_purse() {
    let (_folder, path) = folder();
    assert_eq!(opened(&path).unwrap_err(), PurseError::Unknown);
    let purse = filled(&path);
    assert_eq!(opened(&path).unwrap_err(), PurseError::InUse);
    assert_eq!(FilePurseStore::create(&path).unwrap_err(), PurseError::InUse);
    drop(purse);
    assert_eq!(FilePurseStore::create(&path).unwrap_err(), PurseError::Exists);
    assert_eq!(opened(&path).unwrap().left(now()), 3);
}

#[test]
fn a_purse_is_one_cards() {
    let (_folder, path) = folder();
    drop(filled(&path));
    let world = P256::world();
    let refused = |world: &World<P256>, key: &SigningKey<P256>| {
        let wallet = Wallet::new(&world.authority, key, MemoryCounterStore::new()).unwrap();
        Purse::open(wallet, FilePurseStore::open(&path).unwrap()).map(|_| ()).unwrap_err()
    };
    let other = IdentityFields { subject: Subject::from_bytes([8; 16]), ..world.fields(Class::Card) };
    assert_eq!(refused(world, &world.issue(other)), PurseError::OtherCard);
    let stranger = World::<P256>::new(2);
    assert_eq!(refused(&stranger, &stranger.card), PurseError::OtherCard);
}

#[test]
fn a_damaged_purse_is_refused_wherever_it_is_damaged() {
    let (_folder, path) = folder();
    drop(filled(&path));
    let good = fs::read(&path).unwrap();
    let damaged = |bytes: &[u8]| {
        fs::write(&path, bytes).unwrap();
        opened(&path).unwrap_err()
    };
    for index in 0..good.len() {
        let mut bytes = good.clone();
        bytes[index] ^= 1;
        assert_eq!(damaged(&bytes), PurseError::Damaged, "byte {index}");
        assert_eq!(damaged(&good[..index]), PurseError::Damaged, "cut to {index}");
    }
    assert_eq!(damaged(&[&good, [0].as_slice()].concat()), PurseError::Damaged);
    fs::write(&path, &good).unwrap();
    assert!(opened(&path).is_ok());
}

/// Whatever the checksum says: a state is read as it was written or not at all.
#[test]
fn no_state_is_read_that_was_not_written() {
    struct Fixed(Vec<u8>);
    impl PurseStore for Fixed {
        fn read(&self) -> Result<zeroize::Zeroizing<Vec<u8>>, PurseError> {
            Ok(zeroize::Zeroizing::new(self.0.clone()))
        }
        fn write(&mut self, state: &[u8]) -> Result<(), PurseError> {
            self.0 = state.to_vec();
            Ok(())
        }
    }
    let world = P256::world();
    let mut purse = purse(world, PursePolicy::Fresh, 2);
    ask(1, Kind::Entry, 5).tap(world, &mut purse).unwrap();
    purse.prepare_request(present(), 1, [1; 32], now(), &mut random(3)).unwrap();
    let good = purse.into_store().read().unwrap().to_vec();
    let reopened = |bytes: &[u8]| Purse::open(world.wallet(MemoryCounterStore::new()), Fixed(bytes.to_vec()));
    for length in 0..good.len() {
        assert_eq!(reopened(&good[..length]).map(|_| ()).unwrap_err(), PurseError::Damaged, "{length}");
    }
    let longer = [&good, [0].as_slice()].concat();
    assert_eq!(reopened(&longer).map(|_| ()).unwrap_err(), PurseError::Damaged);
    let mut rewritten = reopened(&good).unwrap();
    rewritten.set(rewritten.settings()).unwrap();
    assert_eq!(rewritten.into_store().0, good);
}

#[cfg(unix)]
#[test]
fn only_its_owner_reads_a_purse() {
    use std::os::unix::fs::PermissionsExt;
    let (folder, path) = folder();
    drop(filled(&path));
    for file in fs::read_dir(folder.path()).unwrap() {
        assert_eq!(file.unwrap().metadata().unwrap().permissions().mode() & 0o777, 0o600);
    }
}

/// The secrets of what is used are in no file any more, and what was asked for not once it is answered.
#[test]
fn erased_keys_are_not_in_the_file() {
    let (folder, path) = folder();
    let world = P256::world();
    let mut purse = filled(&path);
    let holds = |digits: &[u8]| {
        let files = fs::read_dir(folder.path()).unwrap().map(|file| fs::read(file.unwrap().path()).unwrap());
        files.into_iter().any(|bytes| bytes.windows(digits.len()).any(|window| window == digits))
    };
    // 32 bytes after each credential and its numbers are its key; a credential's subject finds the place.
    let file = fs::read(&path).unwrap();
    let shown = ask(1, Kind::Purchase, 5).shows(world, &mut purse);
    let place = file.windows(16).position(|window| window == shown.as_bytes()).unwrap();
    let key = &file[place - 12 + 89 + 28..place - 12 + 89 + 28 + 32];
    assert!(key.iter().any(|byte| *byte != 0), "a key was there");
    assert!(!holds(key));
    assert!(holds(shown.as_bytes()), "what was done is still told");
    purse.erase_used(present().end(boundary())).unwrap();
    assert!(purse.pseudonyms().all(|held| !held.has_key));
}
