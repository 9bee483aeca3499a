//! What operators collect: everything that became of their records, once, and the same as the ledger says.

use std::collections::BTreeMap;

use symbolon_service::{
    Policy,
    exchange::{CollectedRecord, FareTable, RecordOutcome, RouteCursor},
};
use symbolon_store::records::{AccountKind, EntryKind, NetPosition, RouteEvent};
use symbolon_tap::Kind;

use crate::city::{ALL, City, name, time};

const HELD_SECONDS: u64 = 1_000;

fn city() -> City {
    let mut fares = FareTable::new(200);
    fares.set(name("metro"), [1; 16], [2; 16], 350);
    let policy = Policy { journey_seconds: HELD_SECONDS, ..Policy::default() };
    City::with(City::new().keys, policy, fares)
}

/// Everything behind a cursor, so many at a time.
async fn collected(
    city: &City,
    operator: &str,
    mut after: Option<RouteCursor>,
    at_a_time: usize,
) -> Vec<CollectedRecord> {
    let mut all = Vec::new();
    loop {
        let some = city.roles().exchange.collect(&name(operator), after, at_a_time).await.unwrap();
        assert!(some.len() <= at_a_time);
        let Some(last) = some.last() else { return all };
        after = Some(last.cursor);
        all.extend(some);
    }
}

fn told(collected: &[CollectedRecord]) -> Vec<(RouteEvent, Kind, i64)> {
    let told = |one: &CollectedRecord| (one.event, one.record.record.parse().unwrap().terms().kind(), one.gain);
    collected.iter().map(told).collect()
}

#[tokio::test]
async fn each_operator_collects_its_own_settled_records_once() {
    use RouteEvent::{Priced, Settled};
    let mut city = city();
    let (mut wallet, mut metro, mut tram) = (city.wallet().await, city.gate("metro").await, city.gate("tram").await);
    let purchase = metro.tap(&mut wallet, Kind::Purchase, 100, 10);
    let entry = metro.tap_at(&mut wallet, Kind::Entry, 500, 20, 1);
    let exit = metro.tap_at(&mut wallet, Kind::Exit, 0, 30, 2);
    let dear = metro.tap(&mut wallet, Kind::Purchase, 1001, 10);
    let elsewhere = tram.tap(&mut wallet, Kind::Purchase, 70, 40);
    city.upload(metro.upload(&[purchase, exit, dear])).await;
    city.upload(tram.upload(&[elsewhere])).await;
    let first = collected(&city, "metro", None, 1).await;
    assert_eq!(told(&first), [(Settled, Kind::Purchase, 100), (Settled, Kind::Exit, 0)]);
    // A duplicate is told nobody; what an entry did to an exit told before is told behind it.
    city.upload(metro.upload(&[purchase, entry])).await;
    let cursor = Some(first[1].cursor);
    city.reopen();
    let then = collected(&city, "metro", cursor, 1).await;
    assert_eq!(told(&then), [(Settled, Kind::Entry, 0), (Priced, Kind::Exit, 350)]);
    assert_eq!(collected(&city, "metro", Some(then[1].cursor), 9).await, []);
    let all = collected(&city, "metro", None, 3).await;
    assert_eq!(all, [first, then].concat());
    assert_eq!(told(&collected(&city, "tram", None, 9).await), [(Settled, Kind::Purchase, 70)]);
    assert_eq!(collected(&city, "water", None, 9).await, []);
    assert!(all.iter().all(|one| one.record.operator == name("metro")));
    assert!(all.iter().all(|one| matches!(one.record.outcome, RecordOutcome::Settled { .. })));
}

#[tokio::test]
async fn a_cursor_that_was_never_given_is_refused() {
    let city = city();
    let (mut wallet, mut metro) = (city.wallet().await, city.gate("metro").await);
    let exchange = &city.roles().exchange;
    // As after the loss of a database: an operator that went on from here would miss what is settled next.
    let ahead = "65536".parse::<RouteCursor>().unwrap();
    let refused = exchange.collect(&name("metro"), Some(ahead), 9).await.unwrap_err();
    assert_eq!(refused.reason(), "invalid_field");
    let records = [metro.tap(&mut wallet, Kind::Purchase, 100, 10), metro.tap(&mut wallet, Kind::Purchase, 50, 10)];
    city.upload(metro.upload(&records)).await;
    assert_eq!(exchange.collect(&name("metro"), Some(ahead), 9).await.unwrap().len(), 1);
    assert_eq!(exchange.collect(&name("metro"), Some("65537".parse().unwrap()), 9).await.unwrap(), []);
    for place in ["65538", "131072"] {
        let refused = exchange.collect(&name("metro"), Some(place.parse().unwrap()), 9).await.unwrap_err();
        assert_eq!(refused.reason(), "invalid_field");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn what_is_settled_while_an_operator_collects_is_told_once() {
    let city = city();
    let (mut wallet, mut gate) = (city.wallet().await, city.gate("metro").await);
    let uploads = (0..12).map(|_| {
        let records: [_; 3] = std::array::from_fn(|_| gate.tap(&mut wallet, Kind::Purchase, 10, 10));
        gate.upload(&records)
    });
    let uploads = uploads.collect::<Vec<_>>();
    let running = uploads.into_iter().map(|upload| {
        let exchange = city.roles().exchange.clone();
        tokio::spawn(async move { exchange.upload(upload).await.unwrap() })
    });
    let running = running.collect::<Vec<_>>();
    let (mut seen, mut after) = (Vec::new(), None);
    while seen.len() < 36 {
        let some = city.roles().exchange.collect(&name("metro"), after, 2).await.unwrap();
        after = some.last().map(|last| last.cursor).or(after);
        seen.extend(some.into_iter().map(|one| one.record.position));
        tokio::task::yield_now().await;
    }
    for upload in running {
        upload.await.unwrap();
    }
    seen.sort_unstable();
    seen.dedup();
    assert_eq!(seen.len(), 36, "one was told twice or never");
    assert_eq!(collected(&city, "metro", after, 9).await, []);
}

#[tokio::test]
async fn a_journey_without_an_exit_costs_what_was_held_until_one_comes() {
    let city = city();
    let (mut wallet, mut gate) = (city.wallet().await, city.gate("metro").await);
    let entry = gate.tap_at(&mut wallet, Kind::Entry, 500, 10, 1);
    let exit = gate.tap_at(&mut wallet, Kind::Exit, 0, 20, 2);
    city.upload(gate.upload(&[entry])).await;
    let exchange = &city.roles().exchange;
    assert_eq!(exchange.close_held_journeys(time(10 + HELD_SECONDS - 1)).await.unwrap(), 0);
    assert_eq!(city.balance("journeys-156").await, 500);
    for closed in [1, 0] {
        assert_eq!(exchange.close_held_journeys(time(10 + HELD_SECONDS)).await.unwrap(), closed);
        exchange.deliver(time(10 + HELD_SECONDS)).await.unwrap();
        assert_eq!((city.balance("journeys-156").await, city.balance("operator-metro-156").await), (0, 500));
    }
    let late = city.upload(gate.upload(&[exit])).await;
    assert_eq!(late.outcomes(), [RecordOutcome::Settled { amount: 350 }]);
    assert_eq!(city.balance("operator-metro-156").await, 350);
    assert_eq!(city.balance(wallet.account()).await, -350);
    let told = told(&collected(&city, "metro", None, 9).await);
    use RouteEvent::{Closed, Priced, Settled};
    let expected =
        [(Settled, Kind::Entry, 0), (Closed, Kind::Entry, 500), (Settled, Kind::Exit, 0), (Priced, Kind::Entry, -150)];
    assert_eq!(told, expected);
}

#[tokio::test]
async fn a_void_journey_costs_nothing_whatever_comes() {
    let city = city();
    let (mut wallet, mut gate) = (city.wallet().await, city.gate("metro").await);
    let exchange = &city.roles().exchange;
    // Voided while it is open, after its exit, and after it was closed; the exits of the first and last come later.
    let ends = [10, 30, 50].map(|seconds| {
        let entry = gate.tap_at(&mut wallet, Kind::Entry, 500, seconds, 1);
        (entry, gate.tap_at(&mut wallet, Kind::Exit, 0, seconds + 10, 2))
    });
    city.upload(gate.upload(&[ends[0].0, ends[1].0, ends[1].1])).await;
    let all = exchange.records(None, None, ALL).await.unwrap();
    let (open, done, exit) = (all[0].position, all[1].position, all[2].position);
    let not_found = exchange.void_journey(&name("tram"), open).await.unwrap_err();
    assert_eq!(not_found.reason(), "not_found");
    assert_eq!(exchange.void_journey(&name("metro"), exit).await.unwrap_err().reason(), "invalid_field");
    for _ in 0..2 {
        for entry in [open, done] {
            let entry = exchange.void_journey(&name("metro"), entry).await.unwrap();
            assert_eq!(entry.outcome, RecordOutcome::Settled { amount: 0 });
        }
        assert!(city.balances().await.values().all(|balance| *balance == 0));
    }
    city.upload(gate.upload(&[ends[2].0])).await;
    exchange.close_held_journeys(time(50 + HELD_SECONDS)).await.unwrap();
    exchange.deliver(time(50 + HELD_SECONDS)).await.unwrap();
    assert_eq!(city.balance("operator-metro-156").await, 500);
    let last = exchange.records(None, None, ALL).await.unwrap().pop().unwrap();
    exchange.void_journey(&name("metro"), last.position).await.unwrap();
    let exits = city.upload(gate.upload(&[ends[2].1, ends[0].1])).await;
    assert_eq!(exits.outcomes(), [RecordOutcome::Settled { amount: 0 }; 2]);
    let again = city.upload(gate.upload(&[ends[1].1])).await;
    assert_eq!(again.outcomes(), [RecordOutcome::Duplicate { amount: 0 }]);
    assert!(city.balances().await.values().all(|balance| *balance == 0));
    let gains = collected(&city, "metro", None, 9).await.iter().map(|one| one.gain).sum::<i64>();
    assert_eq!(gains, 0);
}

#[tokio::test]
async fn what_operators_collect_is_what_the_ledger_posts() {
    const DAY: u64 = 86_400;
    let mut city = city();
    city.clock.set(0);
    let (mut wallet, mut metro, mut tram) = (city.wallet().await, city.gate("metro").await, city.gate("tram").await);
    for day in 0..3 {
        let at = |seconds| day * DAY + seconds;
        city.clock.set(at(100));
        let mut ends = Vec::new();
        for round in 0..3 {
            ends.push(metro.tap_at(&mut wallet, Kind::Entry, 400, at(round * 10), 1));
            ends.push(metro.tap_at(&mut wallet, Kind::Exit, 0, at(round * 10 + 5), 2));
        }
        let records = [
            metro.tap(&mut wallet, Kind::Purchase, 100, at(50)),
            metro.tap(&mut wallet, Kind::Refund, 30, at(60)),
            metro.tap(&mut wallet, Kind::Purchase, 1001, at(50)),
        ];
        let bought = city.upload(metro.upload(&records)).await;
        let digest = *bought.acknowledgement().upload_digest();
        let exchange = &city.roles().exchange;
        let places = exchange.records(None, Some(digest), ALL).await.unwrap();
        exchange.authorise_refund(&name("metro"), places[1].position, places[0].position).await.unwrap();
        // Some ends never come, some late, some before those that they belong to.
        for end in [ends[3], ends[0], ends[4], ends[2]] {
            city.upload(metro.upload(&[end])).await;
        }
        let record = tram.tap(&mut wallet, Kind::Purchase, 7, at(70));
        city.upload(tram.upload(&[record])).await;
        city.clock.set(at(HELD_SECONDS + 200));
        exchange.close_held_journeys(time(at(HELD_SECONDS + 200))).await.unwrap();
        exchange.deliver_all(time(at(HELD_SECONDS + 200))).await.unwrap();
        city.clock.set(at(HELD_SECONDS + 300));
        city.upload(metro.upload(&[ends[1]])).await;
        city.reopen();
    }
    let ledger = &city.roles().ledger;
    for operator in ["metro", "tram"] {
        let mut by_day = BTreeMap::<u64, i64>::new();
        for one in collected(&city, operator, None, 4).await {
            *by_day.entry((one.time.seconds() - time(0).seconds()) / DAY).or_default() += one.gain;
        }
        let mut opening = 0;
        for day in 0..3 {
            let (from, until) = (time(day * DAY), time((day + 1) * DAY));
            let report = ledger.settlement_report(Some(&name(operator)), from, until).await.unwrap();
            let [statement] = report.as_slice() else { panic!("one account, one statement") };
            assert_eq!(statement.opening, opening);
            assert_eq!(statement.closing() - statement.opening, by_day[&day], "{operator} on day {day}");
            opening = statement.closing();
            let refunds = statement.lines.iter().find(|line| line.kind == EntryKind::Refund);
            assert_eq!(refunds.map_or(0, |line| line.debited), if operator == "metro" { 30 } else { 0 });
        }
        assert_eq!(city.balance(&format!("operator-{operator}-156")).await, opening);
        assert_ne!(opening, 0);
    }
    // What operators are owed and what is held, holders owe and issuers were given.
    let all = ledger.settlement_report(None, time(0), time(3 * DAY)).await.unwrap();
    assert_eq!(all.len(), 2);
    let balances = city.balances().await;
    let owed = all.iter().map(|statement| statement.closing()).sum::<i64>();
    assert_eq!(owed + balances["journeys-156"], -balances[wallet.account()]);
    let backwards = ledger.settlement_report(None, time(2), time(1)).await.unwrap_err();
    assert_eq!(backwards.reason(), "invalid_field");
}

#[tokio::test]
async fn net_positions_are_what_reports_and_postings_add_up_to() {
    const DAY: u64 = 86_400;
    let city = city();
    city.clock.set(0);
    let (mut wallet, mut metro, mut tram) = (city.wallet().await, city.gate("metro").await, city.gate("tram").await);
    for day in 0..3 {
        let at = |seconds| day * DAY + seconds;
        city.clock.set(at(100));
        let records = [
            metro.tap(&mut wallet, Kind::Purchase, 100 + day as u32, at(50)),
            metro.tap(&mut wallet, Kind::Refund, 30, at(60)),
            metro.tap_at(&mut wallet, Kind::Entry, 400, at(70), 1),
            metro.tap_at(&mut wallet, Kind::Exit, 0, at(75), 2),
            // Its exit never comes: what it costs is posted on this day or on the next.
            metro.tap_at(&mut wallet, Kind::Entry, 350, at(80), 1),
        ];
        let digest = *city.upload(metro.upload(&records)).await.acknowledgement().upload_digest();
        let places = city.roles().exchange.records(None, Some(digest), ALL).await.unwrap();
        city.roles().exchange.authorise_refund(&name("metro"), places[1].position, places[0].position).await.unwrap();
        if day == 1 {
            city.roles().exchange.void_journey(&name("metro"), places[2].position).await.unwrap();
        }
        let record = tram.tap(&mut wallet, Kind::Purchase, 7, at(90));
        city.upload(tram.upload(&[record])).await;
        city.roles().exchange.close_held_journeys(time(at(100))).await.unwrap();
        city.roles().exchange.deliver_all(time(at(100))).await.unwrap();
    }
    let ledger = &city.roles().ledger;
    let accounts = ledger.accounts(None, ALL).await.unwrap();
    for day in 0..3 {
        let (from, until) = (time(day * DAY), time((day + 1) * DAY));
        let positions = ledger.netting(from, until).await.unwrap();
        assert_eq!(positions.iter().map(NetPosition::net).sum::<i64>(), 0, "day {day}");
        let net_of = |kind: AccountKind, owner: Option<&str>| {
            let of_it = positions.iter().filter(|one| one.kind == kind && one.owner == owner.map(name));
            of_it.map(NetPosition::net).sum::<i64>()
        };
        // Against the reports that operators get.
        for operator in ["metro", "tram"] {
            let report = ledger.settlement_report(Some(&name(operator)), from, until).await.unwrap();
            let earned = report.iter().map(|statement| statement.closing() - statement.opening).sum::<i64>();
            assert_eq!(net_of(AccountKind::Operator, Some(operator)), earned, "{operator} on day {day}");
            assert_ne!(earned, 0);
        }
        // Against every posting of every account.
        let mut posted = BTreeMap::<_, i64>::new();
        for account in &accounts {
            let account = &account.record;
            let kind = if account.kind == AccountKind::Holder { AccountKind::Issuer } else { account.kind };
            for posting in ledger.postings(None, account.name.clone(), ALL).await.unwrap() {
                let posting = posting.record;
                if posting.kind != EntryKind::TopUp && (from..until).contains(&posting.time) {
                    *posted.entry((kind as u8, account.owner)).or_default() += posting.amount;
                }
            }
        }
        let told = positions.iter().map(|one| ((one.kind as u8, one.owner), one.net())).collect::<BTreeMap<_, _>>();
        assert_eq!(told, posted, "day {day}");
        let held = net_of(AccountKind::Journeys, None);
        assert_eq!(held, if day == 0 { 350 } else { 0 }, "what is held on one day goes to the operator on the next");
    }
    assert_eq!(ledger.netting(time(9 * DAY), time(10 * DAY)).await.unwrap(), []);
    let backwards = ledger.netting(time(2), time(1)).await.unwrap_err();
    assert_eq!(backwards.reason(), "invalid_field");
}
