//! Builds programs in C against the static library of src/verifier-c, for the tests that run them.

use anyhow::{Context, Result, bail};
use std::{
    fs,
    path::{Path, PathBuf},
    process::Command,
    sync::{Mutex, PoisonError},
};

/// The suite that a static library has.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NativeSuite {
    /// NIST P-256.
    P256,
    /// secp256k1.
    Secp256k1,
}

impl NativeSuite {
    /// Both.
    pub const ALL: [Self; 2] = [Self::P256, Self::Secp256k1];

    /// The feature of the package, and the short name in file names.
    pub const fn name(self) -> &'static str {
        match self {
            Self::P256 => "p256",
            Self::Secp256k1 => "secp256k1",
        }
    }
}

/// What looks on while a program runs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Sanitizers {
    /// Nothing.
    None,
    /// AddressSanitizer and UBSan over the C; the library's memory is seen where it goes through malloc.
    C,
    /// And AddressSanitizer over the Rust too, which takes a nightly compiler.
    Both,
}

/// The compiler's strictest: the program is an example for others to begin with.
const STRICT: [&str; 6] = ["-std=c99", "-Wall", "-Wextra", "-Werror", "-pedantic", "-g"];

/// One build at a time in this process; cargo's own lock keeps processes apart, but not what they leave behind.
static BUILDING: Mutex<()> = Mutex::new(());

/// Compiles `source`, a path in the checkout, and links it with the static library of `suite`.
///
/// # Errors
/// When a compiler is missing or refuses.
pub fn build_program(source: &str, suite: NativeSuite, sanitizers: Sanitizers) -> Result<PathBuf> {
    let _building = BUILDING.lock().unwrap_or_else(PoisonError::into_inner);
    let library = build_library(suite, sanitizers)?;
    let source = root().join(source);
    let stem = source.file_stem().context("a source has a name")?.to_string_lossy().into_owned();
    let program = library.with_file_name(stem);
    let mut compiler = Command::new(std::env::var_os("CC").unwrap_or_else(|| "cc".into()));
    compiler.args(STRICT).arg("-I").arg(root().join("src/verifier-c/include"));
    if sanitizers != Sanitizers::None {
        compiler.args(["-fsanitize=address,undefined", "-fno-sanitize-recover=all", "-fno-omit-frame-pointer"]);
    }
    compiler.arg(&source).arg(&library).args(["-lpthread", "-ldl", "-lm", "-o"]).arg(&program);
    run(&mut compiler)?;
    Ok(program)
}

/// The static library, built as `cargo build` does and kept where no other build overwrites it.
fn build_library(suite: NativeSuite, sanitizers: Sanitizers) -> Result<PathBuf> {
    let target = root().join("target/c");
    let mut cargo = Command::new("cargo");
    cargo.current_dir(root()).args(["build", "--quiet", "--package", "symbolon-verifier-c", "--lib"]);
    cargo.args(["--no-default-features", "--features", &format!("std,{}", suite.name())]);
    // A test runs inside cargo's own environment, which is not meant for another cargo.
    for variable in ["CARGO", "RUSTC", "RUSTFLAGS", "CARGO_ENCODED_RUSTFLAGS", "RUSTUP_TOOLCHAIN"] {
        cargo.env_remove(variable);
    }
    let (target, built) = match sanitizers {
        Sanitizers::Both => {
            // Naming the target keeps the flags from what runs while building.
            let triple = host_triple()?;
            cargo.args(["--target", &triple]).env("RUSTUP_TOOLCHAIN", "nightly");
            cargo.env("RUSTFLAGS", "-Zsanitizer=address");
            (target.join("sanitized"), PathBuf::from(triple).join("debug"))
        }
        Sanitizers::None | Sanitizers::C => (target, PathBuf::from("debug")),
    };
    run(cargo.arg("--target-dir").arg(&target))?;
    let kept = root().join("target/c/programs").join(format!("{}-{sanitizers:?}", suite.name()).to_lowercase());
    fs::create_dir_all(&kept)?;
    let name = "libsymbolon_terminal.a";
    fs::copy(target.join(built).join(name), kept.join(name)).context("cargo left no static library")?;
    Ok(kept.join(name))
}

fn host_triple() -> Result<String> {
    let output = Command::new("rustc").arg("-vV").output().context("cannot start rustc")?;
    let said = String::from_utf8(output.stdout)?;
    let host = said.lines().find_map(|line| line.strip_prefix("host: ")).context("rustc names no host")?;
    Ok(host.to_owned())
}

fn run(command: &mut Command) -> Result<()> {
    let output = command.output().with_context(|| format!("cannot start {:?}", command.get_program()))?;
    if !output.status.success() {
        bail!("{command:?} failed: {}", String::from_utf8_lossy(&output.stderr));
    }
    Ok(())
}

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).ancestors().nth(2).map(Path::to_path_buf).unwrap_or_default()
}
