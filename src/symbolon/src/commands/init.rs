//! `symbolon init`.

use super::{
    client::service_url,
    unlocking::{Passphrase, unlock},
};
use crate::{
    cli,
    connect::Trust,
    files::{self, Readers},
    output::Output,
    source,
};
use anyhow::{Context, Result, bail, ensure};
use serde_json::json;
use std::{fs, path::Path, process::ExitCode};
use symbolon_service::{
    config::Config,
    custody::Costs,
    pki::Pki,
    setup::{self, Ceremony},
};

const CONFIG: &str = "symbolon.toml";
const TRUST: &str = "trust.toml";

pub(super) fn run(arguments: &cli::Init, output: &Output) -> Result<ExitCode> {
    ensure!(
        arguments.public.port() != 0 && arguments.private.port() != 0,
        "port 0 is no address that wallets could be given; choose ports"
    );
    // The configuration names the folder absolutely, so that the service may be started from anywhere.
    let folder = std::path::absolute(&arguments.folder).context("the folder has no absolute path")?;
    for name in [CONFIG, TRUST] {
        let path = folder.join(name);
        if path.exists() {
            bail!("{} is there already and is never overwritten; choose another folder", path.display());
        }
    }
    let text = config_text(arguments, &folder)?;
    let config = Config::parse(&text)?;
    ensure!(
        !config.database.holds_a_password(),
        "everybody may read {CONFIG}; leave the password out of --database, and name its file there as password_file"
    );
    let unlock = unlock(&arguments.unlock, Passphrase::New)?;
    let ceremony = Ceremony {
        suite: arguments.suite,
        name: arguments.name,
        server_names: &arguments.hosts,
        unlock: &unlock,
        costs: Costs::default(),
    };
    let authority_id = setup::initialise(&config, &ceremony, &source::SystemClock, &source::SystemEntropy)?;
    files::create(&folder.join(CONFIG), text.as_bytes(), Readers::All)?;
    let certificate = Pki::at(config.pki_directory()).authority_certificate();
    let certificate =
        fs::read_to_string(&certificate).with_context(|| format!("cannot read {}", certificate.display()))?;
    let service = reachable_at(arguments);
    Trust::new(service.clone(), &authority_id, certificate).write(&folder.join(TRUST))?;

    let shown = arguments.folder.display();
    let text = format!(
        "The authority {name} is made ({suite}).\n\n\
         authority id  {authority_id}\n\n\
         Everything hangs on these 64 digits: write them down where people can compare them.\n\n\
         {shown}/authority.sealed   its secrets; lost with the passphrase or key file, so keep copies of both, apart\n\
         {shown}/authority.params   its public parameters\n\
         {shown}/roles              what each role alone holds, sealed as the secrets are\n\
         {shown}/issuer.pub         what wallets seal requests for pseudonyms to\n\
         {shown}/trust.toml         what wallets and terminals are given: service, authority id, certificate\n\
         {shown}/symbolon.toml      how the service runs\n\
         {shown}/pki                certificates of the two listeners, the roles and clients\n\n\
         What to do next:\n  \
         symbolon client add bank --role issuer --config {shown}/symbolon.toml\n  \
         symbolon client add metro --role operator --config {shown}/symbolon.toml\n  \
         symbolon serve --config {shown}/symbolon.toml",
        name = arguments.name,
        suite = arguments.suite,
    );
    output.answer(
        &text,
        &json!({
            "authority_id": authority_id.to_string(),
            "name": arguments.name.as_str(),
            "suite": arguments.suite.name(),
            "folder": folder,
            "config": folder.join(CONFIG),
            "trust": folder.join(TRUST),
            "service": service,
        }),
    )?;
    Ok(ExitCode::SUCCESS)
}

/// The public side's address as wallets are given it: by the first name given, if any.
fn reachable_at(arguments: &cli::Init) -> String {
    match arguments.hosts.first() {
        Some(host) if host.contains(':') => format!("https://[{host}]:{}", arguments.public.port()),
        Some(host) => format!("https://{host}:{}", arguments.public.port()),
        None => service_url(arguments.public),
    }
}

fn config_text(arguments: &cli::Init, folder: &Path) -> Result<String> {
    let folder = folder.to_str().context("the folder's name is not text; choose another")?;
    let data_directory = toml::Value::String(folder.to_owned());
    let database = arguments.database.as_ref().map_or_else(String::new, |address| {
        let address = toml::Value::String(address.clone());
        format!(
            "\n# Where the roles keep what must not be forgotten, each in a schema of its own.\n\
             [database]\naddress = {address}\n# password_file = \"/etc/symbolon/database.password\"\n"
        )
    });
    Ok(format!(
        "# How the service of {name} runs. Every key may be left out; unknown keys are refused.\n\
         data_directory = {data_directory}\n\n\
         # For wallets and terminals.\n\
         [public]\naddress = \"{public}\"\n\n\
         # For issuers, operators, auditors, administrators and officers, each with a certificate.\n\
         [private]\naddress = \"{private}\"\n\n\
         # What a journey costs, in minor units, where no [[fares.journeys]] says otherwise. It never costs more\n\
         # than the holder agreed to at the entry.\n\
         [fares]\ndefault_fare = 300\n{database}",
        name = arguments.name,
        public = arguments.public,
        private = arguments.private,
    ))
}
