//! The server itself.
#![allow(clippy::unwrap_used, reason = "a test panics where it fails")]

use std::path::Path;
use symbolon_postgres_cluster::{Cluster, ClusterError};

#[test]
fn it_keeps_what_it_was_told_through_a_kill_and_ends_with_its_handle() {
    let mut cluster = Cluster::start_with(&["fsync=on"]).unwrap();
    cluster.create_database("city").unwrap();
    cluster.sql("city", "CREATE TABLE taps (number BIGINT); INSERT INTO taps VALUES (7)").unwrap();
    for crash in [Cluster::kill, Cluster::stop] {
        crash(&mut cluster).unwrap();
        assert!(cluster.sql("city", "SELECT 1").is_err(), "it is stopped");
        cluster.restart().unwrap();
        assert_eq!(cluster.sql("city", "SELECT number FROM taps").unwrap(), "7");
    }
    let refused = cluster.sql("city", "SELECT missing").unwrap_err();
    assert!(matches!(&refused, ClusterError::Failed { said, .. } if said.contains("missing")), "{refused}");
    let (folder, process) = (cluster.folder().to_owned(), cluster.process().unwrap());
    drop(cluster);
    assert!(!folder.exists() && !Path::new(&format!("/proc/{process}")).exists());
}
