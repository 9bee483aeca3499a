//! What people do: they tap, buy vouchers, and their wallets fetch pseudonyms.

use super::{City, HOUR};
use crate::sim::{
    draws::Draws,
    holder::{self, Ask, Card, Holder, Keys, Making, Shown},
    log::Moment,
    network::Event,
    wires::Tampering,
};
use anyhow::{Context, Result, anyhow, ensure};
use symbolon_ccks::{Sector, Suite};
use symbolon_service::{
    ServiceError,
    attester::{CHALLENGE_METHOD, Pseudonyms},
    links::ItemRefusal,
    vouchers::{BUY_METHOD, VoucherBody},
};
use symbolon_wallet::{BadReason, ItemAnswer};

impl<S: Suite> City<S> {
    pub(super) fn tap(&mut self, holder: usize, terminal: usize, ask: &Ask) -> Result<()> {
        self.perhaps_cut(terminal);
        let mut shown = None;
        let outcome = self.show(holder, terminal, ask, &mut shown)?;
        let mut outcome = outcome;
        let was_cut = self.look_after(terminal)?;
        let card = self.holders.get(holder).map(|holder| holder.card).context("there is no such holder")?;
        if let Some(shown) = &shown {
            let quantity = match ask {
                Ask::Voucher(_, quantity) if self.tampering != Some(Tampering::CreditNothing) => *quantity,
                _ => 0,
            };
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
        let (keys, now) = (self.keys(), self.now);
        let Self { devices, holders, cards, secrets, .. } = self;
        let (device, holder) = devices.get(terminal).zip(holders.get_mut(holder)).context("nobody is there")?;
        let card = cards.get(holder.card).context("there is no such card")?;
        let making = Making { nonce: secrets.bytes(), hedge: secrets.bytes(), now: holder.clock(now) };
        let (clock, random) = (device.clock(now), secrets.generator());
        let of = keys.get(card.town).context("there is no such authority")?;
        let tapped = holder.open(of, &card.key, |purse| {
            device.run(&keys, clock, random, |terminal| holder::tap(purse, terminal, ask, &making, shown))
        })?;
        match tapped {
            Err(_) if !device.has_power() => Ok(Err("no_power")),
            tapped => tapped,
        }
    }

    /// A card that has no receipt is shown again.
    fn show_again(&mut self, terminal: usize, shown: &Shown) -> Result<Result<(), &'static str>> {
        let keys = self.keys();
        let device = self.devices.get(terminal).context("there is no such terminal")?;
        let (clock, random) = (device.clock(self.now + 5), self.secrets.generator());
        self.counts.add("shown_again");
        let device = self.devices.get(terminal).context("there is no such terminal")?;
        device.run(&keys, clock, random, |terminal| holder::tap_again(terminal, shown))
    }

    /// A card buys a voucher, and carries it to its meter.
    pub(super) async fn buy(&mut self, holder: usize, terminal: usize) -> Result<()> {
        let quantity = 1_000 * (1 + self.draws.below(9)) as u32;
        let meter = self.devices.get(terminal).map(|device| device.subject).context("there is no such meter")?;
        let body = VoucherBody { sector: Sector::Power, meter, quantity, most: 10_000 }.to_bytes();
        let card = self.holders.get(holder).and_then(|holder| self.cards.get(holder.card)).context("no such card")?;
        let town = self.towns.get(card.town).context("there is no such service")?;
        let request = holder::signed(&card.key, BUY_METHOD, body, town.now(), &mut self.secrets)?;
        let mut answered = town.roles().vouchers.buy(request.clone()).await;
        if let Err(ServiceError::RoleUnavailable(_)) = answered {
            answered = town.roles().vouchers.buy(request).await;
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
    pub(super) async fn refill(&mut self, holder: usize) -> Result<()> {
        let Self { holders, cards, secrets, towns, .. } = self;
        let place = holder;
        let holder = holders.get_mut(holder).context("there is no such holder")?;
        let card = cards.get(holder.card).context("there is no such card")?;
        let town = towns.get(card.town).context("there is no such service")?;
        let (keys, now) = (Keys::clone(&town.keys), town.now());
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
}

/// Takes pseudonyms into the purse; those that were withdrawn, as the card's use was ended, are none.
fn take_pseudonyms<S: Suite>(
    (holder, card): (&mut Holder, &Card<S>),
    keys: &Keys<S>,
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
