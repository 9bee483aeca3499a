//! A PostgreSQL database that holds nothing of a service before, and nothing after.

use super::{COLLECTED, Inserted, Kept, LastRows, MOST_ROWS, NOT_POSTED, TABLES};
use crate::commands::bench::settle::town::Town;
use anyhow::{Context, Result, ensure};
use postgres::{
    Client,
    types::{ToSql, Type},
};
use serde_json::{Map, Value, json};
use std::{collections::BTreeMap, fs, thread, time::Instant};
use symbolon_service::{links::ServiceRole, setup};
use symbolon_store::postgres::PostgresAddress;

/// Where rows are inserted by hand.
const PEER: &str = "bench_peer";

/// What a figure depends on.
const SETTINGS: [&str; 8] = [
    "synchronous_commit",
    "fsync",
    "full_page_writes",
    "shared_buffers",
    "max_wal_size",
    "wal_level",
    "wal_compression",
    "max_connections",
];

pub(super) struct Server {
    exchange: PostgresAddress,
    clearing: PostgresAddress,
    /// To the exchange's schema.
    client: Client,
    connections: usize,
}

/// The schemas that a service makes, and the one of this.
fn schemas() -> Vec<String> {
    let of_roles = ServiceRole::ALL.into_iter().map(|role| role.as_str().replace('-', "_"));
    of_roles.chain([PEER.to_owned()]).collect()
}

impl Server {
    /// Loads a town's files, which are removed then.
    pub(super) fn take_over(town: &Town) -> Result<Self> {
        let config = town.config();
        let of = |role| config.database.of(role)?.context("every role is in the database");
        let (exchange, clearing) = (of(ServiceRole::Exchange)?, of(ServiceRole::Clearing)?);
        let mut client = exchange.client()?;
        // All in one step: one that is there already undoes the others, and nobody else's is ever removed.
        let make = schemas().into_iter().map(|schema| format!("CREATE SCHEMA {schema}")).collect::<Vec<_>>().join("; ");
        client.batch_execute(&make).map_err(|error| {
            let said = error.as_db_error().map_or_else(|| error.to_string(), |error| error.message().to_owned());
            anyhow::anyhow!(
                "this needs a database with none of a service's schemas, nor of a run that was cut short: {said}"
            )
        })?;
        let server = Self { exchange, clearing, client, connections: config.database.connections };
        let loaded = setup::load(config, &config.data_directory, &[])?;
        ensure!(loaded.left.is_empty(), "a role keeps its database in a file");
        for (role, _) in loaded.rows {
            fs::remove_file(config.data_directory.join(format!("{role}.db")))?;
        }
        Ok(server)
    }

    fn number(client: &mut Client, sql: &str) -> Result<i64> {
        Ok(client.query_one(sql, &[])?.get(0))
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let drops = schemas().into_iter().map(|schema| format!("DROP SCHEMA IF EXISTS {schema} CASCADE"));
        // One by one, so that locks do not run out. A database that is away keeps what it has.
        for sql in drops {
            if let Err(error) = self.client.batch_execute(&sql) {
                eprintln!("{sql}: {error}");
            }
        }
    }
}

impl Kept for Server {
    fn described(&mut self) -> Result<Value> {
        let version = self.client.query_one("SELECT current_setting('server_version')", &[])?.get::<_, String>(0);
        let mut settings = Map::new();
        for name in SETTINGS {
            let set = self.client.query_one("SELECT current_setting($1)", &[&name])?.get::<_, String>(0);
            settings.insert(name.to_owned(), set.into());
        }
        Ok(json!({ "engine": "PostgreSQL", "version": version, "settings": settings, "connections": self.connections }))
    }

    fn last_rows(&mut self) -> Result<LastRows> {
        let mut last = |(table, number)| {
            Ok((table, Self::number(&mut self.client, &format!("SELECT coalesce(max({number}), 0) FROM {table}"))?))
        };
        TABLES.into_iter().map(&mut last).collect()
    }

    fn settlements(&mut self, before: &LastRows) -> Result<usize> {
        let last = before.get("settlements").copied().unwrap_or_default();
        let count = Self::number(&mut self.client, &format!("SELECT count(*) FROM settlements WHERE id > {last}"))?;
        Ok(usize::try_from(count)?)
    }

    fn not_posted(&mut self) -> Result<usize> {
        Ok(usize::try_from(Self::number(&mut self.client, NOT_POSTED)?)?)
    }

    fn collected(&mut self) -> Result<i64> {
        Self::number(&mut self.clearing.client()?, COLLECTED)
    }

    fn insert_same_rows(&mut self, before: &LastRows, records: usize) -> Result<Inserted> {
        let mut tables = Vec::new();
        for (table, number) in TABLES {
            self.client.batch_execute(&format!("CREATE TABLE {PEER}.{table} (LIKE {table} INCLUDING ALL)"))?;
            let last = before.get(table).copied().unwrap_or_default();
            tables.push(Added::read(&mut self.client, table, number, last)?);
        }
        let settled = tables.iter().find(|added| added.table == "settlements").map_or(0, |added| added.rows);
        let transactions = settled.div_ceil(records).max(1);
        let work =
            (0..transactions).map(|number| tables.iter().map(|added| added.part(number, transactions)).collect());
        let work = work.collect::<Vec<Vec<Part<'_>>>>();
        let mut measured = BTreeMap::new();
        for connections in [1, self.connections] {
            let all = TABLES.map(|(table, _)| format!("{PEER}.{table}")).join(", ");
            self.client.batch_execute(&format!("TRUNCATE {all}"))?;
            let clients = (0..connections).map(|_| Ok(self.exchange.client()?)).collect::<Result<Vec<_>>>()?;
            let began = Instant::now();
            insert(clients, &work)?;
            let kept = Self::number(&mut self.client, &format!("SELECT count(*) FROM {PEER}.settlements"))?;
            ensure!(usize::try_from(kept)? == settled, "{kept} of {settled} rows were inserted by hand");
            measured.insert(connections, settled as f64 / began.elapsed().as_secs_f64());
        }
        let of = |connections| measured.get(&connections).copied();
        Ok(Inserted { one_after_the_other: of(1).unwrap_or_default(), side_by_side: of(self.connections) })
    }
}

/// Does every transaction on one of these connections.
fn insert(clients: Vec<Client>, work: &[Vec<Part<'_>>]) -> Result<()> {
    let count = clients.len();
    thread::scope(|scope| {
        let share = |(first, mut client): (usize, Client)| {
            scope.spawn(move || work.iter().skip(first).step_by(count).try_for_each(|parts| commit(&mut client, parts)))
        };
        let workers = clients.into_iter().enumerate().map(share).collect::<Vec<_>>();
        workers.into_iter().try_for_each(|worker| worker.join().expect("inserting does not panic"))
    })
}

fn commit(client: &mut Client, parts: &[Part<'_>]) -> Result<()> {
    let mut transaction = client.transaction()?;
    for part in parts {
        let values = part.columns.iter().map(|column| column.as_ref() as &(dyn ToSql + Sync)).collect::<Vec<_>>();
        transaction.execute(part.insert, &values)?;
    }
    Ok(transaction.commit()?)
}

/// Rows of a table, by column.
struct Added {
    table: &'static str,
    insert: String,
    columns: Vec<Column>,
    rows: usize,
}

enum Column {
    Numbers(Vec<Option<i64>>),
    Bytes(Vec<Option<Vec<u8>>>),
    Texts(Vec<Option<String>>),
}

/// What one transaction adds to one table.
struct Part<'a> {
    insert: &'a str,
    columns: Vec<Box<dyn ToSql + Sync + Send>>,
}

impl Added {
    fn read(client: &mut Client, table: &'static str, number: &str, last: i64) -> Result<Self> {
        let sql = format!("SELECT * FROM {table} WHERE {number} > {last} ORDER BY {number} LIMIT {MOST_ROWS}");
        let statement = client.prepare(&sql)?;
        let rows = client.query(&statement, &[])?;
        let columns = statement.columns().iter().enumerate().map(|(place, column)| match *column.type_() {
            Type::INT8 => Ok(Column::Numbers(rows.iter().map(|row| row.get(place)).collect())),
            Type::BYTEA => Ok(Column::Bytes(rows.iter().map(|row| row.get(place)).collect())),
            Type::TEXT => Ok(Column::Texts(rows.iter().map(|row| row.get(place)).collect())),
            ref other => Err(anyhow::anyhow!("{table}.{} is {other}", column.name())),
        });
        let columns = columns.collect::<Result<Vec<_>>>()?;
        let names = statement.columns().iter().map(|column| format!("\"{}\"", column.name()));
        let arrays = columns.iter().zip(1..).map(|(column, place)| match column {
            Column::Numbers(_) => format!("CAST(${place} AS BIGINT[])"),
            Column::Bytes(_) => format!("CAST(${place} AS BYTEA[])"),
            Column::Texts(_) => format!("CAST(${place} AS TEXT[])"),
        });
        let insert = format!(
            "INSERT INTO {PEER}.{table} ({}) SELECT * FROM unnest({}) ON CONFLICT DO NOTHING",
            names.collect::<Vec<_>>().join(", "),
            arrays.collect::<Vec<_>>().join(", ")
        );
        Ok(Self { table, insert, columns, rows: rows.len() })
    }

    /// One of so many parts, about as large as the others.
    fn part(&self, number: usize, parts: usize) -> Part<'_> {
        let range = self.rows * number / parts..self.rows * (number + 1) / parts;
        let columns = self.columns.iter().map(|column| -> Box<dyn ToSql + Sync + Send> {
            match column {
                Column::Numbers(numbers) => Box::new(numbers[range.clone()].to_vec()),
                Column::Bytes(bytes) => Box::new(bytes[range.clone()].to_vec()),
                Column::Texts(texts) => Box::new(texts[range.clone()].to_vec()),
            }
        });
        Part { insert: &self.insert, columns: columns.collect() }
    }
}
