//! Vouchers: sold once, whatever breaks in between; the books close; a meter can always take what it was sold.

use std::collections::{BTreeMap, BTreeSet};

use rand_chacha::ChaCha20Rng;
use rand_core::{Rng as _, SeedableRng as _};
use symbolon_ccks::{Sector, Sectors, Subject, Time};
use symbolon_service::{
    Policy, ServiceError,
    attester::EXPORT_METHOD,
    cards::NewCard,
    enrolment::SignedRequest,
    links::{DeliveredVoucher, EXPORT_INFO, RegistryLink as _, ServiceRole},
    vouchers::{BUY_METHOD, LIST_METHOD, VoucherBody, VoucherPolicy, VoucherPrice},
};
use symbolon_store::{
    Page,
    records::{AccountName, EntryKind, VoucherRecord, VoucherState},
};
use symbolon_tap::voucher::{SignedVoucher, Unit};

use super::{
    line::Lost,
    town::{CURRENCY, Town, Wallet, at_once, name, new_card},
};

const DAY: u64 = 86_400;

fn policy() -> Policy {
    let price =
        |sector, per_thousand| VoucherPrice { operator: name("grid"), sector, currency: CURRENCY, per_thousand };
    let prices = vec![price(Sector::Power, 50), price(Sector::Water, 400)];
    Policy { vouchers: VoucherPolicy { prices, ..VoucherPolicy::default() }, ..at_once() }
}

fn body(meter: Subject) -> VoucherBody {
    VoucherBody { sector: Sector::Power, meter, quantity: 10_000, most: 500 }
}

impl Town {
    async fn meter(&self) -> Subject {
        self.terminal("grid").await.identity().subject()
    }

    fn asking(&self, wallet: &Wallet, body: VoucherBody) -> SignedRequest {
        self.signed(wallet, BUY_METHOD, body.to_bytes())
    }

    async fn buy(&self, request: &SignedRequest) -> Result<VoucherRecord, ServiceError> {
        self.roles().vouchers.buy(request.clone()).await
    }

    async fn bought(&self, wallet: &Wallet, meter: Subject) -> VoucherRecord {
        self.buy(&self.asking(wallet, body(meter))).await.unwrap()
    }

    /// Buys, until an answer comes or the attester stops.
    async fn buy_until_stopped(&self, request: &SignedRequest) -> Option<Result<VoucherRecord, ServiceError>> {
        tokio::select! {
            answer = self.buy(request) => Some(answer),
            () = self.line.stop.notified() => None,
        }
    }

    async fn tend_until_stopped(&self) {
        tokio::select! {
            _ = self.roles().vouchers.tend() => {}
            () = self.line.stop.notified() => {}
        }
    }

    async fn held(&self, wallet: &Wallet) -> Vec<VoucherRecord> {
        self.roles().vouchers.list(self.signed(wallet, LIST_METHOD, Vec::new())).await.unwrap()
    }

    async fn state(&self, wallet: &Wallet) -> VoucherState {
        let held = self.held(wallet).await;
        assert_eq!(held.len(), 1);
        held[0].state
    }

    async fn delivered(&self, voucher: &VoucherRecord, meter: Subject) {
        let reference = voucher.issued.as_ref().unwrap().reference;
        self.roles().registry.delivered(vec![DeliveredVoucher { reference, meter }]).await.unwrap();
    }

    /// What the card's account and the operator's have; the books close.
    async fn money(&self, wallet: &Wallet) -> (i64, i64) {
        let audit = self.roles().ledger.check().await.unwrap();
        assert_eq!((audit.sum, audit.problems), (0, Vec::new()));
        let balance = async |account| match self.roles().ledger.account(None, account).await {
            Ok(account) => account.balance,
            Err(ServiceError::NotFound(_)) => 0,
            Err(error) => panic!("{error}"),
        };
        let operator = AccountName::operator(&name("grid"), CURRENCY);
        (balance(wallet.card.account.clone()).await, balance(operator).await)
    }

    async fn entries(&self, wallet: &Wallet) -> Vec<(EntryKind, i64)> {
        let all = Page { after: 0, limit: 100 };
        let postings = self.roles().ledger.postings(None, wallet.card.account.clone(), all).await.unwrap();
        postings.into_iter().map(|listed| (listed.record.kind, listed.record.amount)).collect()
    }
}

fn sequence(voucher: &VoucherRecord) -> u32 {
    voucher.issued.as_ref().unwrap().sequence
}

#[tokio::test]
async fn a_voucher_is_signed_for_one_meter_and_the_same_however_often_it_is_asked_for() {
    let town = Town::new(policy());
    let (wallet, meter) = (town.wallet(2_000).await, town.meter().await);
    let request = town.asking(&wallet, body(meter));
    let bought = town.buy(&request).await.unwrap();
    let issued = bought.issued.clone().unwrap();
    let signed = SignedVoucher::parse(&issued.bytes).unwrap();
    signed.verify(town.keys.authority()).unwrap();
    assert_eq!((signed.voucher().meter(), signed.voucher().unit()), (&meter, Unit::WattHours));
    assert_eq!((signed.voucher().sequence(), signed.voucher().quantity()), (1, 10_000));
    assert_eq!((signed.voucher().time(), signed.voucher().not_after()), (town.now(), issued.not_after));
    assert_eq!(issued.not_after, town.now().saturating_add(policy().vouchers.validity_seconds));
    assert_eq!(issued.reference, signed.reference());
    assert_eq!(town.money(&wallet).await, (1_500, 500));
    // Hours later too, when the request would be stale.
    for _ in 0..3 {
        town.clock.advance(7_200);
        assert_eq!(town.buy(&request).await.unwrap(), bought);
    }
    assert_eq!(town.held(&wallet).await, [bought]);
    assert_eq!(town.entries(&wallet).await, [(EntryKind::TopUp, 2_000), (EntryKind::Purchase, -500)]);
    let another = town.bought(&wallet, meter).await;
    assert_eq!(sequence(&another), 2);
    // Water is counted in litres, and another meter for itself.
    let other_meter = town.meter().await;
    let water = VoucherBody { sector: Sector::Water, quantity: 1, most: 1, meter: other_meter };
    let water = town.buy(&town.asking(&wallet, water)).await.unwrap();
    let water_voucher = *SignedVoucher::parse(&water.issued.unwrap().bytes).unwrap();
    assert_eq!((water_voucher.voucher().unit(), water_voucher.voucher().sequence()), (Unit::Litres, 1));
    assert_eq!(town.money(&wallet).await, (999, 1_001));
}

#[tokio::test]
async fn whatever_breaks_while_it_is_sold_it_is_sold_once() {
    for lost in Lost::ALL {
        for card_asks_again in [true, false] {
            let mut town = Town::new(policy());
            let (wallet, meter) = (town.wallet(2_000).await, town.meter().await);
            let request = town.asking(&wallet, body(meter));
            town.line.cut(0, lost);
            let broken = town.buy_until_stopped(&request).await;
            assert!(!matches!(broken, Some(Ok(_))), "{lost:?} broke nothing");
            town.reopen();
            if card_asks_again {
                town.buy(&request).await.unwrap();
            } else {
                // The card never comes back to it: what was begun is finished all the same.
                town.roles().vouchers.tend().await.unwrap();
                assert_eq!(town.state(&wallet).await, VoucherState::Asked, "the card is left some time");
                town.clock.advance(61);
                town.roles().vouchers.tend().await.unwrap();
            }
            assert_eq!(town.state(&wallet).await, VoucherState::Issued, "{lost:?}");
            assert_eq!(town.money(&wallet).await, (1_500, 500), "{lost:?}");
            assert_eq!(town.buy(&request).await.unwrap(), town.held(&wallet).await[0]);
            assert_eq!(sequence(&town.bought(&wallet, meter).await), 2, "{lost:?}");
        }
    }
}

#[tokio::test]
async fn many_who_ask_at_once_get_sequences_of_their_own() {
    let town = std::sync::Arc::new(Town::new(policy()));
    let (wallet, meter) = (town.wallet(60_000).await, town.meter().await);
    // Ten requests, each sent three times at once.
    let requests = (0..10).map(|_| town.asking(&wallet, body(meter))).collect::<Vec<_>>();
    let asking = requests.iter().flat_map(|request| std::iter::repeat_n(request, 3)).map(|request| {
        let (vouchers, request) = (town.roles().vouchers.clone(), request.clone());
        tokio::spawn(async move { vouchers.buy(request).await.unwrap() })
    });
    let mut sequences = BTreeMap::<[u8; 16], BTreeSet<u32>>::new();
    for asked in asking.collect::<Vec<_>>() {
        let voucher = asked.await.unwrap();
        sequences.entry(voucher.request).or_default().insert(sequence(&voucher));
    }
    assert!(sequences.values().all(|of_request| of_request.len() == 1));
    assert_eq!(sequences.into_values().flatten().collect::<BTreeSet<_>>(), (1..=10).collect());
    assert_eq!(town.money(&wallet).await, (55_000, 5_000));
}

#[tokio::test]
async fn without_money_nothing_is_issued_and_the_same_request_buys_it_later() {
    let town = Town::new(policy());
    let (wallet, other, meter) = (town.wallet(499).await, town.wallet(500).await, town.meter().await);
    let request = town.asking(&wallet, body(meter));
    for _ in 0..2 {
        assert_eq!(town.buy(&request).await, Err(ServiceError::InsufficientFunds));
        assert_eq!(town.state(&wallet).await, VoucherState::Refused);
    }
    assert_eq!(sequence(&town.bought(&other, meter).await), 1, "a refusal uses no sequence up");
    town.top_up(&wallet, 1).await;
    assert_eq!(sequence(&town.buy(&request).await.unwrap()), 2);
    assert_eq!(town.money(&wallet).await, (0, 1_000));
    // What is set aside for pseudonyms is not there for vouchers.
    let third = town.wallet(2_499).await;
    town.pseudonyms(&third, 1).await;
    assert_eq!(town.buy(&town.asking(&third, body(meter))).await, Err(ServiceError::InsufficientFunds));
}

#[tokio::test]
async fn a_tariff_with_a_line_buys_on_credit() {
    let mut policy = policy();
    policy.pseudonyms.postpaid_lines = vec![(3, 700)];
    let town = Town::new(policy);
    let wallet = town.wallet_of(NewCard { tariff: 3, ..new_card() }, 0).await;
    let meter = town.meter().await;
    town.bought(&wallet, meter).await;
    assert_eq!(town.buy(&town.asking(&wallet, body(meter))).await, Err(ServiceError::InsufficientFunds));
    assert_eq!(town.money(&wallet).await, (-500, 500));
}

#[tokio::test]
async fn what_no_meter_took_is_given_back_and_what_one_took_is_not() {
    let town = Town::new(policy());
    let (wallet, other, meter) = (town.wallet(2_000).await, town.wallet(2_000).await, town.meter().await);
    let (kept, taken) = (town.bought(&wallet, meter).await, town.bought(&other, meter).await);
    town.delivered(&taken, meter).await;
    assert_eq!(town.state(&other).await, VoucherState::Delivered);
    // Another meter cannot say that it took this one.
    let another_meter = town.meter().await;
    town.delivered(&kept, another_meter).await;
    assert_eq!(town.state(&wallet).await, VoucherState::Issued);
    town.clock.advance(120 * DAY - 1);
    town.roles().vouchers.tend().await.unwrap();
    assert_eq!((town.state(&wallet).await, town.money(&wallet).await), (VoucherState::Issued, (1_500, 1_000)));
    town.clock.advance(1);
    for _ in 0..2 {
        town.roles().vouchers.tend().await.unwrap();
        assert_eq!((town.state(&wallet).await, town.money(&wallet).await), (VoucherState::Refunded, (2_000, 500)));
    }
    // The record came too late: what was delivered is owed, though the account is empty.
    let account = town.entries(&wallet).await;
    assert_eq!(account.last(), Some(&(EntryKind::Correction, 500)));
    for _ in 0..2 {
        town.delivered(&kept, meter).await;
        town.roles().vouchers.tend().await.unwrap();
        assert_eq!((town.state(&wallet).await, town.money(&wallet).await), (VoucherState::Delivered, (1_500, 1_000)));
    }
    assert_eq!(town.entries(&wallet).await.last(), Some(&(EntryKind::Correction, -500)));
}

#[tokio::test]
async fn whatever_breaks_while_it_is_given_back_or_taken_again_it_is_once() {
    for lost in Lost::ALL {
        // The movements for one voucher: sold, given back; given back and taken again once its record came.
        for broken_call in 0..3 {
            let mut town = Town::new(policy());
            let (wallet, meter) = (town.wallet(2_000).await, town.meter().await);
            let kept = town.bought(&wallet, meter).await;
            town.clock.advance(120 * DAY);
            town.line.cut(broken_call, lost);
            town.tend_until_stopped().await;
            if broken_call == 0 {
                assert_eq!(town.state(&wallet).await, VoucherState::Lapsed, "{lost:?}");
                town.reopen();
            }
            town.delivered(&kept, meter).await;
            assert_eq!(town.state(&wallet).await, VoucherState::Owed);
            town.tend_until_stopped().await;
            town.reopen();
            town.roles().vouchers.tend().await.unwrap();
            assert!(town.line.mend(), "{lost:?} at {broken_call} broke nothing");
            assert_eq!(town.state(&wallet).await, VoucherState::Delivered, "{lost:?} at {broken_call}");
            assert_eq!(town.money(&wallet).await, (1_500, 500), "{lost:?} at {broken_call}");
            let moved = [2_000, -500, 500, -500];
            assert_eq!(town.entries(&wallet).await.iter().map(|entry| entry.1).collect::<Vec<_>>(), moved);
        }
    }
}

/// A meter as docs/wire-format.md has it: each sequence once, in any order, within a window of 64.
#[derive(Default)]
struct Meter {
    highest: u32,
    taken: BTreeSet<u32>,
}

impl Meter {
    fn takes(&mut self, sequence: u32) -> bool {
        let in_window = sequence > self.highest || self.highest - sequence < 64;
        self.highest = self.highest.max(sequence);
        in_window && self.taken.insert(sequence)
    }
}

/// Whatever is bought, delivered, refused, interrupted and forgotten, in whichever order: a meter takes every voucher that
/// has not run out, sequences rise by one, and the operator has the price of each that was not refunded.
#[tokio::test]
async fn a_meter_can_take_every_voucher_that_has_not_run_out_in_any_order() {
    for seed in 0..4 {
        let mut draw = ChaCha20Rng::seed_from_u64(seed);
        let vouchers = VoucherPolicy { validity_seconds: 20 * DAY, outstanding_per_card: 64, ..policy().vouchers };
        let mut town = Town::new(Policy { vouchers, ..policy() });
        let wallets = [town.wallet(200_000).await, town.wallet(600).await, town.wallet(90_000).await];
        let subject = town.meter().await;
        let (mut meter, mut outstanding, mut issued, mut full) = (Meter::default(), Vec::new(), 0, 0);
        for _ in 0..400 {
            match draw.next_u32() % 16 {
                0..=10 => {
                    let request = town.asking(&wallets[draw.next_u32() as usize % 3], body(subject));
                    if draw.next_u32() % 8 == 0 {
                        town.line.cut(0, Lost::ALL[draw.next_u32() as usize % 4]);
                    }
                    match town.buy_until_stopped(&request).await {
                        Some(Ok(voucher)) => outstanding.push(voucher),
                        Some(Err(ServiceError::MeterFull)) => full += 1,
                        Some(Err(ServiceError::InsufficientFunds | ServiceError::RoleUnavailable(_))) => {}
                        Some(Err(error)) => panic!("{error}"),
                        None => town.reopen(),
                    }
                    town.line.mend();
                }
                11..=13 if !outstanding.is_empty() => {
                    // Often the newest, with which the window moves on.
                    let any = draw.next_u32() as usize % outstanding.len();
                    let one = if draw.next_u32() % 2 == 0 { outstanding.len() - 1 } else { any };
                    let voucher: VoucherRecord = outstanding.remove(one);
                    let what = voucher.issued.as_ref().unwrap();
                    if town.now() < what.not_after {
                        assert!(meter.takes(what.sequence), "{} of {}", what.sequence, meter.highest);
                        town.delivered(&voucher, subject).await;
                    }
                }
                14 => town.clock.advance(u64::from(draw.next_u32()) % (3 * DAY)),
                _ => town.roles().vouchers.tend().await.unwrap(),
            }
        }
        town.clock.advance(61);
        town.roles().vouchers.tend().await.unwrap();
        let mut paid = 0;
        let mut sequences = Vec::new();
        for wallet in &wallets {
            for voucher in town.held(wallet).await {
                sequences.extend(voucher.issued.as_ref().map(|issued| issued.sequence));
                issued += usize::from(voucher.issued.is_some());
                let kept = matches!(voucher.state, VoucherState::Issued | VoucherState::Delivered);
                paid += if kept { i64::from(voucher.amount) } else { 0 };
            }
        }
        sequences.sort_unstable();
        assert!(sequences.iter().copied().eq(1..=issued as u32), "a sequence twice, or none: {sequences:?}");
        assert_eq!(town.money(&wallets[0]).await.1, paid);
        assert!(issued > 64 && full > 0, "{issued} issued, {full} times full: too little happened");
    }
}

#[tokio::test]
async fn a_card_cannot_fill_the_window_of_a_meter_alone() {
    let town = Town::new(policy());
    let (wallet, meter) = (town.wallet(100_000).await, town.meter().await);
    let mut bought = Vec::new();
    for _ in 0..16 {
        bought.push(town.bought(&wallet, meter).await);
    }
    let refused = town.buy(&town.asking(&wallet, body(meter))).await;
    assert_eq!(refused, Err(ServiceError::VouchersOutstanding(16)));
    let other_meter = town.meter().await;
    town.bought(&wallet, other_meter).await;
    town.delivered(&bought[3], meter).await;
    assert_eq!(sequence(&town.bought(&wallet, meter).await), 17);
    for _ in 0..3 {
        let another = town.wallet(100_000).await;
        for _ in 0..16 {
            let refused = town.buy(&town.asking(&another, body(meter))).await.err();
            assert!(matches!(refused, None | Some(ServiceError::MeterFull)), "{refused:?}");
        }
    }
    // 64 above the oldest that is outstanding there is no room, whoever asks; when that one is taken, up to the next.
    let last = town.wallet(100_000).await;
    assert_eq!(town.buy(&town.asking(&last, body(meter))).await, Err(ServiceError::MeterFull));
    town.delivered(&bought[0], meter).await;
    assert_eq!(sequence(&town.bought(&last, meter).await), 65);
    assert_eq!(town.buy(&town.asking(&last, body(meter))).await, Err(ServiceError::MeterFull));
    // What has run out holds nothing up.
    town.clock.advance(policy().vouchers.validity_seconds);
    assert_eq!(sequence(&town.bought(&last, meter).await), 66);
}

#[tokio::test]
async fn what_does_not_go_together_is_refused_by_its_name() {
    let town = Town::new(policy());
    let (wallet, meter) = (town.wallet(100_000).await, town.meter().await);
    let refusal = async |body: VoucherBody| town.buy(&town.asking(&wallet, body)).await.unwrap_err();
    let good = body(meter);
    assert_eq!(refusal(VoucherBody { meter: wallet.card.number, ..good }).await.reason(), "not_found");
    assert_eq!(refusal(VoucherBody { most: 499, ..good }).await, ServiceError::PriceAbove(500));
    let too_much = VoucherBody { quantity: u32::MAX, most: u32::MAX, sector: Sector::Water, ..good };
    // 400 fen for 1,000 litres: 4,294,967,295 litres come to 1,717,986,918 fen, which one payment can be.
    assert_eq!(refusal(too_much).await, ServiceError::InsufficientFunds);
    let elsewhere = town.terminal("elsewhere").await.identity().subject();
    assert_eq!(refusal(VoucherBody { meter: elsewhere, ..good }).await, ServiceError::NotFound("price for this meter"));

    let transport_only = NewCard { sectors: Sectors::from(Sector::Transport), ..new_card() };
    let transport = town.wallet_of(transport_only, 1_000).await;
    let refused = town.buy(&town.asking(&transport, good)).await;
    assert!(matches!(refused, Err(ServiceError::InvalidField { field: "sector", .. })), "{refused:?}");
    let foreign = town.wallet_of(NewCard { currency: 978, ..new_card() }, 1_000).await;
    let refused = town.buy(&town.asking(&foreign, good)).await;
    assert!(matches!(refused, Err(ServiceError::InvalidField { field: "meter", .. })), "{refused:?}");

    let request = town.asking(&wallet, good);
    let stale = SignedRequest { time: Time::new(request.time.seconds() + 1).unwrap(), ..request.clone() };
    assert!(matches!(town.buy(&stale).await, Err(ServiceError::BadSignature(_))));
    let other_method = town.signed(&wallet, LIST_METHOD, good.to_bytes());
    assert!(matches!(town.buy(&other_method).await, Err(ServiceError::BadSignature(_))));
    let garbled = town.signed(&wallet, BUY_METHOD, good.to_bytes()[1..].to_vec());
    assert!(matches!(town.buy(&garbled).await, Err(ServiceError::Malformed(_))));
    town.buy(&request).await.unwrap();
    let reused = VoucherBody { quantity: 9, ..good };
    let reused = town.signed_as(&wallet, BUY_METHOD, reused.to_bytes(), request.request_id);
    assert_eq!(town.buy(&reused).await, Err(ServiceError::RequestIdReused));
    let late = town.asking(&wallet, good);
    town.clock.advance(policy().request_time_tolerance_seconds + 1);
    assert_eq!(town.buy(&late).await, Err(ServiceError::StaleRequest));

    town.roles().cards.suspend(town.id(), &name("issuer"), wallet.card.number).await.unwrap();
    assert_eq!(refusal(good).await.reason(), "card_not_active");
    assert_eq!(town.buy(&request).await.unwrap().state, VoucherState::Issued, "what was bought is told");
}

#[tokio::test]
async fn clearing_learns_neither_card_nor_meter() {
    let town = Town::new(policy());
    let (wallet, meter) = (town.wallet(2_000).await, town.meter().await);
    let bought = town.bought(&wallet, meter).await;
    let voucher = bought.issued.unwrap();
    for secret in [wallet.card.number.as_bytes().as_slice(), meter.as_bytes(), &voucher.reference, &voucher.bytes] {
        assert!(!super::town::holds(town.folder.path(), "clearing.db", secret));
        assert!(super::town::holds(town.folder.path(), "attester.db", secret));
    }
    let key = symbolon_pseudonym::SealingSecret::from_bytes(&[9; 32]);
    let export = town.signed(&wallet, EXPORT_METHOD, key.public().as_bytes().to_vec());
    let holdings = town.attester().export(export).await.unwrap();
    let kept: serde_json::Value = serde_json::from_str(&holdings.attester).unwrap();
    let told = &kept["vouchers"][0];
    assert_eq!((told["sequence"].as_u64(), told["state"].as_str()), (Some(1), Some("issued")));
    let text = |bytes: &[u8]| bytes.iter().map(|byte| format!("{byte:02x}")).collect::<String>();
    assert_eq!(told["meter"].as_str(), Some(text(meter.as_bytes()).as_str()));
    let opened = key.open(EXPORT_INFO, &[], &holdings.clearing).unwrap();
    let kept: serde_json::Value = serde_json::from_slice(&opened).unwrap();
    assert_eq!(kept["vouchers"][0]["movement"].as_str(), Some("sold"));
    assert_eq!(kept["vouchers"][0]["sale"].as_str(), told["sale"].as_str());
    *town.line.away.lock().unwrap() = Some(ServiceRole::Clearing);
    let away = town.buy(&town.asking(&wallet, body(meter))).await;
    assert_eq!(away, Err(ServiceError::RoleUnavailable(ServiceRole::Clearing)));
}
