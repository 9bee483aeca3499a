//! The terminal: asks, decides, remembers.

mod challenging;
mod deciding;

use core::fmt;

use rand_core::CryptoRng;
use symbolon_ccks::{Authority, Class, Credential, Sector, Sectors, SigningKey, Subject, Suite, Time};
use symbolon_tap::{Bundle, Challenge, Kind, Record};

pub use challenging::ChallengeRefused;

use crate::memory::ReplayMemory;
use crate::recognition::{Recognition, subject_slots};
use crate::trust::Trust;
use crate::{BundleRefused, Clock, Devices, Policy, Seen, Storage};

/// For how many seconds after its time a challenge can be answered.
pub const ANSWER_WITHIN_SECONDS: u64 = 60;
/// By how many seconds the clock may have been set back since the challenge.
pub const CLOCK_TOLERANCE_SECONDS: u64 = 5;

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

/// Why a key cannot run a terminal.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum KeyRefused {
    /// It is no terminal's: not a credential's key, or one of another class.
    NotATerminal,
    /// It belongs to another authority.
    OtherAuthority,
}

impl fmt::Display for KeyRefused {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(match self {
            Self::NotATerminal => "the key is not a terminal's",
            Self::OtherAuthority => "the key belongs to another authority",
        })
    }
}

impl core::error::Error for KeyRefused {}

/// A challenge that waits for its answer, with the tariff that the card declared for it.
#[derive(Clone, Copy)]
struct Outstanding {
    challenge: Challenge,
    tariff: u8,
}

impl Outstanding {
    fn is_current(&self, now: Time) -> bool {
        let asked = self.challenge.terms().time();
        asked.saturating_sub(CLOCK_TOLERANCE_SECONDS) <= now && now <= asked.saturating_add(ANSWER_WITHIN_SECONDS)
    }
}

/// A terminal: its authority, its own key, its policy, and the tap that goes on.
///
/// One challenge is outstanding at a time; the next one replaces it. It stays outstanding through declined
/// presentations, so that a stranger's bytes do not cost the holder its tap, until one is accepted or it times out.
pub struct Terminal<'a, S: Suite, C, R, T> {
    authority: &'a Authority<'a, S>,
    key: &'a SigningKey<S>,
    policy: Policy,
    devices: Devices<C, R, T>,
    memory: ReplayMemory<'a>,
    trust: Option<Trust<'a>>,
    recognition: Recognition<'a>,
    outstanding: Option<Outstanding>,
}

impl<'a, S: Suite, C: Clock, R: CryptoRng, T: Storage> Terminal<'a, S, C, R, T> {
    /// Starts a terminal without a trust bundle and with nothing outstanding.
    ///
    /// `memory` holds the latest accepted taps, one a slot, and may be empty or come with what [`Seen::of`] makes of
    /// the journal's last records. `authority` is one whose id the caller has compared with the digest it trusts.
    ///
    /// # Errors
    /// [`KeyRefused`] when `key` is not that of a terminal of this authority.
    pub fn new(
        authority: &'a Authority<'a, S>,
        key: &'a SigningKey<S>,
        policy: Policy,
        devices: Devices<C, R, T>,
        memory: &'a mut [Option<Seen>],
    ) -> Result<Self, KeyRefused> {
        match key.credential() {
            Some(credential) if credential.identity().class() == Class::Terminal => {}
            _ => return Err(KeyRefused::NotATerminal),
        }
        if key.authority_id() != authority.id() {
            return Err(KeyRefused::OtherAuthority);
        }
        let memory = ReplayMemory::new(memory);
        let recognition = Recognition::new(&mut []);
        Ok(Self { authority, key, policy, devices, memory, trust: None, recognition, outstanding: None })
    }

    /// Gives the terminal memory in which to recognise the pseudonyms of revoked cards; it has none otherwise.
    ///
    /// Every revoked card that a bundle has seeds of needs twice as many slots of 16 bytes as a card has pseudonyms in a
    /// period: entries x per_period x 2 live periods ([`Self::subject_slots_needed`]). What is in `slots` does not matter.
    #[must_use]
    pub fn with_subject_slots(mut self, slots: &'a mut [Subject]) -> Self {
        self.recognition = Recognition::new(slots);
        self.prepare();
        self
    }

    /// Takes a trust bundle: from now on its revocations and limits count.
    ///
    /// A bundle with more seeds of revoked cards than there are slots for ([`Self::with_subject_slots`]) is taken
    /// too, since refusing it would hold back every other revocation; until slots suffice, pseudonyms are declined as
    /// `stale_data`, and [`Self::recognises_pseudonyms`] says so.
    ///
    /// # Errors
    /// [`BundleRefused`]; what was installed before stays.
    pub fn install(&mut self, bundle: &'a [u8]) -> Result<(), BundleRefused> {
        let bundle = Bundle::parse(bundle).map_err(BundleRefused::Malformed)?;
        let trust = Trust::check(self.authority, bundle, self.sectors())?;
        let latest = self.now().saturating_add(self.policy.clock_jump_seconds);
        trust.check_progress(self.devices.storage.bundle_mark(), latest)?;
        self.devices.storage.keep_bundle_mark(trust.mark()).map_err(BundleRefused::Storage)?;
        self.trust = Some(trust);
        self.recognition.clear();
        self.prepare();
        Ok(())
    }

    /// Derives what the present period needs to recognise the pseudonyms of revoked cards, and the next one's when it
    /// begins within [`PREPARED_AHEAD_SECONDS`], unless that was done before. Called now and then while nobody taps,
    /// it spares the first tap of a period the work; a tap does what is left to do itself.
    pub fn prepare(&mut self) {
        let now = self.now();
        if let Some(trust) = &self.trust {
            self.recognition.prepare(trust.seeds(), now, now.saturating_add(PREPARED_AHEAD_SECONDS));
        }
    }

    /// How many slots the installed bundle needs to recognise the pseudonyms of revoked cards; 0 without a bundle, or
    /// when it has no seeds.
    pub fn subject_slots_needed(&self) -> usize {
        self.trust.as_ref().map_or(0, |trust| subject_slots(trust.seeds()))
    }

    /// Whether the slots suffice for that. When they do not, every pseudonym is declined as `stale_data`.
    pub fn recognises_pseudonyms(&self) -> bool {
        self.trust.as_ref().is_none_or(|trust| self.recognition.reaches(trust.seeds()))
    }

    /// The terminal's own credential.
    pub fn credential(&self) -> &'a Credential {
        self.key.credential().expect("`new` took the key of a credential")
    }

    /// The challenge that waits for its answer.
    pub fn outstanding(&self) -> Option<&Challenge> {
        self.outstanding.as_ref().map(|outstanding| &outstanding.challenge)
    }

    /// What is underneath, such as the storage with its journal.
    pub fn devices(&mut self) -> &mut Devices<C, R, T> {
        &mut self.devices
    }

    /// Remembers a tap that was accepted before, so that its replay is told from a forgery.
    pub fn remember(&mut self, record: &Record) {
        self.memory.remember(Seen::of(record));
    }

    /// Where the terminal works: what its credential and its policy have in common.
    fn sectors(&self) -> Sectors {
        let own = self.credential().identity().sectors();
        Sectors::new(own.bits() & self.policy.sectors.bits()).unwrap_or(own)
    }

    /// Now: what the clock says, but not before the trust bundle was issued.
    fn now(&self) -> Time {
        let floor = self.trust.as_ref().map(Trust::issued_at);
        floor.map_or(self.devices.clock.now(), |floor| floor.max(self.devices.clock.now()))
    }
}

impl<S: Suite, C, R, T> fmt::Debug for Terminal<'_, S, C, R, T> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .debug_struct("Terminal")
            .field("authority", self.authority.id())
            .field("credential", &self.key.credential().map(Credential::digest))
            .finish_non_exhaustive()
    }
}
