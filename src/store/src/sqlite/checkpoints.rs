//! Brings the log home into the file beside the thread that writes, so that nobody waits for it.
//!
//! After a commit the thread that writes says how long the log is. Once enough pages are new, another thread copies them
//! home over a connection of its own, while more is appended. The log begins anew only when all of it is home at one
//! moment: when it has become long, the thread that writes brings the few pages home that came since the last pass.

use std::{
    path::Path,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicU32, Ordering},
        mpsc::{Receiver, SyncSender, sync_channel},
    },
    thread::JoinHandle,
};

use rusqlite::{Connection, OpenFlags, hooks::Wal, wal::CheckpointMode};

use super::connect;
use crate::StoreError;

/// When the log is brought home, in pages of 4 KiB.
#[derive(Clone, Copy)]
struct Lengths {
    /// So many are worth a pass: a page that is written again and again goes home once a pass.
    pass: u32,
    /// A log of so many is to begin anew.
    long: u32,
    /// The thread that writes brings so many home itself, at most; so many as a long log has when it is
    /// [`Self::TOO_LONG`] times as long.
    last: u32,
}

impl Lengths {
    const TOO_LONG: u32 = 4;
    const USUAL: Self = Self { pass: 8_000, long: 40_000, last: 2_000 };
}

/// The other thread, and what both know.
pub(super) struct Checkpoints {
    passes: Arc<Passes>,
    /// Keeps the other thread waiting for more until it is to end.
    wake: SyncSender<()>,
    thread: JoinHandle<()>,
}

#[derive(Default)]
struct Passes {
    /// Held during a pass: SQLite refuses a second one at the same time.
    one_at_a_time: Mutex<()>,
    /// Pages of the log that are home, when the last pass ended.
    home: AtomicU32,
}

impl Passes {
    fn turn(&self) -> MutexGuard<'_, ()> {
        self.one_at_a_time.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Checkpoints {
    /// Has the log of `writer` brought home by another thread, until [`Self::join`].
    pub(super) fn start(writer: &mut Connection, path: &Path) -> Result<Self, StoreError> {
        Self::start_with(Lengths::USUAL, writer, path)
    }

    fn start_with(lengths: Lengths, writer: &mut Connection, path: &Path) -> Result<Self, StoreError> {
        let passes = Arc::new(Passes::default());
        let (wake, woken) = sync_channel(1);
        let connection = connect(path, OpenFlags::SQLITE_OPEN_READ_WRITE)?;
        let thread = {
            let passes = Arc::clone(&passes);
            std::thread::Builder::new()
                .name("symbolon-home".to_owned())
                .spawn(move || make_passes(&connection, &passes, &woken))
                .map_err(|error| StoreError::Unavailable(error.to_string()))?
        };
        let mut after_commit = AfterCommit { lengths, passes: Arc::clone(&passes), wake: wake.clone() };
        writer.wal_hook(Some(move |log: &mut Wal, pages| {
            after_commit.look(log, u32::try_from(pages).unwrap_or(0));
            Ok(())
        }))?;
        Ok(Self { passes, wake, thread })
    }

    /// Keeps the other thread from making a pass.
    pub(super) fn hold(&self) -> MutexGuard<'_, ()> {
        self.passes.turn()
    }

    /// Ends the other thread, after the connection that writes was closed: the last to close brings the whole log home,
    /// and neither would be the last if both closed at once.
    pub(super) fn join(self) {
        drop(self.wake);
        // Its panic has lost nothing: what is not home is in the log.
        let _ = self.thread.join();
    }
}

/// What the thread that writes does when something was committed.
struct AfterCommit {
    lengths: Lengths,
    passes: Arc<Passes>,
    wake: SyncSender<()>,
}

impl AfterCommit {
    fn look(&mut self, log: &mut Wal, pages: u32) {
        let home = self.passes.home.load(Ordering::Relaxed);
        // A log that is shorter than what was home of it has begun anew.
        let home = if home > pages { 0 } else { home };
        let left = pages - home;
        let Lengths { pass, long, last } = self.lengths;
        let most = if pages >= Lengths::TOO_LONG * long { long } else { last };
        if pages >= long && left <= most {
            self.finish(log);
        } else if left >= pass || pages >= long {
            // When it is awake it finds what is new by itself.
            let _ = self.wake.try_send(());
        }
    }

    /// Brings home what is left. Should somebody still read older pages, the next commit tries again.
    fn finish(&mut self, log: &mut Wal) {
        let _turn = self.passes.turn();
        if let Ok((_, home)) = log.checkpoint_v2(CheckpointMode::PASSIVE) {
            self.passes.home.store(u32::try_from(home).unwrap_or(0), Ordering::Relaxed);
        }
    }
}

fn make_passes(connection: &Connection, passes: &Passes, woken: &Receiver<()>) {
    while woken.recv().is_ok() {
        let _turn = passes.turn();
        let home = connection.query_row("PRAGMA wal_checkpoint(PASSIVE)", [], |row| row.get::<_, i64>(2));
        // A full disk, for one, shows to who writes; a pass that failed is made again after the next commits.
        passes.home.store(home.ok().and_then(|home| u32::try_from(home).ok()).unwrap_or(0), Ordering::Relaxed);
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a test panics where it fails")]
mod tests {
    use super::*;

    const LENGTHS: Lengths = Lengths { pass: 20, long: 100, last: 10 };
    fn log_pages(path: &Path) -> u64 {
        // A frame is a page and its header of 24 bytes; the log has a header of 32.
        (std::fs::metadata(path.with_extension("db-wal")).unwrap().len() - 32) / (4_096 + 24)
    }

    #[test]
    fn the_log_begins_anew_while_rows_come_and_others_read_and_nothing_is_lost() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("some.db");
        drop(std::fs::File::create(&path).unwrap());
        let mut writer = connect(&path, OpenFlags::SQLITE_OPEN_READ_WRITE).unwrap();
        writer.pragma_update(None, "journal_mode", "WAL").unwrap();
        writer.execute_batch("CREATE TABLE kept (number INTEGER PRIMARY KEY, bytes BLOB NOT NULL)").unwrap();
        let checkpoints = Checkpoints::start_with(LENGTHS, &mut writer, &path).unwrap();
        let reader = connect(&path, OpenFlags::SQLITE_OPEN_READ_ONLY).unwrap();
        for number in 1..=1_000_u64 {
            writer.execute("INSERT INTO kept VALUES (?1, zeroblob(20000))", [number as i64]).unwrap();
            let seen: i64 = reader.query_row("SELECT max(number) FROM kept", [], |row| row.get(0)).unwrap();
            assert_eq!(seen, number as i64);
        }
        // Each row fills five pages.
        assert!(log_pages(&path) < 2_500, "{} pages of 5,000 and more", log_pages(&path));
        drop(reader);
        drop(writer);
        checkpoints.join();
        assert!(!path.with_extension("db-wal").exists(), "the last to close brings all home");
        let kept = connect(&path, OpenFlags::SQLITE_OPEN_READ_ONLY).unwrap();
        let count: i64 = kept.query_row("SELECT count(*) FROM kept", [], |row| row.get(0)).unwrap();
        let sound: String = kept.query_row("PRAGMA integrity_check", [], |row| row.get(0)).unwrap();
        assert_eq!((count, sound.as_str()), (1_000, "ok"));
    }
}
