//! Compiles proto/ with protox, so that no protoc is needed.

use prost::Message;
use std::{
    env,
    error::Error,
    fs,
    path::{Path, PathBuf},
};

/// Messages that carry a secret; they get a `Debug` that does not show it, in src/redacted.rs.
const SECRET_MESSAGES: [&str; 14] = [
    ".symbolon.v1.CreateCardResponse",
    ".symbolon.v1.ReplaceCardResponse",
    ".symbolon.v1.CreateTerminalResponse",
    ".symbolon.v1.BeginEnrolmentRequest",
    ".symbolon.v1.CompleteEnrolmentResponse",
    ".symbolon.v1.CompleteRenewalResponse",
    ".symbolon.v1.OpenTraceResponse",
    ".symbolon.v1.RoleHoldings",
    ".symbolon.roles.v1.ArchivedPseudonym",
    ".symbolon.roles.v1.GetArchivedPseudonymRequest",
    ".symbolon.roles.v1.IssuedCredential",
    ".symbolon.roles.v1.OpenSubjectResponse",
    ".symbolon.roles.v1.PublishedSeeds",
    ".symbolon.roles.v1.RevealedSeed",
];
/// The folders of the packages.
const PACKAGES: [&str; 2] = ["symbolon/v1", "symbolon/roles/v1"];

fn main() -> Result<(), Box<dyn Error>> {
    let root = Path::new(&env::var("CARGO_MANIFEST_DIR")?).join("../../proto");
    let mut files = Vec::new();
    for package in PACKAGES {
        let folder = root.join(package);
        println!("cargo::rerun-if-changed={}", folder.display());
        for entry in fs::read_dir(&folder)? {
            files.push(entry?.path());
        }
    }
    files.retain(|path| path.extension().is_some_and(|extension| extension == "proto"));
    files.sort();

    let mut compiler = protox::Compiler::new([&root])?;
    compiler.include_imports(true).include_source_info(true).open_files(&files)?;
    let with_comments = compiler.file_descriptor_set();

    // Reflection has no use for comments and positions, which are most of the bytes.
    let mut descriptors = with_comments.clone();
    for file in &mut descriptors.file {
        file.source_code_info = None;
    }
    let output = PathBuf::from(env::var("OUT_DIR")?);
    fs::write(output.join("symbolon.bin"), descriptors.encode_to_vec())?;

    tonic_prost_build::configure().skip_debug(SECRET_MESSAGES).build_transport(true).compile_fds(with_comments)?;
    Ok(())
}
