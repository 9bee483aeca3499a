//! A terminal: the verifier on flash whose power fails, and a clock that is not quite right.
//!
//! It is started anew for whatever happens at it, so that everything it knows it has from its flash.

use super::town::{self, station};
use anyhow::{Result, anyhow, ensure};
use rand_chacha::ChaCha20Rng;
use std::sync::Arc;
use symbolon_ccks::{P256, Sector, SigningKey, Subject, Time};
use symbolon_flash_sim::{ERASE_SIZE, SUBSETS, SimulatedFlash, Tear};
use symbolon_service::authority::AuthorityKeys;
use symbolon_verifier::{
    Devices, Domain, Policy, Seen, Terminal,
    flash::{FlashError, FlashStore, Layout, Pages, SharedFlash},
};

use super::draws::Draws;
use crate::source::StandingClock;

type Flash = SimulatedFlash<Vec<u8>>;

/// A terminal that is switched on.
pub(super) type Running<'a> = Terminal<'a, P256, StandingClock, ChaCha20Rng, FlashStore<'a, Flash>>;

/// How many taps a terminal remembers, and by how many pseudonyms it can know revoked cards.
const REMEMBERED: usize = 32;
const SUBJECT_SLOTS: usize = 1_024;
/// Records of one upload at most, so that some take more than one.
const MOST_RECORDS: u16 = 12;
/// Bytes of a bundle that are loaded at a time.
const PIECE: usize = 240;

/// What a terminal has over its life.
pub(super) struct Device {
    pub(super) name: String,
    pub(super) sector: Sector,
    pub(super) subject: Subject,
    pub(super) station: [u8; 16],
    pub(super) key: SigningKey<P256>,
    flash: SharedFlash<Flash>,
    /// How far its clock was ahead when the city began, seconds, and how much that grows in a day.
    ahead_seconds: i64,
    drift_seconds: i64,
}

/// What became of a bundle that arrived.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Loaded {
    Taken,
    NotNewer,
    PowerFailed,
}

fn layout() -> Layout {
    let pages = Pages { state: 2, journal: 4, bundle: 2, authority: 0 };
    Layout::consecutive(0, ERASE_SIZE as u32, &pages).expect("the pages follow one another")
}

impl Device {
    pub(super) fn new(sector: Sector, number: u8, subject: Subject, key: SigningKey<P256>, draws: &mut Draws) -> Self {
        let flash = vec![0; layout().end() as usize];
        let kind = match sector {
            Sector::Transport => "gate",
            Sector::Water => "counter",
            Sector::Power => "meter",
        };
        let around = |draws: &mut Draws, most: i64| draws.below(2 * most as u64 + 1) as i64 - most;
        Self {
            name: format!("{kind} {number}"),
            sector,
            subject,
            station: station(number),
            key,
            flash: SharedFlash::new(SimulatedFlash::erased(flash)),
            ahead_seconds: around(draws, 90),
            drift_seconds: around(draws, 15),
        }
    }

    /// What its clock says, so many seconds after the city began.
    pub(super) fn clock(&self, seconds: u64) -> Time {
        let drift = self.ahead_seconds + self.drift_seconds * (seconds as i64 / 3_600) / 24;
        town::time(seconds.saturating_add_signed(drift))
    }

    /// Has the power fail soon, in the middle of an operation.
    pub(super) fn cut_soon(&self, draws: &mut Draws) {
        let operations = draws.below(7);
        let tear = if draws.chance(50) {
            Tear::Prefix(draws.place(ERASE_SIZE / 8))
        } else {
            Tear::Subset(draws.below(SUBSETS.into()) as u8)
        };
        self.flash.with(|flash| flash.cut_after(operations, tear));
    }

    /// Power again; whether it had failed. What the flash was asked for wrongly is a failure.
    pub(super) fn restart(&self) -> Result<bool> {
        let (had_power, violation) = self
            .flash
            .with(|flash| {
                let had_power = flash.has_power();
                flash.restart();
                (had_power, flash.violation())
            })
            .ok_or_else(|| anyhow!("the flash is in use"))?;
        ensure!(violation.is_none(), "{} misused its flash: {violation:?}", self.name);
        Ok(!had_power)
    }

    /// Whether it has power.
    pub(super) fn has_power(&self) -> bool {
        self.flash.with(|flash| flash.has_power()).unwrap_or_default()
    }

    /// What it keeps.
    pub(super) fn store(&self) -> Result<FlashStore<'_, Flash>, FlashError> {
        FlashStore::open(&self.flash, layout())
    }

    /// Overwrites the journal, as no flash should.
    pub(super) fn lose_journal(&self) {
        let (from, length) = (layout().regions().journal.offset(), layout().regions().journal.length());
        self.flash.with(|flash| {
            flash.bytes_mut().iter_mut().skip(from as usize).take(length as usize).for_each(|byte| *byte = 0xff);
        });
    }

    /// Switches it on, and does something with it.
    pub(super) fn run<T>(
        &self,
        keys: &Arc<AuthorityKeys<P256>>,
        now: Time,
        random: ChaCha20Rng,
        work: impl FnOnce(&mut Running<'_>) -> T,
    ) -> Result<T> {
        let mut seen = vec![Seen::EMPTY; REMEMBERED];
        let mut slots = vec![Subject::from_bytes([0; 16]); SUBJECT_SLOTS];
        let store = self.store()?;
        store.recall(&mut seen)?;
        let parts = store.active_bundle(keys.id())?;
        let domain = Domain::new(keys.authority(), &self.key)?.with_subject_slots(&mut slots);
        let devices = Devices { clock: StandingClock(now), random, storage: store };
        let mut terminal = Terminal::new(domain, Policy::STRICT, devices, &mut seen);
        if let Some(parts) = parts {
            let installed = terminal.install(parts.as_slice());
            installed.map_err(|refused| anyhow!("{} refuses its own bundle: {refused}", self.name))?;
            ensure!(terminal.recognises_pseudonyms(), "{} has too little room for the bundle", self.name);
        }
        Ok(work(&mut terminal))
    }

    /// Cuts an upload, or tells the one that waits: its bytes. `None` when there is nothing, or the power failed.
    pub(super) fn upload(&self, hedge: &[u8; 32]) -> Result<Option<Vec<u8>>> {
        let cut = || -> Result<Option<Vec<u8>>, FlashError> {
            let mut store = self.store()?;
            let Some(pending) = store.cut_upload(&self.key, hedge, MOST_RECORDS)? else { return Ok(None) };
            let mut bytes = vec![0; pending.length() as usize];
            let read = store.read_upload(0, &mut bytes)?;
            bytes.truncate(read);
            Ok(Some(bytes))
        };
        match cut() {
            Ok(bytes) => Ok(bytes),
            Err(_) if !self.has_power() => Ok(None),
            Err(error) => Err(anyhow!("{} cannot cut an upload: {error}", self.name)),
        }
    }

    /// Takes an acknowledgement; whether it freed something.
    pub(super) fn acknowledge(&self, keys: &AuthorityKeys<P256>, bytes: &[u8]) -> Result<bool> {
        let take = || self.store()?.acknowledge(keys.authority(), bytes).map(drop);
        match take() {
            Ok(()) => Ok(true),
            // For an upload that is acknowledged already, or one before it.
            Err(FlashError::NoUpload | FlashError::OtherUpload) => Ok(false),
            Err(_) if !self.has_power() => Ok(false),
            Err(error) => Err(anyhow!("{} refuses an acknowledgement: {error}", self.name)),
        }
    }

    /// Takes a trust bundle.
    pub(super) fn load(
        &self,
        keys: &Arc<AuthorityKeys<P256>>,
        now: Time,
        random: ChaCha20Rng,
        bundle: &[u8],
    ) -> Result<Loaded> {
        let loaded = self.run(keys, now, random, |terminal| -> Result<(), String> {
            let parts = {
                let storage = &mut terminal.devices().storage;
                storage.begin_bundle(1).map_err(|error| error.to_string())?;
                for (piece, offset) in bundle.chunks(PIECE).zip((0..).step_by(PIECE)) {
                    storage.write_bundle(offset, piece).map_err(|error| error.to_string())?;
                }
                match storage.finish_bundle(keys.authority()) {
                    Err(FlashError::NotNewer) => return Ok(()),
                    parts => parts.map_err(|error| error.to_string())?,
                }
            };
            terminal.install(parts.as_slice()).map_err(|error| error.to_string())
        });
        let is_newest = || -> Result<bool> {
            let header = symbolon_tap::Bundle::parse(bundle)?;
            let mark = symbolon_verifier::Storage::bundle_mark(&self.store()?, keys.id());
            Ok(mark.is_some_and(|mark| mark.sequence == header.header().sequence()))
        };
        match loaded {
            Ok(Ok(())) => Ok(if is_newest()? { Loaded::Taken } else { Loaded::NotNewer }),
            _ if !self.has_power() => Ok(Loaded::PowerFailed),
            Ok(Err(error)) => Err(anyhow!("{} refuses a bundle: {error}", self.name)),
            Err(error) => Err(error),
        }
    }
}
