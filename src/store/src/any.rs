//! A store of whichever kind was asked for.

use symbolon_ccks::CredentialDigest;

use crate::{PostgresStore, SqliteStore, Store, StoreError, Transaction};

/// Either kind of store; who uses it does not know which.
#[derive(Clone)]
pub enum AnyStore {
    /// In one file on this machine.
    Sqlite(SqliteStore),
    /// In a database that other processes use too.
    Postgres(PostgresStore),
}

impl Store for AnyStore {
    async fn write<T, E, F>(&self, job: F) -> Result<T, E>
    where
        F: FnMut(&mut dyn Transaction) -> Result<T, E> + Send + 'static,
        T: Send + 'static,
        E: From<StoreError> + Send + 'static,
    {
        match self {
            Self::Sqlite(store) => store.write(job).await,
            Self::Postgres(store) => store.write(job).await,
        }
    }

    async fn write_for<T, E, F>(&self, holders: Vec<CredentialDigest>, job: F) -> Result<T, E>
    where
        F: FnMut(&mut dyn Transaction) -> Result<T, E> + Send + 'static,
        T: Send + 'static,
        E: From<StoreError> + Send + 'static,
    {
        match self {
            Self::Sqlite(store) => store.write_for(holders, job).await,
            Self::Postgres(store) => store.write_for(holders, job).await,
        }
    }

    async fn read<T, E, F>(&self, job: F) -> Result<T, E>
    where
        F: FnOnce(&dyn Transaction) -> Result<T, E> + Send + 'static,
        T: Send + 'static,
        E: From<StoreError> + Send + 'static,
    {
        match self {
            Self::Sqlite(store) => store.read(job).await,
            Self::Postgres(store) => store.read(job).await,
        }
    }

    fn is_shared(&self) -> bool {
        match self {
            Self::Sqlite(store) => store.is_shared(),
            Self::Postgres(store) => store.is_shared(),
        }
    }

    async fn erase_deleted(&self) -> Result<(), StoreError> {
        match self {
            Self::Sqlite(store) => store.erase_deleted().await,
            Self::Postgres(store) => store.erase_deleted().await,
        }
    }
}
