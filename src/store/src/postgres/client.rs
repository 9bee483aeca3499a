//! A connection as a thread uses it: what is asked is answered, fails, or is given up after a time.
//!
//! A server that hangs and a network that swallows what it acknowledges look the same, and neither ever fails by itself.
//! So every question has a limit, after which the connection is dropped: its thread goes on, and nothing is left behind.

use std::{
    future::{Future, poll_fn},
    pin::{Pin, pin},
    task::{Context, Poll},
    time::Duration,
};

use tokio::{runtime::Runtime, time::timeout};
use tokio_postgres::{
    Client as Asking, Config, Error, NoTls, Row, RowStream, Statement,
    types::{ToSql, Type},
};
use tokio_stream::Stream as _;

use super::{session::Failure, tls::Tls};
use crate::StoreError;

/// How long saying goodbye may take.
const GOODBYE: Duration = Duration::from_secs(1);

/// Carries questions and answers while it is polled, until the connection ends.
type Carrying = Pin<Box<dyn Future<Output = Result<(), Error>> + Send>>;

/// A connection to a database, for one thread.
pub(super) struct Client {
    // Dropped first: what it leaves to be carried is the goodbye.
    asking: Asking,
    line: Line,
}

impl Client {
    /// Connects within `limit`; so long each question may take too, until [`Self::be_patient`].
    pub(super) fn connect(config: &Config, tls: Option<&Tls>, limit: Duration) -> Result<Self, Failure> {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
        let runtime = runtime.map_err(|error| Failure::final_one(StoreError::Unavailable(error.to_string())))?;
        let connecting = async {
            Ok::<(Asking, Carrying), Error>(match tls {
                Some(tls) => {
                    let (asking, carrying) = config.connect(tls.clone()).await?;
                    (asking, Box::pin(carrying))
                }
                None => {
                    let (asking, carrying) = config.connect(NoTls).await?;
                    (asking, Box::pin(carrying))
                }
            })
        };
        let connected = runtime.block_on(async { timeout(limit, connecting).await });
        let (asking, carrying) = match connected {
            Ok(connected) => connected?,
            Err(_) => {
                // It may be looking a name up, which is not to be waited for.
                runtime.shutdown_background();
                return Err(Failure::unanswered(limit));
            }
        };
        Ok(Self { asking, line: Line { carrying: Some(carrying), runtime, patience: limit, unanswered: None } })
    }

    /// From now on a question may take so long.
    pub(super) fn be_patient(&mut self, patience: Duration) {
        self.line.patience = patience;
    }

    /// What is known about a failure of this connection; where it was given up, that.
    pub(super) fn failure(&self, error: Error) -> Failure {
        self.unanswered().unwrap_or_else(|| error.into())
    }

    /// Whether the connection was given up because nothing was answered.
    pub(super) fn unanswered(&self) -> Option<Failure> {
        self.line.unanswered.map(Failure::unanswered)
    }

    pub(super) fn batch_execute(&mut self, sql: &str) -> Result<(), Error> {
        self.line.wait(self.asking.batch_execute(sql))
    }

    pub(super) fn prepare_typed(&mut self, sql: &str, types: &[Type]) -> Result<Statement, Error> {
        self.line.wait(self.asking.prepare_typed(sql, types))
    }

    pub(super) fn execute(&mut self, statement: &Statement, values: &[&(dyn ToSql + Sync)]) -> Result<u64, Error> {
        self.line.wait(self.asking.execute(statement, values))
    }

    pub(super) fn query(&mut self, statement: &Statement, values: &[&(dyn ToSql + Sync)]) -> Result<Vec<Row>, Error> {
        self.line.wait(self.asking.query(statement, values))
    }

    /// The rows of a query that is asked once.
    pub(super) fn rows(&mut self, sql: &str, values: &[&(dyn ToSql + Sync)]) -> Result<Vec<Row>, Error> {
        self.line.wait(self.asking.query(sql, values))
    }

    /// The rows of a query one after the other, however many; for each of them the database has the whole time.
    pub(super) fn stream(&mut self, sql: &str) -> Result<Rows<'_>, Error> {
        let no_values: [&(dyn ToSql + Sync); 0] = [];
        let rows = self.line.wait(self.asking.query_raw(sql, no_values))?;
        Ok(Rows { rows: Box::pin(rows), line: &mut self.line })
    }
}

/// Rows that come.
pub(super) struct Rows<'c> {
    rows: Pin<Box<RowStream>>,
    line: &'c mut Line,
}

impl Iterator for Rows<'_> {
    type Item = Result<Row, Error>;

    fn next(&mut self) -> Option<Self::Item> {
        let rows = &mut self.rows;
        let next = poll_fn(|task| rows.as_mut().poll_next(task).map(Option::transpose));
        self.line.wait(next).transpose()
    }
}

/// The way to the database and back.
struct Line {
    carrying: Option<Carrying>,
    runtime: Runtime,
    patience: Duration,
    /// After what time it was given up.
    unanswered: Option<Duration>,
}

impl Line {
    fn wait<T>(&mut self, answer: impl Future<Output = Result<T, Error>>) -> Result<T, Error> {
        let mut answer = pin!(answer);
        let carrying = &mut self.carrying;
        let answered = poll_fn(|task| carry(carrying, answer.as_mut(), task));
        match self.runtime.block_on(async { timeout(self.patience, answered).await }) {
            Ok(answered) => answered,
            Err(_) => {
                // With nothing that carries it the question ends by itself.
                self.carrying = None;
                self.unanswered = Some(self.patience);
                self.runtime.block_on(answer)
            }
        }
    }
}

impl Drop for Line {
    fn drop(&mut self) {
        if let Some(carrying) = self.carrying.take() {
            // Who does not take a goodbye is left without one.
            let _ = self.runtime.block_on(async { timeout(GOODBYE, carrying).await });
        }
    }
}

/// Carries what there is, and looks whether the answer has come.
fn carry<T>(
    carrying: &mut Option<Carrying>,
    answer: Pin<&mut impl Future<Output = Result<T, Error>>>,
    task: &mut Context<'_>,
) -> Poll<Result<T, Error>> {
    let end = carrying.as_mut().map(|carrying| carrying.as_mut().poll(task));
    let cause = match end {
        Some(Poll::Ready(end)) => {
            *carrying = None;
            end.err()
        }
        Some(Poll::Pending) | None => None,
    };
    // What was answered before the connection ended is answered.
    match (answer.poll(task), cause) {
        (Poll::Ready(Err(error)), Some(cause)) if error.is_closed() => Poll::Ready(Err(cause)),
        (Poll::Pending, Some(cause)) => Poll::Ready(Err(cause)),
        (answered, _) => answered,
    }
}
