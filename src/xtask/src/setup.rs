//! What the tests need beside Rust and a C compiler, installed where that is possible.

use crate::process::{cargo, is_on_path, program, root, run};
use anyhow::{Result, bail};
use std::{path::PathBuf, process::Command};

/// The Python client's libraries, for the end-to-end test that drives the service from `proto/` alone.
const PYTHON_PACKAGES: [&str; 6] = [
    "grpcio==1.76.*",
    "grpcio-tools==1.76.*",
    "grpcio-status==1.76.*",
    "grpcio-health-checking==1.76.*",
    "grpcio-reflection==1.76.*",
    "googleapis-common-protos==1.*",
];

/// A Python with gRPC in a virtual environment of its own, made at the first call; returns its interpreter.
pub(crate) fn python() -> Result<PathBuf> {
    let folder = root().join("target/python");
    let interpreter = folder.join("bin/python");
    let complete = folder.join("complete");
    if std::fs::read_to_string(&complete).is_ok_and(|packages| packages == PYTHON_PACKAGES.join(" ")) {
        return Ok(interpreter);
    }
    if !is_on_path("python3") {
        debian_packages(&["python3", "python3-venv"])?;
    }
    println!("Making a Python environment with gRPC in target/python.");
    let mut make = program("python3");
    make.args(["-m", "venv", "--clear"]).arg(&folder);
    if run(&mut make).is_err() {
        debian_packages(&["python3-venv"])?;
        run(&mut make)?;
    }
    run(program(&interpreter)
        .args(["-m", "pip", "install", "--quiet", "--disable-pip-version-check"])
        .args(PYTHON_PACKAGES))?;
    std::fs::write(complete, PYTHON_PACKAGES.join(" "))?;
    Ok(interpreter)
}

/// npm, which brings the linter of the gRPC interface.
pub(crate) fn npm() -> Result<()> {
    if is_on_path("npm") { Ok(()) } else { debian_packages(&["npm"]) }
}

/// Installs a cargo command into `target/tools`, unless it is there; returns its path.
pub(crate) fn cargo_tool(name: &str, version: &str) -> Result<PathBuf> {
    let tools = root().join("target/tools");
    let tool = tools.join("bin").join(name);
    let is_right_version = Command::new(&tool)
        .arg(name.trim_start_matches("cargo-"))
        .arg("--version")
        .output()
        .is_ok_and(|output| String::from_utf8_lossy(&output.stdout).contains(version));
    if !is_right_version {
        println!("Installing {name} {version} into target/tools.");
        // Unoptimised, since building it takes longer than all that it does here. Started elsewhere, so that the
        // checkout's settings do not reach into its build.
        run(cargo()
            .args(["install", "--quiet", "--debug", "--locked", "--force", name, "--version", version, "--root"])
            .arg(&tools)
            .current_dir(std::env::temp_dir()))?;
    }
    Ok(tool)
}

/// Installs Debian packages; never lets apt remove one.
fn debian_packages(packages: &[&str]) -> Result<()> {
    let wanted = packages.join(" ");
    let is_root = Command::new("id").arg("-u").output().is_ok_and(|output| output.stdout.trim_ascii() == b"0");
    if !is_on_path("apt-get") || !is_root {
        bail!(
            "missing: {wanted}. Install these packages (on Debian, as root: apt-get install --no-remove {wanted}) and run this again"
        );
    }
    println!("Installing Debian packages: {wanted}.");
    run(program("apt-get").args(["update", "-qq"]))?;
    run(program("apt-get")
        .args(["install", "-y", "-qq", "--no-remove", "--no-install-recommends"])
        .args(packages)
        .env("DEBIAN_FRONTEND", "noninteractive"))
}
