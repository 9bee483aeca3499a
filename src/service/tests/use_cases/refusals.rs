//! What is refused, for which reason, and that it leaves nothing behind.

use symbolon_ccks::{
    Authority, Class, Identity, IdentityFields, Offer, P256, PossessionMessage, Sector, Sectors, SigningKey, Suite,
};
use symbolon_service::{
    cards::NewCard,
    exchange::{RecordOutcome, Refusal},
    terminals::NewTerminal,
};
use symbolon_tap::{Flags, Kind, Record, Terms, TermsFields, encode_upload};

use crate::city::{ALL, CURRENCY, City, Gate, Wallet, name, new_card, secret, time};

const SETTLED: fn(u32) -> RecordOutcome = |amount| RecordOutcome::Settled { amount };

#[tokio::test]
async fn each_refusal_has_its_reason_and_posts_nothing() {
    let city = City::new();
    let (mut wallet, mut gate) = (city.wallet().await, city.gate("metro").await);
    let short = NewCard { not_before: Some(time(100)), not_after: Some(time(200)), ..new_card() };
    let mut short = city.wallet_of(short).await;
    let mut water = city.wallet_of(NewCard { sectors: Sector::Water.into(), ..new_card() }).await;
    let mut dollars = city.wallet_of(NewCard { currency: 840, ..new_card() }).await;
    let mut elsewhere = city.gate("metro").await;
    city.clock.set(300);
    let mut fields = |change: fn(&mut TermsFields)| {
        let mut fields = gate.fields(Kind::Purchase, 100, 150);
        change(&mut fields);
        Terms::new(fields).unwrap()
    };
    let (kept, refund, ahead, dear) = (
        fields(|_| {}),
        fields(|fields| fields.kind = Kind::Refund),
        fields(|fields| fields.time = time(300 + 601)),
        fields(|fields| fields.amount = 1001),
    );
    let screen_code = fields(|fields| fields.flags = Flags::ScreenCode);
    let good = wallet.answer(&gate, kept);
    let mut bad_byte = *symbolon_tap::RecordBytes::from(good).as_bytes();
    bad_byte[208] ^= 1;
    let altered = *Record::parse(&bad_byte).unwrap();
    let screen_code = Record::new(screen_code, *good.presentation());
    let refused = [
        (altered, Refusal::BadSignature),
        (elsewhere.tap(&mut wallet, Kind::Purchase, 100, 150), Refusal::BadSignature),
        (wallet.answer(&gate, refund), Refusal::NotAuthorised),
        (wallet.answer(&gate, ahead), Refusal::TimeAhead),
        (wallet.answer(&gate, dear), Refusal::OverLimit),
        (screen_code, Refusal::WrongKind),
        (water.answer(&gate, kept), Refusal::WrongSector),
        (dollars.answer(&gate, kept), Refusal::WrongCurrency),
        (gate.tap(&mut short, Kind::Purchase, 100, 99), Refusal::NotYetValid),
        (gate.tap(&mut short, Kind::Purchase, 100, 200), Refusal::Expired),
        (of_another_authority(&good), Refusal::WrongAuthority),
        (of_a_terminal(&good), Refusal::WrongClass),
        (never_issued(&city, &gate, kept), Refusal::NeverIssued),
    ];
    let records = refused.map(|(record, _)| record);
    let answer = city.upload(gate.upload(&records)).await;
    for (outcome, (_, refusal)) in answer.outcomes().iter().zip(refused) {
        assert_eq!(*outcome, RecordOutcome::Refused(refusal), "{}", refusal.reason());
    }
    assert_eq!(answer.acknowledgement().refused(), 13);
    assert_eq!(answer.count_refused(Refusal::NeverIssued), 1);
    assert!(city.balances().await.values().all(|balance| *balance == 0));
    // What was refused took no counter: the good record under the same one settles.
    assert_eq!(city.upload(gate.upload(&[good])).await.outcomes(), [SETTLED(100)]);
}

/// The record with its holder's credential changed.
fn with_holder(record: &Record, change: impl FnOnce(&mut IdentityFields)) -> Record {
    let mut fields = record.presentation().holder().identity().fields();
    change(&mut fields);
    let identity = Identity::new(fields).unwrap();
    let mut bytes = *symbolon_tap::RecordBytes::from(*record).as_bytes();
    bytes[55..55 + Identity::SIZE].copy_from_slice(identity.as_bytes());
    *Record::parse(&bytes).unwrap()
}

fn of_another_authority(record: &Record) -> Record {
    with_holder(record, |fields| fields.authority_prefix = [0; 8])
}

fn of_a_terminal(record: &Record) -> Record {
    with_holder(record, |fields| fields.class = Class::Terminal)
}

/// A record signed under a credential that the authority's secret made behind the service's back.
fn never_issued(city: &City, gate: &Gate<P256>, terms: Terms) -> Record {
    let authority: &Authority<'_, P256> = city.keys.authority();
    let identity = Identity::new(IdentityFields {
        suite: P256::ID,
        class: Class::Card,
        sectors: Sectors::ALL,
        authority_prefix: authority.id().prefix(),
        subject: symbolon_ccks::Subject::from_bytes([0xee; 16]),
        not_before: time(0),
        not_after: time(1000),
        spend_limit: 1000,
        budget: 5000,
        currency: CURRENCY,
        tariff: 0,
    })
    .unwrap();
    let wallet = Wallet { key: issue(city, identity), card: dummy_card(), counter: 0 };
    wallet.answer_under(1, gate, terms)
}

fn issue(city: &City, identity: Identity) -> SigningKey<P256> {
    let (holder, offer) = (city.holder(), Offer::new(identity, [1; 32]));
    let message = || PossessionMessage::Offer(&offer);
    let possession = holder.prove_possession(city.keys.id(), message(), &[1; 32]).unwrap();
    let authority = city.keys.authority();
    let issued =
        secret::<P256>().issue(authority, &identity, message(), holder.point(), &possession, &[1; 32]).unwrap();
    let s: &[u8; 32] = issued.contribution.as_bytes();
    holder.complete(authority, &identity, &issued.credential, s).unwrap()
}

fn dummy_card() -> symbolon_store::records::CardRecord {
    symbolon_store::records::CardRecord {
        number: symbolon_ccks::Subject::from_bytes([0xee; 16]),
        issuer: name("nobody"),
        state: symbolon_store::records::CardState::Active,
        sectors: Sectors::ALL,
        tariff: 0,
        spend_limit: 0,
        budget: 0,
        currency: CURRENCY,
        not_before: time(0),
        not_after: time(1),
        account: symbolon_store::records::AccountName::holder([0; 16]),
        holder_key: None,
        credential: None,
        replaces: None,
        replaced_by: None,
        created: time(0),
        updated: time(0),
    }
}

#[tokio::test]
async fn a_credential_made_behind_the_services_back_for_a_real_card_raises_the_alarm() {
    let city = City::new();
    let (wallet, mut gate) = (city.wallet().await, city.gate("metro").await);
    let twin = Wallet { key: issue(&city, *wallet.credential().identity()), card: wallet.card.clone(), counter: 0 };
    let terms = gate.terms(Kind::Purchase, 100, 10);
    let answer = city.upload(gate.upload(&[twin.answer_under(1, &gate, terms)])).await;
    assert_eq!(answer.outcomes(), [RecordOutcome::Refused(Refusal::NeverIssued)]);
}

#[tokio::test]
async fn what_is_no_upload_of_an_issued_terminal_is_an_error_and_keeps_nothing() {
    let city = City::new();
    let (mut wallet, mut gate) = (city.wallet().await, city.gate("metro").await);
    let record = gate.tap(&mut wallet, Kind::Purchase, 100, 10);
    let good = gate.upload(&[record]);
    let mut other_signature = good.clone();
    other_signature[150] ^= 1;
    let mut fields = gate.credential().identity().fields();
    fields.not_after = time(77);
    let fake = issue(&city, Identity::new(fields).unwrap());
    let fake = encode_upload(&fake, 1, &[record], None, &[1; 32]).unwrap();
    for (upload, reason) in
        [(good[..good.len() - 1].to_vec(), "malformed"), (other_signature, "bad_signature"), (fake, "never_issued")]
    {
        let refused = city.roles().exchange.upload(upload).await.unwrap_err();
        assert_eq!(refused.reason(), reason);
    }
    assert!(city.roles().exchange.upload_summaries(None, ALL).await.unwrap().is_empty());
}

#[tokio::test]
async fn a_record_that_is_none_does_not_take_the_others_down() {
    let city = City::new();
    let (mut wallet, mut gate) = (city.wallet().await, city.gate("metro").await);
    let records = [gate.tap(&mut wallet, Kind::Purchase, 100, 10), gate.tap(&mut wallet, Kind::Purchase, 50, 10)];
    // A terminal whose flash went bad signs what it finds there.
    let mut hasher = sha2::Sha256::default();
    let mut bytes = encode_upload(&gate.key, 1, &records, None, &[1; 32]).unwrap();
    bytes[194] = 9;
    sha2::Digest::update(&mut hasher, &bytes[194..]);
    bytes[97..129].copy_from_slice(&sha2::Digest::finalize(hasher));
    let signature = gate.key.sign(symbolon_ccks::Purpose::Upload, &[&bytes[..129]], &[2; 32]).unwrap();
    bytes[129..194].copy_from_slice(signature.as_bytes());
    let answer = city.upload(bytes).await;
    assert_eq!(answer.outcomes(), [RecordOutcome::Refused(Refusal::Malformed), SETTLED(50)]);
}

#[tokio::test]
async fn a_card_revoked_unknown_to_the_terminal_is_settled_and_one_known_to_all_is_not() {
    let city = City::new();
    let (mut wallet, mut gate) = (city.wallet().await, city.gate("metro").await);
    let validity = city.policy.bundle_validity_seconds;
    city.clock.set(1000);
    city.roles().cards.revoke(city.request(), &name("issuer"), wallet.card.number).await.unwrap();
    city.clock.set(1000 + validity);
    let records = [999, 1000, 1000 + validity - 1, 1000 + validity]
        .map(|after_start| gate.tap(&mut wallet, Kind::Purchase, 100, after_start));
    let answer = city.upload(gate.upload(&records)).await;
    let revoked = RecordOutcome::Refused(Refusal::Revoked);
    assert_eq!(answer.outcomes(), [SETTLED(100), SETTLED(100), SETTLED(100), revoked]);
    let flags = rusqlite::Connection::open(city.folder.path().join("exchange.db")).unwrap();
    let flags = flags
        .prepare("SELECT after_revocation FROM settlements ORDER BY counter")
        .unwrap()
        .query_map([], |row| row.get::<_, bool>(0))
        .unwrap()
        .collect::<Result<Vec<_>, _>>()
        .unwrap();
    assert_eq!(flags, [false, true, true]);
}

#[tokio::test]
async fn a_retired_terminal_uploads_what_it_took_before() {
    let city = City::new();
    let (mut wallet, mut gate) = (city.wallet().await, city.gate("metro").await);
    city.clock.set(50);
    city.roles().terminals.retire(city.request(), &name("metro"), gate.terminal.subject).await.unwrap();
    let records = [49, 50].map(|after_start| gate.tap(&mut wallet, Kind::Purchase, 100, after_start));
    let answer = city.upload(gate.upload(&records)).await;
    assert_eq!(answer.outcomes(), [SETTLED(100), RecordOutcome::Refused(Refusal::Revoked)]);
}

#[tokio::test]
async fn a_terminal_takes_only_its_own_sectors() {
    let city = City::new();
    let mut wallet = city.wallet().await;
    let new = NewTerminal {
        number: None,
        sectors: Sector::Power.into(),
        currency: CURRENCY,
        not_before: None,
        not_after: Some(time(100)),
    };
    let created = city.roles().terminals.create(city.request(), &name("power"), new).await.unwrap();
    let key = city.enrol(&created.activation_code.expose()).await.unwrap();
    let mut gate = city.gate("power").await;
    gate.key = key;
    let power = TermsFields { sector: Sector::Power, ..gate.fields(Kind::Purchase, 100, 10) };
    let late = TermsFields { time: time(100), ..power };
    let records = [
        wallet.answer(&gate, Terms::new(power).unwrap()),
        gate.tap(&mut wallet, Kind::Purchase, 100, 10),
        wallet.answer(&gate, Terms::new(late).unwrap()),
    ];
    let answer = city.upload(gate.upload(&records)).await;
    let refused = RecordOutcome::Refused;
    assert_eq!(answer.outcomes(), [SETTLED(100), refused(Refusal::WrongSector), refused(Refusal::Expired)]);
}
