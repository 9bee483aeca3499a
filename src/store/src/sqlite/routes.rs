//! Refunds, and what operators are told.

use symbolon_ccks::{Name, Time};

use super::{
    Unit,
    rows::{Columns as _, Result, Row, counted, seconds, time},
};
use crate::{
    records::{RefundRecord, RouteItem, RouteRecord, SettlementId},
    verbs::{Refunds, Routes},
};

fn refund(row: &Row<'_>) -> Result<RefundRecord> {
    Ok(RefundRecord {
        settlement: SettlementId(row.column("settlement")?),
        paid: SettlementId(row.column("paid")?),
        amount: row.column("amount")?,
        authorised: row.parsed("authorised", time)?,
    })
}

fn items(bytes: &[u8]) -> Option<Vec<RouteItem>> {
    let (items, more) = bytes.as_chunks::<{ RouteItem::SIZE }>();
    more.is_empty().then(|| items.iter().map(RouteItem::decode).collect())?
}

impl Refunds for Unit<'_> {
    fn refund(&self, settlement: SettlementId) -> Result<Option<RefundRecord>> {
        self.one("SELECT * FROM refunds WHERE settlement = ?1", [counted(settlement.0)?], refund)
    }

    fn refunds_of(&self, paid: SettlementId) -> Result<Vec<RefundRecord>> {
        self.all("SELECT * FROM refunds WHERE paid = ?1 ORDER BY settlement", [counted(paid.0)?], refund)
    }

    fn add_refund(&mut self, refund: &RefundRecord) -> Result<()> {
        self.execute(
            "INSERT INTO refunds (settlement, paid, amount, authorised) VALUES (?1, ?2, ?3, ?4)",
            (counted(refund.settlement.0)?, counted(refund.paid.0)?, refund.amount, seconds(refund.authorised)),
        )?;
        Ok(())
    }
}

impl Routes for Unit<'_> {
    fn routes(&self, operator: &Name, from: u64, limit: u16) -> Result<Vec<RouteRecord>> {
        self.all(
            "SELECT number, time, items FROM routes WHERE operator = ?1 AND number >= ?2 ORDER BY number LIMIT ?3",
            (operator.as_str(), counted(from)?, limit),
            |row| {
                Ok(RouteRecord {
                    number: row.column("number")?,
                    time: row.parsed("time", time)?,
                    items: row.parsed("items", |bytes: Vec<u8>| items(&bytes))?,
                })
            },
        )
    }

    fn add_route(&mut self, operator: &Name, time: Time, items: &[RouteItem]) -> Result<u64> {
        // Where units of work run side by side, one of two that read the same number comes too late and is run again: so
        // that whoever sees a number sees all before it.
        let last = self.one(
            "SELECT coalesce(max(number), 0) AS number FROM routes WHERE operator = ?1",
            [operator.as_str()],
            |row| row.column::<u64>("number"),
        )?;
        let number = last.unwrap_or_default() + 1;
        let items = items.iter().flat_map(RouteItem::encode).collect::<Vec<_>>();
        self.execute(
            "INSERT INTO routes (operator, number, time, items) VALUES (?1, ?2, ?3, ?4)",
            (operator.as_str(), counted(number)?, seconds(time), items),
        )?;
        Ok(number)
    }
}
