//! Builds programs in C against the static library, for the tests that run them. The conformance tests have this file too.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::{Mutex, PoisonError};

use symbolon_ccks::{Suite, SuiteId};

/// The feature that a suite is in the library, and its short name in file names.
pub(crate) fn short_name<S: Suite>() -> &'static str {
    match S::ID {
        SuiteId::P256Sha256 => "p256",
        SuiteId::Secp256k1Sha256 => "secp256k1",
    }
}

/// What looks on while a program runs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Sanitizers {
    /// AddressSanitizer and UBSan over the C; the library's memory is seen where it goes through malloc.
    C,
    /// And AddressSanitizer over the Rust too, which takes a nightly compiler.
    #[allow(dead_code, reason = "the conformance tests do without it")]
    Both,
}

/// The compiler's strictest: the program is an example for others to begin with.
const STRICT: [&str; 6] = ["-std=c99", "-Wall", "-Wextra", "-Werror", "-pedantic", "-g"];

/// One build at a time in this process; cargo's own lock keeps processes apart, but not what they leave behind.
static BUILDING: Mutex<()> = Mutex::new(());

/// Compiles `source`, a path in the checkout, and links it with the static library of the suite.
pub(crate) fn build_program<S: Suite>(source: &str, sanitizers: Sanitizers) -> PathBuf {
    let _building = BUILDING.lock().unwrap_or_else(PoisonError::into_inner);
    let library = build_library::<S>(sanitizers);
    let source = root().join(source);
    let program = library.with_file_name(source.file_stem().unwrap());
    let mut compiler = Command::new(std::env::var_os("CC").unwrap_or_else(|| "cc".into()));
    compiler.args(STRICT).arg("-I").arg(root().join("src/verifier-c/include"));
    compiler.args(["-fsanitize=address,undefined", "-fno-sanitize-recover=all", "-fno-omit-frame-pointer"]);
    compiler.arg(&source).arg(&library).args(["-lpthread", "-ldl", "-lm", "-o"]).arg(&program);
    run(&mut compiler);
    program
}

/// The static library, built as `cargo build` does and kept where no other build overwrites it.
fn build_library<S: Suite>(sanitizers: Sanitizers) -> PathBuf {
    let target = root().join("target/c");
    let mut cargo = Command::new("cargo");
    cargo.current_dir(root()).args(["build", "--quiet", "--package", "symbolon-verifier-c", "--lib"]);
    cargo.args(["--no-default-features", "--features", &format!("std,{}", short_name::<S>())]);
    // A test runs inside cargo's own environment, which is not meant for another cargo.
    for variable in ["CARGO", "RUSTC", "RUSTFLAGS", "CARGO_ENCODED_RUSTFLAGS", "RUSTUP_TOOLCHAIN"] {
        cargo.env_remove(variable);
    }
    let (target, built) = match sanitizers {
        Sanitizers::Both => {
            // Naming the target keeps the flags from what runs while building.
            let triple = host_triple();
            cargo.args(["--target", &triple]).env("RUSTUP_TOOLCHAIN", "nightly");
            cargo.env("RUSTFLAGS", "-Zsanitizer=address");
            (target.join("sanitized"), PathBuf::from(triple).join("debug"))
        }
        Sanitizers::C => (target, PathBuf::from("debug")),
    };
    run(cargo.arg("--target-dir").arg(&target));
    let folder = format!("{}-{}-{sanitizers:?}", env!("CARGO_CRATE_NAME"), short_name::<S>()).to_lowercase();
    let kept = root().join("target/c/programs").join(folder);
    fs::create_dir_all(&kept).unwrap();
    let name = "libsymbolon_terminal.a";
    fs::copy(target.join(built).join(name), kept.join(name)).unwrap();
    kept.join(name)
}

fn host_triple() -> String {
    let output = Command::new("rustc").arg("-vV").output().unwrap();
    let said = String::from_utf8(output.stdout).unwrap();
    said.lines().find_map(|line| line.strip_prefix("host: ")).unwrap().to_owned()
}

fn run(command: &mut Command) {
    let output = command.output().unwrap();
    assert!(output.status.success(), "{command:?} failed: {}", String::from_utf8_lossy(&output.stderr));
}

fn root() -> PathBuf {
    // Of this file's own package, or of the tests that have it too.
    let package = Path::new(env!("CARGO_MANIFEST_DIR"));
    package.ancestors().find(|folder| folder.join("src/verifier-c").is_dir()).unwrap().to_owned()
}
