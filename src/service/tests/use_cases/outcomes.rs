//! What docs/settlement.md says becomes of odd uploads and records, as far as no other test says it.

use std::{fs, path::Path};

use rand_core::SeedableRng as _;
use sha2::{Digest as _, Sha256};
use symbolon_ccks::{P256, Purpose, SigningKey};
use symbolon_service::{
    Policy,
    authority::AuthorityKeys,
    exchange::{FareTable, MisuseReader, RecordOutcome, Refusal},
};
use symbolon_tap::{Kind, Record, RecordBytes, RecordHint, encode_upload, misuse::Item};

use crate::city::{ALL, City, name, time};

const SETTLED: fn(u32) -> RecordOutcome = |amount| RecordOutcome::Settled { amount };
const DUPLICATE: fn(u32) -> RecordOutcome = |amount| RecordOutcome::Duplicate { amount };
/// Of an upload: where its count is, and where its digest, its signature and its records begin.
const COUNT: usize = 2;
const DIGEST: usize = 97;
const SIGNATURE: usize = 129;
const RECORDS: usize = 194;

/// Signs an upload again after its header or records were changed, as a terminal that is not to be trusted can.
fn sign_again(key: &SigningKey<P256>, mut upload: Vec<u8>) -> Vec<u8> {
    let digest = Sha256::digest(&upload[RECORDS..]);
    upload[DIGEST..SIGNATURE].copy_from_slice(&digest);
    let signature = key.sign(Purpose::Upload, &[&upload[..SIGNATURE]], &[2; 32]).unwrap();
    upload[SIGNATURE..RECORDS].copy_from_slice(signature.as_bytes());
    upload
}

async fn refused(city: &City, upload: Vec<u8>) -> &'static str {
    city.roles().exchange.upload(upload).await.unwrap_err().reason()
}

#[tokio::test]
async fn an_upload_number_used_again_is_another_upload() {
    let city = City::new();
    let (mut wallet, mut gate) = (city.wallet().await, city.gate("metro").await);
    let records = [1, 2].map(|amount| gate.tap(&mut wallet, Kind::Purchase, amount, 10));
    let uploads = [&records[..1], &records[1..], &records].map(|records| {
        gate.uploads = 0;
        gate.upload(records)
    });
    let expected = [vec![SETTLED(1)], vec![SETTLED(2)], vec![DUPLICATE(1), DUPLICATE(2)]];
    for (upload, expected) in uploads.into_iter().zip(expected) {
        assert_eq!(city.upload(upload).await.outcomes(), expected);
    }
    let summaries = city.roles().exchange.upload_summaries(None, ALL).await.unwrap();
    assert_eq!(summaries.iter().map(|upload| upload.record.number).collect::<Vec<_>>(), [1, 1, 1]);
}

#[tokio::test]
async fn a_truncated_upload_is_refused_whole() {
    let city = City::new();
    let (mut wallet, mut gate) = (city.wallet().await, city.gate("metro").await);
    let records = [1, 2].map(|amount| gate.tap(&mut wallet, Kind::Purchase, amount, 10));
    let whole = gate.upload(&records);
    let lengths = (0..RECORDS).step_by(13).chain([RECORDS, RECORDS + 209, whole.len() - 1]);
    for length in lengths {
        assert_eq!(refused(&city, whole[..length].to_vec()).await, "malformed", "{length} bytes");
    }
    assert_eq!(refused(&city, [whole.as_slice(), &[0]].concat()).await, "malformed");
    assert_eq!(city.roles().exchange.upload_summaries(None, ALL).await.unwrap().len(), 0);
    assert_eq!(city.upload(whole).await.outcomes(), [SETTLED(1), SETTLED(2)]);
}

#[tokio::test]
async fn an_upload_of_8193_records_or_none_is_refused_whole() {
    let city = City::new();
    let (mut wallet, mut gate) = (city.wallet().await, city.gate("metro").await);
    let record = gate.tap(&mut wallet, Kind::Purchase, 100, 10);
    let small = gate.upload(&[record]);
    for count in [0_u16, 8_193] {
        let mut upload = small[..RECORDS].to_vec();
        upload[COUNT..COUNT + 2].copy_from_slice(&count.to_be_bytes());
        upload.extend(RecordBytes::from(record).as_bytes().repeat(count.into()));
        assert_eq!(refused(&city, sign_again(&gate.key, upload)).await, "malformed", "{count} records");
    }
    assert_eq!(city.roles().exchange.upload_summaries(None, ALL).await.unwrap().len(), 0);
    // The same built with two is one, of which the second is a duplicate.
    let mut upload = small[..RECORDS].to_vec();
    upload[COUNT..COUNT + 2].copy_from_slice(&2_u16.to_be_bytes());
    upload.extend(RecordBytes::from(record).as_bytes().repeat(2));
    assert_eq!(city.upload(sign_again(&gate.key, upload)).await.outcomes(), [SETTLED(100), DUPLICATE(100)]);
}

#[tokio::test]
async fn an_upload_that_no_terminal_signed_is_refused_whole() {
    let city = City::new();
    let (mut wallet, mut gate, other) = (city.wallet().await, city.gate("metro").await, city.gate("metro").await);
    let record = gate.tap(&mut wallet, Kind::Purchase, 100, 10);
    let upload = gate.upload(&[record]);
    // By another terminal of the same operator, in this one's name; and by a card in its own.
    assert_eq!(refused(&city, sign_again(&other.key, upload.clone())).await, "bad_signature");
    let mut of_card = upload.clone();
    of_card[8..DIGEST].copy_from_slice(wallet.credential().as_bytes());
    assert!(["malformed", "bad_signature"].contains(&refused(&city, of_card).await));
    // A terminal of another authority is one to nobody here.
    let secret = symbolon_ccks::AuthoritySecret::generate(&mut rand_chacha::ChaCha20Rng::seed_from_u64(9));
    let keys = AuthorityKeys::<P256>::establish(secret, time(0), &name("elsewhere")).unwrap();
    let elsewhere = City::with(keys, Policy::default(), FareTable::default());
    let foreign = elsewhere.gate("metro").await;
    let upload = encode_upload(&foreign.key, 1, &[record], None, &[4; 32]).unwrap();
    assert_eq!(refused(&city, upload).await, "bad_signature");
    assert_eq!(city.roles().exchange.upload_summaries(None, ALL).await.unwrap().len(), 0);
}

#[tokio::test]
async fn records_of_two_authorities_are_told_apart() {
    let city = City::new();
    let (mut wallet, mut gate) = (city.wallet().await, city.gate("metro").await);
    let secret = symbolon_ccks::AuthoritySecret::generate(&mut rand_chacha::ChaCha20Rng::seed_from_u64(9));
    let keys = AuthorityKeys::<P256>::establish(secret, time(0), &name("elsewhere")).unwrap();
    let elsewhere = City::with(keys, Policy::default(), FareTable::default());
    let mut foreign = elsewhere.wallet().await;
    let records = [
        gate.tap(&mut wallet, Kind::Purchase, 1, 10),
        gate.tap(&mut foreign, Kind::Purchase, 2, 10),
        gate.tap(&mut wallet, Kind::Purchase, 3, 10),
    ];
    let answer = city.upload(gate.upload(&records)).await;
    let wrong = RecordOutcome::Refused(Refusal::WrongAuthority);
    assert_eq!(answer.outcomes(), [SETTLED(1), wrong, SETTLED(3)]);
}

#[tokio::test]
async fn wrong_hints_change_nothing() {
    let city = City::new();
    let (mut wallet, mut gate) = (city.wallet().await, city.gate("metro").await);
    let good = [1, 2].map(|amount| gate.tap(&mut wallet, Kind::Purchase, amount, 10));
    let mut damaged = *RecordBytes::from(gate.tap(&mut wallet, Kind::Purchase, 3, 10)).as_bytes();
    damaged[208] ^= 1;
    let records = [good[0], *Record::parse(&damaged).unwrap(), good[1]];
    let bad = RecordOutcome::Refused(Refusal::BadSignature);
    let mut answers = Vec::new();
    for byte in [0, 1, 0xff] {
        let hints: [RecordHint; 3] = std::array::from_fn(|_| hints_of(byte));
        let upload = encode_upload(&gate.key, 1, &records, Some(&hints), &[4; 32]).unwrap();
        answers.push(city.upload(upload).await);
    }
    assert_eq!(answers[0].outcomes(), [SETTLED(1), bad, SETTLED(2)]);
    // Hints are not signed, but part of the bytes: with others it is another upload.
    for answer in &answers[1..] {
        assert_eq!(answer.outcomes(), [DUPLICATE(1), bad, DUPLICATE(2)]);
    }
}

fn hints_of(byte: u8) -> RecordHint {
    RecordHint::new([byte; 32], [byte; 32])
}

#[tokio::test]
async fn the_ends_of_a_journey_pair_however_they_come() {
    let city = City::new();
    let (mut wallet, mut gate) = (city.wallet().await, city.gate("metro").await);
    let entries = [10, 20].map(|seconds| gate.tap(&mut wallet, Kind::Entry, 500, seconds));
    // Two entries are two journeys; an exit ends the later, and the earlier is still held.
    assert_eq!(city.upload(gate.upload(&entries)).await.outcomes(), [SETTLED(500); 2]);
    let exit = gate.tap(&mut wallet, Kind::Exit, 0, 30);
    assert_eq!(city.upload(gate.upload(&[exit])).await.outcomes(), [SETTLED(200)]);
    assert_eq!(city.balance("journeys-156").await, 500);
    // A second exit ends the earlier, and a third costs nothing.
    let exits = [40, 50].map(|seconds| gate.tap(&mut wallet, Kind::Exit, 0, seconds));
    assert_eq!(city.upload(gate.upload(&exits)).await.outcomes(), [SETTLED(200), SETTLED(0)]);
    assert_eq!(city.balance("journeys-156").await, 0);
    assert_eq!(city.balance("operator-metro-156").await, 400);
    // An entry uploaded twice is one journey.
    assert_eq!(city.upload(gate.upload(&entries[..1])).await.outcomes(), [DUPLICATE(500)]);
    assert_eq!(city.balance("journeys-156").await, 0);
}

#[tokio::test]
async fn an_uploaded_forgery_convicts_nobody() {
    let city = City::new();
    let (wallet, mut gate, mut thief) = (city.wallet().await, city.gate("metro").await, city.gate("water").await);
    let terms = gate.terms(Kind::Purchase, 100, 10);
    let honest = wallet.answer_under(1, &gate, terms);
    city.upload(gate.upload(&[honest])).await;
    // Under the counter of an honest tap: other terms, another amount, another counter's signature, another response, and
    // the tap itself as if another terminal had taken it.
    let altered = |change: &dyn Fn(&mut [u8; 209])| {
        let mut bytes = *RecordBytes::from(honest).as_bytes();
        change(&mut bytes);
        *Record::parse(&bytes).unwrap()
    };
    let other_terms = gate.terms(Kind::Purchase, 70, 20);
    let second = wallet.answer_under(2, &gate, other_terms);
    let signature_of_second = second.presentation().as_bytes()[159 - 65..].to_vec();
    let forgeries = [
        altered(&|bytes| bytes[49] ^= 1),
        altered(&|bytes| bytes[31] += 1),
        altered(&|bytes| bytes[209 - 65..].copy_from_slice(&signature_of_second)),
        altered(&|bytes| bytes[208] ^= 1),
        Record::new(*second.terms(), *honest.presentation()),
    ];
    let bad = RecordOutcome::Refused(Refusal::BadSignature);
    assert_eq!(city.upload(gate.upload(&forgeries)).await.outcomes(), [bad; 5]);
    assert_eq!(city.upload(thief.upload(&[honest, forgeries[0]])).await.outcomes(), [bad; 2]);
    let proofs = city.roles().exchange.misuses(MisuseReader::Auditor, ALL).await.unwrap();
    assert_eq!(proofs, []);
    // What is uploaded as a proof is no upload, and an item no record.
    let items = [honest, forgeries[0]].map(|record| Item::new(&record, gate.credential().digest()).as_bytes().to_vec());
    assert_eq!(refused(&city, items.concat()).await, "malformed");
    let state = city.roles().cards.get(&name("issuer"), wallet.card.number).await.unwrap().state;
    assert_eq!(state, symbolon_store::records::CardState::Active);
    assert_eq!(city.balance(wallet.account()).await, -100);
}

/// The rows of the tables of docs/settlement.md whose last column names tests, and those tests.
fn rows(text: &str) -> Vec<(String, Vec<String>)> {
    let lines = text.lines().filter(|line| line.starts_with("| ") && !line.starts_with("| ---"));
    let cells = lines.map(|line| line.trim_matches('|').split('|').map(str::trim).collect::<Vec<_>>());
    let (mut rows, mut is_tested) = (Vec::new(), false);
    for cells in cells {
        let last = cells[cells.len() - 1];
        // A table that names no test begins with another heading.
        match last {
            "test" => is_tested = true,
            "operator" | "loses" => is_tested = false,
            _ if is_tested => {
                let tests = last.split(',').map(|test| test.trim().trim_matches('`').to_owned()).collect();
                rows.push((cells[0].to_owned(), tests));
            }
            _ => {}
        }
    }
    rows
}

/// Every source file of tests under a folder.
fn sources(folder: &Path, all: &mut String) {
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() && !path.ends_with("target") {
            sources(&path, all);
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            all.push_str(&fs::read_to_string(&path).unwrap());
        }
    }
}

#[test]
fn every_outcome_that_the_docs_promise_has_its_test() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    let rows = rows(&fs::read_to_string(root.join("docs/settlement.md")).unwrap());
    assert!(rows.len() >= 50, "{} rows: the tables are not where they were", rows.len());
    let mut all = String::new();
    for folder in ["src", "tests"] {
        sources(&root.join(folder), &mut all);
    }
    for (received, tests) in rows {
        assert!(!tests.is_empty() && tests.iter().all(|test| !test.is_empty()), "{received}: no test");
        for test in tests {
            let declared = ["(", "<"].iter().any(|next| all.contains(&format!("fn {test}{next}")));
            assert!(declared, "{received}: there is no test {test}");
        }
    }
}
