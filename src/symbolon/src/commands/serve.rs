//! `symbolon serve`.

use super::unlocking::{Passphrase, unlock};
use crate::{
    cli,
    output::Output,
    source::{SystemClock, SystemEntropy},
};
use anyhow::{Context, Result};
use serde_json::json;
use std::{process::ExitCode, sync::Arc};
use symbolon_service::{config::Config, custody::Unlock, links::ServiceRole, logging, server::Running, setup};
use tokio::signal::unix::{SignalKind, signal};

pub(super) fn run(arguments: &cli::Serve, output: &Output) -> Result<ExitCode> {
    let mut config = Config::read(&arguments.config)?;
    if !arguments.roles.is_empty() {
        config.roles.run.clone_from(&arguments.roles);
        config.check()?;
    }
    if let Some(address) = &arguments.database {
        config.database.address = Some(address.clone());
        config.database.roles.clear();
        config.check()?;
    }
    let unlock = unlock(&arguments.unlock, Passphrase::Known)?;
    let subscriber = logging::standard_error_subscriber(&config.log)
        .with_context(|| format!("log.filter = {:?} cannot be understood", config.log.filter))?;
    tracing::subscriber::set_global_default(subscriber).context("logging cannot be set up")?;
    tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
        .context("cannot start the service's threads")?
        .block_on(serve(&config, &unlock, output))
}

async fn serve(config: &Config, unlock: &Unlock, output: &Output) -> Result<ExitCode> {
    // Before anything listens, so that no signal comes too early.
    let mut terminate = signal(SignalKind::terminate()).context("cannot wait for signals")?;
    let mut interrupt = signal(SignalKind::interrupt()).context("cannot wait for signals")?;
    let mut hang_up = signal(SignalKind::hangup()).context("cannot wait for signals")?;
    let service = setup::open(config, unlock, Arc::new(SystemClock), Arc::new(SystemEntropy))
        .await
        .context("the service cannot start")?;
    let authority_id = service.authority_id().to_string();
    let running = service.start(config).await.context("the service cannot start")?;
    announce(&running, config, &authority_id, output)?;
    loop {
        tokio::select! {
            _ = terminate.recv() => break,
            _ = interrupt.recv() => break,
            _ = hang_up.recv() => {
                // The certificates in use stay in use when the new ones cannot be.
                if let Err(error) = running.reload_certificates() {
                    tracing::error!(%error, "the certificates were not read again");
                }
            }
        }
    }
    running.shutdown().await?;
    Ok(ExitCode::SUCCESS)
}

fn announce(running: &Running, config: &Config, authority_id: &str, output: &Output) -> Result<()> {
    let metrics = running.metrics_address().map(|address| format!("http://{address}/metrics"));
    let public = running.public_address().map(|address| format!("https://{address}"));
    let roles: Vec<_> = config.roles.run.iter().copied().map(ServiceRole::as_str).collect();
    let text = format!(
        "authority  {authority_id}\nroles      {}\npublic     {}\nprivate    https://{}\nmetrics    {}\n\
         Running; Ctrl-C stops it, a hang-up signal has it read its certificates again.",
        roles.join(", "),
        public.as_deref().unwrap_or("none"),
        running.private_address(),
        metrics.as_deref().unwrap_or("none"),
    );
    output.answer(
        &text,
        &json!({
            "authority_id": authority_id,
            "roles": roles,
            "public": running.public_address(),
            "private": running.private_address(),
            "metrics": metrics,
        }),
    )?;
    Ok(())
}
