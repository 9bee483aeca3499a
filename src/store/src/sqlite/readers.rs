//! A few connections that only read.

use std::{
    path::Path,
    sync::{Arc, Mutex, PoisonError},
};

use rusqlite::{Connection, OpenFlags};
use tokio::sync::Semaphore;

use super::{Unit, connect};
use crate::{StoreError, Transaction};

/// Reads at the same time; others wait for their turn.
const READERS: usize = 4;

pub(super) struct Readers {
    turns: Arc<Semaphore>,
    idle: Arc<Mutex<Vec<Connection>>>,
}

impl Readers {
    pub(super) fn new(path: &Path) -> Result<Self, StoreError> {
        let open = || connect(path, OpenFlags::SQLITE_OPEN_READ_ONLY);
        let connections = std::iter::repeat_with(open).take(READERS).collect::<Result<Vec<_>, _>>()?;
        Ok(Self { turns: Arc::new(Semaphore::new(READERS)), idle: Arc::new(Mutex::new(connections)) })
    }

    pub(super) async fn run<T, E, F>(&self, job: F) -> Result<T, E>
    where
        F: FnOnce(&dyn Transaction) -> Result<T, E> + Send + 'static,
        T: Send + 'static,
        E: From<StoreError> + Send + 'static,
    {
        let turn = Arc::clone(&self.turns).acquire_owned().await.map_err(|_| StoreError::GivenUp)?;
        let idle = Arc::clone(&self.idle);
        let read = move || {
            // Held until the connection is back, so that there is one for every turn.
            let _turn = turn;
            let lent = Lent::take(&idle)?;
            let connection = lent.connection()?;
            connection.execute_batch("BEGIN").map_err(StoreError::from)?;
            let result = job(&Unit::new(connection));
            connection.execute_batch("COMMIT").map_err(StoreError::from)?;
            result
        };
        tokio::task::spawn_blocking(read).await.map_err(|_| StoreError::GivenUp)?
    }
}

/// A connection out of the pool; goes back to it however the read ends.
struct Lent<'p> {
    pool: &'p Mutex<Vec<Connection>>,
    connection: Option<Connection>,
}

impl<'p> Lent<'p> {
    fn take(pool: &'p Mutex<Vec<Connection>>) -> Result<Self, StoreError> {
        let connection = pool.lock().unwrap_or_else(PoisonError::into_inner).pop();
        Ok(Self { pool, connection })
    }

    fn connection(&self) -> Result<&Connection, StoreError> {
        self.connection.as_ref().ok_or(StoreError::GivenUp)
    }
}

impl Drop for Lent<'_> {
    fn drop(&mut self) {
        if let Some(connection) = self.connection.take() {
            if !connection.is_autocommit() {
                let _ = connection.execute_batch("ROLLBACK");
            }
            self.pool.lock().unwrap_or_else(PoisonError::into_inner).push(connection);
        }
    }
}
