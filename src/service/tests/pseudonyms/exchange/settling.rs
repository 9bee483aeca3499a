//! Pseudonyms settle as cards do, and nobody is told who they are.

use symbolon_service::exchange::{MisuseReader, RecordOutcome};
use symbolon_tap::{
    Kind,
    misuse::{Convicts, Item, Proves, check},
};

use super::{ALL, BUDGET, DUPLICATE, HOUR, House, SETTLED, Town, authority, name, time};

#[tokio::test]
async fn cards_and_pseudonyms_in_one_upload_are_charged_each_in_its_way() {
    let mut town = Town::new();
    let (mut gate, mut card, mut pseudonym) = (town.gate("metro"), town.card(), town.pseudonym());
    let records = [
        gate.tap(&mut card, Kind::Purchase, 300, 10),
        gate.tap(&mut pseudonym, Kind::Purchase, 40, 11),
        gate.tap(&mut pseudonym, Kind::Entry, 500, 12),
        gate.tap(&mut pseudonym, Kind::Exit, 0, 13),
        gate.tap(&mut card, Kind::Entry, 400, 14),
    ];
    let house = House::new(&town).await;
    let answer = house.upload(gate.upload(&records)).await;
    assert_eq!(answer.outcomes(), [300, 40, 500, 200, 400].map(SETTLED));
    // The card's are posted with the answer, an entry each and with the record; the pseudonym's wait.
    let sent = house.sent();
    let [batch] = sent.as_slice() else { panic!("not one batch: {sent:?}") };
    assert!(batch.netted.is_empty() && batch.named.len() == 2);
    assert!(batch.named.iter().all(|charge| charge.record.is_some()));
    assert_eq!(house.balance(&card.account()).await, -700);
    assert_eq!(house.balance("operator-metro-156").await, 300);
    assert_eq!(house.exchange().counts().await.unwrap().waiting_charges.count, 3);

    house.deliver_all().await;
    assert_eq!(house.balance(&pseudonym.account()).await, -240);
    assert_eq!(house.balance("operator-metro-156").await, 540);
    assert_eq!(house.balance("journeys-156").await, 400);
    house.deliver_all().await;
    assert_eq!(house.sent().len(), 2, "once");
    // The attester was asked about the terminal and the card alone.
    let asked = house.registry.asked.lock().unwrap().clone();
    assert_eq!(asked.len(), 2);
    assert!(asked.contains(&card.digest()) && !asked.contains(&pseudonym.digest()));
}

#[tokio::test]
async fn records_sent_again_are_duplicates_and_charged_once() {
    let mut town = Town::new();
    let (mut gate, mut pseudonym) = (town.gate("metro"), town.pseudonym());
    let first = gate.tap(&mut pseudonym, Kind::Purchase, 40, 11);
    let terms = gate.terms(Kind::Purchase, 60, time(12));
    let (second, answered_twice) = (gate.answered(&pseudonym, 2, terms), gate.answered(&pseudonym, 3, terms));
    let house = House::new(&town).await;
    house.upload(gate.upload(&[first])).await;
    house.deliver_all().await;
    let answer = house.upload(gate.upload(&[first, second, answered_twice, first])).await;
    assert_eq!(answer.outcomes(), [DUPLICATE(40), SETTLED(60), DUPLICATE(60), DUPLICATE(40)]);
    house.deliver_all().await;
    assert_eq!(house.balance(&pseudonym.account()).await, -100);
}

#[tokio::test]
async fn an_end_that_comes_late_is_made_up_for_in_a_later_sum() {
    let mut town = Town::new();
    let (mut gate, mut pseudonym) = (town.gate("metro"), town.pseudonym());
    let entry = gate.tap(&mut pseudonym, Kind::Entry, 500, 10);
    let exit = gate.tap(&mut pseudonym, Kind::Exit, 0, 20);
    let house = House::new(&town).await;
    house.upload(gate.upload(&[entry])).await;
    house.deliver_all().await;
    assert_eq!(house.balance(&pseudonym.account()).await, -500);
    house.upload(gate.upload(&[exit])).await;
    house.deliver_all().await;
    assert_eq!(house.balance(&pseudonym.account()).await, -200);
    assert_eq!(house.balance("journeys-156").await, 0);
}

#[tokio::test]
async fn a_pseudonym_used_twice_leaves_a_proof_and_nobody_suspended() {
    let mut town = Town::new();
    let (mut metro, mut water, pseudonym) = (town.gate("metro"), town.gate("water"), town.pseudonym());
    let (at_metro, at_water) = (metro.terms(Kind::Purchase, 100, time(10)), water.terms(Kind::Purchase, 70, time(11)));
    let original = metro.answered(&pseudonym, 1, at_metro);
    let clone = water.answered(&pseudonym, 1, at_water);
    let house = House::new(&town).await;
    house.upload(metro.upload(&[original])).await;
    let answer = house.upload(water.upload(&[clone])).await;
    let RecordOutcome::Misuse(id) = answer.outcomes()[0] else { panic!("not misuse: {answer:?}") };
    house.deliver_all().await;
    assert_eq!(house.balance("operator-metro-156").await, 100);
    assert_eq!(house.balance("operator-water-156").await, 0);
    assert!(house.registry.suspended.lock().unwrap().is_empty());

    let report = house.exchange().misuse(MisuseReader::Auditor, id).await.unwrap();
    let finding = check(authority().keys.authority(), Item::parse_all(&report.record.misuse.items).unwrap());
    assert_eq!(finding.proves(), Proves::DoubleUse);
    assert_eq!((report.card, &report.archive, report.convicts), (None, &None, Convicts::Credential));
    assert_eq!(report.record.misuse.issuer, None);
    // No issuer's card is known to be behind it; the operators of the records see it.
    let exchange = house.exchange();
    assert_eq!(exchange.misuses(MisuseReader::Issuer(name("issuer")), ALL).await.unwrap(), []);
    assert_eq!(exchange.misuses(MisuseReader::Operator(name("water")), ALL).await.unwrap(), [report]);
    assert!(!house.registry.asked.lock().unwrap().contains(&pseudonym.digest()), "the attester was asked about it");
}

#[tokio::test]
async fn a_pseudonym_spends_its_budget_and_no_more() {
    let mut town = Town::new();
    let (mut gate, mut pseudonym) = (town.gate("metro"), town.pseudonym());
    let records = [1_500, 600, 500, 1].map(|amount| gate.tap(&mut pseudonym, Kind::Purchase, amount, 10));
    let house = House::new(&town).await;
    let answer = house.upload(gate.upload(&records)).await;
    let [RecordOutcome::Settled { .. }, RecordOutcome::Misuse(id), RecordOutcome::Settled { .. }, last] =
        answer.outcomes()
    else {
        panic!("{answer:?}")
    };
    assert!(matches!(last, RecordOutcome::Misuse(_)));
    house.deliver_all().await;
    assert_eq!(house.balance(&pseudonym.account()).await, -i64::from(BUDGET));
    let report = house.exchange().misuse(MisuseReader::Auditor, *id).await.unwrap();
    let finding = check(authority().keys.authority(), Item::parse_all(&report.record.misuse.items).unwrap());
    assert_eq!(finding.proves(), Proves::Overspend);
}

#[tokio::test]
async fn a_card_that_is_misused_beside_pseudonyms_is_suspended() {
    let mut town = Town::new();
    let (mut gate, card, mut pseudonym) = (town.gate("metro"), town.card(), town.pseudonym());
    let terms = [1, 2].map(|amount| gate.terms(Kind::Purchase, amount, time(HOUR)));
    let twice = terms.map(|terms| gate.answered(&card, 7, terms));
    let beside = gate.tap(&mut pseudonym, Kind::Purchase, 9, 10);
    let house = House::new(&town).await;
    house.upload(gate.upload(&[twice[0], beside, twice[1]])).await;
    assert_eq!(*house.registry.suspended.lock().unwrap(), [card.digest()]);
}
