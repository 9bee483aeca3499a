//! The durable records of the service behind narrow traits, and their implementations on SQLite and PostgreSQL.
//!
//! A use case composes verbs of the traits in [`verbs`] inside one [`Store::write`]: either everything it did becomes
//! durable, the answer to the caller's request among it, or nothing did. [`Store::read`] sees one consistent state and
//! cannot change it: it gets a shared reference, and every verb that writes needs an exclusive one.
//!
//! No clock is read and no randomness drawn here; below [`Store`] nothing knows of sockets or gRPC.
#![forbid(unsafe_code)]
#![allow(clippy::duplicate_mod, reason = "the verbs are compiled once for each database")]

mod any;
mod columns;
#[cfg(feature = "contract")]
pub mod contract;
mod error;
mod history;
pub mod postgres;
pub mod records;
mod serial;
pub mod sqlite;
pub mod verbs;

pub use any::AnyStore;
pub use error::StoreError;
pub use postgres::PostgresStore;
pub use sqlite::SqliteStore;
pub use verbs::{Listed, Page, Transaction};

use symbolon_ccks::CredentialDigest;

/// A durable store.
///
/// Cloning gives another handle to the same store.
pub trait Store: Clone + Send + Sync + 'static {
    /// Runs `job` as one atomic unit of work; its effects are durable when this returns `Ok`, and undone when `job`
    /// returned an error. `job` sees the effects of every unit of work answered before.
    ///
    /// A job may be run again when the store found that another unit of work got in its way; so it must take its
    /// effects from the transaction alone.
    ///
    /// # Errors
    /// Whatever `job` returned, or a [`StoreError`] when the store could not begin or commit.
    fn write<T, E, F>(&self, job: F) -> impl Future<Output = Result<T, E>> + Send
    where
        F: FnMut(&mut dyn Transaction) -> Result<T, E> + Send + 'static,
        T: Send + 'static,
        E: From<StoreError> + Send + 'static;

    /// Runs `job` as [`Self::write`] does, as a unit of work about these holders' credentials: no other one about any of
    /// them runs at the same time, and `job` sees all that those before it did.
    ///
    /// Others may run beside it and take effect between two of its looks. So what it reads has to be of these holders,
    /// or never change, or be guarded by the verb that reads it; and whoever else changes what is kept of a holder's
    /// settlements, journeys and refunds has to do so in such a unit too.
    ///
    /// # Errors
    /// As [`Self::write`].
    fn write_for<T, E, F>(&self, holders: Vec<CredentialDigest>, job: F) -> impl Future<Output = Result<T, E>> + Send
    where
        F: FnMut(&mut dyn Transaction) -> Result<T, E> + Send + 'static,
        T: Send + 'static,
        E: From<StoreError> + Send + 'static;

    /// Runs `job` on one consistent state, at least as new as every write answered before.
    ///
    /// # Errors
    /// Whatever `job` returned, or a [`StoreError`] when the store could not be read.
    fn read<T, E, F>(&self, job: F) -> impl Future<Output = Result<T, E>> + Send
    where
        F: FnOnce(&dyn Transaction) -> Result<T, E> + Send + 'static,
        T: Send + 'static,
        E: From<StoreError> + Send + 'static;

    /// Whether other processes may use the same records at the same time.
    fn is_shared(&self) -> bool {
        false
    }

    /// Sees to it that what was deleted or overwritten by units of work answered before cannot be read out of the
    /// store's files any more. What the file system and the medium below them keep is not in a store's hand.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`] while another process reads an older state; try again.
    fn erase_deleted(&self) -> impl Future<Output = Result<(), StoreError>> + Send;
}
