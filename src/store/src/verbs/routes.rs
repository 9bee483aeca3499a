//! What the exchange gives back, and what it tells operators.

use symbolon_ccks::{Name, Time};

use super::Result;
use crate::records::{RefundRecord, RouteItem, RouteRecord, SettlementId};

/// Amounts given back.
pub trait Refunds {
    /// The refund that a settled record is.
    fn refund(&self, settlement: SettlementId) -> Result<Option<RefundRecord>>;
    /// What was given back for a purchase, oldest first.
    fn refunds_of(&self, paid: SettlementId) -> Result<Vec<RefundRecord>>;
    /// Adds a refund. [`StoreError::Conflict`](crate::StoreError::Conflict) when the record is one already, or when with
    /// it more than the purchase would be given back, or when there is no such settled purchase; so too when several
    /// units of work add refunds of one purchase at the same time.
    fn add_refund(&mut self, refund: &RefundRecord) -> Result<()>;
}

/// What operators are told of their records: to each, in an order in which nothing ever appears behind what was seen.
pub trait Routes {
    /// What an operator is told from number `from` on, in order; of what has a number: see
    /// [`Order::number_routes`](super::Order::number_routes).
    ///
    /// Numbers of one operator begin at 1, leave none out, and appear in their order: who has read up to a number has
    /// read everything up to it. What became durable before something else was begun has the smaller number.
    fn routes(&self, operator: &Name, from: u64, limit: u16) -> Result<Vec<RouteRecord>>;
    /// Tells an operator something.
    fn add_route(&mut self, operator: &Name, time: Time, items: &[RouteItem]) -> Result<()>;
}
