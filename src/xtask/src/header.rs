//! `cargo xtask header`: the C header of src/verifier-c, written from its Rust.

use crate::{
    process::{program, root, run as run_program},
    setup,
};
use anyhow::{Context, Result, bail};
use std::{fs, path::PathBuf};

const CBINDGEN_VERSION: &str = "0.29.2";

/// Writes the header, or fails when the committed one differs.
pub(crate) fn run(check: bool) -> Result<()> {
    let generated = generate()?;
    let path = root().join("src/verifier-c/include/symbolon.h");
    if check {
        let committed = fs::read_to_string(&path).with_context(|| format!("cannot read {}", path.display()))?;
        return difference(&committed, &generated)
            .map_or(Ok(()), |line| bail!("{} is stale, line {line}: run `cargo xtask header`", path.display()));
    }
    fs::write(&path, generated).with_context(|| format!("cannot write {}", path.display()))?;
    println!("Wrote {}", path.display());
    Ok(())
}

/// The header as cbindgen makes it now.
fn generate() -> Result<String> {
    let cbindgen = setup::cargo_tool("cbindgen", CBINDGEN_VERSION)?;
    let folder = tempfile::tempdir()?;
    let output: PathBuf = folder.path().join("symbolon.h");
    let library = root().join("src/verifier-c");
    // The sources alone: with --crate it would ask cargo, which may want the network.
    run_program(
        program(&cbindgen)
            .arg("--quiet")
            .arg("--config")
            .arg(library.join("cbindgen.toml"))
            .arg("--output")
            .arg(&output)
            .arg(&library)
            .current_dir(&library),
    )?;
    let written = fs::read_to_string(&output).context("cbindgen wrote no header")?;
    // What Rust's documentation calls this, a reader of C has no heading for.
    Ok(written.replace(" # Safety\n ", " The caller promises: "))
}

/// The number of the first line in which two texts differ.
fn difference(committed: &str, generated: &str) -> Option<usize> {
    if committed == generated {
        return None;
    }
    let same = committed.lines().zip(generated.lines()).take_while(|(left, right)| left == right).count();
    Some(same + 1)
}

#[cfg(test)]
mod tests {
    use super::difference;

    #[test]
    fn tells_where_texts_begin_to_differ() {
        assert_eq!(difference("a\nb\n", "a\nb\n"), None);
        assert_eq!(difference("a\nb\n", "a\nc\n"), Some(2));
        assert_eq!(difference("a\nb\n", "a\nb\nc\n"), Some(3));
        assert_eq!(difference("a\nb\n", "a\nb"), Some(3), "the end of the last line counts");
    }
}
