//! `symbolon bench`.

mod settle;
mod verify;

use crate::{cli::BenchCommand, output::Output};
use anyhow::Result;
use std::process::ExitCode;

/// Without optimisation figures say nothing; that a program can be measured at all is tested so.
const IS_OPTIMISED: bool = !cfg!(debug_assertions);

fn warn_unless_optimised(output: &Output) {
    if !IS_OPTIMISED {
        output.remark("this program was built without optimisation: believe none of these figures");
    }
}

pub(super) fn run(command: &BenchCommand, output: &Output) -> Result<ExitCode> {
    match command {
        BenchCommand::Settle(arguments) => settle::run(arguments, output),
        BenchCommand::Verify(arguments) => verify::run(arguments, output),
    }
}
