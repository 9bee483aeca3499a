//! What operators are told, and the order of uploads: each gets its place when it is written, since one unit of work goes
//! after another.

use symbolon_ccks::{Name, Time};

use super::{
    Unit,
    routes::{encoded, routes},
    rows::{Result, seconds},
};
use crate::{
    records::{RouteItem, RouteRecord},
    verbs::{Order, Routes},
};

impl Routes for Unit<'_> {
    fn routes(&self, operator: &Name, from: u64, limit: u16) -> Result<Vec<RouteRecord>> {
        routes(self, operator, from, limit)
    }

    fn add_route(&mut self, operator: &Name, time: Time, items: &[RouteItem]) -> Result<()> {
        self.execute(
            "INSERT INTO routes (operator, number, time, items)
             SELECT ?1, coalesce(max(number), 0) + 1, ?2, ?3 FROM routes WHERE operator = ?1",
            (operator.as_str(), seconds(time), encoded(items)),
        )?;
        Ok(())
    }
}

impl Order for Unit<'_> {
    fn has_unlisted_uploads(&self) -> Result<bool> {
        Ok(false)
    }

    fn list_uploads(&mut self) -> Result<()> {
        Ok(())
    }

    fn has_unnumbered_routes(&self, _operator: &Name) -> Result<bool> {
        Ok(false)
    }

    fn number_routes(&mut self, _operator: &Name) -> Result<()> {
        Ok(())
    }
}
