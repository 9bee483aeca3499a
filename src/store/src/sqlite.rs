//! The store on an embedded SQLite database.
//!
//! One thread writes. It takes what waits, runs each unit of work inside one transaction, commits once for all of them,
//! and only then answers: under load the cost of making data durable is shared, and an answer is never ahead of the disk.
//! A second thread brings the write-ahead log home into the file. Reads run beside both on a few connections of their own,
//! each in a transaction.

mod attester;
mod authority;
mod backup;
mod charges;
mod checkpoints;
mod clearing;
mod enrolments;
mod exchange;
pub(crate) mod filling;
mod holders;
mod issuer;
mod journeys;
mod leases;
mod ledger;
mod linkage;
mod order;
mod posting;
mod readers;
mod routes;
mod rows;
mod settling;
pub(crate) mod source;
mod vouchers;
mod writer;

use std::{
    cell::RefCell,
    collections::HashMap,
    fs::OpenOptions,
    path::{Path, PathBuf},
    sync::Arc,
    time::Duration,
};

use rusqlite::{Connection, OpenFlags};
use symbolon_ccks::CredentialDigest;

use self::{checkpoints::Checkpoints, readers::Readers, settling::LastSettlement, writer::Writer};
use crate::{Store, StoreError, Transaction};
pub use backup::{Copy, back_up};

mod migrations {
    refinery::embed_migrations!("migrations");
}

/// How long a connection waits for a lock of another process before it gives up.
const LOCK_PATIENCE: Duration = Duration::from_secs(5);

/// Statements each connection keeps prepared; more than there are.
const PREPARED_STATEMENTS: usize = 128;

/// What a store may take.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SqliteLimits {
    /// What the file may grow to, MiB. A unit of work that finds no room is undone and answered [`StoreError::Full`], as it
    /// is when the disk is full; without it the disk is the limit.
    pub file_mib: Option<u32>,
    /// What the connection that writes keeps of the file in memory at most, MiB. Rows of an upload are found and put at
    /// random places of their indexes: the more of these are kept, the less is read and written.
    pub cache_mib: u32,
}

impl Default for SqliteLimits {
    fn default() -> Self {
        Self { file_mib: None, cache_mib: 256 }
    }
}

/// A store in one SQLite file.
#[derive(Clone)]
pub struct SqliteStore {
    parts: Arc<Parts>,
}

struct Parts {
    // Dropped first: the last connection to close brings the log home into the file, and only one that writes can.
    readers: Readers,
    writer: Writer,
    path: PathBuf,
}

impl SqliteStore {
    /// Opens the database in the file at `path`, creating it when there is none and bringing its schema up to date.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`] when the file cannot be opened or is locked; [`StoreError::Corrupt`] when it is not
    /// a database of this program, or of a newer one.
    pub fn open(path: impl AsRef<Path>) -> Result<Self, StoreError> {
        Self::open_within(path, SqliteLimits::default())
    }

    /// Opens it as [`Self::open`] does, within limits.
    ///
    /// # Errors
    /// As [`Self::open`].
    pub fn open_within(path: impl AsRef<Path>, limits: SqliteLimits) -> Result<Self, StoreError> {
        let path = path.as_ref();
        create_private(path)?;
        let mut connection = connect(path, OpenFlags::SQLITE_OPEN_READ_WRITE)?;
        connection.pragma_update(None, "journal_mode", "WAL")?;
        connection.pragma_update(None, "cache_size", -(i64::from(limits.cache_mib) << 10))?;
        migrations::migrations::runner()
            .set_abort_divergent(true)
            .set_abort_missing(true)
            .run(&mut connection)
            .map_err(|error| StoreError::Corrupt(format!("its schema is not this program's: {error}")))?;
        if let Some(most_mib) = limits.file_mib {
            let page_bytes: u64 = connection.pragma_query_value(None, "page_size", |row| row.get(0))?;
            let pages = (u64::from(most_mib) << 20) / page_bytes;
            // It answers with the limit; below what the file has already it stays there.
            connection.query_row(&format!("PRAGMA max_page_count = {pages}"), [], |_| Ok(()))?;
        }
        let checkpoints = Checkpoints::start(&mut connection, path)?;
        let writer = Writer::start(connection, checkpoints)?;
        let readers = Readers::new(path)?;
        Ok(Self { parts: Arc::new(Parts { writer, readers, path: path.to_owned() }) })
    }

    /// The file.
    pub fn path(&self) -> &Path {
        &self.parts.path
    }
}

/// Creates the file, for nobody else to read, when there is none; SQLite gives its log and index the same mode.
fn create_private(path: &Path) -> Result<(), StoreError> {
    let mut options = OpenOptions::new();
    options.create(true).append(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    options.open(path).map(|_| ()).map_err(|error| StoreError::Unavailable(format!("{}: {error}", path.display())))
}

/// A connection with the settings that every one has.
fn connect(path: &Path, flags: OpenFlags) -> Result<Connection, StoreError> {
    let connection = Connection::open_with_flags(path, flags | OpenFlags::SQLITE_OPEN_NO_MUTEX)?;
    connection.busy_timeout(LOCK_PATIENCE)?;
    connection.pragma_update(None, "foreign_keys", true)?;
    // In WAL mode FULL syncs the log at every commit: what was answered survives a power cut.
    connection.pragma_update(None, "synchronous", "FULL")?;
    connection.pragma_update(None, "trusted_schema", false)?;
    // What is deleted or overwritten leaves no copy in the free space of a page.
    connection.pragma_update(None, "secure_delete", true)?;
    connection.set_prepared_statement_cache_capacity(PREPARED_STATEMENTS);
    Ok(connection)
}

impl Store for SqliteStore {
    async fn write<T, E, F>(&self, job: F) -> Result<T, E>
    where
        F: FnMut(&mut dyn Transaction) -> Result<T, E> + Send + 'static,
        T: Send + 'static,
        E: From<StoreError> + Send + 'static,
    {
        self.parts.writer.run(job).await
    }

    /// Units of work run one after another: there is nobody to keep away from these holders.
    async fn write_for<T, E, F>(&self, _holders: Vec<CredentialDigest>, job: F) -> Result<T, E>
    where
        F: FnMut(&mut dyn Transaction) -> Result<T, E> + Send + 'static,
        T: Send + 'static,
        E: From<StoreError> + Send + 'static,
    {
        self.write(job).await
    }

    async fn read<T, E, F>(&self, job: F) -> Result<T, E>
    where
        F: FnOnce(&dyn Transaction) -> Result<T, E> + Send + 'static,
        T: Send + 'static,
        E: From<StoreError> + Send + 'static,
    {
        self.parts.readers.run(job).await
    }

    async fn erase_deleted(&self) -> Result<(), StoreError> {
        self.parts.writer.erase_deleted().await
    }
}

/// Which uploads are listed: all that there are.
const LISTED: &str = "TRUE";

/// One unit of work on a connection.
struct Unit<'c> {
    connection: &'c Connection,
    /// The last settlements of the credentials that it asked about.
    last: RefCell<HashMap<CredentialDigest, Option<LastSettlement>>>,
}

impl<'c> Unit<'c> {
    fn new(connection: &'c Connection) -> Self {
        Self { connection, last: RefCell::default() }
    }
}

impl Unit<'_> {
    /// None but that of the process that uses it.
    #[allow(clippy::unused_self, clippy::unnecessary_wraps, reason = "called as PostgreSQL's is, which is asked")]
    const fn database_time(&self) -> rows::Result<Option<symbolon_ccks::Time>> {
        Ok(None)
    }
}
