//! What clearing gets to see of pseudonyms: sums, when there are enough of them, in an order that says nothing.

use symbolon_service::{
    Batching, Policy,
    links::{NettedCharge, Party},
};
use symbolon_tap::{Kind, Record};

use super::{CURRENCY, Gate, HOUR, Holder, House, Town, name, time};

const ENOUGH: u32 = 8;

fn policy() -> Policy {
    let mut policy = Policy::default();
    policy.pseudonyms.charging = Batching { items: ENOUGH, delay_seconds: HOUR };
    policy
}

/// A gate, and what it took.
type Taken = (Gate, Vec<Record>);

/// A town where four pseudonyms paid both operators, the i-th of them i + 1 and 10 * (i + 1).
fn four_at_two_operators() -> (Town, Vec<Holder>, [Taken; 2]) {
    let mut town = Town::new();
    let (mut metro, mut water) = (town.gate("metro"), town.gate("water"));
    let mut holders = (0..4).map(|_| town.pseudonym()).collect::<Vec<_>>();
    let mut records = [Vec::new(), Vec::new()];
    for (number, holder) in (1..).zip(&mut holders) {
        records[0].push(metro.tap(holder, Kind::Purchase, number, 10));
        records[1].push(water.tap(holder, Kind::Purchase, 10 * number, 20));
    }
    let [of_metro, of_water] = records;
    (town, holders, [(metro, of_metro), (water, of_water)])
}

#[tokio::test]
async fn a_batch_says_what_each_spent_and_each_earned_and_nothing_else() {
    let (town, holders, gates) = four_at_two_operators();
    let house = House::with_policy(&town, policy()).await;
    for (mut gate, records) in gates {
        house.upload(gate.upload(&records)).await;
    }
    assert_eq!(house.sent(), [], "an upload tells clearing nothing of pseudonyms");
    house.exchange().deliver(time(HOUR)).await.unwrap();
    let sent = house.sent();
    let [batch] = sent.as_slice() else { panic!("not one batch: {sent:?}") };
    let mut subjects = (1..).zip(&holders).map(|(number, holder)| (holder.subject(), -11 * number)).collect::<Vec<_>>();
    subjects.sort_unstable();
    let parties = vec![(Party::Operator(name("metro")), 10), (Party::Operator(name("water")), 100)];
    assert_eq!((&batch.named, &batch.netted), (&vec![], &vec![NettedCharge { currency: CURRENCY, subjects, parties }]));
    // One entry of all of them: none that has one holder and one operator.
    let entries = house.ledger.check().await.unwrap();
    assert_eq!((entries.entries, entries.postings), (1, 4 + 2));
}

#[tokio::test]
async fn whichever_way_the_records_come_clearing_is_told_the_same() {
    let (town, _, gates) = four_at_two_operators();
    let one = House::with_policy(&town, policy()).await;
    for (mut gate, records) in gates {
        one.upload(gate.upload(&records)).await;
    }
    one.deliver_all().await;
    let (_, _, gates) = four_at_two_operators();
    let other = House::with_policy(&town, policy()).await;
    for (mut gate, records) in gates.into_iter().rev() {
        for record in records.into_iter().rev() {
            other.upload(gate.upload(&[record])).await;
        }
    }
    other.deliver_all().await;
    assert_eq!(one.sent()[0].netted, other.sent()[0].netted);
}

#[tokio::test]
async fn charges_wait_until_there_are_enough_or_the_oldest_has_waited() {
    let mut town = Town::new();
    let (mut gate, mut pseudonym) = (town.gate("metro"), town.pseudonym());
    let records = (0..ENOUGH).map(|_| gate.tap(&mut pseudonym, Kind::Purchase, 1, 10)).collect::<Vec<_>>();
    let few = records.len() - 1;

    let house = House::with_policy(&town, policy()).await;
    let began = house.set(HOUR);
    house.upload(gate.upload(&records[..few])).await;
    house.exchange().deliver(began.saturating_add(HOUR - 1)).await.unwrap();
    assert_eq!(house.sent(), [], "too few, too young");
    let waiting = house.exchange().counts().await.unwrap().waiting_charges;
    assert_eq!((waiting.count, waiting.oldest), (few as u64, Some(began)));
    house.exchange().deliver(began.saturating_add(HOUR)).await.unwrap();
    assert_eq!(house.sent().len(), 1, "the oldest has waited");

    let house = House::with_policy(&town, policy()).await;
    let began = house.set(HOUR);
    house.upload(gate.upload(&records[..few])).await;
    house.upload(gate.upload(&records[few..])).await;
    house.exchange().deliver(began).await.unwrap();
    assert_eq!(house.sent().len(), 1, "there are enough");
    assert_eq!(house.balance("operator-metro-156").await, i64::from(ENOUGH));
}

#[tokio::test]
async fn who_gains_nothing_is_left_out() {
    let mut town = Town::new();
    let (mut gate, mut one, mut other) = (town.gate("metro"), town.pseudonym(), town.pseudonym());
    let mut records = vec![gate.tap(&mut other, Kind::Purchase, 5, 10)];
    // At most nothing, so that it costs nothing.
    records.extend(
        [(Kind::Entry, 0, 10), (Kind::Exit, 0, 20)].map(|(kind, amount, at)| gate.tap(&mut one, kind, amount, at)),
    );
    // Held and given to the operator within one batch: nothing is left with journeys.
    records.extend(
        [(Kind::Entry, 200, 30), (Kind::Exit, 0, 40)].map(|(kind, amount, at)| gate.tap(&mut other, kind, amount, at)),
    );
    let house = House::new(&town).await;
    house.upload(gate.upload(&records)).await;
    house.deliver_all().await;
    let sent = house.sent();
    let parties = vec![(Party::Operator(name("metro")), 205)];
    assert_eq!(sent[0].netted, [NettedCharge { currency: CURRENCY, subjects: vec![(other.subject(), -205)], parties }]);
}
