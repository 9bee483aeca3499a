//! The service of the simulated city: every role's use cases on a SQLite store of its own, below gRPC.

use super::{
    draws::Seeded,
    wires::{Lines, Tampering, Wired},
};
use anyhow::{Context as _, Result, anyhow, ensure};
use rand_chacha::ChaCha20Rng;
use rand_core::SeedableRng;
use std::{
    any::Any,
    collections::BTreeMap,
    path::Path,
    sync::{
        Arc, PoisonError, RwLock,
        atomic::{AtomicU64, Ordering},
    },
};
use symbolon_ccks::{
    AuthoritySecret, EnrolmentKey, LinkageAuthority, Name, PossessionMessage, Sector, Sectors, SigningKey, Suite, Time,
};
use symbolon_pseudonym::{Issuance, PairwiseKey, SealingSecret};
use symbolon_service::{
    Batching, Clock, Context, Entropy, Policy, PseudonymPolicy, Request, ServiceError,
    attester::{Attester, AttesterKeys, Links, Registry},
    authority::AuthorityKeys,
    bundles::Bundles,
    cards::{Cards, NewCard},
    clearing::{Clearing, ClearingKeys},
    enrolment::Enrolment,
    exchange::{Exchange, FareTable},
    issuer::{Issuer, IssuerKeys},
    ledger::Ledger,
    linkage::Linkage,
    links::ClearingLink,
    terminals::{NewTerminal, Terminals},
    vouchers::{VoucherPolicy, VoucherPrice, Vouchers},
};
use symbolon_store::{
    SqliteStore,
    records::{CardRecord, RequestKey, TerminalRecord},
};
use tempfile::TempDir;
use zeroize::Zeroizing;

/// The city's currency: CNY.
pub(super) const CURRENCY: u16 = 156;
/// When the city begins: in seconds, a moment long ago or long ahead that no machine's clock has to do with.
pub(super) const BEGINS_SECONDS: u64 = 1_800_000_000;
/// What a card may spend at a tap, and in all.
pub(super) const SPEND_LIMIT: u32 = 2_000;
const BUDGET: u32 = 400_000;
/// What a journey costs that the table does not name, and one that it does.
pub(super) const DEFAULT_FARE: u32 = 200;
pub(super) const LONG_FARE: u32 = 350;
/// How long an entry's amount is held for an exit: so short that it comes about in a few days.
pub(super) const JOURNEY_SECONDS: u64 = 20 * 3_600;
/// So many pseudonyms a card gets a day; when they are used up it shows its own number.
pub(super) const PER_PERIOD: u16 = 4;
/// Later than anything comes in this city.
const LATE_RECORDS_SECONDS: u64 = 30 * 86_400;

const HOLDS: &str = "the city's own names and times are well formed";

pub(super) fn name(text: &str) -> Name {
    Name::parse(text).expect(HOLDS)
}

/// A moment of the city, as a time.
pub(super) fn time(seconds: u64) -> Time {
    Time::new(BEGINS_SECONDS + seconds).expect(HOLDS)
}

/// The operator of a sector.
pub(super) fn operator(sector: Sector) -> Name {
    name(match sector {
        Sector::Transport => "metro",
        Sector::Water => "water",
        Sector::Power => "grid",
    })
}

/// Whose cards are.
pub(super) fn bank() -> Name {
    name("bank")
}

/// A station's reference.
pub(super) const fn station(number: u8) -> [u8; 16] {
    [number; 16]
}

/// The fares: from a station to one of another number it is far.
fn fares() -> FareTable {
    let mut table = FareTable::new(DEFAULT_FARE);
    for (from, to) in [(1, 2), (2, 1)] {
        table.set(operator(Sector::Transport), station(from), station(to), LONG_FARE);
    }
    table
}

/// The service's clock; it stands still until it is set.
pub(super) struct CityClock(AtomicU64);

impl Clock for CityClock {
    fn now(&self) -> Time {
        time(self.0.load(Ordering::SeqCst))
    }
}

/// The secret of the first authority, or of its successor.
pub(super) fn secret<S: Suite>(generation: u8) -> AuthoritySecret<S> {
    AuthoritySecret::generate(&mut ChaCha20Rng::seed_from_u64(1 + u64::from(generation)))
}

/// An authority, which is the same in every city: a matrix of 1,024 points takes longer to make than a day to live.
fn authority<S: Suite>(generation: u8) -> Result<Arc<AuthorityKeys<S>>> {
    type Made = BTreeMap<(u8, u8), Arc<dyn Any + Send + Sync>>;
    static MADE: RwLock<Made> = RwLock::new(BTreeMap::new());
    let mut made = MADE.write().unwrap_or_else(PoisonError::into_inner);
    let place = (S::ID as u8, generation);
    if let Some(keys) = made.get(&place).and_then(|keys| Arc::clone(keys).downcast().ok()) {
        return Ok(keys);
    }
    let called = name(if generation == 0 { "city" } else { "next-city" });
    let keys = AuthorityKeys::establish(secret(generation), time(0), &called).context("cannot found the authority")?;
    made.insert(place, Arc::<AuthorityKeys<S>>::clone(&keys));
    Ok(keys)
}

fn policy() -> Policy {
    let at_once = Batching { items: 1, delay_seconds: 0 };
    let price =
        VoucherPrice { operator: operator(Sector::Power), sector: Sector::Power, currency: CURRENCY, per_thousand: 50 };
    Policy {
        journey_seconds: JOURNEY_SECONDS,
        pseudonyms: PseudonymPolicy {
            per_period: PER_PERIOD,
            mixing: at_once,
            mixing_ahead: at_once,
            late_records_seconds: LATE_RECORDS_SECONDS,
            ..PseudonymPolicy::default()
        },
        vouchers: VoucherPolicy { prices: vec![price], ..VoucherPolicy::default() },
        ..Policy::default()
    }
}

fn sealing() -> SealingSecret {
    SealingSecret::from_bytes(&[5; 32])
}

/// The roles on their open stores.
pub(super) struct Roles<S: Suite> {
    pub(super) attester: Attester<S, SqliteStore>,
    pub(super) cards: Cards<SqliteStore>,
    pub(super) bundles: Bundles<S, SqliteStore>,
    pub(super) vouchers: Vouchers<S, SqliteStore>,
    pub(super) exchange: Exchange<S, SqliteStore>,
    pub(super) ledger: Ledger<SqliteStore>,
    clearing: Clearing<SqliteStore>,
    issuer: Issuer<S, SqliteStore>,
    linkage: [Linkage<SqliteStore>; 2],
    enrolment: Enrolment<S, SqliteStore>,
    pub(super) terminals: Terminals<SqliteStore>,
}

/// The service.
pub(super) struct Town<S: Suite> {
    folder: TempDir,
    clock: Arc<CityClock>,
    pub(super) keys: Arc<AuthorityKeys<S>>,
    pub(super) issuance: Arc<Issuance>,
    pub(super) lines: Arc<Lines>,
    /// Of each role, and last that of those who enrol.
    entropy: [Arc<Seeded>; 7],
    roles: Option<Roles<S>>,
    requests: u128,
}

impl<S: Suite> Town<S> {
    /// The service of the first authority, or of the one that follows it; it has nothing yet.
    pub(super) fn new(seed: u64, generation: u8, tampering: Option<Tampering>) -> Result<Self> {
        let pseudonyms = policy().pseudonyms;
        let issuance =
            Issuance::new(pseudonyms.boundary, pseudonyms.per_period, *sealing().public(), pseudonyms.profiles);
        // Power cuts of the service's own disk are tried elsewhere: here its files may lie in memory.
        let in_memory = Path::new("/dev/shm");
        let mut builder = tempfile::Builder::new();
        builder.prefix("symbolon-sim-");
        let folder = if in_memory.is_dir() { builder.tempdir_in(in_memory) } else { builder.tempdir() };
        let mut town = Self {
            folder: folder.context("cannot make a folder for the city's databases")?,
            clock: Arc::new(CityClock(AtomicU64::new(0))),
            keys: authority(generation)?,
            issuance: Arc::new(issuance.context("the city's policy for pseudonyms")?),
            lines: Arc::new(Lines::new(seed, generation, tampering)),
            entropy: [0, 1, 2, 3, 4, 5, 6].map(|role| Arc::new(Seeded::new(seed, 7 * u64::from(generation) + role))),
            roles: None,
            requests: 0,
        };
        town.reopen()?;
        Ok(town)
    }

    /// Lets go of all stores without a word and opens them again, as a service that was killed and started.
    pub(super) fn reopen(&mut self) -> Result<()> {
        self.roles = None;
        let [of_attester, of_clearing, of_exchange, of_issuer, of_a, of_b, _] = &self.entropy;
        let open = |file: &str, entropy: &Arc<Seeded>| -> Result<Context<SqliteStore>> {
            let store = SqliteStore::open(self.folder.path().join(file))?;
            Ok(Context::new(store, self.clock.clone(), entropy.clone(), policy()))
        };
        let [with_clearing, with_a, with_b] = [1, 2, 3].map(|byte| PairwiseKey::from_bytes([byte; 32]));
        let trace = || Zeroizing::new([4; 32]);
        let keys = || Arc::clone(&self.keys);
        let (context, ledger) = (open("attester.db", of_attester)?, open("clearing.db", of_clearing)?);
        let clearing = Clearing::new(ledger.clone(), ClearingKeys { attester: with_clearing.clone(), trace: trace() });
        let over_line =
            || -> Arc<dyn ClearingLink> { Arc::new(Wired { lines: Arc::clone(&self.lines), to: clearing.clone() }) };
        let registry =
            Wired { lines: Arc::clone(&self.lines), to: Registry::new(context.clone(), with_clearing.clone()) };
        let exchange =
            Exchange::new(open("exchange.db", of_exchange)?, keys(), fares(), Arc::new(registry), over_line());
        let issuer_keys = IssuerKeys { sealing: sealing(), linkage: [with_a.clone(), with_b.clone()], trace: trace() };
        let issuer =
            Issuer::new(open("issuer.db", of_issuer)?, keys(), issuer_keys, over_line(), Arc::new(exchange.clone()));
        let a = Linkage::new(open("linkage-a.db", of_a)?, LinkageAuthority::A, with_a);
        let b = Linkage::new(open("linkage-b.db", of_b)?, LinkageAuthority::B, with_b);
        let links = Links {
            issuer: Arc::new(issuer.clone()),
            linkage: [Arc::new(a.clone()), Arc::new(b.clone())],
            clearing: over_line(),
        };
        let attester_keys = AttesterKeys { clearing: with_clearing };
        let activation_key = self.keys.activation_key().clone();
        self.roles = Some(Roles {
            attester: Attester::new(context.clone(), keys(), attester_keys, Arc::clone(&self.issuance), links),
            cards: Cards::new(context.clone(), activation_key.clone(), over_line()),
            bundles: Bundles::new(context.clone(), keys(), Some(Arc::clone(&self.issuance))),
            vouchers: Vouchers::new(context.clone(), keys(), over_line()),
            enrolment: Enrolment::new(context.clone(), keys()),
            terminals: Terminals::new(context, activation_key),
            ledger: Ledger::new(ledger),
            linkage: [a, b],
            clearing,
            exchange,
            issuer,
        });
        Ok(())
    }

    /// The use cases.
    pub(super) fn roles(&self) -> &Roles<S> {
        self.roles.as_ref().expect("the stores were opened")
    }

    /// Sets the service's clock: seconds since the city began.
    pub(super) fn set_clock(&self, seconds: u64) {
        self.clock.0.store(seconds, Ordering::SeqCst);
    }

    /// Now, by the service's clock.
    pub(super) fn now(&self) -> Time {
        self.clock.now()
    }

    /// A request of its own.
    pub(super) fn request(&mut self) -> Request {
        self.requests += 1;
        let key = RequestKey { principal: "bank".to_owned(), method: "sim", id: self.requests.to_be_bytes() };
        Request { key, digest: [1; 32] }
    }

    fn random<const N: usize>(&self) -> [u8; N] {
        let mut bytes = [0; N];
        self.entropy[6].fill(&mut bytes);
        bytes
    }

    /// Trades an activation code for a key.
    async fn enrol(&self, code: &str) -> Result<SigningKey<S>> {
        let roles = self.roles();
        let offered = roles.enrolment.begin(code).await?;
        let holder = EnrolmentKey::<S>::generate(&mut ChaCha20Rng::from_seed(self.random()));
        let message = PossessionMessage::Offer(&offered.offer);
        let possession = holder
            .prove_possession(self.keys.id(), message, &self.random())
            .map_err(|error| anyhow!("a possession is not proved: {error}"))?;
        let enrolled = roles.enrolment.complete(*offered.offer.nonce(), *holder.point(), possession, None).await?;
        let identity = offered.offer.identity();
        holder
            .complete(self.keys.authority(), identity, &enrolled.credential, enrolled.contribution.as_bytes())
            .map_err(|error| anyhow!("a credential does not fit: {error}"))
    }

    /// A card, enrolled, with so much money on its account.
    pub(super) async fn card(&mut self, money: u32) -> Result<(CardRecord, SigningKey<S>)> {
        let new = NewCard {
            sectors: Sectors::ALL,
            tariff: 0,
            spend_limit: SPEND_LIMIT,
            budget: BUDGET,
            currency: CURRENCY,
            not_before: None,
            not_after: None,
            account: None,
            holder_key: None,
        };
        let request = self.request();
        let created = self.roles().cards.create(request, &bank(), new).await?;
        let (account, request) = (created.record.account.clone(), self.request());
        self.roles().ledger.top_up(request, &bank(), account, money).await?;
        let key = self.enrol(&created.activation_code.expose()).await?;
        Ok((created.record, key))
    }

    /// A terminal of a sector's operator, enrolled.
    pub(super) async fn terminal(&mut self, sector: Sector, number: u64) -> Result<(TerminalRecord, SigningKey<S>)> {
        let new = NewTerminal {
            number: Some(number),
            sectors: sector.into(),
            currency: CURRENCY,
            not_before: None,
            not_after: None,
        };
        let request = self.request();
        let created = self.roles().terminals.create(request, &operator(sector), new).await?;
        let key = self.enrol(&created.activation_code.expose()).await?;
        Ok((created.record, key))
    }

    /// What every role does by itself now and then. That another role did not answer is no failure.
    pub(super) async fn chores(&self) -> Result<(), ServiceError> {
        let (roles, now) = (self.roles(), self.now());
        let outcomes = [
            roles.attester.tend().await,
            roles.vouchers.tend().await,
            roles.issuer.deliver().await,
            roles.exchange.deliver(now).await,
            roles.cards.expire_run_out(100).await.map(drop),
            roles.issuer.forget_old(now).await.map(drop),
            roles.linkage[0].advance(now).await.map(drop),
            roles.linkage[1].advance(now).await.map(drop),
            roles.clearing.forget_old(now).await.map(drop),
            roles.exchange.close_held_journeys(now).await.map(drop),
            roles.exchange.forget_old(now).await.map(drop),
            roles.bundles.newest().await.map(drop),
        ];
        let failed =
            |outcome: &Result<(), ServiceError>| !matches!(outcome, Ok(()) | Err(ServiceError::RoleUnavailable(_)));
        outcomes.into_iter().find(failed).unwrap_or(Ok(()))
    }

    /// Does by hand to the databases what a test asks for.
    pub(super) fn tamper(&self, tampering: Option<Tampering>) -> Result<()> {
        let (file, statements) = match tampering {
            Some(Tampering::ChangeAmount) => {
                ("clearing.db", "UPDATE postings SET amount = amount + 7 WHERE sequence = 1")
            }
            Some(Tampering::ForgetProofs) => ("exchange.db", "DELETE FROM misuse_operators; DELETE FROM misuse"),
            _ => return Ok(()),
        };
        let connection = rusqlite::Connection::open(self.folder.path().join(file))?;
        connection.execute_batch("PRAGMA foreign_keys = OFF")?;
        let mut triggers = connection.prepare("SELECT name FROM sqlite_master WHERE type = 'trigger'")?;
        let names = triggers.query_map([], |row| row.get::<_, String>(0))?.collect::<Result<Vec<_>, _>>()?;
        names.iter().try_for_each(|trigger| connection.execute_batch(&format!("DROP TRIGGER {trigger}")))?;
        Ok(connection.execute_batch(statements)?)
    }

    /// Has everything that waits passed on, while nothing gets lost.
    pub(super) async fn settle_down(&self) -> Result<()> {
        self.chores().await?;
        self.roles().exchange.deliver_all(self.now()).await?;
        let counts = self.roles().exchange.counts().await?;
        ensure!(counts.waiting_charges.count == 0, "charges wait though all were to be passed on");
        Ok(())
    }
}
