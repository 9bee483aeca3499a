//! A key and credential service for a city's virtual card.
#![forbid(unsafe_code)]

mod cli;
mod commands;
mod connect;
mod demo;
mod enrolment;
mod files;
mod line;
mod output;
mod proof;
mod refilling;
mod settlement;
mod sim;
mod source;
mod state;

use clap::Parser;
use output::Output;
use std::process::ExitCode;

fn main() -> ExitCode {
    let arguments = cli::Arguments::parse();
    let output = Output::new(arguments.json);
    match commands::run(arguments.command, &output) {
        Ok(code) => code,
        Err(error) => {
            output.failure(&error);
            ExitCode::FAILURE
        }
    }
}
