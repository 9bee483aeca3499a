//! The one thread that writes, and its group commit.

use std::{
    panic::{AssertUnwindSafe, catch_unwind},
    sync::Mutex,
    thread::JoinHandle,
};

use rusqlite::Connection;
use tokio::sync::{mpsc, oneshot};

use super::Unit;
use crate::{StoreError, Transaction};

/// Units of work that wait at most; a caller beyond them waits before it hands over its own.
const QUEUE: usize = 1024;

/// Units of work that share a commit at most, so that the first of them does not wait for ever.
const GROUP: usize = 128;

/// A file without a limit of its own may have more pages than this.
const NO_LIMIT_PAGES: u64 = 1 << 30;

/// Tells the caller its result, once it is known whether the commit succeeded.
type Answer = Box<dyn FnOnce(Result<(), StoreError>) + Send>;

/// A unit of work: does it, says whether its effects are to be kept, and how to answer.
type Job = Box<dyn FnOnce(&Connection) -> Done + Send>;

/// What waits for the thread.
enum Order {
    Run(Job),
    /// Brings the log home and empties it, after everything that was handed over before.
    Checkpoint(oneshot::Sender<Result<(), StoreError>>),
}

struct Done {
    keep: bool,
    answer: Answer,
}

pub(super) struct Writer {
    jobs: Option<mpsc::Sender<Order>>,
    thread: Mutex<Option<JoinHandle<()>>>,
}

impl Writer {
    pub(super) fn start(connection: Connection) -> Result<Self, StoreError> {
        let (jobs, waiting) = mpsc::channel(QUEUE);
        let thread = std::thread::Builder::new()
            .name("symbolon-writer".to_owned())
            .spawn(move || write_groups(&connection, waiting))
            .map_err(|error| StoreError::Unavailable(error.to_string()))?;
        Ok(Self { jobs: Some(jobs), thread: Mutex::new(Some(thread)) })
    }

    pub(super) async fn run<T, E, F>(&self, mut job: F) -> Result<T, E>
    where
        F: FnMut(&mut dyn Transaction) -> Result<T, E> + Send + 'static,
        T: Send + 'static,
        E: From<StoreError> + Send + 'static,
    {
        let (sender, receiver) = oneshot::channel::<Result<T, E>>();
        let job: Job = Box::new(move |connection| {
            let result = job(&mut Unit { connection });
            Done {
                keep: result.is_ok(),
                answer: Box::new(move |committed| {
                    let result = committed.map_err(E::from).and(result);
                    // A caller that went away does not want its answer; what it asked took effect all the same.
                    let _ = sender.send(result);
                }),
            }
        });
        self.hand_over(Order::Run(job)).await?;
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

fn write_groups(connection: &Connection, mut waiting: mpsc::Receiver<Order>) {
    let mut group = Vec::with_capacity(GROUP);
    while waiting.blocking_recv_many(&mut group, GROUP) > 0 {
        let (mut jobs, mut checkpoints) = (Vec::new(), Vec::new());
        for order in group.drain(..) {
            match order {
                Order::Run(job) => jobs.push(job),
                Order::Checkpoint(done) => checkpoints.push(done),
            }
        }
        if !jobs.is_empty() {
            write_group(connection, jobs.into_iter());
        }
        if !checkpoints.is_empty() {
            let emptied = empty_log(connection);
            // A caller that went away does not want to know.
            checkpoints.into_iter().for_each(|done| drop(done.send(emptied.clone())));
        }
    }
}

fn empty_log(connection: &Connection) -> Result<(), StoreError> {
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
fn write_group(connection: &Connection, jobs: impl Iterator<Item = Job>) {
    let mut answers = Vec::new();
    let committed = write_and_commit(connection, jobs, &mut answers);
    if committed.is_err() && !connection.is_autocommit() {
        // Nothing to do when this fails too: the next BEGIN says so to its callers.
        let _ = connection.execute_batch("ROLLBACK");
    }
    for answer in answers {
        answer(committed.clone());
    }
}

fn write_and_commit(
    connection: &Connection,
    jobs: impl Iterator<Item = Job>,
    answers: &mut Vec<Answer>,
) -> Result<(), StoreError> {
    // When this fails, the jobs are dropped unrun and their callers told that they were given up.
    connection.execute_batch("BEGIN IMMEDIATE")?;
    for job in jobs {
        connection.prepare_cached("SAVEPOINT job")?.execute([])?;
        // What a panicking job did is undone below; nothing else is shared with it.
        let done = catch_unwind(AssertUnwindSafe(|| job(connection)));
        let keep = done.as_ref().is_ok_and(|done| done.keep);
        answers.extend(done.map(|done| done.answer));
        if connection.is_autocommit() {
            return Err(rolled_back(connection));
        }
        if !keep {
            connection.prepare_cached("ROLLBACK TO job")?.execute([])?;
        }
        connection.prepare_cached("RELEASE job")?.execute([])?;
    }
    connection.execute_batch("COMMIT")?;
    Ok(())
}
