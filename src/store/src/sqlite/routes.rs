//! Refunds, and what operators are told, as far as both databases do it alike.

use symbolon_ccks::Name;

use super::{
    Unit,
    rows::{Columns as _, Result, Row, counted, seconds, time},
};
use crate::{
    records::{RefundRecord, RouteItem, RouteRecord, SettlementId},
    verbs::Refunds,
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

/// What an operator is told from number `from` on.
pub(super) fn routes(unit: &Unit<'_>, operator: &Name, from: u64, limit: u16) -> Result<Vec<RouteRecord>> {
    unit.all(
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

/// Items as they are kept.
pub(super) fn encoded(items: &[RouteItem]) -> Vec<u8> {
    items.iter().flat_map(RouteItem::encode).collect()
}
