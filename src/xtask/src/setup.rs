//! What the tests need beside Rust and a C compiler, installed where that is possible.

use crate::process::{cargo, is_on_path, program, root, run};
use anyhow::{Context, Result, bail};
use std::{
    fs,
    path::{Path, PathBuf},
    process::Command,
};
use symbolon_emulator::qemu::Qemu;

/// Where Debian puts its Rust compiler; rustup's stand before it on PATH.
pub const RUSTC: &str = "/usr/bin/rustc";
/// The cargo that belongs to it.
pub const CARGO: &str = "/usr/bin/cargo";

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
pub fn python() -> Result<PathBuf> {
    let folder = root().join("target/python");
    let interpreter = folder.join("bin/python");
    let complete = folder.join("complete");
    if fs::read_to_string(&complete).is_ok_and(|packages| packages == PYTHON_PACKAGES.join(" ")) {
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
    fs::write(complete, PYTHON_PACKAGES.join(" "))?;
    Ok(interpreter)
}

/// The program and the libraries of the emulator, for where they cannot be installed.
const QEMU_PACKAGES: [&str; 23] = [
    "qemu-system-arm",
    "libfdt1",
    "libcapstone4",
    "libslirp0",
    "libepoxy0",
    "libbrlapi0.8",
    "libcacard0",
    "libdaxctl1",
    "libndctl6",
    "libpmem1",
    "libibverbs1",
    "librdmacm1",
    "libnl-3-200",
    "libnl-route-3-200",
    "libsndio7.0",
    "libspice-server1",
    "libusb-1.0-0",
    "libusbredirparser1",
    "libvdeplug2",
    "libexecs0",
    "libopus0",
    "liborc-0.4-0",
    "libgstreamer-plugins-base1.0-0",
];

/// PostgreSQL, which the tests of its store start in folders of their own.
pub fn postgresql() -> Result<()> {
    let is_there = |name: &str| {
        let versions = fs::read_dir("/usr/lib/postgresql").into_iter().flatten().flatten();
        is_on_path(name) || versions.into_iter().any(|version| version.path().join("bin").join(name).is_file())
    };
    let needed = ["initdb", "postgres", "pg_ctl", "psql", "pg_dump", "pg_restore"];
    if needed.into_iter().all(is_there) { Ok(()) } else { debian_packages(&["postgresql"]) }
}

/// npm, which brings the linter of the gRPC interface.
pub fn npm() -> Result<()> {
    if is_on_path("npm") { Ok(()) } else { debian_packages(&["npm"]) }
}

/// The compilers for terminals: Debian's own Rust compiler, which comes with the source of `core` that it was made of, so
/// that it can be built for the target; a linker; and a C compiler for the image whose main is in C.
pub fn firmware_compilers() -> Result<()> {
    let core = Path::new("/usr/lib/rustlib/src/rust/library/core/Cargo.toml");
    let is_complete = [RUSTC, CARGO].iter().all(|program| Path::new(program).is_file()) && core.is_file();
    let mut missing = Vec::new();
    if !is_complete {
        missing.extend(["rustc-web", "cargo-web", "rust-web-src"]);
    }
    if !is_on_path("ld.lld") {
        missing.push("lld");
    }
    if !is_on_path("arm-none-eabi-gcc") {
        missing.extend(["gcc-arm-none-eabi", "libnewlib-arm-none-eabi"]);
    }
    if missing.is_empty() { Ok(()) } else { debian_packages(&missing) }
}

/// The emulator of the terminals' board: from PATH, else installed, else unpacked into `target/tools/qemu`.
pub fn qemu() -> Result<Qemu> {
    if let Some(qemu) = Qemu::find(&root()) {
        return Ok(qemu);
    }
    // Installing it would remove another package on some machines: then its packages are unpacked aside.
    let mut rehearsal = program("apt-get");
    rehearsal.args(["install", "-s", "--no-remove", "--no-install-recommends", "qemu-system-arm"]);
    if is_root() && is_on_path("apt-get") && rehearsal.output().is_ok_and(|output| output.status.success()) {
        debian_packages(&["qemu-system-arm"])?;
    } else {
        unpack_qemu()?;
    }
    Qemu::find(&root()).context("qemu-system-arm was installed and cannot be found")
}

fn unpack_qemu() -> Result<()> {
    if !is_on_path("apt-get") || !is_on_path("dpkg") {
        bail!("missing: qemu-system-arm. Install QEMU for Arm so that it is on PATH and run this again");
    }
    println!(
        "Unpacking qemu-system-arm into target/tools/qemu: it cannot be installed here without removing something."
    );
    let folder = Qemu::folder(&root());
    let packages = tempfile::tempdir()?;
    if is_root() {
        run(program("apt-get").args(["update", "-qq"]))?;
    }
    run(program("apt-get").args(["download", "-qq"]).args(QEMU_PACKAGES).current_dir(packages.path()))?;
    fs::create_dir_all(&folder)?;
    for package in fs::read_dir(packages.path())? {
        run(program("dpkg").arg("-x").arg(package?.path()).arg(&folder))?;
    }
    Ok(())
}

/// Installs a cargo command into `target/tools`, unless it is there; returns its path.
pub fn cargo_tool(name: &str, version: &str) -> Result<PathBuf> {
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
    if !is_on_path("apt-get") || !is_root() {
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

fn is_root() -> bool {
    Command::new("id").arg("-u").output().is_ok_and(|output| output.stdout.trim_ascii() == b"0")
}
