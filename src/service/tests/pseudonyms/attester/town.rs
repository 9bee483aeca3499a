//! A town of all roles, each on a store of its own; what the attester asks of the others goes over a line that is watched
//! and can be cut.

use std::{
    collections::BTreeSet,
    path::Path,
    sync::{
        Arc, OnceLock,
        atomic::{AtomicU64, Ordering},
    },
};

use rand_chacha::ChaCha20Rng;
use rand_core::SeedableRng as _;
use symbolon_ccks::{
    AuthoritySecret, Credential, EnrolmentKey, LinkageAuthority, Name, P256, Period, PossessionMessage, Sectors,
    SigningKey, Subject, Time,
};
use symbolon_pseudonym::{AccountHandle, Asking, Issuance, PairwiseKey, RequestBody, SealingSecret};
use symbolon_service::{
    Batching, Clock as _, Context, Entropy as _, Policy, PseudonymPolicy, Request, ServiceError,
    attester::{Attester, AttesterKeys, CHALLENGE_METHOD, Links, Pseudonyms, Registry},
    authority::AuthorityKeys,
    bundles::Bundles,
    cards::{Cards, Created, NewCard},
    clearing::{Clearing, ClearingKeys},
    enrolment::{BEGIN_RENEWAL_METHOD, COMPLETE_RENEWAL_METHOD, Enrolment, RenewalBody, SignedRequest},
    exchange::{Exchange, FareTable},
    issuer::{Issuer, IssuerKeys},
    ledger::Ledger,
    linkage::Linkage,
    links::{ClearingLink, ServiceRole},
    terminals::{NewTerminal, Terminals},
    vouchers::Vouchers,
};
use symbolon_store::{
    SqliteStore, Store as _,
    records::{AccountKind, CardRecord, RequestKey},
};
use symbolon_tap::RequestDigest;

use super::line::{Line, Wired};
use crate::time_and_chance::{START, Seeded, TestClock};

pub(super) const CURRENCY: u16 = 156;

pub(super) fn name(text: &str) -> Name {
    Name::parse(text).unwrap()
}

impl TestClock {
    pub(crate) fn advance(&self, seconds: u64) {
        self.0.fetch_add(seconds, Ordering::SeqCst);
    }
}

fn authority() -> Arc<AuthorityKeys<P256>> {
    static KEYS: OnceLock<Arc<AuthorityKeys<P256>>> = OnceLock::new();
    let make = || {
        let secret = AuthoritySecret::generate(&mut ChaCha20Rng::seed_from_u64(1));
        AuthorityKeys::establish(secret, Time::new(START).unwrap(), &name("city")).unwrap()
    };
    Arc::clone(KEYS.get_or_init(make))
}

/// The roles on their open stores.
pub(super) struct Roles {
    pub(super) attester: Attester<P256, SqliteStore>,
    pub(super) cards: Cards<SqliteStore>,
    pub(super) bundles: Bundles<P256, SqliteStore>,
    pub(super) registry: Registry<SqliteStore>,
    pub(super) clearing: Clearing<SqliteStore>,
    pub(super) clearing_store: SqliteStore,
    pub(super) vouchers: Vouchers<P256, SqliteStore>,
    pub(super) ledger: Ledger<SqliteStore>,
    enrolment: Enrolment<P256, SqliteStore>,
    terminals: Terminals<SqliteStore>,
}

pub(super) struct Town {
    pub(super) folder: tempfile::TempDir,
    pub(super) clock: Arc<TestClock>,
    pub(super) keys: Arc<AuthorityKeys<P256>>,
    pub(super) issuance: Arc<Issuance>,
    pub(super) line: Arc<Line>,
    pub(super) policy: Policy,
    roles: Option<Roles>,
    entropy: Arc<Seeded>,
    requests: AtomicU64,
}

/// A policy under which nothing waits for the items of others.
pub(super) fn at_once() -> Policy {
    let mixing = Batching { items: 1, delay_seconds: 0 };
    with_pseudonyms(PseudonymPolicy { mixing, mixing_ahead: mixing, ..PseudonymPolicy::default() })
}

pub(super) fn with_pseudonyms(pseudonyms: PseudonymPolicy) -> Policy {
    Policy { pseudonyms, ..Policy::default() }
}

fn sealing() -> SealingSecret {
    SealingSecret::from_bytes(&[5; 32])
}

impl Town {
    pub(super) fn new(policy: Policy) -> Self {
        let pseudonyms = &policy.pseudonyms;
        let profiles = pseudonyms.profiles.clone();
        let issuance = Issuance::new(pseudonyms.boundary, pseudonyms.per_period, *sealing().public(), profiles);
        let mut town = Self {
            folder: tempfile::tempdir().unwrap(),
            clock: TestClock::at(START),
            keys: authority(),
            issuance: Arc::new(issuance.unwrap()),
            line: Arc::default(),
            policy,
            roles: None,
            entropy: Seeded::new(11),
            requests: AtomicU64::new(0),
        };
        town.reopen();
        town
    }

    /// Lets go of all stores without a word and opens them again.
    pub(super) fn reopen(&mut self) {
        self.roles = None;
        let open = |file: &str| {
            let store = SqliteStore::open(self.folder.path().join(file)).unwrap();
            Context::new(store, self.clock.clone(), self.entropy.clone(), self.policy.clone())
        };
        let [attester_clearing, linkage_a, linkage_b] = [1, 2, 3].map(|byte| PairwiseKey::from_bytes([byte; 32]));
        let trace = || zeroize::Zeroizing::new([4; 32]);
        let (context, ledger) = (open("attester.db"), open("clearing.db"));
        let of_clearing = ClearingKeys { attester: attester_clearing.clone(), trace: trace() };
        let clearing = Clearing::new(ledger.clone(), of_clearing);
        let registry = Registry::new(context.clone(), attester_clearing.clone());
        let keys = || Arc::clone(&self.keys);
        let for_exchange = (Arc::new(registry.clone()), Arc::new(clearing.clone()));
        let exchange = Exchange::new(open("exchange.db"), keys(), FareTable::new(200), for_exchange.0, for_exchange.1);
        let of_issuer =
            IssuerKeys { sealing: sealing(), linkage: [linkage_a.clone(), linkage_b.clone()], trace: trace() };
        let issuer = Issuer::new(open("issuer.db"), keys(), of_issuer, Arc::new(clearing.clone()), Arc::new(exchange));
        let a = Linkage::new(open("linkage-a.db"), LinkageAuthority::A, linkage_a);
        let b = Linkage::new(open("linkage-b.db"), LinkageAuthority::B, linkage_b);
        let wired = |role, to| Arc::new(Wired { line: self.line.clone(), role, to });
        let over_line: Arc<dyn ClearingLink> =
            Arc::new(Wired { line: self.line.clone(), role: ServiceRole::Clearing, to: clearing.clone() });
        let links = Links {
            issuer: Arc::new(Wired { line: self.line.clone(), role: ServiceRole::Issuer, to: issuer }),
            linkage: [wired(ServiceRole::LinkageA, a), wired(ServiceRole::LinkageB, b)],
            clearing: over_line.clone(),
        };
        let of_attester = AttesterKeys { clearing: attester_clearing };
        let activation_key = self.keys.activation_key().clone();
        self.roles = Some(Roles {
            attester: Attester::new(context.clone(), keys(), of_attester, self.issuance.clone(), links),
            vouchers: Vouchers::new(context.clone(), keys(), over_line.clone()),
            cards: Cards::new(context.clone(), activation_key, over_line),
            bundles: Bundles::new(context.clone(), keys(), Some(self.issuance.clone())),
            enrolment: Enrolment::new(context.clone(), keys()),
            terminals: Terminals::new(context.clone(), self.keys.activation_key().clone()),
            clearing_store: ledger.store().clone(),
            ledger: Ledger::new(ledger),
            registry,
            clearing,
        });
    }

    pub(super) fn roles(&self) -> &Roles {
        self.roles.as_ref().unwrap()
    }

    pub(super) fn attester(&self) -> &Attester<P256, SqliteStore> {
        &self.roles().attester
    }

    pub(super) fn random<const N: usize>(&self) -> [u8; N] {
        let mut bytes = [0; N];
        self.entropy.fill(&mut bytes);
        bytes
    }

    pub(super) fn now(&self) -> Time {
        self.clock.now()
    }

    pub(super) fn period(&self) -> Period {
        Period::at(self.now(), self.policy.pseudonyms.boundary).unwrap()
    }

    pub(super) fn id(&self) -> Request {
        let number = u128::from(self.requests.fetch_add(1, Ordering::SeqCst));
        let key = RequestKey { principal: "issuer".to_owned(), method: "test", id: number.to_be_bytes() };
        Request { key, digest: [1; 32] }
    }

    /// A card with so much money, enrolled.
    pub(super) async fn wallet(&self, money: u32) -> Wallet {
        self.wallet_of(new_card(), money).await
    }

    pub(super) async fn wallet_of(&self, new: NewCard, money: u32) -> Wallet {
        let created = self.roles().cards.create(self.id(), &name("issuer"), new).await.unwrap();
        if money > 0 {
            let account = created.record.account.clone();
            self.roles().ledger.top_up(self.id(), &name("issuer"), account, money).await.unwrap();
        }
        self.enrolled(created).await
    }

    /// A card that was just created, enrolled.
    pub(super) async fn enrolled(&self, created: Created<CardRecord>) -> Wallet {
        let offered = self.roles().enrolment.begin(&created.activation_code.expose()).await.unwrap();
        let holder = EnrolmentKey::<P256>::generate(&mut ChaCha20Rng::from_seed(self.random()));
        let message = PossessionMessage::Offer(&offered.offer);
        let possession = holder.prove_possession(self.keys.id(), message, &self.random()).unwrap();
        let enrolled = self.roles().enrolment.complete(*offered.offer.nonce(), *holder.point(), possession, None);
        let enrolled = enrolled.await.unwrap();
        let (authority, identity) = (self.keys.authority(), offered.offer.identity());
        let key = holder.complete(authority, identity, &enrolled.credential, enrolled.contribution.as_bytes());
        Wallet { key: key.unwrap(), card: created.record }
    }

    pub(super) async fn top_up(&self, wallet: &Wallet, money: u32) {
        let account = wallet.card.account.clone();
        self.roles().ledger.top_up(self.id(), &name("issuer"), account, money).await.unwrap();
    }

    /// What `wallet` signs now.
    pub(super) fn signed(&self, wallet: &Wallet, method: &str, body: Vec<u8>) -> SignedRequest {
        self.signed_as(wallet, method, body, self.random())
    }

    pub(super) fn signed_as(&self, wallet: &Wallet, method: &str, body: Vec<u8>, id: [u8; 16]) -> SignedRequest {
        let (time, credential) = (self.now(), *wallet.key.credential().unwrap());
        let digest = RequestDigest::of(method, time, &id, &body).unwrap();
        let signature = digest.sign(&wallet.key, &self.random()).unwrap();
        SignedRequest { credential, time, request_id: id, body, signature }
    }

    pub(super) async fn challenge(&self, wallet: &Wallet) -> [u8; 32] {
        let request = self.signed(wallet, CHALLENGE_METHOD, Vec::new());
        self.attester().challenge(request).await.unwrap().challenge
    }

    /// What a wallet draws and signs to get so many pseudonyms of the present period.
    pub(super) async fn ask(&self, wallet: &Wallet, count: u16) -> (Vec<Asking<P256>>, SignedRequest) {
        self.ask_for(wallet, count, self.period()).await
    }

    pub(super) async fn ask_for(
        &self,
        wallet: &Wallet,
        count: u16,
        period: Period,
    ) -> (Vec<Asking<P256>>, SignedRequest) {
        let challenge = self.challenge(wallet).await;
        self.ask_under(wallet, count, period, challenge)
    }

    pub(super) fn ask_under(
        &self,
        wallet: &Wallet,
        count: u16,
        period: Period,
        challenge: [u8; 32],
    ) -> (Vec<Asking<P256>>, SignedRequest) {
        let profile = self.issuance.profile_for(wallet.key.credential().unwrap().identity());
        let profile = profile.map_or(symbolon_pseudonym::ProfileId(1), |profile| profile.id());
        let mut draws = ChaCha20Rng::from_seed(self.random());
        let (asking, body) =
            Asking::begin_request(self.keys.id(), &self.issuance, period, profile, challenge, count, &mut draws)
                .unwrap();
        (asking, self.signed(wallet, RequestBody::METHOD, body.encode()))
    }

    /// The pseudonyms' keys out of what was answered.
    pub(super) fn open(&self, asking: &[Asking<P256>], answer: &Pseudonyms) -> Vec<SigningKey<P256>> {
        let Pseudonyms::Ready(answers) = answer else { panic!("not ready: {answer:?}") };
        assert_eq!(answers.len(), asking.len());
        let open = |(asking, answer): (&Asking<P256>, &Result<_, _>)| {
            asking.complete(self.keys.authority(), &self.issuance, answer.as_ref().unwrap()).unwrap()
        };
        asking.iter().zip(answers).map(open).collect()
    }

    /// Asks, until an answer comes or the attester stops.
    pub(super) async fn request_until_stopped(
        &self,
        request: &SignedRequest,
    ) -> Option<Result<Pseudonyms, ServiceError>> {
        tokio::select! {
            answer = self.attester().request(request.clone()) => Some(answer),
            () = self.line.stop.notified() => None,
        }
    }

    /// Asks and opens, where nothing waits.
    pub(super) async fn pseudonyms(&self, wallet: &Wallet, count: u16) -> Vec<SigningKey<P256>> {
        let (asking, request) = self.ask(wallet, count).await;
        self.open(&asking, &self.attester().request(request).await.unwrap())
    }

    /// For how many pseudonyms clearing has money of a card set aside, and for how many it knows who pays.
    pub(super) async fn set_aside(&self, wallet: &Wallet) -> (u64, u64) {
        let (account, now) = (AccountHandle::from_bytes(wallet.card.account.handle().unwrap()), self.now());
        let store = &self.roles().clearing_store;
        let set_aside = store.read::<_, ServiceError, _>(move |unit| Ok(unit.set_aside(&account, now)?)).await;
        let set_aside = set_aside.unwrap();
        (set_aside.iter().map(|of| of.pseudonyms).sum(), set_aside.iter().map(|of| of.bound).sum())
    }
}

impl Town {
    /// The next credential of a card, and its key.
    pub(super) async fn renew(&self, wallet: &Wallet) -> Wallet {
        // A new credential begins a second after the former at the earliest.
        self.clock.advance(2);
        let begin = self.signed(wallet, BEGIN_RENEWAL_METHOD, Vec::new());
        let offered = self.roles().enrolment.begin_renewal(begin).await.unwrap();
        let holder = EnrolmentKey::<P256>::generate(&mut ChaCha20Rng::from_seed(self.random()));
        let message = PossessionMessage::Offer(&offered.offer);
        let possession = holder.prove_possession(self.keys.id(), message, &self.random()).unwrap();
        let body = RenewalBody { nonce: *offered.offer.nonce(), point: *holder.point(), possession };
        let complete = self.signed(wallet, COMPLETE_RENEWAL_METHOD, body.to_bytes());
        let enrolled = self.roles().enrolment.complete_renewal(complete).await.unwrap();
        let (authority, identity) = (self.keys.authority(), offered.offer.identity());
        let key = holder.complete(authority, identity, &enrolled.credential, enrolled.contribution.as_bytes());
        Wallet { key: key.unwrap(), card: wallet.card.clone() }
    }

    /// The credential of a terminal of `operator`.
    pub(super) async fn terminal(&self, operator: &str) -> Credential {
        let new =
            NewTerminal { number: None, sectors: Sectors::ALL, currency: CURRENCY, not_before: None, not_after: None };
        let created = self.roles().terminals.create(self.id(), &name(operator), new).await.unwrap();
        let offered = self.roles().enrolment.begin(&created.activation_code.expose()).await.unwrap();
        let holder = EnrolmentKey::<P256>::generate(&mut ChaCha20Rng::from_seed(self.random()));
        let message = PossessionMessage::Offer(&offered.offer);
        let possession = holder.prove_possession(self.keys.id(), message, &self.random()).unwrap();
        let enrolled = self.roles().enrolment.complete(*offered.offer.nonce(), *holder.point(), possession, None);
        enrolled.await.unwrap().credential
    }

    /// How many holders' accounts clearing keeps.
    pub(super) async fn accounts(&self) -> usize {
        let all = symbolon_store::Page { after: 0, limit: 1_000 };
        let accounts = self.roles().ledger.accounts(Some(&name("issuer")), all).await.unwrap();
        accounts.iter().filter(|account| account.record.kind == AccountKind::Holder).count()
    }
}

/// The subjects of pseudonyms, all different.
pub(super) fn subjects(pseudonyms: &[SigningKey<P256>]) -> BTreeSet<Subject> {
    let subject = |key: &SigningKey<P256>| key.credential().unwrap().identity().subject();
    let subjects = pseudonyms.iter().map(subject).collect::<BTreeSet<_>>();
    assert_eq!(subjects.len(), pseudonyms.len());
    subjects
}

pub(super) fn new_card() -> NewCard {
    NewCard {
        sectors: Sectors::ALL,
        tariff: 0,
        spend_limit: 1_000,
        budget: 5_000,
        currency: CURRENCY,
        not_before: None,
        not_after: None,
        account: None,
        holder_key: None,
    }
}

/// A holder's card and key.
pub(super) struct Wallet {
    pub(super) key: SigningKey<P256>,
    pub(super) card: CardRecord,
}

/// Whether these bytes lie in any of the files that begin with `prefix`, as they are or in hex.
pub(super) fn holds(folder: &Path, prefix: &str, wanted: &[u8]) -> bool {
    let hex = wanted.iter().map(|byte| format!("{byte:02x}")).collect::<String>();
    let mut files = std::fs::read_dir(folder).unwrap().map(|file| file.unwrap());
    files.any(|file| {
        let bytes = std::fs::read(file.path()).unwrap();
        let holds = |wanted: &[u8]| bytes.windows(wanted.len()).any(|window| window == wanted);
        file.file_name().to_str().unwrap().starts_with(prefix) && (holds(wanted) || holds(hex.as_bytes()))
    })
}
