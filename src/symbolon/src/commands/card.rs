//! `symbolon card`.

mod accept;
mod export;
mod privacy;
mod reader;
mod refill;
mod tap;
mod voucher;

use super::terminal;
use crate::{
    cli::{CardCommand, CardCreate, Enrol, VoucherCommand},
    connect::{ClientFile, refused},
    files,
    output::Output,
    source,
    state::{
        HolderFolder,
        card::{CardFolder, Paying},
    },
};
use anyhow::{Result, anyhow};
use serde_json::{Value, json};
use std::{path::Path, process::ExitCode};
use symbolon::{
    calendar::{money, utc},
    with_suite,
};
use symbolon_api::{
    sectors_to_wire, time_to_wire,
    v1::{Card, CreateCardRequest, card_service_client::CardServiceClient},
};
use symbolon_ccks::{Class, Period, Suite};
use symbolon_wallet::{CounterStore, Purse, PurseStore};

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
            with_suite!(folder.holder().suite()?, S => tap::select::<S>(&folder, output))
        }
        CardCommand::Pay(arguments) => {
            let folder = open(&arguments.card)?;
            with_suite!(folder.holder().suite()?, S => match (&arguments.terminal, &arguments.challenge, &arguments.apdu) {
                (Some(terminal), ..) => tap::pay_here::<S>(&folder, terminal, arguments, output),
                (None, Some(challenge), _) => tap::answer::<S>(&folder, challenge, arguments, output),
                (None, None, Some(line)) => reader::pay::<S>(&folder, line, arguments, output),
                (None, None, None) => Err(anyhow!("give --terminal, --challenge or --apdu")),
            })
        }
        CardCommand::Receipts { card } => {
            let folder = open(card)?;
            with_suite!(folder.holder().suite()?, S => reader::receipts::<S>(&folder, output))
        }
        CardCommand::Carry { card, voucher } => {
            let (folder, voucher) = (open(card)?, files::given_bytes(voucher)?);
            with_suite!(folder.holder().suite()?, S => reader::carry::<S>(&folder, &voucher, output))
        }
        CardCommand::Refill(arguments) => {
            let folder = open(&arguments.card)?;
            with_suite!(folder.holder().suite()?, S => super::converse(refill::run::<S>(&folder, arguments, output)))
        }
        CardCommand::Voucher(VoucherCommand::Buy(arguments)) => {
            let folder = open(&arguments.card)?;
            with_suite!(folder.holder().suite()?, S => super::converse(voucher::buy::<S>(&folder, arguments, output)))
        }
        CardCommand::Vouchers { card } => {
            let folder = open(card)?;
            with_suite!(folder.holder().suite()?, S => super::converse(voucher::list::<S>(&folder, output)))
        }
        CardCommand::Privacy { card } => {
            let folder = open(card)?;
            with_suite!(folder.holder().suite()?, S => super::converse(privacy::run::<S>(&folder, output)))
        }
        CardCommand::Export { card, out } => {
            let folder = open(card)?;
            with_suite!(folder.holder().suite()?, S => super::converse(export::run::<S>(&folder, out, output)))
        }
        CardCommand::AcceptIssuerKey { card, digest } => {
            let folder = open(card)?;
            with_suite!(folder.holder().suite()?, S => accept::run::<S>(&folder, digest, output))
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
    let paying = folder.paying(&authority, &key)?;
    let (account, purse) = match &paying {
        Paying::Card(wallet) => (wallet.account()?, None),
        Paying::Purse(purse) => (purse.card().account()?, Some(PurseView::of(purse)?)),
    };
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
    let text = format!("{text}\n{}", purse.as_ref().map_or(PurseView::NONE.to_owned(), PurseView::to_text));
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
            "purse": purse.as_ref().map(PurseView::to_json),
        }),
    )?;
    Ok(ExitCode::SUCCESS)
}

/// What is in a purse, by periods.
struct PurseView {
    policy: &'static str,
    periods: Vec<PeriodView>,
    waiting: usize,
}

struct PeriodView {
    period: Period,
    begins: u64,
    ends: u64,
    left: usize,
    used: usize,
}

impl PurseView {
    const NONE: &'static str = "pseudonyms none: the card pays under its own number; `symbolon card refill` gets some";

    fn of<S: Suite>(purse: &Purse<'_, S, impl CounterStore, impl PurseStore>) -> Result<Self> {
        let now = source::now()?;
        let present = purse.issuance().and_then(|issuance| Period::at(now, issuance.boundary()));
        let mut periods: Vec<_> = purse.pseudonyms().map(|held| held.period).chain(present).collect();
        periods.sort_unstable();
        periods.dedup();
        let view = |period: Period| {
            let boundary = purse.issuance().map(|issuance| issuance.boundary()).unwrap_or_default();
            let of_it = || purse.pseudonyms().filter(move |held| held.period == period);
            PeriodView {
                period,
                begins: period.start(boundary).seconds(),
                ends: period.end(boundary).seconds(),
                left: of_it().filter(|held| !held.used && held.has_key).count(),
                used: of_it().filter(|held| held.used).count(),
            }
        };
        let waiting = purse.pending().iter().map(|pending| pending.count()).sum();
        Ok(Self { policy: purse.settings().policy.as_str(), periods: periods.into_iter().map(view).collect(), waiting })
    }

    fn to_text(&self) -> String {
        let line = |view: &PeriodView| {
            let (begins, ends) = (utc(view.begins), utc(view.ends));
            format!("pseudonyms {} left and {} used from {begins} to {ends}", view.left, view.used)
        };
        let lines: Vec<_> = self.periods.iter().map(line).collect();
        format!("policy     {}\n{}\nasked for  {}", self.policy, lines.join("\n"), self.waiting)
    }

    fn to_json(&self) -> Value {
        let period = |view: &PeriodView| {
            json!({
                "period": view.period.number(),
                "begins": view.begins,
                "ends": view.ends,
                "left": view.left,
                "used": view.used,
            })
        };
        json!({
            "policy": self.policy,
            "periods": self.periods.iter().map(period).collect::<Vec<_>>(),
            "waiting": self.waiting,
        })
    }
}
