//! Measuring over a PostgreSQL server that is there for nothing else.

use crate::process::{cargo, run};
use anyhow::Result;
use symbolon_postgres_cluster::Cluster;

/// As much as a machine of 8 GB can spare, and no checkpoint of the whole in the middle of a load; all else as PostgreSQL has
/// it, what is answered on disk.
const SETTINGS: [&str; 4] = ["fsync=on", "shared_buffers=2GB", "max_wal_size=8GB", "checkpoint_timeout=15min"];
const DATABASE: &str = "bench";

/// Runs `bench settle` with these arguments over a server of its own, which is stopped and removed then.
pub(super) fn settle(arguments: &[String]) -> Result<()> {
    let cluster = Cluster::start_with(&SETTINGS)?;
    let address = cluster.create_database(DATABASE)?;
    let bench = ["run", "--release", "-p", "symbolon", "--", "bench", "settle", "--database"];
    run(cargo().args(bench).arg(address).args(arguments))
}
