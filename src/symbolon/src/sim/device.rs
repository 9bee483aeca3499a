//! A terminal: the verifier on flash whose power fails, and a clock that is not quite right.
//!
//! It is started anew for whatever happens at it, so that everything it knows it has from its flash.

use super::{
    draws::Draws,
    holder::Keys,
    town::{self, station},
};
use crate::source::StandingClock;
use anyhow::{Result, anyhow, ensure};
use rand_chacha::ChaCha20Rng;
use symbolon_ccks::{Authority, Sector, SigningKey, Subject, Suite, Time};
use symbolon_flash_sim::{ERASE_SIZE, SUBSETS, SimulatedFlash, Tear};
use symbolon_service::authority::AuthorityKeys;
use symbolon_tap::Successor;
use symbolon_verifier::{
    Devices, Domain, Policy, Seen, Terminal,
    flash::{FlashError, FlashStore, Layout, Pages, SharedFlash},
};

type Flash = SimulatedFlash<Vec<u8>>;

/// A terminal that is switched on.
pub(super) type Running<'a, S> = Terminal<'a, S, StandingClock, ChaCha20Rng, FlashStore<'a, Flash>>;

/// How many taps a terminal remembers, and by how many pseudonyms it can know revoked cards.
const REMEMBERED: usize = 32;
const SUBJECT_SLOTS: usize = 1_024;
/// Records of one upload at most, so that some take more than one.
const MOST_RECORDS: u16 = 12;
/// Bytes of a bundle that are loaded at a time.
const PIECE: usize = 240;

/// What a terminal has over its life.
pub(super) struct Device<S: Suite> {
    pub(super) name: String,
    pub(super) sector: Sector,
    pub(super) subject: Subject,
    pub(super) station: [u8; 16],
    /// Of the first authority, and of its successor once that was taken.
    keys: [Option<SigningKey<S>>; 2],
    /// Its operator has taken it out of use.
    pub(super) is_retired: bool,
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
    let pages = Pages { state: 2, journal: 4, bundle: 2, authority: 18 };
    Layout::consecutive(0, ERASE_SIZE as u32, &pages).expect("the pages follow one another")
}

impl<S: Suite> Device<S> {
    pub(super) fn new(sector: Sector, number: u8, subject: Subject, key: SigningKey<S>, draws: &mut Draws) -> Self {
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
            keys: [Some(key), None],
            is_retired: false,
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

    /// Whether it takes taps of cards of this authority, or will when the time has come.
    pub(super) fn holds(&self, town: usize, keys: &[Keys<S>]) -> Result<bool> {
        let Some(id) = keys.get(town).map(|keys| keys.id()) else { return Ok(false) };
        let store = self.store()?;
        if town == 0 {
            return Ok(!store.is_dropped(id));
        }
        let is_stored = store.authorities().iter().flatten().any(|stored| stored.id() == id);
        Ok(is_stored && self.keys.get(town).is_some_and(Option::is_some))
    }

    /// Switches it on, and does something with it. The first authority's parameters are linked into it; those of its
    /// successor it reads from its flash.
    pub(super) fn run<T>(
        &self,
        keys: &[Keys<S>],
        now: Time,
        random: ChaCha20Rng,
        work: impl FnOnce(&mut Running<'_, S>) -> T,
    ) -> Result<T> {
        let mut seen = vec![Seen::EMPTY; REMEMBERED];
        let [mut slots, mut more_slots] = [(); 2].map(|()| vec![Subject::from_bytes([0; 16]); SUBJECT_SLOTS]);
        let store = self.store()?;
        store.recall(&mut seen)?;
        let (stored, named) = (store.authorities(), store.successor().copied());
        let [stored, _] = stored;
        let opened = stored.map(|stored| Authority::<S>::open(stored.parameters(), stored.id())).transpose();
        let opened = opened.map_err(|refused| anyhow!("{} cannot open an authority: {refused}", self.name))?;
        let linked = keys.first().map(|keys| keys.authority()).filter(|linked| !store.is_dropped(linked.id()));
        let [own, next_own] = &self.keys;
        let first = linked.zip(own.as_ref()).map(|(authority, key)| Domain::new(authority, key)).transpose()?;
        let next = opened.as_ref().zip(next_own.as_ref());
        let next = next.map(|(authority, key)| Domain::new(authority, key)).transpose()?;
        let (present, other) = if first.is_some() { (first, next) } else { (next, None) };
        let present = present.ok_or_else(|| anyhow!("{} has no authority", self.name))?.with_subject_slots(&mut slots);
        let devices = Devices { clock: StandingClock(now), random, storage: store };
        let mut terminal = Terminal::new(present, Policy::STRICT, devices, &mut seen);
        if let (Some(other), Some(named)) = (other, named) {
            let added = terminal.add_domain(other.with_subject_slots(&mut more_slots), &named);
            added.map_err(|refused| anyhow!("{} refuses the successor: {refused}", self.name))?;
        }
        for id in terminal.authorities().copied().collect::<Vec<_>>() {
            let Some(parts) = terminal.devices().storage.active_bundle(&id)? else { continue };
            let installed = terminal.install(parts.as_slice());
            installed.map_err(|refused| anyhow!("{} refuses its own bundle: {refused}", self.name))?;
        }
        ensure!(terminal.recognises_pseudonyms(), "{} has too little room for the bundle", self.name);
        Ok(work(&mut terminal))
    }

    /// Takes the statement by which the first authority names its successor, the successor's parameters, and a key of its
    /// own under it, which is left when the power fails; whether it has them now.
    pub(super) fn take_successor(
        &mut self,
        keys: &[Keys<S>],
        (successor, prepared): (&Successor, &[u8]),
        key: &mut Option<SigningKey<S>>,
    ) -> Result<bool> {
        let present = keys.first().ok_or_else(|| anyhow!("there is no authority"))?.authority();
        let load = || -> Result<(), FlashError> {
            let mut store = self.store()?;
            match store.begin_authority(present, successor) {
                Err(FlashError::AlreadyThere) => return Ok(()),
                begun => begun?,
            }
            for (piece, offset) in prepared.chunks(PIECE).zip((0..).step_by(PIECE)) {
                store.write_authority(offset, piece)?;
            }
            store.finish_authority::<S>().map(drop)
        };
        match load() {
            Ok(()) => {
                self.keys[1] = key.take();
                Ok(true)
            }
            Err(_) if !self.has_power() => Ok(false),
            Err(error) => Err(anyhow!("{} refuses the successor's parameters: {error}", self.name)),
        }
    }

    /// Drops the first authority if its successor is used and nothing of the first waits; whether it did.
    pub(super) fn drop_first(&self, keys: &[Keys<S>], now: Time, random: ChaCha20Rng) -> Result<bool> {
        let id = keys.first().map(|keys| *keys.id()).ok_or_else(|| anyhow!("there is no authority"))?;
        let dropped = self.run(keys, now, random, |terminal| {
            if terminal.drop_domain(&id).is_err() {
                return Ok(false);
            }
            match terminal.devices().storage.drop_authority(&id) {
                Ok(()) => Ok(true),
                Err(FlashError::NotInUse | FlashError::Unacknowledged) => Ok(false),
                Err(error) => Err(error),
            }
        });
        match dropped {
            Ok(Ok(is_dropped)) => Ok(is_dropped),
            _ if !self.has_power() => Ok(false),
            Ok(Err(error)) => Err(anyhow!("{} does not drop an authority: {error}", self.name)),
            Err(error) => Err(error),
        }
    }

    /// Cuts an upload, or tells the one that waits: whose records it is of, and its bytes. `None` when there is nothing,
    /// or the power failed.
    pub(super) fn upload(&self, keys: &[Keys<S>], hedge: &[u8; 32]) -> Result<Option<(usize, Vec<u8>)>> {
        let cut = || -> Result<Option<(usize, Vec<u8>)>, FlashError> {
            let mut store = self.store()?;
            for key in self.keys.iter().flatten() {
                let Some(pending) = store.cut_upload(key, hedge, MOST_RECORDS)? else { continue };
                let mut bytes = vec![0; pending.length() as usize];
                let read = store.read_upload(0, &mut bytes)?;
                bytes.truncate(read);
                let town = keys.iter().position(|keys| keys.id() == pending.authority());
                return Ok(Some((town.unwrap_or_default(), bytes)));
            }
            Ok(None)
        };
        match cut() {
            Ok(cut) => Ok(cut),
            Err(_) if !self.has_power() => Ok(None),
            Err(error) => Err(anyhow!("{} cannot cut an upload: {error}", self.name)),
        }
    }

    /// Takes an acknowledgement; whether it freed something.
    pub(super) fn acknowledge(&self, keys: &AuthorityKeys<S>, bytes: &[u8]) -> Result<bool> {
        let take = || self.store()?.acknowledge(keys.authority(), bytes).map(drop);
        match take() {
            Ok(()) => Ok(true),
            // For an upload that is acknowledged already, or one before it, be it of the other authority.
            Err(FlashError::NoUpload | FlashError::OtherUpload | FlashError::OtherAuthority) => Ok(false),
            Err(_) if !self.has_power() => Ok(false),
            Err(error) => Err(anyhow!("{} refuses an acknowledgement: {error}", self.name)),
        }
    }

    /// Takes a trust bundle of one of the authorities.
    pub(super) fn load(
        &self,
        (keys, town): (&[Keys<S>], usize),
        now: Time,
        random: ChaCha20Rng,
        bundle: &[u8],
    ) -> Result<Loaded> {
        let of = keys.get(town).ok_or_else(|| anyhow!("there is no such authority"))?;
        let loaded = self.run(keys, now, random, |terminal| -> Result<(), String> {
            let parts = {
                let storage = &mut terminal.devices().storage;
                storage.begin_bundle(1).map_err(|error| error.to_string())?;
                for (piece, offset) in bundle.chunks(PIECE).zip((0..).step_by(PIECE)) {
                    storage.write_bundle(offset, piece).map_err(|error| error.to_string())?;
                }
                match storage.finish_bundle(of.authority()) {
                    Err(FlashError::NotNewer) => return Ok(()),
                    parts => parts.map_err(|error| error.to_string())?,
                }
            };
            terminal.install(parts.as_slice()).map_err(|error| error.to_string())
        });
        let is_newest = || -> Result<bool> {
            let header = symbolon_tap::Bundle::parse(bundle)?;
            let mark = symbolon_verifier::Storage::bundle_mark(&self.store()?, of.id());
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
