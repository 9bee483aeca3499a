//! Where the service keeps what it settles, and what is found and measured there: in SQLite files or in PostgreSQL.

mod files;
mod server;

use super::town::Town;
use anyhow::Result;
use files::Files;
use serde_json::Value;
use server::Server;
use std::collections::BTreeMap;

/// Tables whose rows are numbered as they come, which settling adds rows to, and their numbers.
const TABLES: [(&str, &str); 4] =
    [("uploads", "sequence"), ("settlements", "id"), ("charge_batches", "sequence"), ("charges", "sequence")];
/// Rows of a table that are inserted by hand, at most.
const MOST_ROWS: i64 = 200_000;

/// How many charges are not posted to the ledger yet.
const NOT_POSTED: &str = "SELECT (SELECT count(*) FROM charges WHERE batch IS NULL)
    + (SELECT count(*) FROM charges WHERE batch IN (SELECT sequence FROM charge_batches WHERE delivered IS NULL))";
/// What was posted to operators.
const COLLECTED: &str = "SELECT CAST(coalesce(sum(balance), 0) AS BIGINT) FROM accounts WHERE kind = 2";

/// The last number of each table.
pub(super) type LastRows = BTreeMap<&'static str, i64>;

/// How fast the same rows are inserted by hand, records a second.
pub(super) struct Inserted {
    pub(super) one_after_the_other: f64,
    /// Over as many connections as the service has, where more than one can write.
    pub(super) side_by_side: Option<f64>,
}

/// The databases of a service, for those who look into them from outside.
pub(super) trait Kept {
    /// What they are, and how they are set up.
    fn described(&mut self) -> Result<Value>;
    /// The last number of each of [`TABLES`].
    fn last_rows(&mut self) -> Result<LastRows>;
    /// How many settlements were added since.
    fn settlements(&mut self, before: &LastRows) -> Result<usize>;
    /// How many charges are not posted to the ledger yet.
    fn not_posted(&mut self) -> Result<usize>;
    /// What was posted to operators, minor units.
    fn collected(&mut self) -> Result<i64>;
    /// Inserts rows that settling added into empty tables with the same indexes, as many records a transaction as an upload
    /// has, each made durable.
    fn insert_same_rows(&mut self, before: &LastRows, records: usize) -> Result<Inserted>;
}

/// Where a town's service keeps what it settles; takes there what the town's files hold.
pub(super) fn of(town: &Town) -> Result<Box<dyn Kept>> {
    Ok(if town.config().database.address.is_some() {
        Box::new(Server::take_over(town)?)
    } else {
        Box::new(Files::of(town))
    })
}
