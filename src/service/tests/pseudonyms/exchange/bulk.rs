//! Whole uploads are decided as if each record had come in an upload of its own, one after the other.

use std::collections::BTreeMap;

use proptest::prelude::{ProptestConfig, proptest};
use rusqlite::{Connection, OpenFlags, types::Value};
use symbolon_ccks::CredentialDigest;
use symbolon_service::exchange::{RecordOutcome, Refusal};
use symbolon_store::records::MisuseId;
use symbolon_tap::{Kind, RecordBytes};

use super::{
    DUPLICATE, House, SETTLED,
    mixture::{Act, BUNDLE_VALIDITY, Cast, Change, Leg, OPERATORS, OUT_OF_USE, Tap, Twist, Who, legs},
    name,
};

/// All that is left of uploads but what tells them apart.
#[derive(Debug, PartialEq)]
struct Left {
    outcomes: Vec<RecordOutcome>,
    balances: BTreeMap<String, i64>,
    /// What each operator was told that it gained, by record.
    told: BTreeMap<(&'static str, Vec<u8>), i64>,
    suspended: Vec<CredentialDigest>,
    rows: Vec<Vec<Value>>,
}

/// What is left when the records of each leg came so many at a time.
async fn settle(cast: &mut Cast, legs: &[(usize, Vec<RecordBytes>)], at_a_time: usize) -> Left {
    let house = cast.house().await;
    let mut outcomes = Vec::new();
    for (gate, records) in legs {
        for together in records.chunks(at_a_time) {
            let upload = cast.gates[*gate].upload_bytes(together, &[]);
            outcomes.extend_from_slice(house.upload(upload).await.outcomes());
        }
    }
    house.deliver_all().await;
    let (balances, told) = (house.balances().await, told(&house).await);
    let suspended = house.registry.suspended.lock().unwrap().clone();
    Left { outcomes, balances, told, suspended, rows: rows(&house) }
}

async fn told(house: &House) -> BTreeMap<(&'static str, Vec<u8>), i64> {
    let mut told = BTreeMap::new();
    for operator in OPERATORS[..2].iter().copied() {
        for collected in house.exchange().collect(&name(operator), None, 1_000).await.unwrap() {
            *told.entry((operator, collected.record.record.as_bytes().to_vec())).or_default() += collected.gain;
        }
    }
    told
}

/// What the exchange keeps of the records.
fn rows(house: &House) -> Vec<Vec<Value>> {
    let file = house.folder.path().join("exchange.db");
    let connection = Connection::open_with_flags(file, OpenFlags::SQLITE_OPEN_READ_ONLY).unwrap();
    let mut rows = Vec::new();
    for sql in [
        "SELECT s.credential_digest, s.counter, s.agreement, s.outcome, s.misuse, s.terminal_digest, s.kind, s.amount,
             s.after_revocation, s.time, r.credential_digest, r.counter
         FROM settlements AS s LEFT JOIN settlements AS r ON r.id = s.repeats ORDER BY s.credential_digest, s.counter",
        "SELECT credential_digest, spent, max(counter) FROM settlements GROUP BY credential_digest ORDER BY credential_digest",
        "SELECT kind, credential, offence, issuer, items FROM misuse ORDER BY id",
        "SELECT misuse, operator FROM misuse_operators ORDER BY misuse, operator",
        "SELECT misuse, credential_digest FROM suspensions ORDER BY misuse",
        "SELECT s.credential_digest, s.counter, c.kind, c.currency, c.subject, c.moves FROM charges AS c
             JOIN settlements AS s ON s.id = c.settlement
             ORDER BY s.credential_digest, s.counter, c.kind, c.moves",
        "SELECT e.credential_digest, e.counter, e.exits, e.fare, x.counter FROM journeys AS e
             LEFT JOIN journeys AS x ON x.settlement = e.closed_by ORDER BY e.credential_digest, e.counter",
        "SELECT s.credential_digest, s.counter, d.reference, d.meter FROM deliveries AS d
             JOIN settlements AS s ON s.id = d.settlement ORDER BY s.credential_digest, s.counter",
    ] {
        let mut statement = connection.prepare(sql).unwrap();
        let columns = statement.column_count();
        let read = |row: &rusqlite::Row<'_>| (0..columns).map(|column| row.get(column)).collect::<Result<Vec<_>, _>>();
        rows.extend(statement.query_map([], read).unwrap().map(Result::unwrap));
    }
    rows
}

/// Settles the records one by one, so many at a time and leg by leg: the same must be left. What was left.
async fn settle_in_every_way(cast: &mut Cast, legs: &[Leg], at_a_time: usize) -> Left {
    let legs = cast.records(legs);
    let alone = settle(cast, &legs, 1).await;
    for at_a_time in [at_a_time, usize::MAX] {
        assert_eq!(settle(cast, &legs, at_a_time).await, alone);
    }
    alone
}

#[test]
fn an_upload_is_decided_as_its_records_one_by_one() {
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    let cast = std::cell::RefCell::new(Cast::new());
    proptest!(ProptestConfig { cases: 6, failure_persistence: None, ..ProptestConfig::default() },
        |(legs in legs(), at_a_time in 2..8_usize)| {
        runtime.block_on(settle_in_every_way(&mut cast.borrow_mut(), &legs, at_a_time));
    });
}

#[tokio::test]
async fn what_a_mixture_comes_to() {
    use Kind::{Credit, Entry, Exit, Purchase, Refund};
    use Who::{Card, OtherCard, Pseudonym, RevokedCard, RevokedPseudonym};
    let taken =
        |who, kind, amount, seconds, station| Act::Tap(Tap { who, kind, amount, seconds, station, twist: Twist::None });
    let paid = |who, amount, seconds| taken(who, Purchase, amount, seconds, 0);
    let twisted = |twist| Act::Tap(Tap { who: Pseudonym, kind: Purchase, amount: 5, seconds: 20, station: 0, twist });
    let (refused, misuse) = (RecordOutcome::Refused, |id| RecordOutcome::Misuse(MisuseId(id)));
    let (unawares, known_to_all) = (OUT_OF_USE, OUT_OF_USE + BUNDLE_VALIDITY);
    let day = [
        (0, paid(Card, 100, 20), SETTLED(100)),
        (0, taken(Card, Entry, 500, 30, 1), SETTLED(500)),
        (0, taken(Card, Exit, 0, 40, 2), SETTLED(80)),
        (0, Act::Again(0), DUPLICATE(100)),
        (0, Act::AnsweredTwice(0), DUPLICATE(100)),
        (0, Act::DoubleUse(0, 7), misuse(1)),
        (0, Act::Again(4), misuse(1)),
        (0, Act::Changed(0, Change::Blank), refused(Refusal::Malformed)),
        (0, Act::Changed(0, Change::OtherAuthority), refused(Refusal::WrongAuthority)),
        (0, Act::Changed(0, Change::ToATerminal), refused(Refusal::WrongClass)),
        (0, Act::Changed(0, Change::ToAScreenCode), refused(Refusal::WrongKind)),
        (0, Act::Changed(0, Change::Bit(208)), refused(Refusal::BadSignature)),
        (0, twisted(Twist::OtherCurrency), refused(Refusal::WrongCurrency)),
        (0, twisted(Twist::Ahead), refused(Refusal::TimeAhead)),
        (0, twisted(Twist::Early), refused(Refusal::NotYetValid)),
        (0, twisted(Twist::AboveTheLimit), refused(Refusal::OverLimit)),
        (0, taken(OtherCard, Refund, 9, 20, 0), refused(Refusal::NotAuthorised)),
        (0, taken(OtherCard, Credit, 0, 20, 0), SETTLED(0)),
        (1, paid(Pseudonym, 1_500, 50), SETTLED(1_500)),
        (1, taken(Pseudonym, Entry, 600, 60, 1), misuse(2)),
        (1, taken(Pseudonym, Entry, 500, 70, 1), SETTLED(500)),
        (1, paid(RevokedCard, 1, unawares - 1), SETTLED(1)),
        (1, paid(RevokedCard, 2, unawares), SETTLED(2)),
        (1, paid(RevokedCard, 3, known_to_all), refused(Refusal::Revoked)),
        (1, paid(RevokedPseudonym, 4, known_to_all - 1), SETTLED(4)),
        (1, paid(RevokedPseudonym, 5, known_to_all), refused(Refusal::Revoked)),
        (1, paid(Who::LatePseudonym, 6, 20), refused(Refusal::TooLate)),
        (1, paid(Who::UnissuedCard, 7, 20), refused(Refusal::NeverIssued)),
        (1, paid(Who::UnissuedPseudonym, 8, 20), refused(Refusal::NeverIssued)),
        (1, Act::Elsewhere(0), refused(Refusal::BadSignature)),
        (1, Act::DoubleUseElsewhere(0, 9), misuse(3)),
        // The same identities, agreements and journeys in another upload.
        (0, Act::Again(0), DUPLICATE(100)),
        (0, Act::AnsweredTwice(0), DUPLICATE(100)),
        (0, Act::DoubleUse(1, 7), misuse(4)),
        (0, taken(Card, Exit, 0, 35, 1), SETTLED(0)),
        (0, Act::Again(2), DUPLICATE(0)),
        (2, paid(OtherCard, 1, OUT_OF_USE - 1), SETTLED(1)),
        (2, paid(OtherCard, 2, OUT_OF_USE), refused(Refusal::Revoked)),
    ];
    let of_one = day.chunk_by(|(one, ..), (other, ..)| one == other);
    let legs = of_one.map(|leg| (leg[0].0, leg.iter().map(|(_, act, _)| act.clone()).collect::<Vec<_>>()));
    let left = settle_in_every_way(&mut Cast::new(), &legs.collect::<Vec<_>>(), 3).await;
    assert_eq!(left.outcomes, day.map(|(_, _, outcome)| outcome));
}
