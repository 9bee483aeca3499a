//! What operators are told, and the order of uploads: units of work write side by side, and whoever asks gives what they
//! wrote its place.

use symbolon_ccks::{Name, Time};

use super::{
    routes::{encoded, routes},
    rows::{Result, Unit, seconds},
};
use crate::{
    records::{RouteItem, RouteRecord},
    verbs::{Order, Routes},
};

/// Routes numbered at a time; an upload is one.
const MOST_NUMBERED: u16 = 1_000;

impl Routes for Unit<'_> {
    fn routes(&self, operator: &Name, from: u64, limit: u16) -> Result<Vec<RouteRecord>> {
        routes(self, operator, from, limit)
    }

    fn add_route(&mut self, operator: &Name, time: Time, items: &[RouteItem]) -> Result<()> {
        self.execute(
            "INSERT INTO waiting_routes (operator, time, items) VALUES (?1, ?2, ?3)",
            (operator.as_str(), seconds(time), encoded(items)),
        )?;
        Ok(())
    }
}

impl Order for Unit<'_> {
    fn has_unlisted_uploads(&self) -> Result<bool> {
        let found = self.one(
            "SELECT 1 AS found FROM uploads WHERE sequence > (SELECT reached FROM turns WHERE name = 'uploads') LIMIT 1",
            [],
            |_| Ok(()),
        )?;
        Ok(found.is_some())
    }

    fn list_uploads(&mut self) -> Result<()> {
        // An upload whose node was cut off keeps its number for a while: the others are not to wait behind this for so long.
        self.execute("SET LOCAL lock_timeout TO '2s'", [])?;
        // Who has drawn a number has committed when this is granted, and is seen by the next statement.
        self.execute("LOCK TABLE uploads_under_way IN EXCLUSIVE MODE", [])?;
        self.execute(
            "UPDATE turns SET reached = greatest(reached, (SELECT coalesce(max(sequence), 0) FROM uploads))
             WHERE name = 'uploads'",
            [],
        )?;
        Ok(())
    }

    fn has_unnumbered_routes(&self, operator: &Name) -> Result<bool> {
        let found =
            self.one("SELECT 1 AS found FROM waiting_routes WHERE operator = ?1 LIMIT 1", [operator.as_str()], |_| {
                Ok(())
            })?;
        Ok(found.is_some())
    }

    fn number_routes(&mut self, operator: &Name) -> Result<()> {
        // One after another for each operator: who has the turn sees all numbers that were given.
        self.execute(
            "INSERT INTO turns (name) VALUES (?1) ON CONFLICT (name) DO UPDATE SET name = excluded.name",
            [format!("routes of {operator}")],
        )?;
        // Of two where one was durable before the other was begun, who sees the other sees the one, with a smaller
        // sequence.
        self.execute(
            "WITH taken AS (
                 DELETE FROM waiting_routes WHERE sequence IN (
                     SELECT sequence FROM waiting_routes WHERE operator = ?1 ORDER BY sequence LIMIT ?2
                 )
                 RETURNING sequence, operator, time, items
             )
             INSERT INTO routes (operator, number, time, items)
             SELECT operator,
                 (SELECT coalesce(max(number), 0) FROM routes WHERE operator = ?1) + row_number() OVER (ORDER BY sequence),
                 time, items
             FROM taken",
            (operator.as_str(), MOST_NUMBERED),
        )?;
        Ok(())
    }
}
