//! A database that takes whatever it is asked and answers nothing, which never fails by itself.
#![allow(clippy::unwrap_used, reason = "a test panics where it fails")]

use std::{
    collections::BTreeSet,
    net::TcpListener,
    process::Command,
    sync::{Arc, Mutex},
    time::Duration,
};

use symbolon_ccks::Time;
use symbolon_postgres_cluster::Cluster;
use symbolon_store::{PostgresStore, Store, StoreError, Transaction, postgres::PostgresAddress};

/// Fewer than hang, so that none is left unless each turn is given back.
const CONNECTIONS: usize = 2;
const STATEMENT: Duration = Duration::from_secs(5);
const SILENCE: Duration = Duration::from_secs(1);

fn note(unit: &mut dyn Transaction, number: u8) -> Result<(), StoreError> {
    unit.add_posted_batch(&[number; 16], &[number; 32], Time::new(1).unwrap())
}

fn signal(processes: &str, signal: &str) {
    assert!(Command::new("kill").arg(signal).args(processes.lines()).status().unwrap().success());
}

fn problem<T: std::fmt::Debug>(refused: Result<T, StoreError>) -> String {
    match refused {
        Err(StoreError::Unavailable(problem)) => problem,
        other => panic!("{other:?}"),
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_process_that_hangs_is_given_up_whatever_it_was_asked() {
    let cluster = Cluster::start().unwrap();
    let address = PostgresAddress::new(&cluster.create_database("city").unwrap(), "clearing").unwrap();
    let address = address.with_connections(CONNECTIONS).with_patience(STATEMENT, SILENCE);
    let store = PostgresStore::open(address).await.unwrap();
    let (cluster, hanging) = (Arc::new(cluster), Arc::new(Mutex::new(BTreeSet::new())));
    // In the middle of a unit of work, and when all that is left is to commit it.
    for number in 0..2 * CONNECTIONS as u8 {
        let (cluster, hanging) = (cluster.clone(), hanging.clone());
        let commits = number % 2 == 1;
        let hangs = store.write::<_, StoreError, _>(move |unit| {
            note(unit, number)?;
            let open = "SELECT pid FROM pg_stat_activity WHERE state = 'idle in transaction'";
            let process = cluster.sql("city", open).unwrap();
            signal(&process, "-STOP");
            hanging.lock().unwrap().extend(process.lines().map(str::to_owned));
            if commits { Ok(()) } else { note(unit, number + 100) }
        });
        let problem = problem(hangs.await);
        assert!(problem.contains("it has not answered for 6 s"), "{problem}");
        assert_eq!(problem.contains("whether a unit of work took effect is not known"), commits, "{problem}");
        store.write(move |unit| note(unit, number + 200)).await.unwrap();
    }
    // They go on: what was not committed is undone, and of a commit nobody knows before it is asked for again.
    // Each once: one that goes on may be gone at once.
    let hanging = hanging.lock().unwrap().iter().cloned().collect::<Vec<_>>();
    signal(&hanging.join("\n"), "-CONT");
    for number in 0..2 * CONNECTIONS as u8 {
        loop {
            match store.write(move |unit| note(unit, number)).await {
                Ok(()) => break,
                Err(StoreError::Conflict(_)) if number % 2 == 1 => break,
                Err(StoreError::Unavailable(_)) => {}
                other => panic!("{number}: {other:?}"),
            }
        }
        let found = store.read::<_, StoreError, _>(move |unit| unit.posted_batch(&[number; 16])).await.unwrap();
        assert_eq!(found, Some([number; 32]));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn one_that_hangs_before_it_greets_is_given_up_too() {
    // The system accepts for it, and acknowledges what comes.
    let mute = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = mute.local_addr().unwrap().port();
    let address = format!("host=127.0.0.1 port={port} user=a connect_timeout=1");
    let address = PostgresAddress::new(&address, "a").unwrap();
    let problem = problem(PostgresStore::open(address).await.map(drop));
    assert!(problem.contains("it has not answered for 3 s"), "{problem}");
}
