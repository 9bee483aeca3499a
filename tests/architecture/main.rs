//! Holds the layout of docs/architecture.md against what cargo and the sources say.

#![allow(clippy::unwrap_used, reason = "a test panics where it fails")]

use cargo_metadata::{DependencyKind, Metadata, MetadataCommand, Package};
use std::{fs, path::Path};

/// A package, the packages of the project that it may depend on, and whether its folder may know sockets and clocks.
const ROOMS: [(&str, &[&str]); 15] = [
    ("symbolon-multiscalar", &[]),
    ("symbolon-ccks", &["symbolon-multiscalar"]),
    ("symbolon-tap", &["symbolon-ccks"]),
    ("symbolon-pseudonym", &["symbolon-ccks", "symbolon-tap"]),
    ("symbolon-verifier", &["symbolon-ccks", "symbolon-tap"]),
    ("symbolon-verifier-c", &["symbolon-ccks", "symbolon-tap", "symbolon-verifier"]),
    ("symbolon-flash-sim", &["symbolon-ccks", "symbolon-tap", "symbolon-verifier"]),
    ("symbolon-emulator", &["symbolon-tap"]),
    ("symbolon-wallet", &["symbolon-ccks", "symbolon-tap", "symbolon-pseudonym"]),
    ("symbolon-api", &["symbolon-ccks", "symbolon-tap"]),
    ("symbolon-store", &["symbolon-ccks", "symbolon-tap", "symbolon-pseudonym"]),
    ("symbolon-postgres-cluster", &[]),
    ("symbolon-service", &["symbolon-ccks", "symbolon-tap", "symbolon-pseudonym", "symbolon-store", "symbolon-api"]),
    (
        "symbolon",
        &[
            "symbolon-ccks",
            "symbolon-tap",
            "symbolon-pseudonym",
            "symbolon-verifier",
            "symbolon-flash-sim",
            "symbolon-emulator",
            "symbolon-wallet",
            "symbolon-api",
            "symbolon-store",
            "symbolon-service",
        ],
    ),
    (
        "xtask",
        &[
            "symbolon-ccks",
            "symbolon-tap",
            "symbolon-pseudonym",
            "symbolon-verifier",
            "symbolon-flash-sim",
            "symbolon-emulator",
            "symbolon-wallet",
            "symbolon-postgres-cluster",
        ],
    ),
];

/// Libraries with an effect on the world, and the packages below the service that may use them.
const EFFECTS: [(&str, &[&str]); 10] = [
    ("tonic", &["symbolon-api"]),
    ("prost", &["symbolon-api"]),
    ("rusqlite", &["symbolon-store"]),
    ("postgres", &["symbolon-store"]),
    ("tokio", &["symbolon-store"]),
    ("rustls", &["symbolon-store"]),
    ("getrandom", &[]),
    ("rand", &[]),
    ("chrono", &[]),
    ("time", &[]),
];

const BELOW_SERVICE: [&str; 9] = [
    "symbolon-multiscalar",
    "symbolon-ccks",
    "symbolon-tap",
    "symbolon-pseudonym",
    "symbolon-verifier",
    "symbolon-verifier-c",
    "symbolon-wallet",
    "symbolon-api",
    "symbolon-store",
];

/// What no source file below the service says: clocks and sockets.
const UNSAID: [&str; 5] = ["SystemTime", "Instant::", "std::net", "tokio::net", "tokio::time"];

fn metadata() -> Metadata {
    MetadataCommand::new()
        .manifest_path(concat!(env!("CARGO_MANIFEST_DIR"), "/../Cargo.toml"))
        .no_deps()
        .exec()
        .unwrap()
}

fn package<'a>(metadata: &'a Metadata, name: &str) -> &'a Package {
    metadata.packages.iter().find(|package| *package.name == name).unwrap()
}

fn normal_dependencies(package: &Package) -> impl Iterator<Item = &str> {
    let normal = |dependency: &&cargo_metadata::Dependency| dependency.kind == DependencyKind::Normal;
    package.dependencies.iter().filter(normal).map(|dependency| dependency.name.as_str())
}

#[test]
fn arrows_point_one_way() {
    let metadata = metadata();
    for (name, allowed) in ROOMS {
        for dependency in normal_dependencies(package(&metadata, name)) {
            let is_ours = metadata.packages.iter().any(|package| *package.name == dependency);
            assert!(!is_ours || allowed.contains(&dependency), "{name} must not depend on {dependency}");
        }
    }
}

#[test]
fn every_package_has_a_room() {
    let metadata = metadata();
    for package in metadata.workspace_packages() {
        let is_known = ROOMS.iter().any(|(name, _)| **name == **package.name) || *package.name == "symbolon-tests";
        assert!(is_known, "{} is in no table: say what it may depend on", package.name);
    }
}

#[test]
fn effects_stay_where_they_belong() {
    let metadata = metadata();
    for name in BELOW_SERVICE {
        for dependency in normal_dependencies(package(&metadata, name)) {
            if let Some((_, allowed)) = EFFECTS.iter().find(|(library, _)| *library == dependency) {
                assert!(allowed.contains(&name), "{name} must not use {dependency}");
            }
        }
    }
}

#[test]
fn no_clock_or_socket_below_the_service() {
    let metadata = metadata();
    let mut files = 0;
    for name in BELOW_SERVICE {
        let folder = package(&metadata, name).manifest_path.parent().unwrap().join("src");
        walk(folder.as_std_path(), &mut |file, text| {
            files += 1;
            for word in UNSAID {
                assert!(!text.contains(word), "{} says {word}", file.display());
            }
        });
    }
    assert!(files > 20, "only {files} files were read");
}

fn walk(folder: &Path, visit: &mut impl FnMut(&Path, &str)) {
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            walk(&path, visit);
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            visit(&path, &fs::read_to_string(&path).unwrap());
        }
    }
}
