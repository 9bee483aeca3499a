//! `symbolon backup`.

use crate::{cli, output::Output};
use anyhow::{Context, Result, bail};
use serde_json::json;
use std::process::ExitCode;
use symbolon_service::{config::Config, links::ServiceRole, setup};

pub(super) fn run(arguments: &cli::Backup, output: &Output) -> Result<ExitCode> {
    let config = Config::read(&arguments.config)?;
    let folder = &arguments.to;
    let roles =
        setup::back_up(&config, folder).with_context(|| format!("nothing was copied to {}", folder.display()))?;
    if roles.is_empty() {
        bail!("{} has no databases; those in PostgreSQL are for pg_dump", config.data_directory.display());
    }
    let roles: Vec<_> = roles.into_iter().map(ServiceRole::as_str).collect();
    let text = format!("The databases of {} are in {}, all of one moment.", roles.join(", "), folder.display());
    output.answer(&text, &json!({ "folder": folder, "roles": roles }))?;
    Ok(ExitCode::SUCCESS)
}
