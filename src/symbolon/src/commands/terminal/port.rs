//! `symbolon terminal port`: a running terminal's service port, and what goes between it and the service.

pub(crate) mod sync;

use crate::{
    cli::{Port, PortCommand, Sale},
    line::{Line, LineAddress},
    output::Output,
    source,
};
use anyhow::{Context, Result, anyhow, bail, ensure};
use serde_json::{Value, json};
use std::{process::ExitCode, time::Duration};
use symbolon::calendar::utc;
use symbolon_ccks::{AuthorityId, Sectors, Time};
use symbolon_tap::apdu::port::{Ask, MeterCredit, TerminalStatus, TerminalStatusFields};
use symbolon_tap::apdu::{self, Response, Status};

/// How long a terminal may take to answer: verifying a bundle and writing it to flash is the longest.
const PATIENCE: Duration = Duration::from_secs(20);

pub(super) fn run(arguments: &Port, output: &Output) -> Result<ExitCode> {
    let mut port = ServicePort::open(&arguments.apdu)?;
    match &arguments.command {
        PortCommand::Status => {
            let (status, credit) = (port.status()?, port.credit()?);
            output.answer(&status_text(&status, credit.as_ref()), &status_json(&status, credit.as_ref()))?;
        }
        PortCommand::Time => {
            let now = source::now()?;
            port.set_time(now)?;
            output
                .answer(&format!("Its clock is set to {}.", utc(now.seconds())), &json!({ "clock": now.seconds() }))?;
        }
        PortCommand::Ask(sale) => {
            port.ask_next(sale)?;
            output.answer("The next tap asks for that.", &json!({ "asked": true }))?;
        }
        PortCommand::Sync { trust, full, parts } => {
            let form = if *full { sync::Form::Full } else { sync::Form::Compact(parts) };
            super::super::converse(sync::run(&mut port, trust, form, output))?;
        }
    }
    Ok(ExitCode::SUCCESS)
}

/// A terminal's service port.
pub(crate) struct ServicePort {
    line: Line,
}

impl ServicePort {
    fn open(address: &LineAddress) -> Result<Self> {
        Ok(Self::over(Line::open(address)?))
    }

    /// The port at the end of a line.
    pub(crate) fn over(line: Line) -> Self {
        Self { line }
    }

    /// Sends a command; the data of its answer, or the status that came instead of success.
    fn command(&mut self, command: &apdu::PortCommand<'_>) -> Result<Result<Vec<u8>, Status>> {
        self.line.send(command.encode().as_slice())?;
        let silent =
            || format!("the terminal has not answered for {} seconds: is this its service port?", PATIENCE.as_secs());
        let answer = self.line.receive(PATIENCE)?.with_context(silent)?;
        let response = Response::parse(&answer).context("the terminal's answer cannot be read")?;
        Ok(match response.status() {
            Status::Success => Ok(response.data().to_vec()),
            status => Err(status),
        })
    }

    /// Sends a command that has to go well.
    fn demand(&mut self, what: &str, command: &apdu::PortCommand<'_>) -> Result<Vec<u8>> {
        self.command(command)?.map_err(|status| anyhow!("{what}: the terminal answers: {status}"))
    }

    pub(crate) fn status(&mut self) -> Result<TerminalStatusFields> {
        let bytes = self.demand("asking for its status", &apdu::PortCommand::Status)?;
        Ok(TerminalStatus::parse(&bytes).context("the terminal's status cannot be read")?.fields())
    }

    /// What a meter was credited with; `None` of a terminal that is no meter.
    fn credit(&mut self) -> Result<Option<MeterCredit>> {
        match self.command(&apdu::PortCommand::Meter)? {
            Ok(bytes) => Ok(Some(*MeterCredit::parse(&bytes).context("the meter's credit cannot be read")?)),
            Err(Status::NotFound) => Ok(None),
            Err(status) => bail!("asking for its credit: the terminal answers: {status}"),
        }
    }

    fn set_time(&mut self, now: Time) -> Result<()> {
        match self.command(&apdu::PortCommand::SetTime(now))? {
            Ok(_) => Ok(()),
            Err(Status::NotNow) => bail!(
                "the terminal does not set its clock to {}: it has seen a later time that the authority signed; \
                 is this machine's clock right?",
                utc(now.seconds())
            ),
            Err(status) => bail!("setting its clock: the terminal answers: {status}"),
        }
    }

    fn ask_next(&mut self, sale: &Sale) -> Result<()> {
        // A terminal of several sectors is asked for one of them by name.
        let own = sale.sector.map(Sectors::from).context("say for which sector, with --sector")?;
        let request = super::request_of(sale, own)?;
        let ask = Ask::new(request.kind, request.sector, request.amount, request.reference);
        self.demand("saying what to ask for", &apdu::PortCommand::Ask(ask)).map(drop)
    }
}

fn status_text(status: &TerminalStatusFields, credit: Option<&MeterCredit>) -> String {
    let remark = |is_so: bool, remark: &'static str| if is_so { remark } else { "" };
    let bundle = match status.bundle_sequence {
        0 => "none".to_owned(),
        sequence => {
            let age = status.time.seconds().saturating_sub(status.bundle_issued_at.seconds());
            format!("{sequence}, {} of {} parts, issued {age} seconds ago", status.parts_held, status.parts)
        }
    };
    let mut text = format!(
        "terminal   {}\nclock      {}{}\nauthority  {}...{}\nbundle     {bundle}\njournal    {} taps, room for {}{}{}{}",
        status.terminal,
        utc(status.time.seconds()),
        remark(status.clock_wrong, ", which is wrong"),
        hex::encode(status.authority_prefix),
        remark(status.authorities > 1, ", and its successor"),
        status.records,
        status.room,
        remark(status.upload_pending, ", an upload not acknowledged"),
        remark(status.full, ": it takes no more"),
        remark(
            status.second_successor,
            "
WARNING    a second successor was named: somebody has the rotation key who should not"
        ),
    );
    if let Some(credit) = credit {
        text.push_str(&format!("\ncredited   {} {}", credit.credited(), credit.unit()));
    }
    text
}

fn status_json(status: &TerminalStatusFields, credit: Option<&MeterCredit>) -> Value {
    json!({
        "terminal": status.terminal.to_string(),
        "clock": status.time.seconds(),
        "clock_wrong": status.clock_wrong,
        "authorities": status.authorities,
        "authority_prefix": hex::encode(status.authority_prefix),
        "bundle_sequence": status.bundle_sequence,
        "bundle_issued_at": status.bundle_issued_at.seconds(),
        "parts_held": status.parts_held,
        "parts": status.parts,
        "records": status.records,
        "room": status.room,
        "upload_pending": status.upload_pending,
        "full": status.full,
        "second_successor": status.second_successor,
        "credit": credit.map(|credit| json!({
            "unit": credit.unit().to_string(),
            "credited": credit.credited(),
            "highest": credit.highest(),
        })),
    })
}

/// Whether the status is of a terminal of this authority. One of two shows the older alone.
fn check_authority(status: &TerminalStatusFields, id: &AuthorityId) -> Result<()> {
    ensure!(
        status.authorities > 1 || status.authority_prefix == id.prefix(),
        "the terminal works under the authority {}..., and not under {id}",
        hex::encode(status.authority_prefix)
    );
    Ok(())
}
