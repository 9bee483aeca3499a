//! A terminal to attack, and a card that answers it, each with as little as it takes.

use crate::city::{City, Holder, NOON, TestSuite};
use std::convert::Infallible;
use symbolon_ccks::{AuthorityId, Class, Credential, CredentialDigest, Sector, Suite, Time};
use symbolon_tap::{Challenge, Kind, Presentation, Record, SelectResponse};
use symbolon_verifier::{
    BundleMark, Devices, Domain, Entry, Policy, Request, Seen, Storage, StorageError, Terminal, VoucherWindow,
};

/// A device whose storage is memory.
#[derive(Default)]
pub(crate) struct Memory {
    next_number: u32,
    pub(crate) journal: Vec<Record>,
    mark: Option<BundleMark>,
    floor: Option<Time>,
}

impl Storage for Memory {
    fn next_nonce_number(&mut self) -> Result<u32, StorageError> {
        self.next_number += 1;
        Ok(self.next_number)
    }

    fn append(&mut self, entry: &Entry) -> Result<(), StorageError> {
        self.journal.push(*entry.record());
        Ok(())
    }

    fn find(&mut self, credential: &CredentialDigest, counter: u32) -> Result<Option<Entry>, StorageError> {
        let is_it = |record: &&Record| {
            let presentation = record.presentation();
            presentation.counter() == counter && presentation.holder().digest() == *credential
        };
        Ok(self.journal.iter().find(is_it).map(|record| Entry::new(*record, None)))
    }

    fn vouchers(&self) -> VoucherWindow {
        VoucherWindow::default()
    }

    fn bundle_mark(&self, _: &AuthorityId) -> Option<BundleMark> {
        self.mark
    }

    fn keep_bundle_mark(&mut self, _: &AuthorityId, mark: BundleMark) -> Result<(), StorageError> {
        self.mark = Some(mark);
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

/// A random source that has broken and says the same for ever.
pub(crate) struct Stuck;

impl rand_core::TryRng for Stuck {
    type Error = Infallible;

    fn try_next_u32(&mut self) -> Result<u32, Infallible> {
        Ok(0)
    }

    fn try_next_u64(&mut self) -> Result<u64, Infallible> {
        Ok(0)
    }

    fn try_fill_bytes(&mut self, bytes: &mut [u8]) -> Result<(), Infallible> {
        bytes.fill(0);
        Ok(())
    }
}

impl rand_core::TryCryptoRng for Stuck {}

/// What a test's terminal is made of: a clock that stands at noon, a random source that is stuck, storage in memory.
pub(crate) type TestTerminal<'a, S> = Terminal<'a, S, fn() -> Time, Stuck, &'a mut Memory>;

fn noon() -> Time {
    Time::new(NOON).unwrap()
}

/// A terminal that accepts without a trust bundle, so that nothing but the attack decides.
pub(crate) fn terminal<'a, S: TestSuite>(
    city: &'a City<S>,
    holder: &'a Holder<S>,
    memory: &'a mut Memory,
    seen: &'a mut [Seen],
) -> TestTerminal<'a, S> {
    let devices = Devices { clock: noon as fn() -> Time, random: Stuck, storage: memory };
    let domain = Domain::new(&city.authority, &holder.key).unwrap();
    Terminal::new(domain, Policy::WITHOUT_BUNDLE, devices, seen)
}

pub(crate) fn terminal_key<S: TestSuite>(city: &City<S>, number: u64) -> Holder<S> {
    city.issue(&city.identity(Class::Terminal, number), 1_000 + number)
}

pub(crate) const FARE: Request =
    Request { kind: Kind::Purchase, sector: Sector::Transport, amount: 200, reference: [7; 16] };

/// The first thing that a card says.
pub(crate) fn select<S: Suite>(credential: &Credential, nonce: [u8; 8]) -> SelectResponse {
    let identity = credential.identity();
    SelectResponse::new(S::ID, identity.tariff(), identity.authority_prefix(), nonce)
}

/// The answer of a card that checks nothing: the wallet's checks are attacked elsewhere.
pub(crate) fn answer<S: Suite>(holder: &Holder<S>, challenge: &Challenge, counter: u32) -> Presentation {
    Presentation::sign(&holder.key, challenge.terms(), &challenge.terminal().digest(), counter, &[4; 32]).unwrap()
}
