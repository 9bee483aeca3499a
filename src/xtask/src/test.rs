//! `cargo xtask test`: every test.

use crate::{
    fuzz,
    process::{self, cargo},
    setup,
};
use anyhow::Result;

/// Seconds of fuzzing a target with `--long`.
const LONG_FUZZ_SECONDS: u32 = 600;

pub(crate) fn run(long: bool) -> Result<()> {
    let python = setup::python()?;
    let mut tests = cargo();
    tests.args(["test", "--workspace", "--no-fail-fast"]).env("SYMBOLON_PYTHON", &python);
    if long {
        tests.env("SYMBOLON_LONG", "1");
    }
    process::run(&mut tests)?;
    if long {
        fuzz::run(LONG_FUZZ_SECONDS)?;
    }
    Ok(())
}
