//! SQLite files into schemas that are empty, all of each or nothing.
//!
//! What a schema holds its rows to one by one is taken away before they come and put back behind them, within one transaction:
//! keys, references and indexes, which are built of all rows at once and refused when one does not fit; and triggers, in whose
//! place what they would have held is asked for once. Whoever owns the schema may do that.

use std::path::PathBuf;

use postgres::{
    Client,
    binary_copy::BinaryCopyInWriter,
    types::{ToSql, Type},
};
use rusqlite::types::ValueRef;

use super::{
    PostgresAddress, ledger, migrating,
    session::{Failure, Session},
    values::Value,
};
use crate::{
    StoreError,
    sqlite::{filling::Table, source::Source},
};

type Result<T> = std::result::Result<T, StoreError>;

/// One file and where its rows go.
#[derive(Clone, Debug)]
pub struct Load {
    /// The file; nobody else may have it open.
    pub from: PathBuf,
    /// The schema. It is made when there is none, and holds no row otherwise.
    pub to: PostgresAddress,
}

/// Nothing is given up for taking long, but nobody is waited for who uses the schema already.
const SETTINGS: &str = "SET statement_timeout TO 0; SET idle_in_transaction_session_timeout TO 0; \
                        SET lock_timeout TO '10s'; SET maintenance_work_mem TO '256MB'; BEGIN";

/// Tables of PostgreSQL alone, which stay as the migrations made them.
const STAY: [&str; 4] = ["schema_history", "turns", "uploads_under_way", "waiting_routes"];

/// Tables of PostgreSQL alone whose rows follow from others, and the statement that adds them.
const FOLLOW: [(&str, &str); 1] = [(
    "spending",
    // Purchases and entries that settled.
    "INSERT INTO spending (credential_digest, spent)
     SELECT credential_digest, CAST(sum(amount) AS BIGINT) FROM settlements
     WHERE outcome = 1 AND kind IN (1, 2) GROUP BY credential_digest",
)];

/// Columns of SQLite alone: what they say follows from other columns.
const LEFT_OUT: [(&str, &str); 1] = [("settlements", "spent")];

/// What no trigger has seen; each query tells its findings in words.
const BEYOND_TRIGGERS: [&str; 1] = ["SELECT 'more was given back than was paid by settlement ' || paid AS problem
     FROM refunds AS r GROUP BY paid
     HAVING sum(amount) >
         coalesce((SELECT amount FROM settlements WHERE id = r.paid AND kind = 1 AND outcome = 1), 0) LIMIT ?1"];

/// Loads SQLite files into empty schemas, from where services on any number of machines can go on; how many rows each had.
/// Nothing is committed before all of them are loaded and hold together; until then each schema is as it was, whatever
/// happens. Should the last step be interrupted between two schemas, it names those that are complete.
///
/// # Errors
/// [`StoreError::Corrupt`] when a file does not hold together, is of a newer program, or does not fit the schema;
/// [`StoreError::Conflict`] when a schema has rows; [`StoreError::Unavailable`] when a file is not there or in use, a database
/// cannot be reached, or a schema not be changed; [`StoreError::Full`]. Each names the file or the schema.
pub fn load(loads: &[Load]) -> Result<Vec<u64>> {
    // The client waits in a way that a thread of an asynchronous program must not.
    std::thread::scope(|scope| {
        let loading = std::thread::Builder::new().spawn_scoped(scope, || load_all(loads));
        loading.map_err(|error| StoreError::Unavailable(error.to_string()))?.join().map_err(|_| StoreError::GivenUp)?
    })
}

fn load_all(loads: &[Load]) -> Result<Vec<u64>> {
    let sources = loads.iter().map(|load| Source::open(&load.from)).collect::<Result<Vec<_>>>()?;
    let mut schemas = loads.iter().map(|load| Schema::begin(&load.to)).collect::<Result<Vec<_>>>()?;
    let mut counts = Vec::with_capacity(loads.len());
    for (source, schema) in sources.iter().zip(&mut schemas) {
        counts.push(schema.fill(source)?);
    }
    let mut complete = Vec::new();
    for schema in schemas {
        let name = schema.name.clone();
        schema.commit().map_err(|error| match complete.as_slice() {
            [] => error.of("it may be complete, the others are empty"),
            some => error.of(format!("complete are {}; this one may be, the others are empty", some.join(", "))),
        })?;
        complete.push(name);
    }
    Ok(counts)
}

fn failed(error: postgres::Error) -> StoreError {
    Failure::from(error).error
}

impl PostgresAddress {
    /// A connection for a tool of its own, which looks into the schema from outside.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`].
    pub fn client(&self) -> Result<Client> {
        self.clone().unhurried().connect().map_err(|failure| failure.error)
    }
}

/// A schema that is being filled; as it was before, unless this is committed.
struct Schema {
    client: Client,
    name: String,
    /// Its tables, but those that stay.
    tables: Vec<Columns>,
}

/// A table, and the types of its columns by name.
struct Columns {
    table: String,
    types: Vec<(String, Type)>,
}

impl Schema {
    /// Takes a schema for itself, after it was brought up to date.
    fn begin(address: &PostgresAddress) -> Result<Self> {
        Self::try_begin(address).map_err(|error| error.of(format!("the schema {}", address.schema())))
    }

    fn try_begin(address: &PostgresAddress) -> Result<Self> {
        Session::new(address.clone()).maintain(migrating::bring_up_to_date)?;
        let mut client = address.client()?;
        client.batch_execute(SETTINGS).map_err(failed)?;
        let mut schema = Self { client, name: address.schema().to_owned(), tables: Vec::new() };
        schema.tables = schema.find_tables()?;
        let all = schema.tables.iter().map(|found| format!("\"{}\"", found.table)).collect::<Vec<_>>().join(", ");
        schema.run(&format!("LOCK TABLE {all} IN ACCESS EXCLUSIVE MODE"))?;
        schema.each_table("ALTER TABLE {} DISABLE TRIGGER USER")?;
        // The one row that the migrations leave, while nothing has changed it.
        schema.run("DELETE FROM revocation_revision WHERE revision = 0")?;
        for table in schema.tables.iter().map(|found| found.table.as_str()).chain(["waiting_routes"]) {
            let look = format!("SELECT 1 FROM \"{table}\" LIMIT 1");
            if schema.client.query_opt(&look, &[]).map_err(failed)?.is_some() {
                return Err(StoreError::Conflict(format!("it is not empty: there are rows in {table}")));
            }
        }
        Ok(schema)
    }

    fn find_tables(&mut self) -> Result<Vec<Columns>> {
        let look = "SELECT CAST(c.relname AS TEXT), CAST(a.attname AS TEXT), a.atttypid
                    FROM pg_class AS c JOIN pg_attribute AS a ON a.attrelid = c.oid
                    WHERE c.relnamespace = (SELECT oid FROM pg_namespace WHERE nspname = current_schema())
                        AND c.relkind = 'r' AND a.attnum > 0 AND NOT a.attisdropped
                        AND c.relname <> ALL ($1)
                    ORDER BY c.relname, a.attnum";
        let mut tables = Vec::<Columns>::new();
        for row in self.client.query(look, &[&STAY.as_slice()]).map_err(failed)? {
            let (table, column) = (row.get::<_, String>(0), row.get(1));
            let kind = Type::from_oid(row.get(2)).unwrap_or(Type::UNKNOWN);
            match tables.last_mut() {
                Some(last) if last.table == table => last.types.push((column, kind)),
                _ => tables.push(Columns { table, types: vec![(column, kind)] }),
            }
        }
        Ok(tables)
    }

    fn run(&mut self, sql: &str) -> Result<()> {
        self.client.batch_execute(sql).map_err(failed)
    }

    /// Runs a statement for each table, whose name stands for `{}`.
    fn each_table(&mut self, sql: &str) -> Result<()> {
        let all = self.tables.iter().map(|found| sql.replace("{}", &format!("\"{}\"", found.table)));
        let all = all.collect::<Vec<_>>().join("; ");
        self.run(&all)
    }

    /// Fills it with the rows of a file, and looks whether all of it is there and holds together.
    fn fill(&mut self, source: &Source) -> Result<u64> {
        self.try_fill(source).map_err(|error| match error {
            // What is refused is the file's fault: the schema was empty.
            StoreError::Conflict(problem) => StoreError::Corrupt(problem).of(source.path().display()),
            error => error.of(source.path().display()),
        })
    }

    fn try_fill(&mut self, source: &Source) -> Result<u64> {
        let bonds = self.untie()?;
        let tables = source.tables()?;
        for table in &tables {
            self.copy(source, table)?;
        }
        self.run(&bonds)?;
        for found in &self.tables {
            let is_copied = tables.iter().any(|table| table.name == found.table);
            match FOLLOW.iter().find(|(name, _)| *name == found.table) {
                Some((_, add)) => self.client.batch_execute(add).map_err(failed)?,
                None if is_copied => {}
                None => return Err(StoreError::Corrupt(format!("nothing says what is in the table {}", found.table))),
            }
        }
        self.number_behind_the_last()?;
        // All uploads that are there are listed.
        self.run("UPDATE turns SET reached = (SELECT coalesce(max(sequence), 0) FROM uploads) WHERE name = 'uploads'")?;
        self.each_table("ALTER TABLE {} ENABLE TRIGGER USER; ANALYZE {}")?;
        let mut count = 0;
        for table in &tables {
            count += self.compare(source, table)?;
        }
        self.look_for_problems()?;
        Ok(count)
    }

    /// Takes keys, references and indexes away; the statements that put them back.
    fn untie(&mut self) -> Result<String> {
        let look = "SELECT format('ALTER TABLE %s DROP CONSTRAINT %I', conrelid::regclass, conname),
                           format('ALTER TABLE %s ADD CONSTRAINT %I %s', conrelid::regclass, conname,
                                  pg_get_constraintdef(k.oid))
                    FROM pg_constraint AS k JOIN pg_class AS c ON c.oid = conrelid
                    WHERE connamespace = (SELECT oid FROM pg_namespace WHERE nspname = current_schema())
                        AND contype IN ('f', 'p', 'u', 'x') AND c.relname <> ALL ($1)
                    ORDER BY contype = 'f' DESC, conrelid, k.oid";
        let constraints = self.client.query(look, &[&STAY.as_slice()]).map_err(failed)?;
        let look = "SELECT format('DROP INDEX %s', indexrelid::regclass), pg_get_indexdef(indexrelid)
                    FROM pg_index AS i JOIN pg_class AS c ON c.oid = indrelid
                    WHERE c.relnamespace = (SELECT oid FROM pg_namespace WHERE nspname = current_schema())
                        AND c.relname <> ALL ($1)
                        AND NOT EXISTS (SELECT 1 FROM pg_constraint
                                        WHERE conindid = indexrelid AND contype IN ('p', 'u', 'x'))
                    ORDER BY indrelid, indexrelid";
        let indexes = self.client.query(look, &[&STAY.as_slice()]).map_err(failed)?;
        let statements = |column: usize| {
            let all = constraints.iter().chain(&indexes).map(|row| row.get::<_, String>(column));
            all.collect::<Vec<_>>()
        };
        self.run(&statements(0).join("; "))?;
        // References come last: a key has to be there before what refers to it.
        let mut back = statements(1);
        back.reverse();
        Ok(back.join("; "))
    }

    fn copy(&mut self, source: &Source, table: &Table) -> Result<()> {
        let found = self.tables.iter().find(|found| found.table == table.name);
        let found = found.ok_or_else(|| StoreError::Corrupt(format!("there is no place for table {}", table.name)))?;
        let (mut columns, mut types) = (Vec::new(), Vec::new());
        for column in &table.columns {
            match found.types.iter().find(|(name, _)| name == column) {
                Some((name, kind)) => {
                    columns.push(name.as_str());
                    types.push(kind.clone());
                }
                None if LEFT_OUT.contains(&(table.name.as_str(), column.as_str())) => {}
                None => return Err(StoreError::Corrupt(format!("there is no place for {}.{column}", table.name))),
            }
        }
        let named = columns.iter().map(|column| format!("\"{column}\"")).collect::<Vec<_>>().join(", ");
        let begin = format!("COPY \"{}\" ({named}) FROM STDIN (FORMAT binary)", table.name);
        let mut writer = BinaryCopyInWriter::new(self.client.copy_in(&begin).map_err(failed)?, &types);
        source.read(&table.name, &columns, |row| {
            let values = row.iter().map(value).collect::<Result<Vec<_>>>()?;
            let values = values.iter().map(|value| value as &(dyn ToSql + Sync)).collect::<Vec<_>>();
            writer.write(&values).map_err(failed)
        })?;
        writer.finish().map(drop).map_err(failed)
    }

    /// Has every number that is drawn be larger than those that are there.
    fn number_behind_the_last(&mut self) -> Result<()> {
        let look = r"SELECT format('SELECT max(%I) FROM %s', a.attname, c.oid::regclass),
                            coalesce(pg_get_serial_sequence(c.oid::regclass::text, a.attname),
                                     substring(pg_get_expr(d.adbin, d.adrelid) FROM 'in_turn\(''([a-z_]+)''')
                                         || '_in_turn')
                     FROM pg_class AS c JOIN pg_attribute AS a ON a.attrelid = c.oid
                         LEFT JOIN pg_attrdef AS d ON d.adrelid = c.oid AND d.adnum = a.attnum
                     WHERE c.relnamespace = (SELECT oid FROM pg_namespace WHERE nspname = current_schema())
                         AND c.relkind = 'r' AND a.attnum > 0 AND NOT a.attisdropped";
        for row in self.client.query(look, &[]).map_err(failed)? {
            let Some(sequence) = row.get::<_, Option<String>>(1) else { continue };
            let last = self.client.query_one(&row.get::<_, String>(0), &[]).map_err(failed)?;
            let Some(last) = last.get::<_, Option<i64>>(0) else { continue };
            let next = last.checked_add(1).ok_or_else(|| StoreError::Full(format!("{sequence} is used up")))?;
            // Unlike setval, this is undone with the transaction.
            self.run(&format!("ALTER SEQUENCE {sequence} RESTART WITH {next}"))?;
        }
        Ok(())
    }

    /// Counts a table here and there.
    fn compare(&mut self, source: &Source, table: &Table) -> Result<u64> {
        let there = source.count(table)?;
        let count = format!("SELECT count(*) FROM \"{}\"", table.name);
        let here = self.client.query_one(&count, &[]).map_err(failed)?.get::<_, i64>(0);
        if here == there {
            return Ok(here.unsigned_abs());
        }
        Err(StoreError::Corrupt(format!("of {there} rows of {}, {here} arrived", table.name)))
    }

    /// What the triggers would have held.
    fn look_for_problems(&mut self) -> Result<()> {
        for look in ledger::PROBLEMS.iter().chain(&BEYOND_TRIGGERS) {
            if let Some(problem) = self.client.query_opt(&look.replace("?1", "1"), &[]).map_err(failed)? {
                return Err(StoreError::Corrupt(problem.get(0)));
            }
        }
        Ok(())
    }

    fn commit(mut self) -> Result<()> {
        let name = self.name.clone();
        self.run("COMMIT").map_err(|error| error.of(format!("the schema {name}")))
    }
}

fn value<'v>(found: &ValueRef<'v>) -> Result<Value<'v>> {
    match found {
        ValueRef::Null => Ok(Value::Null),
        ValueRef::Integer(number) => Ok(Value::Number(*number)),
        ValueRef::Blob(bytes) => Ok(Value::Bytes(bytes)),
        ValueRef::Text(text) => {
            std::str::from_utf8(text).map(Value::Text).map_err(|_| StoreError::Corrupt("a text is no UTF-8".to_owned()))
        }
        ValueRef::Real(_) => Err(StoreError::Corrupt("a number is not whole".to_owned())),
    }
}
