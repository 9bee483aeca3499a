//! Two accounts and money between them.

use symbolon_ccks::Time;
use symbolon_store::{
    Store, StoreError, Transaction,
    records::{AccountKind, AccountName, AccountRecord, EntryKind, NewEntry, Transfer},
};

pub(crate) fn time(seconds: u64) -> Time {
    Time::new(seconds).unwrap()
}

pub(crate) fn account(number: u8) -> AccountRecord {
    AccountRecord {
        name: AccountName::holder([number; 16]),
        kind: AccountKind::Holder,
        owner: None,
        currency: 156,
        balance: 0,
        created: time(1),
    }
}

/// Moves 5 from the first account to the second, both open.
pub(crate) fn pay(unit: &mut dyn Transaction) -> Result<(), StoreError> {
    unit.open_account(&account(1))?;
    unit.open_account(&account(2))?;
    let transfer = Transfer { from: account(1).name, to: account(2).name, amount: 5 };
    unit.post(&NewEntry::of_transfers(EntryKind::TopUp, 156, None, time(2), [transfer]).unwrap()).map(drop)
}

pub(crate) async fn problems(store: &impl Store) -> Vec<String> {
    store.read::<_, StoreError, _>(|unit| unit.audit()).await.unwrap().problems
}
