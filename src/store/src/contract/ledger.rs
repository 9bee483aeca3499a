//! The double-entry ledger.

use super::{
    conflicts, read,
    samples::{CURRENCY, account, name, time},
    write,
};
use crate::{
    Page, Store,
    records::{
        AccountKind, AccountName, AccountRecord, EntryKind, NewEntry, PostingRecord, RecordPosition, Transfer, UploadId,
    },
};

const ALL: Page = Page { after: 0, limit: 100 };

fn transfer(from: u8, to: u8, amount: u32) -> Transfer {
    Transfer { from: account(from).name, to: account(to).name, amount }
}

fn entry(record: Option<RecordPosition>, transfers: &[Transfer]) -> NewEntry {
    NewEntry::of_transfers(EntryKind::Exit, CURRENCY, record, time(50), transfers.iter().cloned())
        .expect("something moves")
}

async fn with_accounts<D: Store>(store: &D) {
    write(store, |unit| (1..=3).try_for_each(|number| unit.open_account(&account(number)))).await;
}

pub(super) async fn entries_move_balances_and_are_listed<D: Store>(store: D) {
    with_accounts(&store).await;
    // Of an upload that is kept elsewhere.
    let record = RecordPosition::new(UploadId(7), 8_191);
    let first =
        write(&store, move |unit| unit.post(&entry(Some(record), &[transfer(1, 2, 300), transfer(1, 3, 200)]))).await;
    let second = write(&store, |unit| unit.post(&entry(None, &[transfer(3, 1, 50), transfer(2, 2, 7)]))).await;
    let balance = |number| {
        let name = account(number).name;
        move |unit: &dyn crate::Transaction| Ok(unit.account(&name)?.map(|account| account.balance))
    };
    assert_eq!(read(&store, balance(1)).await, Some(-450));
    assert_eq!(read(&store, balance(2)).await, Some(300));
    assert_eq!(read(&store, balance(3)).await, Some(150));
    assert_eq!(read(&store, balance(4)).await, None);
    // Opening it again changes nothing.
    write(&store, |unit| unit.open_account(&account(1))).await;
    assert_eq!(read(&store, balance(1)).await, Some(-450));

    let postings = read(&store, |unit| unit.postings(&account(1).name, ALL)).await;
    let expected = [(first, -500, Some(record)), (second, 50, None)].map(|(entry, amount, record)| PostingRecord {
        entry,
        kind: EntryKind::Exit,
        account: account(1).name,
        amount,
        record,
        time: time(50),
    });
    assert_eq!(postings.iter().map(|posting| posting.record.clone()).collect::<Vec<_>>(), expected);
    let rest = Page { after: postings[0].position, limit: 100 };
    assert_eq!(read(&store, move |unit| unit.postings(&account(1).name, rest)).await, postings[1..]);
}

pub(super) async fn an_entry_needs_open_accounts_of_its_currency<D: Store>(store: D) {
    with_accounts(&store).await;
    conflicts(&store, |unit| unit.post(&entry(None, &[transfer(1, 9, 1)]))).await;
    write(&store, |unit| unit.open_account(&AccountRecord { currency: 978, ..account(4) })).await;
    conflicts(&store, |unit| unit.post(&entry(None, &[transfer(1, 4, 1)]))).await;
    let audit = read(&store, |unit| unit.audit()).await;
    assert_eq!((audit.entries, audit.postings, audit.problems), (0, 0, Vec::new()), "a refused entry left something");
}

pub(super) async fn an_audit_of_a_sound_ledger_finds_nothing<D: Store>(store: D) {
    with_accounts(&store).await;
    let operator = || AccountRecord {
        name: AccountName::operator(&name("metro"), CURRENCY),
        kind: AccountKind::Operator,
        owner: Some(name("metro")),
        ..account(0)
    };
    write(&store, move |unit| unit.open_account(&operator())).await;
    write(&store, |unit| {
        for amount in 1..=10 {
            unit.post(&entry(None, &[transfer(1, 2, amount), transfer(2, 3, amount * 2)]))?;
        }
        Ok(())
    })
    .await;
    let audit = read(&store, |unit| unit.audit()).await;
    assert_eq!((audit.entries, audit.postings, audit.accounts, audit.sum), (10, 30, 4, 0));
    assert_eq!(audit.problems, Vec::<String>::new());
    let owned = read(&store, |unit| unit.accounts(Some(&name("metro")), ALL)).await;
    assert_eq!(owned.into_iter().map(|account| account.record).collect::<Vec<_>>(), [operator()]);
    assert_eq!(read(&store, |unit| unit.accounts(None, ALL)).await.len(), 4);
    assert_eq!(read(&store, |unit| unit.suspense_accounts()).await, []);
    let suspense = || AccountRecord {
        name: AccountName::suspense(CURRENCY),
        kind: AccountKind::Suspense,
        owner: None,
        ..account(0)
    };
    write(&store, move |unit| unit.open_account(&suspense())).await;
    assert_eq!(read(&store, |unit| unit.suspense_accounts()).await, [suspense()]);
}
