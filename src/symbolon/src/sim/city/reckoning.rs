//! Whether all is as it must be: the ledger after every step, every account and every accusation now and then, and at the end
//! that nothing is missing.

use super::{ALL, City, MONEY};
use crate::sim::{
    holder,
    log::Moment,
    network::{Event, Message},
    town::{CURRENCY, Town, operator},
};
use anyhow::{Context, Result, ensure};
use std::collections::BTreeMap;
use symbolon_ccks::{Class, Sector};
use symbolon_service::{exchange::MisuseReader, vouchers::LIST_METHOD};
use symbolon_store::records::{AccountName, CardState, VoucherState};
use symbolon_tap::{Bundle, misuse};

impl City {
    pub(super) async fn check_ledger(&self) -> Result<()> {
        let audit = self.town.roles().ledger.check().await?;
        ensure!(audit.sum == 0, "the ledger sums to {}", audit.sum);
        ensure!(audit.problems.is_empty(), "the ledger is unsound: {:?}", audit.problems);
        Ok(())
    }

    /// Has everything passed on, and compares every account with what the simulator reckons.
    pub(super) async fn reckon(&mut self) -> Result<()> {
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
    pub(super) async fn end(&mut self) -> Result<()> {
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
