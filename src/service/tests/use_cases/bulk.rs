//! Whole uploads are decided as if each record had come alone, one after the other.

use std::{collections::BTreeMap, path::Path};

use proptest::{
    prelude::{ProptestConfig, Strategy, any, prop_oneof, proptest},
    sample::Index,
};
use rusqlite::{Connection, OpenFlags, types::Value};
use symbolon_ccks::P256;
use symbolon_service::{
    Policy,
    cards::NewCard,
    exchange::{FareTable, RecordOutcome},
};
use symbolon_tap::{Kind, Record};

use crate::city::{City, Gate, Wallet, new_card};

const WALLETS: usize = 2;

/// What a terminal that is not to be trusted puts into its uploads.
#[derive(Clone, Debug)]
enum Act {
    /// A tap.
    Tap { wallet: usize, kind: Kind, amount: u32, seconds: u64 },
    /// A record that was there before.
    Again(Index),
    /// The terms of a record that was there before, under another counter.
    AnsweredTwice(Index),
    /// Other terms under the counter of a record that was there before.
    DoubleUse(Index, u32),
    /// A record that was there before, with a byte of it changed.
    Damaged(Index, Index),
}

fn act() -> impl Strategy<Value = Act> {
    let tap = (0..WALLETS, 0..5_u8, 1..400_u32, 0..60_u64).prop_map(|(wallet, kind, amount, seconds)| {
        let (kind, amount) = match kind {
            0..=2 => (Kind::Purchase, amount),
            3 => (Kind::Entry, amount),
            _ => (Kind::Exit, 0),
        };
        Act::Tap { wallet, kind, amount, seconds }
    });
    prop_oneof![
        6 => tap,
        2 => any::<Index>().prop_map(Act::Again),
        2 => any::<Index>().prop_map(Act::AnsweredTwice),
        2 => (any::<Index>(), 1..400_u32).prop_map(|(which, amount)| Act::DoubleUse(which, amount)),
        1 => (any::<Index>(), any::<Index>()).prop_map(|(which, byte)| Act::Damaged(which, byte)),
    ]
}

struct Base {
    city: City,
    wallets: Vec<Wallet<P256>>,
    gate: Gate<P256>,
}

/// Two cards whose budget a few taps use up, and a gate.
async fn base() -> Base {
    let mut city = City::with(City::new().keys, Policy::default(), FareTable::new(120));
    let mut wallets = Vec::new();
    for _ in 0..WALLETS {
        wallets.push(city.wallet_of(NewCard { spend_limit: 400, budget: 900, ..new_card() }).await);
    }
    let gate = city.gate("metro").await;
    // Closing a store brings everything from its log into the one file that is copied.
    city.roles = None;
    Base { city, wallets, gate }
}

fn records(base: &mut Base, acts: &[Act]) -> Vec<Record> {
    let Base { wallets, gate, .. } = base;
    wallets.iter_mut().for_each(|wallet| wallet.counter = 0);
    let mut signed = Vec::<(usize, Record)>::new();
    let mut records = Vec::new();
    for act in acts {
        let before = |which: &Index| (!signed.is_empty()).then(|| *which.get(&signed));
        let next = match act {
            Act::Tap { wallet, kind, amount, seconds } => {
                Some((*wallet, gate.tap_at(&mut wallets[*wallet], *kind, *amount, *seconds, 1)))
            }
            Act::Again(which) => before(which),
            Act::AnsweredTwice(which) => {
                before(which).map(|(wallet, record)| (wallet, wallets[wallet].answer(gate, *record.terms())))
            }
            Act::DoubleUse(which, amount) => before(which).map(|(wallet, record)| {
                let terms = gate.terms(Kind::Purchase, *amount, 30);
                (wallet, wallets[wallet].answer_under(record.presentation().counter(), gate, terms))
            }),
            Act::Damaged(which, byte) => {
                records.extend(before(which).and_then(|(_, record)| {
                    let mut bytes = record.as_bytes().to_vec();
                    bytes[byte.index(Record::SIZE)] ^= 1;
                    // What does not read as a record cannot be put into an upload here.
                    Record::parse(&bytes).ok().copied()
                }));
                None
            }
        };
        signed.extend(next);
        records.extend(next.map(|(_, record)| record));
    }
    records
}

/// What is left in the exchange's database, without what tells uploads apart.
fn kept(exchange: &Path) -> Vec<Vec<Value>> {
    let connection = Connection::open_with_flags(exchange, OpenFlags::SQLITE_OPEN_READ_ONLY).unwrap();
    let mut rows = Vec::new();
    for sql in [
        "SELECT s.credential_digest, s.counter, s.agreement, s.outcome, s.misuse, s.kind, s.amount, s.after_revocation,
             s.time, r.counter
         FROM settlements AS s LEFT JOIN settlements AS r ON r.id = s.repeats ORDER BY s.credential_digest, s.counter",
        "SELECT * FROM spending ORDER BY credential_digest",
        "SELECT kind, credential, offence, items FROM misuse ORDER BY id",
        "SELECT misuse, credential_digest FROM suspensions ORDER BY misuse",
        "SELECT s.credential_digest, s.counter, c.kind, c.moves FROM charges AS c JOIN settlements AS s
             ON s.id = c.settlement ORDER BY s.credential_digest, s.counter, c.kind, c.moves",
        "SELECT e.credential_digest, e.counter, e.exits, e.fare, x.counter FROM journeys AS e
             LEFT JOIN journeys AS x ON x.settlement = e.closed_by ORDER BY e.credential_digest, e.counter",
    ] {
        let mut statement = connection.prepare(sql).unwrap();
        let columns = statement.column_count();
        let read = |row: &rusqlite::Row<'_>| (0..columns).map(|column| row.get(column)).collect::<Result<Vec<_>, _>>();
        rows.extend(statement.query_map([], read).unwrap().map(Result::unwrap));
    }
    rows
}

type Left = (Vec<RecordOutcome>, BTreeMap<String, i64>, Vec<Vec<Value>>);

/// What became of the records when they came so many at a time, and what is left of it.
async fn settle(base: &Base, records: &[Record], at_a_time: usize) -> Left {
    let mut city = City::with(base.city.keys.clone(), base.city.policy.clone(), base.city.fares.clone());
    // The city as it was when all had enrolled.
    city.roles = None;
    for file in std::fs::read_dir(city.folder.path()).unwrap() {
        std::fs::remove_file(file.unwrap().path()).unwrap();
    }
    for file in std::fs::read_dir(base.city.folder.path()).unwrap() {
        let file = file.unwrap();
        std::fs::copy(file.path(), city.folder.path().join(file.file_name())).unwrap();
    }
    city.reopen();
    city.clock.set(100);
    let mut gate = base.gate.again(city.keys.authority());
    let mut outcomes = Vec::new();
    for together in records.chunks(at_a_time) {
        outcomes.extend_from_slice(city.upload(gate.upload(together)).await.outcomes());
    }
    let balances = city.balances().await;
    city.roles = None;
    (outcomes, balances, kept(&city.folder.path().join("exchange.db")))
}

#[test]
fn an_upload_is_decided_as_its_records_one_by_one() {
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    let base = std::cell::RefCell::new(runtime.block_on(base()));
    let acts = proptest::collection::vec(act(), 1..24);
    proptest!(ProptestConfig { cases: 6, failure_persistence: None, ..ProptestConfig::default() },
        |(acts in acts, at_a_time in 2..8_usize)| {
        let mut base = base.borrow_mut();
        let records = records(&mut base, &acts);
        runtime.block_on(async {
            let alone = settle(&base, &records, 1).await;
            assert_eq!(settle(&base, &records, records.len().max(1)).await, alone);
            assert_eq!(settle(&base, &records, at_a_time).await, alone);
        });
    });
}
