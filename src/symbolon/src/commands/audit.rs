//! `symbolon audit`.

use crate::{cli, files, output::Output};
use anyhow::{Context, Result};
use std::process::ExitCode;
use symbolon::audit::{Copies, Rules, audit};
use symbolon_service::{Policy, config::Config};

/// The exit code where something was found.
const FOUND: u8 = 3;

pub(super) fn run(arguments: &cli::Audit, output: &Output) -> Result<ExitCode> {
    let rules = match &arguments.config {
        Some(path) => {
            let config = Config::read(path)?;
            Rules::of(&config.policy(), Some(config.fare_table()?))
        }
        None => Rules::of(&Policy::default(), None),
    };
    let copies = Copies {
        exchange: &arguments.exchange_db,
        clearing: &arguments.clearing_db,
        attester: arguments.attester_db.as_deref(),
    };
    let report = audit(copies, &files::read(&arguments.authority)?, &rules).context("the audit came to no end")?;
    output.answer(&report.to_string(), &report.to_json())?;
    Ok(if report.is_sound() { ExitCode::SUCCESS } else { ExitCode::from(FOUND) })
}
