//! The service of a city, over a real database, without the network: what settles, and what counts institutions.

use crate::city::{City, Holder, NOON, TestSuite};
use rand_chacha::{
    ChaCha20Rng,
    rand_core::{Rng, SeedableRng},
};
use std::sync::{Arc, Mutex};
use symbolon_ccks::{AuthoritySecret, EnrolmentKey, Issued, Name, PossessionMessage, Sectors, Subject, Suite, Time};
use symbolon_pseudonym::PairwiseKey;
use symbolon_service::{
    Clock, Context, Entropy, Policy, Request,
    attester::Registry,
    authority::AuthorityKeys,
    cards::{Cards, NewCard},
    clearing::{Clearing, ClearingKeys},
    enrolment::Enrolment,
    exchange::{Exchange, FareTable, RecordOutcome, UploadAnswer},
    institutions::Institutions,
    ledger::Ledger,
    terminals::{NewTerminal, Terminals},
};
use symbolon_store::{
    SqliteStore,
    records::{AccountName, RequestKey},
};
use symbolon_tap::{Record, encode_upload};
use tempfile::TempDir;

/// What a card may spend in all.
pub(crate) const BUDGET: u32 = 2_000;

struct Noon;

impl Clock for Noon {
    fn now(&self) -> Time {
        Time::new(NOON).unwrap()
    }
}

struct Seeded(Mutex<ChaCha20Rng>);

impl Entropy for Seeded {
    fn fill(&self, bytes: &mut [u8]) {
        self.0.lock().unwrap().fill_bytes(bytes);
    }
}

/// The roles of one authority, each on a database of its own.
pub(crate) struct Bureau<S: Suite> {
    pub(crate) institutions: Institutions<S, SqliteStore>,
    pub(crate) exchange: Exchange<S, SqliteStore>,
    pub(crate) ledger: Ledger<SqliteStore>,
    cards: Cards<SqliteStore>,
    terminals: Terminals<SqliteStore>,
    enrolment: Enrolment<S, SqliteStore>,
    requests: Mutex<u8>,
    uploads: Mutex<u32>,
    _folder: TempDir,
}

/// Runs a test against a service of its own.
pub(crate) fn with_bureau<S: TestSuite>(test: impl AsyncFnOnce(&City<S>, &Bureau<S>)) {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let city = S::city();
    runtime.block_on(test(city, &Bureau::open(city)));
}

fn operator() -> Name {
    Name::parse("metro").unwrap()
}

fn issuer() -> Name {
    Name::parse("city-card").unwrap()
}

impl<S: TestSuite> Bureau<S> {
    fn open(city: &City<S>) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let entropy = Arc::new(Seeded(Mutex::new(ChaCha20Rng::seed_from_u64(3))));
        let open = |file| {
            let store = SqliteStore::open(folder.path().join(file)).unwrap();
            Context::new(store, Arc::new(Noon), entropy.clone(), Policy::default())
        };
        let (context, of_clearing) = (open("attester.db"), open("clearing.db"));
        let secret = AuthoritySecret::<S>::from_bytes(&city.secret.to_bytes()).unwrap();
        let keys = AuthorityKeys::establish(secret, city.authority.created(), city.authority.name()).unwrap();
        assert_eq!(keys.id(), city.authority.id());
        let key = PairwiseKey::from_bytes([9; 32]);
        let registry = Arc::new(Registry::new(context.clone(), key.clone()));
        let role_keys = ClearingKeys { attester: key, trace: [8; 32].into() };
        let clearing = Arc::new(Clearing::new(of_clearing.clone(), role_keys));
        Self {
            institutions: Institutions::new(context.clone(), keys.clone()),
            exchange: Exchange::new(open("exchange.db"), keys.clone(), FareTable::new(100), registry, clearing.clone()),
            ledger: Ledger::new(of_clearing),
            cards: Cards::new(context.clone(), keys.activation_key().clone(), clearing),
            terminals: Terminals::new(context.clone(), keys.activation_key().clone()),
            enrolment: Enrolment::new(context, keys),
            requests: Mutex::new(0),
            uploads: Mutex::new(0),
            _folder: folder,
        }
    }

    fn request(&self) -> Request {
        let mut requests = self.requests.lock().unwrap();
        *requests += 1;
        let key = RequestKey { principal: "test".into(), method: "test", id: [*requests; 16] };
        Request { key, digest: [*requests; 32] }
    }

    /// A card that was issued as cards are, and the account that pays for it.
    pub(crate) async fn card(&self, city: &City<S>) -> (Holder<S>, AccountName) {
        let new = NewCard {
            sectors: Sectors::ALL,
            tariff: 0,
            spend_limit: 500,
            budget: BUDGET,
            currency: 156,
            not_before: Some(Time::new(NOON - 86_400).unwrap()),
            not_after: Some(Time::new(NOON + 86_400).unwrap()),
            account: None,
            holder_key: None,
        };
        let created = self.cards.create(self.request(), &issuer(), new).await.unwrap();
        let account = created.record.account.clone();
        (self.enrol(city, &created.activation_code.expose(), &created.record.number).await, account)
    }

    /// A terminal that was issued as terminals are.
    pub(crate) async fn terminal(&self, city: &City<S>) -> Holder<S> {
        let new = NewTerminal {
            number: None,
            sectors: Sectors::ALL,
            currency: 156,
            not_before: Some(Time::new(NOON - 86_400).unwrap()),
            not_after: Some(Time::new(NOON + 86_400).unwrap()),
        };
        let created = self.terminals.create(self.request(), &operator(), new).await.unwrap();
        self.enrol(city, &created.activation_code.expose(), &created.record.subject).await
    }

    async fn enrol(&self, city: &City<S>, code: &str, subject: &Subject) -> Holder<S> {
        let offer = self.enrolment.begin(code).await.unwrap().offer;
        assert_eq!(offer.identity().subject(), *subject);
        let seed = u64::from_be_bytes(subject.as_bytes()[8..].try_into().unwrap());
        let enrolment = EnrolmentKey::<S>::generate(&mut ChaCha20Rng::seed_from_u64(seed));
        let message = PossessionMessage::Offer(&offer);
        let possession = enrolment.prove_possession(city.authority.id(), message, &[1; 32]).unwrap();
        let enrolled = self.enrolment.complete(*offer.nonce(), *enrolment.point(), possession, None).await.unwrap();
        let (identity, s) = (offer.identity(), enrolled.contribution.as_bytes());
        let key = enrolment.complete(&city.authority, identity, &enrolled.credential, s).unwrap();
        let issued = Issued { credential: enrolled.credential, contribution: enrolled.contribution };
        Holder { key, enrolment, issued }
    }

    /// Uploads records and tells what became of each.
    pub(crate) async fn upload(&self, terminal: &Holder<S>, records: &[Record]) -> Vec<RecordOutcome> {
        self.answer(terminal, records).await.outcomes().to_vec()
    }

    async fn answer(&self, terminal: &Holder<S>, records: &[Record]) -> UploadAnswer {
        let number = {
            let mut uploads = self.uploads.lock().unwrap();
            *uploads += 1;
            *uploads
        };
        let upload = encode_upload(&terminal.key, number, records, None, &[6; 32]).unwrap();
        self.exchange.upload(upload).await.unwrap().answer
    }

    /// What is on an account, minor units, after the whole ledger was recounted and found to sum to zero.
    pub(crate) async fn balance(&self, account: &AccountName) -> i64 {
        let audit = self.ledger.check().await.unwrap();
        assert_eq!((audit.sum, audit.problems), (0, Vec::new()));
        self.ledger.account(None, account.clone()).await.unwrap().balance
    }

    /// The account of the operator whose the terminals are.
    pub(crate) fn operator_account(&self) -> AccountName {
        AccountName::operator(&operator(), 156)
    }
}
