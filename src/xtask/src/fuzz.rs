//! `cargo xtask fuzz`: every fuzzing target for a while, from its seed corpus.

use crate::{
    process::{self, cargo, program, root},
    setup,
};
use anyhow::{Context, Result, bail};
use std::{fs, num::NonZero, panic::resume_unwind, path::Path, process::Command, thread};

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
    process::run(program(&cargo_fuzz).args(["fuzz", "build"]).env("RUSTUP_TOOLCHAIN", "nightly"))?;
    let targets = targets()?;
    // libFuzzer keeps one core busy: as many targets at a time as there are cores.
    for together in targets.chunks(thread::available_parallelism().map_or(1, NonZero::get)) {
        let runs = thread::scope(|scope| {
            let runs = together.iter().map(|target| scope.spawn(|| run_target(&cargo_fuzz, target, seconds)));
            let runs = runs.collect::<Vec<_>>();
            runs.into_iter().map(|run| run.join().unwrap_or_else(|panic| resume_unwind(panic))).collect::<Vec<_>>()
        });
        runs.into_iter().collect::<Result<Vec<()>>>()?;
    }
    println!("{} passed, 0 failed", targets.len());
    Ok(())
}

/// Runs one target and shows what it says once it ended.
fn run_target(cargo_fuzz: &Path, target: &str, seconds: u32) -> Result<()> {
    // Found inputs go to a scratch folder: the committed corpus holds seeds alone.
    let scratch = root().join("fuzz/target/corpus").join(target);
    fs::create_dir_all(&scratch)?;
    let output = program(cargo_fuzz)
        .args(["fuzz", "run", target])
        .arg(&scratch)
        .arg(root().join("fuzz/corpus").join(target))
        .args(["--", &format!("-max_total_time={seconds}"), &format!("-max_len={MAXIMUM_INPUT_SIZE}")])
        .args(["-print_final_stats=1", "-verbosity=0"])
        .env("RUSTUP_TOOLCHAIN", "nightly")
        .output()
        .with_context(|| format!("cannot start the target {target}"))?;
    let said = String::from_utf8_lossy(&output.stderr);
    let summary = said.lines().filter(|line| line.starts_with("stat::number_of_executed_units")).collect::<String>();
    println!("{target}: {}", summary.trim_start_matches("stat::"));
    if !output.status.success() {
        bail!("the target {target} failed, {}:\n{said}", output.status);
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
