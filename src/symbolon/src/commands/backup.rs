//! `symbolon backup`.

use crate::{cli, output::Output};
use anyhow::{Context, Result, bail};
use serde_json::json;
use std::process::ExitCode;
use symbolon_service::{config::Config, links::ServiceRole, setup};

pub(super) fn run(arguments: &cli::Backup, output: &Output) -> Result<ExitCode> {
    let mut config = Config::read(&arguments.config)?;
    if let Some(address) = &arguments.database {
        config.database.address = Some(address.clone());
        config.database.roles.clear();
        // It is the service's own, not whose address this is.
        config.database.password_file = None;
        config.check()?;
    }
    let folder = &arguments.to;
    let roles =
        setup::back_up(&config, folder).with_context(|| format!("nothing was copied to {}", folder.display()))?;
    if roles.is_empty() {
        bail!("there is no database in {}, and none that may be read in PostgreSQL", config.data_directory.display());
    }
    let roles: Vec<_> = roles.into_iter().map(ServiceRole::as_str).collect();
    let text = format!("The databases of {} are in {}.", roles.join(", "), folder.display());
    output.answer(&text, &json!({ "folder": folder, "roles": roles }))?;
    Ok(ExitCode::SUCCESS)
}
