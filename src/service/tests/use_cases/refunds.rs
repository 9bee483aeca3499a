//! Refunds: signed by the holder, settled by the operator's word, never above the purchase.

use symbolon_ccks::P256;
use symbolon_service::{
    ServiceError,
    cards::NewCard,
    exchange::{RecordOutcome, Refusal, UploadedRecord},
};
use symbolon_store::records::RecordPosition;
use symbolon_tap::{Kind, Record};

use crate::city::{ALL, City, Gate, name, new_card};

const SETTLED: fn(u32) -> RecordOutcome = |amount| RecordOutcome::Settled { amount };
const DUPLICATE: fn(u32) -> RecordOutcome = |amount| RecordOutcome::Duplicate { amount };
const WAITS: RecordOutcome = RecordOutcome::Refused(Refusal::NotAuthorised);

/// Uploads records; their outcomes and places.
async fn sent(city: &City, gate: &mut Gate<P256>, records: &[Record]) -> Vec<UploadedRecord> {
    let answer = city.upload(gate.upload(records)).await;
    let digest = *answer.acknowledgement().upload_digest();
    city.roles().exchange.records(None, Some(digest), ALL).await.unwrap()
}

fn outcomes(records: &[UploadedRecord]) -> Vec<RecordOutcome> {
    records.iter().map(|record| record.outcome).collect()
}

async fn authorise(
    city: &City,
    refund: RecordPosition,
    purchase: RecordPosition,
) -> Result<RecordOutcome, ServiceError> {
    let authorised = city.roles().exchange.authorise_refund(&name("metro"), refund, purchase).await;
    authorised.map(|record| record.outcome)
}

#[tokio::test]
async fn a_refund_settles_once_by_its_operators_word() {
    let mut city = City::new();
    let (mut wallet, mut gate) = (city.wallet().await, city.gate("metro").await);
    let records = [gate.tap(&mut wallet, Kind::Purchase, 300, 10), gate.tap(&mut wallet, Kind::Refund, 120, 20)];
    let upload = gate.upload(&records);
    let answer = city.upload(upload.clone()).await;
    assert_eq!(answer.outcomes(), [SETTLED(300), WAITS]);
    let digest = *answer.acknowledgement().upload_digest();
    let places = city.roles().exchange.records(None, Some(digest), ALL).await.unwrap();
    let (purchase, refund) = (places[0].position, places[1].position);
    assert_eq!(city.balance("operator-metro-156").await, 300);
    for _ in 0..2 {
        assert_eq!(authorise(&city, refund, purchase).await, Ok(SETTLED(120)));
        assert_eq!(city.balance("operator-metro-156").await, 180);
        assert_eq!(city.balance(wallet.account()).await, -180);
        city.reopen();
    }
    // The same upload gets the same answer; the same record in another was settled before.
    assert_eq!(city.upload(upload).await, answer);
    assert_eq!(city.upload(gate.upload(&records)).await.outcomes(), [DUPLICATE(300), DUPLICATE(120)]);
    assert_eq!(city.balance("operator-metro-156").await, 180);
}

#[tokio::test]
async fn refunds_never_sum_to_more_than_the_purchase() {
    let city = City::new();
    let (mut wallet, mut gate) = (city.wallet().await, city.gate("metro").await);
    let mut tap = |kind, amount| gate.tap(&mut wallet, kind, amount, 10);
    let taps =
        [(Kind::Purchase, 300), (Kind::Refund, 301), (Kind::Refund, 200), (Kind::Refund, 101), (Kind::Refund, 100)];
    let records = taps.map(|(kind, amount)| tap(kind, amount));
    let nothing = tap(Kind::Refund, 0);
    let sent = sent(&city, &mut gate, &[records.as_slice(), &[nothing]].concat()).await;
    let purchase = sent[0].position;
    let refund = |index: usize| authorise(&city, sent[index].position, purchase);
    assert_eq!(refund(1).await, Err(ServiceError::RefundExceeds(300)));
    assert_eq!(refund(2).await, Ok(SETTLED(200)));
    assert_eq!(refund(3).await, Err(ServiceError::RefundExceeds(100)));
    assert_eq!(refund(4).await, Ok(SETTLED(100)));
    assert_eq!(refund(3).await, Err(ServiceError::RefundExceeds(0)));
    assert_eq!(refund(5).await.unwrap_err().reason(), "invalid_field");
    assert_eq!(city.balance("operator-metro-156").await, 0);
    assert_eq!(city.balance(wallet.account()).await, 0);
}

#[tokio::test]
async fn a_refund_waits_for_its_purchase() {
    let city = City::new();
    let (mut wallet, mut gate) = (city.wallet().await, city.gate("metro").await);
    let purchase = gate.tap(&mut wallet, Kind::Purchase, 300, 10);
    let refund = gate.tap(&mut wallet, Kind::Refund, 300, 20);
    let first = sent(&city, &mut gate, &[refund]).await;
    assert_eq!(outcomes(&first), [WAITS]);
    // Nothing can be named yet, neither a record that is not there nor one that is no purchase.
    let missing = RecordPosition::new(first[0].position.upload(), 1);
    assert_eq!(authorise(&city, first[0].position, missing).await, Err(ServiceError::NotFound("record")));
    let itself = authorise(&city, first[0].position, first[0].position).await;
    assert_eq!(itself.unwrap_err().reason(), "invalid_field");
    let second = sent(&city, &mut gate, &[purchase]).await;
    assert_eq!(outcomes(&second), [SETTLED(300)]);
    assert_eq!(authorise(&city, first[0].position, second[0].position).await, Ok(SETTLED(300)));
    assert_eq!(city.balance("operator-metro-156").await, 0);
}

#[tokio::test]
async fn a_refund_uploaded_twice_is_one_refund() {
    let city = City::new();
    let (mut wallet, mut gate) = (city.wallet().await, city.gate("metro").await);
    let purchases = [300, 300].map(|amount| gate.tap(&mut wallet, Kind::Purchase, amount, 10));
    let terms = gate.terms(Kind::Refund, 100, 20);
    // The same agreement under two counters, and each record twice.
    let refunds = [wallet.answer_under(8, &gate, terms), wallet.answer_under(9, &gate, terms)];
    let bought = sent(&city, &mut gate, &purchases).await;
    let first = sent(&city, &mut gate, &refunds).await;
    let again = sent(&city, &mut gate, &refunds).await;
    assert_eq!([outcomes(&first), outcomes(&again)].concat(), [WAITS; 4]);
    let (one, other) = (bought[0].position, bought[1].position);
    assert_eq!(authorise(&city, first[0].position, one).await, Ok(SETTLED(100)));
    assert_eq!(authorise(&city, again[0].position, one).await, Ok(SETTLED(100)));
    let exists = Err(ServiceError::AlreadyExists("refund"));
    assert_eq!(authorise(&city, again[0].position, other).await, exists, "of another purchase");
    assert_eq!(authorise(&city, first[1].position, one).await, exists, "under another counter");
    assert_eq!(city.balance("operator-metro-156").await, 500);
}

#[tokio::test]
async fn a_refund_is_authorised_by_its_own_operator_for_its_own_purchase() {
    let city = City::new();
    let (mut wallet, mut metro, mut tram) = (city.wallet().await, city.gate("metro").await, city.gate("tram").await);
    let mut dollars = city.wallet_of(NewCard { currency: 840, ..new_card() }).await;
    let here = [
        metro.tap(&mut wallet, Kind::Purchase, 300, 10),
        metro.tap(&mut wallet, Kind::Refund, 100, 20),
        metro.tap(&mut wallet, Kind::Entry, 100, 30),
        metro.tap(&mut dollars, Kind::Refund, 100, 30),
        metro.tap(&mut wallet, Kind::Purchase, 1001, 10),
    ];
    let there = [tram.tap(&mut wallet, Kind::Purchase, 300, 10), tram.tap(&mut wallet, Kind::Refund, 100, 20)];
    let (here, there) = (sent(&city, &mut metro, &here).await, sent(&city, &mut tram, &there).await);
    let reason = async |refund: &UploadedRecord, purchase: &UploadedRecord| {
        authorise(&city, refund.position, purchase.position).await.unwrap_err().reason()
    };
    assert_eq!(reason(&here[1], &there[0]).await, "not_found", "another operator's purchase");
    assert_eq!(reason(&there[1], &here[0]).await, "not_found", "another operator's refund");
    assert_eq!(reason(&here[1], &here[2]).await, "invalid_field", "an entry is no purchase");
    assert_eq!(reason(&here[0], &here[0]).await, "invalid_field", "a purchase is no refund");
    assert_eq!(reason(&here[1], &here[4]).await, "not_found", "a purchase that was refused");
    // What was refused for another reason no word of the operator settles.
    assert_eq!(here[3].outcome, RecordOutcome::Refused(Refusal::WrongCurrency));
    assert_eq!(reason(&here[3], &here[0]).await, "invalid_field");
    assert_eq!(city.balance("operator-metro-156").await, 300);
}

#[tokio::test]
async fn a_refund_whose_counter_was_used_otherwise_is_misuse() {
    let city = City::new();
    let (wallet, mut gate) = (city.wallet().await, city.gate("metro").await);
    let terms = [(Kind::Purchase, 300), (Kind::Refund, 100), (Kind::Purchase, 50)];
    let [bought, refund, other] = terms.map(|(kind, amount)| gate.terms(kind, amount, 10));
    let records =
        [(1, bought), (2, refund), (2, other)].map(|(counter, terms)| wallet.answer_under(counter, &gate, terms));
    let sent = sent(&city, &mut gate, &records).await;
    assert_eq!(outcomes(&sent), [SETTLED(300), WAITS, SETTLED(50)]);
    let refused = authorise(&city, sent[1].position, sent[0].position).await;
    assert_eq!(refused.unwrap_err().reason(), "already_exists");
    let again = city.upload(gate.upload(&records[1..2])).await;
    assert!(matches!(again.outcomes(), [RecordOutcome::Misuse(_)]));
    assert_eq!(city.balance("operator-metro-156").await, 350);
}
