//! Pseudonyms that do not settle: never issued, revoked, too late.

use symbolon_ccks::{Period, Subject, Time};
use symbolon_pseudonym::AccountHandle;
use symbolon_service::{
    exchange::{RecordOutcome, Refusal},
    links::{ExchangeLink as _, PublishedSeeds},
};
use symbolon_tap::Kind;

use super::{BOUNDARY, DUPLICATE, HOUR, House, SETTLED, Town, linked, seeds, time, today};

const REFUSED: fn(Refusal) -> RecordOutcome = RecordOutcome::Refused;

#[tokio::test]
async fn a_valid_signature_under_an_unregistered_pseudonym_raises_the_alarm() {
    let mut town = Town::new();
    let mut gate = town.gate("metro");
    let mut forged = town.forged(AccountHandle::from_bytes([7; 16]), Subject::from_bytes([8; 16]), today());
    let record = gate.tap(&mut forged, Kind::Purchase, 40, 11);
    let house = House::new(&town).await;
    let answer = house.upload(gate.upload(&[record])).await;
    assert_eq!(answer.outcomes(), [REFUSED(Refusal::NeverIssued)]);
    house.deliver_all().await;
    assert_eq!(house.balance("operator-metro-156").await, 0);
    assert!(!house.registry.asked.lock().unwrap().contains(&forged.digest()));
    // It is not remembered: had the issuer been slow to say so, the record settles.
    house.exchange().register(vec![(forged.digest(), today())]).await.unwrap();
    assert_eq!(house.upload(gate.upload(&[record])).await.outcomes(), [SETTLED(40)]);
}

#[tokio::test]
async fn a_revoked_cards_pseudonyms_are_refused_once_every_terminal_can_tell() {
    let mut town = Town::new();
    let (mut gate, account) = (town.gate("metro"), AccountHandle::from_bytes([7; 16]));
    // Shorter than a pseudonym lives, so that one can be refused for it.
    let house_policy = symbolon_service::Policy { bundle_validity_seconds: HOUR, ..Default::default() };
    let mut revoked = town.pseudonym_of(account, linked(1, 0, 19), today());
    let mut beyond = town.pseudonym_of(account, linked(1, 0, 20), today());
    let mut other = town.pseudonym_of(account, linked(2, 0, 0), today());
    let times = [999, 1_000, 1_000 + HOUR - 1, 1_000 + HOUR];
    let records = times.map(|seconds| gate.tap(&mut revoked, Kind::Purchase, 10, seconds));
    let others = [&mut beyond, &mut other].map(|holder| gate.tap(holder, Kind::Purchase, 10, 1_000 + HOUR));
    let house = House::with_policy(&town, house_policy).await;
    house.set(2 * HOUR);
    let published = PublishedSeeds { period: today(), seeds: seeds(1), published: time(1_000) };
    house.registry.seeds.lock().unwrap().push(published);
    let answer = house.upload(gate.upload(&records)).await;
    assert_eq!(answer.outcomes(), [SETTLED(10), SETTLED(10), SETTLED(10), REFUSED(Refusal::Revoked)]);
    assert_eq!(after_revocation(&house), [false, true, true]);
    let answer = house.upload(gate.upload(&others)).await;
    assert_eq!(answer.outcomes(), [SETTLED(10), SETTLED(10)], "a card has twenty, and others are others");
}

#[tokio::test]
async fn periods_before_the_published_one_are_never_recognised() {
    let mut town = Town::new();
    let (mut gate, account) = (town.gate("metro"), AccountHandle::from_bytes([7; 16]));
    let tomorrow = today().next();
    let mut early = town.pseudonym_of(account, linked(1, 0, 0), today());
    let mut late = town.pseudonym_of(account, linked(1, 1, 0), tomorrow);
    let start = 24 * HOUR;
    let records = [gate.tap(&mut early, Kind::Purchase, 10, start), gate.tap(&mut late, Kind::Purchase, 10, start)];
    let policy = symbolon_service::Policy { bundle_validity_seconds: 0, ..Default::default() };
    let house = House::with_policy(&town, policy).await;
    house.set(start);
    let [a, b] = seeds(1);
    let next = [a.next(symbolon_ccks::LinkageAuthority::A), b.next(symbolon_ccks::LinkageAuthority::B)];
    house.registry.seeds.lock().unwrap().push(PublishedSeeds { period: tomorrow, seeds: next, published: time(0) });
    let answer = house.upload(gate.upload(&records)).await;
    assert_eq!(answer.outcomes(), [SETTLED(10), REFUSED(Refusal::Revoked)]);
    // Seeds of today on tell both: what was told before is told anew when others are published.
    let from_today = PublishedSeeds { period: today(), seeds: seeds(1), published: time(0) };
    house.registry.seeds.lock().unwrap().push(from_today);
    let again = gate.tap(&mut early, Kind::Purchase, 10, start);
    assert_eq!(house.upload(gate.upload(&[again])).await.outcomes(), [REFUSED(Refusal::Revoked)]);
}

#[tokio::test]
async fn records_come_until_they_are_no_longer_awaited() {
    let mut town = Town::new();
    let (mut gate, mut pseudonym) = (town.gate("metro"), town.pseudonym());
    let tomorrow = today().next();
    town.pseudonym_of(AccountHandle::from_bytes([7; 16]), linked(1, 1, 0), tomorrow);
    let records = [10, 11, 12, 13].map(|amount| gate.tap(&mut pseudonym, Kind::Purchase, amount, 20));
    let house = House::new(&town).await;
    let end = over(&house, today());
    let set = |time: Time| house.set(time.seconds() - super::time(0).seconds());
    house.upload(gate.upload(&records[..1])).await;

    set(end.saturating_sub(1));
    assert_eq!(house.upload(gate.upload(&records[1..2])).await.outcomes(), [SETTLED(11)]);
    assert_eq!(house.exchange().forget_old(end.saturating_sub(1)).await.unwrap(), 0);
    set(end);
    let too_late = REFUSED(Refusal::TooLate);
    assert_eq!(house.upload(gate.upload(&[records[2], records[0]])).await.outcomes(), [too_late, DUPLICATE(10)]);
    assert_eq!(house.exchange().forget_old(end).await.unwrap(), 1);
    // Forgotten, it is not taken for a forgery; and what had settled still has.
    assert_eq!(house.upload(gate.upload(&[records[3], records[1]])).await.outcomes(), [too_late, DUPLICATE(11)]);
    assert_eq!(house.exchange().count_pseudonyms().await.unwrap(), 1);
    assert_eq!(house.exchange().forget_old(over(&house, tomorrow)).await.unwrap(), 1);
    house.deliver_all().await;
    assert_eq!(house.balance("operator-metro-156").await, 21);
}

/// When records of a period are no longer awaited.
fn over(house: &House, period: Period) -> Time {
    period.expiry(BOUNDARY).saturating_add(house.policy.pseudonyms.late_records_seconds)
}

/// Which settlements are marked as of a revoked card, in the order of their counters.
fn after_revocation(house: &House) -> Vec<bool> {
    let sql = rusqlite::Connection::open(house.folder.path().join("exchange.db")).unwrap();
    let mut marks = sql.prepare("SELECT after_revocation FROM settlements ORDER BY counter").unwrap();
    marks.query_map([], |row| row.get(0)).unwrap().map(Result::unwrap).collect()
}
