//! The store on a PostgreSQL database, which any number of processes share.
//!
//! Each unit of work that writes is one SERIALIZABLE transaction, run again when another one got in its way; its answer
//! comes after its commit. One about some holders' credentials is a READ COMMITTED transaction that begins by locking
//! their rows instead, so that it waits for those about the same holders and for nobody else: see `turns`. A read is one
//! REPEATABLE READ transaction. Each runs on a thread of its own with a connection
//! of its own, of which there are only as many as there is work for, up to a limit.
//!
//! The verbs are those of SQLite, compiled a second time over this module's `Unit` and `rows`: one text of every
//! statement, in the SQL that both understand. Only what settles a whole upload or posts a
//! whole batch at once, and what gives places, is written for each of them.

#[path = "sqlite/attester.rs"]
mod attester;
#[path = "sqlite/authority.rs"]
mod authority;
#[path = "sqlite/charges.rs"]
mod charges;
#[path = "sqlite/clearing.rs"]
mod clearing;
mod client;
mod connecting;
mod copying;
#[path = "sqlite/enrolments.rs"]
mod enrolments;
#[path = "sqlite/exchange.rs"]
mod exchange;
#[path = "sqlite/holders.rs"]
mod holders;
#[path = "sqlite/issuer.rs"]
mod issuer;
#[path = "sqlite/journeys.rs"]
mod journeys;
#[path = "sqlite/leases.rs"]
mod leases;
#[path = "sqlite/ledger.rs"]
mod ledger;
#[path = "sqlite/linkage.rs"]
mod linkage;
mod loading;
mod migrating;
mod order;
mod pool;
mod posting;
mod protection;
#[path = "sqlite/routes.rs"]
mod routes;
mod rows;
mod session;
mod settling;
mod tls;
mod turns;
mod values;
#[path = "sqlite/vouchers.rs"]
mod vouchers;

use std::sync::Arc;

use symbolon_ccks::{CredentialDigest, Time};

use self::{
    pool::Pool,
    rows::{Columns as _, Unit},
    session::Session,
    turns::Turns,
};
use crate::{Store, StoreError, Transaction};

pub use self::{
    connecting::{AddressError, PostgresAddress},
    copying::{Copy, back_up},
    loading::{Load, load},
};

/// Which uploads are listed: those up to a number behind which no smaller one appears any more.
const LISTED: &str = "sequence <= (SELECT reached FROM turns WHERE name = 'uploads')";

/// A store in one schema of a PostgreSQL database.
#[derive(Clone)]
pub struct PostgresStore {
    pool: Arc<Pool>,
}

impl PostgresStore {
    /// Opens the database, making its schema when there is none and bringing it up to date. Several processes may do so
    /// at the same time.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`] when the database cannot be reached; [`StoreError::Corrupt`] when what is in the
    /// schema is not of this program, or of a newer one.
    pub async fn open(address: PostgresAddress) -> Result<Self, StoreError> {
        let store = Self { pool: Arc::new(Pool::new(address)) };
        store.pool.run(|session| session.maintain(migrating::bring_up_to_date)).await?;
        Ok(store)
    }
}

impl Store for PostgresStore {
    async fn write<T, E, F>(&self, mut job: F) -> Result<T, E>
    where
        F: FnMut(&mut dyn Transaction) -> Result<T, E> + Send + 'static,
        T: Send + 'static,
        E: From<StoreError> + Send + 'static,
    {
        self.pool.run(move |session| session.write(None, |unit| job(unit))).await
    }

    async fn write_for<T, E, F>(&self, holders: Vec<CredentialDigest>, mut job: F) -> Result<T, E>
    where
        F: FnMut(&mut dyn Transaction) -> Result<T, E> + Send + 'static,
        T: Send + 'static,
        E: From<StoreError> + Send + 'static,
    {
        let turns = Turns::of(holders);
        self.pool.run(move |session| session.write(Some(&turns), |unit| job(unit))).await
    }

    async fn read<T, E, F>(&self, job: F) -> Result<T, E>
    where
        F: FnOnce(&dyn Transaction) -> Result<T, E> + Send + 'static,
        T: Send + 'static,
        E: From<StoreError> + Send + 'static,
    {
        self.pool.run(move |session| session.read(|unit| job(unit))).await
    }

    fn is_shared(&self) -> bool {
        true
    }

    /// Rewrites the tables whose rows are overwritten for secrecy's sake. The database's own log holds what they held
    /// until it is recycled, and every archive and replica of that log for as long as it is kept.
    async fn erase_deleted(&self) -> Result<(), StoreError> {
        self.pool.run(|session| session.maintain(Session::rewrite_tables)).await
    }
}

impl Unit<'_> {
    /// What time it is by the database's clock, not when this unit of work began.
    fn database_time(&self) -> Result<Option<Time>, StoreError> {
        let sql = "SELECT CAST(floor(extract(epoch FROM clock_timestamp())) AS BIGINT) AS now";
        self.one(sql, [], |row| row.parsed("now", rows::time))
    }
}
