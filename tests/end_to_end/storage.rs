//! Databases in files: a disk that is full, and copies made while the service runs.

use crate::{
    city::City,
    crash::Offices,
    holder::{self, Holder, send, settle},
    office::{all_records, balanced_ledger, create_card, create_terminal, reason},
    program,
    service::Service,
    within_patience,
};
use std::{
    fs,
    io::Write,
    os::unix::fs::MetadataExt,
    path::{Path, PathBuf},
    process::Command,
};
use symbolon_api::v1::{Outcome, UploadResponse};
use symbolon_ccks::Sector;
use symbolon_postgres_cluster::Cluster;
use tempfile::TempDir;
use tonic::Code;
use tonic_types::StatusExt;

/// Room for the schema of every role and some uploads.
const LITTLE_MIB: i64 = 1;
const MORE_MIB: i64 = 64;
const RECORDS: usize = 64;

#[tokio::test(flavor = "multi_thread")]
async fn a_full_disk_is_said_and_leaves_no_half_of_an_upload() {
    let city = City::found();
    city.configure("database", "most_mib", LITTLE_MIB);
    let offices = Offices::of(&city);
    let service = Service::start(&city).await;
    let at = offices.connect(&service).await;
    let mut random = holder::random(1);
    let code = create_terminal(&at.metro, &mut random).await.activation_code;
    let mut gate = Holder::enrol(&at.public, &at.authority, &code, &mut random).await;
    let code = create_card(&at.bank, &mut random).await.activation_code;
    let mut card = Holder::enrol(&at.public, &at.authority, &code, &mut random).await;

    let mut settled: Vec<(Vec<u8>, UploadResponse)> = Vec::new();
    let (refused, status) = loop {
        let records = (0..RECORDS).map(|_| card.pay(&gate, Sector::Transport, 1, &mut random)).collect::<Vec<_>>();
        let upload = gate.upload(&records, &mut random);
        let (mut answers, status) = send(&at.public, vec![upload.clone()]).await;
        match status {
            Some(status) => break (upload, status),
            None => settled.push((upload, answers.remove(0))),
        }
    };
    assert!(!settled.is_empty());
    // It is not the terminal's fault, and worth trying again, but not at once.
    assert_eq!((status.code(), reason(&status).as_str()), (Code::Unavailable, "STORAGE_FULL"));
    assert!(status.get_details_retry_info().unwrap().retry_delay.unwrap().as_secs() >= 60);
    assert_eq!(all_records(&at.court).await.len(), settled.len() * RECORDS, "half of an upload");
    balanced_ledger(&at.court).await;
    for (upload, answer) in &settled {
        let again = settle(&at.public, upload.clone()).await;
        assert!(again.repeated && again.acknowledgement == answer.acknowledgement, "no answer on a full disk");
    }
    service.stop().await;

    city.configure("database", "most_mib", MORE_MIB);
    let service = Service::start(&city).await;
    let at = offices.connect(&service).await;
    let answer = settle(&at.public, refused).await;
    assert!(!answer.repeated && answer.outcomes.iter().all(|outcome| outcome.outcome() == Outcome::Settled));
    assert_eq!(all_records(&at.court).await.len(), (settled.len() + 1) * RECORDS);
    balanced_ledger(&at.court).await;
    service.stop().await;
}

/// A disk of its own, in memory.
struct SmallDisk {
    folder: TempDir,
}

impl SmallDisk {
    /// One that belongs to whoever `owner` does; `None` where this process may not mount one.
    fn mount(mib: u32, owner: &Path) -> Option<Self> {
        let folder = tempfile::Builder::new().prefix("symbolon-disk").tempdir_in("/tmp").unwrap();
        let owner = fs::metadata(owner).unwrap();
        let options = format!("size={mib}m,mode=700,uid={},gid={}", owner.uid(), owner.gid());
        let mut mount = Command::new("mount");
        let made = mount.args(["-t", "tmpfs", "-o", &options, "tmpfs"]).arg(folder.path()).output();
        made.is_ok_and(|made| made.status.success()).then_some(Self { folder })
    }

    fn path(&self) -> &Path {
        self.folder.path()
    }

    /// Leaves no room; the file that takes it.
    fn fill(&self) -> PathBuf {
        let path = self.path().join("ballast");
        let mut ballast = fs::File::create(&path).unwrap();
        for size in [1 << 20, 1 << 12, 1] {
            while ballast.write_all(&vec![7; size]).is_ok() {}
        }
        path
    }
}

impl Drop for SmallDisk {
    fn drop(&mut self) {
        // Lazily: a server that was killed may not have let go of it yet.
        let _ = Command::new("umount").arg("-l").arg(self.path()).status();
    }
}

/// The tables' disk runs full, not that of the write-ahead log, without which PostgreSQL stops: that is a database which
/// goes away.
#[tokio::test(flavor = "multi_thread")]
async fn a_full_disk_of_the_shared_database_is_said_and_outlived() {
    const DISK_MIB: u32 = 96;
    let cluster = Cluster::start().unwrap();
    let Some(disk) = SmallDisk::mount(DISK_MIB, &cluster.folder().join("data")) else {
        println!("NOT TESTED: a full disk of PostgreSQL, since this process may not mount one; run it as root");
        return;
    };
    // What is bound later is dropped first: the server goes before its disk.
    let cluster = cluster;
    let make = format!("CREATE TABLESPACE small LOCATION '{}'", disk.path().display());
    cluster.sql("postgres", &make).unwrap();
    cluster.sql("postgres", "CREATE DATABASE city TABLESPACE small").unwrap();
    is_said_and_outlived(&cluster, || disk.fill(), |ballast| fs::remove_file(ballast).unwrap()).await;
}

/// How large a file may get that processes of the server write: its log's files are smaller, and no whole page of a table
/// fits into the end, which PostgreSQL then says is a full disk.
const MOST_BYTES: &str = "16777728";

/// Has the server's processes write no larger files, or as large ones as they like. Only the server's own user may, so the
/// server does it.
fn limit_files(cluster: &Cluster, processes: &str, most: &str) {
    let processes = processes.lines().collect::<Vec<_>>().join(" ");
    // One that has ended meanwhile needs no limit.
    let limit = format!(
        "cat > /dev/null; for process in {processes}; do
             prlimit --pid $process --fsize={most}:unlimited || ! kill -0 $process || exit 1
         done"
    );
    cluster.sql("postgres", &format!("COPY (SELECT 1) TO PROGRAM $${limit}$$")).unwrap();
}

/// A disk has no room for more of one table; nothing is mounted for it.
#[tokio::test(flavor = "multi_thread")]
async fn a_table_without_room_in_the_shared_database_is_said_and_outlived() {
    let cluster = Cluster::start_with(&["fsync=off", "autovacuum=off"]).unwrap();
    cluster.create_database("city").unwrap();
    let server = fs::read_to_string(cluster.folder().join("data/postmaster.pid")).unwrap();
    let server = server.lines().next().unwrap();
    limit_files(&cluster, server, MOST_BYTES);
    // Each try leaves a row behind that nobody sees, until there is no room for one.
    let fill = "DO $$ BEGIN
                    LOOP
                        BEGIN
                            INSERT INTO exchange.uploads SELECT * FROM exchange.uploads LIMIT 1;
                        EXCEPTION WHEN unique_violation THEN NULL;
                        END;
                    END LOOP;
                EXCEPTION WHEN disk_full THEN NULL;
                END $$";
    let make_room = |()| {
        let all =
            format!("SELECT {server} UNION SELECT pid FROM pg_stat_activity WHERE backend_type = 'client backend'");
        limit_files(&cluster, &cluster.sql("city", &all).unwrap(), "unlimited");
    };
    is_said_and_outlived(&cluster, || drop(cluster.sql("city", fill).unwrap()), make_room).await;
}

/// Fills what there is, is refused, makes room, and goes on.
async fn is_said_and_outlived<B>(cluster: &Cluster, fill: impl FnOnce() -> B, make_room: impl FnOnce(B)) {
    let city = City::found_over(&cluster.address("city"));
    let offices = Offices::of(&city);
    let service = Service::start(&city).await;
    let at = offices.connect(&service).await;
    let mut random = holder::random(3);
    let code = create_terminal(&at.metro, &mut random).await.activation_code;
    let mut gate = Holder::enrol(&at.public, &at.authority, &code, &mut random).await;
    let code = create_card(&at.bank, &mut random).await.activation_code;
    let mut card = Holder::enrol(&at.public, &at.authority, &code, &mut random).await;
    let mut next = || {
        let records = (0..RECORDS).map(|_| card.pay(&gate, Sector::Transport, 1, &mut random)).collect::<Vec<_>>();
        gate.upload(&records, &mut random)
    };
    let mut settled = vec![next()];
    settle(&at.public, settled[0].clone()).await;

    let ballast = fill();
    // What there is room for in pages that are there already is still settled.
    let (refused, status) = loop {
        let upload = next();
        match send(&at.public, vec![upload.clone()]).await {
            (_, Some(status)) => break (upload, status),
            (_, None) => settled.push(upload),
        }
    };
    assert_eq!((status.code(), reason(&status).as_str()), (Code::Unavailable, "STORAGE_FULL"));
    assert!(status.get_details_retry_info().unwrap().retry_delay.unwrap().as_secs() >= 60);
    assert!(settle(&at.public, settled[0].clone()).await.repeated, "no answer on a full disk");
    assert_eq!(all_records(&at.court).await.len(), settled.len() * RECORDS, "half of an upload");

    make_room(ballast);
    let answer = settle(&at.public, refused.clone()).await;
    assert!(!answer.repeated && answer.outcomes.iter().all(|outcome| outcome.outcome() == Outcome::Settled));
    settled.push(refused);
    for upload in &settled {
        assert!(settle(&at.public, upload.clone()).await.repeated);
    }
    assert_eq!(all_records(&at.court).await.len(), settled.len() * RECORDS);
    // What could not be posted while the disk was full is posted by the chores.
    let posted = async { while balanced_ledger(&at.court).await.posting_count as usize != settled.len() * RECORDS {} };
    within_patience("everything is posted", posted).await;
    service.stop().await;
}

/// Copies while uploads come, puts a copy back, and sends every upload again.
#[tokio::test(flavor = "multi_thread")]
async fn a_copy_made_under_load_is_of_one_moment_and_can_be_put_back() {
    let city = City::found();
    let offices = Offices::of(&city);
    let service = Service::start(&city).await;
    let at = offices.connect(&service).await;
    let mut random = holder::random(2);
    let code = create_terminal(&at.metro, &mut random).await.activation_code;
    let mut gate = Holder::enrol(&at.public, &at.authority, &code, &mut random).await;
    let code = create_card(&at.bank, &mut random).await.activation_code;
    let mut card = Holder::enrol(&at.public, &at.authority, &code, &mut random).await;
    let mut next = move || {
        let records = (0..3).map(|_| card.pay(&gate, Sector::Transport, 1, &mut random)).collect::<Vec<_>>();
        gate.upload(&records, &mut random)
    };

    let copy = city.home().with_extension("copy");
    let mut uploads = vec![next()];
    let mut answers = vec![settle(&at.public, uploads[0].clone()).await];
    let mut backup = Command::new(program::path());
    backup.args(["backup", "--json", "--config"]).arg(city.config_file()).arg("--to").arg(&copy);
    let mut copying = tokio::task::spawn_blocking(move || (backup.output().unwrap(), backup));
    let (made, mut backup) = loop {
        uploads.push(next());
        answers.push(settle(&at.public, uploads.last().unwrap().clone()).await);
        if copying.is_finished() {
            break (&mut copying).await.unwrap();
        }
    };
    assert!(made.status.success(), "{}", String::from_utf8_lossy(&made.stderr));
    for _ in 0..2 {
        uploads.push(next());
        answers.push(settle(&at.public, uploads.last().unwrap().clone()).await);
    }
    assert!(!backup.output().unwrap().status.success(), "a copy was overwritten");
    service.stop().await;

    for role in crate::city::ROLES {
        let name = format!("{role}.db");
        for behind in ["", "-wal", "-shm"] {
            let _ = fs::remove_file(city.home().join(format!("{name}{behind}")));
        }
        fs::copy(copy.join(&name), city.home().join(&name)).unwrap();
    }
    let service = Service::start(&city).await;
    let at = offices.connect(&service).await;
    balanced_ledger(&at.court).await;
    let kept = all_records(&at.court).await.len() / 3;
    assert!((1..uploads.len() - 1).contains(&kept), "{kept} of {}", uploads.len());
    for (place, (upload, answer)) in uploads.iter().zip(&answers).enumerate() {
        let again = settle(&at.public, upload.clone()).await;
        assert_eq!(again.repeated, place < kept, "upload {place}, {kept} were in the copy");
        assert_eq!(again.outcomes, answer.outcomes);
    }
    let found = balanced_ledger(&at.court).await;
    assert_eq!(found.posting_count as usize, uploads.len() * 3);
    service.stop().await;
}

/// A copy that lacks a role is worth nothing to who relies on it.
#[tokio::test(flavor = "multi_thread")]
async fn a_backup_does_not_leave_out_a_role_that_runs_here() {
    let cluster = Cluster::start().unwrap();
    let city = City::found_over(&cluster.create_database("city").unwrap());
    Service::start(&city).await.stop().await;
    cluster.sql("city", "DROP SCHEMA linkage_a CASCADE; DROP SCHEMA issuer CASCADE").unwrap();
    let copy = city.home().with_extension("copy");
    let backup = |more: &[&str]| {
        let mut backup = Command::new(program::path());
        backup.args(["backup", "--json", "--config"]).arg(city.config_file()).arg("--to").arg(&copy).args(more);
        backup.output().unwrap()
    };
    for _ in 0..2 {
        let refused = backup(&[]);
        let said = String::from_utf8_lossy(&refused.stderr);
        assert!(!refused.status.success() && said.contains("the database of issuer, linkage-a"), "{said}");
        assert!(!copy.exists());
    }
    // Who names a database gets what there is, and is told what there is not.
    let made = backup(&["--database", &cluster.address("city")]);
    let said: serde_json::Value = serde_json::from_slice(&made.stdout).unwrap();
    assert_eq!(said["left_out"], serde_json::json!(["issuer", "linkage-a"]), "{said}");
    assert!(copy.join("exchange.db").is_file() && !copy.join("issuer.db").exists());
}
