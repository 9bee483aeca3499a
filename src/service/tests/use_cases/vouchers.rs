//! Vouchers from the sale to the meter's record, through all roles; and fares by tariff.

use symbolon_ccks::Sector;
use symbolon_service::{
    Policy,
    enrolment::SignedRequest,
    exchange::{FareTable, RecordOutcome},
    vouchers::{BUY_METHOD, LIST_METHOD, VoucherBody, VoucherPolicy, VoucherPrice},
};
use symbolon_store::records::{VoucherRecord, VoucherState};
use symbolon_tap::{Kind, RequestDigest, Tariff, Terms, TermsFields};

use crate::city::{CURRENCY, City, Gate, Wallet, name, new_card};

fn selling() -> Policy {
    let price = VoucherPrice { operator: name("grid"), sector: Sector::Power, currency: CURRENCY, per_thousand: 50 };
    Policy { vouchers: VoucherPolicy { prices: vec![price], ..VoucherPolicy::default() }, ..Policy::default() }
}

fn signed(city: &City, wallet: &Wallet<symbolon_ccks::P256>, method: &str, body: Vec<u8>) -> SignedRequest {
    let (time, request_id) = (symbolon_service::Clock::now(&*city.clock), city.random());
    let digest = RequestDigest::of(method, time, &request_id, &body).unwrap();
    let signature = digest.sign(&wallet.key, &city.random()).unwrap();
    SignedRequest { credential: *wallet.credential(), time, request_id, body, signature }
}

async fn bought(city: &City, wallet: &Wallet<symbolon_ccks::P256>, meter: &Gate<symbolon_ccks::P256>) -> VoucherRecord {
    let body = VoucherBody { sector: Sector::Power, meter: meter.terminal.subject, quantity: 10_000, most: 500 };
    city.roles().vouchers.buy(signed(city, wallet, BUY_METHOD, body.to_bytes())).await.unwrap()
}

async fn states(city: &City, wallet: &Wallet<symbolon_ccks::P256>) -> Vec<VoucherState> {
    let vouchers = city.roles().vouchers.list(signed(city, wallet, LIST_METHOD, Vec::new())).await.unwrap();
    vouchers.iter().map(|voucher| voucher.state).collect()
}

#[tokio::test]
async fn a_voucher_is_delivered_when_the_meters_record_of_it_settles() {
    let mut city = City::with_policy(selling());
    let mut wallet = city.wallet().await;
    let (mut meter, mut other) = (city.gate("grid").await, city.gate("grid").await);
    let issuer = name("issuer");
    city.roles().ledger.top_up(city.request(), &issuer, wallet.card.account.clone(), 2_000).await.unwrap();
    let (one, another) = (bought(&city, &wallet, &meter).await, bought(&city, &wallet, &meter).await);
    assert_eq!(city.balance(wallet.account()).await, 1_000);
    let credit = |gate: &mut Gate<_>, wallet: &mut Wallet<_>, voucher: &VoucherRecord, after| {
        let reference = voucher.issued.as_ref().unwrap().reference;
        let fields = TermsFields { sector: Sector::Power, reference, ..gate.fields(Kind::Credit, 0, after) };
        wallet.answer(gate, Terms::new(fields).unwrap())
    };
    // At another meter it says nothing, whatever that one claims; nor does a reference that was never sold.
    let stray = credit(&mut other, &mut wallet, &one, 60);
    let unknown = Terms::new(TermsFields { sector: Sector::Power, ..other.fields(Kind::Credit, 0, 61) }).unwrap();
    let unknown = wallet.answer(&other, unknown);
    city.clock.set(200);
    let answer = city.upload(other.upload(&[stray, unknown])).await;
    assert_eq!(answer.outcomes(), [RecordOutcome::Settled { amount: 0 }; 2]);
    city.roles().exchange.deliver(symbolon_service::Clock::now(&*city.clock)).await.unwrap();
    assert_eq!(states(&city, &wallet).await, [VoucherState::Issued; 2]);

    let record = credit(&mut meter, &mut wallet, &another, 100);
    let upload = meter.upload(&[record]);
    city.upload(upload.clone()).await;
    // The attester does not know before it is told; told twice, and after a restart, it knows the same.
    assert_eq!(states(&city, &wallet).await, [VoucherState::Issued; 2]);
    assert_eq!(city.roles().exchange.counts().await.unwrap().waiting_deliveries, 1);
    city.reopen();
    for _ in 0..2 {
        city.roles().exchange.deliver(symbolon_service::Clock::now(&*city.clock)).await.unwrap();
        assert_eq!(states(&city, &wallet).await, [VoucherState::Delivered, VoucherState::Issued]);
        assert_eq!(city.roles().exchange.counts().await.unwrap().waiting_deliveries, 0);
        city.upload(upload.clone()).await;
    }
    // Who sells is paid for both until the other runs out.
    assert_eq!(city.balance("operator-grid-156").await, 1_000);
    city.clock.set(selling().vouchers.validity_seconds + selling().vouchers.late_records_seconds + 10);
    city.roles().vouchers.tend().await.unwrap();
    assert_eq!(city.balance("operator-grid-156").await, 500);
    assert_eq!(city.balance(wallet.account()).await, 1_500);
}

#[tokio::test]
async fn a_journey_costs_a_concession_what_terminals_are_told() {
    let tariffs = vec![Tariff::new(Sector::Transport, 2, 333).unwrap(), Tariff::new(Sector::Power, 3, 0).unwrap()];
    let fares = FareTable::new(200).with_tariffs(tariffs);
    let city = City::with(City::new().keys.clone(), Policy::default(), fares);
    let mut gate = city.gate("metro").await;
    for (tariff, fare) in [(0, 200), (2, 66), (3, 200)] {
        let mut wallet = city.wallet_of(symbolon_service::cards::NewCard { tariff, ..new_card() }).await;
        let journey = [gate.tap(&mut wallet, Kind::Entry, 300, 10), gate.tap(&mut wallet, Kind::Exit, 0, 20)];
        city.upload(gate.upload(&journey)).await;
        assert_eq!(city.balance(wallet.account()).await, -fare, "group {tariff}");
    }
}
