//! What must be so: reckoned beside the service, of what cards signed and what arrived, by rules of its own.

use super::{
    device::Device,
    town::{self, DEFAULT_FARE, LONG_FARE},
};
use anyhow::{Context, Result, ensure};
use std::collections::{BTreeMap, BTreeSet};
use symbolon_ccks::{Class, CredentialDigest, Sector, Suite, Time};
use symbolon_service::{
    ServiceError,
    exchange::{Answered, RecordOutcome, Refusal, UploadedRecord},
};
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
    /// Journeys that their operator voided.
    voided: BTreeSet<Use>,
    /// What was given back, and for which purchase.
    refunds: BTreeMap<Use, Use>,
    /// Terminals that are out of use, and since when.
    retired: BTreeMap<usize, Time>,
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
    pub(super) fn check_device<S: Suite>(&self, number: usize, device: &Device<S>) -> Result<()> {
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
                (Expected::Refused(refusal), RecordOutcome::Refused(told)) => refusal == *told,
                _ => false,
            };
            ensure!(is_right, "a record of counter {} is {outcome:?}, and must be {expected:?}", use_of(record).1);
        }
        self.answers.insert(upload.digest(), encoded);
        Ok(())
    }

    /// A terminal was taken out of use.
    pub(super) fn retired(&mut self, terminal: usize, since: Time) {
        self.retired.entry(terminal).or_insert(since);
    }

    /// An operator voided the journey of an entry.
    pub(super) fn voided(&mut self, entry: &Record) {
        self.voided.insert(use_of(entry));
    }

    /// An operator authorised a refund, or was refused.
    pub(super) fn authorised(
        &mut self,
        (terminal, refund): (usize, &Record),
        purchase: &Record,
        answer: &Result<UploadedRecord, ServiceError>,
    ) -> Result<()> {
        let (of, paid) = (use_of(refund), use_of(purchase));
        let given = |(given, _): &(&Use, &Use)| self.firsts.get(given).map(|first| first.record.terms().amount());
        let refunded: u32 =
            self.refunds.iter().filter(|(_, other)| **other == paid).filter_map(|pair| given(&pair)).sum();
        let left = purchase.terms().amount().saturating_sub(refunded);
        let expected = match self.firsts.get(&of) {
            Some(first)
                if first.terminal == terminal && first.record == *refund && self.refunds.get(&of) == Some(&paid) =>
            {
                Ok(())
            }
            Some(_) => Err("already_exists"),
            None if refund.terms().amount() > left => Err("refund_exceeds"),
            None => Ok(()),
        };
        let amount = refund.terms().amount();
        let is_right = match (expected, answer) {
            (Ok(()), Ok(told)) => told.outcome == RecordOutcome::Settled { amount },
            (Err(expected), Err(error)) => error.reason() == expected,
            _ => false,
        };
        ensure!(is_right, "a refund of counter {} got {answer:?}, and must get {expected:?}", of.1);
        if expected.is_ok() && !self.firsts.contains_key(&of) {
            let tap = self.taps.get(&key_of(terminal, refund)).context("a refund was given that no card signed")?;
            self.firsts.insert(of, First { card: tap.card, terminal, record: *refund, is_misuse: false });
            self.refunds.insert(of, paid);
        }
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
        if record.terms().kind() == Kind::Refund {
            return Ok(Expected::Refused(Refusal::NotAuthorised));
        }
        if self.retired.get(&terminal).is_some_and(|retired| *retired <= record.terms().time()) {
            return Ok(Expected::Refused(Refusal::Revoked));
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
        if self.voided.contains(&(*credential, entry)) {
            return 0;
        }
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

    /// What all that arrived of the cards of one service comes to.
    pub(super) fn balances(&self, is_of_it: impl Fn(usize) -> bool) -> Balances {
        let mut balances = Balances::default();
        for first in self.firsts.values().filter(|first| !first.is_misuse && is_of_it(first.card)) {
            let terms = first.record.terms();
            let paid = match terms.kind() {
                Kind::Purchase => i64::from(terms.amount()),
                Kind::Refund => -i64::from(terms.amount()),
                Kind::Entry | Kind::Exit | Kind::Credit => continue,
            };
            *balances.operators.entry(terms.sector()).or_default() += paid;
            *balances.cards.entry(first.card).or_default() += paid;
        }
        let credentials: BTreeSet<_> = self.firsts.keys().map(|of| of.0).collect();
        for credential in credentials {
            for (entry, exit) in self.journeys(&credential) {
                let first = self.firsts.get(&(credential, entry)).filter(|first| is_of_it(first.card));
                let Some(first) = first else { continue };
                let held = first.record.terms().amount();
                let (operator, journeys) = match exit {
                    _ if self.voided.contains(&(credential, entry)) => (0, 0),
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
    Refused(Refusal),
}
