//! `cargo xtask fuzz`: every fuzzing target for a while, from its seed corpus.

use crate::{
    process::{self, cargo, program, root},
    setup,
};
use anyhow::{Context, Result, bail};
use std::{fs, process::Command};

const CARGO_FUZZ_VERSION: &str = "0.13.2";
/// Bytes of the longest input tried: a little more than authority parameters.
const MAXIMUM_INPUT_SIZE: u32 = 40_000;

pub(crate) fn run(seconds: u32) -> Result<()> {
    let has_nightly = Command::new("rustup")
        .args(["run", "nightly", "rustc", "--version"])
        .output()
        .is_ok_and(|output| output.status.success());
    if !has_nightly {
        bail!(
            "fuzzing needs a nightly compiler: install one with `rustup toolchain install nightly` and run this again"
        );
    }
    let cargo_fuzz = setup::cargo_tool("cargo-fuzz", CARGO_FUZZ_VERSION)?;
    // Its own workspace: nothing else looks at how it is written, or at whether its seeds are the generator's.
    let fuzz = root().join("fuzz");
    process::run(cargo().args(["fmt", "--all", "--check"]).current_dir(&fuzz))?;
    process::run(cargo().args(["run", "--quiet", "--bin", "seed", "--", "--check"]).current_dir(&fuzz))?;
    for target in targets()? {
        // Found inputs go to a scratch folder: the committed corpus holds seeds alone.
        let scratch = root().join("fuzz/target/corpus").join(&target);
        fs::create_dir_all(&scratch)?;
        process::run(
            program(&cargo_fuzz)
                .args(["fuzz", "run", &target])
                .arg(&scratch)
                .arg(root().join("fuzz/corpus").join(&target))
                .args(["--", &format!("-max_total_time={seconds}"), &format!("-max_len={MAXIMUM_INPUT_SIZE}")])
                .args(["-print_final_stats=1", "-verbosity=0"])
                .env("RUSTUP_TOOLCHAIN", "nightly"),
        )?;
    }
    Ok(())
}

/// The targets, found by walking their folder.
fn targets() -> Result<Vec<String>> {
    let folder = root().join("fuzz/fuzz_targets");
    let mut targets = Vec::new();
    for entry in fs::read_dir(&folder).with_context(|| format!("cannot read {}", folder.display()))? {
        let path = entry?.path();
        if path.extension().is_some_and(|extension| extension == "rs")
            && let Some(stem) = path.file_stem()
        {
            targets.push(stem.to_string_lossy().into_owned());
        }
    }
    targets.sort();
    if targets.is_empty() {
        bail!("no fuzzing target in {}", folder.display());
    }
    Ok(targets)
}
