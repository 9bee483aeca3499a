//! The `symbolon` binary under test: built by the cargo that runs the tests, unless SYMBOLON_PROGRAM names one.

use cargo_metadata::Message;
use std::{
    io::BufReader,
    path::{Path, PathBuf},
    process::{Command, Stdio},
    sync::LazyLock,
};

static PROGRAM: LazyLock<PathBuf> =
    LazyLock::new(|| std::env::var_os("SYMBOLON_PROGRAM").map_or_else(build, PathBuf::from));

/// Where the binary is.
pub(crate) fn path() -> &'static Path {
    &PROGRAM
}

/// Builds it in the profile of this test. Cargo gives no path to another package's binary, so its messages are read.
fn build() -> PathBuf {
    let mut cargo = Command::new(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
    cargo.args(["build", "--quiet", "--package", "symbolon", "--bin", "symbolon", "--message-format=json"]);
    if !cfg!(debug_assertions) {
        cargo.arg("--release");
    }
    let mut child = cargo.current_dir(env!("CARGO_MANIFEST_DIR")).stdout(Stdio::piped()).spawn().unwrap();
    let messages = BufReader::new(child.stdout.take().unwrap());
    let mut executable = None;
    for message in Message::parse_stream(messages) {
        if let Message::CompilerArtifact(artifact) = message.unwrap()
            && artifact.target.name == "symbolon"
            && let Some(path) = artifact.executable
        {
            executable = Some(path.into_std_path_buf());
        }
    }
    assert!(child.wait().unwrap().success(), "cargo cannot build symbolon");
    executable.unwrap()
}
