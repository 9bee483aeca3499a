//! What operators do at their desks: they authorise refunds and void journeys.

use super::{ALL, City, DAY_SECONDS};
use crate::sim::{
    town::{self, operator},
    wires::Tampering,
};
use anyhow::{Context, Result, ensure};
use symbolon_ccks::{Sector, Suite};
use symbolon_service::{
    ServiceError,
    exchange::{RecordOutcome, Refusal, UploadedRecord},
};
use symbolon_tap::{Kind, Record};

/// How old a record is at most of which an operator thinks again.
const REMEMBERED_SECONDS: u64 = 2 * DAY_SECONDS;

/// An operator's records, those that an office takes up.
struct Desk {
    refunds: Vec<UploadedRecord>,
    purchases: Vec<UploadedRecord>,
    entries: Vec<UploadedRecord>,
}

fn parsed(record: &UploadedRecord) -> Result<Record> {
    Ok(*record.record.parse().context("a malformed record was kept")?)
}

impl<S: Suite> City<S> {
    /// Every operator of every service authorises a refund or two, and voids a journey now and then.
    pub(super) async fn office(&mut self) -> Result<()> {
        for town in 0..self.towns.len() {
            for sector in Sector::ALL {
                let desk = self.desk(town, sector).await?;
                for _ in 0..2 {
                    self.refund((town, sector), &desk).await?;
                }
                if self.draws.chance(40) {
                    self.void((town, sector), &desk).await?;
                }
            }
        }
        Ok(())
    }

    async fn desk(&mut self, town: usize, sector: Sector) -> Result<Desk> {
        let since = town::time(self.now.saturating_sub(REMEMBERED_SECONDS));
        let records = self.town(town)?.roles().exchange.records(Some(&operator(sector)), None, ALL).await?;
        let mut desk = Desk { refunds: Vec::new(), purchases: Vec::new(), entries: Vec::new() };
        for record in records {
            let terms = *parsed(&record)?.terms();
            let is_waiting = record.outcome == RecordOutcome::Refused(Refusal::NotAuthorised);
            match terms.kind() {
                _ if terms.time() < since => {}
                Kind::Refund if is_waiting => desk.refunds.push(record),
                Kind::Purchase if record.outcome.is_settled() => desk.purchases.push(record),
                Kind::Entry if record.outcome.is_settled() => desk.entries.push(record),
                _ => {}
            }
        }
        Ok(desk)
    }

    /// A refund is authorised for some purchase, perhaps again, perhaps for too small a one: the answer is as the books say.
    async fn refund(&mut self, (town, sector): (usize, Sector), desk: &Desk) -> Result<()> {
        let places = (self.draws.place(desk.refunds.len()), self.draws.place(desk.purchases.len()));
        let Some((refund, purchase)) = desk.refunds.get(places.0).zip(desk.purchases.get(places.1)) else {
            return Ok(());
        };
        let terminal = self.devices.iter().position(|device| device.subject == refund.terminal);
        let terminal = terminal.context("there is no such terminal")?;
        let exchange = &self.town(town)?.roles().exchange;
        let answer = exchange.authorise_refund(&operator(sector), refund.position, purchase.position).await;
        let outcome = match &answer {
            Err(ServiceError::RoleUnavailable(_)) => "a role was away",
            Ok(_) if self.tampering == Some(Tampering::ForgetRefunds) => "given",
            answer => {
                self.books.authorised((terminal, &parsed(refund)?), &parsed(purchase)?, answer)?;
                answer.as_ref().err().map_or("given", ServiceError::reason)
            }
        };
        self.counts.add(if outcome == "given" { "refunds" } else { "refunds_not_given" });
        self.note(&format!("refund {:?} of {sector} for {:?}: {outcome}", refund.position, purchase.position));
        Ok(())
    }

    /// A journey is voided, perhaps again, perhaps after its exit.
    async fn void(&mut self, (town, sector): (usize, Sector), desk: &Desk) -> Result<()> {
        let place = self.draws.place(desk.entries.len());
        let Some(entry) = desk.entries.get(place) else { return Ok(()) };
        let told = self.town(town)?.roles().exchange.void_journey(&operator(sector), entry.position).await?;
        ensure!(told.outcome == RecordOutcome::Settled { amount: 0 }, "a void journey costs {:?}", told.outcome);
        if self.tampering != Some(Tampering::ForgetVoids) {
            self.books.voided(&parsed(entry)?);
        }
        self.counts.add("journeys_voided");
        self.note(&format!("the journey of {:?} is voided", entry.position));
        Ok(())
    }
}
