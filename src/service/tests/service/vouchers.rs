//! Vouchers and bundles as wallets and terminals get them: the same in one process and in six.

use crate::{
    apart,
    asking::PATIENCE,
    city::{CURRENCY, City, reason},
    pseudonyms::at_once,
    renewing::signed,
};
use std::time::Instant;
use symbolon_api::v1::{
    self, VoucherState, authority_service_client::AuthorityServiceClient, voucher_service_client::VoucherServiceClient,
};
use symbolon_ccks::{P256, Sector, SigningKey, Subject};
use symbolon_service::{
    Clock, Role,
    config::{Config, Price},
    links::ServiceRole,
    vouchers::{BUY_METHOD, LIST_METHOD, VoucherBody},
};
use symbolon_tap::{
    Bundle, Flags, Kind, Presentation, Record, Terms, TermsFields,
    voucher::{SignedVoucher, Unit},
};
use tonic::transport::Channel;

fn selling(config: &mut Config) {
    at_once(config);
    let price = |sector: &str, per_thousand| Price {
        operator: "metro".to_owned(),
        sector: sector.to_owned(),
        currency: CURRENCY as u16,
        per_thousand,
    };
    config.vouchers.prices = vec![price("power", 50), price("water", 400)];
}

async fn service(city: &City) -> VoucherServiceClient<Channel> {
    VoucherServiceClient::new(city.public().await)
}

/// A card with money and a meter.
struct Cast {
    account: String,
    card: SigningKey<P256>,
    meter: SigningKey<P256>,
}

async fn cast(city: &mut City) -> Cast {
    let created = city.create_card("bank").await;
    let account = created.card.unwrap().account;
    let card = city.enrol(&created.activation_code).await;
    let terminal = v1::Terminal { sectors: vec![1, 2], currency: CURRENCY, ..v1::Terminal::default() };
    let request = v1::CreateTerminalRequest { terminal: Some(terminal), request_id: city.request_id() };
    let meter = city.terminals("metro").await.create_terminal(request).await.unwrap().into_inner();
    let meter = city.enrol(&meter.activation_code).await;
    let request_id = city.request_id();
    let top_up = v1::TopUpAccountRequest { name: account.clone(), amount: 2_000, request_id };
    city.ledger(Role::Issuer, "bank").await.top_up_account(top_up).await.unwrap();
    Cast { account, card, meter }
}

fn subject(key: &SigningKey<P256>) -> Subject {
    key.credential().unwrap().identity().subject()
}

fn asking(city: &mut City, cast: &Cast, body: VoucherBody) -> v1::BuyVoucherRequest {
    v1::BuyVoucherRequest { signed_request: Some(signed(city, &cast.card, BUY_METHOD, body.to_bytes())) }
}

fn power(cast: &Cast) -> VoucherBody {
    VoucherBody { sector: Sector::Power, meter: subject(&cast.meter), quantity: 10_000, most: 500 }
}

async fn listed(city: &mut City, cast: &Cast) -> Vec<v1::Voucher> {
    let signed_request = Some(signed(city, &cast.card, LIST_METHOD, Vec::new()));
    let list = v1::ListVouchersRequest { signed_request };
    service(city).await.list_vouchers(list).await.unwrap().into_inner().vouchers
}

async fn balance(city: &City, account: &str) -> i64 {
    let request = v1::GetAccountRequest { name: account.to_owned() };
    let mut ledger = city.ledger(Role::Auditor, "court").await;
    assert!(ledger.check_ledger(v1::CheckLedgerRequest {}).await.unwrap().into_inner().balanced);
    ledger.get_account(request).await.unwrap().into_inner().account.unwrap().balance
}

/// The meter's record of a credit.
fn credit(city: &mut City, cast: &Cast, voucher: &SignedVoucher) -> Record {
    let mut nonce = [0; 16];
    nonce.copy_from_slice(&city.random()[..16]);
    let terms = Terms::new(TermsFields {
        kind: Kind::Credit,
        sector: Sector::Power,
        flags: Flags::Tap,
        nonce,
        time: city.clock.now(),
        amount: 0,
        currency: CURRENCY as u16,
        reference: voucher.reference(),
    });
    let (terms, meter) = (terms.unwrap(), cast.meter.credential().unwrap().digest());
    let presentation = Presentation::sign(&cast.card, &terms, &meter, 1, &city.random()).unwrap();
    Record::new(terms, presentation)
}

/// From the price list to the delivery.
async fn the_whole_story(city: &mut City) {
    let cast = cast(city).await;
    let prices = service(city).await.list_voucher_prices(v1::ListVoucherPricesRequest {}).await.unwrap().into_inner();
    let told = prices.prices.iter().map(|price| (price.operator.as_str(), price.sector(), price.amount_per_thousand));
    let expected = [("operators/metro", v1::Sector::Power, 50), ("operators/metro", v1::Sector::Water, 400)];
    assert!(told.eq(expected), "{prices:?}");

    let request = asking(city, &cast, power(&cast));
    let bought = service(city).await.buy_voucher(request.clone()).await.unwrap().into_inner().voucher.unwrap();
    let signed_voucher = *SignedVoucher::parse(&bought.signed_voucher).unwrap();
    signed_voucher.verify(&city.authority).unwrap();
    assert_eq!((signed_voucher.voucher().unit(), signed_voucher.voucher().quantity()), (Unit::WattHours, 10_000));
    assert_eq!((bought.state(), bought.sequence, bought.amount), (VoucherState::Issued, 1, 500));
    let again = service(city).await.buy_voucher(request).await.unwrap().into_inner().voucher.unwrap();
    assert_eq!(again, bought);
    assert_eq!(balance(city, &cast.account).await, 1_500);

    let record = credit(city, &cast, &signed_voucher);
    let upload = city.upload_of(&cast.meter, 1, &[record]);
    let answer = city.send(vec![upload]).await.unwrap().remove(0);
    assert_eq!(answer.outcomes[0].outcome(), v1::Outcome::Settled);
    // The chores tell the attester.
    let began = Instant::now();
    while listed(city, &cast).await[0].state() != VoucherState::Delivered {
        assert!(began.elapsed() < PATIENCE, "the delivery is not told");
        tokio::task::yield_now().await;
    }
    assert_eq!(balance(city, &cast.account).await, 1_500);
}

#[tokio::test(flavor = "multi_thread")]
async fn in_one_process() {
    let mut city = City::found_with(selling).await;
    the_whole_story(&mut city).await;
    city.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn in_six_processes_that_have_nothing_but_their_own() {
    let mut city = apart::found(selling).await;
    the_whole_story(&mut city).await;
    // While clearing is away nothing is sold, and afterwards the same request sells one.
    let cast = cast(&mut city).await;
    let request = asking(&mut city, &cast, power(&cast));
    let config = city.kill(ServiceRole::Clearing);
    assert_eq!(reason(service(&city).await.buy_voucher(request.clone()).await), "ROLE_UNAVAILABLE");
    assert_eq!(listed(&mut city, &cast).await[0].state(), VoucherState::Asked);
    city.start_process(config).await;
    let began = Instant::now();
    let bought = loop {
        match service(&city).await.buy_voucher(request.clone()).await {
            Ok(answer) => break answer.into_inner().voucher.unwrap(),
            Err(status) => assert_eq!(crate::city::reason_of(&status), "ROLE_UNAVAILABLE"),
        }
        assert!(began.elapsed() < PATIENCE, "the voucher is not sold");
        tokio::task::yield_now().await;
    };
    assert_eq!((bought.state(), bought.sequence), (VoucherState::Issued, 1));
    assert_eq!(balance(&city, &cast.account).await, 1_500);
    city.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_cannot_be_sold_is_refused_with_a_reason() {
    let mut city = City::found_with(selling).await;
    let cast = cast(&mut city).await;
    let good = power(&cast);
    let cases = [
        (VoucherBody { most: 499, ..good }, "PRICE_ABOVE"),
        (VoucherBody { quantity: 100_000, most: 5_000, ..good }, "INSUFFICIENT_FUNDS"),
        (VoucherBody { meter: Subject::from_bytes([7; 16]), ..good }, "NOT_FOUND"),
    ];
    let mut vouchers = service(&city).await;
    for (body, expected) in cases {
        let request = asking(&mut city, &cast, body);
        assert_eq!(reason(vouchers.buy_voucher(request).await), expected, "{body:?}");
    }
    let none = v1::BuyVoucherRequest { signed_request: None };
    assert_eq!(reason(vouchers.buy_voucher(none).await), "INVALID_FIELD");
    let none = v1::ListVouchersRequest { signed_request: None };
    assert_eq!(reason(vouchers.list_vouchers(none).await), "INVALID_FIELD");
    let short = signed(&mut city, &cast.card, BUY_METHOD, good.to_bytes()[1..].to_vec());
    let short = v1::BuyVoucherRequest { signed_request: Some(short) };
    assert_eq!(reason(vouchers.buy_voucher(short).await), "MALFORMED");
    let terminals =
        v1::BuyVoucherRequest { signed_request: Some(signed(&mut city, &cast.meter, BUY_METHOD, good.to_bytes())) };
    assert_eq!(reason(vouchers.buy_voucher(terminals).await), "CLASS_NOT_OFFERED");
    assert_eq!(balance(&city, &cast.account).await, 2_000);
    assert!(listed(&mut city, &cast).await.iter().all(|voucher| voucher.state() == VoucherState::Refused));
    city.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_bundle_is_given_in_both_forms_and_part_by_part() {
    let mut city = City::found().await;
    let mut authority = AuthorityServiceClient::new(city.public().await);
    let mut get = async |form: v1::TrustBundleForm, part, sequence| {
        let request = v1::GetTrustBundleRequest { form: form.into(), part, sequence };
        authority.get_trust_bundle(request).await
    };
    use v1::TrustBundleForm::{Compact, Full, Unspecified};
    let full = get(Full, 0, 0).await.unwrap().into_inner();
    assert_eq!((full.part, full.part_count), (0, 1));
    let unsaid = get(Unspecified, 0, full.sequence).await.unwrap().into_inner();
    assert_eq!(unsaid, full);
    let compact = get(Compact, 0, full.sequence).await.unwrap().into_inner();
    let bundle = Bundle::parse(&compact.bundle).unwrap();
    bundle.verify(&city.authority).unwrap();
    assert!(bundle.filter().is_some());
    assert_eq!((compact.sequence, compact.issue_time), (full.sequence, full.issue_time));
    let header = bundle.header();
    assert_eq!((u64::from(header.part()), u64::from(header.parts())), (compact.part.into(), compact.part_count.into()));
    assert_eq!(get(Compact, 0, full.sequence).await.unwrap().into_inner(), compact);

    assert_eq!(reason(get(Full, 1, 0).await), "NO_SUCH_PART");
    assert_eq!(reason(get(Compact, compact.part_count, 0).await), "NO_SUCH_PART");
    for sequence in [full.sequence + 9, u64::MAX] {
        assert_eq!(reason(get(Full, 0, sequence).await), "NOT_FOUND");
        assert_eq!(reason(get(Compact, 0, sequence).await), "NOT_FOUND");
    }
    assert_eq!(reason(get(Compact, 65_536, 0).await), "INVALID_FIELD");
    let request = v1::GetTrustBundleRequest { form: 9, part: 0, sequence: 0 };
    assert_eq!(reason(authority.get_trust_bundle(request).await), "INVALID_FIELD");
    city.stop().await;
}
