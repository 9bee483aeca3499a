//! A city that lives: event after event, each followed by the checks.

mod offices;
mod people;
mod plans;
mod reckoning;
mod rollover;

use super::{
    books::Books,
    device::{Device, Loaded},
    draws::{Draws, Stream},
    holder::{Card, Holder, Keys},
    log::{Log, Moment},
    network::{Agenda, Event, Message, Network},
    town::{self, JOURNEY_SECONDS, Town, bank},
    wires::Tampering,
};
use anyhow::{Context, Result, anyhow};
use rollover::Rollover;
use std::collections::BTreeMap;
use symbolon_ccks::{Sector, Suite};
use symbolon_service::ServiceError;
use symbolon_store::Page;

pub(super) const DAY_SECONDS: u64 = 86_400;
const HOUR: u64 = 3_600;
/// What is paid in for each card, minor units.
const MONEY: u32 = 2_000_000;
/// Of a hundred things that happen at a terminal, in so many the power fails soon.
const POWER_CUTS: u64 = 12;
/// Of a hundred cities, in so many the authority names its successor on the first day.
const ROLLOVERS: u64 = 40;
const ALL: Page = Page { after: 0, limit: 10_000 };

/// How large a city is.
#[derive(Clone, Copy, Debug)]
pub(super) struct Size {
    pub(super) cards: u8,
    /// Of each sector.
    pub(super) terminals: u8,
}

/// How often what happened.
#[derive(Clone, Debug, Default)]
pub(super) struct Counts {
    pub(super) counts: BTreeMap<&'static str, u64>,
    pub(super) declined: BTreeMap<&'static str, u64>,
}

impl Counts {
    fn add(&mut self, what: &'static str) {
        *self.counts.entry(what).or_default() += 1;
    }
}

/// A simulated city.
pub(super) struct City<S: Suite> {
    /// The service of the first authority, and of the one that follows once that is named.
    towns: Vec<Town<S>>,
    rollover: Option<Rollover<S>>,
    cards: Vec<Card<S>>,
    holders: Vec<Holder>,
    devices: Vec<Device<S>>,
    books: Books,
    agenda: Agenda,
    network: Network,
    /// Who does what.
    draws: Draws,
    /// Keys and nonces of devices.
    secrets: Draws,
    now: u64,
    seed: u64,
    pub(super) log: Log,
    pub(super) counts: Counts,
    tampering: Option<Tampering>,
}

impl<S: Suite> City<S> {
    /// Founds a city.
    pub(super) async fn found(seed: u64, size: Size, tampering: Option<Tampering>) -> Result<Self> {
        let mut city = Self {
            towns: vec![Town::new(seed, 0, tampering)?],
            rollover: None,
            seed,
            cards: Vec::new(),
            holders: Vec::new(),
            devices: Vec::new(),
            books: Books::default(),
            agenda: Agenda::default(),
            network: Network::new(seed),
            draws: Draws::new(seed, Stream::City),
            secrets: Draws::new(seed, Stream::Devices),
            now: 0,
            log: Log::default(),
            counts: Counts::default(),
            tampering,
        };
        for sector in Sector::ALL {
            for number in 1..=size.terminals {
                let (terminal, key) = city.town(0)?.terminal(sector, number.into()).await?;
                let device = Device::new(sector, number, terminal.subject, key, &mut city.draws);
                city.devices.push(device);
            }
        }
        for number in 0..usize::from(size.cards) {
            city.issue(0, &format!("card {number}")).await?;
        }
        let bundle = city.town(0)?.roles().bundles.newest().await?.bytes;
        for terminal in 0..city.devices.len() {
            city.load(terminal, 0, &bundle)?;
            let first = city.draws.below(8 * HOUR);
            city.agenda.put(first, Event::Sync { terminal, goes_on: true });
        }
        if city.draws.chance(ROLLOVERS) {
            city.agenda.put(city.draws.below(24 * HOUR), Event::Succeed);
        }
        city.agenda.put(0, Event::Day);
        city.agenda.put(HOUR, Event::Chores);
        Ok(city)
    }

    /// Lives so many days, then has all that is left arrive.
    pub(super) async fn live(&mut self, days: u64) -> Result<()> {
        self.calm(false);
        while let Some(next) = self.agenda.next_seconds().filter(|next| *next < days * DAY_SECONDS) {
            let Some((_, event)) = self.agenda.next() else { break };
            self.set_clock(next);
            self.log.step();
            self.take(event).await?;
            self.check_ledger().await?;
        }
        self.end().await
    }

    /// The present moment.
    pub(super) fn moment(&self) -> Moment {
        Moment(self.now)
    }

    /// Accepted taps, records that arrived, and credentials that were misused.
    pub(super) fn totals(&self) -> (u64, u64, u64) {
        let (accepted, arrived) = self.books.count();
        (accepted, arrived, self.books.misused().len() as u64)
    }

    fn set_clock(&mut self, seconds: u64) {
        self.now = self.now.max(seconds);
        self.towns.iter().for_each(|town| town.set_clock(self.now));
    }

    /// Has nothing get lost between roles, or something.
    fn calm(&self, is_calm: bool) {
        self.towns.iter().for_each(|town| town.lines.calm(is_calm));
    }

    /// The service of an authority.
    fn town(&mut self, town: usize) -> Result<&mut Town<S>> {
        self.towns.get_mut(town).context("there is no such service")
    }

    /// The keys of the authorities.
    fn keys(&self) -> Vec<Keys<S>> {
        self.towns.iter().map(|town| Keys::clone(&town.keys)).collect()
    }

    fn device(&self, terminal: usize) -> Result<&Device<S>> {
        self.devices.get(terminal).context("there is no such terminal")
    }

    fn card(&self, card: usize) -> Result<&Card<S>> {
        self.cards.get(card).context("there is no such card")
    }

    /// Issues a card to somebody new; their place.
    async fn issue(&mut self, town: usize, name: &str) -> Result<usize> {
        let number = self.cards.len();
        let (record, key) = self.town(town)?.card(MONEY).await?;
        let credential = key.credential().context("a card has a credential")?;
        self.log.note_bytes(Moment(self.now), &format!("{name} is issued"), credential.as_bytes());
        let card = Card { town, record, key, is_revoked: false };
        let of = self.towns.get(town).context("there is no such service")?;
        let holder = Holder::new(name, (number, &card), &of.keys, &of.issuance, &mut self.draws)?;
        self.cards.push(card);
        self.holders.push(holder);
        Ok(self.holders.len() - 1)
    }

    fn note(&mut self, what: &str) {
        self.log.note(Moment(self.now), what);
    }

    async fn take(&mut self, event: Event) -> Result<()> {
        match event {
            Event::Day => self.plan_a_day(),
            Event::Tap { holder, terminal, ask } => self.tap(holder, terminal, &ask)?,
            Event::Buy { holder, terminal } => self.buy(holder, terminal).await?,
            Event::Refill { holder } => self.refill(holder).await?,
            Event::Sync { terminal, goes_on } => self.sync(terminal, goes_on)?,
            Event::Arrive(message) => self.arrive(message).await?,
            Event::Chores => self.chores().await?,
            Event::Copy { holder } => self.copy(holder),
            Event::Revoke { card } => self.revoke(card).await?,
            Event::Crash => {
                self.note("the service is killed and started");
                self.counts.add("crashes");
                self.towns.iter_mut().try_for_each(Town::reopen)?;
            }
            Event::Succeed => self.succeed().await?,
            Event::Follow { holder } => self.follow(holder).await?,
            Event::Retire { terminal } => self.retire(terminal).await?,
            Event::Office => self.office().await?,
            Event::Reckon => self.reckon().await?,
        }
        Ok(())
    }

    /// Has the power of a terminal fail soon, now and then.
    fn perhaps_cut(&mut self, terminal: usize) {
        if self.draws.chance(POWER_CUTS)
            && let Some(device) = self.devices.get(terminal)
        {
            device.cut_soon(&mut self.draws);
        }
    }

    /// Gives a terminal power again, and looks whether it still has everything.
    fn look_after(&mut self, terminal: usize) -> Result<bool> {
        let device = self.devices.get(terminal).context("there is no such terminal")?;
        let was_cut = device.restart()?;
        if was_cut {
            self.counts.add("power_cuts");
            let what = format!("the power of {} failed", device.name);
            self.note(&what);
        }
        Ok(was_cut)
    }

    fn check_device(&self, terminal: usize) -> Result<()> {
        let device = self.device(terminal)?;
        self.books.check_device(terminal, device)
    }

    fn copy(&mut self, holder: usize) {
        let Some(original) = self.holders.get(holder) else { return };
        let copy = original.copied();
        let what = format!("{} is copied", original.name);
        self.holders.push(copy);
        self.counts.add("copies");
        self.note(&what);
        // The copy is used the same day.
        let place = self.holders.len() - 1;
        for _ in 0..1 + self.draws.below(3) {
            let start = self.now + 60 + self.draws.below(6 * HOUR);
            self.plan_an_outing(place, start);
        }
    }

    async fn revoke(&mut self, card: usize) -> Result<()> {
        let (town, number) = self.card(card).map(|card| (card.town, card.record.number))?;
        let request = self.town(town)?.request();
        let what = match self.town(town)?.roles().cards.revoke(request, &bank(), number).await {
            Ok(_) => {
                if let Some(card) = self.cards.get_mut(card) {
                    card.is_revoked = true;
                }
                self.counts.add("revocations");
                format!("card {card} is revoked")
            }
            Err(refused) => format!("card {card} is not revoked: {}", refused.reason()),
        };
        self.note(&what);
        Ok(())
    }

    /// A terminal uploads what it has, and asks for the newest bundle.
    fn sync(&mut self, terminal: usize, goes_on: bool) -> Result<()> {
        self.perhaps_cut(terminal);
        let (hedge, keys) = (self.secrets.bytes(), self.keys());
        let device = self.device(terminal)?;
        let (upload, name) = (device.upload(&keys, &hedge)?, device.name.clone());
        self.look_after(terminal)?;
        if let Some((town, bytes)) = upload {
            self.log.note_bytes(Moment(self.now), &format!("{name} uploads"), &bytes);
            self.send(&Message::Upload(terminal, town, bytes.into()));
        } else {
            self.note(&format!("{name} has nothing to upload"));
        }
        self.perhaps_drop(terminal)?;
        for town in 0..keys.len() {
            if self.device(terminal)?.holds(town, &keys)? {
                self.send(&Message::AskBundle(terminal, town));
            }
        }
        if goes_on {
            let hours = if self.draws.chance(12) { 30 + self.draws.below(16) } else { 2 + self.draws.below(7) };
            let at = self.now + hours * HOUR + self.draws.below(HOUR);
            self.agenda.put(at, Event::Sync { terminal, goes_on });
        }
        self.check_device(terminal)
    }

    fn send(&mut self, message: &Message) {
        let arrivals = self.network.send();
        self.counts.add(match arrivals.len() {
            0 => "messages_lost",
            1 => "messages",
            _ => "messages_doubled",
        });
        for after in arrivals {
            self.agenda.put(self.now + after, Event::Arrive(message.clone()));
        }
    }

    async fn arrive(&mut self, message: Message) -> Result<()> {
        let terminal = message.terminal();
        let name = self.devices.get(terminal).map(|device| device.name.clone()).context("no such terminal")?;
        let what = format!("{} of {name} arrives", message.name());
        self.note(&what);
        match message {
            Message::Upload(_, town, bytes) => {
                if let Some(answer) = self.take_upload((terminal, town), &bytes).await? {
                    self.send(&Message::Acknowledgement(terminal, town, answer.into()));
                }
            }
            Message::Acknowledgement(_, town, bytes) => self.take_acknowledgement((terminal, town), &bytes)?,
            Message::AskBundle(_, town) => {
                let bundle = self.town(town)?.roles().bundles.newest().await?;
                self.send(&Message::Bundle(terminal, town, bundle.bytes.into()));
                if town == 0 && self.is_to_follow(terminal)? {
                    self.send(&Message::Successor(terminal));
                }
            }
            Message::Successor(_) => self.take_successor(terminal)?,
            Message::Bundle(_, town, bytes) => {
                self.perhaps_cut(terminal);
                self.load(terminal, town, &bytes)?;
                self.look_after(terminal)?;
                self.check_device(terminal)?;
            }
        }
        Ok(())
    }

    /// The service takes an upload: its acknowledgement, unless a role was away.
    async fn take_upload(&mut self, (terminal, town): (usize, usize), bytes: &[u8]) -> Result<Option<Vec<u8>>> {
        match self.town(town)?.roles().exchange.upload(bytes.to_vec()).await {
            Ok(mut answered) => {
                answered.repeated |= self.tampering == Some(Tampering::SayRepeated);
                self.books.answered(self.now, terminal, bytes, &answered)?;
                self.counts.add(if answered.repeated { "uploads_repeated" } else { "uploads" });
                let outcomes = format!("{:?}", answered.answer.outcomes());
                self.log.note_bytes(Moment(self.now), &outcomes, &answered.answer.encode());
                Ok(Some(answered.answer.signed_acknowledgement()))
            }
            Err(ServiceError::RoleUnavailable(role)) => {
                self.note(&format!("the upload is not taken: {role} was away"));
                Ok(None)
            }
            Err(error) => Err(anyhow!("an upload was refused: {error}")),
        }
    }

    fn take_acknowledgement(&mut self, (terminal, town): (usize, usize), bytes: &[u8]) -> Result<()> {
        self.perhaps_cut(terminal);
        let keys = Keys::clone(&self.town(town)?.keys);
        let freed = self.device(terminal)?.acknowledge(&keys, bytes)?;
        self.look_after(terminal)?;
        let device = self.device(terminal)?;
        if freed && device.store()?.unacknowledged()? > 0 {
            self.agenda.put(self.now + 5, Event::Sync { terminal, goes_on: false });
        }
        self.check_device(terminal)
    }

    fn load(&mut self, terminal: usize, town: usize, bundle: &[u8]) -> Result<()> {
        let (keys, random) = (self.keys(), self.secrets.generator());
        let device = self.device(terminal)?;
        if !device.holds(town, &keys)? {
            let what = format!("{}: bundle of an authority that it does not have", device.name);
            self.note(&what);
            return Ok(());
        }
        let loaded = device.load((&keys, town), device.clock(self.now), random, bundle)?;
        let what = format!(
            "{}: bundle {}",
            device.name,
            match loaded {
                Loaded::Taken => "taken",
                Loaded::NotNewer => "not newer",
                Loaded::PowerFailed => "not taken, no power",
            }
        );
        self.note(&what);
        Ok(())
    }

    async fn chores(&mut self) -> Result<()> {
        for town in &self.towns {
            town.chores().await?;
        }
        self.end_journeys();
        self.agenda.put(self.now + 2 * HOUR, Event::Chores);
        Ok(())
    }

    /// Whenever the service closes journeys that were held for too long, so do the books.
    fn end_journeys(&mut self) {
        if let Some(until) = self.now.checked_sub(JOURNEY_SECONDS) {
            self.books.end_journeys(town::time(until));
        }
    }
}
