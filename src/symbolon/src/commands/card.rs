//! `symbolon card`.

use super::terminal;
use crate::{
    cli::{CardCommand, CardCreate, Enrol, Pay},
    connect::{ClientFile, refused},
    files,
    output::Output,
    source,
    state::{HolderFolder, card::CardFolder},
};
use anyhow::{Context, Result, anyhow, ensure};
use rand_core::Rng;
use serde_json::json;
use std::{path::Path, process::ExitCode};
use symbolon::{
    calendar::{money, utc},
    with_suite,
};
use symbolon_api::{
    sectors_to_wire, time_to_wire,
    v1::{Card, CreateCardRequest, card_service_client::CardServiceClient},
};
use symbolon_ccks::{Class, Suite};
use symbolon_tap::Presentation;
use symbolon_wallet::{Checked, CounterStore, Selected};

pub(super) fn run(command: &CardCommand, output: &Output) -> Result<ExitCode> {
    match command {
        CardCommand::Create(arguments) => super::converse(create(arguments, output)),
        CardCommand::Enrol(arguments) => super::converse(enrol(arguments, output)),
        CardCommand::Show { card } => {
            let folder = open(card)?;
            with_suite!(folder.holder().suite()?, S => show::<S>(&folder, output))
        }
        CardCommand::Select { card } => {
            let folder = open(card)?;
            with_suite!(folder.holder().suite()?, S => select::<S>(&folder, output))
        }
        CardCommand::Pay(arguments) => {
            let folder = open(&arguments.card)?;
            with_suite!(folder.holder().suite()?, S => match (&arguments.terminal, &arguments.challenge) {
                (Some(terminal), _) => pay_here::<S>(&folder, terminal, arguments, output),
                (None, Some(challenge)) => answer::<S>(&folder, challenge, arguments.confirm, output),
                (None, None) => Err(anyhow!("give --terminal or --challenge")),
            })
        }
    }
}

fn open(path: &Path) -> Result<CardFolder> {
    Ok(CardFolder::new(HolderFolder::open(path, Class::Card)?))
}

async fn create(arguments: &CardCreate, output: &Output) -> Result<ExitCode> {
    let now = source::now()?;
    let not_after = arguments.valid_days.map(|days| time_to_wire(now.saturating_add(u64::from(days) * 86_400)));
    let request = CreateCardRequest {
        card: Some(Card {
            sectors: sectors_to_wire(arguments.sectors),
            tariff: arguments.tariff.into(),
            spend_limit: arguments.spend_limit,
            budget: arguments.budget,
            currency: arguments.currency.into(),
            not_after_time: not_after,
            account: arguments.account.clone().unwrap_or_default(),
            ..Card::default()
        }),
        request_id: source::request_id(&mut source::random()?),
    };
    let client = ClientFile::read(&arguments.client)?;
    let answer = CardServiceClient::new(client.connect()?)
        .create_card(request)
        .await
        .map_err(refused("creating the card"))?
        .into_inner();
    let card = answer.card.unwrap_or_default();
    let text = format!(
        "Created {}.\n\naccount          {}\nactivation code  {}\n\n\
         Give the code to the holder, by another way than anything else. On the holder's device:\n  \
         symbolon card enrol my-card --trust trust.toml --code {}",
        card.name, card.account, answer.activation_code, answer.activation_code
    );
    output.answer(
        &text,
        &json!({
            "card": card.name,
            "account": card.account,
            "activation_code": answer.activation_code,
            "activation_expires": answer.activation_expire_time.map(|time| time.seconds),
        }),
    )?;
    Ok(ExitCode::SUCCESS)
}

async fn enrol(arguments: &Enrol, output: &Output) -> Result<ExitCode> {
    let folder = terminal::enrol_holder(arguments, Class::Card).await?;
    let credential = folder.credential()?;
    let identity = credential.identity();
    let text = format!(
        "Enrolled the card {} in {}.\nGood for {} until {}; the secret is in the folder and nowhere else.\n\
         Never copy the folder: two copies of one card convict its holder.",
        identity.subject(),
        arguments.folder.display(),
        identity.sectors(),
        utc(identity.not_after().seconds()),
    );
    output.answer(
        &text,
        &json!({
            "subject": identity.subject().to_string(),
            "credential": hex::encode(credential.as_bytes()),
            "folder": arguments.folder,
        }),
    )?;
    Ok(ExitCode::SUCCESS)
}

fn show<S: Suite>(folder: &CardFolder, output: &Output) -> Result<ExitCode> {
    let authority = folder.holder().authority::<S>()?;
    let key = folder.holder().key(&authority)?;
    let account = folder.wallet(&authority, &key)?.account()?;
    let credential = folder.holder().credential()?;
    let identity = credential.identity();
    let amount = |minor_units: u64| money(i64::try_from(minor_units).unwrap_or(i64::MAX), identity.currency());
    let text = format!(
        "card       {}\nsectors    {}\nvalid      {} to {}\none tap    at most {}\nbudget     {} of {} spent\ncounter    {}\nauthority  {}",
        identity.subject(),
        identity.sectors(),
        utc(identity.not_before().seconds()),
        utc(identity.not_after().seconds()),
        amount(identity.spend_limit().into()),
        amount(account.spent),
        amount(identity.budget().into()),
        account.counter,
        authority.id(),
    );
    output.answer(
        &text,
        &json!({
            "subject": identity.subject().to_string(),
            "sectors": identity.sectors().iter().map(|sector| sector.to_string()).collect::<Vec<_>>(),
            "not_before": identity.not_before().seconds(),
            "not_after": identity.not_after().seconds(),
            "spend_limit": identity.spend_limit(),
            "budget": identity.budget(),
            "spent": account.spent,
            "currency": identity.currency(),
            "counter": account.counter,
            "credential": hex::encode(credential.as_bytes()),
            "authority_id": authority.id().to_string(),
        }),
    )?;
    Ok(ExitCode::SUCCESS)
}

fn fresh_nonce() -> Result<[u8; 8]> {
    let mut nonce = [0; 8];
    source::random()?.fill_bytes(&mut nonce);
    Ok(nonce)
}

fn select<S: Suite>(folder: &CardFolder, output: &Output) -> Result<ExitCode> {
    let authority = folder.holder().authority::<S>()?;
    let key = folder.holder().key(&authority)?;
    let nonce = fresh_nonce()?;
    let mut wallet = folder.wallet(&authority, &key)?;
    let digits = hex::encode(wallet.select(nonce).response().as_bytes());
    folder.keep_select_nonce(&nonce)?;
    output.answer(&digits, &json!({ "select": digits }))?;
    Ok(ExitCode::SUCCESS)
}

/// Checks a challenge and signs it when the holder agreed to its amount.
fn sign<S: Suite>(
    selected: Selected<'_, '_, S, impl CounterStore>,
    challenge: &[u8],
    amount: u32,
) -> Result<Presentation> {
    let refused = |error: symbolon_wallet::Refused| anyhow!("the card does not sign ({}): {error}", error.reason());
    match selected.check(challenge, source::now()?).map_err(refused)? {
        Checked::Answered(presentation) => Ok(presentation),
        Checked::Question(question) => {
            let asked = money(question.amount().into(), question.terms().currency());
            let mut random = [0; 32];
            source::random()?.fill_bytes(&mut random);
            let confirmed = question.confirm(amount).map_err(refused);
            confirmed.with_context(|| format!("the terminal asks for {asked}"))?.sign(&random).map_err(refused)
        }
    }
}

fn answer<S: Suite>(folder: &CardFolder, challenge: &str, confirm: Option<u32>, output: &Output) -> Result<ExitCode> {
    let challenge = files::given_bytes(challenge)?;
    let amount = confirm.context("--confirm says the amount that you agree to")?;
    let authority = folder.holder().authority::<S>()?;
    let key = folder.holder().key(&authority)?;
    let nonce = folder.select_nonce()?;
    let mut wallet = folder.wallet(&authority, &key)?;
    let presentation = sign(wallet.select(nonce), &challenge, amount)?;
    let digits = hex::encode(presentation.as_bytes());
    output.answer(&digits, &json!({ "presentation": digits, "counter": presentation.counter() }))?;
    Ok(ExitCode::SUCCESS)
}

/// A whole tap on this machine.
fn pay_here<S: Suite>(folder: &CardFolder, terminal: &Path, arguments: &Pay, output: &Output) -> Result<ExitCode> {
    let terminal_folder = terminal::open(terminal)?;
    ensure!(
        terminal_folder.holder().suite()? == S::ID,
        "card and terminal are of different suites: they have different authorities"
    );
    let own_sectors = terminal_folder.holder().credential()?.identity().sectors();
    let request = terminal::request_of(&arguments.sale, own_sectors)?;
    let mut running = terminal::Running::<S>::load(&terminal_folder)?;
    let authority = folder.holder().authority::<S>()?;
    let key = folder.holder().key(&authority)?;
    let mut wallet = folder.wallet(&authority, &key)?;

    let selected = wallet.select(fresh_nonce()?);
    let challenge = running.challenge(selected.response().as_bytes(), &request)?;
    let presentation = sign(selected, challenge.as_bytes(), request.amount)?;
    let verdict = running.decide(presentation.as_bytes())?;
    output.answer(&terminal::verdict_text(&verdict), &terminal::verdict_to_json(&verdict))?;
    Ok(if verdict.is_accepted() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}
