//! Everything that a role has: in its database, in its log, and in what it has sent or been sent.

use std::fs;

use rusqlite::{Connection, types::Value};
use symbolon_service::links::ServiceRole;

use super::City;
use crate::{
    overheard::as_role,
    searching::Haystack,
    secrets::{LINKAGE_HANDLE, PUBLISHED, SEEDS, Secret},
};

impl City {
    /// All of it.
    pub(crate) fn everything_of(&self, role: ServiceRole) -> Vec<Haystack> {
        let mut all = self.cells_of(role);
        for suffix in ["", "-wal"] {
            let path = self.database(role).with_extension(format!("db{suffix}"));
            // Pages of rows that were deleted are still in it.
            all.push(Haystack::file(format!("file: {}", path.display()), fs::read(&path).unwrap()));
        }
        all.extend(self.logs.of(role).into_iter().map(|line| Haystack::new("log", line)));
        all.extend(self.traffic.of(role).into_iter().map(|message| Haystack::new("link", message)));
        all
    }

    /// Every column of every row of every table, whichever there are.
    fn cells_of(&self, role: ServiceRole) -> Vec<Haystack> {
        let sql = Connection::open(self.database(role)).unwrap();
        let mut tables = sql.prepare("SELECT name FROM sqlite_schema WHERE type = 'table'").unwrap();
        let tables = tables.query_map([], |row| row.get::<_, String>(0)).unwrap().map(Result::unwrap);
        let mut cells = Vec::new();
        for table in tables {
            let mut statement = sql.prepare(&format!("SELECT * FROM \"{table}\"")).unwrap();
            let columns = statement.column_names().map(str::to_owned).collect::<Vec<_>>();
            let mut rows = statement.query([]).unwrap();
            while let Some(row) = rows.next().unwrap() {
                for (at, column) in columns.iter().enumerate() {
                    let bytes = match row.get(at).unwrap() {
                        Value::Null => continue,
                        Value::Integer(number) => number.to_string().into_bytes(),
                        Value::Real(number) => number.to_string().into_bytes(),
                        Value::Text(text) => text.into_bytes(),
                        Value::Blob(bytes) => bytes,
                    };
                    cells.push(Haystack::new(format!("database: {table}.{column}"), bytes));
                }
            }
        }
        cells
    }

    /// The handles and seeds of the linkage authorities, which no tap or card shows.
    pub(crate) fn secrets_of_stores(&self) -> Vec<Secret> {
        let mut secrets = Vec::new();
        for (number, role) in [ServiceRole::LinkageA, ServiceRole::LinkageB].into_iter().enumerate() {
            let sql = Connection::open(self.database(role)).unwrap();
            let mut statement = sql.prepare("SELECT handle, seed, published FROM linkage_seeds").unwrap();
            let rows = statement.query_map([], |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?))).unwrap();
            for row in rows {
                let (handle, seed, published): (Vec<u8>, Vec<u8>, bool) = row.unwrap();
                secrets.push(Secret::new(LINKAGE_HANDLE, &handle));
                secrets.push(Secret::new(if published { PUBLISHED } else { SEEDS }[number], &seed));
            }
        }
        secrets
    }

    /// Puts a secret wherever this role has anything.
    pub(crate) async fn plant(&self, role: ServiceRole, secret: &[u8]) {
        let sql = Connection::open(self.database(role)).unwrap();
        let row = "INSERT INTO requests (principal, method, request_id, digest, answer, time)
                   VALUES ('planted', 'test', zeroblob(16), zeroblob(32), ?1, 1)";
        sql.execute(row, [secret]).unwrap();
        as_role(role, async { tracing::debug!(leak = hex::encode(secret), "planted") }).await;
        self.traffic.note(&[role], [b"planted ", secret].concat());
    }
}
