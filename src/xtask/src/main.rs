//! Development commands. `cargo xtask help` lists them.

mod bench;
mod fuzz;
mod header;
mod lint;
mod shown;
mod test;

use anyhow::Result;
use clap::{Parser, Subcommand};
use xtask::{firmware, process, setup};

/// Development commands of the project.
#[derive(Parser)]
#[command(name = "cargo xtask", bin_name = "cargo xtask")]
struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Set up what is missing and pass every test.
    Test {
        /// Add the many-round crash tests and ten minutes of fuzzing a target.
        #[arg(long)]
        long: bool,
    },
    /// Check format, lints, documentation, licences, the gRPC interface, and that the core builds without std.
    Lint,
    /// Run every fuzzing target from its seed corpus.
    Fuzz {
        /// Seconds a target.
        #[arg(long, default_value_t = 30)]
        seconds: u32,
    },
    /// Run every command that README.md and docs/ show.
    Shown,
    /// Measure settling over a PostgreSQL server of its own: `symbolon bench settle` with a database.
    BenchSettle {
        /// What `bench settle` takes, such as `--rows 100000 --json`.
        #[arg(trailing_var_arg = true, allow_hyphen_values = true)]
        arguments: Vec<String>,
    },
    /// Build the terminals' images for Cortex-M, and run them in an emulator.
    Firmware {
        #[command(subcommand)]
        command: firmware::Command,
    },
    /// Write the C header of the terminal's library.
    Header {
        /// Write nothing; fail when the committed header differs.
        #[arg(long)]
        check: bool,
    },
    /// Write the test vectors to tests/vectors.
    Vectors {
        /// Write nothing; fail when a file there differs.
        #[arg(long)]
        check: bool,
    },
}

fn main() -> Result<()> {
    match Arguments::parse().command {
        Command::Test { long } => test::run(long),
        Command::Lint => lint::run(),
        Command::Fuzz { seconds } => fuzz::run(seconds),
        Command::Shown => shown::run(),
        Command::BenchSettle { arguments } => bench::settle(&arguments),
        Command::Firmware { command } => firmware::run(command),
        Command::Header { check } => header::run(check),
        Command::Vectors { check } => xtask::vectors::run(check),
    }
}
