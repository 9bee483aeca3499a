//! SQLite files.

use super::{COLLECTED, Inserted, Kept, LastRows, MOST_ROWS, NOT_POSTED, TABLES};
use crate::commands::bench::settle::town::Town;
use anyhow::Result;
use rusqlite::{Connection, OpenFlags, params_from_iter, types};
use serde_json::{Value, json};
use std::{path::PathBuf, time::Instant};

pub(super) struct Files {
    exchange: PathBuf,
    clearing: PathBuf,
}

impl Files {
    pub(super) fn of(town: &Town) -> Self {
        Self { exchange: town.exchange(), clearing: town.clearing() }
    }

    /// A connection that is gone before the service's, which brings its log home when it is the last one.
    fn exchange(&self) -> Result<Connection> {
        Ok(Connection::open_with_flags(&self.exchange, OpenFlags::SQLITE_OPEN_READ_ONLY)?)
    }
}

impl Kept for Files {
    fn described(&mut self) -> Result<Value> {
        // As the store sets every connection up.
        Ok(json!({ "engine": "SQLite", "version": rusqlite::version(), "journal_mode": "wal", "synchronous": "full" }))
    }

    fn last_rows(&mut self) -> Result<LastRows> {
        let exchange = self.exchange()?;
        let last = |(table, number)| {
            let sql = format!("SELECT coalesce(max({number}), 0) FROM {table}");
            Ok((table, exchange.query_row(&sql, [], |row| row.get(0))?))
        };
        TABLES.into_iter().map(last).collect()
    }

    fn settlements(&mut self, before: &LastRows) -> Result<usize> {
        let last = before.get("settlements").copied().unwrap_or_default();
        let count = "SELECT count(*) FROM settlements WHERE id > ?1";
        Ok(self.exchange()?.query_row(count, [last], |row| row.get(0))?)
    }

    fn not_posted(&mut self) -> Result<usize> {
        Ok(self.exchange()?.query_row(NOT_POSTED, [], |row| row.get(0))?)
    }

    fn collected(&mut self) -> Result<i64> {
        let clearing = Connection::open_with_flags(&self.clearing, OpenFlags::SQLITE_OPEN_READ_ONLY)?;
        Ok(clearing.query_row(COLLECTED, [], |row| row.get(0))?)
    }

    fn insert_same_rows(&mut self, before: &LastRows, records: usize) -> Result<Inserted> {
        let source = self.exchange()?;
        let mut peer = Connection::open(self.exchange.with_extension("peer.db"))?;
        peer.pragma_update(None, "journal_mode", "WAL")?;
        peer.pragma_update(None, "synchronous", "FULL")?;
        // What the rows refer to is not among them.
        peer.pragma_update(None, "foreign_keys", false)?;
        let mut schema = source.prepare(
            "SELECT sql FROM sqlite_schema WHERE type IN ('table', 'index') AND sql IS NOT NULL
                 AND name NOT LIKE 'sqlite_%' ORDER BY type DESC",
        )?;
        for sql in schema.query_map([], |row| row.get::<_, String>(0))? {
            peer.execute_batch(&sql?)?;
        }
        let mut tables = Vec::new();
        for (table, number) in TABLES {
            let last = before.get(table).copied().unwrap_or_default();
            let sql = format!("SELECT * FROM {table} WHERE {number} > ?1 ORDER BY {number} LIMIT ?2");
            let mut added = source.prepare(&sql)?;
            let columns = added.column_count();
            let read = |row: &rusqlite::Row<'_>| {
                (0..columns).map(|column| row.get(column)).collect::<Result<Vec<types::Value>, _>>()
            };
            let rows = added.query_map([last, MOST_ROWS], read)?.collect::<Result<Vec<_>, _>>()?;
            let places = vec!["?"; columns].join(", ");
            tables.push((table, format!("INSERT INTO {table} VALUES ({places})"), rows));
        }
        let settled = tables.iter().find(|(table, ..)| *table == "settlements").map_or(0, |(_, _, rows)| rows.len());
        let transactions = settled.div_ceil(records).max(1);
        let began = Instant::now();
        for number in 0..transactions {
            let transaction = peer.transaction()?;
            for (_, insert, rows) in &tables {
                let mut statement = transaction.prepare_cached(insert)?;
                for row in &rows[rows.len() * number / transactions..rows.len() * (number + 1) / transactions] {
                    statement.execute(params_from_iter(row))?;
                }
            }
            transaction.commit()?;
        }
        Ok(Inserted { one_after_the_other: settled as f64 / began.elapsed().as_secs_f64(), side_by_side: None })
    }
}
