//! How long clearing keeps what, and what it never has.

use rusqlite::{Connection, types::Value};
use symbolon_service::{
    Policy, ServiceError,
    links::{ClearingLink as _, NettedCharge, PostingBatch, ServiceRole},
};

use super::{CURRENCY, DAY, House, START, name, operator, seconds_to_end};

fn batch(id: u8, subject: symbolon_ccks::Subject, amount: i64) -> PostingBatch {
    let charge = NettedCharge {
        currency: CURRENCY,
        subjects: vec![(subject, -amount)],
        parties: vec![(operator("metro"), amount)],
    };
    PostingBatch { id: [id; 16], named: Vec::new(), netted: vec![charge] }
}

#[tokio::test]
async fn who_pays_is_known_while_records_may_come_and_not_longer() {
    let house = House::new();
    let account = house.account(1_000).await;
    let subject = house.pseudonym(&account).await;
    let forgotten = seconds_to_end() + Policy::default().pseudonyms.charging.delay_seconds + DAY;
    let forget = async |after_start| {
        house.set(after_start);
        let now = symbolon_ccks::Time::new(START + after_start).unwrap();
        house.clearing().forget_old(now).await.unwrap()
    };
    assert_eq!(forget(forgotten - 1).await, 0);
    house.clearing().post(batch(1, subject, 10)).await.unwrap();
    assert_eq!(house.balance(&account).await, 990);
    house.clearing().approve("7", subject, &name("officer")).await.unwrap();
    assert_eq!(forget(forgotten).await, 1);
    // What comes later still is not lost, but who pays has to be found out.
    house.clearing().post(batch(2, subject, 10)).await.unwrap();
    assert_eq!(house.balance(&account).await, 990);
    assert_eq!(house.balances().await["suspense-156"], -10);
    assert_eq!(house.clearing().open_subject("7", subject).await, Err(ServiceError::NotFound("pseudonym")));
    let refused = house.clearing().open_subject("8", subject).await;
    assert_eq!(refused, Err(ServiceError::NotApproved(ServiceRole::Clearing)));
}

#[tokio::test]
async fn a_batch_is_known_again_for_as_long_as_answers_are() {
    let house = House::new();
    let account = house.account(1_000).await;
    let subject = house.pseudonym(&account).await;
    house.clearing().post(batch(1, subject, 10)).await.unwrap();
    let memory = Policy::default().request_memory_seconds;
    let forget = async |after_start| {
        let now = symbolon_ccks::Time::new(START + after_start).unwrap();
        house.clearing().forget_old(now).await.unwrap();
    };
    forget(memory).await;
    house.clearing().post(batch(1, subject, 10)).await.unwrap();
    assert_eq!(house.balances().await["operator-metro-156"], 10);
    forget(memory + 1).await;
    house.clearing().post(batch(1, subject, 10)).await.unwrap();
    assert_eq!(house.balances().await["operator-metro-156"], 20);
}

/// Clearing is told no card, no place and no time of a tap, so none is in its database: every time there is one of its
/// own clock or the end of a reservation.
#[tokio::test]
async fn every_time_in_the_database_is_clearings_own() {
    let house = House::new();
    let account = house.account(1_000).await;
    let subject = house.pseudonym(&account).await;
    house.clearing().post(batch(1, subject, 10)).await.unwrap();
    house.clearing().approve("7", subject, &name("officer")).await.unwrap();
    let sql = Connection::open(house.path()).unwrap();
    let tables = "SELECT name FROM sqlite_schema WHERE type = 'table' AND name NOT LIKE 'refinery%'";
    let mut tables = sql.prepare(tables).unwrap();
    let tables = tables.query_map([], |row| row.get::<_, String>(0)).unwrap().map(Result::unwrap).collect::<Vec<_>>();
    let mut filled = Vec::new();
    for table in tables {
        let mut statement = sql.prepare(&format!("SELECT * FROM {table}")).unwrap();
        let columns = statement.column_count();
        let mut rows = statement.query([]).unwrap();
        while let Some(row) = rows.next().unwrap() {
            filled.push(table.clone());
            for column in 0..columns {
                let Value::Integer(number) = row.get::<_, Value>(column).unwrap() else { continue };
                let is_time = (1_000_000_000..10_000_000_000).contains(&number);
                let own = [START as i64, super::end().seconds() as i64];
                assert!(!is_time || own.contains(&number), "{table}: {number}");
            }
        }
    }
    filled.dedup();
    let own = [
        "accounts",
        "bindings",
        "clearing_trace",
        "entries",
        "posted_batches",
        "postings",
        "requests",
        "reservations",
        "revocation_revision",
        "sqlite_stat1",
    ];
    assert!(filled.iter().all(|table| own.contains(&table.as_str())), "rows in tables of other roles: {filled:?}");
}
