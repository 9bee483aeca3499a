//! Six roles in one process, each on a database of its own, and all links between them listened to.

mod having;

use std::{
    path::PathBuf,
    sync::{Arc, OnceLock, atomic::Ordering},
};

use rand_chacha::ChaCha20Rng;
use rand_core::SeedableRng as _;
use symbolon_ccks::{
    AuthoritySecret, EnrolmentKey, LinkageAuthority, Name, P256, Period, PeriodBoundary, PossessionMessage, Sector,
    Sectors, SigningKey, Subject, Time,
};
use symbolon_pseudonym::{Asking, Issuance, PairwiseKey, RequestBody, SealingSecret};
use symbolon_service::{
    Clock as _, Context, Entropy as _, Policy, Request, ServiceError,
    attester::{Attester, AttesterKeys, CHALLENGE_METHOD, EXPORT_METHOD, Links, PRIVACY_METHOD, Pseudonyms, Registry},
    authority::AuthorityKeys,
    bundles::Bundles,
    cards::{Cards, NewCard},
    clearing::{Clearing, ClearingKeys},
    enrolment::{Enrolment, SignedRequest},
    exchange::{Exchange, FareTable},
    issuer::{Issuer, IssuerKeys},
    ledger::Ledger,
    linkage::Linkage,
    links::{ClearingLink, ExchangeLink, IssuerLink, LinkageLink, RegistryLink, ServiceRole},
    terminals::{NewTerminal, Terminals},
    vouchers::{BUY_METHOD, VoucherBody, VoucherPolicy, VoucherPrice, Vouchers},
};
use symbolon_store::{
    SqliteStore,
    records::{RequestKey, VoucherRecord},
};
use symbolon_tap::RequestDigest;
use zeroize::Zeroizing;

use crate::{
    holder::{Gate, Holder, Pseudonym, Tapper},
    overheard::{Heard, Overheard, as_role},
    time_and_chance::{START, Seeded, TestClock},
};

pub(crate) const CURRENCY: u16 = 156;

pub(crate) fn time(after_start: u64) -> Time {
    Time::new(START + after_start).unwrap()
}

pub(crate) fn name(text: &str) -> Name {
    Name::parse(text).unwrap()
}

impl TestClock {
    /// Seconds after the start.
    pub(crate) fn set(&self, after_start: u64) {
        self.0.store(START + after_start, Ordering::SeqCst);
    }
}

/// The use cases of all roles.
pub(crate) struct Roles {
    cards: Cards<SqliteStore>,
    terminals: Terminals<SqliteStore>,
    enrolment: Enrolment<P256, SqliteStore>,
    bundles: Bundles<P256, SqliteStore>,
    attester: Attester<P256, SqliteStore>,
    clearing: Clearing<SqliteStore>,
    ledger: Ledger<SqliteStore>,
    pub(crate) exchange: Exchange<P256, SqliteStore>,
    vouchers: Vouchers<P256, SqliteStore>,
}

pub(crate) struct City {
    folder: tempfile::TempDir,
    pub(crate) clock: Arc<TestClock>,
    entropy: Arc<Seeded>,
    keys: Arc<AuthorityKeys<P256>>,
    issuance: Arc<Issuance>,
    /// What roles say to each other, and to those outside.
    pub(crate) traffic: Overheard,
    logs: Overheard,
    pub(crate) roles: Roles,
}

fn authority() -> Arc<AuthorityKeys<P256>> {
    static KEYS: OnceLock<Arc<AuthorityKeys<P256>>> = OnceLock::new();
    let establish = || {
        let secret = AuthoritySecret::generate(&mut ChaCha20Rng::seed_from_u64(1));
        AuthorityKeys::establish(secret, time(0), &name("city")).unwrap()
    };
    Arc::clone(KEYS.get_or_init(establish))
}

/// Everything that any crate logs, of all tests of this program.
fn logs() -> Overheard {
    static LOGS: OnceLock<Overheard> = OnceLock::new();
    let capture = || {
        let logs = Overheard::default();
        let everything = tracing_subscriber::fmt().with_max_level(tracing::Level::TRACE).with_ansi(false);
        everything.with_writer(logs.clone()).init();
        logs
    };
    LOGS.get_or_init(capture).clone()
}

/// A bundle is relied upon for an hour, so that a revocation is known to all while its pseudonyms live.
fn policy() -> Policy {
    let price = VoucherPrice { operator: name("grid"), sector: Sector::Power, currency: CURRENCY, per_thousand: 50 };
    let vouchers = VoucherPolicy { prices: vec![price], ..VoucherPolicy::default() };
    Policy { bundle_validity_seconds: 3_600, bundle_refresh_seconds: 600, vouchers, ..Policy::default() }
}

impl City {
    /// A city of its own: no other of another seed has a secret in common with it.
    pub(crate) fn new(seed: u64) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let clock = TestClock::at(START);
        let entropy = Seeded::new(seed);
        let random = || {
            let mut bytes = [0; 32];
            entropy.fill(&mut bytes);
            bytes
        };
        let sealing = SealingSecret::from_bytes(&random());
        let pseudonyms = policy().pseudonyms;
        let issuance =
            Issuance::new(pseudonyms.boundary, pseudonyms.per_period, *sealing.public(), pseudonyms.profiles);
        let (keys, issuance, traffic) = (authority(), Arc::new(issuance.unwrap()), Overheard::default());
        let open = |role: ServiceRole| {
            let store = SqliteStore::open(folder.path().join(format!("{role}.db"))).unwrap();
            Context::new(store, clock.clone(), entropy.clone(), policy())
        };
        let shared = Shared {
            attester_clearing: PairwiseKey::from_bytes(random()),
            linkage_issuer: [PairwiseKey::from_bytes(random()), PairwiseKey::from_bytes(random())],
            trace: random(),
        };
        let roles = connect(&keys, &issuance, &shared, sealing, &traffic, open);
        Self { folder, clock, entropy, keys, issuance, traffic, logs: logs(), roles }
    }

    pub(crate) fn random<const N: usize>(&self) -> [u8; N] {
        let mut bytes = [0; N];
        self.entropy.fill(&mut bytes);
        bytes
    }

    /// The reference of a place that no other tap has.
    pub(crate) fn place(&self) -> [u8; 16] {
        self.random()
    }

    fn draws(&self) -> ChaCha20Rng {
        ChaCha20Rng::from_seed(self.random())
    }

    fn request(&self, principal: &str) -> Request {
        let key = RequestKey { principal: principal.to_owned(), method: "test", id: self.random() };
        Request { key, digest: [1; 32] }
    }

    pub(crate) async fn gate(&self, operator: &str) -> Gate {
        let new =
            NewTerminal { number: None, sectors: Sectors::ALL, currency: CURRENCY, not_before: None, not_after: None };
        let operator_name = name(operator);
        let created = self.roles.terminals.create(self.request(operator), &operator_name, new);
        let created = as_role(ServiceRole::Attester, created).await.unwrap();
        Gate::new(Tapper::new(self.enrol(&created.activation_code.expose()).await))
    }

    /// Somebody with a card, and money on its account.
    pub(crate) async fn holder(&self) -> Holder {
        let new = NewCard {
            sectors: Sectors::ALL,
            tariff: 0,
            spend_limit: 1_000,
            budget: 5_000,
            currency: CURRENCY,
            not_before: None,
            not_after: None,
            account: None,
            holder_key: None,
        };
        let bank = name("bank");
        let created = self.roles.cards.create(self.request("bank"), &bank, new);
        let created = as_role(ServiceRole::Attester, created).await.unwrap();
        let card = created.record;
        let top_up = self.roles.ledger.top_up(self.request("bank"), &bank, card.account.clone(), 20_000);
        as_role(ServiceRole::Clearing, top_up).await.unwrap();
        let tapper = Tapper::new(self.enrol(&created.activation_code.expose()).await);
        Holder { tapper, card, requests: Vec::new(), pseudonyms: Vec::new() }
    }

    async fn enrol(&self, code: &str) -> SigningKey<P256> {
        let offered = as_role(ServiceRole::Attester, self.roles.enrolment.begin(code)).await.unwrap();
        let holder = EnrolmentKey::generate(&mut self.draws());
        let message = PossessionMessage::Offer(&offered.offer);
        let possession = holder.prove_possession(self.keys.id(), message, &self.random()).unwrap();
        let enrolled = self.roles.enrolment.complete(*offered.offer.nonce(), *holder.point(), possession, None);
        let enrolled = as_role(ServiceRole::Attester, enrolled).await.unwrap();
        let identity = offered.offer.identity();
        let contribution = enrolled.contribution.as_bytes();
        holder.complete(self.keys.authority(), identity, &enrolled.credential, contribution).unwrap()
    }

    /// Has every holder ask for so many pseudonyms, which are issued all together.
    pub(crate) async fn get_pseudonyms(&self, holders: &mut [Holder], count: u16) {
        let mut asked = Vec::new();
        for holder in holders.iter_mut() {
            let request = self.signed(holder, CHALLENGE_METHOD, &[]);
            let given = as_role(ServiceRole::Attester, self.roles.attester.challenge(request)).await.unwrap();
            let (asking, request) = self.ask(holder, given.challenge, count);
            assert!(matches!(self.send(request.clone()).await, Pseudonyms::Waiting { .. }), "nobody waited for others");
            asked.push((asking, request));
        }
        self.clock.set(policy().pseudonyms.mixing.delay_seconds + 10);
        for (holder, (asking, request)) in holders.iter_mut().zip(asked) {
            let Pseudonyms::Ready(answers) = self.send(request).await else { panic!("nothing was issued") };
            for (asking, answer) in asking.iter().zip(answers) {
                let key = asking.complete(self.keys.authority(), &self.issuance, &answer.unwrap()).unwrap();
                let (commitment, point) = (*asking.commitment(), *asking.point());
                holder.pseudonyms.push(Pseudonym { tapper: Tapper::new(key), commitment, point });
            }
        }
    }

    fn ask(&self, holder: &mut Holder, challenge: [u8; 32], count: u16) -> (Vec<Asking<P256>>, SignedRequest) {
        let period = Period::at(self.clock.now(), PeriodBoundary::DEFAULT).unwrap();
        let profile = self.issuance.profile_for(holder.credential().identity()).unwrap().id();
        let (authority, random) = (self.keys.id(), &mut self.draws());
        let (asking, body) =
            Asking::begin_request(authority, &self.issuance, period, profile, challenge, count, random).unwrap();
        let request = self.signed(holder, RequestBody::METHOD, &body.encode());
        holder.requests.extend([challenge.to_vec(), request.request_id.to_vec()]);
        (asking, request)
    }

    async fn send(&self, request: SignedRequest) -> Pseudonyms {
        self.traffic.note(&[ServiceRole::Attester], request.body.clone());
        let answer = as_role(ServiceRole::Attester, self.roles.attester.request(request)).await.unwrap();
        if let Pseudonyms::Ready(answers) = &answer {
            let sealed = answers.iter().flatten().map(|answer| answer.as_bytes().as_slice()).collect::<Vec<_>>();
            self.traffic.note(&[ServiceRole::Attester], sealed.concat());
        }
        answer
    }

    /// Has a card buy a voucher for a meter.
    pub(crate) async fn buy_voucher(&self, holder: &Holder, meter: &Gate) -> VoucherRecord {
        let meter = meter.credential().identity().subject();
        let body = VoucherBody { sector: Sector::Power, meter, quantity: 12_345, most: 1_000 };
        let request = self.signed(holder, BUY_METHOD, &body.to_bytes());
        self.traffic.note(&[ServiceRole::Attester], request.body.clone());
        let bought = as_role(ServiceRole::Attester, self.roles.vouchers.buy(request)).await.unwrap();
        self.traffic.note(&[ServiceRole::Attester], bought.issued.as_ref().unwrap().bytes.to_vec());
        bought
    }

    fn signed(&self, holder: &Holder, method: &str, body: &[u8]) -> SignedRequest {
        let (time, request_id) = (self.clock.now(), self.random());
        let digest = RequestDigest::of(method, time, &request_id, body).unwrap();
        let signature = digest.sign(&holder.tapper.key, &self.random()).unwrap();
        SignedRequest { credential: *holder.credential(), time, request_id, body: body.to_vec(), signature }
    }

    /// Has clearing told what pseudonyms spent.
    pub(crate) async fn deliver(&self) {
        as_role(ServiceRole::Exchange, self.roles.exchange.deliver(self.clock.now())).await.unwrap();
        let audit = self.roles.ledger.check().await.unwrap();
        assert_eq!((audit.sum, audit.problems), (0, Vec::new()));
        assert_eq!(self.roles.ledger.in_suspense().await.unwrap(), []);
    }

    pub(crate) async fn revoke(&self, holder: &Holder) {
        let bank = name("bank");
        let revoked = self.roles.cards.revoke(self.request("bank"), &bank, holder.card.number);
        as_role(ServiceRole::Attester, revoked).await.unwrap();
    }

    /// Has the roles do what they do by themselves.
    pub(crate) async fn tend(&self) {
        as_role(ServiceRole::Attester, self.roles.attester.tend()).await.unwrap();
        as_role(ServiceRole::Attester, self.roles.vouchers.tend()).await.unwrap();
        let bundle = as_role(ServiceRole::Attester, self.roles.bundles.newest()).await.unwrap();
        // Operators take it to their terminals.
        self.traffic.note(&[ServiceRole::Attester, ServiceRole::Exchange], bundle.bytes);
        let now = self.clock.now();
        as_role(ServiceRole::Clearing, self.roles.clearing.forget_old(now)).await.unwrap();
        as_role(ServiceRole::Exchange, self.roles.exchange.deliver(now)).await.unwrap();
    }

    pub(crate) fn bundle_lifetime(&self) -> u64 {
        policy().bundle_validity_seconds
    }

    /// Has the holder shown, and given, what is held on the card.
    pub(crate) async fn ask_what_is_held(&self, holder: &Holder) {
        let asked = self.signed(holder, PRIVACY_METHOD, &[]);
        let view = as_role(ServiceRole::Attester, self.roles.attester.privacy(asked)).await.unwrap();
        self.traffic.note(&[ServiceRole::Attester], format!("{view:?}").into_bytes());
        let key = SealingSecret::from_bytes(&self.random());
        let asked = self.signed(holder, EXPORT_METHOD, key.public().as_bytes());
        let held = as_role(ServiceRole::Attester, self.roles.attester.export(asked)).await.unwrap();
        self.traffic.note(&[ServiceRole::Attester], format!("{held:?}").into_bytes());
    }

    /// Has a pseudonym opened, which an officer of the attester and one of clearing approve.
    pub(crate) async fn open_case(
        &self,
        case: &str,
        subject: Subject,
        [attester, clearing]: [&Name; 2],
    ) -> Result<Subject, ServiceError> {
        as_role(ServiceRole::Clearing, self.roles.clearing.approve(case, subject, clearing)).await?;
        as_role(ServiceRole::Attester, self.roles.attester.approve(case, subject, attester)).await?;
        let opened = as_role(ServiceRole::Attester, self.roles.attester.open(case, subject, attester)).await?;
        Ok(opened.card)
    }

    fn database(&self, role: ServiceRole) -> PathBuf {
        self.folder.path().join(format!("{role}.db"))
    }
}

/// The keys that two roles share.
struct Shared {
    attester_clearing: PairwiseKey,
    linkage_issuer: [PairwiseKey; 2],
    trace: [u8; 32],
}

/// Puts the roles together, every link between them listened to.
fn connect(
    keys: &Arc<AuthorityKeys<P256>>,
    issuance: &Arc<Issuance>,
    shared: &Shared,
    sealing: SealingSecret,
    traffic: &Overheard,
    open: impl Fn(ServiceRole) -> Context<SqliteStore>,
) -> Roles {
    use ServiceRole::{
        Attester as AttesterRole, Clearing as ClearingRole, Exchange as ExchangeRole, Issuer as IssuerRole,
    };

    let keys = || Arc::clone(keys);
    let trace = || Zeroizing::new(shared.trace);
    let (of_attester, of_clearing) = (open(AttesterRole), open(ClearingRole));
    let clearing_keys = ClearingKeys { attester: shared.attester_clearing.clone(), trace: trace() };
    let clearing = Clearing::new(of_clearing.clone(), clearing_keys);
    let clearing_for = |from| -> Arc<dyn ClearingLink> {
        let link: Arc<dyn ClearingLink> = Arc::new(clearing.clone());
        Arc::new(Heard { from, to: ClearingRole, link, traffic: traffic.clone() })
    };
    let registry: Arc<dyn RegistryLink> =
        Arc::new(Registry::new(of_attester.clone(), shared.attester_clearing.clone()));
    let registry = Heard { from: ExchangeRole, to: AttesterRole, link: registry, traffic: traffic.clone() };
    let exchange =
        Exchange::new(open(ExchangeRole), keys(), FareTable::new(200), Arc::new(registry), clearing_for(ExchangeRole));
    let link: Arc<dyn ExchangeLink> = Arc::new(exchange.clone());
    let exchange_link = Heard { from: IssuerRole, to: ExchangeRole, link, traffic: traffic.clone() };
    let issuer_keys = IssuerKeys { sealing, linkage: shared.linkage_issuer.clone(), trace: trace() };
    let issuer = Issuer::new(open(IssuerRole), keys(), issuer_keys, clearing_for(IssuerRole), Arc::new(exchange_link));
    let linkage = LinkageAuthority::ALL.map(|authority| -> Arc<dyn LinkageLink> {
        let to = ServiceRole::of_linkage(authority);
        let key = shared.linkage_issuer[usize::from(authority == LinkageAuthority::B)].clone();
        let link: Arc<dyn LinkageLink> = Arc::new(Linkage::new(open(to), authority, key));
        Arc::new(Heard { from: AttesterRole, to, link, traffic: traffic.clone() })
    });
    let link: Arc<dyn IssuerLink> = Arc::new(issuer);
    let issuer = Arc::new(Heard { from: AttesterRole, to: IssuerRole, link, traffic: traffic.clone() });
    let links = Links { issuer, linkage, clearing: clearing_for(AttesterRole) };
    let attester_keys = AttesterKeys { clearing: shared.attester_clearing.clone() };
    let activation_key = keys().activation_key().clone();
    Roles {
        vouchers: Vouchers::new(of_attester.clone(), keys(), clearing_for(AttesterRole)),
        cards: Cards::new(of_attester.clone(), activation_key.clone(), clearing_for(AttesterRole)),
        terminals: Terminals::new(of_attester.clone(), activation_key),
        enrolment: Enrolment::new(of_attester.clone(), keys()),
        bundles: Bundles::new(of_attester.clone(), keys(), Some(issuance.clone())),
        attester: Attester::new(of_attester, keys(), attester_keys, issuance.clone(), links),
        clearing,
        ledger: Ledger::new(of_clearing),
        exchange,
    }
}
