//! Copies of several databases at one moment, while others write to them.

use std::path::PathBuf;

use rusqlite::{
    Connection, OpenFlags,
    backup::{Backup, StepResult},
};

use super::{connect, create_private};
use crate::StoreError;

/// One database and where its copy goes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Copy {
    /// The file of the database.
    pub from: PathBuf,
    /// The file to make; it must not be there.
    pub to: PathBuf,
}

/// Copies databases as they all were at one moment, whoever writes to them meanwhile: for that moment, milliseconds, nobody
/// can write to any of them. So no copy lacks what another one says it was told. What is copied is looked through, and on
/// disk when this returns.
///
/// # Errors
/// [`StoreError::Unavailable`] when a file cannot be read or made, or is locked for long; [`StoreError::Corrupt`] when a
/// copy does not hold together; [`StoreError::Full`]. Copies that were made stay.
pub fn back_up(copies: &[Copy]) -> Result<(), StoreError> {
    let open = |copy: &Copy, flags| {
        connect(&copy.from, flags).map_err(|error| StoreError::Unavailable(format!("{}: {error}", copy.from.display())))
    };
    let mut locks = Vec::with_capacity(copies.len());
    for copy in copies {
        let lock = open(copy, OpenFlags::SQLITE_OPEN_READ_WRITE)?;
        lock.execute_batch("BEGIN IMMEDIATE")?;
        locks.push(lock);
    }
    let mut states = Vec::with_capacity(copies.len());
    for copy in copies {
        let state = open(copy, OpenFlags::SQLITE_OPEN_READ_ONLY)?;
        // A transaction sees what there is at its first look.
        state.execute_batch("BEGIN")?;
        state.query_row("SELECT count(*) FROM sqlite_schema", [], |_| Ok(()))?;
        states.push(state);
    }
    for lock in &locks {
        lock.execute_batch("ROLLBACK")?;
    }
    drop(locks);
    states.iter().zip(copies).try_for_each(|(state, copy)| make(state, copy))
}

fn make(state: &Connection, copy: &Copy) -> Result<(), StoreError> {
    if copy.to.exists() {
        return Err(StoreError::Unavailable(format!("{} is there already", copy.to.display())));
    }
    create_private(&copy.to)?;
    let mut target = connect(&copy.to, OpenFlags::SQLITE_OPEN_READ_WRITE)?;
    // All in one step: it reads in the state's own transaction.
    let done = Backup::new(state, &mut target)?.step(-1)?;
    if !matches!(done, StepResult::Done) {
        return Err(StoreError::Unavailable(format!("{} is in use", copy.from.display())));
    }
    let found: String = target.query_row("PRAGMA quick_check(1)", [], |row| row.get(0))?;
    if found == "ok" { Ok(()) } else { Err(StoreError::Corrupt(format!("{}: {found}", copy.from.display()))) }
}
