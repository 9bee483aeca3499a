//! The power goes at the worst moments: a counter may be lost, but none is used twice.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

use sha2::{Digest, Sha256};
use symbolon_ccks::{CredentialDigest, Suite};
use symbolon_tap::misuse::Item;
use symbolon_tap::{Kind, Presentation};
use symbolon_wallet::{Account, CounterError, CounterStore, FileCounterStore, Refused};

use crate::world::{TestSuite, World, for_each_suite, numbered, pay};

for_each_suite!(
    a_counter_taken_before_a_crash_is_skipped,
    an_answer_that_was_not_kept_does_not_leave,
    a_write_cut_short_leaves_the_account_as_it_was,
    counters_end_rather_than_begin_again,
);

#[derive(Clone, Copy, PartialEq)]
enum PowerGoes {
    BeforeReserving,
    AfterReserving,
    BeforeKeeping,
    AfterKeeping,
    Never,
}

/// A store whose device loses power at a given moment.
struct Unreliable {
    file: FileCounterStore,
    power_goes: PowerGoes,
}

const GONE: CounterError = CounterError::Io(std::io::ErrorKind::BrokenPipe);

impl Unreliable {
    fn at(&self, moment: PowerGoes) -> Result<(), CounterError> {
        if self.power_goes == moment { Err(GONE) } else { Ok(()) }
    }
}

impl CounterStore for Unreliable {
    fn account(&self, credential: &CredentialDigest) -> Result<Account, CounterError> {
        self.file.account(credential)
    }

    fn reserve(&mut self, credential: &CredentialDigest, amount: u32) -> Result<u32, CounterError> {
        self.at(PowerGoes::BeforeReserving)?;
        let counter = self.file.reserve(credential, amount)?;
        self.at(PowerGoes::AfterReserving)?;
        Ok(counter)
    }

    fn keep_answer(&mut self, credential: &CredentialDigest, answer: &Item) -> Result<(), CounterError> {
        self.at(PowerGoes::BeforeKeeping)?;
        self.file.keep_answer(credential, answer)?;
        self.at(PowerGoes::AfterKeeping)
    }
}

/// Pays once with what is on the disk, on a device that loses power at `power_goes`.
fn pay_once<S: Suite>(
    world: &World<S>,
    path: &Path,
    selection: u8,
    power_goes: PowerGoes,
) -> Result<Presentation, Refused> {
    let digest = world.card.credential().unwrap().digest();
    let file = FileCounterStore::open(path, &digest).unwrap();
    let mut wallet = world.wallet(Unreliable { file, power_goes });
    pay(&mut wallet, &numbered(world, selection, Kind::Purchase, 500))
}

fn created<S: Suite>(world: &World<S>) -> (tempfile::TempDir, std::path::PathBuf) {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("card.counter");
    drop(FileCounterStore::create(&path, &world.card.credential().unwrap().digest()).unwrap());
    (folder, path)
}

fn account<S: Suite>(world: &World<S>, path: &Path) -> Account {
    let digest = world.card.credential().unwrap().digest();
    FileCounterStore::open(path, &digest).unwrap().account(&digest).unwrap()
}

fn a_counter_taken_before_a_crash_is_skipped<S: TestSuite>() {
    let world = S::world();
    let (_folder, path) = created(world);
    let mut used = BTreeSet::new();
    let moments = [
        PowerGoes::Never,
        PowerGoes::AfterReserving,
        PowerGoes::BeforeReserving,
        PowerGoes::Never,
        PowerGoes::AfterReserving,
        PowerGoes::AfterReserving,
        PowerGoes::Never,
    ];
    for (selection, moment) in (1u8..).zip(moments) {
        let before = account(world, &path);
        match pay_once(world, &path, selection, moment) {
            Ok(answer) => assert!(used.insert(answer.counter()), "counter {} again", answer.counter()),
            Err(refused) => assert_eq!(refused, Refused::Counter(GONE)),
        }
        let taken = u32::from(moment != PowerGoes::BeforeReserving);
        let after = account(world, &path);
        assert_eq!(after.counter, before.counter + taken);
        assert_eq!(after.spent, before.spent + 500 * u64::from(taken), "a lost counter's amount counts");
    }
    assert_eq!(used, BTreeSet::from([1, 3, 6]));
}

fn an_answer_that_was_not_kept_does_not_leave<S: TestSuite>() {
    let world = S::world();
    let (_folder, path) = created(world);
    assert_eq!(pay_once(world, &path, 1, PowerGoes::BeforeKeeping), Err(Refused::Counter(GONE)));
    // Asked again, the wallet has no answer to repeat: it signs anew, under the next counter.
    assert_eq!(pay_once(world, &path, 1, PowerGoes::Never).map(|answer| answer.counter()), Ok(2));
    // Kept, though the device died before it was sent: it is repeated.
    assert_eq!(pay_once(world, &path, 2, PowerGoes::AfterKeeping), Err(Refused::Counter(GONE)));
    assert_eq!(pay_once(world, &path, 2, PowerGoes::Never).map(|answer| answer.counter()), Ok(3));
    assert_eq!(account(world, &path).counter, 3);
}

fn a_write_cut_short_leaves_the_account_as_it_was<S: TestSuite>() {
    let world = S::world();
    let (folder, path) = created(world);
    pay_once(world, &path, 1, PowerGoes::Never).unwrap();
    let before = account(world, &path);
    for length in [0, 1, 324] {
        fs::write(folder.path().join("card.counter.new"), vec![0xff; length]).unwrap();
        assert_eq!(account(world, &path), before);
    }
    assert_eq!(pay_once(world, &path, 2, PowerGoes::Never).map(|answer| answer.counter()), Ok(2));
}

fn counters_end_rather_than_begin_again<S: TestSuite>() {
    let world = S::world();
    let (_folder, path) = created(world);
    // The account as it is after all the taps that a credential can make but one.
    let mut file = fs::read(&path).unwrap();
    file[8..12].copy_from_slice(&(u32::MAX - 1).to_be_bytes());
    let (account, checksum) = file.split_at_mut(293);
    checksum.copy_from_slice(&Sha256::digest(account));
    fs::write(&path, &file).unwrap();
    assert_eq!(pay_once(world, &path, 1, PowerGoes::Never).map(|answer| answer.counter()), Ok(u32::MAX));
    let refused = pay_once(world, &path, 2, PowerGoes::Never).unwrap_err();
    assert_eq!((refused, refused.reason()), (Refused::Counter(CounterError::Exhausted), "counters_exhausted"));
}
