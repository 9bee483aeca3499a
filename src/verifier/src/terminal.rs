//! The terminal: asks, decides, remembers.

mod asking;
mod codes;
mod crediting;
mod deciding;
mod receipts;
mod rollover;
mod trusting;

use core::fmt;

use rand_core::CryptoRng;
use symbolon_ccks::{AuthorityId, Credential, Sector, Sectors, Subject, Suite, Time};
use symbolon_tap::{Kind, Record};

pub use asking::{Asked, ChallengeRefused};
pub use receipts::SignedReceipt;

use crate::domain::Live;
use crate::memory::ReplayMemory;
use crate::recognition::Recognition;
use crate::{Clock, Devices, Domain, Policy, Reason, Seen, Storage};

/// For how many seconds after its time a challenge can be answered.
pub const ANSWER_WITHIN_SECONDS: u64 = 60;
/// By how many seconds the clock may have been set back since the challenge, or may be behind a signed time, or a
/// holder's ahead.
pub const CLOCK_TOLERANCE_SECONDS: u64 = 5;
/// For how many seconds after its time a code can be shown.
pub const CODE_SECONDS: u64 = 60;

/// How many seconds before the next period [`Terminal::prepare`] derives what it needs for it.
pub const PREPARED_AHEAD_SECONDS: u64 = 600;

/// What the operator's till, gate or meter asks for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Request {
    /// What the transaction does.
    pub kind: Kind,
    /// The sector it belongs to.
    pub sector: Sector,
    /// Minor units of the terminal's currency; 0 where the kind has no amount.
    pub amount: u32,
    /// The operator's own: a bill, a station, a meter.
    pub reference: [u8; 16],
}

/// What is wrong with a terminal's clock.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ClockWrong {
    /// It is behind a time that the authority has signed.
    Behind,
    /// It is further ahead of the last signed time than the policy allows.
    FarAhead,
}

impl fmt::Display for ClockWrong {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(match self {
            Self::Behind => "the clock is behind a time that the authority has signed",
            Self::FarAhead => "the clock is far ahead of the last time that the authority has signed",
        })
    }
}

impl core::error::Error for ClockWrong {}

impl From<ClockWrong> for Reason {
    fn from(_: ClockWrong) -> Self {
        Self::ClockWrong
    }
}

/// A terminal: its authority, its own key, its policy, and what it remembers.
///
/// The order of a tap cannot be written wrongly: [`Self::challenge`] gives an [`Asked`], which can be answered once
/// ([`Self::decide`] takes it) and cannot be copied; what is accepted is in the journal before the verdict is there; and
/// only an accepted tap has a receipt ([`Self::receipt`]). One challenge is open at a time; the next one replaces it. It
/// stays open through declined presentations, so that a stranger's bytes do not cost the holder its tap, until one is
/// accepted or it times out.
///
/// While one authority follows another, two are live, each with its own key, trust bundle and bundle marks; a tap is
/// answered under the one that the card names.
pub struct Terminal<'a, S: Suite, C, R, T> {
    pub(crate) first: Live<'a, S>,
    pub(crate) second: Option<Live<'a, S>>,
    pub(crate) policy: Policy,
    pub(crate) devices: Devices<C, R, T>,
    memory: ReplayMemory<'a>,
    /// The terminal's half of the nonce of the challenge that can be answered.
    open: Option<[u8; 8]>,
}

impl<'a, S: Suite, C: Clock, R: CryptoRng, T: Storage> Terminal<'a, S, C, R, T> {
    /// Starts a terminal under one authority, without a trust bundle and with nothing asked.
    ///
    /// `memory` holds the latest accepted taps, one a slot, and codes until they expire; it may be empty or come with
    /// what [`Seen::of`] makes of the journal's last records. A terminal without any takes no codes.
    pub fn new(domain: Domain<'a, S>, policy: Policy, devices: Devices<C, R, T>, memory: &'a mut [Seen]) -> Self {
        let memory = ReplayMemory::new(memory);
        Self { first: Live::new(domain, None), second: None, policy, devices, memory, open: None }
    }

    /// As [`Domain::with_subject_slots`], of the first authority.
    #[must_use]
    pub fn with_subject_slots(mut self, slots: &'a mut [Subject]) -> Self {
        self.first.recognition = Recognition::new(slots);
        self.prepare();
        self
    }

    /// The terminal's own credential, of the first authority.
    pub fn credential(&self) -> &'a Credential {
        self.first.credential
    }

    /// The terminal's own credential under an authority that is live.
    pub fn domain_credential(&self, authority: &AuthorityId) -> Option<&'a Credential> {
        self.domains().find(|domain| domain.id() == authority).map(|domain| domain.credential)
    }

    /// The authorities that are live: the present one, and its successor if there is one.
    pub fn authorities(&self) -> impl Iterator<Item = &AuthorityId> {
        self.domains().map(Live::id)
    }

    /// The policy of the device.
    pub fn policy(&self) -> &Policy {
        &self.policy
    }

    /// Whether this challenge can still be answered, but for its time.
    pub fn is_open(&self, asked: &Asked) -> bool {
        self.open == Some(asked.challenge().terms().terminal_nonce())
    }

    /// Whether there is a challenge that can still be answered, but for its time.
    pub fn is_asking(&self) -> bool {
        self.open.is_some()
    }

    /// Ends the tap that goes on, if one does: nothing that was asked can be answered any more.
    pub fn abandon(&mut self) {
        self.open = None;
    }

    /// What is underneath, such as the storage with its journal.
    pub fn devices(&mut self) -> &mut Devices<C, R, T> {
        &mut self.devices
    }

    /// Remembers a tap that was accepted before, so that its replay is told from a forgery.
    pub fn remember(&mut self, record: &Record) {
        let now = self.latest_time();
        self.memory.remember(Seen::of(record), now);
    }

    /// Now, unless the clock is wrong: behind the latest signed time, or far ahead of it.
    ///
    /// # Errors
    /// [`ClockWrong`], which says how.
    pub fn time(&self) -> Result<Time, ClockWrong> {
        let now = self.devices.clock.now();
        let Some(floor) = self.devices.storage.clock_floor() else { return Ok(now) };
        if now.saturating_add(CLOCK_TOLERANCE_SECONDS) < floor {
            return Err(ClockWrong::Behind);
        }
        if now > floor.saturating_add(self.policy.clock_ahead_seconds) {
            return Err(ClockWrong::FarAhead);
        }
        Ok(now.max(floor))
    }

    /// What the clock says, but nothing before the latest signed time: for what needs no right clock.
    pub(crate) fn latest_time(&self) -> Time {
        let now = self.devices.clock.now();
        self.devices.storage.clock_floor().map_or(now, |floor| floor.max(now))
    }

    pub(crate) fn domains(&self) -> impl Iterator<Item = &Live<'a, S>> {
        core::iter::once(&self.first).chain(self.second.as_ref())
    }

    fn domains_mut(&mut self) -> impl Iterator<Item = &mut Live<'a, S>> {
        core::iter::once(&mut self.first).chain(self.second.as_mut())
    }

    /// The live authority whose id begins so.
    pub(crate) fn domain(&self, prefix: &[u8; 8]) -> Option<&Live<'a, S>> {
        self.domains().find(|domain| domain.id().prefix() == *prefix)
    }

    /// Where the terminal works: what its credential and its policy have in common.
    pub(crate) fn sectors(&self, domain: &Live<'_, S>) -> Sectors {
        let own = domain.credential.identity().sectors();
        Sectors::new(own.bits() & self.policy.sectors.bits()).unwrap_or(own)
    }

    /// Thirty-two fresh bytes.
    pub(crate) fn fresh(&mut self) -> [u8; 32] {
        let mut random = [0; 32];
        self.devices.random.fill_bytes(&mut random);
        random
    }
}

impl<S: Suite, C, R, T> fmt::Debug for Terminal<'_, S, C, R, T> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .debug_struct("Terminal")
            .field("authority", self.first.id())
            .field("credential", &self.first.credential.digest())
            .finish_non_exhaustive()
    }
}
