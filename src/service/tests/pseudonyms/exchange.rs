//! The exchange, by itself: cards and pseudonyms that tests issue, a registry in memory, and clearing on a store of its own.

mod bulk;
mod crashing;
mod mixture;
mod outages;
mod refusals;
mod settling;
mod summing;
mod together;

use std::{
    collections::{BTreeMap, HashMap},
    sync::{
        Arc, Mutex, OnceLock,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
};

use rand_chacha::ChaCha20Rng;
use rand_core::{Rng as _, SeedableRng as _};
use sha2::{Digest as _, Sha256};
use symbolon_ccks::{
    AuthoritySecret, Class, CredentialDigest, EnrolmentKey, Identity, IdentityFields, LinkageAuthority, LinkageSeed,
    Name, Offer, P256, Period, PeriodBoundary, PossessionMessage, Purpose, Sector, Sectors, SigningKey, Subject,
    Suite as _, Time,
};
use symbolon_pseudonym::{
    AccountHandle, ClearingTag, PairwiseKey, Profile, ProfileFields, ProfileId, SealingKey, TagUse,
};
use symbolon_service::{
    Clock as _, Context, Policy, ServiceError,
    authority::AuthorityKeys,
    clearing::{Clearing, ClearingKeys},
    exchange::{Exchange, FareTable, RecordOutcome, UploadAnswer},
    ledger::Ledger,
    links::{
        Binding, ClearingLink, DeliveredVoucher, ExchangeLink as _, KnownCredential, OpenedSubject, PostingBatch,
        PublishedSeeds, RegistryLink, Reservation, ServiceRole, VoucherPayment,
    },
};
use symbolon_store::{
    Page, SqliteStore,
    records::{AccountName, IssuedRecord},
};
use symbolon_tap::{Flags, Kind, Presentation, Record, RecordBytes, RecordHint, Terms, TermsFields, encode_upload};
use tonic::async_trait;
use zerocopy::IntoBytes as _;

use self::crashing::{Crashing, Fate, Fuse};
use crate::time_and_chance::{Seeded, TestClock};

const CURRENCY: u16 = 156;
const ALL: Page = Page { after: 0, limit: 1000 };
const HOUR: u64 = 3_600;
const BUDGET: u32 = 2_000;
const BOUNDARY: PeriodBoundary = PeriodBoundary::DEFAULT;
const SETTLED: fn(u32) -> RecordOutcome = |amount| RecordOutcome::Settled { amount };
const DUPLICATE: fn(u32) -> RecordOutcome = |amount| RecordOutcome::Duplicate { amount };

fn today() -> Period {
    Period::new(20_800).unwrap()
}

/// So many seconds after today's period began.
fn time(seconds: u64) -> Time {
    today().start(BOUNDARY).saturating_add(seconds)
}

fn name(text: &str) -> Name {
    Name::parse(text).unwrap()
}

fn attester_key() -> PairwiseKey {
    PairwiseKey::from_bytes([0x33; 32])
}

struct Keys {
    secret: AuthoritySecret<P256>,
    keys: Arc<AuthorityKeys<P256>>,
}

/// Making an authority takes a while, so all tests have one.
fn authority() -> &'static Keys {
    static KEYS: OnceLock<Keys> = OnceLock::new();
    KEYS.get_or_init(|| {
        let secret = AuthoritySecret::generate(&mut ChaCha20Rng::seed_from_u64(1));
        let keys =
            AuthorityKeys::establish(AuthoritySecret::from_bytes(&secret.to_bytes()).unwrap(), time(0), &name("city"));
        Keys { secret, keys: keys.unwrap() }
    })
}

/// Issues a credential of this identity to who asks with a fresh u.
fn issue(identity: &Identity, random: &mut ChaCha20Rng) -> SigningKey<P256> {
    let Keys { secret, keys } = authority();
    let (holder, mut bytes) = (EnrolmentKey::<P256>::generate(random), [0; 32]);
    random.fill_bytes(&mut bytes);
    let (offer, challenge) = (Offer::new(*identity, bytes), bytes);
    let message = match identity.class() {
        Class::Pseudonym => {
            let period = Period::at(identity.not_before(), BOUNDARY).unwrap().number();
            PossessionMessage::Pseudonym { period, challenge: &challenge }
        }
        Class::Card | Class::Terminal => PossessionMessage::Offer(&offer),
    };
    let possession = holder.prove_possession(keys.id(), message, &bytes).unwrap();
    let issued = secret.issue(keys.authority(), identity, message, holder.point(), &possession, &bytes).unwrap();
    holder.complete(keys.authority(), identity, &issued.credential, issued.contribution.as_bytes()).unwrap()
}

fn identity(class: Class, subject: Subject) -> Identity {
    Identity::new(IdentityFields {
        suite: P256::ID,
        class,
        sectors: Sectors::ALL,
        authority_prefix: authority().keys.id().prefix(),
        subject,
        not_before: time(0).saturating_sub(100 * 24 * HOUR),
        not_after: time(100 * 24 * HOUR),
        spend_limit: BUDGET,
        budget: BUDGET,
        currency: CURRENCY,
        tariff: 0,
    })
    .unwrap()
}

/// What taps: a card under its own number, or one of its pseudonyms.
struct Holder {
    key: SigningKey<P256>,
    account: AccountHandle,
    counter: u32,
}

impl Holder {
    fn digest(&self) -> CredentialDigest {
        self.key.credential().unwrap().digest()
    }

    fn subject(&self) -> Subject {
        self.key.credential().unwrap().identity().subject()
    }

    fn account(&self) -> String {
        AccountName::holder(*self.account.as_bytes()).to_string()
    }
}

/// A terminal.
struct Gate {
    key: SigningKey<P256>,
    uploads: u32,
    taps: u64,
}

impl Gate {
    fn terms(&mut self, kind: Kind, amount: u32, at: Time) -> Terms {
        self.taps += 1;
        let fields = TermsFields {
            kind,
            sector: Sector::Transport,
            flags: Flags::Tap,
            nonce: u128::from(self.taps).to_be_bytes(),
            time: at,
            amount,
            currency: CURRENCY,
            reference: [0; 16],
        };
        Terms::new(fields).unwrap()
    }

    fn tap(&mut self, holder: &mut Holder, kind: Kind, amount: u32, seconds: u64) -> Record {
        let terms = self.terms(kind, amount, time(seconds));
        holder.counter += 1;
        self.answered(holder, holder.counter, terms)
    }

    fn answered(&self, holder: &Holder, counter: u32, terms: Terms) -> Record {
        Record::new(terms, Presentation::sign(&holder.key, &terms, &self.digest(), counter, &[3; 32]).unwrap())
    }

    fn upload(&mut self, records: &[Record]) -> Vec<u8> {
        self.uploads += 1;
        encode_upload(&self.key, self.uploads, records, None, &[4; 32]).unwrap()
    }

    /// An upload of what need not be records, with as many hints as are given.
    fn upload_bytes(&mut self, records: &[RecordBytes], hints: &[RecordHint]) -> Vec<u8> {
        self.uploads += 1;
        let digest = Sha256::digest(records.as_bytes());
        let count = u16::try_from(records.len()).unwrap().to_be_bytes();
        let terminal = self.key.credential().unwrap().as_bytes();
        let marks = [1, u8::from(!hints.is_empty())];
        let header = [&marks[..], &count, &self.uploads.to_be_bytes(), terminal, &digest].concat();
        let signature = self.key.sign(Purpose::Upload, &[&header], &[4; 32]).unwrap();
        [&header, &signature.as_bytes()[..], records.as_bytes(), hints.as_bytes()].concat()
    }

    fn digest(&self) -> CredentialDigest {
        self.key.credential().unwrap().digest()
    }
}

/// Makes holders and gates; what it made, every [`House`] can be told of.
struct Town {
    random: ChaCha20Rng,
    cards: HashMap<CredentialDigest, AccountHandle>,
    terminals: HashMap<CredentialDigest, Name>,
    pseudonyms: Vec<(CredentialDigest, Subject, Period, AccountHandle)>,
}

/// The seeds of one card at both linkage authorities, for [`today`].
fn seeds(card: u8) -> [LinkageSeed; 2] {
    [LinkageSeed::from_bytes([card; 32]), LinkageSeed::from_bytes([card + 100; 32])]
}

/// The subject of a card's j-th pseudonym, so many periods after today.
fn linked(card: u8, periods: u32, j: u32) -> Subject {
    let [a, b] = seeds(card);
    let (a, b) = (a.after(LinkageAuthority::A, periods), b.after(LinkageAuthority::B, periods));
    a.value(j).subject_with(&b.value(j))
}

impl Town {
    fn new() -> Self {
        let random = ChaCha20Rng::seed_from_u64(5);
        Self { random, cards: HashMap::new(), terminals: HashMap::new(), pseudonyms: Vec::new() }
    }

    fn bytes(&mut self) -> [u8; 16] {
        let mut bytes = [0; 16];
        self.random.fill_bytes(&mut bytes);
        bytes
    }

    fn gate(&mut self, operator: &str) -> Gate {
        let (operator, number) = (name(operator), self.terminals.len() as u64);
        let subject = Subject::terminal(&operator, number.to_be_bytes());
        let key = issue(&identity(Class::Terminal, subject), &mut self.random);
        self.terminals.insert(key.credential().unwrap().digest(), operator);
        Gate { key, uploads: 0, taps: number << 32 }
    }

    fn card(&mut self) -> Holder {
        let (subject, account) = (Subject::from_bytes(self.bytes()), AccountHandle::from_bytes(self.bytes()));
        let key = issue(&identity(Class::Card, subject), &mut self.random);
        let card = Holder { key, account, counter: 0 };
        self.cards.insert(card.digest(), account);
        card
    }

    /// A pseudonym of a card of its own.
    fn pseudonym(&mut self) -> Holder {
        let (subject, account) = (Subject::from_bytes(self.bytes()), AccountHandle::from_bytes(self.bytes()));
        self.pseudonym_of(account, subject, today())
    }

    fn pseudonym_of(&mut self, account: AccountHandle, subject: Subject, period: Period) -> Holder {
        let pseudonym = self.forged(account, subject, period);
        self.pseudonyms.push((pseudonym.digest(), subject, period, account));
        pseudonym
    }

    /// A pseudonym of which the issuer knows nothing.
    fn forged(&mut self, account: AccountHandle, subject: Subject, period: Period) -> Holder {
        let fields = ProfileFields {
            id: ProfileId(1),
            sectors: Sectors::ALL,
            tariff: 0,
            spend_limit: BUDGET,
            budget: BUDGET,
            currency: CURRENCY,
        };
        let profile = Profile::new(fields).unwrap();
        let identity = profile.identity(P256::ID, authority().keys.id().prefix(), subject, period, BOUNDARY).unwrap();
        Holder { key: issue(&identity, &mut self.random), account, counter: 0 }
    }
}

/// The attester as the exchange sees it; it remembers what it was asked.
#[derive(Default)]
struct Registry {
    cards: HashMap<CredentialDigest, AccountHandle>,
    terminals: HashMap<CredentialDigest, Name>,
    /// Cards that are revoked and terminals that are retired, and since when.
    out_of_use: Mutex<HashMap<CredentialDigest, Time>>,
    seeds: Mutex<Vec<PublishedSeeds>>,
    /// Vouchers that it was told of.
    delivered: Mutex<Vec<DeliveredVoucher>>,
    asked: Mutex<Vec<CredentialDigest>>,
    suspended: Mutex<Vec<CredentialDigest>>,
    away: AtomicBool,
    suspends_nobody: AtomicBool,
    tags: AtomicU64,
    fuse: Mutex<Fuse>,
}

impl Registry {
    fn there(&self) -> Result<(), ServiceError> {
        const AWAY: ServiceError = ServiceError::RoleUnavailable(ServiceRole::Attester);
        let answers = self.fuse.lock().unwrap().next() == Fate::Lives && !self.away.load(Ordering::SeqCst);
        if answers { Ok(()) } else { Err(AWAY) }
    }
}

#[async_trait]
impl RegistryLink for Registry {
    async fn credentials(&self, digests: Vec<CredentialDigest>) -> Result<Vec<Option<KnownCredential>>, ServiceError> {
        self.there()?;
        self.asked.lock().unwrap().extend(&digests);
        let known = |digest: &CredentialDigest| {
            let out_of_use = self.out_of_use.lock().unwrap().get(digest).copied();
            let number = u128::from(self.tags.fetch_add(1, Ordering::SeqCst)).to_be_bytes();
            let nonce = std::array::from_fn(|index| number[index + 4]);
            let card = self.cards.get(digest).map(|account| KnownCredential::Card {
                issuer: name("issuer"),
                tag: ClearingTag::seal(account, TagUse::Named, &attester_key(), nonce),
                revoked_since: out_of_use,
            });
            let terminal = || self.terminals.get(digest).copied();
            card.or_else(|| terminal().map(|operator| KnownCredential::Terminal { operator, retired: out_of_use }))
        };
        Ok(digests.iter().map(known).collect())
    }

    async fn suspend(&self, misused: CredentialDigest) -> Result<(), ServiceError> {
        self.there()?;
        if self.suspends_nobody.load(Ordering::SeqCst) {
            return Err(ServiceError::RoleUnavailable(ServiceRole::Attester));
        }
        self.suspended.lock().unwrap().push(misused);
        Ok(())
    }

    async fn issued_line(&self, digest: CredentialDigest) -> Result<Vec<IssuedRecord>, ServiceError> {
        self.asked.lock().unwrap().push(digest);
        Ok(Vec::new())
    }

    async fn published_seeds(&self) -> Result<Vec<PublishedSeeds>, ServiceError> {
        self.there()?;
        Ok(self.seeds.lock().unwrap().clone())
    }

    async fn delivered(&self, vouchers: Vec<DeliveredVoucher>) -> Result<(), ServiceError> {
        self.there()?;
        self.delivered.lock().unwrap().extend(vouchers);
        Ok(())
    }
}

/// Clearing behind a line that fails when it is told to; it remembers what it was sent.
struct Line {
    clearing: Clearing<SqliteStore>,
    sent: Mutex<Vec<PostingBatch>>,
    away: AtomicBool,
    refused: Mutex<Option<[u8; 16]>>,
    fuse: Mutex<Fuse>,
}

#[async_trait]
impl ClearingLink for Line {
    async fn open_account(&self, account: AccountHandle, issuer: Name, currency: u16) -> Result<(), ServiceError> {
        self.clearing.open_account(account, issuer, currency).await
    }

    async fn account_fits(&self, account: AccountHandle, issuer: Name, currency: u16) -> Result<bool, ServiceError> {
        self.clearing.account_fits(account, issuer, currency).await
    }

    async fn reserve(&self, reservation: Reservation) -> Result<(), ServiceError> {
        self.clearing.reserve(reservation).await
    }

    async fn release(&self, reservation: [u8; 16], count: u16) -> Result<(), ServiceError> {
        self.clearing.release(reservation, count).await
    }

    async fn bind(&self, bindings: Vec<Binding>) -> Result<Vec<bool>, ServiceError> {
        self.clearing.bind(bindings).await
    }

    async fn post(&self, batch: PostingBatch) -> Result<(), ServiceError> {
        const AWAY: ServiceError = ServiceError::RoleUnavailable(ServiceRole::Clearing);
        let fate = self.fuse.lock().unwrap().next();
        if self.away.load(Ordering::SeqCst) || fate == Fate::DiesBefore {
            return Err(AWAY);
        }
        self.sent.lock().unwrap().push(batch.clone());
        if self.refused.lock().unwrap().is_some_and(|refused| refused == batch.id) {
            return Err(ServiceError::InvalidField { field: "netted", problem: "refused by the test" });
        }
        self.clearing.post(batch).await?;
        if fate == Fate::DiesAfter { Err(AWAY) } else { Ok(()) }
    }

    async fn pay_voucher(&self, payment: VoucherPayment) -> Result<(), ServiceError> {
        self.clearing.pay_voucher(payment).await
    }

    async fn open_subject(&self, case: &str, subject: Subject) -> Result<OpenedSubject, ServiceError> {
        self.clearing.open_subject(case, subject).await
    }

    async fn export(&self, account: AccountHandle, holder: SealingKey) -> Result<Vec<u8>, ServiceError> {
        self.clearing.export(account, holder).await
    }
}

/// Exchange and clearing of a town, each on a store of its own.
struct House {
    folder: tempfile::TempDir,
    clock: Arc<TestClock>,
    entropy: Arc<Seeded>,
    policy: Policy,
    registry: Arc<Registry>,
    line: Arc<Line>,
    ledger: Ledger<SqliteStore>,
    exchange: Option<Exchange<P256, Crashing>>,
}

impl House {
    async fn new(town: &Town) -> Self {
        Self::with_policy(town, Policy::default()).await
    }

    async fn with_policy(town: &Town, policy: Policy) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let clock = TestClock::at(time(HOUR).seconds());
        let entropy = Seeded::new(9);
        let store = SqliteStore::open(folder.path().join("clearing.db")).unwrap();
        let context = Context::new(store, clock.clone(), entropy.clone(), policy.clone());
        let role_keys = ClearingKeys { attester: attester_key(), trace: [8; 32].into() };
        let line = Line {
            clearing: Clearing::new(context.clone(), role_keys),
            sent: Mutex::default(),
            away: AtomicBool::new(false),
            refused: Mutex::default(),
            fuse: Mutex::default(),
        };
        let registry = Registry { cards: town.cards.clone(), terminals: town.terminals.clone(), ..Registry::default() };
        let (registry, line, ledger) = (Arc::new(registry), Arc::new(line), Ledger::new(context));
        let mut house = Self { folder, clock, entropy, policy, registry, line, ledger, exchange: None };
        house.reopen(Fuse::default());
        house.tell(town).await;
        house
    }

    /// Tells clearing of the accounts and who pays for what, and the exchange of the pseudonyms.
    async fn tell(&self, town: &Town) {
        for account in town.cards.values() {
            self.line.open_account(*account, name("issuer"), CURRENCY).await.unwrap();
        }
        for (number, (_, subject, period, account)) in (0_u128..).zip(&town.pseudonyms) {
            self.line.open_account(*account, name("issuer"), CURRENCY).await.unwrap();
            let reservation = Reservation {
                id: number.to_be_bytes(),
                account: *account,
                period: *period,
                count: 1,
                budget: BUDGET,
                line: 1_000_000,
                currency: CURRENCY,
                until: period.expiry(BOUNDARY).saturating_add(self.policy.pseudonyms.late_records_seconds),
            };
            self.line.reserve(reservation).await.unwrap();
            let nonce = std::array::from_fn(|index| number.to_be_bytes()[index + 4]);
            let tag = ClearingTag::seal(account, TagUse::Pseudonym(*period), &attester_key(), nonce);
            let binding = Binding { subject: *subject, period: *period, tag };
            assert_eq!(self.line.bind(vec![binding]).await.unwrap(), [true]);
        }
        let pseudonyms = town.pseudonyms.iter().map(|(digest, _, period, _)| (*digest, *period)).collect();
        self.exchange().register(pseudonyms).await.unwrap();
    }

    /// Lets go of the exchange without a word and opens it again, to fail as `fuse` says.
    fn reopen(&mut self, fuse: Fuse) {
        self.exchange = None;
        *self.registry.fuse.lock().unwrap() = fuse.clone();
        *self.line.fuse.lock().unwrap() = fuse.clone();
        let store = SqliteStore::open(self.folder.path().join("exchange.db")).unwrap();
        let store = Crashing { store, fuse };
        let context = Context::new(store, self.clock.clone(), self.entropy.clone(), self.policy.clone());
        let keys = authority().keys.clone();
        let mut fares = FareTable::new(200);
        for (from, to, fare) in [(1, 2, 80), (2, 1, 90), (1, 1, 0), (2, 2, 700)] {
            fares.set(name("metro"), [from; 16], [to; 16], fare);
        }
        self.exchange = Some(Exchange::new(context, keys, fares, self.registry.clone(), self.line.clone()));
    }

    fn exchange(&self) -> &Exchange<P256, Crashing> {
        self.exchange.as_ref().unwrap()
    }

    /// Sets the clock so many seconds after today began.
    fn set(&self, seconds: u64) -> Time {
        self.clock.0.store(time(seconds).seconds(), Ordering::SeqCst);
        time(seconds)
    }

    async fn upload(&self, upload: Vec<u8>) -> UploadAnswer {
        self.exchange().upload(upload).await.unwrap().answer
    }

    /// Passes everything on, now.
    async fn deliver_all(&self) {
        self.exchange().deliver_all(self.clock.now()).await.unwrap();
    }

    /// Every account's balance; checks the ledger on the way.
    async fn balances(&self) -> BTreeMap<String, i64> {
        let audit = self.ledger.check().await.unwrap();
        assert_eq!((audit.sum, audit.problems), (0, Vec::new()));
        let accounts = self.ledger.accounts(None, ALL).await.unwrap();
        accounts.into_iter().map(|account| (account.record.name.to_string(), account.record.balance)).collect()
    }

    async fn balance(&self, account: &str) -> i64 {
        self.balances().await.get(account).copied().unwrap_or_default()
    }

    /// What clearing was sent, oldest first.
    fn sent(&self) -> Vec<PostingBatch> {
        self.line.sent.lock().unwrap().clone()
    }
}
