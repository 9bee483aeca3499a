//! Other roles that do not answer: nothing is lost, and nothing done twice.

use std::sync::atomic::Ordering;

use symbolon_service::{ServiceError, links::ServiceRole};
use symbolon_tap::Kind;

use super::{HOUR, House, SETTLED, Town, time};

#[tokio::test]
async fn what_is_settled_is_answered_though_clearing_is_away() {
    let mut town = Town::new();
    let (mut gate, mut card, mut pseudonym) = (town.gate("metro"), town.card(), town.pseudonym());
    let records = [gate.tap(&mut card, Kind::Purchase, 30, 10), gate.tap(&mut pseudonym, Kind::Purchase, 4, 11)];
    let mut house = House::new(&town).await;
    house.line.away.store(true, Ordering::SeqCst);
    assert_eq!(house.upload(gate.upload(&records)).await.outcomes(), [SETTLED(30), SETTLED(4)]);
    let away = house.exchange().deliver_all(time(HOUR)).await;
    assert_eq!(away, Err(ServiceError::RoleUnavailable(ServiceRole::Clearing)));
    let counts = house.exchange().counts().await.unwrap();
    assert_eq!((counts.waiting_charges.count, counts.undelivered_batches.count), (0, 2));
    assert_eq!(counts.undelivered_batches.oldest, Some(time(HOUR)));
    assert_eq!(house.sent(), []);

    house.reopen(super::Fuse::default());
    house.line.away.store(false, Ordering::SeqCst);
    house.exchange().deliver(time(HOUR)).await.unwrap();
    house.exchange().deliver(time(HOUR)).await.unwrap();
    assert_eq!(house.balance("operator-metro-156").await, 34);
    assert_eq!((house.balance(&card.account()).await, house.balance(&pseudonym.account()).await), (-30, -4));
    assert_eq!(house.sent().len(), 2);
}

#[tokio::test]
async fn without_the_attester_an_upload_is_to_be_sent_again() {
    let mut town = Town::new();
    let (mut gate, mut pseudonym) = (town.gate("metro"), town.pseudonym());
    let record = gate.tap(&mut pseudonym, Kind::Purchase, 4, 11);
    let upload = gate.upload(&[record]);
    let house = House::new(&town).await;
    house.registry.away.store(true, Ordering::SeqCst);
    let away = house.exchange().upload(upload.clone()).await;
    assert_eq!(away, Err(ServiceError::RoleUnavailable(ServiceRole::Attester)));
    assert_eq!(house.exchange().upload_summaries(None, super::ALL).await.unwrap().len(), 0, "nothing is kept");
    house.registry.away.store(false, Ordering::SeqCst);
    let answered = house.exchange().upload(upload.clone()).await.unwrap();
    assert_eq!((answered.repeated, answered.answer.outcomes()), (false, [SETTLED(4)].as_slice()));
    // What was answered is answered again, whoever is away.
    house.registry.away.store(true, Ordering::SeqCst);
    assert!(house.exchange().upload(upload).await.unwrap().repeated);
}

#[tokio::test]
async fn a_misused_card_is_suspended_as_soon_as_the_attester_answers() {
    let mut town = Town::new();
    let (mut gate, card) = (town.gate("metro"), town.card());
    let terms = [1, 2].map(|amount| gate.terms(Kind::Purchase, amount, time(10)));
    let twice = terms.map(|terms| gate.answered(&card, 7, terms));
    let mut house = House::new(&town).await;
    house.registry.suspends_nobody.store(true, Ordering::SeqCst);
    assert!(house.upload(gate.upload(&twice)).await.outcomes()[1].is_refused());
    assert_eq!(house.exchange().counts().await.unwrap().waiting_suspensions, 1);
    let away = house.exchange().deliver(time(HOUR)).await;
    assert_eq!(away, Err(ServiceError::RoleUnavailable(ServiceRole::Attester)));
    house.reopen(super::Fuse::default());
    house.registry.suspends_nobody.store(false, Ordering::SeqCst);
    for _ in 0..2 {
        house.exchange().deliver(time(HOUR)).await.unwrap();
    }
    assert_eq!(*house.registry.suspended.lock().unwrap(), [card.digest()]);
}

#[tokio::test]
async fn a_batch_that_clearing_refuses_keeps_no_other_waiting() {
    let mut town = Town::new();
    let (mut gate, mut one, mut other) = (town.gate("metro"), town.card(), town.card());
    let records = [gate.tap(&mut one, Kind::Purchase, 30, 10), gate.tap(&mut other, Kind::Purchase, 4, 11)];
    let house = House::new(&town).await;
    house.line.away.store(true, Ordering::SeqCst);
    for record in records {
        house.upload(gate.upload(&[record])).await;
    }
    house.line.away.store(false, Ordering::SeqCst);
    // The first that it sees is the one it will not take.
    *house.line.refused.lock().unwrap() = oldest_batch(&house);
    assert!(matches!(house.exchange().deliver(time(HOUR)).await, Err(ServiceError::InvalidField { .. })));
    assert_eq!(house.balance("operator-metro-156").await, 4);
    assert_eq!(house.exchange().counts().await.unwrap().undelivered_batches.count, 1, "and it is not lost");
    *house.line.refused.lock().unwrap() = None;
    house.exchange().deliver(time(HOUR)).await.unwrap();
    assert_eq!(house.balance("operator-metro-156").await, 34);
}

fn oldest_batch(house: &House) -> Option<[u8; 16]> {
    let sql = rusqlite::Connection::open(house.folder.path().join("exchange.db")).unwrap();
    sql.query_row("SELECT id FROM charge_batches ORDER BY sequence LIMIT 1", [], |row| row.get(0)).ok()
}
