//! A server with a database, and what is asked of stores in it.

use symbolon_postgres_cluster::Cluster;
use symbolon_store::{Store, StoreError, postgres::PostgresAddress};

use crate::accounts::account;

pub(crate) fn cluster() -> Cluster {
    let cluster = Cluster::start().unwrap();
    cluster.create_database("city").unwrap();
    cluster
}

pub(crate) fn address(cluster: &Cluster, schema: &str) -> PostgresAddress {
    PostgresAddress::new(&cluster.address("city"), schema).unwrap()
}

pub(crate) async fn balance(store: &impl Store) -> i64 {
    let found = store.read::<_, StoreError, _>(|unit| unit.account(&account(2).name)).await.unwrap();
    found.map_or(0, |account| account.balance)
}
