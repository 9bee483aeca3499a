//! A thread's connection: transactions on it, and what to do when one fails.

use std::{
    cell::RefCell,
    collections::HashMap,
    panic::{AssertUnwindSafe, catch_unwind},
    time::Duration,
};

use tokio_postgres::{Statement, error::SqlState, types::ToSql};

use super::{
    PostgresAddress,
    client::Client,
    rows::Unit,
    turns::Turns,
    values::{Parameters, Value},
};
use crate::{StoreError, Transaction};

/// How often a unit of work is run before it is given up. Every time somebody else's was done instead.
const ATTEMPTS: u32 = 20;

/// After so many vain attempts a unit of work goes ahead of those that wait for their turn.
const PATIENT_ATTEMPTS: u32 = 3;

/// How often a broken rule is looked at again: the row that is in the way may be of a unit of work that this one had not
/// seen, and would then be understood.
const SECOND_LOOKS: u32 = 2;

/// The first wait between two attempts; each further one is twice as long at most, up to [`DOUBLINGS`] times.
const WAIT: Duration = Duration::from_millis(2);
const DOUBLINGS: u32 = 6;

/// Tables whose rows are overwritten so that nobody can read what they held.
const SECRET_TABLES: [&str; 2] = ["linkage_seeds", "pseudonym_archive"];

/// What can be done about a failure.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Remedy {
    /// Nothing; the same would happen again.
    None,
    /// Another transaction got in the way: run it again.
    Again,
    /// A rule was broken; by what may have to be looked at again.
    Look,
    /// The connection is not usable any more.
    Reconnect,
    /// The same, and whoever asked has waited long enough.
    GiveUp,
}

impl Remedy {
    fn drops_connection(self) -> bool {
        matches!(self, Self::Reconnect | Self::GiveUp)
    }
}

/// A statement that failed.
#[derive(Clone, Debug)]
pub(super) struct Failure {
    pub(super) error: StoreError,
    remedy: Remedy,
    lacks_feature: bool,
}

impl Failure {
    /// One that nothing can be done about.
    pub(super) fn final_one(error: StoreError) -> Self {
        Self { error, remedy: Remedy::None, lacks_feature: false }
    }

    /// Nothing was answered for so long.
    pub(super) fn unanswered(patience: Duration) -> Self {
        let text = format!("it has not answered for {} s", patience.as_secs());
        Self { error: StoreError::Unavailable(text), remedy: Remedy::GiveUp, lacks_feature: false }
    }
}

impl From<tokio_postgres::Error> for Failure {
    fn from(error: tokio_postgres::Error) -> Self {
        let Some(database) = error.as_db_error() else {
            let cause = std::error::Error::source(&error).map(|cause| format!(": {cause}")).unwrap_or_default();
            let text = format!("{error}{cause}");
            return if error.is_closed() || error.code().is_none() && !is_ours(&error) {
                Self { error: StoreError::Unavailable(text), remedy: Remedy::Reconnect, lacks_feature: false }
            } else {
                Self { error: StoreError::Corrupt(text), remedy: Remedy::None, lacks_feature: false }
            };
        };
        let (code, text) = (database.code(), database.message().to_owned());
        let lacks_feature = *code == SqlState::FEATURE_NOT_SUPPORTED || *code == SqlState::SYNTAX_ERROR;
        let (error, remedy) = match (code.code().get(..2).unwrap_or_default(), code) {
            ("40", _) | (_, &SqlState::LOCK_NOT_AVAILABLE) => (StoreError::Unavailable(text), Remedy::Again),
            ("23", _) => (StoreError::Conflict(text), Remedy::Look),
            (_, &SqlState::DISK_FULL) | ("54", _) | (_, &SqlState::NUMERIC_VALUE_OUT_OF_RANGE) => {
                (StoreError::Full(text), Remedy::None)
            }
            // A statement that was prepared before another node changed the schema, among others.
            (_, &SqlState::FEATURE_NOT_SUPPORTED) => (StoreError::Unavailable(text), Remedy::Reconnect),
            ("XX" | "42" | "22", _) => (StoreError::Corrupt(text), Remedy::None),
            // Stopping, starting, out of connections, a replica that does not write, and whatever else may pass.
            _ => (StoreError::Unavailable(text), Remedy::Reconnect),
        };
        Self { error, remedy, lacks_feature }
    }
}

/// Whether the client refused it itself: a value or a column is not of the type that the schema says.
fn is_ours(error: &tokio_postgres::Error) -> bool {
    std::error::Error::source(error).is_some_and(|cause| cause.is::<tokio_postgres::types::WrongType>())
}

/// A connection and what was prepared on it.
pub(super) struct Connected {
    client: RefCell<Client>,
    prepared: RefCell<HashMap<String, Prepared>>,
    /// The number of the server's process for this connection: no two waits of two connections are the same.
    number: u64,
    locks_tables: bool,
}

struct Prepared {
    statement: Statement,
    /// Which value each parameter is, where the values have names.
    order: Vec<usize>,
}

impl Connected {
    fn new(mut client: Client) -> Result<Self, Failure> {
        let found = client.rows("SELECT pg_backend_pid()", &[]).map_err(|error| client.failure(error))?;
        let number = found.first().map_or(1, |row| row.get::<_, i32>(0));
        let client = RefCell::new(client);
        Ok(Self { client, prepared: RefCell::default(), number: number.unsigned_abs().into(), locks_tables: true })
    }

    /// Uses a statement in SQLite's form, prepared at its first use.
    pub(super) fn with<T>(
        &self,
        sql: &str,
        parameters: &impl Parameters,
        act: impl FnOnce(&mut Client, &Statement, &[&(dyn ToSql + Sync)]) -> Result<T, tokio_postgres::Error>,
    ) -> Result<T, Failure> {
        let values = parameters.values();
        let mut client = self.client.borrow_mut();
        let mut prepared = self.prepared.borrow_mut();
        if !prepared.contains_key(sql) {
            let (text, order) = translated(sql, &parameters.names());
            // What a number is compared with does not always tell that it is one.
            let kinds = ordered(&values, &order).map(Value::kind).collect::<Vec<_>>();
            let statement = client.prepare_typed(&text, &kinds).map_err(|error| client.failure(error))?;
            prepared.insert(sql.to_owned(), Prepared { statement, order });
        }
        let Prepared { statement, order } = &prepared[sql];
        let values = ordered(&values, order).map(|value| value as _).collect::<Vec<_>>();
        act(&mut client, statement, &values).map_err(|error| client.failure(error))
    }

    pub(super) fn batch(&self, sql: &str) -> Result<(), Failure> {
        let mut client = self.client.borrow_mut();
        client.batch_execute(sql).map_err(|error| client.failure(error))
    }

    /// Ends a transaction without effect; whether the connection can be used again.
    fn rolls_back(&self) -> bool {
        self.batch("ROLLBACK").is_ok()
    }
}

/// The values in the order of the statement's parameters.
fn ordered<'v>(values: &'v [Value<'v>], order: &'v [usize]) -> impl Iterator<Item = &'v Value<'v>> {
    let count = if order.is_empty() { values.len() } else { order.len() };
    (0..count).map(|place| &values[order.get(place).copied().unwrap_or(place)])
}

/// Parameters as PostgreSQL numbers them: `?1` becomes `$1`, and `:name` the place where the name comes first.
fn translated(sql: &str, names: &[&'static str]) -> (String, Vec<usize>) {
    let mut text = String::with_capacity(sql.len());
    let mut order = Vec::new();
    let mut rest = sql;
    while let Some(at) = rest.find([':', '?']) {
        text.push_str(&rest[..at]);
        let mark = &rest[at..];
        let end = mark[1..].find(|next: char| !next.is_ascii_alphanumeric() && next != '_');
        let (name, behind) = mark.split_at(end.map_or(mark.len(), |end| end + 1));
        rest = behind;
        match names.iter().position(|known| *known == name) {
            Some(value) => {
                let place = order.iter().position(|known| *known == value).unwrap_or_else(|| {
                    order.push(value);
                    order.len() - 1
                });
                text.push_str(&format!("${}", place + 1));
            }
            None if name.starts_with('?') => text.push_str(&name.replace('?', "$")),
            None => text.push_str(name),
        }
    }
    text.push_str(rest);
    (text, order)
}

/// What came of an attempt at a unit of work.
enum Tried<T, E> {
    Done(Result<T, E>),
    Again(StoreError),
}

/// One thread's connection, made when it is needed.
pub(super) struct Session {
    address: PostgresAddress,
    connected: Option<Connected>,
}

impl Session {
    pub(super) fn new(address: PostgresAddress) -> Self {
        Self { address, connected: None }
    }

    pub(super) fn schema(&self) -> &str {
        self.address.schema()
    }

    fn connected(&mut self) -> Result<&mut Connected, Failure> {
        let connected = match self.connected.take() {
            Some(connected) => connected,
            None => Connected::new(self.address.connect_watched()?)?,
        };
        Ok(self.connected.insert(connected))
    }

    /// The connection itself.
    pub(super) fn client(&mut self) -> Result<std::cell::RefMut<'_, Client>, Failure> {
        Ok(self.connected()?.client.borrow_mut())
    }

    /// Does something that can be done again, until nothing gets in its way.
    pub(super) fn attempt<T>(&mut self, act: impl Fn(&mut Self) -> Result<T, Failure>) -> Result<T, StoreError> {
        let mut attempt = 0;
        loop {
            let failure = match act(self) {
                Ok(done) => return Ok(done),
                Err(failure) => failure,
            };
            let unanswered = self.connected.as_ref().and_then(|connected| connected.client.borrow().unanswered());
            let failure = unanswered.unwrap_or(failure);
            let is_usable = self.connected.as_ref().is_some_and(Connected::rolls_back);
            if !is_usable || failure.remedy.drops_connection() {
                self.connected = None;
            }
            attempt += 1;
            if failure.remedy == Remedy::None || failure.remedy.drops_connection() || attempt == ATTEMPTS {
                return Err(failure.error);
            }
            self.wait(attempt);
        }
    }

    /// Does something to whole tables, which may take long, on a connection of its own.
    pub(super) fn maintain<T>(&mut self, act: impl Fn(&mut Self) -> Result<T, Failure>) -> Result<T, StoreError> {
        let mut unhurried = Self::new(self.address.clone().unhurried());
        self.connected = None;
        unhurried.attempt(act)
    }

    /// One unit of work that writes; about these holders, or about whatever it looks at.
    pub(super) fn write<T, E: From<StoreError>>(
        &mut self,
        turns: Option<&Turns>,
        mut job: impl FnMut(&mut dyn Transaction) -> Result<T, E>,
    ) -> Result<T, E> {
        let mut last = StoreError::GivenUp;
        for attempt in 0..ATTEMPTS {
            match self.try_write(turns, &mut job, attempt) {
                Tried::Done(result) => return result,
                Tried::Again(error) => last = error,
            }
            self.wait(attempt);
        }
        Err(last.into())
    }

    fn try_write<T, E: From<StoreError>>(
        &mut self,
        turns: Option<&Turns>,
        job: &mut impl FnMut(&mut dyn Transaction) -> Result<T, E>,
        attempt: u32,
    ) -> Tried<T, E> {
        let begin = |connected: &mut Connected| match turns {
            Some(turns) => turns.begin(connected),
            None => begin_writing(connected, attempt),
        };
        let connected = match self.begin(begin) {
            Ok(connected) => connected,
            Err(failure) if failure.remedy == Remedy::Again => return Tried::Again(failure.error),
            Err(failure) => return Tried::Done(Err(failure.error.into())),
        };
        let mut unit = Unit::new(connected);
        // What a panicking job did is undone below; nothing else is shared with it.
        let done = catch_unwind(AssertUnwindSafe(|| job(&mut unit)));
        let failure = unit.into_failure();
        let result = match (done, &failure) {
            (Ok(Ok(value)), None) => match connected.batch("COMMIT") {
                Ok(()) => return Tried::Done(Ok(value)),
                Err(failure) => return self.not_committed(failure),
            },
            // The job made light of a statement that failed, and nothing that it did can be committed.
            (Ok(Ok(_)), Some(failure)) => Err(failure.error.clone().into()),
            (Ok(Err(error)), _) => Err(error),
            (Err(_), _) => Err(StoreError::GivenUp.into()),
        };
        let remedy = failure.as_ref().map_or(Remedy::None, |failure| failure.remedy);
        if !connected.rolls_back() || remedy.drops_connection() {
            self.connected = None;
        }
        match (failure, remedy) {
            (Some(failure), Remedy::Again) => Tried::Again(failure.error),
            (Some(failure), Remedy::Look) if attempt < SECOND_LOOKS => Tried::Again(failure.error),
            // Nothing was committed: a new connection may fare better, once.
            (Some(failure), Remedy::Reconnect) if attempt == 0 => Tried::Again(failure.error),
            _ => Tried::Done(result),
        }
    }

    fn not_committed<T, E: From<StoreError>>(&mut self, failure: Failure) -> Tried<T, E> {
        match failure.remedy {
            Remedy::Again => Tried::Again(failure.error),
            Remedy::Look | Remedy::None => Tried::Done(Err(failure.error.into())),
            Remedy::Reconnect | Remedy::GiveUp => {
                self.connected = None;
                let text = format!("whether a unit of work took effect is not known, ask again: {}", failure.error);
                Tried::Done(Err(StoreError::Unavailable(text).into()))
            }
        }
    }

    /// One unit of work that only looks.
    pub(super) fn read<T, E: From<StoreError>>(
        &mut self,
        job: impl FnOnce(&dyn Transaction) -> Result<T, E>,
    ) -> Result<T, E> {
        let begin = |connected: &mut Connected| connected.batch("BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY");
        let connected = self.begin(begin).map_err(|failure| failure.error)?;
        let unit = Unit::new(connected);
        let done = catch_unwind(AssertUnwindSafe(|| job(&unit)));
        let failure = unit.into_failure();
        let is_lost = failure.as_ref().is_some_and(|failure| failure.remedy.drops_connection());
        if !connected.rolls_back() || is_lost {
            self.connected = None;
        }
        match (done, failure) {
            (Ok(Ok(_)), Some(failure)) => Err(failure.error.into()),
            (Ok(result), _) => result,
            (Err(_), _) => Err(StoreError::GivenUp.into()),
        }
    }

    /// Begins a transaction; on a new connection when the old one was cut meanwhile.
    fn begin(&mut self, begin: impl Fn(&mut Connected) -> Result<(), Failure>) -> Result<&Connected, Failure> {
        if self.connected.is_some()
            && let Err(failure) = begin(self.connected()?)
        {
            let is_usable = self.connected.as_ref().is_some_and(Connected::rolls_back);
            if is_usable && !failure.remedy.drops_connection() {
                return Err(failure);
            }
            self.connected = None;
            if failure.remedy == Remedy::GiveUp {
                return Err(failure);
            }
        }
        if self.connected.is_none()
            && let Err(failure) = begin(self.connected()?)
        {
            // What began may have failed half way.
            self.connected = None;
            return Err(failure);
        }
        self.connected().map(|connected| &*connected)
    }

    /// Waits longer the more attempts were vain, and every connection for a time of its own.
    fn wait(&self, attempt: u32) {
        let number = self.connected.as_ref().map_or(1, |connected| connected.number);
        let longest = WAIT.as_micros() as u64 * (1 << attempt.min(DOUBLINGS));
        // A multiplicative hash: its upper bits are as good as drawn.
        let share = (number + u64::from(attempt)).wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 44;
        std::thread::sleep(Duration::from_micros(longest / 2 + longest * share / (1 << 21)));
    }

    /// Rewrites the tables that held what nobody is to read any more.
    pub(super) fn rewrite_tables(&mut self) -> Result<(), Failure> {
        for table in SECRET_TABLES {
            self.client()?.batch_execute(&format!("VACUUM (FULL) {table}"))?;
        }
        Ok(())
    }
}

fn begin_writing(connected: &mut Connected, attempt: u32) -> Result<(), Failure> {
    connected.batch("BEGIN ISOLATION LEVEL SERIALIZABLE")?;
    if attempt < PATIENT_ATTEMPTS || !connected.locks_tables {
        return Ok(());
    }
    // Before the transaction looks at anything: what it then sees is newer than what it waited for.
    match connected.batch("LOCK TABLE turns IN EXCLUSIVE MODE") {
        Err(failure) if failure.lacks_feature => {
            connected.locks_tables = false;
            connected.batch("ROLLBACK; BEGIN ISOLATION LEVEL SERIALIZABLE")
        }
        locked => locked,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parameters_are_numbered_as_postgresql_does() {
        let (text, order) = translated("SELECT ?1, ?12 FROM a WHERE b = ?1", &[]);
        assert_eq!((text.as_str(), order), ("SELECT $1, $12 FROM a WHERE b = $1", Vec::new()));
        let (text, order) = translated("VALUES (:b, :a, :b, ':c')", &[":a", ":b"]);
        assert_eq!((text.as_str(), order), ("VALUES ($1, $2, $1, ':c')", vec![1, 0]));
    }
}
