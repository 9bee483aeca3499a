//! `cargo xtask test`: every test.

use crate::{
    firmware::images::{self, Device, SuiteName},
    fuzz,
    process::{self, cargo},
    setup,
};
use anyhow::{Context, Result};

/// Seconds of fuzzing a target with `--long`.
const LONG_FUZZ_SECONDS: u32 = 600;

pub(crate) fn run(long: bool) -> Result<()> {
    let python = setup::python()?;
    setup::postgresql()?;
    // Cargo builds it beside this program, with everything else. The end-to-end tests would otherwise build it once
    // more, alone, and with it all dependencies that have fewer features then.
    let symbolon = std::env::current_exe().context("cannot tell where this program is")?.with_file_name("symbolon");
    // The demo's gate in the emulator.
    images::set_up()?;
    setup::qemu()?;
    for suite in SuiteName::ALL {
        images::build(Device::Gate, suite)?;
    }
    let mut tests = cargo();
    tests.args(["test", "--workspace", "--no-fail-fast"]);
    tests.env("SYMBOLON_PYTHON", &python).env("SYMBOLON_PROGRAM", &symbolon);
    tests.env("SYMBOLON_FIRMWARE", images::folder());
    if long {
        tests.env("SYMBOLON_LONG", "1");
    }
    process::run(&mut tests)?;
    if long {
        // The attacks that take minutes: on a matrix of full size.
        process::run(cargo().args(["test", "--package", "symbolon-tests", "--test", "attacks", "--", "--ignored"]))?;
        // Optimised, since it measures how fast the service settles, and then asks twice that of it.
        let rush =
            ["test", "--release", "--package", "symbolon-tests", "--test", "end_to_end", "twice_what_it_can_take"];
        process::run(cargo().args(rush).args(["--", "--ignored", "--nocapture"]))?;
        // A thousand simulated cities, optimised: they are the real service, verifier and wallet at work.
        let campaign = ["test", "--release", "--package", "symbolon", "--bin", "symbolon", "a_thousand_cities_live"];
        process::run(cargo().args(campaign).args(["--", "--ignored", "--nocapture"]))?;
        fuzz::run(LONG_FUZZ_SECONDS)?;
    }
    Ok(())
}
