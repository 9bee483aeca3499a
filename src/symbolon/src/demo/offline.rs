//! The city while the service is down: wallets and terminals, and a whole day of taps between them.

use super::{
    city::stream,
    enrolment::{EnrolledCard, EnrolledTerminal},
    schedule::PlannedTap,
};
use crate::source::StandingClock;
use anyhow::{Context, Result, anyhow};
use indicatif::ProgressBar;
use rand_chacha::ChaCha20Rng;
use rand_core::Rng;
use std::{
    collections::BTreeMap,
    num::NonZero,
    sync::{Mutex, MutexGuard, PoisonError},
    thread,
    time::{Duration, Instant},
};
use symbolon_ccks::{Authority, SigningKey, Suite, Time};
use symbolon_tap::{Presentation, Record};
use symbolon_verifier::{BundleMark, Devices, Policy, Request, Seen, Storage, StorageError, Terminal, Verdict};
use symbolon_wallet::{Checked, MemoryCounterStore, Wallet};

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
}

impl Storage for Memory {
    fn next_nonce_number(&mut self) -> Result<u32, StorageError> {
        let number = self.nonces;
        self.nonces = number.checked_add(1).ok_or(StorageError::Full)?;
        Ok(number)
    }

    fn append(&mut self, record: &Record) -> Result<(), StorageError> {
        self.journal.push(*record);
        Ok(())
    }

    fn bundle_mark(&self) -> Option<BundleMark> {
        self.mark
    }

    fn keep_bundle_mark(&mut self, mark: BundleMark) -> Result<(), StorageError> {
        self.mark = Some(mark);
        Ok(())
    }
}

/// A terminal of the demo.
pub(super) type DemoTerminal<'a, S> = Terminal<'a, S, StandingClock, ChaCha20Rng, Memory>;
/// A wallet of the demo.
pub(super) type DemoWallet<'a, S> = Wallet<'a, S, MemoryCounterStore>;

/// All terminals, each used by one citizen at a time.
pub(super) struct Terminals<'a, S: Suite> {
    terminals: Vec<Mutex<DemoTerminal<'a, S>>>,
}

impl<'a, S: Suite> Terminals<'a, S> {
    /// Starts every terminal with the same trust bundle. `memories` is room for what they remember, one a terminal.
    pub(super) fn start(
        authority: &'a Authority<'a, S>,
        enrolled: &'a [EnrolledTerminal<S>],
        bundle: &'a [u8],
        memories: &'a mut [Vec<Option<Seen>>],
        now: Time,
        seed: u64,
    ) -> Result<Self> {
        let start = |(number, (terminal, memory)): (u64, (&'a EnrolledTerminal<S>, &'a mut Vec<Option<Seen>>))| {
            let random = stream(seed, DAY_STREAMS + number);
            let devices = Devices { clock: StandingClock(now), random, storage: Memory::default() };
            let mut terminal = Terminal::new(authority, &terminal.key, Policy::STRICT, devices, memory)?;
            terminal.install(bundle).map_err(|error| anyhow!("a terminal refuses the trust bundle: {error}"))?;
            Ok(Mutex::new(terminal))
        };
        let terminals = (0..).zip(enrolled.iter().zip(memories)).map(start).collect::<Result<_>>()?;
        Ok(Self { terminals })
    }

    /// Room for what so many terminals remember.
    pub(super) fn memories(count: usize) -> Vec<Vec<Option<Seen>>> {
        vec![vec![None; REMEMBERED]; count]
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

/// What a tap came to.
pub(super) struct Tapped {
    pub(super) presentation: Presentation,
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
    let (mut nonce, mut hedge) = ([0; 8], [0; 32]);
    random.fill_bytes(&mut nonce);
    random.fill_bytes(&mut hedge);
    let begun = Instant::now();
    let selected = wallet.select(nonce);
    let asked = terminal.challenge(selected.response().as_bytes(), request);
    let challenge = asked.map_err(|refused| refused.reason().name())?;
    let now = challenge.terms().time();
    let presentation = match selected.check(challenge.as_bytes(), now).map_err(|refused| refused.reason())? {
        Checked::Answered(presentation) => presentation,
        Checked::Question(question) => question
            .confirm(request.amount)
            .and_then(|confirmed| confirmed.sign(&hedge))
            .map_err(|refused| refused.reason())?,
    };
    let deciding = Instant::now();
    let verdict = terminal.decide(presentation.as_bytes());
    Ok(Tapped { presentation, verdict, verifying: deciding.elapsed(), whole: begun.elapsed() })
}

/// What a day of taps came to.
#[derive(Debug, Default)]
pub(super) struct Day {
    pub(super) accepted: u64,
    pub(super) declined: BTreeMap<&'static str, u64>,
    pub(super) verifying: Vec<Duration>,
    pub(super) whole: Vec<Duration>,
}

impl Day {
    fn count(&mut self, tapped: Result<Tapped, &'static str>) {
        match tapped {
            Ok(tapped) => {
                match tapped.verdict {
                    Verdict::Accepted(_) => self.accepted += 1,
                    Verdict::Declined(reason) => *self.declined.entry(reason.name()).or_default() += 1,
                }
                self.verifying.push(tapped.verifying);
                self.whole.push(tapped.whole);
            }
            Err(reason) => *self.declined.entry(reason).or_default() += 1,
        }
    }

    fn add(&mut self, other: Self) {
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
        let mut wallets = cards
            .iter()
            .map(|card| wallet(authority, &card.key, MemoryCounterStore::new()))
            .collect::<Result<Vec<_>>>()?;
        for planned in taps.iter().filter(|tap| tap.card % threads == thread) {
            let wallet = wallets.get_mut(planned.card).context("the demo has no such card")?;
            let mut terminal = terminals.at(planned.terminal, planned.time)?;
            day.count(tap(wallet, &mut terminal, &request(planned), &mut random));
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
    Ok(days.into_iter().fold(Day::default(), |mut all, day| {
        all.add(day);
        all
    }))
}

/// The middle of some times.
pub(super) fn median(times: &mut [Duration]) -> Duration {
    times.sort_unstable();
    times.get(times.len() / 2).copied().unwrap_or_default()
}
