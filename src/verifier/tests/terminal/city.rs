//! An authority with holders, and a terminal's device in memory.

use std::cell::Cell;
use std::collections::BTreeMap;
use std::rc::Rc;
use std::sync::LazyLock;

use rand_chacha::ChaCha20Rng;
use rand_chacha::rand_core::SeedableRng;
use symbolon_ccks::*;
use symbolon_tap::{BundleContent, BundleFields, Challenge, Kind, Presentation, SelectResponse, encode_bundle};
use symbolon_verifier::{
    Asked, BundleMark, Clock, Devices, Domain, Entry, Policy, Request, Seen, Storage, StorageError, Terminal, Verdict,
    VoucherWindow,
};

use crate::issuing::issue;

/// The time at which most tests begin.
pub(crate) const NOON: u64 = 1_800_000_000;

pub(crate) fn time(seconds: u64) -> Time {
    Time::new(seconds).unwrap()
}

/// An authority and some keys under it.
pub(crate) struct City<S: Suite> {
    pub(crate) secret: AuthoritySecret<S>,
    pub(crate) authority: Authority<'static, S>,
}

impl<S: Suite> City<S> {
    fn new(seed: u64, name: &str) -> Self {
        let secret = AuthoritySecret::generate(&mut ChaCha20Rng::seed_from_u64(seed));
        let parameters = secret.parameters(time(NOON), &Name::parse(name).unwrap());
        let authority = Authority::parse(&parameters).unwrap();
        Self { secret, authority }
    }

    /// A card for all sectors: 500 a tap, valid for 1,000 seconds around noon.
    pub(crate) fn card_fields(&self) -> IdentityFields {
        IdentityFields {
            suite: S::ID,
            class: Class::Card,
            sectors: Sectors::ALL,
            authority_prefix: self.authority.id().prefix(),
            subject: Subject::from_bytes([7; 16]),
            not_before: time(NOON - 1_000),
            not_after: time(NOON + 1_000),
            spend_limit: 500,
            budget: 5_000,
            currency: 156,
            tariff: 0,
        }
    }

    /// A gate for transport and water.
    pub(crate) fn gate_fields(&self) -> IdentityFields {
        IdentityFields {
            class: Class::Terminal,
            sectors: Sectors::from(Sector::Transport) | Sectors::from(Sector::Water),
            subject: Subject::terminal(&Name::parse("metro").unwrap(), [1; 8]),
            spend_limit: 0,
            budget: 0,
            not_after: time(NOON + 1_000_000),
            ..self.card_fields()
        }
    }

    pub(crate) fn key(&self, fields: IdentityFields) -> SigningKey<S> {
        issue(&self.secret, &self.authority, fields)
    }

    pub(crate) fn card(&self) -> SigningKey<S> {
        self.key(self.card_fields())
    }

    pub(crate) fn gate(&self) -> SigningKey<S> {
        self.key(self.gate_fields())
    }

    pub(crate) fn select(&self, tariff: u8) -> [u8; SelectResponse::SIZE] {
        *SelectResponse::new(S::ID, tariff, self.authority.id().prefix(), [5; 8]).as_bytes()
    }
}

pub(crate) trait TestSuite: Suite {
    fn city() -> &'static City<Self>;
    fn elsewhere() -> &'static City<Self>;
    fn another() -> &'static City<Self>;
}

static P256_CITY: LazyLock<City<P256>> = LazyLock::new(|| City::new(1, "beijing"));
static P256_ELSEWHERE: LazyLock<City<P256>> = LazyLock::new(|| City::new(2, "tianjin"));
static P256_ANOTHER: LazyLock<City<P256>> = LazyLock::new(|| City::new(3, "baoding"));
static SECP256K1_CITY: LazyLock<City<Secp256k1>> = LazyLock::new(|| City::new(1, "beijing"));
static SECP256K1_ELSEWHERE: LazyLock<City<Secp256k1>> = LazyLock::new(|| City::new(2, "tianjin"));
static SECP256K1_ANOTHER: LazyLock<City<Secp256k1>> = LazyLock::new(|| City::new(3, "baoding"));

impl TestSuite for P256 {
    fn city() -> &'static City<Self> {
        &P256_CITY
    }
    fn elsewhere() -> &'static City<Self> {
        &P256_ELSEWHERE
    }
    fn another() -> &'static City<Self> {
        &P256_ANOTHER
    }
}

impl TestSuite for Secp256k1 {
    fn city() -> &'static City<Self> {
        &SECP256K1_CITY
    }
    fn elsewhere() -> &'static City<Self> {
        &SECP256K1_ELSEWHERE
    }
    fn another() -> &'static City<Self> {
        &SECP256K1_ANOTHER
    }
}

/// A clock that the test sets.
#[derive(Clone)]
pub(crate) struct TestClock(Rc<Cell<u64>>);

impl TestClock {
    pub(crate) fn at(seconds: u64) -> Self {
        Self(Rc::new(Cell::new(seconds)))
    }

    pub(crate) fn set(&self, seconds: u64) {
        self.0.set(seconds);
    }
}

impl Clock for TestClock {
    fn now(&self) -> Time {
        time(self.0.get())
    }
}

/// Storage in memory, of a size that the test sets.
#[derive(Default)]
pub(crate) struct TestStorage {
    pub(crate) journal: Vec<Entry>,
    pub(crate) room: usize,
    pub(crate) nonces: u32,
    pub(crate) vouchers: VoucherWindow,
    pub(crate) marks: BTreeMap<AuthorityId, BundleMark>,
    pub(crate) keeps_marks: bool,
    pub(crate) floor: Option<Time>,
}

impl TestStorage {
    pub(crate) fn with_room(room: usize) -> Self {
        Self { room, keeps_marks: true, ..Self::default() }
    }
}

impl Storage for TestStorage {
    fn next_nonce_number(&mut self) -> Result<u32, StorageError> {
        self.nonces = self.nonces.checked_add(1).ok_or(StorageError::Full)?;
        Ok(self.nonces)
    }

    fn append(&mut self, entry: &Entry) -> Result<(), StorageError> {
        if self.journal.len() == self.room {
            return Err(StorageError::Full);
        }
        self.journal.push(*entry);
        assert!(entry.voucher().is_none_or(|voucher| self.vouchers.take(&voucher)), "a voucher is taken twice");
        Ok(())
    }

    fn find(&mut self, credential: &CredentialDigest, counter: u32) -> Result<Option<Entry>, StorageError> {
        let is_it = |entry: &&Entry| {
            let presentation = entry.record().presentation();
            presentation.counter() == counter && presentation.holder().digest() == *credential
        };
        Ok(self.journal.iter().find(is_it).copied())
    }

    fn vouchers(&self) -> VoucherWindow {
        self.vouchers
    }

    fn bundle_mark(&self, authority: &AuthorityId) -> Option<BundleMark> {
        self.marks.get(authority).copied()
    }

    fn keep_bundle_mark(&mut self, authority: &AuthorityId, mark: BundleMark) -> Result<(), StorageError> {
        if !self.keeps_marks {
            return Err(StorageError::Failed);
        }
        self.marks.insert(*authority, mark);
        Ok(())
    }

    fn clock_floor(&self) -> Option<Time> {
        self.floor
    }

    fn raise_clock_floor(&mut self, floor: Time) -> Result<(), StorageError> {
        self.floor = self.floor.max(Some(floor));
        Ok(())
    }
}

pub(crate) type TestTerminal<'a, S> = Terminal<'a, S, TestClock, ChaCha20Rng, TestStorage>;

pub(crate) fn terminal<'a, S: TestSuite>(
    key: &'a SigningKey<S>,
    policy: Policy,
    clock: &TestClock,
    memory: &'a mut [Seen],
) -> TestTerminal<'a, S> {
    let devices =
        Devices { clock: clock.clone(), random: ChaCha20Rng::seed_from_u64(3), storage: TestStorage::with_room(100) };
    Terminal::new(Domain::new(&S::city().authority, key).unwrap(), policy, devices, memory)
}

pub(crate) fn request(kind: Kind, amount: u32) -> Request {
    Request { kind, sector: Sector::Transport, amount, reference: [4; 16] }
}

/// What an honest card answers.
pub(crate) fn answer<S: Suite>(card: &SigningKey<S>, asked: &Asked, counter: u32) -> Presentation {
    answer_to(card, asked.challenge(), counter)
}

pub(crate) fn answer_to<S: Suite>(card: &SigningKey<S>, challenge: &Challenge, counter: u32) -> Presentation {
    let terminal = challenge.terminal().digest();
    Presentation::sign(card, challenge.terms(), &terminal, counter, &[6; 32]).unwrap()
}

/// A whole tap by a holder that checks nothing.
pub(crate) fn tap<S: TestSuite>(
    terminal: &mut TestTerminal<'_, S>,
    holder: &SigningKey<S>,
    request: &Request,
    counter: u32,
) -> Verdict {
    let identity = *holder.credential().unwrap().identity();
    let select = SelectResponse::new(S::ID, identity.tariff(), identity.authority_prefix(), [5; 8]);
    let asked = terminal.challenge(select.as_bytes(), request).unwrap();
    let answered = answer(holder, &asked, counter);
    terminal.decide(asked, answered.as_bytes())
}

/// A bundle's fields: issued at noon, good for ten days.
pub(crate) fn bundle_fields(sequence: u64) -> BundleFields {
    BundleFields {
        sectors: Sectors::ALL,
        sequence,
        issued_at: time(NOON),
        valid_until: time(NOON + 864_000),
        oldest_not_before: time(0),
        part: 0,
        parts: 1,
    }
}

pub(crate) fn bundle_with<S: Suite>(city: &City<S>, fields: &BundleFields, content: &BundleContent<'_>) -> Vec<u8> {
    let key = city.secret.institution_key(&city.authority, city.authority.name());
    encode_bundle(&key, fields, content, &[1; 32]).unwrap()
}
