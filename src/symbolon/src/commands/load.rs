//! `symbolon load`.

use crate::{cli, output::Output};
use anyhow::{Context, Result, bail};
use serde_json::{Map, Value, json};
use std::process::ExitCode;
use symbolon_service::{config::Config, links::ServiceRole, setup};

pub(super) fn run(arguments: &cli::Load, output: &Output) -> Result<ExitCode> {
    let mut config = Config::read(&arguments.config)?;
    if let Some(address) = &arguments.database {
        config.database.address = Some(address.clone());
        config.database.roles.clear();
        config.check()?;
    }
    let folder = &arguments.from;
    if !folder.is_dir() {
        bail!("{} is no folder", folder.display());
    }
    // Who names a database may load a part; who does not wants all that runs here.
    let needed: &[ServiceRole] = if arguments.database.is_some() { &[] } else { &config.roles.run };
    let loaded =
        setup::load(&config, folder, needed).with_context(|| format!("cannot load all of {}", folder.display()))?;
    if loaded.rows.is_empty() {
        bail!("there is no copy in {} of a role whose database is in PostgreSQL", folder.display());
    }
    let names = loaded.rows.iter().map(|(role, rows)| format!("{role} ({rows} rows)")).collect::<Vec<_>>();
    let mut text = format!("Loaded into PostgreSQL: {}.", names.join(", "));
    let left: Vec<_> = loaded.left.into_iter().map(ServiceRole::as_str).collect();
    if !left.is_empty() {
        text.push_str(&format!("\nNot loaded, since the configuration keeps them in files: {}.", left.join(", ")));
    }
    let missing: Vec<_> = loaded.missing.into_iter().map(ServiceRole::as_str).collect();
    if !missing.is_empty() {
        text.push_str(&format!("\nThere was no copy of {}.", missing.join(", ")));
    }
    let rows: Map<_, _> = loaded.rows.into_iter().map(|(role, rows)| (role.to_string(), Value::from(rows))).collect();
    output.answer(&text, &json!({ "rows": rows, "left": left, "missing": missing }))?;
    Ok(ExitCode::SUCCESS)
}
