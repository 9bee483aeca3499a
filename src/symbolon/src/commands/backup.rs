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
    // Who names a database may see a part of it; who does not wants all that runs here.
    let needed: &[ServiceRole] = if arguments.database.is_some() { &[] } else { &config.roles.run };
    let roles = setup::back_up(&config, folder, needed)
        .with_context(|| format!("nothing was copied to {}", folder.display()))?;
    if roles.is_empty() {
        bail!("there is no database in {}, and none that may be read in PostgreSQL", config.data_directory.display());
    }
    let left_out: Vec<_> = ServiceRole::ALL.into_iter().filter(|role| !roles.contains(role)).collect();
    let [roles, left_out] =
        [roles, left_out].map(|roles| roles.into_iter().map(ServiceRole::as_str).collect::<Vec<_>>());
    let mut text = format!("The databases of {} are in {}.", roles.join(", "), folder.display());
    if !left_out.is_empty() {
        text.push_str(&format!(" There was none to copy of {}.", left_out.join(", ")));
    }
    output.answer(&text, &json!({ "folder": folder, "roles": roles, "left_out": left_out }))?;
    Ok(ExitCode::SUCCESS)
}
