//! Where PostgreSQL is, and who it runs as.

use std::{
    fs,
    os::unix::fs::MetadataExt as _,
    path::{Path, PathBuf},
};

use crate::ClusterError;

/// Where Debian keeps each version's programs, apart from PATH.
const DEBIAN: &str = "/usr/lib/postgresql";

/// A program of PostgreSQL, on PATH or else of the newest version that Debian has.
pub(crate) fn find(name: &'static str) -> Result<PathBuf, ClusterError> {
    let on_path = std::env::var_os("PATH").unwrap_or_default();
    let on_path = std::env::split_paths(&on_path).map(|folder| folder.join(name)).find(|program| program.is_file());
    on_path.or_else(|| of_debian(name)).ok_or(ClusterError::Missing(name))
}

fn of_debian(name: &str) -> Option<PathBuf> {
    let mut versions = fs::read_dir(DEBIAN)
        .ok()?
        .filter_map(|version| version.ok()?.file_name().to_str()?.parse::<u32>().ok())
        .collect::<Vec<_>>();
    versions.sort_unstable();
    let of = |version: u32| Path::new(DEBIAN).join(version.to_string()).join("bin").join(name);
    versions.into_iter().rev().map(of).find(|program| program.is_file())
}

/// Whom the server has to run as instead of root; nobody else when this is not root.
pub(crate) fn other_user() -> Result<Option<(u32, u32)>, ClusterError> {
    let is_root = fs::metadata("/proc/self").is_ok_and(|process| process.uid() == 0);
    if !is_root {
        return Ok(None);
    }
    let users = fs::read_to_string("/etc/passwd").unwrap_or_default();
    let of = |name: &str| {
        users.lines().find_map(|line| {
            let fields = line.split(':').collect::<Vec<_>>();
            (fields.first() == Some(&name)).then_some(())?;
            Some((fields.get(2)?.parse().ok()?, fields.get(3)?.parse().ok()?))
        })
    };
    ["postgres", "nobody"].into_iter().find_map(of).map(Some).ok_or(ClusterError::NoUser)
}
