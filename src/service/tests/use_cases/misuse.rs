//! Misuse: proved, kept, not posted, and the card suspended.

use p256::ecdsa::signature::Signer as _;
use symbolon_ccks::{P256, PossessionMessage};
use symbolon_service::{
    cards::NewCard,
    exchange::{MisuseReader, RecordOutcome, Refusal},
    holder_key::holder_request,
};
use symbolon_store::records::{CardState, MisuseId, MisuseKind};
use symbolon_tap::{
    Kind,
    misuse::{Convicts, Item, Proves, check},
};

use crate::city::{ALL, City, Wallet, name, new_card};

const SETTLED: fn(u32) -> RecordOutcome = |amount| RecordOutcome::Settled { amount };

fn misuse_of(outcome: RecordOutcome) -> MisuseId {
    match outcome {
        RecordOutcome::Misuse(id) => id,
        other => panic!("not misuse: {other:?}"),
    }
}

async fn state(city: &City, wallet: &Wallet<P256>) -> CardState {
    city.roles().cards.get(&name("issuer"), wallet.card.number).await.unwrap().state
}

#[tokio::test]
async fn a_clone_at_two_terminals_is_caught_and_its_proof_stands_alone() {
    let mut city = City::new();
    let (wallet, mut metro, mut water) = (city.wallet().await, city.gate("metro").await, city.gate("water").await);
    let (at_metro, at_water) = (metro.terms(Kind::Purchase, 100, 10), water.terms(Kind::Purchase, 70, 11));
    let original = wallet.answer_under(1, &metro, at_metro);
    let clone = wallet.answer_under(1, &water, at_water);
    assert_eq!(city.upload(metro.upload(&[original])).await.outcomes(), [SETTLED(100)]);
    let answer = city.upload(water.upload(&[clone])).await;
    let id = misuse_of(answer.outcomes()[0]);
    assert_eq!((answer.acknowledgement().settled(), answer.acknowledgement().refused()), (0, 1));
    assert_eq!(state(&city, &wallet).await, CardState::Suspended);
    let bundle = city.roles().bundles.newest().await.unwrap();
    assert!(symbolon_tap::Bundle::parse(&bundle.bytes).unwrap().revoked().contains(&wallet.card.number));
    assert_eq!(city.balance("operator-metro-156").await, 100);
    assert_eq!(city.balance("operator-water-156").await, 0);

    // The same again is the same misuse, not another; and the first record stays settled.
    city.reopen();
    let again = city.upload(water.upload(&[clone, clone])).await;
    assert_eq!(again.outcomes(), [RecordOutcome::Misuse(id); 2]);
    let first = city.upload(metro.upload(&[original])).await;
    assert_eq!(first.outcomes(), [RecordOutcome::Duplicate { amount: 100 }]);

    let report = city.roles().exchange.misuse(MisuseReader::Auditor, id).await.unwrap();
    assert_eq!(report.record.misuse.kind, MisuseKind::DoubleUse);
    let finding = check(city.keys.authority(), Item::parse_all(&report.record.misuse.items).unwrap());
    assert_eq!(finding.proves(), Proves::DoubleUse);
    assert_eq!(finding.credential(), Some(wallet.credential()));
    assert_eq!((report.card, report.convicts), (Some(wallet.card.number), Convicts::Credential));
    assert!(report.archive.is_some());
    assert_eq!(city.roles().exchange.misuses(MisuseReader::Auditor, ALL).await.unwrap(), [report]);
}

#[tokio::test]
async fn a_proof_is_told_to_whom_it_concerns() {
    let city = City::new();
    let (wallet, mut metro, mut water) = (city.wallet().await, city.gate("metro").await, city.gate("water").await);
    let (at_metro, at_water) = (metro.terms(Kind::Purchase, 100, 10), water.terms(Kind::Purchase, 70, 11));
    city.upload(metro.upload(&[wallet.answer_under(1, &metro, at_metro)])).await;
    let answer = city.upload(water.upload(&[wallet.answer_under(1, &water, at_water)])).await;
    let id = misuse_of(answer.outcomes()[0]);
    let exchange = &city.roles().exchange;
    let readers = [
        (MisuseReader::Auditor, true),
        (MisuseReader::Issuer(name("issuer")), true),
        (MisuseReader::Issuer(name("metro")), false),
        (MisuseReader::Operator(name("metro")), true),
        (MisuseReader::Operator(name("water")), true),
        (MisuseReader::Operator(name("power")), false),
        (MisuseReader::Operator(name("issuer")), false),
    ];
    for (reader, may) in readers {
        assert_eq!(exchange.misuse(reader, id).await.is_ok(), may, "{reader:?}");
        assert_eq!(exchange.misuses(reader, ALL).await.unwrap().len(), usize::from(may), "{reader:?}");
    }
}

#[tokio::test]
async fn spending_above_the_budget_is_proved_by_as_many_items_as_it_takes() {
    let city = City::new();
    let (mut wallet, mut gate) = (city.wallet().await, city.gate("metro").await);
    // 5000 is the budget and 1000 the limit.
    let records =
        [500, 1000, 1000, 1000, 1000, 600, 500, 1].map(|amount| gate.tap(&mut wallet, Kind::Purchase, amount, 10));
    let answer = city.upload(gate.upload(&records)).await;
    let settled = [500, 1000, 1000, 1000, 1000].map(SETTLED);
    assert_eq!(answer.outcomes()[..5], settled);
    let id = misuse_of(answer.outcomes()[5]);
    // What still fits the budget settles, to the last unit.
    assert_eq!(answer.outcomes()[6], SETTLED(500));
    misuse_of(answer.outcomes()[7]);
    assert_eq!(state(&city, &wallet).await, CardState::Suspended);
    assert_eq!(city.balance(wallet.account()).await, -5000);
    let report = city.roles().exchange.misuse(MisuseReader::Auditor, id).await.unwrap();
    assert_eq!(report.record.misuse.kind, MisuseKind::Overspend);
    let items = Item::parse_all(&report.record.misuse.items).unwrap();
    assert_eq!(items.len(), 6, "4 * 1000 + 500 + 600");
    let finding = check(city.keys.authority(), items);
    assert_eq!(finding.proves(), Proves::Overspend);
    let again = city.upload(gate.upload(&records[5..6])).await;
    assert_eq!(again.outcomes(), [RecordOutcome::Misuse(id)]);
}

#[tokio::test]
async fn an_entry_counts_with_its_amount_whatever_the_fare_was() {
    let city = City::new();
    let (mut wallet, mut gate) = (city.wallet().await, city.gate("metro").await);
    let mut records = Vec::new();
    for journey in 0..5 {
        records.push(gate.tap(&mut wallet, Kind::Entry, 1000, 10 + journey * 10));
        records.push(gate.tap(&mut wallet, Kind::Exit, 0, 15 + journey * 10));
    }
    records.push(gate.tap(&mut wallet, Kind::Purchase, 1, 100));
    let answer = city.upload(gate.upload(&records)).await;
    assert_eq!(answer.acknowledgement().settled(), 10);
    misuse_of(answer.outcomes()[10]);
    assert_eq!(city.balance(wallet.account()).await, -1000);
}

#[tokio::test]
async fn a_double_use_is_proved_even_where_the_second_could_not_have_settled() {
    let city = City::new();
    let (wallet, mut gate) = (city.wallet().await, city.gate("metro").await);
    let (good, dear) = (gate.terms(Kind::Purchase, 100, 10), gate.terms(Kind::Purchase, 1001, 11));
    let (good, dear) = (wallet.answer_under(1, &gate, good), wallet.answer_under(1, &gate, dear));
    let answer = city.upload(gate.upload(&[dear, good, dear])).await;
    // What cannot settle is not remembered; once the counter is known, it contradicts it.
    assert_eq!(answer.outcomes()[..2], [RecordOutcome::Refused(Refusal::OverLimit), SETTLED(100)]);
    misuse_of(answer.outcomes()[2]);
}

#[tokio::test]
async fn with_a_registered_key_a_proof_convicts_the_person() {
    let city = City::new();
    let registered = p256::ecdsa::SigningKey::from_slice(&[5; 32]).unwrap();
    let public = registered.verifying_key().to_sec1_point(true).as_bytes().try_into().unwrap();
    let (card, code) = city.create_card(NewCard { holder_key: Some(public), ..new_card() }).await;
    let (enrolment, holder) = (&city.roles().enrolment, city.holder());
    let offered = enrolment.begin(&code).await.unwrap();
    let message = PossessionMessage::Offer(&offered.offer);
    let possession = holder.prove_possession(city.keys.id(), message, &city.random()).unwrap();
    let request = holder_request(city.keys.id(), &offered.offer, holder.point());
    let signature: p256::ecdsa::Signature = registered.sign(&request);
    let signature = Some(signature.to_bytes().into());
    let enrolled = enrolment.complete(*offered.offer.nonce(), *holder.point(), possession, signature).await.unwrap();
    let (identity, s) = (offered.offer.identity(), enrolled.contribution.as_bytes());
    let key = holder.complete(city.keys.authority(), identity, &enrolled.credential, s).unwrap();
    let wallet = Wallet { key, card, counter: 0 };

    let mut gate = city.gate("metro").await;
    let (one, other) = (gate.terms(Kind::Purchase, 100, 10), gate.terms(Kind::Purchase, 70, 11));
    let records = [wallet.answer_under(1, &gate, one), wallet.answer_under(1, &gate, other)];
    let answer = city.upload(gate.upload(&records)).await;
    let report = city.roles().exchange.misuse(MisuseReader::Auditor, misuse_of(answer.outcomes()[1])).await.unwrap();
    assert_eq!(report.convicts, Convicts::Person);
    let archive = report.archive.unwrap();
    assert_eq!(archive.request.signed, request);
    assert_eq!(archive.request.key, public);
}
