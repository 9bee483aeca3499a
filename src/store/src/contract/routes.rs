//! Refunds, journeys that end without an exit, and what operators are told.

use symbolon_pseudonym::ClearingTag;
use symbolon_tap::Kind;

use super::{
    conflicts, read,
    samples::{CURRENCY, account, credential, name, settlement, time, upload},
    write,
};
use crate::{
    Store,
    records::{
        AccountKind, AccountName, AccountRecord, EntryKind, JourneyEnd, JourneyRecord, JourneyRole, NewCharge,
        NewEntry, NewSettlement, Payer, RecordPosition, RefundRecord, RouteEvent, RouteItem, RouteRecord,
        SettlementOutcome, StatementLine, Transfer, UploadId,
    },
};

/// Gives what waits for an operator its numbers.
async fn number<D: Store>(store: &D, operator: &'static str) {
    if read(store, move |unit| unit.has_unnumbered_routes(&name(operator))).await {
        let number = move |unit: &mut dyn crate::Transaction| unit.number_routes(&name(operator));
        store.write_for::<_, crate::StoreError, _>(Vec::new(), number).await.expect("they are numbered");
    }
}

pub(super) async fn an_operator_is_told_in_an_order_without_gaps<D: Store>(store: D) {
    let item = |position, gain| RouteItem { event: RouteEvent::Settled, record: RecordPosition(position), gain };
    let told = |number, seconds, items: Vec<RouteItem>| RouteRecord { number, time: time(seconds), items };
    for (operator, seconds, position) in [("metro", 10, 1), ("water", 11, 2), ("metro", 12, 3), ("metro", 12, 4)] {
        write(&store, move |unit| {
            unit.add_route(&name(operator), time(seconds), &[item(position, -5), item(position + 10, 7)])
        })
        .await;
    }
    for operator in ["metro", "water"] {
        number(&store, operator).await;
    }
    let all = read(&store, |unit| unit.routes(&name("metro"), 0, 9)).await;
    let pair = |position| vec![item(position, -5), item(position + 10, 7)];
    assert_eq!(all, [told(1, 10, pair(1)), told(2, 12, pair(3)), told(3, 12, pair(4))]);
    assert_eq!(read(&store, |unit| unit.routes(&name("metro"), 2, 1)).await, all[1..2]);
    assert_eq!(read(&store, |unit| unit.routes(&name("metro"), 4, 1)).await, []);
    assert_eq!(read(&store, |unit| unit.routes(&name("water"), 1, 9)).await, [told(1, 11, pair(2))]);
    // A unit that came to nothing leaves no gap, and an operator is never told nothing.
    let undone = store.write::<(), crate::StoreError, _>(move |unit| {
        unit.add_route(&name("metro"), time(13), &[item(5, 0)])?;
        Err(crate::StoreError::GivenUp)
    });
    assert!(undone.await.is_err());
    conflicts(&store, |unit| unit.add_route(&name("metro"), time(13), &[])).await;
    write(&store, move |unit| unit.add_route(&name("metro"), time(14), &[item(6, 0)])).await;
    number(&store, "metro").await;
    let next = read(&store, |unit| unit.routes(&name("metro"), 4, 9)).await;
    assert_eq!(next, [told(4, 14, vec![item(6, 0)])]);
    assert!(!read(&store, |unit| unit.has_unnumbered_routes(&name("metro"))).await);
}

/// To several operators, each with two collectors that number side by side.
pub(super) async fn nothing_appears_behind_what_was_seen<D: Store>(store: D) {
    const OPERATORS: [&str; 2] = ["metro", "water"];
    let writers = (0..8_u64).map(|writer| {
        let store = store.clone();
        tokio::spawn(async move {
            for round in 0..16 {
                let record = RecordPosition(writer * 100 + round / 2);
                let item = RouteItem { event: RouteEvent::Settled, record, gain: 1 };
                let operator = name(OPERATORS[round as usize % 2]);
                let told = move |unit: &mut dyn crate::Transaction| unit.add_route(&operator, time(1), &[item]);
                store.write_for::<_, crate::StoreError, _>(Vec::new(), told).await.expect("it is told");
            }
        })
    });
    let writers = writers.collect::<Vec<_>>();
    let collectors = [0, 1, 0, 1].map(|operator| {
        let store = store.clone();
        tokio::spawn(async move {
            let (operator, mut seen, mut from) = (OPERATORS[operator], Vec::new(), 1);
            while seen.len() < 64 {
                number(&store, operator).await;
                let routes = read(&store, move |unit| unit.routes(&name(operator), from, 3)).await;
                from += routes.len() as u64;
                seen.extend(routes);
                tokio::task::yield_now().await;
            }
            seen
        })
    });
    for writer in writers {
        writer.await.expect("no writer panics");
    }
    for collector in collectors {
        let seen = collector.await.expect("no collector panics");
        assert!(seen.iter().map(|route| route.number).eq(1..=64), "a number was left out or came late");
        let told_by =
            |writer: u64| seen.iter().map(|route| route.items[0].record.0).filter(move |at| at / 100 == writer);
        for writer in 0..8 {
            assert!(told_by(writer).eq((0..8).map(|round| writer * 100 + round)), "out of order, doubled or left out");
        }
    }
}

pub(super) async fn no_more_is_given_back_than_was_paid<D: Store>(store: D) {
    let ids = write(&store, |unit| {
        let upload = unit.add_upload(&upload(1, "metro", 6))?;
        let one = |position: u16, kind, amount, outcome| NewSettlement {
            position,
            kind,
            amount,
            outcome,
            ..settlement(upload, 1, u32::from(position))
        };
        let settled = SettlementOutcome::Settled;
        [
            one(0, Kind::Purchase, 100, settled),
            one(1, Kind::Refund, 60, settled),
            one(2, Kind::Refund, 41, settled),
            one(3, Kind::Refund, 40, settled),
            one(4, Kind::Entry, 100, settled),
            one(5, Kind::Purchase, 100, SettlementOutcome::Misuse),
        ]
        .iter()
        .map(|settlement| unit.add_settlement(settlement))
        .collect::<Result<Vec<_>, _>>()
    })
    .await;
    let refund = {
        let ids = ids.clone();
        move |settlement: usize, paid: usize, amount| RefundRecord {
            settlement: ids[settlement],
            paid: ids[paid],
            amount,
            authorised: time(50),
        }
    };
    for (settlement, paid, amount, fits) in
        [(1, 0, 60, true), (1, 0, 1, false), (2, 0, 41, false), (3, 0, 40, true), (2, 4, 41, false), (2, 5, 41, false)]
    {
        let refund = refund(settlement, paid, amount);
        match fits {
            true => write(&store, move |unit| unit.add_refund(&refund)).await,
            false => conflicts(&store, move |unit| unit.add_refund(&refund)).await,
        }
    }
    let (purchase, first) = (ids[0], ids[1]);
    let of = read(&store, move |unit| unit.refunds_of(purchase)).await;
    assert_eq!(of, [refund(1, 0, 60), refund(3, 0, 40)]);
    assert_eq!(read(&store, move |unit| unit.refund(first)).await, Some(of[0]));
    assert_eq!(read(&store, move |unit| unit.refund(purchase)).await, None);
}

pub(super) async fn a_journey_held_too_long_is_found_until_it_ends<D: Store>(store: D) {
    let payer = Payer::Named(ClearingTag::parse(&[7; ClearingTag::SIZE]).expect("any bytes will do"));
    let ids = write(&store, move |unit| {
        let upload = unit.add_upload(&upload(1, "metro", 4))?;
        unit.add_batch(&[1; 16], time(30))?;
        let mut ids = Vec::new();
        for (role, seconds, position) in [
            (JourneyRole::Entry, 20, 0_u16),
            (JourneyRole::Entry, 10, 1),
            (JourneyRole::Exit, 5, 2),
            (JourneyRole::Entry, 21, 3),
        ] {
            let counter = u32::from(position);
            let id = unit.add_settlement(&NewSettlement { position, ..settlement(upload, 1, counter) })?;
            unit.add_journey(&JourneyRecord {
                settlement: id,
                credential_digest: credential(1, 1000).digest(),
                operator: name("metro"),
                role,
                time: time(seconds),
                counter,
                amount: 500,
                reference: [0; 16],
                closed: None,
                ended: None,
            })?;
            ids.push(id);
        }
        let moves = "[]".to_owned();
        let (kind, settled, batch) = (EntryKind::Entry, time(30), Some([1; 16]));
        unit.add_charge(&NewCharge { settlement: ids[1], kind, currency: CURRENCY, payer, moves, settled, batch })?;
        Ok(ids)
    })
    .await;
    let held = async |until: u64, limit: u16| {
        let held = read(&store, move |unit| unit.journeys_held_since(time(until), limit)).await;
        held.into_iter().map(|journey| journey.settlement).collect::<Vec<_>>()
    };
    assert_eq!(held(20, 9).await, [ids[1], ids[0]]);
    assert_eq!(held(20, 1).await, [ids[1]]);
    let (first, second, exit, third) = (ids[0], ids[1], ids[2], ids[3]);
    assert_eq!(read(&store, move |unit| unit.payer_of_entry(second)).await, Some((payer, CURRENCY)));
    assert_eq!(read(&store, move |unit| unit.payer_of_entry(first)).await, None);
    write(&store, move |unit| unit.end_journey(second, JourneyEnd::HeldTooLong)).await;
    assert_eq!(held(20, 9).await, [first]);
    assert_eq!(held(21, 9).await, [first, third]);
    // An exit that comes after all closes it; a void one stays void.
    conflicts(&store, move |unit| unit.end_journey(second, JourneyEnd::HeldTooLong)).await;
    write(&store, move |unit| unit.close_journey(second, Some((exit, 200)))).await;
    conflicts(&store, move |unit| unit.end_journey(second, JourneyEnd::HeldTooLong)).await;
    write(&store, move |unit| unit.end_journey(second, JourneyEnd::Voided)).await;
    for end in JourneyEnd::ALL {
        conflicts(&store, move |unit| unit.end_journey(second, end)).await;
    }
    conflicts(&store, move |unit| unit.end_journey(exit, JourneyEnd::Voided)).await;
    let kept = read(&store, move |unit| unit.journey(second)).await.expect("it was added");
    assert_eq!((kept.ended, kept.closed), (Some(JourneyEnd::Voided), Some((exit, 200))));
    assert_eq!(read(&store, move |unit| unit.journey(third)).await.and_then(|journey| journey.ended), None);
    let upload = read(&store, move |unit| unit.upload_by_id(UploadId(1))).await.expect("it was added");
    assert_eq!(upload.upload.digest, [1; 32]);
}

pub(super) async fn a_statement_tells_what_was_posted_when<D: Store>(store: D) {
    let operator = |operator: &str| AccountRecord {
        name: AccountName::operator(&name(operator), CURRENCY),
        kind: AccountKind::Operator,
        owner: Some(name(operator)),
        ..account(0)
    };
    write(&store, move |unit| {
        [operator("metro"), account(1), operator("water")].iter().try_for_each(|account| unit.open_account(account))?;
        for (kind, seconds, amount, earns) in [
            (EntryKind::Purchase, 9, 1, true),
            (EntryKind::Purchase, 10, 100, true),
            (EntryKind::Refund, 15, 30, false),
            (EntryKind::Purchase, 19, 50, true),
            (EntryKind::Purchase, 20, 7, true),
        ] {
            let (holder, metro) = (account(1).name, operator("metro").name);
            let (from, to) = if earns { (holder, metro) } else { (metro, holder) };
            let entry = NewEntry::of_transfers(kind, CURRENCY, None, time(seconds), [Transfer { from, to, amount }]);
            unit.post(&entry.expect("something moves"))?;
        }
        Ok(())
    })
    .await;
    let statement = move |unit: &dyn crate::Transaction| unit.statement(&operator("metro").name, time(10), time(20));
    let statement = read(&store, statement).await.expect("it is open");
    let line = |kind, postings, credited, debited| StatementLine { kind, postings, credited, debited };
    assert_eq!(statement.lines, [line(EntryKind::Purchase, 2, 150, 0), line(EntryKind::Refund, 1, 0, 30)]);
    assert_eq!((statement.opening, statement.closing(), statement.account.balance), (1, 121, 128));
    assert_eq!(read(&store, |unit| unit.statement(&account(9).name, time(1), time(2))).await, None);
    let accounts = read(&store, |unit| unit.operator_accounts(None)).await;
    assert_eq!(
        accounts.iter().map(|account| account.owner).collect::<Vec<_>>(),
        [Some(name("metro")), Some(name("water"))]
    );
    let accounts = read(&store, |unit| unit.operator_accounts(Some(&name("water")))).await;
    assert_eq!(accounts, [operator("water")]);
}
