//! What a service lived through before it is audited: hundreds of taps, and everything that can become of one.

use std::{
    path::{Path, PathBuf},
    sync::OnceLock,
};

use rand_chacha::ChaCha20Rng;
use rand_core::{Rng as _, SeedableRng as _};
use symbolon::audit::{Copies, Report, Rules, audit};
use symbolon_ccks::{EnrolmentKey, P256, Period, PossessionMessage, Sectors, Subject, Suite as _};
use symbolon_pseudonym::{AccountHandle, ClearingTag, PairwiseKey, Profile, ProfileFields, ProfileId, TagUse};
use symbolon_service::{
    Context, Policy,
    clearing::{Clearing, ClearingKeys},
    exchange::FareTable,
    links::{Binding, ClearingLink as _, ExchangeLink as _, Reservation},
};
use symbolon_store::{SqliteStore, records::RecordPosition};
use symbolon_tap::{Kind, Record};

use crate::city::{ALL, CURRENCY, City, Gate, Wallet, name, secret, time};

const DAY: u64 = 86_400;

/// Copies of the databases of a service.
pub(crate) struct Past {
    folder: tempfile::TempDir,
    parameters: Vec<u8>,
    rules: Rules,
}

impl Past {
    /// The one of all tests: making it takes a while.
    pub(crate) fn get() -> &'static Self {
        static PAST: OnceLock<Past> = OnceLock::new();
        PAST.get_or_init(|| tokio::runtime::Runtime::new().unwrap().block_on(live()))
    }

    pub(crate) fn path(&self, database: &str) -> PathBuf {
        self.folder.path().join(database)
    }

    /// Audits, with one database in place of the own one, if any is given.
    pub(crate) fn audit(&self, database: &str, in_place: &Path, with_attester: bool) -> Report {
        let path = |name: &str| if name == database { in_place.to_owned() } else { self.path(name) };
        let (exchange, clearing, attester) = (path("exchange.db"), path("clearing.db"), path("attester.db"));
        let attester = with_attester.then_some(attester.as_path());
        audit(Copies { exchange: &exchange, clearing: &clearing, attester }, &self.parameters, &self.rules).unwrap()
    }

    /// Why an audit with this copy of the exchange's database comes to no end.
    pub(crate) fn refusal(&self, exchange: &Path) -> String {
        let copies = Copies { exchange, clearing: &self.path("clearing.db"), attester: None };
        audit(copies, &self.parameters, &self.rules).unwrap_err().to_string()
    }

    /// The same without the configuration.
    pub(crate) fn audit_without_fares(&self) -> Report {
        let rules = Rules { fares: None, ..self.rules.clone() };
        let (exchange, clearing) = (self.path("exchange.db"), self.path("clearing.db"));
        audit(Copies { exchange: &exchange, clearing: &clearing, attester: None }, &self.parameters, &rules).unwrap()
    }
}

/// Lets a service live, and copies its databases.
async fn live() -> Past {
    let mut fares = FareTable::new(200);
    fares.set(name("metro"), [1; 16], [2; 16], 350);
    let city = City::with(City::new().keys, Policy::default(), fares.clone());
    let mut gates = [city.gate("metro").await, city.gate("metro").await, city.gate("bus").await];
    let mut wallets = Vec::new();
    for _ in 0..3 {
        let wallet = city.wallet().await;
        let account = wallet.card.account.clone();
        city.roles().ledger.top_up(city.request(), &name("issuer"), account, 9_000).await.unwrap();
        wallets.push(wallet);
    }
    wallets.extend(pseudonyms(&city, &wallets).await);
    many_taps(&city, &mut gates, &mut wallets).await;
    misuse(&city, &mut gates, &mut wallets[0]).await;
    words_of_operators(&city, &mut gates[0], &mut wallets[1]).await;
    out_of_use(&city, &mut gates, &mut wallets[2]).await;
    let now = time(10 * DAY);
    city.clock.set(10 * DAY);
    city.roles().exchange.close_held_journeys(now).await.unwrap();
    city.roles().exchange.deliver_all(now).await.unwrap();
    copy(&city, fares)
}

fn copy(city: &City, fares: FareTable) -> Past {
    let folder = tempfile::tempdir().unwrap();
    for database in ["attester.db", "clearing.db", "exchange.db"] {
        let to = folder.path().join(database);
        let from = rusqlite::Connection::open(city.folder.path().join(database)).unwrap();
        from.execute("VACUUM INTO ?1", [to.to_str().unwrap()]).unwrap();
    }
    let (rules, parameters) = (Rules::of(&city.policy, Some(fares)), city.keys.parameters().to_vec());
    Past { folder, parameters, rules }
}

/// Taps of all kinds, sent in any order, some again, a few for more than a card may spend at once.
async fn many_taps(city: &City, gates: &mut [Gate<P256>; 3], wallets: &mut [Wallet<P256>]) {
    let mut random = ChaCha20Rng::seed_from_u64(3);
    let mut draw = |below: u32| random.next_u32() % below;
    let mut taken = Vec::<(usize, Record)>::new();
    for tap in 0..240_u64 {
        let (gate, wallet) = (draw(3) as usize, &mut wallets[draw(6) as usize]);
        let (kind, amount) = match draw(8) {
            0..3 => (Kind::Purchase, 1 + draw(90)),
            3..5 => (Kind::Entry, 100 + draw(300)),
            5..7 => (Kind::Exit, 0),
            _ if draw(4) == 0 => (Kind::Purchase, 1_500),
            _ => (Kind::Credit, 0),
        };
        let station = 1 + draw(3) as u8;
        taken.push((gate, gates[gate].tap_at(wallet, kind, amount, 10 + tap, station)));
    }
    city.clock.set(400);
    for place in (1..taken.len()).rev() {
        taken.swap(place, draw(place as u32 + 1) as usize);
    }
    for (number, share) in taken.chunks(24).enumerate() {
        let again = if number % 3 == 2 { &taken[number * 12..number * 12 + 9] } else { &[] };
        for (number, gate) in gates.iter_mut().enumerate() {
            let records = share.iter().chain(again).filter(|(of, _)| *of == number).map(|(_, record)| *record);
            let records = records.collect::<Vec<_>>();
            if !records.is_empty() {
                city.upload(gate.upload(&records)).await;
            }
        }
        if number == 5 {
            city.roles().exchange.deliver_all(time(400)).await.unwrap();
        }
    }
}

/// One counter for two taps, one challenge under two counters, more than the budget, and what is another gate's.
async fn misuse(city: &City, gates: &mut [Gate<P256>; 3], wallet: &mut Wallet<P256>) {
    let terms = gates[0].terms(Kind::Purchase, 20, 300);
    let first = wallet.answer(&gates[0], terms);
    let twice = wallet.answer(&gates[0], terms);
    let other = gates[0].terms(Kind::Purchase, 30, 301);
    let cloned = wallet.answer_under(wallet.counter, &gates[0], other);
    let elsewhere = gates[1].tap(wallet, Kind::Purchase, 20, 302);
    city.upload(gates[0].upload(&[elsewhere, first, twice, cloned])).await;
    city.upload(gates[0].upload(&[cloned, twice])).await;
    let too_much = (0..6).map(|tap| gates[2].tap(wallet, Kind::Purchase, 999, 310 + tap)).collect::<Vec<_>>();
    city.upload(gates[2].upload(&too_much)).await;
    city.upload(gates[2].upload(&too_much[3..])).await;
}

/// Refunds and void journeys.
async fn words_of_operators(city: &City, gate: &mut Gate<P256>, wallet: &mut Wallet<P256>) {
    let records = [
        gate.tap(wallet, Kind::Purchase, 80, 320),
        gate.tap(wallet, Kind::Refund, 50, 321),
        gate.tap(wallet, Kind::Refund, 60, 322),
        gate.tap_at(wallet, Kind::Entry, 400, 323, 1),
        gate.tap_at(wallet, Kind::Exit, 0, 324, 2),
    ];
    let answer = city.upload(gate.upload(&records)).await;
    let digest = *answer.acknowledgement().upload_digest();
    let places = city.roles().exchange.records(None, Some(digest), ALL).await.unwrap();
    let place = |index: usize| -> RecordPosition { places[index].position };
    city.clock.set(500);
    let exchange = &city.roles().exchange;
    exchange.authorise_refund(&name("metro"), place(1), place(0)).await.unwrap();
    exchange.void_journey(&name("metro"), place(3)).await.unwrap();
    city.clock.set(600);
    city.upload(gate.upload(&records)).await;
}

/// A card that is revoked, a gate that is retired, a tap of the future.
async fn out_of_use(city: &City, gates: &mut [Gate<P256>; 3], wallet: &mut Wallet<P256>) {
    let validity = city.policy.bundle_validity_seconds;
    city.clock.set(1_000);
    city.roles().cards.revoke(city.request(), &name("issuer"), wallet.card.number).await.unwrap();
    city.roles().terminals.retire(city.request(), &name("bus"), gates[2].terminal.subject).await.unwrap();
    city.clock.set(1_100 + validity);
    let taps = [999, 1_050, 1_001 + validity, 3_000_000];
    for gate in [0, 2] {
        let records = taps.map(|seconds| gates[gate].tap(wallet, Kind::Purchase, 2, seconds));
        city.upload(gates[gate].upload(&records)).await;
    }
}

/// Pseudonyms of three cards, which clearing and the exchange know.
async fn pseudonyms(city: &City, wallets: &[Wallet<P256>]) -> Vec<Wallet<P256>> {
    let boundary = city.policy.pseudonyms.boundary;
    let period = Period::at(time(0), boundary).unwrap();
    let (secret, mut random) = (secret::<P256>(), ChaCha20Rng::seed_from_u64(11));
    let store = SqliteStore::open(city.folder.path().join("clearing.db")).unwrap();
    let context = Context::new(store, city.clock.clone(), city.entropy.clone(), city.policy.clone());
    let attester = PairwiseKey::from_bytes([9; 32]);
    let clearing = Clearing::new(context, ClearingKeys { attester: attester.clone(), trace: [8; 32].into() });
    let fields = ProfileFields {
        id: ProfileId(1),
        sectors: Sectors::ALL,
        tariff: 0,
        spend_limit: 2_000,
        budget: 2_000,
        currency: CURRENCY,
    };
    let profile = Profile::new(fields).unwrap();
    let mut issued = Vec::new();
    for (number, wallet) in (0_u8..).zip(wallets) {
        let account = AccountHandle::from_bytes(wallet.card.account.handle().unwrap());
        let subject = Subject::from_bytes([100 + number; 16]);
        let identity = profile.identity(P256::ID, city.keys.id().prefix(), subject, period, boundary).unwrap();
        let (holder, bytes) = (EnrolmentKey::<P256>::generate(&mut random), [number; 32]);
        let message = PossessionMessage::Pseudonym { period: period.number(), challenge: &bytes };
        let possession = holder.prove_possession(city.keys.id(), message, &bytes).unwrap();
        let made = secret.issue(city.keys.authority(), &identity, message, holder.point(), &possession, &bytes);
        let made = made.unwrap();
        let key =
            holder.complete(city.keys.authority(), &identity, &made.credential, made.contribution.as_bytes()).unwrap();
        let until = identity.not_after().saturating_add(city.policy.pseudonyms.late_records_seconds);
        let reservation = Reservation {
            id: [number; 16],
            account,
            period,
            count: 1,
            budget: 2_000,
            line: 0,
            currency: CURRENCY,
            until,
        };
        clearing.reserve(reservation).await.unwrap();
        let tag = ClearingTag::seal(&account, TagUse::Pseudonym(period), &attester, [number; 12]);
        assert_eq!(clearing.bind(vec![Binding { subject, period, tag }]).await.unwrap(), [true]);
        city.roles().exchange.register(vec![(key.credential().unwrap().digest(), period)]).await.unwrap();
        issued.push(Wallet { key, card: wallet.card.clone(), counter: 0 });
    }
    issued
}
