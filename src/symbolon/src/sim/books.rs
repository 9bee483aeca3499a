//! What must be so: reckoned beside the service, of what cards signed and what arrived, by rules of its own.

use super::{
    device::Device,
    town::{self, DEFAULT_FARE, LONG_FARE},
};
use anyhow::{Context, Result, ensure};
use std::collections::{BTreeMap, BTreeSet};
use symbolon_ccks::{Class, CredentialDigest, Sector, Time};
use symbolon_service::exchange::{Answered, RecordOutcome};
use symbolon_tap::{Kind, Record, Upload, voucher::Unit};
use symbolon_verifier::Storage;

/// A credential and a counter: what is charged at most once.
type Use = (CredentialDigest, u32);
/// A terminal, and the bytes of a record that a card signed for it.
type TapKey = (usize, Vec<u8>);

/// A tap that a card signed.
struct Tap {
    card: usize,
    record: Record,
    /// What a meter credits for it.
    quantity: u32,
    /// Whether the terminal said so.
    is_accepted: bool,
    has_arrived: bool,
}

/// The first record that arrived of a use.
struct First {
    card: usize,
    terminal: usize,
    record: Record,
    /// It was beyond the budget.
    is_misuse: bool,
}

/// What every account must have.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Balances {
    /// What each card pays, minor units.
    pub(super) cards: BTreeMap<usize, i64>,
    /// What each sector's operator gets.
    pub(super) operators: BTreeMap<Sector, i64>,
    /// What is held for journeys.
    pub(super) journeys: i64,
}

/// The simulator's own books.
#[derive(Default)]
pub(super) struct Books {
    taps: BTreeMap<TapKey, Tap>,
    firsts: BTreeMap<Use, First>,
    /// Journeys that ended without an exit.
    ended: BTreeSet<Use>,
    answers: BTreeMap<[u8; 32], Vec<u8>>,
    /// Credentials that were misused, and when the record that shows it arrived, seconds since the city began.
    misused: BTreeMap<CredentialDigest, (u64, Class, usize)>,
}

fn use_of(record: &Record) -> Use {
    (record.presentation().holder().digest(), record.presentation().counter())
}

fn key_of(terminal: usize, record: &Record) -> TapKey {
    (terminal, record.as_bytes().to_vec())
}

impl Books {
    /// A card signed.
    pub(super) fn signed(&mut self, card: usize, terminal: usize, record: &Record, quantity: u32) {
        let tap = Tap { card, record: *record, quantity, is_accepted: false, has_arrived: false };
        self.taps.entry(key_of(terminal, record)).or_insert(tap);
    }

    /// The terminal accepted.
    pub(super) fn accepted(&mut self, terminal: usize, record: &Record) -> Result<()> {
        let tap = self.taps.get_mut(&key_of(terminal, record)).context("a terminal accepted what no card signed")?;
        ensure!(!tap.is_accepted, "a terminal accepted one tap twice");
        tap.is_accepted = true;
        Ok(())
    }

    /// How many taps were accepted, and how many of all that were signed arrived.
    pub(super) fn count(&self) -> (u64, u64) {
        let count = |counted: fn(&Tap) -> bool| self.taps.values().filter(|tap| counted(tap)).count() as u64;
        (count(|tap| tap.is_accepted), count(|tap| tap.has_arrived))
    }

    /// How many credentials were misused.
    pub(super) fn misused(&self) -> &BTreeMap<CredentialDigest, (u64, Class, usize)> {
        &self.misused
    }

    /// Whether a terminal still has every tap that it accepted and that has not arrived, and has credited each voucher
    /// once.
    pub(super) fn check_device(&self, number: usize, device: &Device) -> Result<()> {
        let mut store = device.store()?;
        ensure!(store.breaks()? == 0, "the journal of {} is broken", device.name);
        let (mut least, mut most) = (0, 0);
        let of_device = self.taps.range((number, Vec::new())..(number + 1, Vec::new()));
        for tap in of_device.map(|(_, tap)| tap) {
            let is_sure = tap.is_accepted || tap.has_arrived;
            most += u64::from(tap.quantity);
            least += if is_sure { u64::from(tap.quantity) } else { 0 };
            if tap.is_accepted && !tap.has_arrived {
                let (credential, counter) = use_of(&tap.record);
                let found = store.find(&credential, counter)?;
                let is_there = found.is_some_and(|entry| *entry.record() == tap.record);
                ensure!(is_there, "{} lost a tap that it accepted and that has not arrived", device.name);
            }
        }
        let total = store.vouchers().total(Unit::WattHours);
        ensure!(least <= total && total <= most, "{} credited {total}, and not {least} to {most}", device.name);
        Ok(())
    }

    /// An upload of a terminal was answered.
    pub(super) fn answered(&mut self, now: u64, terminal: usize, bytes: &[u8], answered: &Answered) -> Result<()> {
        let upload = Upload::parse(bytes).context("a terminal made a malformed upload")?;
        let encoded = answered.answer.encode();
        if let Some(before) = self.answers.get(&upload.digest()) {
            ensure!(answered.repeated && *before == encoded, "an upload that came again got another answer");
            return Ok(());
        }
        ensure!(!answered.repeated, "an upload that never came is said to have come before");
        let outcomes = answered.answer.outcomes();
        ensure!(outcomes.len() == upload.records().len(), "an answer has another number of outcomes than records");
        for (record, outcome) in upload.records().iter().zip(outcomes) {
            let record = record.parse().context("a terminal uploaded a malformed record")?;
            let expected = self.arrived(now, terminal, record)?;
            let is_right = match (expected, outcome) {
                (Expected::Settled(amount), RecordOutcome::Settled { amount: told })
                | (Expected::Duplicate(amount), RecordOutcome::Duplicate { amount: told }) => amount == *told,
                (Expected::Misuse, RecordOutcome::Misuse(_)) => true,
                _ => false,
            };
            ensure!(is_right, "a record of counter {} is {outcome:?}, and must be {expected:?}", use_of(record).1);
        }
        self.answers.insert(upload.digest(), encoded);
        Ok(())
    }

    /// What must become of a record.
    fn arrived(&mut self, now: u64, terminal: usize, record: &Record) -> Result<Expected> {
        let tap = self.taps.get_mut(&key_of(terminal, record)).context("a terminal uploaded what no card signed")?;
        tap.has_arrived = true;
        let (card, of) = (tap.card, use_of(record));
        let identity = record.presentation().holder().identity();
        let offence = (now, identity.class(), card);
        if let Some(first) = self.firsts.get(&of) {
            let is_same = first.terminal == terminal && first.record == *record;
            if is_same && !first.is_misuse {
                return Ok(Expected::Duplicate(self.charged(record)));
            }
            self.misused.entry(of.0).or_insert(offence);
            return Ok(Expected::Misuse);
        }
        let is_misuse = self.spent(&of.0) + u64::from(record.terms().spent()) > u64::from(identity.budget());
        self.firsts.insert(of, First { card, terminal, record: *record, is_misuse });
        if is_misuse {
            self.misused.entry(of.0).or_insert(offence);
            return Ok(Expected::Misuse);
        }
        Ok(Expected::Settled(self.charged(record)))
    }

    fn settled(&self, credential: &CredentialDigest) -> impl Iterator<Item = (&Use, &First)> {
        self.firsts.range((*credential, 0)..=(*credential, u32::MAX)).filter(|(_, first)| !first.is_misuse)
    }

    fn spent(&self, credential: &CredentialDigest) -> u64 {
        self.settled(credential).map(|(_, first)| u64::from(first.record.terms().spent())).sum()
    }

    /// What a settled record is charged as things stand.
    fn charged(&self, record: &Record) -> u32 {
        if record.terms().kind() != Kind::Exit {
            return record.terms().amount();
        }
        let (credential, counter) = use_of(record);
        let closed = self.journeys(&credential).into_iter().find(|(_, exit)| *exit == Some(counter));
        closed.map_or(0, |(entry, _)| self.fare(&credential, entry, counter))
    }

    /// The entries of a credential, each with the exit that closes it, by their counters: an exit closes the latest entry
    /// before it that is open.
    fn journeys(&self, credential: &CredentialDigest) -> Vec<(u32, Option<u32>)> {
        let of_kind = |(of, first): (&Use, &First)| {
            let terms = first.record.terms();
            matches!(terms.kind(), Kind::Entry | Kind::Exit).then(|| (terms.time(), of.1, terms.kind()))
        };
        let mut ends: Vec<_> = self.settled(credential).filter_map(of_kind).collect();
        ends.sort_by_key(|(time, counter, _)| (*time, *counter));
        let (mut open, mut closed) = (Vec::new(), Vec::new());
        for (_, counter, kind) in ends {
            match kind {
                Kind::Entry => open.push(counter),
                _ => closed.extend(open.pop().map(|entry| (entry, Some(counter)))),
            }
        }
        closed.extend(open.into_iter().map(|entry| (entry, None)));
        closed
    }

    fn fare(&self, credential: &CredentialDigest, entry: u32, exit: u32) -> u32 {
        let terms = |counter| self.firsts.get(&(*credential, counter)).map(|first| first.record.terms());
        let Some((entry, exit)) = terms(entry).zip(terms(exit)) else { return 0 };
        let is_far = [(1, 2), (2, 1)]
            .into_iter()
            .any(|(from, to)| *entry.reference() == town::station(from) && *exit.reference() == town::station(to));
        (if is_far { LONG_FARE } else { DEFAULT_FARE }).min(entry.amount())
    }

    /// Journeys that began by then and have no exit cost what was held.
    pub(super) fn end_journeys(&mut self, until: Time) {
        let credentials: BTreeSet<_> = self.firsts.keys().map(|of| of.0).collect();
        for credential in credentials {
            for (entry, _) in self.journeys(&credential).into_iter().filter(|(_, exit)| exit.is_none()) {
                let began = self.firsts.get(&(credential, entry)).map(|first| first.record.terms().time());
                if began.is_some_and(|began| began <= until) {
                    self.ended.insert((credential, entry));
                }
            }
        }
    }

    /// What all that arrived comes to.
    pub(super) fn balances(&self) -> Balances {
        let mut balances = Balances::default();
        for first in self.firsts.values().filter(|first| !first.is_misuse) {
            let terms = first.record.terms();
            if terms.kind() == Kind::Purchase {
                *balances.operators.entry(terms.sector()).or_default() += i64::from(terms.amount());
                *balances.cards.entry(first.card).or_default() += i64::from(terms.amount());
            }
        }
        let credentials: BTreeSet<_> = self.firsts.keys().map(|of| of.0).collect();
        for credential in credentials {
            for (entry, exit) in self.journeys(&credential) {
                let Some(first) = self.firsts.get(&(credential, entry)) else { continue };
                let held = first.record.terms().amount();
                let (operator, journeys) = match exit {
                    Some(exit) => (self.fare(&credential, entry, exit), 0),
                    None if self.ended.contains(&(credential, entry)) => (held, 0),
                    None => (0, held),
                };
                *balances.operators.entry(Sector::Transport).or_default() += i64::from(operator);
                balances.journeys += i64::from(journeys);
                *balances.cards.entry(first.card).or_default() += i64::from(operator) + i64::from(journeys);
            }
        }
        balances
    }

    /// At the end nothing that was accepted is missing.
    pub(super) fn check_all_arrived(&self) -> Result<()> {
        let missing = self.taps.values().filter(|tap| tap.is_accepted && !tap.has_arrived).count();
        ensure!(missing == 0, "{missing} accepted taps never arrived");
        Ok(())
    }

    /// The references of vouchers that meters took and told of.
    pub(super) fn delivered(&self) -> BTreeSet<[u8; 16]> {
        let settled = self.firsts.values().filter(|first| !first.is_misuse);
        settled
            .map(|first| first.record.terms())
            .filter(|terms| terms.kind() == Kind::Credit)
            .map(|terms| *terms.reference())
            .collect()
    }
}

/// What must become of a record; with what it is charged, minor units.
#[derive(Clone, Copy, Debug)]
enum Expected {
    Settled(u32),
    Duplicate(u32),
    Misuse,
}
