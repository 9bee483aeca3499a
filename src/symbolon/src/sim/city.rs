//! A city that lives: event after event, each followed by the checks.

mod people;
mod reckoning;

use super::{
    books::Books,
    device::{Device, Loaded},
    draws::{Draws, Stream},
    holder::{Ask, Card, Holder},
    log::{Log, Moment},
    network::{Agenda, Event, Message, Network},
    town::{self, JOURNEY_SECONDS, Town},
    wires::Tampering,
};
use anyhow::{Context, Result, anyhow};
use std::collections::BTreeMap;
use symbolon_ccks::Sector;
use symbolon_service::ServiceError;
use symbolon_store::Page;
use symbolon_tap::Kind;
use symbolon_verifier::Request;

pub(super) const DAY_SECONDS: u64 = 86_400;
const HOUR: u64 = 3_600;
/// What is paid in for each card, minor units.
const MONEY: u32 = 2_000_000;
/// What is held at the gate.
const MOST_FOR_A_JOURNEY: u32 = 800;
/// Of a hundred things that happen at a terminal, in so many the power fails soon.
const POWER_CUTS: u64 = 12;
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
pub(super) struct City {
    town: Town,
    cards: Vec<Card>,
    holders: Vec<Holder>,
    devices: Vec<Device>,
    books: Books,
    agenda: Agenda,
    network: Network,
    /// Who does what.
    draws: Draws,
    /// Keys and nonces of devices.
    secrets: Draws,
    now: u64,
    pub(super) log: Log,
    pub(super) counts: Counts,
    tampering: Option<Tampering>,
}

impl City {
    /// Founds a city.
    pub(super) async fn found(seed: u64, size: Size, tampering: Option<Tampering>) -> Result<Self> {
        let mut city = Self {
            town: Town::new(seed, tampering)?,
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
                let (terminal, key) = city.town.terminal(sector, number.into()).await?;
                let device = Device::new(sector, number, terminal.subject, key, &mut city.draws);
                city.devices.push(device);
            }
        }
        for number in 0..usize::from(size.cards) {
            let (record, key) = city.town.card(MONEY).await?;
            let credential = key.credential().context("a card has a credential")?;
            city.log.note_bytes(Moment(0), "a card is issued", credential.as_bytes());
            let card = Card { record, key, is_revoked: false };
            let holder = Holder::new((number, &card), &city.town.keys, &city.town.issuance, &mut city.draws)?;
            city.cards.push(card);
            city.holders.push(holder);
        }
        let bundle = city.town.roles().bundles.newest().await?.bytes;
        for terminal in 0..city.devices.len() {
            city.load(terminal, &bundle)?;
            let first = city.draws.below(8 * HOUR);
            city.agenda.put(first, Event::Sync { terminal, goes_on: true });
        }
        city.agenda.put(0, Event::Day);
        city.agenda.put(HOUR, Event::Chores);
        Ok(city)
    }

    /// Lives so many days, then has all that is left arrive.
    pub(super) async fn live(&mut self, days: u64) -> Result<()> {
        self.town.lines.calm(false);
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
        self.town.set_clock(self.now);
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
                self.town.reopen()?;
            }
            Event::Reckon => self.reckon().await?,
        }
        Ok(())
    }

    /// Decides what people will do today.
    fn plan_a_day(&mut self) {
        self.note("a day begins");
        let from = self.now;
        for holder in 0..self.holders.len() {
            self.agenda.put(from + 60 + self.draws.below(HOUR), Event::Refill { holder });
            self.agenda.put(from + 9 * HOUR + self.draws.below(6 * HOUR), Event::Refill { holder });
            for _ in 0..1 + self.draws.below(4) {
                let start = from + 5 * HOUR + self.draws.below(17 * HOUR);
                self.plan_an_outing(holder, start);
            }
        }
        if self.draws.chance(60) {
            let (at, holder) = (from + self.draws.below(12 * HOUR), self.draws.place(self.cards.len()));
            self.agenda.put(at, Event::Copy { holder });
        }
        if self.draws.chance(30) {
            let (at, card) = (from + self.draws.below(DAY_SECONDS), self.draws.place(self.cards.len()));
            self.agenda.put(at, Event::Revoke { card });
        }
        if self.draws.chance(50) {
            self.agenda.put(from + self.draws.below(DAY_SECONDS), Event::Crash);
        }
        self.agenda.put(from + self.draws.below(DAY_SECONDS), Event::Reckon);
        self.agenda.put(from + DAY_SECONDS - 1, Event::Reckon);
        self.agenda.put(from + DAY_SECONDS, Event::Day);
    }

    fn plan_an_outing(&mut self, holder: usize, start: u64) {
        let request = |kind, sector, amount, reference| Ask::Terms(Request { kind, sector, amount, reference });
        match self.draws.below(10) {
            0..5 => {
                let (from, to) = (self.at(Sector::Transport), self.at(Sector::Transport));
                let station =
                    |city: &Self, terminal: usize| city.devices.get(terminal).map_or([0; 16], |at| at.station);
                let (entry, exit) = (station(self, from), station(self, to));
                let ask = request(Kind::Entry, Sector::Transport, MOST_FOR_A_JOURNEY, entry);
                self.agenda.put(start, Event::Tap { holder, terminal: from, ask });
                let takes = if self.draws.chance(6) { 22 * HOUR } else { 300 + self.draws.below(HOUR) };
                if !self.draws.chance(8) {
                    let ask = request(Kind::Exit, Sector::Transport, 0, exit);
                    self.agenda.put(start + takes, Event::Tap { holder, terminal: to, ask });
                }
            }
            5..8 => {
                let sector = if self.draws.chance(70) { Sector::Water } else { Sector::Power };
                let (terminal, amount) = (self.at(sector), 1 + self.draws.below(1_900) as u32);
                let ask = request(Kind::Purchase, sector, amount, self.draws.bytes());
                self.agenda.put(start, Event::Tap { holder, terminal, ask });
            }
            _ => {
                let terminal = self.at(Sector::Power);
                self.agenda.put(start, Event::Buy { holder, terminal });
            }
        }
    }

    /// A terminal of a sector.
    fn at(&mut self, sector: Sector) -> usize {
        let of_sector = |(number, device): (usize, &Device)| (device.sector == sector).then_some(number);
        let all: Vec<_> = self.devices.iter().enumerate().filter_map(of_sector).collect();
        all.get(self.draws.place(all.len())).copied().unwrap_or_default()
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
        let device = self.devices.get(terminal).context("there is no such terminal")?;
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
        let request = self.town.request();
        let number = self.cards.get(card).map(|card| card.record.number).context("there is no such card")?;
        let what = match self.town.roles().cards.revoke(request, &Town::bank(), number).await {
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
        let hedge = self.secrets.bytes();
        let device = self.devices.get(terminal).context("there is no such terminal")?;
        let (upload, name) = (device.upload(&hedge)?, device.name.clone());
        self.look_after(terminal)?;
        if let Some(bytes) = upload {
            self.log.note_bytes(Moment(self.now), &format!("{name} uploads"), &bytes);
            self.send(&Message::Upload(terminal, bytes.into()));
        } else {
            self.note(&format!("{name} has nothing to upload"));
        }
        self.send(&Message::AskBundle(terminal));
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
            Message::Upload(_, bytes) => {
                if let Some(answer) = self.take_upload(terminal, &bytes).await? {
                    self.send(&Message::Acknowledgement(terminal, answer.into()));
                }
            }
            Message::Acknowledgement(_, bytes) => self.take_acknowledgement(terminal, &bytes)?,
            Message::AskBundle(_) => {
                let bundle = self.town.roles().bundles.newest().await?;
                self.send(&Message::Bundle(terminal, bundle.bytes.into()));
            }
            Message::Bundle(_, bytes) => {
                self.perhaps_cut(terminal);
                self.load(terminal, &bytes)?;
                self.look_after(terminal)?;
                self.check_device(terminal)?;
            }
        }
        Ok(())
    }

    /// The service takes an upload: its acknowledgement, unless a role was away.
    async fn take_upload(&mut self, terminal: usize, bytes: &[u8]) -> Result<Option<Vec<u8>>> {
        match self.town.roles().exchange.upload(bytes.to_vec()).await {
            Ok(answered) => {
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

    fn take_acknowledgement(&mut self, terminal: usize, bytes: &[u8]) -> Result<()> {
        self.perhaps_cut(terminal);
        let device = self.devices.get(terminal).context("there is no such terminal")?;
        let freed = device.acknowledge(&self.town.keys, bytes)?;
        self.look_after(terminal)?;
        let device = self.devices.get(terminal).context("there is no such terminal")?;
        if freed && device.store()?.unacknowledged()? > 0 {
            self.agenda.put(self.now + 5, Event::Sync { terminal, goes_on: false });
        }
        self.check_device(terminal)
    }

    fn load(&mut self, terminal: usize, bundle: &[u8]) -> Result<()> {
        let device = self.devices.get(terminal).context("there is no such terminal")?;
        let loaded = device.load(&self.town.keys, device.clock(self.now), self.secrets.generator(), bundle)?;
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
        self.town.chores().await?;
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
