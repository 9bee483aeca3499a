//! `symbolon client`.

use crate::{
    cli::{ClientAdd, ClientCommand},
    connect::ClientFile,
    files,
    output::Output,
    source,
};
use anyhow::{Context, Result};
use serde_json::json;
use std::{fs, net::SocketAddr, path::Path, process::ExitCode};
use symbolon_service::{Client, config::Config, pki::Pki};

pub(super) fn run(command: &ClientCommand, output: &Output) -> Result<ExitCode> {
    match command {
        ClientCommand::Add(arguments) => add(arguments, output),
    }
}

fn add(arguments: &ClientAdd, output: &Output) -> Result<ExitCode> {
    let config = Config::read(&arguments.config)?;
    let client = Client::new(arguments.role, arguments.name);
    let path = write_client(&config, &client)?;
    let shown = path.display();
    let text = format!(
        "Added the {client}.\n\nIts file is {shown} (for its owner alone).\n\
         Hand it over by a safe way. Commands take it as --client {shown}"
    );
    output.answer(
        &text,
        &json!({
            "name": client.name().as_str(),
            "role": client.role().as_str(),
            "client": path,
            "service": service_url(config.private.address),
        }),
    )?;
    Ok(ExitCode::SUCCESS)
}

/// Makes a client's certificate and puts all that it needs into one file.
pub(crate) fn write_client(config: &Config, client: &Client) -> Result<std::path::PathBuf> {
    let folder = config.data_directory.join("clients");
    fs::create_dir_all(&folder).with_context(|| format!("cannot make {}", folder.display()))?;
    let made = Pki::at(config.pki_directory()).add_client(client, source::now()?)?;
    let text = |path: &Path| -> Result<String> {
        String::from_utf8(files::read(path)?).with_context(|| format!("{} is not text", path.display()))
    };
    let file = ClientFile {
        service: service_url(config.private.address),
        certificate: text(&made.certificate)?,
        key: text(&made.key)?,
        authority: text(&made.authority)?,
    };
    let path = folder.join(format!("{}-{}.toml", client.role(), client.name()));
    file.write(&path)?;
    Ok(path)
}

/// Where a listener is reached on this machine.
pub(crate) fn service_url(address: SocketAddr) -> String {
    let mut address = address;
    if address.ip().is_unspecified() {
        // A listener on every interface is reached on the loopback one too.
        let loopback: std::net::IpAddr = match address {
            SocketAddr::V4(_) => std::net::Ipv4Addr::LOCALHOST.into(),
            SocketAddr::V6(_) => std::net::Ipv6Addr::LOCALHOST.into(),
        };
        address.set_ip(loopback);
    }
    format!("https://{address}")
}
