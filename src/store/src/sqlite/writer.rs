//! The one thread that writes, and its group commit.

use std::{
    panic::{AssertUnwindSafe, catch_unwind},
    sync::Mutex,
    thread::JoinHandle,
};

use rusqlite::Connection;
use tokio::sync::{mpsc, oneshot};

use super::{Unit, checkpoints::Checkpoints};
use crate::{StoreError, Transaction};

/// Units of work that wait at most; a caller beyond them waits before it hands over its own.
const QUEUE: usize = 1024;

/// Units of work that share a commit at most, so that the first of them does not wait for ever.
const GROUP: usize = 128;

/// A file without a limit of its own may have more pages than this.
const NO_LIMIT_PAGES: u64 = 1 << 30;

/// A unit of work of some caller, who waits for what came of it.
trait Job: Send {
    /// Does the work; whether its effects are to be kept. It may be done once more after all of it was undone.
    fn work(&mut self, connection: &Connection) -> bool;
    /// Tells the caller its result, now that it is known whether the commit succeeded.
    fn answer(self: Box<Self>, committed: Result<(), StoreError>);
}

struct Work<F, T, E> {
    job: F,
    result: Option<Result<T, E>>,
    caller: oneshot::Sender<Result<T, E>>,
}

impl<F, T, E> Job for Work<F, T, E>
where
    F: FnMut(&mut dyn Transaction) -> Result<T, E> + Send,
    T: Send,
    E: From<StoreError> + Send,
{
    fn work(&mut self, connection: &Connection) -> bool {
        self.result.insert((self.job)(&mut Unit::new(connection))).is_ok()
    }

    fn answer(self: Box<Self>, committed: Result<(), StoreError>) {
        if let Some(result) = self.result {
            // A caller that went away does not want its answer; what it asked took effect all the same.
            let _ = self.caller.send(committed.map_err(E::from).and(result));
        }
    }
}

/// What waits for the thread.
enum Order {
    Run(Box<dyn Job>),
    /// Brings the log home and empties it, after everything that was handed over before.
    Checkpoint(oneshot::Sender<Result<(), StoreError>>),
}

pub(super) struct Writer {
    jobs: Option<mpsc::Sender<Order>>,
    thread: Mutex<Option<JoinHandle<()>>>,
}

impl Writer {
    pub(super) fn start(connection: Connection, checkpoints: Checkpoints) -> Result<Self, StoreError> {
        let (jobs, waiting) = mpsc::channel(QUEUE);
        let thread = std::thread::Builder::new()
            .name("symbolon-writer".to_owned())
            .spawn(move || {
                write_groups(&connection, &checkpoints, waiting);
                drop(connection);
                checkpoints.join();
            })
            .map_err(|error| StoreError::Unavailable(error.to_string()))?;
        Ok(Self { jobs: Some(jobs), thread: Mutex::new(Some(thread)) })
    }

    pub(super) async fn run<T, E, F>(&self, job: F) -> Result<T, E>
    where
        F: FnMut(&mut dyn Transaction) -> Result<T, E> + Send + 'static,
        T: Send + 'static,
        E: From<StoreError> + Send + 'static,
    {
        let (caller, receiver) = oneshot::channel();
        self.hand_over(Order::Run(Box::new(Work { job, result: None, caller }))).await?;
        receiver.await.map_err(|_| StoreError::GivenUp)?
    }

    /// Pages that were overwritten lie in the log until it is brought home.
    pub(super) async fn erase_deleted(&self) -> Result<(), StoreError> {
        let (sender, receiver) = oneshot::channel();
        self.hand_over(Order::Checkpoint(sender)).await?;
        receiver.await.map_err(|_| StoreError::GivenUp)?
    }

    async fn hand_over(&self, order: Order) -> Result<(), StoreError> {
        let jobs = self.jobs.as_ref().ok_or(StoreError::GivenUp)?;
        jobs.send(order).await.map_err(|_| StoreError::GivenUp)
    }
}

/// Closes the queue and waits until what waits in it is written.
impl Drop for Writer {
    fn drop(&mut self) {
        self.jobs = None;
        let thread = self.thread.get_mut().ok().and_then(Option::take);
        // The last handle may be dropped by a job on the writer's own thread, which cannot wait for itself.
        if let Some(thread) = thread.filter(|thread| thread.thread().id() != std::thread::current().id()) {
            let _ = thread.join();
        }
    }
}

fn write_groups(connection: &Connection, checkpoints: &Checkpoints, mut waiting: mpsc::Receiver<Order>) {
    let mut group = Vec::with_capacity(GROUP);
    while waiting.blocking_recv_many(&mut group, GROUP) > 0 {
        let (mut jobs, mut empties) = (Vec::new(), Vec::new());
        for order in group.drain(..) {
            match order {
                Order::Run(job) => jobs.push(job),
                Order::Checkpoint(done) => empties.push(done),
            }
        }
        if !jobs.is_empty() {
            write_group(connection, jobs);
        }
        if !empties.is_empty() {
            let emptied = empty_log(connection, checkpoints);
            // A caller that went away does not want to know.
            empties.into_iter().for_each(|done| drop(done.send(emptied.clone())));
        }
    }
}

fn empty_log(connection: &Connection, checkpoints: &Checkpoints) -> Result<(), StoreError> {
    let _turn = checkpoints.hold();
    let busy = connection.query_row("PRAGMA wal_checkpoint(TRUNCATE)", [], |row| row.get::<_, bool>(0))?;
    if busy { Err(StoreError::Unavailable("somebody reads an older state".to_owned())) } else { Ok(()) }
}

/// Why SQLite rolled everything back by itself. It does so when the file may not grow further; a full disk shows at the
/// commit, or here as any other failure of the disk.
fn rolled_back(connection: &Connection) -> StoreError {
    let text = "the database rolled back".to_owned();
    match connection.query_row("PRAGMA max_page_count", [], |row| row.get::<_, u64>(0)) {
        Ok(pages) if pages < NO_LIMIT_PAGES => StoreError::Full(text),
        _ => StoreError::Unavailable(text),
    }
}

/// Runs the jobs in one transaction and answers them after its commit.
///
/// They run without savepoints first, each of which would have every page that a job changes copied aside. A job that is
/// not to be kept has seldom changed anything; when one has, all is undone and done once more, with savepoints.
fn write_group(connection: &Connection, mut jobs: Vec<Box<dyn Job>>) {
    let committed = match write_and_commit(connection, &mut jobs, Undoing::Group) {
        Err(Failure::Spoilt) => {
            roll_back(connection);
            write_and_commit(connection, &mut jobs, Undoing::Job)
        }
        committed => committed,
    };
    let committed = committed.map_err(|failure| match failure {
        Failure::Store(error) => error,
        Failure::Spoilt => StoreError::GivenUp,
    });
    if committed.is_err() {
        roll_back(connection);
    }
    for job in jobs {
        job.answer(committed.clone());
    }
}

/// Undoes what is not committed, if anything.
fn roll_back(connection: &Connection) {
    if !connection.is_autocommit() {
        // Nothing to do when this fails too: the next BEGIN says so to its callers.
        let _ = connection.execute_batch("ROLLBACK");
    }
}

/// What can be undone of a group.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Undoing {
    /// All of it.
    Group,
    /// Each job alone.
    Job,
}

enum Failure {
    Store(StoreError),
    /// A job that is not to be kept has changed something, and cannot be undone alone.
    Spoilt,
}

impl From<StoreError> for Failure {
    fn from(error: StoreError) -> Self {
        Self::Store(error)
    }
}

impl From<rusqlite::Error> for Failure {
    fn from(error: rusqlite::Error) -> Self {
        Self::Store(error.into())
    }
}

/// Runs the jobs and commits. A job that panics is dropped, and so its caller told that it was given up.
fn write_and_commit(connection: &Connection, jobs: &mut Vec<Box<dyn Job>>, undoing: Undoing) -> Result<(), Failure> {
    if let Err(error) = connection.execute_batch("BEGIN IMMEDIATE") {
        // None has run: dropped, their callers are told that they were given up.
        jobs.clear();
        return Err(error.into());
    }
    let mut next = 0;
    while let Some(job) = jobs.get_mut(next) {
        let changes = connection.total_changes();
        if undoing == Undoing::Job {
            connection.prepare_cached("SAVEPOINT job")?.execute([])?;
        }
        // What a panicking job did is undone below; nothing else is shared with it.
        let keep = catch_unwind(AssertUnwindSafe(|| job.work(connection)));
        let panicked = keep.is_err();
        if panicked {
            jobs.remove(next);
        } else {
            next += 1;
        }
        if connection.is_autocommit() {
            return Err(rolled_back(connection).into());
        }
        let keep = keep.unwrap_or(false);
        match undoing {
            Undoing::Group if !keep && (panicked || connection.total_changes() != changes) => {
                return Err(Failure::Spoilt);
            }
            Undoing::Group => {}
            Undoing::Job => {
                if !keep {
                    connection.prepare_cached("ROLLBACK TO job")?.execute([])?;
                }
                connection.prepare_cached("RELEASE job")?.execute([])?;
            }
        }
    }
    connection.execute_batch("COMMIT")?;
    Ok(())
}
