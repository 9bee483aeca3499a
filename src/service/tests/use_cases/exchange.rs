//! The exchange: every transaction settles once, whatever is sent how often.

use symbolon_ccks::{P256, Secp256k1, Suite};
use symbolon_service::{
    authority::AuthorityKeys,
    exchange::{FareTable, RecordOutcome, Refusal},
};
use symbolon_store::Page;
use symbolon_tap::{Kind, Presentation, Record};

use crate::city::{ALL, CURRENCY, City, name, secret, time};

const SETTLED: fn(u32) -> RecordOutcome = |amount| RecordOutcome::Settled { amount };
const DUPLICATE: fn(u32) -> RecordOutcome = |amount| RecordOutcome::Duplicate { amount };

async fn a_purchase_settles<S: Suite>() {
    let keys = AuthorityKeys::<S>::establish(secret(), time(0), &name("city")).unwrap();
    let city = City::with(keys, symbolon_service::Policy::default(), FareTable::default());
    let (mut wallet, mut gate) = (city.wallet().await, city.gate("metro").await);
    let records = [gate.tap(&mut wallet, Kind::Purchase, 300, 10), gate.tap(&mut wallet, Kind::Credit, 0, 11)];
    let upload = gate.upload(&records);
    let answer = city.upload(upload.clone()).await;
    assert_eq!(answer.outcomes(), [SETTLED(300), SETTLED(0)]);
    let acknowledgement = answer.acknowledgement();
    acknowledgement.verify(city.keys.authority(), answer.signature()).unwrap();
    assert_eq!((acknowledgement.settled(), acknowledgement.duplicate(), acknowledgement.refused()), (2, 0, 0));
    assert_eq!(acknowledgement.upload_digest(), &symbolon_tap::Upload::parse(&upload).unwrap().digest());
    assert_eq!(city.balance(wallet.account()).await, -300);
    assert_eq!(city.balance("operator-metro-156").await, 300);
}

#[tokio::test]
async fn a_purchase_settles_under_both_suites() {
    a_purchase_settles::<P256>().await;
    a_purchase_settles::<Secp256k1>().await;
}

#[tokio::test]
async fn an_upload_repeated_whole_gets_the_stored_answer_byte_for_byte() {
    let mut city = City::new();
    let (mut wallet, mut gate) = (city.wallet().await, city.gate("metro").await);
    let elsewhere = city.gate("other").await.tap(&mut wallet, Kind::Purchase, 1, 9);
    let here = gate.tap(&mut wallet, Kind::Purchase, 300, 10);
    let upload = gate.upload(&[elsewhere, here]);
    let first = city.roles().exchange.upload(upload.clone()).await.unwrap();
    assert!(!first.repeated);
    assert_eq!(first.answer.outcomes(), [RecordOutcome::Refused(Refusal::BadSignature), SETTLED(300)]);
    city.reopen();
    city.clock.set(5000);
    let again = city.roles().exchange.upload(upload).await.unwrap();
    assert!(again.repeated);
    assert_eq!(again.answer.encode(), first.answer.encode());
    assert_eq!(city.balance("operator-metro-156").await, 300);
}

#[tokio::test]
async fn records_repeated_in_another_upload_are_duplicates() {
    let city = City::new();
    let (mut wallet, mut gate) = (city.wallet().await, city.gate("metro").await);
    let records: [Record; 3] =
        std::array::from_fn(|index| gate.tap(&mut wallet, Kind::Purchase, 100 + index as u32, 10));
    city.upload(gate.upload(&records[..2])).await;
    let answer = city.upload(gate.upload(&[records[2], records[0], records[1], records[2]])).await;
    assert_eq!(answer.outcomes(), [SETTLED(102), DUPLICATE(100), DUPLICATE(101), DUPLICATE(102)]);
    // The terminal's number means nothing here: other bytes under a number used before are another upload.
    gate.uploads = 0;
    let same_number = city.upload(gate.upload(&records)).await;
    assert_eq!(same_number.outcomes(), [DUPLICATE(100), DUPLICATE(101), DUPLICATE(102)]);
    assert_eq!(city.balance("operator-metro-156").await, 303);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn the_same_records_from_many_at_once_settle_once() {
    let city = City::new();
    let (mut wallet, mut gate) = (city.wallet().await, city.gate("metro").await);
    let records: [Record; 8] = std::array::from_fn(|_| gate.tap(&mut wallet, Kind::Purchase, 100, 10));
    let same = gate.upload(&records);
    let uploads = (0..6).map(|index| if index < 3 { same.clone() } else { gate.upload(&records) });
    let running = uploads.map(|upload| {
        let exchange = city.roles().exchange.clone();
        tokio::spawn(async move { exchange.upload(upload).await.unwrap() })
    });
    let running = running.collect::<Vec<_>>();
    let (mut settled, mut answers) = (0, Vec::new());
    for upload in running {
        let answered = upload.await.unwrap();
        if !answered.repeated {
            settled += answered.answer.acknowledgement().settled();
        }
        answers.push(answered.answer);
    }
    assert_eq!(settled, 8);
    assert!(answers[0] == answers[1] && answers[1] == answers[2], "one upload, one answer");
    assert_eq!(city.balance("operator-metro-156").await, 800);
}

#[tokio::test]
async fn one_challenge_answered_under_two_counters_settles_once() {
    let city = City::new();
    let (wallet, mut gate) = (city.wallet().await, city.gate("metro").await);
    let terms = gate.terms(Kind::Purchase, 100, 10);
    let (first, second) = (wallet.answer_under(1, &gate, terms), wallet.answer_under(2, &gate, terms));
    let answer = city.upload(gate.upload(&[first, second])).await;
    assert_eq!(answer.outcomes(), [SETTLED(100), DUPLICATE(100)]);
    let answer = city.upload(gate.upload(&[second, first])).await;
    assert_eq!(answer.outcomes(), [DUPLICATE(100), DUPLICATE(100)]);
    assert_eq!(city.balance("operator-metro-156").await, 100);
}

#[tokio::test]
async fn operators_see_their_own_uploads_and_records_alone() {
    let city = City::new();
    let (mut wallet, mut metro, mut water) = (city.wallet().await, city.gate("metro").await, city.gate("water").await);
    for _ in 0..2 {
        let records: [Record; 3] = std::array::from_fn(|_| metro.tap(&mut wallet, Kind::Purchase, 10, 10));
        city.upload(metro.upload(&records)).await;
        let record = water.tap(&mut wallet, Kind::Purchase, 20, 10);
        city.upload(water.upload(&[record])).await;
    }
    let exchange = &city.roles().exchange;
    let (of_metro, of_water) = (name("metro"), name("water"));
    let uploads = exchange.upload_summaries(Some(&of_metro), ALL).await.unwrap();
    assert_eq!(uploads.iter().map(|upload| upload.record.record_count).collect::<Vec<_>>(), [3, 3]);
    assert_eq!(exchange.upload_summaries(None, ALL).await.unwrap().len(), 4);
    let digest = uploads[0].record.digest;
    let upload = exchange.upload_summary(Some(&of_metro), digest).await.unwrap();
    assert_eq!((upload.operator, upload.terminal, upload.number), (of_metro, metro.terminal.subject, 1));
    let hidden = exchange.upload_summary(Some(&of_water), digest).await.unwrap_err();
    assert_eq!(hidden.reason(), "not_found");
    let hidden = exchange.records(Some(&of_water), Some(digest), ALL).await.unwrap_err();
    assert_eq!(hidden.reason(), "not_found");
    assert_eq!(exchange.records(None, Some(digest), ALL).await.unwrap().len(), 3);
    assert_eq!(exchange.records(Some(&of_water), None, ALL).await.unwrap().len(), 2);

    let (mut listed, mut after) = (Vec::new(), 0);
    loop {
        let page = exchange.records(Some(&of_metro), None, Page { after, limit: 2 }).await.unwrap();
        let Some(last) = page.last() else { break };
        after = last.position.0;
        listed.extend(page);
    }
    assert_eq!(listed.iter().map(|record| record.index).collect::<Vec<_>>(), [0, 1, 2, 0, 1, 2]);
    assert!(listed.iter().all(|record| record.operator == of_metro && record.outcome == SETTLED(10)));
    let all = exchange.records(Some(&of_metro), None, ALL).await.unwrap();
    assert_eq!(all, listed);

    // A posting of the operator's account names the record that it came of.
    let account = symbolon_store::records::AccountName::operator(&of_metro, CURRENCY);
    let postings = city.roles().ledger.postings(Some(&of_metro), account, ALL).await.unwrap();
    let named = postings.iter().map(|posting| posting.record.record.unwrap()).collect::<Vec<_>>();
    assert_eq!(named, listed.iter().map(|record| record.position).collect::<Vec<_>>());
}

#[tokio::test]
async fn the_presentation_of_one_terminal_is_worth_nothing_to_another() {
    let city = City::new();
    let (wallet, mut gate, mut thief) = (city.wallet().await, city.gate("metro").await, city.gate("water").await);
    let terms = gate.terms(Kind::Purchase, 100, 10);
    let presentation = Presentation::sign(&wallet.key, &terms, &gate.credential().digest(), 1, &[1; 32]).unwrap();
    let record = Record::new(terms, presentation);
    let stolen = city.upload(thief.upload(&[record])).await;
    assert_eq!(stolen.outcomes(), [RecordOutcome::Refused(Refusal::BadSignature)]);
    assert_eq!(city.upload(gate.upload(&[record])).await.outcomes(), [SETTLED(100)]);
}
