//! The roles that make a tap anonymous, each on a database of its own, over one authority: what attacks on pseudonyms are
//! mounted against.

use crate::city::{City, Holder, NOON, TestSuite};
use rand_chacha::{
    ChaCha20Rng,
    rand_core::{Rng, SeedableRng},
};
use rusqlite::Connection;
use std::{
    any::{Any, TypeId},
    collections::HashMap,
    sync::{
        Arc, LazyLock, Mutex,
        atomic::{AtomicU64, Ordering},
    },
};
use symbolon_ccks::{
    AuthoritySecret, EnrolmentKey, Issued, LinkageAuthority, Name, Period, PossessionMessage, Sectors, Subject, Time,
};
use symbolon_pseudonym::{AccountHandle, Issuance, LinkageHandle, PairwiseKey, ProfileId, SealingSecret};
use symbolon_service::{
    Batching, Clock, Context, Entropy, Policy, PseudonymPolicy, Request,
    attester::{Attester, AttesterKeys, Links, Registry},
    authority::AuthorityKeys,
    bundles::Bundles,
    cards::{Cards, NewCard},
    clearing::{Clearing, ClearingKeys},
    enrolment::Enrolment,
    exchange::{Exchange, FareTable, RecordOutcome},
    issuer::{Issuer, IssuerKeys},
    ledger::Ledger,
    linkage::Linkage,
    links::ClearingLink,
    terminals::{NewTerminal, Terminals},
};
use symbolon_store::{
    SqliteStore, Store as _, StoreError, Transaction,
    records::{AccountName, RequestKey},
};
use symbolon_tap::{Record, encode_upload};
use tempfile::TempDir;

/// What one pseudonym may spend in all.
pub(crate) const BUDGET: u32 = 2_000;

/// What cards ask for at most in one period.
pub(crate) const PER_PERIOD: u16 = 6;

/// The profile of the cards here: all sectors, full fare.
pub(crate) const PROFILE: ProfileId = ProfileId(1);

mod asking;

pub(crate) use self::asking::{purchase, ready, subject};

pub(crate) struct SetClock(AtomicU64);

impl SetClock {
    pub(crate) fn set(&self, seconds: u64) {
        self.0.store(seconds, Ordering::SeqCst);
    }
}

impl Clock for SetClock {
    fn now(&self) -> Time {
        Time::new(self.0.load(Ordering::SeqCst)).unwrap()
    }
}

struct Seeded(Mutex<ChaCha20Rng>);

impl Entropy for Seeded {
    fn fill(&self, bytes: &mut [u8]) {
        self.0.lock().unwrap().fill_bytes(bytes);
    }
}

/// What the roles share by pairs, and keep to themselves. An attack looks only at those of the role that attacks.
pub(crate) struct Keys {
    pub(crate) sealing: SealingSecret,
    /// Of A and issuer, and of B and issuer.
    pub(crate) linkage: [PairwiseKey; 2],
    /// Of attester and clearing.
    pub(crate) tags: PairwiseKey,
    /// Of clearing and issuer.
    trace: [u8; 32],
}

impl Keys {
    fn of_issuer(&self) -> IssuerKeys {
        IssuerKeys {
            sealing: SealingSecret::from_bytes(&self.sealing.to_bytes()),
            linkage: self.linkage.clone(),
            trace: self.trace.into(),
        }
    }
}

/// The roles of one authority.
pub(crate) struct Roles<S: TestSuite> {
    pub(crate) clock: Arc<SetClock>,
    pub(crate) keys: Keys,
    pub(crate) issuance: Arc<Issuance>,
    pub(crate) attester: Attester<S, SqliteStore>,
    pub(crate) issuer: Issuer<S, SqliteStore>,
    pub(crate) linkage: [Linkage<SqliteStore>; 2],
    pub(crate) clearing: Arc<Clearing<SqliteStore>>,
    pub(crate) exchange: Arc<Exchange<S, SqliteStore>>,
    pub(crate) ledger: Ledger<SqliteStore>,
    pub(crate) cards: Cards<SqliteStore>,
    pub(crate) bundles: Bundles<S, SqliteStore>,
    terminals: Terminals<SqliteStore>,
    enrolment: Enrolment<S, SqliteStore>,
    attester_context: Context<SqliteStore>,
    authority_keys: Arc<AuthorityKeys<S>>,
    entropy: Arc<Seeded>,
    requests: AtomicU64,
    folder: TempDir,
}

/// A card and who holds it.
pub(crate) struct Card<S: TestSuite> {
    pub(crate) holder: Holder<S>,
    pub(crate) number: Subject,
    pub(crate) account: AccountName,
}

impl<S: TestSuite> Card<S> {
    pub(crate) fn account_handle(&self) -> AccountHandle {
        AccountHandle::from_bytes(self.account.handle().unwrap())
    }
}

/// Runs a test against roles of its own, that pass items on at once.
pub(crate) fn with_roles<S: TestSuite>(test: impl AsyncFnOnce(&City<S>, &Roles<S>)) {
    with_mixing(Batching { items: 1, delay_seconds: 0 }, test);
}

/// The same, with an attester that mixes.
pub(crate) fn with_mixing<S: TestSuite>(mixing: Batching, test: impl AsyncFnOnce(&City<S>, &Roles<S>)) {
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
    let city = S::city();
    runtime.block_on(async { test(city, &Roles::open(city, mixing).await).await });
}

pub(crate) fn operator() -> Name {
    Name::parse("metro").unwrap()
}

pub(crate) fn card_issuer() -> Name {
    Name::parse("city-card").unwrap()
}

/// Making an authority out of its secret takes a while, so it is done once.
fn authority_keys<S: TestSuite>(city: &City<S>) -> Arc<AuthorityKeys<S>> {
    type Made = Arc<dyn Any + Send + Sync>;
    static MADE: LazyLock<Mutex<HashMap<TypeId, Made>>> = LazyLock::new(Mutex::default);
    let make = || -> Made {
        let secret = AuthoritySecret::<S>::from_bytes(&city.secret.to_bytes()).unwrap();
        AuthorityKeys::establish(secret, city.authority.created(), city.authority.name()).unwrap()
    };
    let made = Arc::clone(MADE.lock().unwrap().entry(TypeId::of::<S>()).or_insert_with(make));
    made.downcast().unwrap()
}

fn policy(mixing: Batching) -> Policy {
    Policy {
        pseudonyms: PseudonymPolicy {
            per_period: PER_PERIOD,
            mixing,
            mixing_ahead: mixing,
            ..PseudonymPolicy::default()
        },
        ..Policy::default()
    }
}

impl<S: TestSuite> Roles<S> {
    async fn open(city: &City<S>, mixing: Batching) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let clock = Arc::new(SetClock(AtomicU64::new(NOON)));
        let mut random = ChaCha20Rng::seed_from_u64(9);
        let entropy = Arc::new(Seeded(Mutex::new(ChaCha20Rng::seed_from_u64(3))));
        let open = |role: &str| {
            let store = SqliteStore::open(folder.path().join(format!("{role}.db"))).unwrap();
            Context::new(store, clock.clone(), entropy.clone(), policy(mixing))
        };
        let keys = Keys {
            sealing: SealingSecret::generate(&mut random),
            linkage: [PairwiseKey::from_bytes([0xa; 32]), PairwiseKey::from_bytes([0xb; 32])],
            tags: PairwiseKey::from_bytes([0xc; 32]),
            trace: [0xd; 32],
        };
        let authority_keys = authority_keys(city);
        let (attester_context, clearing_context) = (open("attester"), open("clearing"));
        let clearing_keys = ClearingKeys { attester: keys.tags.clone(), trace: keys.trace.into() };
        let clearing = Arc::new(Clearing::new(clearing_context.clone(), clearing_keys));
        let registry = Arc::new(Registry::new(attester_context.clone(), keys.tags.clone()));
        let fares = FareTable::new(100);
        let exchange =
            Arc::new(Exchange::new(open("exchange"), authority_keys.clone(), fares, registry, clearing.clone()));
        let linkage = [("linkage-a", LinkageAuthority::A, 0), ("linkage-b", LinkageAuthority::B, 1)]
            .map(|(role, authority, key)| Linkage::new(open(role), authority, keys.linkage[key].clone()));
        let issuer =
            Issuer::new(open("issuer"), authority_keys.clone(), keys.of_issuer(), clearing.clone(), exchange.clone());
        let PseudonymPolicy { boundary, per_period, profiles, .. } = policy(mixing).pseudonyms;
        let issuance = Arc::new(Issuance::new(boundary, per_period, *keys.sealing.public(), profiles).unwrap());
        let links = Links {
            issuer: Arc::new(issuer.clone()),
            linkage: [Arc::new(linkage[0].clone()), Arc::new(linkage[1].clone())],
            clearing: clearing.clone(),
        };
        let activation_key = authority_keys.activation_key();
        Self {
            attester: Attester::new(
                attester_context.clone(),
                authority_keys.clone(),
                AttesterKeys { clearing: keys.tags.clone() },
                issuance.clone(),
                links,
            ),
            ledger: Ledger::new(clearing_context),
            cards: Cards::new(attester_context.clone(), activation_key.clone(), clearing.clone()),
            bundles: Bundles::new(attester_context.clone(), authority_keys.clone(), Some(issuance.clone())),
            terminals: Terminals::new(attester_context.clone(), activation_key.clone()),
            enrolment: Enrolment::new(attester_context.clone(), authority_keys.clone()),
            requests: AtomicU64::new(0),
            clock,
            keys,
            issuance,
            issuer,
            linkage,
            clearing,
            exchange,
            attester_context,
            authority_keys,
            entropy,
            folder,
        }
    }

    /// An attester on the same cards that asks others than ours.
    pub(crate) fn attester_with(&self, change: impl FnOnce(&mut Links)) -> Attester<S, SqliteStore> {
        let mut links = Links {
            issuer: Arc::new(self.issuer.clone()),
            linkage: [Arc::new(self.linkage[0].clone()), Arc::new(self.linkage[1].clone())],
            clearing: self.clearing.clone(),
        };
        change(&mut links);
        let keys = AttesterKeys { clearing: self.keys.tags.clone() };
        Attester::new(self.attester_context.clone(), self.authority_keys.clone(), keys, self.issuance.clone(), links)
    }

    /// An issuer with our keys, on a database of its own, that tells another clearing.
    pub(crate) fn issuer_with(&self, clearing: Arc<dyn ClearingLink>, file: &str) -> Issuer<S, SqliteStore> {
        let store = SqliteStore::open(self.folder.path().join(file)).unwrap();
        let mixing = Batching { items: 1, delay_seconds: 0 };
        let context = Context::new(store, self.clock.clone(), self.entropy.clone(), policy(mixing));
        Issuer::new(context, self.authority_keys.clone(), self.keys.of_issuer(), clearing, self.exchange.clone())
    }

    pub(crate) fn random<const N: usize>(&self) -> [u8; N] {
        let mut bytes = [0; N];
        self.entropy.fill(&mut bytes);
        bytes
    }

    pub(crate) fn draws(&self) -> ChaCha20Rng {
        ChaCha20Rng::from_seed(self.random())
    }

    pub(crate) fn now(&self) -> Time {
        self.clock.now()
    }

    pub(crate) fn period(&self) -> Period {
        Period::at(self.now(), self.issuance.boundary()).unwrap()
    }

    /// The files of one role's database, as who takes them finds them.
    pub(crate) fn database(&self, role: &str) -> Vec<u8> {
        let files = ["", "-wal"].map(|suffix| self.folder.path().join(format!("{role}.db{suffix}")));
        files.iter().filter_map(|file| std::fs::read(file).ok()).flatten().collect()
    }

    /// The tables of a role's database with anything in them.
    pub(crate) fn filled_tables(&self, role: &str) -> Vec<String> {
        let sql = Connection::open(self.folder.path().join(format!("{role}.db"))).unwrap();
        let mut names = sql.prepare("SELECT name FROM sqlite_schema WHERE type = 'table'").unwrap();
        let names = names.query_map([], |row| row.get::<_, String>(0)).unwrap().map(Result::unwrap);
        let filled = |name: &String| {
            let some = format!("SELECT EXISTS (SELECT 1 FROM {name})");
            sql.query_row(&some, [], |row| row.get::<_, bool>(0)).unwrap()
        };
        names.filter(filled).collect()
    }

    /// What the linkage authorities know a card by that has asked for pseudonyms.
    pub(crate) async fn linkage_handle(&self, card: &Card<S>) -> LinkageHandle {
        let number = card.number;
        let look = move |unit: &dyn Transaction| unit.linkage_handle(&number);
        self.attester_context.store().read::<_, StoreError, _>(look).await.unwrap().unwrap().handle
    }

    /// A request of an office's, of its own.
    pub(crate) fn office_request(&self) -> Request {
        let number = u128::from(self.requests.fetch_add(1, Ordering::SeqCst));
        let key = RequestKey { principal: "test".into(), method: "test", id: number.to_be_bytes() };
        Request { key, digest: [1; 32] }
    }

    /// An enrolled card with money for so many pseudonyms.
    pub(crate) async fn card(&self, city: &City<S>, pseudonyms: u32) -> Card<S> {
        let new = NewCard {
            sectors: Sectors::ALL,
            tariff: 0,
            spend_limit: 500,
            budget: BUDGET,
            currency: 156,
            not_before: Some(self.now().saturating_sub(86_400)),
            not_after: Some(self.now().saturating_add(30 * 86_400)),
            account: None,
            holder_key: None,
        };
        let created = self.cards.create(self.office_request(), &card_issuer(), new).await.unwrap();
        let account = created.record.account.clone();
        if pseudonyms > 0 {
            let (request, amount) = (self.office_request(), pseudonyms * BUDGET);
            self.ledger.top_up(request, &card_issuer(), account.clone(), amount).await.unwrap();
        }
        let holder = self.enrol(city, &created.activation_code.expose()).await;
        Card { holder, number: created.record.number, account }
    }

    /// An enrolled terminal.
    pub(crate) async fn terminal(&self, city: &City<S>) -> Holder<S> {
        let new = NewTerminal {
            number: None,
            sectors: Sectors::ALL,
            currency: 156,
            not_before: Some(self.now().saturating_sub(86_400)),
            not_after: Some(self.now().saturating_add(30 * 86_400)),
        };
        let created = self.terminals.create(self.office_request(), &operator(), new).await.unwrap();
        self.enrol(city, &created.activation_code.expose()).await
    }

    async fn enrol(&self, city: &City<S>, code: &str) -> Holder<S> {
        let offer = self.enrolment.begin(code).await.unwrap().offer;
        let enrolment = EnrolmentKey::<S>::generate(&mut self.draws());
        let message = PossessionMessage::Offer(&offer);
        let possession = enrolment.prove_possession(city.authority.id(), message, &self.random()).unwrap();
        let enrolled = self.enrolment.complete(*offer.nonce(), *enrolment.point(), possession, None).await.unwrap();
        let (identity, s) = (offer.identity(), enrolled.contribution.as_bytes());
        let key = enrolment.complete(&city.authority, identity, &enrolled.credential, s).unwrap();
        let issued = Issued { credential: enrolled.credential, contribution: enrolled.contribution };
        Holder { key, enrolment, issued }
    }

    /// An exchange on a database of its own, with another policy.
    pub(crate) fn exchange_with(&self, change: impl FnOnce(&mut Policy), file: &str) -> Exchange<S, SqliteStore> {
        let mut policy = policy(Batching { items: 1, delay_seconds: 0 });
        change(&mut policy);
        let store = SqliteStore::open(self.folder.path().join(file)).unwrap();
        let context = Context::new(store, self.clock.clone(), self.entropy.clone(), policy);
        let registry = Arc::new(Registry::new(self.attester_context.clone(), self.keys.tags.clone()));
        Exchange::new(context, self.authority_keys.clone(), FareTable::new(100), registry, self.clearing.clone())
    }

    /// Uploads records and tells what became of each.
    pub(crate) async fn upload(&self, terminal: &Holder<S>, records: &[Record]) -> Vec<RecordOutcome> {
        self.upload_to(&self.exchange, terminal, records).await
    }

    pub(crate) async fn upload_to(
        &self,
        exchange: &Exchange<S, SqliteStore>,
        terminal: &Holder<S>,
        records: &[Record],
    ) -> Vec<RecordOutcome> {
        let number = self.requests.fetch_add(1, Ordering::SeqCst) as u32;
        let upload = encode_upload(&terminal.key, number, records, None, &self.random()).unwrap();
        exchange.upload(upload).await.unwrap().answer.outcomes().to_vec()
    }

    /// Has the exchange and clearing post everything, and says what is on an account.
    pub(crate) async fn balance(&self, account: &AccountName) -> i64 {
        self.exchange.deliver_all(self.now()).await.unwrap();
        let audit = self.ledger.check().await.unwrap();
        assert_eq!((audit.sum, audit.problems), (0, Vec::new()));
        self.ledger.account(None, account.clone()).await.unwrap().balance
    }
}
