//! Net positions of parties.

use super::{
    read,
    samples::{CURRENCY, account, name, time},
    write,
};
use crate::{
    Store,
    records::{AccountKind, AccountName, AccountRecord, EntryKind, NetPosition, NewEntry, Transfer},
};

const OTHER_CURRENCY: u16 = 978;

fn owned(name: AccountName, kind: AccountKind, owner: Option<&str>, currency: u16) -> AccountRecord {
    let owner = owner.map(super::samples::name);
    AccountRecord { name, kind, owner, currency, ..account(0) }
}

fn operator(operator: &str, currency: u16) -> AccountRecord {
    owned(AccountName::operator(&name(operator), currency), AccountKind::Operator, Some(operator), currency)
}

fn holder(number: u8, issuer: &str, currency: u16) -> AccountRecord {
    owned(AccountName::holder([number; 16]), AccountKind::Holder, Some(issuer), currency)
}

pub(super) async fn positions_are_of_parties_and_sum_to_zero<D: Store>(store: D) {
    let bank = owned(AccountName::issuer(&name("bank"), CURRENCY), AccountKind::Issuer, Some("bank"), CURRENCY);
    let journeys = owned(AccountName::journeys(CURRENCY), AccountKind::Journeys, None, CURRENCY);
    let suspense = owned(AccountName::suspense(CURRENCY), AccountKind::Suspense, None, CURRENCY);
    let [one, two, three] = [(1, "bank"), (2, "bank"), (3, "post")].map(|(number, of)| holder(number, of, CURRENCY));
    let abroad = holder(4, "bank", OTHER_CURRENCY);
    let (metro, water) = (operator("metro", CURRENCY), operator("water", CURRENCY));
    let metro_abroad = operator("metro", OTHER_CURRENCY);
    let moved = [
        (EntryKind::Purchase, 9, &one, &metro, 1),
        (EntryKind::TopUp, 12, &bank, &one, 5_000),
        (EntryKind::Purchase, 10, &one, &metro, 100),
        (EntryKind::Entry, 11, &two, &journeys, 500),
        (EntryKind::Purchase, 12, &three, &water, 40),
        (EntryKind::Refund, 13, &metro, &three, 30),
        (EntryKind::Charges, 14, &suspense, &water, 6),
        (EntryKind::Purchase, 19, &abroad, &metro_abroad, 8),
        (EntryKind::Purchase, 20, &one, &metro, 7),
    ]
    .map(|(kind, seconds, from, to, amount)| {
        let transfer = Transfer { from: from.name.clone(), to: to.name.clone(), amount };
        NewEntry::of_transfers(kind, from.currency, None, time(seconds), [transfer]).expect("something moves")
    });
    let accounts = [bank, journeys, suspense, one, two, three, abroad, metro, water, metro_abroad];
    write(&store, move |unit| {
        accounts.iter().try_for_each(|account| unit.open_account(account))?;
        moved.iter().try_for_each(|entry| unit.post(entry).map(drop))
    })
    .await;
    let positions = |from, until| read(&store, move |unit| unit.net_positions(time(from), time(until)));
    let position = |kind, owner: Option<&str>, currency, credited, debited| NetPosition {
        kind,
        owner: owner.map(name),
        currency,
        credited,
        debited,
    };
    let day = positions(10, 20).await;
    let expected = [
        position(AccountKind::Operator, Some("metro"), CURRENCY, 100, 30),
        position(AccountKind::Operator, Some("water"), CURRENCY, 46, 0),
        position(AccountKind::Issuer, Some("bank"), CURRENCY, 0, 600),
        position(AccountKind::Issuer, Some("post"), CURRENCY, 30, 40),
        position(AccountKind::Journeys, None, CURRENCY, 500, 0),
        position(AccountKind::Suspense, None, CURRENCY, 0, 6),
        position(AccountKind::Operator, Some("metro"), OTHER_CURRENCY, 8, 0),
        position(AccountKind::Issuer, Some("bank"), OTHER_CURRENCY, 0, 8),
    ];
    assert_eq!(day, expected);
    for currency in [CURRENCY, OTHER_CURRENCY] {
        let of_it = day.iter().filter(|position| position.currency == currency);
        assert_eq!(of_it.map(NetPosition::net).sum::<i64>(), 0);
    }
    assert_eq!(positions(21, 30).await, []);
}
