//! What was overwritten or deleted is gone from the files, not only from the tables.
#![allow(clippy::unwrap_used, reason = "a test panics where it fails")]

use std::path::Path;

use symbolon_ccks::{LinkageAuthority, LinkageSeed, Period, Time};
use symbolon_pseudonym::LinkageHandle;
use symbolon_store::{SqliteStore, Store as _, StoreError, Transaction, records::LinkageSeedRecord};

fn seed(number: u16, period: u32) -> LinkageSeedRecord {
    let mut handle = [7; 16];
    handle[..2].copy_from_slice(&number.to_be_bytes());
    let mut first = [0xa5; 32];
    first[..2].copy_from_slice(&number.to_be_bytes());
    LinkageSeedRecord {
        handle: LinkageHandle::from_bytes(handle),
        period: Period::new(period).unwrap(),
        seed: LinkageSeed::from_bytes(first).after(LinkageAuthority::A, period),
        since: Time::new(1).unwrap(),
        published: false,
    }
}

/// How many of 500 seeds of this period can be read out of the files in a folder.
fn readable(folder: &Path, period: u32) -> usize {
    let files = std::fs::read_dir(folder).unwrap().map(|file| std::fs::read(file.unwrap().path()).unwrap());
    let files = files.collect::<Vec<_>>();
    let found = |wanted: &[u8]| files.iter().any(|file| file.windows(wanted.len()).any(|window| window == wanted));
    (0..500).step_by(10).filter(|number| found(seed(*number, period).seed.as_bytes())).count()
}

#[tokio::test]
async fn a_seed_that_was_overwritten_is_nowhere_in_the_files() {
    let folder = tempfile::tempdir().unwrap();
    let store = SqliteStore::open(folder.path().join("linkage.db")).unwrap();
    let add = |unit: &mut dyn Transaction| (0..500).try_for_each(|number| unit.add_linkage_seed(&seed(number, 3)));
    store.write::<_, StoreError, _>(add).await.unwrap();
    assert_eq!(readable(folder.path(), 3), 50);
    let replace =
        |unit: &mut dyn Transaction| (0..500).try_for_each(|number| unit.replace_linkage_seed(&seed(number, 4)));
    store.write::<_, StoreError, _>(replace).await.unwrap();
    assert_eq!(readable(folder.path(), 3), 50, "the log still holds them: this search would find them");
    store.erase_deleted().await.unwrap();
    assert_eq!((readable(folder.path(), 3), readable(folder.path(), 4)), (0, 50));
}
