//! Whether all is as it must be: the ledger after every step, every account and every accusation now and then, and at the end
//! that nothing is missing.

use super::{ALL, City, MONEY};
use crate::sim::{
    books::Balances,
    draws::Draws,
    holder::{self, Card},
    log::Moment,
    network::{Event, Message},
    town::{CURRENCY, Town, bank, operator},
};
use anyhow::{Context, Result, ensure};
use std::collections::BTreeSet;
use symbolon_ccks::{Class, Sector, Suite};
use symbolon_service::{exchange::MisuseReader, vouchers::LIST_METHOD};
use symbolon_store::records::{AccountName, CardState, VoucherState};
use symbolon_tap::{Bundle, misuse};

impl<S: Suite> City<S> {
    pub(super) async fn check_ledger(&self) -> Result<()> {
        for town in &self.towns {
            let audit = town.roles().ledger.check().await?;
            ensure!(audit.sum == 0, "the ledger sums to {}", audit.sum);
            ensure!(audit.problems.is_empty(), "the ledger is unsound: {:?}", audit.problems);
        }
        Ok(())
    }

    /// Has everything passed on, and compares every account with what the simulator reckons.
    pub(super) async fn reckon(&mut self) -> Result<()> {
        self.calm(true);
        for town in &self.towns {
            town.settle_down().await?;
        }
        self.end_journeys();
        for number in 0..self.towns.len() {
            let expected = self.reckon_one(number).await?;
            self.note(&format!("every account is as it must be: {expected:?}"));
        }
        self.check_ledger().await?;
        self.counts.add("reckonings");
        self.calm(false);
        Ok(())
    }

    async fn reckon_one(&mut self, number: usize) -> Result<Balances> {
        let Self { towns, cards, books, secrets, tampering, .. } = self;
        let town = towns.get(number).context("there is no such service")?;
        town.tamper(*tampering)?;
        let accounts = town.roles().ledger.accounts(None, ALL).await?;
        let balance = |name: &AccountName| {
            accounts.iter().find(|account| account.record.name == *name).map_or(0, |account| account.record.balance)
        };
        let of_town = |card: usize| cards.get(card).is_some_and(|card| card.town == number);
        let mut expected = books.balances(of_town);
        add_vouchers((number, town), cards, &books.delivered(), &mut expected, secrets).await?;
        for sector in Sector::ALL {
            let (has, must) =
                (balance(&AccountName::operator(&operator(sector), CURRENCY)), expected.operators.get(&sector));
            let must = must.copied().unwrap_or_default();
            ensure!(has == must, "the operator of {sector} has {has} and must have {must}");
        }
        let held = balance(&AccountName::journeys(CURRENCY));
        ensure!(held == expected.journeys, "{held} are held for journeys and must be {}", expected.journeys);
        for (number, card) in cards.iter().enumerate().filter(|(number, _)| of_town(*number)) {
            let pays = expected.cards.get(&number).copied().unwrap_or_default();
            let (has, must) = (balance(&card.record.account), i64::from(MONEY) - pays);
            ensure!(has == must, "card {number} has {has} and must have {must}");
        }
        self.check_misuse(number).await?;
        Ok(expected)
    }

    /// Every misused credential has a proof, a card's is out of use, and nobody else is accused. Since all that waited was
    /// passed on and this is done every day, what is not found now was not found within a day.
    async fn check_misuse(&mut self, number: usize) -> Result<()> {
        let Self { towns, cards, books, .. } = self;
        let town = towns.get(number).context("there is no such service")?;
        let roles = town.roles();
        let proofs = roles.exchange.misuses(MisuseReader::Auditor, ALL).await?;
        let bundle = roles.bundles.newest().await?;
        let bundle = Bundle::parse(&bundle.bytes)?;
        for proof in &proofs {
            let items = misuse::Item::parse_all(&proof.record.misuse.items)?;
            let finding = misuse::check(town.keys.authority(), items);
            let accused = finding.credential_digest().context("a proof of misuse proves nothing")?;
            ensure!(books.misused().contains_key(&accused), "somebody is accused who misused nothing");
        }
        for (credential, (arrived, class, card)) in books.misused() {
            let misused = cards.get(*card).context("there is no such card")?;
            if misused.town != number {
                continue;
            }
            let is_proved = proofs.iter().any(|proof| proof.record.misuse.credential.digest() == *credential);
            let what = || format!("misuse of card {card} that arrived {}", Moment(*arrived));
            ensure!(is_proved, "there is no proof of {}", what());
            if *class == Class::Card {
                let number = misused.record.number;
                let state = roles.cards.get(&bank(), number).await?.state;
                let is_out = matches!(state, CardState::Suspended | CardState::Revoked);
                ensure!(is_out, "the card is {state:?} after {}", what());
                ensure!(bundle.revoked().contains(&number), "the newest bundle does not list {}", what());
            }
        }
        Ok(())
    }

    /// Nothing is lost any more: all terminals upload all that they have, and all that is on its way arrives.
    pub(super) async fn end(&mut self) -> Result<()> {
        self.note("the end: everything arrives");
        self.agenda.keep_messages();
        self.calm(true);
        while let Some((at, event)) = self.agenda.next() {
            self.set_clock(at);
            self.log.step();
            if let Event::Arrive(Message::Upload(terminal, town, bytes)) = event {
                self.take_upload((terminal, town), &bytes).await?;
                self.check_ledger().await?;
            }
        }
        for terminal in 0..self.devices.len() {
            loop {
                let (hedge, keys) = (self.secrets.bytes(), self.keys());
                let Some((town, bytes)) = self.device(terminal)?.upload(&keys, &hedge)? else { break };
                let answer = self.take_upload((terminal, town), &bytes).await?.context("nothing is away at the end")?;
                let of = keys.get(town).context("there is no such authority")?;
                ensure!(self.device(terminal)?.acknowledge(of, &answer)?, "an acknowledgement freed nothing");
            }
            self.check_device(terminal)?;
        }
        self.books.check_all_arrived()?;
        self.reckon().await
    }
}

/// Adds what vouchers cost, and looks whether those that meters took are known to be delivered.
async fn add_vouchers<S: Suite>(
    (number, town): (usize, &Town<S>),
    cards: &[Card<S>],
    delivered: &BTreeSet<[u8; 16]>,
    expected: &mut Balances,
    secrets: &mut Draws,
) -> Result<()> {
    for (place, card) in cards.iter().enumerate().filter(|(_, card)| card.town == number) {
        let request = holder::signed(&card.key, LIST_METHOD, Vec::new(), town.now(), secrets)?;
        for voucher in town.roles().vouchers.list(request).await? {
            if matches!(voucher.state, VoucherState::Issued | VoucherState::Delivered | VoucherState::Lapsed) {
                *expected.cards.entry(place).or_default() += i64::from(voucher.amount);
                *expected.operators.entry(Sector::Power).or_default() += i64::from(voucher.amount);
            }
            let was_taken = voucher.issued.is_some_and(|issued| delivered.contains(&issued.reference));
            let is_known = voucher.state == VoucherState::Delivered;
            ensure!(was_taken == is_known, "a voucher is {:?}; taken by its meter: {was_taken}", voucher.state);
        }
    }
    Ok(())
}
