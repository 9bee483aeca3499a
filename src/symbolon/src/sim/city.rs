//! A city that lives: event after event, each followed by the checks.

use super::{
    books::Books,
    device::{Device, Loaded},
    draws::{Draws, Stream},
    holder::{self, Ask, Card, Holder, Keys, Making, Shown},
    log::{Log, Moment},
    network::{Agenda, Event, Message, Network},
    town::{self, CURRENCY, JOURNEY_SECONDS, Town, operator},
    wires::Tampering,
};
use anyhow::{Context, Result, anyhow, ensure};
use std::{collections::BTreeMap, sync::Arc};
use symbolon_ccks::{Class, Sector};
use symbolon_service::{
    ServiceError,
    attester::{CHALLENGE_METHOD, Pseudonyms},
    exchange::MisuseReader,
    links::ItemRefusal,
    vouchers::{BUY_METHOD, LIST_METHOD, VoucherBody},
};
use symbolon_store::{
    Page,
    records::{AccountName, CardState, VoucherState},
};
use symbolon_tap::{Bundle, Kind, misuse};
use symbolon_verifier::Request;
use symbolon_wallet::{BadReason, ItemAnswer};

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

    fn tap(&mut self, holder: usize, terminal: usize, ask: &Ask) -> Result<()> {
        self.perhaps_cut(terminal);
        let mut shown = None;
        let outcome = self.show(holder, terminal, ask, &mut shown)?;
        let mut outcome = outcome;
        let was_cut = self.look_after(terminal)?;
        let card = self.holders.get(holder).map(|holder| holder.card).context("there is no such holder")?;
        if let Some(shown) = &shown {
            let quantity = if let Ask::Voucher(_, quantity) = ask { *quantity } else { 0 };
            self.books.signed(card, terminal, &shown.record, quantity);
            if outcome.is_err() && was_cut && self.draws.chance(75) {
                outcome = self.show_again(terminal, shown)?;
                self.look_after(terminal)?;
                if outcome.is_err() && matches!(ask, Ask::Voucher(..)) {
                    // The card brings its voucher again.
                    self.agenda.put(self.now + 60, Event::Tap { holder, terminal, ask: ask.clone() });
                }
            }
            if outcome.is_ok() {
                self.books.accepted(terminal, &shown.record)?;
            }
        }
        self.tell_tap((holder, terminal), ask, outcome);
        if self.tampering == Some(Tampering::LoseJournal)
            && self.counts.counts.get("accepted").is_some_and(|accepted| *accepted == 5)
            && let Some(device) = self.devices.get(terminal)
        {
            device.lose_journal();
        }
        self.check_device(terminal)
    }

    fn tell_tap(&mut self, (holder, terminal): (usize, usize), ask: &Ask, outcome: Result<(), &'static str>) {
        let what = match ask {
            Ask::Terms(request) => format!("{} {}", request.kind.name(), request.amount),
            Ask::Voucher(_, quantity) => format!("voucher of {quantity}"),
        };
        let holder = self.holders.get(holder).map_or("nobody", |holder| holder.name.as_str());
        let device = self.devices.get(terminal).map_or("nowhere", |device| device.name.as_str());
        let line = format!("{holder} at {device}: {what}: {}", outcome.err().unwrap_or("accepted"));
        self.counts.add("taps");
        match outcome {
            Ok(()) => self.counts.add("accepted"),
            Err(reason) => *self.counts.declined.entry(reason).or_default() += 1,
        }
        self.note(&line);
    }

    /// A card is shown at a terminal.
    fn show(
        &mut self,
        holder: usize,
        terminal: usize,
        ask: &Ask,
        shown: &mut Option<Shown>,
    ) -> Result<Result<(), &'static str>> {
        let keys = Arc::clone(&self.town.keys);
        let now = self.now;
        let Self { devices, holders, cards, secrets, .. } = self;
        let (device, holder) = devices.get(terminal).zip(holders.get_mut(holder)).context("nobody is there")?;
        let card = cards.get(holder.card).context("there is no such card")?;
        let making = Making { nonce: secrets.bytes(), hedge: secrets.bytes(), now: holder.clock(now) };
        let (clock, random) = (device.clock(now), secrets.generator());
        let tapped = holder.open(&keys, &card.key, |purse| {
            device.run(&keys, clock, random, |terminal| holder::tap(purse, terminal, ask, &making, shown))
        })?;
        match tapped {
            Err(_) if !device.has_power() => Ok(Err("no_power")),
            tapped => tapped,
        }
    }

    /// A card that has no receipt is shown again.
    fn show_again(&mut self, terminal: usize, shown: &Shown) -> Result<Result<(), &'static str>> {
        let keys = Arc::clone(&self.town.keys);
        let device = self.devices.get(terminal).context("there is no such terminal")?;
        let (clock, random) = (device.clock(self.now + 5), self.secrets.generator());
        self.counts.add("shown_again");
        let device = self.devices.get(terminal).context("there is no such terminal")?;
        device.run(&keys, clock, random, |terminal| holder::tap_again(terminal, shown))
    }

    /// A card buys a voucher, and carries it to its meter.
    async fn buy(&mut self, holder: usize, terminal: usize) -> Result<()> {
        let quantity = 1_000 * (1 + self.draws.below(9)) as u32;
        let meter = self.devices.get(terminal).map(|device| device.subject).context("there is no such meter")?;
        let body = VoucherBody { sector: Sector::Power, meter, quantity, most: 10_000 }.to_bytes();
        let card = self.holders.get(holder).and_then(|holder| self.cards.get(holder.card)).context("no such card")?;
        let request = holder::signed(&card.key, BUY_METHOD, body, self.town.now(), &mut self.secrets)?;
        let mut answered = self.town.roles().vouchers.buy(request.clone()).await;
        if let Err(ServiceError::RoleUnavailable(_)) = answered {
            answered = self.town.roles().vouchers.buy(request).await;
        }
        match answered {
            Ok(voucher) => {
                let issued = voucher.issued.context("a voucher was sold and not issued")?;
                self.log.note_bytes(Moment(self.now), "a voucher is sold", &issued.bytes);
                self.counts.add("vouchers_sold");
                let shows = if self.draws.chance(15) { 2 } else { 1 };
                for _ in 0..shows {
                    let at = self.now + 60 + self.draws.below(6 * HOUR);
                    let ask = Ask::Voucher(issued.bytes.to_vec(), quantity);
                    self.agenda.put(at, Event::Tap { holder, terminal, ask });
                }
            }
            Err(refused) => {
                let what = format!("no voucher is sold: {}", refused.reason());
                self.note(&what);
            }
        }
        Ok(())
    }

    /// A wallet asks for pseudonyms, or again for those that it asked for.
    async fn refill(&mut self, holder: usize) -> Result<()> {
        let (keys, now) = (Arc::clone(&self.town.keys), self.town.now());
        let Self { holders, cards, secrets, town, .. } = self;
        let place = holder;
        let holder = holders.get_mut(holder).context("there is no such holder")?;
        let card = cards.get(holder.card).context("there is no such card")?;
        let wanted =
            holder.open(&keys, &card.key, |purse| purse.pending().is_empty().then(|| purse.wants_refill(now)))?;
        let mut outcome = "pseudonyms came";
        if let Some(wanted) = wanted {
            let Some((period, count)) = wanted else { return Ok(()) };
            let request = holder::signed(&card.key, CHALLENGE_METHOD, Vec::new(), now, secrets)?;
            match town.roles().attester.challenge(request).await {
                Ok(given) => {
                    let mut random = secrets.generator();
                    let asked = holder.open(&keys, &card.key, |purse| {
                        purse.prepare_request(period, count, given.challenge, now, &mut random).map(drop)
                    })?;
                    asked.map_err(|refused| anyhow!("a wallet does not ask for pseudonyms: {refused}"))?;
                }
                Err(refused) => outcome = refused.reason(),
            }
        }
        let pending = holder.open(&keys, &card.key, |purse| {
            purse.pending().iter().map(|pending| (*pending.id(), holder::kept(pending))).collect::<Vec<_>>()
        })?;
        for (id, request) in pending {
            match town.roles().attester.request(request).await {
                Ok(Pseudonyms::Ready(answers)) => {
                    take_pseudonyms((holder, card), &keys, &id, answers, secrets)?;
                }
                Ok(Pseudonyms::Waiting { .. }) => outcome = "pseudonyms wait",
                Err(ServiceError::RoleUnavailable(_)) => outcome = "a role was away",
                Err(refused) => {
                    outcome = refused.reason();
                    holder.open(&keys, &card.key, |purse| purse.forget_request(&id))??;
                }
            }
        }
        let what = format!("{}: {outcome}", holder.name);
        self.note(&what);
        if matches!(outcome, "pseudonyms wait" | "a role was away") {
            let at = self.now + 120 + self.draws.below(HOUR);
            self.agenda.put(at, Event::Refill { holder: place });
        }
        Ok(())
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
            self.send(Message::Upload(terminal, bytes.into()));
        } else {
            self.note(&format!("{name} has nothing to upload"));
        }
        self.send(Message::AskBundle(terminal));
        if goes_on {
            let hours = if self.draws.chance(12) { 30 + self.draws.below(16) } else { 2 + self.draws.below(7) };
            let at = self.now + hours * HOUR + self.draws.below(HOUR);
            self.agenda.put(at, Event::Sync { terminal, goes_on });
        }
        self.check_device(terminal)
    }

    fn send(&mut self, message: Message) {
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
                    self.send(Message::Acknowledgement(terminal, answer.into()));
                }
            }
            Message::Acknowledgement(_, bytes) => self.take_acknowledgement(terminal, &bytes)?,
            Message::AskBundle(_) => {
                let bundle = self.town.roles().bundles.newest().await?;
                self.send(Message::Bundle(terminal, bundle.bytes.into()));
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

    async fn check_ledger(&self) -> Result<()> {
        let audit = self.town.roles().ledger.check().await?;
        ensure!(audit.sum == 0, "the ledger sums to {}", audit.sum);
        ensure!(audit.problems.is_empty(), "the ledger is unsound: {:?}", audit.problems);
        Ok(())
    }

    /// Has everything passed on, and compares every account with what the simulator reckons.
    async fn reckon(&mut self) -> Result<()> {
        self.town.lines.calm(true);
        self.town.settle_down().await?;
        self.end_journeys();
        let accounts = self.town.roles().ledger.accounts(None, ALL).await?;
        let balance = |name: &AccountName| {
            accounts.iter().find(|account| account.record.name == *name).map_or(0, |account| account.record.balance)
        };
        let mut expected = self.books.balances();
        self.add_vouchers(&mut expected.cards, &mut expected.operators).await?;
        for sector in Sector::ALL {
            let (has, must) =
                (balance(&AccountName::operator(&operator(sector), CURRENCY)), expected.operators.get(&sector));
            let must = must.copied().unwrap_or_default();
            ensure!(has == must, "the operator of {sector} has {has} and must have {must}");
        }
        let held = balance(&AccountName::journeys(CURRENCY));
        ensure!(held == expected.journeys, "{held} are held for journeys and must be {}", expected.journeys);
        for (number, card) in self.cards.iter().enumerate() {
            let pays = expected.cards.get(&number).copied().unwrap_or_default();
            let (has, must) = (balance(&card.record.account), i64::from(MONEY) - pays);
            ensure!(has == must, "card {number} has {has} and must have {must}");
        }
        self.check_misuse().await?;
        self.check_ledger().await?;
        self.counts.add("reckonings");
        self.note(&format!("every account is as it must be: {expected:?}"));
        self.town.lines.calm(false);
        Ok(())
    }

    /// Adds what vouchers cost, and looks whether those that meters took are known to be delivered.
    async fn add_vouchers(
        &mut self,
        cards: &mut BTreeMap<usize, i64>,
        operators: &mut BTreeMap<Sector, i64>,
    ) -> Result<()> {
        let delivered = self.books.delivered();
        for (number, card) in self.cards.iter().enumerate() {
            let request = holder::signed(&card.key, LIST_METHOD, Vec::new(), self.town.now(), &mut self.secrets)?;
            for voucher in self.town.roles().vouchers.list(request).await? {
                if matches!(voucher.state, VoucherState::Issued | VoucherState::Delivered | VoucherState::Lapsed) {
                    *cards.entry(number).or_default() += i64::from(voucher.amount);
                    *operators.entry(Sector::Power).or_default() += i64::from(voucher.amount);
                }
                let was_taken = voucher.issued.is_some_and(|issued| delivered.contains(&issued.reference));
                let is_known = voucher.state == VoucherState::Delivered;
                ensure!(was_taken == is_known, "a voucher is {:?}; taken by its meter: {was_taken}", voucher.state);
            }
        }
        Ok(())
    }

    /// Every misused credential has a proof, a card's is out of use, and nobody else is accused. Since all that waited was
    /// passed on and this is done every day, what is not found now was not found within a day.
    async fn check_misuse(&mut self) -> Result<()> {
        let roles = self.town.roles();
        let proofs = roles.exchange.misuses(MisuseReader::Auditor, ALL).await?;
        let bundle = roles.bundles.newest().await?;
        let bundle = Bundle::parse(&bundle.bytes)?;
        let misused = self.books.misused();
        for proof in &proofs {
            let items = misuse::Item::parse_all(&proof.record.misuse.items)?;
            let finding = misuse::check(self.town.keys.authority(), items);
            let accused = finding.credential_digest().context("a proof of misuse proves nothing")?;
            ensure!(misused.contains_key(&accused), "somebody is accused who misused nothing");
        }
        for (credential, (arrived, class, card)) in misused {
            let is_proved = proofs.iter().any(|proof| proof.record.misuse.credential.digest() == *credential);
            let what = || format!("misuse of card {card} that arrived {}", Moment(*arrived));
            ensure!(is_proved, "there is no proof of {}", what());
            if *class == Class::Card {
                let number = self.cards.get(*card).map(|card| card.record.number).context("no such card")?;
                let state = roles.cards.get(&Town::bank(), number).await?.state;
                let is_out = matches!(state, CardState::Suspended | CardState::Revoked);
                ensure!(is_out, "the card is {state:?} after {}", what());
                ensure!(bundle.revoked().contains(&number), "the newest bundle does not list {}", what());
            }
        }
        Ok(())
    }

    /// Nothing is lost any more: all terminals upload all that they have, and all that is on its way arrives.
    async fn end(&mut self) -> Result<()> {
        self.note("the end: everything arrives");
        self.agenda.keep_messages();
        self.town.lines.calm(true);
        while let Some((at, event)) = self.agenda.next() {
            self.set_clock(at);
            self.log.step();
            if let Event::Arrive(Message::Upload(terminal, bytes)) = event {
                self.take_upload(terminal, &bytes).await?;
                self.check_ledger().await?;
            }
        }
        for terminal in 0..self.devices.len() {
            loop {
                let hedge = self.secrets.bytes();
                let device = self.devices.get(terminal).context("there is no such terminal")?;
                let Some(bytes) = device.upload(&hedge)? else { break };
                let answer = self.take_upload(terminal, &bytes).await?.context("nothing is away at the end")?;
                let device = self.devices.get(terminal).context("there is no such terminal")?;
                ensure!(device.acknowledge(&self.town.keys, &answer)?, "an acknowledgement freed nothing");
            }
            self.check_device(terminal)?;
        }
        self.books.check_all_arrived()?;
        self.reckon().await
    }
}

/// Takes pseudonyms into the purse; those that were withdrawn, as the card's use was ended, are none.
fn take_pseudonyms(
    (holder, card): (&mut Holder, &Card),
    keys: &Keys,
    id: &[u8; 16],
    answers: Vec<Result<symbolon_pseudonym::SealedAnswer, ItemRefusal>>,
    secrets: &mut Draws,
) -> Result<()> {
    let answers = answers.into_iter().map(|answer| match answer {
        Ok(sealed) => ItemAnswer::Sealed(sealed),
        Err(refusal) => ItemAnswer::Refused(refusal.as_str().to_owned()),
    });
    let (answers, mut random) = (answers.collect::<Vec<_>>(), secrets.generator());
    let taken = holder.open(keys, &card.key, |purse| purse.take_answers(id, &answers, &mut random))?;
    let taken = taken.map_err(|refused| anyhow!("a wallet takes no pseudonyms: {refused}"))?;
    let withdrawn = |bad: &symbolon_wallet::BadAnswer| matches!(&bad.reason, BadReason::Refused(reason) if reason == ItemRefusal::Withdrawn.as_str());
    let wrong = taken.bad.iter().find(|bad| !withdrawn(bad));
    ensure!(wrong.is_none(), "a pseudonym is not what was asked for: {wrong:?}");
    Ok(())
}
