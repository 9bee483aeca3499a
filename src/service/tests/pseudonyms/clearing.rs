//! Clearing, by itself: a store, a clock that tests set, and the keys that it shares with the other roles.

mod accounts;
mod binding;
mod cases;
mod exporting;
mod keeping;
mod model;
mod posting;
mod reserving;
mod vouchers;

use std::{
    collections::BTreeMap,
    path::PathBuf,
    sync::{Arc, atomic::Ordering},
};

use symbolon_ccks::{Name, Period, PeriodBoundary, Subject, Time};
use symbolon_pseudonym::{AccountHandle, ClearingTag, PairwiseKey, TagUse};
use symbolon_service::{
    Context, Entropy as _, Policy, Request, ServiceError,
    clearing::{Clearing, ClearingKeys},
    ledger::Ledger,
    links::{Binding, ClearingLink as _, Party, Reservation},
};
use symbolon_store::{
    Page, SqliteStore,
    records::{AccountName, RequestKey},
};
use zeroize::Zeroizing;

use crate::time_and_chance::{START, Seeded, TestClock};

const CURRENCY: u16 = 156;
const ALL: Page = Page { after: 0, limit: 1000 };
const DAY: u64 = 86_400;
const TRACE_KEY: [u8; 32] = [0x77; 32];

/// A clearing house with the ledger on its store.
struct House {
    folder: tempfile::TempDir,
    clock: Arc<TestClock>,
    entropy: Arc<Seeded>,
    open: Option<(Clearing<SqliteStore>, Ledger<SqliteStore>)>,
}

impl House {
    fn new() -> Self {
        let clock = TestClock::at(START);
        let entropy = Seeded::new(11);
        let mut house = Self { folder: tempfile::tempdir().unwrap(), clock, entropy, open: None };
        house.reopen();
        house
    }

    fn path(&self) -> PathBuf {
        self.folder.path().join("clearing.db")
    }

    /// Lets go of the store without a word and opens it again.
    fn reopen(&mut self) {
        self.open = None;
        let store = SqliteStore::open(self.path()).unwrap();
        let context = Context::new(store, self.clock.clone(), self.entropy.clone(), Policy::default());
        let keys = ClearingKeys { attester: attester_key(), trace: Zeroizing::new(TRACE_KEY) };
        self.open = Some((Clearing::new(context.clone(), keys), Ledger::new(context)));
    }

    fn clearing(&self) -> &Clearing<SqliteStore> {
        &self.open.as_ref().unwrap().0
    }

    fn ledger(&self) -> &Ledger<SqliteStore> {
        &self.open.as_ref().unwrap().1
    }

    /// Sets the clock so many seconds after the start.
    fn set(&self, after_start: u64) {
        self.clock.0.store(START + after_start, Ordering::SeqCst);
    }

    fn random<const N: usize>(&self) -> [u8; N] {
        let mut bytes = [0; N];
        self.entropy.fill(&mut bytes);
        bytes
    }

    /// A holder's account with money in it.
    async fn account(&self, amount: u32) -> AccountHandle {
        let handle = AccountHandle::from_bytes(self.random());
        self.clearing().open_account(handle, name("issuer"), CURRENCY).await.unwrap();
        if amount > 0 {
            let key = RequestKey { principal: "issuer".to_owned(), method: "test", id: self.random() };
            let request = Request { key, digest: [1; 32] };
            self.ledger().top_up(request, &name("issuer"), account_name(&handle), amount).await.unwrap();
        }
        handle
    }

    /// A tag for a pseudonym of this account.
    fn tag(&self, account: &AccountHandle, period: Period) -> ClearingTag {
        ClearingTag::seal(account, TagUse::Pseudonym(period), &attester_key(), self.random())
    }

    fn binding(&self, account: &AccountHandle, period: Period) -> Binding {
        Binding { subject: Subject::from_bytes(self.random()), period, tag: self.tag(account, period) }
    }

    async fn reserve(&self, account: &AccountHandle, count: u16) -> Result<[u8; 16], ServiceError> {
        let reservation = self.reservation(account, count);
        let id = reservation.id;
        self.clearing().reserve(reservation).await.map(|()| id)
    }

    /// So many pseudonyms of today, 100 each.
    fn reservation(&self, account: &AccountHandle, count: u16) -> Reservation {
        Reservation {
            id: self.random(),
            account: *account,
            period: today(),
            count,
            budget: 100,
            line: 0,
            currency: CURRENCY,
            until: end(),
        }
    }

    /// A pseudonym of today that is bound to this account, and reserved for.
    async fn pseudonym(&self, account: &AccountHandle) -> Subject {
        self.reserve(account, 1).await.unwrap();
        let binding = self.binding(account, today());
        let subject = binding.subject;
        assert_eq!(self.clearing().bind(vec![binding]).await.unwrap(), [true]);
        subject
    }

    /// Every account's balance; checks the ledger on the way.
    async fn balances(&self) -> BTreeMap<String, i64> {
        let audit = self.ledger().check().await.unwrap();
        assert_eq!((audit.sum, audit.problems), (0, Vec::new()));
        let accounts = self.ledger().accounts(None, ALL).await.unwrap();
        accounts.into_iter().map(|account| (account.record.name.to_string(), account.record.balance)).collect()
    }

    async fn balance(&self, account: &AccountHandle) -> i64 {
        self.balances().await[account_name(account).as_str()]
    }
}

fn attester_key() -> PairwiseKey {
    PairwiseKey::from_bytes([0x33; 32])
}

fn name(text: &str) -> Name {
    Name::parse(text).unwrap()
}

fn account_name(account: &AccountHandle) -> AccountName {
    AccountName::holder(*account.as_bytes())
}

fn operator(text: &str) -> Party {
    Party::Operator(name(text))
}

fn today() -> Period {
    Period::at(Time::new(START).unwrap(), PeriodBoundary::DEFAULT).unwrap()
}

/// When what is set aside today is free again, some three days after it expired.
fn end() -> Time {
    today().expiry(PeriodBoundary::DEFAULT).saturating_add(3 * DAY)
}

fn seconds_to_end() -> u64 {
    end().seconds() - START
}
