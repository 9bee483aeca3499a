//! What each command does.

mod audit;
mod backup;
mod bench;
mod card;
mod client;
mod explain;
mod init;
mod ledger;
mod load;
mod serve;
mod terminal;
mod trace;
mod unlocking;
mod verify_proof;

pub(crate) use client::{service_url, write_client};
pub(crate) use ledger::{list_accounts, list_misuse_proofs, write_proof};
pub(crate) use terminal::{ServicePort, sync};
pub(crate) use verify_proof::to_text as proof_in_words;

use crate::{cli::Command, demo, output::Output, sim};
use anyhow::{Context, Result};
use std::{future::Future, process::ExitCode};

/// Runs a command and says with which code to exit.
pub(crate) fn run(command: Command, output: &Output) -> Result<ExitCode> {
    match command {
        Command::Init(arguments) => init::run(&arguments, output),
        Command::Serve(arguments) => serve::run(&arguments, output),
        Command::Backup(arguments) => backup::run(&arguments, output),
        Command::Load(arguments) => load::run(&arguments, output),
        Command::Client(command) => client::run(&command, output),
        Command::Card(command) => card::run(&command, output),
        Command::Terminal(command) => terminal::run(&command, output),
        Command::Ledger(command) => ledger::run(&command, output),
        Command::Trace(command) => trace::run(&command, output),
        Command::Explain(arguments) => explain::run(&arguments, output),
        Command::VerifyProof(arguments) => verify_proof::run(&arguments, output),
        Command::Audit(arguments) => audit::run(&arguments, output),
        Command::Demo(arguments) => demo::run(&arguments, output),
        Command::Bench(command) => bench::run(&command, output),
        Command::Sim(arguments) => sim::run(&arguments, output),
        Command::DemoRole => demo::run_role(),
    }
}

/// Runs a conversation with the service to its end.
fn converse<T>(conversation: impl Future<Output = Result<T>>) -> Result<T> {
    tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .context("cannot start the network")?
        .block_on(conversation)
}
