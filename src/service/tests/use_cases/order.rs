//! However uploads are ordered, split and repeated: the same records end in the same ledger.

use std::collections::BTreeMap;

use proptest::{
    prelude::{Just, ProptestConfig, Strategy, any, proptest},
    sample::Index,
};
use symbolon_ccks::P256;
use symbolon_service::{Policy, exchange::FareTable};
use symbolon_tap::{Kind, Record};

use crate::city::{City, Gate, Wallet, name};

/// A tap of the day: which wallet at which gate, what, when and where.
#[derive(Clone, Debug)]
struct Tap {
    wallet: usize,
    gate: usize,
    kind: Kind,
    amount: u32,
    seconds: u64,
    station: u8,
}

const WALLETS: usize = 2;
const GATES: usize = 3;

fn taps() -> impl Strategy<Value = Vec<Tap>> {
    let tap = (0..WALLETS, 0..GATES, 0..5_u8, 1..300_u32, 0..60_u64, 1..4_u8);
    let tap = tap.prop_map(|(wallet, gate, kind, amount, seconds, station)| {
        // Journeys are what order could matter to, so most taps are ends of some.
        let (kind, amount) = match kind {
            0 => (Kind::Purchase, amount),
            1 | 2 => (Kind::Entry, amount),
            _ => (Kind::Exit, 0),
        };
        Tap { wallet, gate, kind, amount, seconds, station }
    });
    proptest::collection::vec(tap, 1..16)
}

/// An order in which the records are sent, how many at a time, and which are sent again in between.
fn day() -> impl Strategy<Value = (Vec<Tap>, Vec<usize>, Vec<usize>, Vec<Index>)> {
    taps().prop_flat_map(|taps| {
        let order = Just((0..taps.len()).collect::<Vec<_>>()).prop_shuffle();
        let sizes = proptest::collection::vec(1..4_usize, taps.len());
        let repeats = proptest::collection::vec(any::<Index>(), 0..6);
        (Just(taps), order, sizes, repeats)
    })
}

/// Sends records in this order, each to the gate that took it; consecutive ones of a gate travel together.
async fn send(city: &City, gates: &mut [Gate<P256>], records: &[(usize, Record)], sizes: &[usize]) {
    let mut rest = records;
    let mut sizes = sizes.iter().cycle();
    while let Some((gate, _)) = rest.first() {
        let most = *sizes.next().unwrap();
        let together = rest.iter().take(most).take_while(|(other, _)| other == gate).count();
        let (now, later) = rest.split_at(together);
        let upload = gates[*gate].upload(&now.iter().map(|(_, record)| *record).collect::<Vec<_>>());
        city.upload(upload).await;
        rest = later;
    }
}

/// The balances of a city in which the records are sent so.
async fn ledger_after(base: &Base, records: &[(usize, Record)], sizes: &[usize]) -> BTreeMap<String, i64> {
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
    let mut gates = base.gates.iter().map(|gate| gate.again(city.keys.authority())).collect::<Vec<_>>();
    send(&city, &mut gates, records, sizes).await;
    let mut balances = city.balances().await;
    // An account is opened when it first gains or loses something, which may be taken back.
    balances.retain(|_, balance| *balance != 0);
    balances
}

struct Base {
    city: City,
    wallets: Vec<Wallet<P256>>,
    gates: Vec<Gate<P256>>,
}

async fn base() -> Base {
    let mut fares = FareTable::new(120);
    for (from, to, fare) in [(1, 2, 80), (2, 1, 90), (1, 3, 300), (3, 3, 0)] {
        fares.set(name("metro"), [from; 16], [to; 16], fare);
    }
    let mut city = City::with(City::new().keys, Policy::default(), fares);
    let (mut wallets, mut gates) = (Vec::new(), Vec::new());
    for _ in 0..WALLETS {
        wallets.push(city.wallet().await);
    }
    for operator in ["metro", "metro", "tram"] {
        gates.push(city.gate(operator).await);
    }
    // Closing a store brings everything from its log into the one file that is copied.
    city.roles = None;
    Base { city, wallets, gates }
}

/// The records of the taps, signed in the order of their times as wallets do.
fn sign(base: &mut Base, taps: &[Tap]) -> Vec<(usize, Record)> {
    let mut by_time = taps.to_vec();
    by_time.sort_by_key(|tap| tap.seconds);
    let Base { wallets, gates, .. } = base;
    wallets.iter_mut().for_each(|wallet| wallet.counter = 0);
    let sign = |tap: Tap| {
        let (gate, wallet) = (&mut gates[tap.gate], &mut wallets[tap.wallet]);
        (tap.gate, gate.tap_at(wallet, tap.kind, tap.amount, tap.seconds, tap.station))
    };
    by_time.into_iter().map(sign).collect()
}

#[test]
fn the_order_of_uploads_does_not_change_the_ledger() {
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    let base = std::cell::RefCell::new(runtime.block_on(base()));
    proptest!(ProptestConfig { cases: 24, failure_persistence: None, ..ProptestConfig::default() },
        |((taps, order, sizes, repeats) in day())| {
        let mut base = base.borrow_mut();
        let records = sign(&mut base, &taps);
        let mut shuffled = order.iter().map(|place| records[*place]).collect::<Vec<_>>();
        for repeat in &repeats {
            let again = *repeat.get(&records);
            shuffled.insert(repeat.index(shuffled.len() + 1), again);
        }
        let (in_order, out_of_order) = runtime.block_on(async {
            (ledger_after(&base, &records, &[records.len()]).await, ledger_after(&base, &shuffled, &sizes).await)
        });
        assert_eq!(in_order, out_of_order);
    });
}
