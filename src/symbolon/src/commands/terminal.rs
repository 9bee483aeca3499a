//! `symbolon terminal`.

mod export;
mod port;
mod tap;

use crate::{
    cli::{Enrol, TerminalCommand, TerminalCreate},
    connect::{ClientFile, Trust, refused},
    enrolment, files,
    output::Output,
    settlement::{self, Outcomes},
    source,
    state::{HolderFolder, card::CardFolder, suite_of_parameters, terminal::TerminalFolder},
};
use anyhow::{Result, bail};
use rand_core::Rng;
use serde_json::json;
use std::{path::Path, process::ExitCode};
use symbolon::{
    calendar::{money, utc},
    with_suite,
};
use symbolon_api::{
    sectors_to_wire, time_to_wire,
    v1::{
        CreateTerminalRequest, GetTrustBundleRequest, Terminal, authority_service_client::AuthorityServiceClient,
        terminal_service_client::TerminalServiceClient,
    },
};
use symbolon_ccks::{Class, Suite};
use symbolon_tap::{Bundle, MAX_RECORDS};

pub(crate) use port::{ServicePort, sync};
pub(crate) use tap::{Running, request_of, verdict_text, verdict_to_json};

pub(super) fn run(command: &TerminalCommand, output: &Output) -> Result<ExitCode> {
    match command {
        TerminalCommand::Create(arguments) => super::converse(create(arguments, output)),
        TerminalCommand::Enrol(arguments) => super::converse(enrol(arguments, output)),
        TerminalCommand::Show { terminal } => show(&open(terminal)?, output),
        TerminalCommand::Refresh { terminal } => {
            let folder = open(terminal)?;
            with_suite!(folder.holder().suite()?, S => super::converse(refresh::<S>(&folder)))?;
            output.answer(&bundle_text(&folder)?, &json!({ "bundle": bundle_text(&folder)? }))?;
            Ok(ExitCode::SUCCESS)
        }
        TerminalCommand::Challenge { terminal, select, sale } => {
            let (folder, select) = (open(terminal)?, files::given_bytes(select)?);
            with_suite!(folder.holder().suite()?, S => tap::challenge::<S>(&folder, &select, sale, output))
        }
        TerminalCommand::Verify { terminal, presentation } => {
            let (folder, presentation) = (open(terminal)?, files::given_bytes(presentation)?);
            with_suite!(folder.holder().suite()?, S => tap::verify::<S>(&folder, &presentation, output))
        }
        TerminalCommand::Export(arguments) => {
            let folder = open(&arguments.terminal)?;
            with_suite!(folder.holder().suite()?, S => export::run::<S>(&folder, arguments, output))
        }
        TerminalCommand::Port(arguments) => port::run(arguments, output),
        TerminalCommand::Upload { terminal } => {
            let folder = open(terminal)?;
            with_suite!(folder.holder().suite()?, S => super::converse(upload::<S>(&folder, output)))
        }
    }
}

/// Opens a terminal's folder.
pub(crate) fn open(path: &Path) -> Result<TerminalFolder> {
    TerminalFolder::take(HolderFolder::open(path, Class::Terminal)?)
}

async fn create(arguments: &TerminalCreate, output: &Output) -> Result<ExitCode> {
    let now = source::now()?;
    let not_after = arguments.valid_days.map(|days| time_to_wire(now.saturating_add(u64::from(days) * 86_400)));
    let request = CreateTerminalRequest {
        terminal: Some(Terminal {
            number: arguments.number,
            sectors: sectors_to_wire(arguments.sectors),
            currency: arguments.currency.into(),
            not_after_time: not_after,
            ..Terminal::default()
        }),
        request_id: source::request_id(&mut source::random()?),
    };
    let client = ClientFile::read(&arguments.client)?;
    let answer = TerminalServiceClient::new(client.connect()?)
        .create_terminal(request)
        .await
        .map_err(refused("creating the terminal"))?
        .into_inner();
    let terminal = answer.terminal.unwrap_or_default();
    let text = format!(
        "Created {} of {}.\n\nactivation code  {}\n\nOn the terminal: symbolon terminal enrol FOLDER --trust trust.toml --code {}",
        terminal.name, terminal.operator, answer.activation_code, answer.activation_code
    );
    output.answer(
        &text,
        &json!({
            "terminal": terminal.name,
            "operator": terminal.operator,
            "activation_code": answer.activation_code,
            "activation_expires": answer.activation_expire_time.map(|time| time.seconds),
        }),
    )?;
    Ok(ExitCode::SUCCESS)
}

async fn enrol(arguments: &Enrol, output: &Output) -> Result<ExitCode> {
    let folder = TerminalFolder::take(enrol_holder(arguments, Class::Terminal).await?)?;
    let credential = folder.holder().credential()?;
    with_suite!(folder.holder().suite()?, S => refresh::<S>(&folder).await)?;
    let text = format!(
        "Enrolled the terminal {} in {}: good for {} until {}.\n{}",
        credential.identity().subject(),
        arguments.folder.display(),
        credential.identity().sectors(),
        utc(credential.identity().not_after().seconds()),
        bundle_text(&folder)?
    );
    output.answer(
        &text,
        &json!({
            "subject": credential.identity().subject().to_string(),
            "credential": hex::encode(credential.as_bytes()),
            "folder": arguments.folder,
        }),
    )?;
    Ok(ExitCode::SUCCESS)
}

/// Enrols a card or a terminal into a folder.
pub(super) async fn enrol_holder(arguments: &Enrol, class: Class) -> Result<HolderFolder> {
    let trust = Trust::read(&arguments.trust)?;
    let channel = trust.connect()?;
    let parameters = enrolment::fetch_parameters(channel.clone(), &trust).await?;
    let folder = HolderFolder::begin(&arguments.folder, &trust, &parameters)?;
    with_suite!(suite_of_parameters(&parameters)?, S => {
        let authority = folder.authority::<S>()?;
        let mut random = source::random()?;
        let started = match folder.begun::<S>()? {
            Some(started) => started,
            None => {
                let started = enrolment::begin(channel.clone(), authority.id(), &arguments.code, &mut random).await?;
                folder.keep_begun(&started)?;
                started
            }
        };
        let offered = started.offer().identity().class();
        if offered != class {
            bail!("the activation code is for a {offered}; use `symbolon {offered} enrol` with a new folder");
        }
        let key = enrolment::complete(channel, &authority, &started, &mut random).await?;
        if let (Class::Card, Some(credential)) = (class, key.credential()) {
            // Before the credential, with which the folder counts as enrolled.
            CardFolder::begin_counter(&folder, &credential.digest())?;
        }
        folder.keep_key(&key)?;
    });
    Ok(folder)
}

/// Loads the newest trust bundle, has the terminal check it, and keeps it.
async fn refresh<S: Suite>(folder: &TerminalFolder) -> Result<()> {
    let channel = folder.holder().trust()?.connect()?;
    let answer = AuthorityServiceClient::new(channel)
        .get_trust_bundle(GetTrustBundleRequest::default())
        .await
        .map_err(refused("fetching the trust bundle"))?
        .into_inner();
    Running::<S>::load(folder)?.install(&answer.bundle)?;
    folder.keep_bundle(&answer.bundle)
}

fn bundle_text(folder: &TerminalFolder) -> Result<String> {
    Ok(match folder.bundle()? {
        None => "It has no trust bundle; `symbolon terminal refresh` loads one.".to_owned(),
        Some(bundle) => {
            let bundle = Bundle::parse(&bundle)?;
            format!(
                "Its trust bundle {} lists {} revoked subjects and is good until {}.",
                bundle.header().sequence(),
                bundle.revoked().len(),
                utc(bundle.header().valid_until().seconds())
            )
        }
    })
}

fn show(folder: &TerminalFolder, output: &Output) -> Result<ExitCode> {
    let credential = folder.holder().credential()?;
    let identity = credential.identity();
    let journal = folder.journal()?;
    let (acknowledged, uploads) = folder.progress()?;
    let waiting = journal.len().saturating_sub(acknowledged);
    let amount: i64 = journal.iter().map(|record| i64::from(record.terms().amount())).sum();
    let text = format!(
        "terminal   {}\nsectors    {}\nvalid      {} to {}\naccepted   {} taps, {}\nuploaded   {acknowledged} in {uploads} uploads, {waiting} waiting\n{}",
        identity.subject(),
        identity.sectors(),
        utc(identity.not_before().seconds()),
        utc(identity.not_after().seconds()),
        journal.len(),
        money(amount, identity.currency()),
        bundle_text(folder)?,
    );
    output.answer(
        &text,
        &json!({
            "subject": identity.subject().to_string(),
            "sectors": identity.sectors().iter().map(|sector| sector.to_string()).collect::<Vec<_>>(),
            "not_before": identity.not_before().seconds(),
            "not_after": identity.not_after().seconds(),
            "credential": hex::encode(credential.as_bytes()),
            "accepted": journal.len(),
            "acknowledged": acknowledged,
            "waiting": waiting,
        }),
    )?;
    Ok(ExitCode::SUCCESS)
}

async fn upload<S: Suite>(folder: &TerminalFolder, output: &Output) -> Result<ExitCode> {
    let authority = folder.holder().authority::<S>()?;
    let key = folder.holder().key(&authority)?;
    let channel = folder.holder().trust()?.connect()?;
    let mut outcomes = Outcomes::default();
    let mut uploads = 0;
    loop {
        let upload = match folder.pending_upload()? {
            Some(pending) => pending,
            None => {
                let (acknowledged, number) = folder.progress()?;
                let journal = folder.journal()?;
                let waiting = journal.get(acknowledged..).unwrap_or_default();
                let Some(batch) = waiting.chunks(MAX_RECORDS.into()).next() else { break };
                let mut random = [0; 32];
                source::random()?.fill_bytes(&mut random);
                let upload = settlement::encode(&key, number, batch, &random)?;
                folder.keep_pending(&upload)?;
                upload
            }
        };
        for answer in settlement::send(channel.clone(), vec![upload.clone()]).await? {
            settlement::acknowledgement(&authority, &upload, &answer)?;
            folder.acknowledge(answer.outcomes.len(), &answer.acknowledgement)?;
            outcomes.add(&answer);
            uploads += 1;
        }
    }
    answer_upload(&outcomes, uploads, output)
}

fn answer_upload(outcomes: &Outcomes, uploads: u32, output: &Output) -> Result<ExitCode> {
    let text = match uploads {
        0 => "Nothing waits to be uploaded.".to_owned(),
        _ => format!(
            "settled    {}\nduplicate  {}\nmisuse     {}\nrefused    {}{}\nThe acknowledgement is signed by the authority and kept.",
            outcomes.settled,
            outcomes.duplicates,
            outcomes.misuse,
            outcomes.refused_count(),
            outcomes.refused.keys().map(|reason| format!(" {reason}")).collect::<String>(),
        ),
    };
    output.answer(
        &text,
        &json!({
            "uploads": uploads,
            "settled": outcomes.settled,
            "duplicates": outcomes.duplicates,
            "misuse": outcomes.misuse,
            "refused": outcomes.refused,
        }),
    )?;
    Ok(ExitCode::SUCCESS)
}
