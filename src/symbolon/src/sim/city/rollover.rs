//! One authority follows another: the statement that names it, its own service, and who goes over when.

use super::{City, HOUR};
use crate::sim::{
    network::Event,
    town::{self, Town, operator},
};
use anyhow::{Context, Result, anyhow};
use std::sync::Arc;
use symbolon_ccks::{SigningKey, Suite, Time, prepare_parameters};
use symbolon_tap::{Successor, SuccessorFields};

/// What terminals are told of the authority that follows.
pub(super) struct Rollover<S: Suite> {
    successor: Successor,
    /// The next authority's parameters as terminals keep them.
    prepared: Arc<[u8]>,
    /// Each terminal's key under it; those that are out of use get none.
    keys: Vec<Option<SigningKey<S>>>,
}

impl<S: Suite> City<S> {
    /// The authority names its successor, whose service begins at once; its keys count some hours later, and for some more
    /// hours those of both do.
    pub(super) async fn succeed(&mut self) -> Result<()> {
        let next_from = self.now + 2 * HOUR + self.draws.below(8 * HOUR);
        let this_until = next_from + 4 * HOUR + self.draws.below(16 * HOUR);
        let next = Town::new(self.seed, 1, self.tampering)?;
        next.set_clock(self.now);
        let fields = SuccessorFields {
            next_suite: S::ID,
            next_authority: *next.keys.id(),
            next_from: town::time(next_from),
            this_until: town::time(this_until),
        };
        let first = Arc::clone(&self.town(0)?.keys);
        let rotation = town::secret::<S>(0).rotation_key(first.authority());
        let successor = Successor::sign(&rotation, fields, &self.secrets.bytes())
            .map_err(|refused| anyhow!("the rotation key does not sign: {refused}"))?;
        let prepared = prepare_parameters(next.keys.parameters())?.into();
        self.towns.push(next);
        self.calm(true);
        let mut keys = Vec::new();
        for terminal in 0..self.devices.len() {
            let device = self.device(terminal)?;
            let (sector, number, is_retired) = (device.sector, device.station[0], device.is_retired);
            let enrolled = if is_retired { None } else { Some(self.town(1)?.terminal(sector, number.into()).await?.1) };
            keys.push(enrolled);
        }
        self.calm(false);
        self.rollover = Some(Rollover { successor, prepared, keys });
        for holder in 0..self.holders.len() {
            self.agenda.put(next_from + self.draws.below(12 * HOUR), Event::Follow { holder });
        }
        self.counts.add("rollovers");
        self.log.note_bytes(self.moment(), "the authority names its successor", successor.as_bytes());
        Ok(())
    }

    /// Whether a terminal is to be told of the authority that follows.
    pub(super) fn is_to_follow(&self, terminal: usize) -> Result<bool> {
        let Some(rollover) = &self.rollover else { return Ok(false) };
        let has_key = rollover.keys.get(terminal).is_some_and(Option::is_some);
        Ok(has_key && !self.device(terminal)?.holds(1, &self.keys())?)
    }

    /// A terminal loads the next authority's parameters, and takes its key.
    pub(super) fn take_successor(&mut self, terminal: usize) -> Result<()> {
        if !self.is_to_follow(terminal)? {
            return Ok(());
        }
        self.perhaps_cut(terminal);
        let keys = self.keys();
        let rollover = self.rollover.as_mut().context("no successor was named")?;
        let key = rollover.keys.get_mut(terminal).context("there is no such terminal")?;
        let device = self.devices.get_mut(terminal).context("there is no such terminal")?;
        let is_taken = device.take_successor(&keys, (&rollover.successor, &rollover.prepared), key)?;
        let what =
            format!("{}: the successor is {}", device.name, if is_taken { "taken" } else { "not taken, no power" });
        if is_taken {
            self.counts.add("terminals_rolled_over");
        }
        self.note(&what);
        self.look_after(terminal)?;
        self.check_device(terminal)
    }

    /// A terminal drops the first authority once its keys do not count any more.
    pub(super) fn perhaps_drop(&mut self, terminal: usize) -> Result<()> {
        let (keys, now) = (self.keys(), town::time(self.now));
        let is_over = self.rollover.as_ref().is_some_and(|rollover| rollover.successor.this_until() < now);
        if !is_over || !self.device(terminal)?.holds(0, &keys)? || !self.device(terminal)?.holds(1, &keys)? {
            return Ok(());
        }
        self.perhaps_cut(terminal);
        let random = self.secrets.generator();
        let device = self.device(terminal)?;
        let clock: Time = device.clock(self.now);
        if device.drop_first(&keys, clock, random)? {
            let what = format!("{} drops the first authority", device.name);
            self.counts.add("authorities_dropped");
            self.note(&what);
        }
        self.look_after(terminal).map(drop)
    }

    /// The holder of a card gets another under the next authority, and hardly uses the first any more.
    pub(super) async fn follow(&mut self, holder: usize) -> Result<()> {
        let of = self.holders.get(holder).context("there is no such holder")?;
        if of.is_copy {
            return Ok(());
        }
        let name = format!("next {}", of.name);
        // Who is issued a card tries until it has one.
        self.calm(true);
        let place = self.issue(1, &name).await?;
        self.calm(false);
        if let Some(of) = self.holders.get_mut(holder) {
            of.followed_by = Some(place);
        }
        self.counts.add("cards_rolled_over");
        self.agenda.put(self.now + 60, Event::Refill { holder: place });
        for _ in 0..1 + self.draws.below(3) {
            let start = self.now + 120 + self.draws.below(6 * HOUR);
            self.plan_an_outing(place, start);
        }
        Ok(())
    }

    /// An operator takes a terminal out of use where another does its work.
    pub(super) async fn retire(&mut self, terminal: usize) -> Result<()> {
        let device = self.device(terminal)?;
        let (sector, subject, name) = (device.sector, device.subject, device.name.clone());
        let others = self.devices.iter().filter(|device| device.sector == sector && !device.is_retired).count();
        if device.is_retired || others < 2 {
            return Ok(());
        }
        for town in 0..self.towns.len() {
            let request = self.town(town)?.request();
            self.town(town)?.roles().terminals.retire(request, &operator(sector), subject).await?;
        }
        self.books.retired(terminal, town::time(self.now));
        if let Some(device) = self.devices.get_mut(terminal) {
            device.is_retired = true;
        }
        self.counts.add("terminals_retired");
        self.note(&format!("{name} is taken out of use"));
        Ok(())
    }
}
