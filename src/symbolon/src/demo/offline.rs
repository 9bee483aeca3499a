//! The city while the service is down: wallets and terminals, and a whole day of taps between them.

use super::{
    attempt,
    city::stream,
    enrolment::{EnrolledCard, EnrolledTerminal},
    schedule::PlannedTap,
};
use crate::source::StandingClock;
use anyhow::{Context, Result, anyhow, ensure};
use indicatif::ProgressBar;
use rand_chacha::ChaCha20Rng;
use rand_core::Rng;
use std::{
    collections::{BTreeMap, HashMap, btree_map::Entry},
    num::NonZero,
    sync::{Mutex, MutexGuard, PoisonError},
    thread,
    time::{Duration, Instant},
};
use symbolon::linking::ObservedTap;
use symbolon_ccks::{Authority, AuthorityId, CredentialDigest, SigningKey, Source, Subject, Suite, Time};
use symbolon_tap::{Bundle, Challenge, Kind, Presentation, Record, SelectResponse};
use symbolon_verifier::{
    BundleMark, Devices, Domain, Entry as JournalEntry, Policy, Request, Seen, Storage, StorageError, Terminal,
    Verdict, VoucherWindow,
};
use symbolon_wallet::{Checked, MemoryCounterStore, MemoryPurseStore, Purse, PurseChecked, Wallet};

/// How many accepted taps a terminal of the demo remembers.
const REMEMBERED: usize = 256;
/// Where the random streams of the offline day begin.
const DAY_STREAMS: u64 = 1 << 41;

/// What a terminal of the demo keeps; in memory, as its power is never cut.
#[derive(Debug, Default)]
pub(super) struct Memory {
    pub(super) journal: Vec<Record>,
    nonces: u32,
    mark: Option<BundleMark>,
    floor: Option<Time>,
}

impl Storage for Memory {
    fn next_nonce_number(&mut self) -> Result<u32, StorageError> {
        let number = self.nonces;
        self.nonces = number.checked_add(1).ok_or(StorageError::Full)?;
        Ok(number)
    }

    fn append(&mut self, tap: &JournalEntry) -> Result<(), StorageError> {
        self.journal.push(*tap.record());
        Ok(())
    }

    fn find(&mut self, credential: &CredentialDigest, counter: u32) -> Result<Option<JournalEntry>, StorageError> {
        let is_it = |record: &&Record| {
            let presentation = record.presentation();
            presentation.counter() == counter && presentation.holder().digest() == *credential
        };
        Ok(self.journal.iter().find(is_it).map(|record| JournalEntry::new(*record, None)))
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

/// Room for what a terminal remembers, and for the pseudonyms by which it knows revoked cards.
#[derive(Clone, Debug)]
pub(super) struct Room {
    seen: Vec<Seen>,
    subjects: Vec<Subject>,
}

/// A terminal of the demo.
pub(super) type DemoTerminal<'a, S> = Terminal<'a, S, StandingClock, ChaCha20Rng, Memory>;
/// A wallet of the demo.
pub(super) type DemoWallet<'a, S> = Wallet<'a, S, MemoryCounterStore>;

/// A wallet with pseudonyms.
pub(super) type DemoPurse<'a, S> = Purse<'a, S, MemoryCounterStore, MemoryPurseStore>;

/// All terminals, each used by one citizen at a time.
pub(super) struct Terminals<'a, S: Suite> {
    terminals: Vec<Mutex<DemoTerminal<'a, S>>>,
}

impl<'a, S: Suite> Terminals<'a, S> {
    /// Starts every terminal with the same trust bundle, each in a room of its own.
    pub(super) fn start(
        authority: &'a Authority<'a, S>,
        enrolled: &'a [EnrolledTerminal<S>],
        bundle: &'a [u8],
        rooms: &'a mut [Room],
        now: Time,
        seed: u64,
    ) -> Result<Self> {
        let start = |(number, (terminal, room)): (u64, (&'a EnrolledTerminal<S>, &'a mut Room))| {
            let random = stream(seed, DAY_STREAMS + number);
            let devices = Devices { clock: StandingClock(now), random, storage: Memory::default() };
            let domain = Domain::new(authority, &terminal.key)?.with_subject_slots(&mut room.subjects);
            let mut terminal = Terminal::new(domain, Policy::STRICT, devices, &mut room.seen);
            let taken = terminal.install(&[Source::from(bundle)]);
            taken.map_err(|error| anyhow!("a terminal refuses the trust bundle: {error}"))?;
            ensure!(terminal.recognises_pseudonyms(), "a terminal has too little room for the trust bundle");
            Ok(Mutex::new(terminal))
        };
        let terminals = (0..).zip(enrolled.iter().zip(rooms)).map(start).collect::<Result<_>>()?;
        Ok(Self { terminals })
    }

    /// A room for each of so many terminals that take this trust bundle.
    pub(super) fn rooms(count: usize, bundle: &[u8]) -> Result<Vec<Room>> {
        let seeds = Bundle::parse(bundle).context("the trust bundle cannot be read")?.revoked_seeds();
        // Those of two periods: the present one, and the one before while its journeys end.
        let subjects = 2 * seeds.entries().len() * seeds.per_period() as usize;
        let room = Room { seen: vec![Seen::EMPTY; REMEMBERED], subjects: vec![Subject::from_bytes([0; 16]); subjects] };
        Ok(vec![room; count])
    }

    /// One terminal, when it is free; its clock says `now`.
    pub(super) fn at(&self, number: usize, now: Time) -> Result<MutexGuard<'_, DemoTerminal<'a, S>>> {
        let terminal = self.terminals.get(number).context("the demo has no such terminal")?;
        let mut terminal = terminal.lock().unwrap_or_else(PoisonError::into_inner);
        terminal.devices().clock = StandingClock(now);
        Ok(terminal)
    }

    /// What each terminal accepted, in the order of the terminals.
    pub(super) fn journals(&self) -> Vec<Vec<Record>> {
        let journal = |terminal: &Mutex<DemoTerminal<'a, S>>| {
            let mut terminal = terminal.lock().unwrap_or_else(PoisonError::into_inner);
            std::mem::take(&mut terminal.devices().storage.journal)
        };
        self.terminals.iter().map(journal).collect()
    }
}

/// A wallet for a card.
pub(super) fn wallet<'a, S: Suite>(
    authority: &'a Authority<'a, S>,
    key: &'a SigningKey<S>,
    counters: MemoryCounterStore,
) -> Result<DemoWallet<'a, S>> {
    Ok(Wallet::new(authority, key, counters)?)
}

/// What a terminal is to ask for.
pub(super) fn request(tap: &PlannedTap) -> Request {
    Request { kind: tap.kind, sector: tap.sector, amount: tap.amount, reference: tap.reference }
}

/// The pseudonyms of a card that has fetched some.
pub(super) fn purse<'a, S: Suite>(
    authority: &'a Authority<'a, S>,
    card: &'a EnrolledCard<S>,
) -> Result<DemoPurse<'a, S>> {
    let store = card.purse.clone().context("the card has fetched no pseudonyms")?;
    Ok(Purse::open(wallet(authority, &card.key, MemoryCounterStore::new())?, store)?)
}

/// What a tap came to.
pub(super) struct Tapped {
    pub(super) presentation: Presentation,
    /// Every byte that the card sent.
    pub(super) sent: Vec<u8>,
    pub(super) verdict: Verdict,
    /// How long the terminal took to decide.
    pub(super) verifying: Duration,
    /// How long the whole tap took, computing alone.
    pub(super) whole: Duration,
}

/// A whole tap: the card says hello, the terminal asks, the card checks and signs, the terminal decides.
///
/// An error is the wallet's or the terminal's refusal to ask or answer at all, by its stable reason.
pub(super) fn tap<S: Suite>(
    wallet: &mut DemoWallet<'_, S>,
    terminal: &mut DemoTerminal<'_, S>,
    request: &Request,
    random: &mut ChaCha20Rng,
) -> Result<Tapped, &'static str> {
    let (nonce, hedge) = drawn(random);
    let begun = Instant::now();
    let selected = wallet.select(nonce);
    let response = *selected.response();
    let answer = |challenge: &Challenge| {
        let checked = selected.check(challenge.as_bytes(), challenge.terms().time());
        match checked.map_err(|refused| refused.reason())? {
            Checked::Answered(presentation) => Ok(presentation),
            Checked::Question(question) => question
                .confirm(request.amount)
                .and_then(|confirmed| confirmed.sign(&hedge))
                .map_err(|refused| refused.reason()),
        }
    };
    go_on(&response, begun, terminal, request, answer)
}

/// A whole tap as [`tap`], under a pseudonym.
pub(super) fn tap_under_a_pseudonym<S: Suite>(
    purse: &mut DemoPurse<'_, S>,
    terminal: &mut DemoTerminal<'_, S>,
    request: &Request,
    random: &mut ChaCha20Rng,
) -> Result<Tapped, &'static str> {
    let (nonce, hedge) = drawn(random);
    let begun = Instant::now();
    let selected = purse.select(nonce);
    let response = *selected.response();
    let answer = |challenge: &Challenge| {
        let checked = selected.check(challenge.as_bytes(), challenge.terms().time());
        match checked.map_err(|refused| refused.reason())? {
            PurseChecked::Answered(presentation) => Ok(presentation),
            PurseChecked::Question(question) => question
                .confirm(request.amount)
                .and_then(|confirmed| confirmed.sign(&hedge))
                .map_err(|refused| refused.reason()),
        }
    };
    go_on(&response, begun, terminal, request, answer)
}

/// What a card draws for a tap: its nonce, and what hedges its signature.
fn drawn(random: &mut ChaCha20Rng) -> ([u8; 8], [u8; 32]) {
    let (mut nonce, mut hedge) = ([0; 8], [0; 32]);
    random.fill_bytes(&mut nonce);
    random.fill_bytes(&mut hedge);
    (nonce, hedge)
}

/// The tap from the select response on.
fn go_on<S: Suite>(
    response: &SelectResponse,
    begun: Instant,
    terminal: &mut DemoTerminal<'_, S>,
    request: &Request,
    answer: impl FnOnce(&Challenge) -> Result<Presentation, &'static str>,
) -> Result<Tapped, &'static str> {
    let asked = terminal.challenge(response.as_bytes(), request).map_err(|refused| refused.reason().name())?;
    let presentation = answer(asked.challenge())?;
    let deciding = Instant::now();
    let verdict = terminal.decide(asked, presentation.as_bytes());
    let (verifying, whole) = (deciding.elapsed(), begun.elapsed());
    let sent = [response.as_bytes().as_slice(), presentation.as_bytes()].concat();
    Ok(Tapped { presentation, sent, verdict, verifying, whole })
}

/// What a day of taps came to.
#[derive(Debug, Default)]
pub(super) struct Day {
    /// Whose each pseudonym was, which nobody but the wallets knows: the card's place among the citizens'.
    pub(super) cards: HashMap<Subject, usize>,
    /// The taps as all operators together have them, with what only the wallets know.
    pub(super) observed: Vec<(Kind, ObservedTap)>,
    pub(super) accepted: u64,
    pub(super) declined: BTreeMap<&'static str, u64>,
    pub(super) verifying: Vec<Duration>,
    pub(super) whole: Vec<Duration>,
}

impl Day {
    /// A pseudonym that was shown.
    pub(super) fn first(&self) -> Option<Subject> {
        self.cards.iter().min_by_key(|(subject, card)| (**card, **subject)).map(|(subject, _)| *subject)
    }

    fn count(&mut self, planned: &PlannedTap, tapped: Result<Tapped, &'static str>) {
        match tapped {
            Ok(tapped) => {
                self.cards.insert(tapped.presentation.holder().identity().subject(), planned.card);
                self.observed.push((planned.kind, attempt::observed(planned, &tapped)));
                match tapped.verdict {
                    Verdict::Accepted(_) => self.accepted += 1,
                    Verdict::Referred(refusal) | Verdict::Declined(refusal) => {
                        *self.declined.entry(refusal.reason().name()).or_default() += 1;
                    }
                }
                self.verifying.push(tapped.verifying);
                self.whole.push(tapped.whole);
            }
            Err(reason) => *self.declined.entry(reason).or_default() += 1,
        }
    }

    fn add(&mut self, other: Self) {
        self.cards.extend(other.cards);
        self.observed.extend(other.observed);
        self.accepted += other.accepted;
        for (reason, count) in other.declined {
            *self.declined.entry(reason).or_default() += count;
        }
        self.verifying.extend(other.verifying);
        self.whole.extend(other.whole);
    }
}

/// Has every citizen tap through the day, on all cores: each thread has its own citizens, in the order of their taps.
pub(super) fn live_the_day<S: Suite>(
    authority: &Authority<'_, S>,
    cards: &[EnrolledCard<S>],
    terminals: &Terminals<'_, S>,
    taps: &[PlannedTap],
    seed: u64,
    progress: &ProgressBar,
) -> Result<Day> {
    let threads = thread::available_parallelism().map_or(1, NonZero::get).min(cards.len()).max(1);
    let share = |thread: usize| {
        let mut day = Day::default();
        let mut random = stream(seed, 2 * DAY_STREAMS + thread as u64);
        let mut purses = BTreeMap::new();
        for planned in taps.iter().filter(|tap| tap.card % threads == thread) {
            let purse = match purses.entry(planned.card) {
                Entry::Occupied(known) => known.into_mut(),
                Entry::Vacant(place) => {
                    let card = cards.get(planned.card).context("the demo has no such card")?;
                    place.insert(purse(authority, card)?)
                }
            };
            let mut terminal = terminals.at(planned.terminal, planned.time)?;
            let tapped = tap_under_a_pseudonym(purse, &mut terminal, &request(planned), &mut random);
            day.count(planned, tapped);
            progress.inc(1);
        }
        Ok(day)
    };
    let days = thread::scope(|scope| {
        let workers: Vec<_> = (0..threads).map(|thread| scope.spawn(move || share(thread))).collect();
        workers
            .into_iter()
            .map(|worker| worker.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic)))
            .collect::<Result<Vec<_>>>()
    })?;
    progress.finish_and_clear();
    let mut whole = days.into_iter().fold(Day::default(), |mut all, day| {
        all.add(day);
        all
    });
    // Whatever the number of threads was.
    whole.observed.sort_by_key(|(_, tap)| (tap.habit.time_seconds, tap.card));
    Ok(whole)
}

/// The middle of some times.
pub(super) fn median(times: &mut [Duration]) -> Duration {
    times.sort_unstable();
    times.get(times.len() / 2).copied().unwrap_or_default()
}
