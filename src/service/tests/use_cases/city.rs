//! A small city to test in: an authority, the stores of its roles in a folder of their own, wallets and gates.

use std::{
    collections::BTreeMap,
    sync::{
        Arc, OnceLock,
        atomic::{AtomicU64, Ordering},
    },
};

use rand_chacha::ChaCha20Rng;
use rand_core::SeedableRng as _;
use symbolon_ccks::{
    Authority, AuthoritySecret, Credential, EnrolmentKey, Name, P256, PossessionMessage, Sector, Sectors, SigningKey,
    Suite, Time,
};
use symbolon_pseudonym::PairwiseKey;
use symbolon_service::{
    Context, Entropy as _, Policy, Request, ServiceError,
    attester::Registry,
    authority::AuthorityKeys,
    bundles::Bundles,
    cards::{Cards, NewCard},
    clearing::{Clearing, ClearingKeys},
    enrolment::{Enrolment, Offered},
    exchange::{Exchange, FareTable, UploadAnswer},
    institutions::Institutions,
    ledger::Ledger,
    terminals::{NewTerminal, Terminals},
    vouchers::Vouchers,
};
use symbolon_store::{
    Page, SqliteStore,
    records::{CardRecord, RequestKey, TerminalRecord},
};
use symbolon_tap::{Flags, Kind, Presentation, Record, Terms, TermsFields, encode_upload};

pub(crate) use crate::time_and_chance::START;
use crate::time_and_chance::{Seeded, TestClock};

pub(crate) const CURRENCY: u16 = 156;
pub(crate) const ALL: Page = Page { after: 0, limit: 1000 };

pub(crate) fn time(after_start: u64) -> Time {
    Time::new(START + after_start).unwrap()
}

pub(crate) fn name(text: &str) -> Name {
    Name::parse(text).unwrap()
}

impl TestClock {
    /// Seconds after the city's start.
    pub(crate) fn set(&self, after_start: u64) {
        self.0.store(START + after_start, Ordering::SeqCst);
    }
}

/// The secret of the city's authority; making one takes a while, so a suite has one for all tests.
pub(crate) fn secret<S: Suite>() -> AuthoritySecret<S> {
    AuthoritySecret::generate(&mut ChaCha20Rng::seed_from_u64(1))
}

fn p256_keys() -> Arc<AuthorityKeys<P256>> {
    static KEYS: OnceLock<Arc<AuthorityKeys<P256>>> = OnceLock::new();
    Arc::clone(KEYS.get_or_init(|| AuthorityKeys::establish(secret(), time(0), &name("city")).unwrap()))
}

pub(crate) struct City<S: Suite = P256> {
    pub(crate) folder: tempfile::TempDir,
    pub(crate) clock: Arc<TestClock>,
    pub(crate) entropy: Arc<Seeded>,
    pub(crate) policy: Policy,
    pub(crate) fares: FareTable,
    pub(crate) keys: Arc<AuthorityKeys<S>>,
    pub(crate) roles: Option<Roles<S>>,
    requests: AtomicU64,
}

/// The use cases, each role on a store of its own.
pub(crate) struct Roles<S: Suite> {
    pub(crate) cards: Cards<SqliteStore>,
    pub(crate) terminals: Terminals<SqliteStore>,
    pub(crate) enrolment: Enrolment<S, SqliteStore>,
    pub(crate) exchange: Exchange<S, SqliteStore>,
    pub(crate) registry: Arc<Registry<SqliteStore>>,
    pub(crate) clearing: Arc<Clearing<SqliteStore>>,
    pub(crate) ledger: Ledger<SqliteStore>,
    pub(crate) bundles: Bundles<S, SqliteStore>,
    pub(crate) institutions: Institutions<S, SqliteStore>,
    pub(crate) vouchers: Vouchers<S, SqliteStore>,
}

impl City {
    pub(crate) fn new() -> Self {
        Self::with(p256_keys(), Policy::default(), FareTable::new(200))
    }

    pub(crate) fn with_policy(policy: Policy) -> Self {
        Self::with(p256_keys(), policy, FareTable::new(200))
    }
}

impl<S: Suite> City<S> {
    pub(crate) fn with(keys: Arc<AuthorityKeys<S>>, policy: Policy, fares: FareTable) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let clock = TestClock::at(START);
        let (entropy, requests, roles) = (Seeded::new(7), AtomicU64::new(0), None);
        let mut city = Self { folder, clock, entropy, policy, fares, keys, roles, requests };
        city.reopen();
        city
    }

    /// Lets go of the stores without a word and opens them again.
    pub(crate) fn reopen(&mut self) {
        self.roles = None;
        let open = |file| {
            let store = SqliteStore::open(self.folder.path().join(file)).unwrap();
            Context::new(store, self.clock.clone(), self.entropy.clone(), self.policy.clone())
        };
        let context = open("attester.db");
        let activation_key = self.keys.activation_key().clone();
        let attester_clearing = PairwiseKey::from_bytes([9; 32]);
        let of_clearing = ClearingKeys { attester: attester_clearing.clone(), trace: zeroize::Zeroizing::new([8; 32]) };
        let ledger = open("clearing.db");
        let clearing = Arc::new(Clearing::new(ledger.clone(), of_clearing));
        let registry = Arc::new(Registry::new(context.clone(), attester_clearing));
        let keys = || Arc::clone(&self.keys);
        self.roles = Some(Roles {
            cards: Cards::new(context.clone(), activation_key.clone(), clearing.clone()),
            terminals: Terminals::new(context.clone(), activation_key),
            enrolment: Enrolment::new(context.clone(), keys()),
            vouchers: Vouchers::new(context.clone(), keys(), clearing.clone()),
            exchange: Exchange::new(
                open("exchange.db"),
                keys(),
                self.fares.clone(),
                registry.clone(),
                clearing.clone(),
            ),
            registry,
            clearing,
            ledger: Ledger::new(ledger),
            bundles: Bundles::new(context.clone(), keys(), None),
            institutions: Institutions::new(context, keys()),
        });
    }

    pub(crate) fn roles(&self) -> &Roles<S> {
        self.roles.as_ref().unwrap()
    }

    pub(crate) fn random<const N: usize>(&self) -> [u8; N] {
        let mut bytes = [0; N];
        self.entropy.fill(&mut bytes);
        bytes
    }

    /// A request of its own.
    pub(crate) fn request(&self) -> Request {
        let number = self.requests.fetch_add(1, Ordering::SeqCst);
        request(u128::from(number).to_be_bytes(), [1; 32])
    }

    pub(crate) async fn create_card(&self, new: NewCard) -> (CardRecord, String) {
        let created = self.roles().cards.create(self.request(), &name("issuer"), new).await.unwrap();
        (created.record, created.activation_code.expose().to_string())
    }

    /// A card of the issuer `issuer`, enrolled.
    pub(crate) async fn wallet(&self) -> Wallet<S> {
        self.wallet_of(new_card()).await
    }

    pub(crate) async fn wallet_of(&self, new: NewCard) -> Wallet<S> {
        let (card, code) = self.create_card(new).await;
        Wallet { key: self.enrol(&code).await.unwrap(), card, counter: 0 }
    }

    /// A terminal of `operator`, enrolled.
    pub(crate) async fn gate(&self, operator: &str) -> Gate<S> {
        let new =
            NewTerminal { number: None, sectors: Sectors::ALL, currency: CURRENCY, not_before: None, not_after: None };
        let created = self.roles().terminals.create(self.request(), &name(operator), new).await.unwrap();
        let key = self.enrol(&created.activation_code.expose()).await.unwrap();
        Gate { key, terminal: created.record, uploads: 0, taps: 0 }
    }

    /// Trades a code for a key, as a holder without a registered key does.
    pub(crate) async fn enrol(&self, code: &str) -> Result<SigningKey<S>, ServiceError> {
        let offered = self.roles().enrolment.begin(code).await?;
        let holder = self.holder();
        self.complete(&offered, &holder).await
    }

    /// A fresh u.
    pub(crate) fn holder(&self) -> EnrolmentKey<S> {
        EnrolmentKey::generate(&mut ChaCha20Rng::from_seed(self.random()))
    }

    pub(crate) async fn complete(
        &self,
        offered: &Offered,
        holder: &EnrolmentKey<S>,
    ) -> Result<SigningKey<S>, ServiceError> {
        let possession =
            holder.prove_possession(self.keys.id(), PossessionMessage::Offer(&offered.offer), &self.random()).unwrap();
        let enrolled =
            self.roles().enrolment.complete(*offered.offer.nonce(), *holder.point(), possession, None).await?;
        let authority = self.keys.authority();
        let identity = offered.offer.identity();
        Ok(holder.complete(authority, identity, &enrolled.credential, enrolled.contribution.as_bytes()).unwrap())
    }

    pub(crate) async fn upload(&self, upload: Vec<u8>) -> UploadAnswer {
        self.roles().exchange.upload(upload).await.unwrap().answer
    }

    /// Every account's balance; checks the ledger on the way.
    pub(crate) async fn balances(&self) -> BTreeMap<String, i64> {
        let audit = self.roles().ledger.check().await.unwrap();
        assert_eq!((audit.sum, audit.problems), (0, Vec::new()));
        let accounts = self.roles().ledger.accounts(None, ALL).await.unwrap();
        accounts.into_iter().map(|account| (account.record.name.to_string(), account.record.balance)).collect()
    }

    pub(crate) async fn balance(&self, account: &str) -> i64 {
        self.balances().await.get(account).copied().unwrap_or_default()
    }
}

pub(crate) fn request(id: [u8; 16], digest: [u8; 32]) -> Request {
    Request { key: RequestKey { principal: "issuer".to_owned(), method: "test", id }, digest }
}

pub(crate) fn new_card() -> NewCard {
    NewCard {
        sectors: Sectors::ALL,
        tariff: 0,
        spend_limit: 1000,
        budget: 5000,
        currency: CURRENCY,
        not_before: None,
        not_after: None,
        account: None,
        holder_key: None,
    }
}

/// A holder's card and key.
pub(crate) struct Wallet<S: Suite> {
    pub(crate) key: SigningKey<S>,
    pub(crate) card: CardRecord,
    pub(crate) counter: u32,
}

impl<S: Suite> Wallet<S> {
    pub(crate) fn credential(&self) -> &Credential {
        self.key.credential().unwrap()
    }

    pub(crate) fn account(&self) -> &str {
        self.card.account.as_str()
    }

    /// Answers terms under the next counter.
    pub(crate) fn answer(&mut self, gate: &Gate<S>, terms: Terms) -> Record {
        self.counter += 1;
        self.answer_under(self.counter, gate, terms)
    }

    /// Answers terms under a counter that an honest wallet would not use.
    pub(crate) fn answer_under(&self, counter: u32, gate: &Gate<S>, terms: Terms) -> Record {
        let presentation = Presentation::sign(&self.key, &terms, &gate.credential().digest(), counter, &[3; 32]);
        Record::new(terms, presentation.unwrap())
    }
}

/// A terminal's record and key.
pub(crate) struct Gate<S: Suite> {
    pub(crate) key: SigningKey<S>,
    pub(crate) terminal: TerminalRecord,
    pub(crate) uploads: u32,
    taps: u64,
}

impl<S: Suite> Gate<S> {
    pub(crate) fn credential(&self) -> &Credential {
        self.key.credential().unwrap()
    }

    /// The same gate, with nothing uploaded.
    pub(crate) fn again(&self, authority: &Authority<'_, S>) -> Self {
        let key = SigningKey::from_credential(authority, self.credential(), &self.key.secret_bytes()).unwrap();
        Self { key, terminal: self.terminal.clone(), uploads: 0, taps: self.taps }
    }

    /// Fresh terms.
    pub(crate) fn terms(&mut self, kind: Kind, amount: u32, after_start: u64) -> Terms {
        Terms::new(self.fields(kind, amount, after_start)).unwrap()
    }

    pub(crate) fn fields(&mut self, kind: Kind, amount: u32, after_start: u64) -> TermsFields {
        self.taps += 1;
        TermsFields {
            kind,
            sector: Sector::Transport,
            flags: Flags::Tap,
            nonce: u128::from(self.taps).to_be_bytes(),
            time: time(after_start),
            amount,
            currency: CURRENCY,
            reference: [0; 16],
        }
    }

    pub(crate) fn tap(&mut self, wallet: &mut Wallet<S>, kind: Kind, amount: u32, after_start: u64) -> Record {
        let terms = self.terms(kind, amount, after_start);
        wallet.answer(self, terms)
    }

    /// A tap at a station.
    pub(crate) fn tap_at(
        &mut self,
        wallet: &mut Wallet<S>,
        kind: Kind,
        amount: u32,
        after_start: u64,
        station: u8,
    ) -> Record {
        let fields = TermsFields { reference: [station; 16], ..self.fields(kind, amount, after_start) };
        wallet.answer(self, Terms::new(fields).unwrap())
    }

    pub(crate) fn upload(&mut self, records: &[Record]) -> Vec<u8> {
        self.uploads += 1;
        encode_upload(&self.key, self.uploads, records, None, &[4; 32]).unwrap()
    }
}
