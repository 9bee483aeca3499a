//! A terminal's part of a tap: asking and deciding, out of its folder.

use crate::{
    cli::Sale,
    output::Output,
    source::{self, StandingClock},
    state::terminal::TerminalFolder,
};
use anyhow::{Result, anyhow, ensure};
use rand_chacha::ChaCha20Rng;
use serde_json::{Value, json};
use std::process::ExitCode;
use symbolon::calendar::money;
use symbolon_ccks::{Authority, Sector, Sectors, SigningKey, Source, Subject, Suite};
use symbolon_tap::{Bundle, Challenge, Record};
use symbolon_verifier::{
    ANSWER_WITHIN_SECONDS, Devices, Domain, Policy, Request, Seen, Terminal, Verdict, subject_slots,
};

/// How many of the latest accepted taps a terminal tells replays of.
const REMEMBERED: usize = 1_024;

type Device<'d, S> = Terminal<'d, S, StandingClock, ChaCha20Rng, &'d TerminalFolder>;

/// What a terminal needs to run, read from its folder.
pub(crate) struct Running<'f, S: Suite> {
    folder: &'f TerminalFolder,
    authority: Authority<'static, S>,
    key: SigningKey<S>,
    journal: Vec<Record>,
    bundle: Option<Vec<u8>>,
    memory: Vec<Seen>,
    /// Room to recognise the pseudonyms of revoked cards in, as much as the bundle needs.
    subjects: Vec<Subject>,
}

impl<'f, S: Suite> Running<'f, S> {
    /// Reads it.
    pub(crate) fn load(folder: &'f TerminalFolder) -> Result<Self> {
        let authority = folder.holder().authority()?;
        let key = folder.holder().key(&authority)?;
        let bundle = folder.bundle()?;
        // A bundle that does not parse is refused, and said to be, where it is installed.
        let read = bundle.as_deref().and_then(|bundle| Bundle::parse(bundle).ok());
        let slots = read.map_or(0, |bundle| subject_slots(&bundle.revoked_seeds()));
        Ok(Self {
            folder,
            authority,
            key,
            journal: folder.journal()?,
            bundle,
            memory: vec![Seen::EMPTY; REMEMBERED],
            subjects: vec![Subject::from_bytes([0; 16]); slots],
        })
    }

    /// Has the terminal check a new trust bundle.
    pub(crate) fn install(&mut self, bundle: &[u8]) -> Result<()> {
        let mut device = start(self.folder, &self.authority, &self.key, &mut self.memory)?;
        let taken = device.install(&[Source::from(bundle)]);
        taken.map_err(|error| anyhow!("the trust bundle is refused: {error}"))
    }

    /// Starts the terminal as it was left, but for the tap that went on.
    fn resume(&mut self) -> Result<Device<'_, S>> {
        let mut device =
            start(self.folder, &self.authority, &self.key, &mut self.memory)?.with_subject_slots(&mut self.subjects);
        let forgotten = self.journal.len().saturating_sub(REMEMBERED);
        for record in self.journal.iter().skip(forgotten) {
            device.remember(record);
        }
        if let Some(bundle) = &self.bundle {
            device.install(&[Source::from(bundle.as_slice())]).map_err(|error| {
                anyhow!("the terminal's trust bundle is refused: {error}; `symbolon terminal refresh` loads another")
            })?;
        }
        Ok(device)
    }

    /// Asks a card for something.
    pub(crate) fn challenge(&mut self, select: &[u8], request: &Request) -> Result<Challenge> {
        let folder = self.folder;
        let asked = self
            .resume()?
            .challenge(select, request)
            .map_err(|error| anyhow!("nothing is asked of this card: {error}"))?;
        folder.keep_outstanding(select, asked.challenge())?;
        Ok(*asked.challenge())
    }

    /// Decides on what the card answered.
    pub(crate) fn decide(&mut self, presentation: &[u8]) -> Result<Verdict> {
        let folder = self.folder;
        let mut device = self.resume()?;
        let Some((select, challenge)) = folder.outstanding()? else {
            return Ok(device.unasked(presentation));
        };
        let asked = device
            .resume(&select, &challenge)
            .map_err(|reason| anyhow!("the tap that went on cannot be taken up again: {reason}"))?;
        let verdict = device.decide(asked, presentation);
        // What was accepted, or timed out, is over; else the holder may answer again.
        if !device.is_asking() {
            folder.forget_outstanding()?;
        }
        Ok(verdict)
    }
}

fn start<'d, S: Suite>(
    folder: &'d TerminalFolder,
    authority: &'d Authority<'d, S>,
    key: &'d SigningKey<S>,
    memory: &'d mut [Seen],
) -> Result<Device<'d, S>> {
    let devices = Devices { clock: StandingClock(source::now()?), random: source::random()?, storage: folder };
    memory.fill(Seen::EMPTY);
    Ok(Terminal::new(Domain::new(authority, key)?, Policy::STRICT, devices, memory))
}

/// What the command line asks for, in the terms of a terminal of these sectors.
pub(crate) fn request_of(sale: &Sale, own_sectors: Sectors) -> Result<Request> {
    let mut sectors = own_sectors.iter();
    let sector: Sector = match (sale.sector, sectors.next(), sectors.next()) {
        (Some(sector), ..) | (None, Some(sector), None) => sector,
        _ => anyhow::bail!("the terminal serves {own_sectors}: say which with --sector"),
    };
    let given = sale.reference.as_bytes();
    ensure!(given.len() <= 16, "the reference has {} bytes; at most 16 fit", given.len());
    let mut reference = [0; 16];
    reference.iter_mut().zip(given).for_each(|(place, byte)| *place = *byte);
    Ok(Request { kind: sale.kind.into(), sector, amount: sale.amount, reference })
}

/// `symbolon terminal challenge`.
pub(super) fn challenge<S: Suite>(
    folder: &TerminalFolder,
    select: &[u8],
    sale: &Sale,
    output: &Output,
) -> Result<ExitCode> {
    let request = request_of(sale, folder.holder().credential()?.identity().sectors())?;
    let challenge = Running::<S>::load(folder)?.challenge(select, &request)?;
    let terms = challenge.terms();
    let digits = hex::encode(challenge.as_bytes());
    if !output.is_json() {
        let amount = money(terms.amount().into(), terms.currency());
        output.remark(&format!(
            "Asking: {} in {}, {amount}. The card has {ANSWER_WITHIN_SECONDS} seconds to answer.",
            terms.kind(),
            terms.sector()
        ));
    }
    output.answer(
        &digits,
        &json!({
            "challenge": digits,
            "kind": terms.kind().name(),
            "sector": terms.sector().to_string(),
            "amount": terms.amount(),
            "currency": terms.currency(),
        }),
    )?;
    Ok(ExitCode::SUCCESS)
}

/// `symbolon terminal verify`.
pub(super) fn verify<S: Suite>(folder: &TerminalFolder, presentation: &[u8], output: &Output) -> Result<ExitCode> {
    let verdict = Running::<S>::load(folder)?.decide(presentation)?;
    output.answer(&verdict_text(&verdict), &verdict_to_json(&verdict))?;
    Ok(if verdict.is_accepted() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

/// A verdict in words: what was established, and what was not.
pub(crate) fn verdict_text(verdict: &Verdict) -> String {
    match verdict {
        Verdict::Declined(refusal) | Verdict::Referred(refusal) => {
            let reason = refusal.reason();
            format!("{} ({}). {}", verdict.name().to_uppercase(), reason.name(), reason.sentence())
        }
        Verdict::Accepted(accepted) => {
            let terms = accepted.record().terms();
            let established: Vec<_> = accepted.established().iter().map(|established| established.name()).collect();
            let open: Vec<_> = accepted.not_established().iter().map(ToString::to_string).collect();
            format!(
                "ACCEPTED: {} of {} in {}, and kept for settlement.\nestablished      {}\nnot established  {}",
                terms.kind(),
                money(terms.amount().into(), terms.currency()),
                terms.sector(),
                established.join(", "),
                open.join("\n                 "),
            )
        }
    }
}

/// A verdict for programs.
pub(crate) fn verdict_to_json(verdict: &Verdict) -> Value {
    match verdict {
        Verdict::Declined(refusal) | Verdict::Referred(refusal) => json!({
            "accepted": false,
            "verdict": verdict.name(),
            "reason": refusal.reason().name(),
            "sentence": refusal.reason().sentence(),
        }),
        Verdict::Accepted(accepted) => json!({
            "accepted": true,
            "verdict": verdict.name(),
            "reason": null,
            "credential_digest": accepted.credential().to_string(),
            "counter": accepted.record().presentation().counter(),
            "established": accepted.established().iter().map(|established| established.name()).collect::<Vec<_>>(),
            "not_established": accepted.not_established().iter().map(ToString::to_string).collect::<Vec<_>>(),
        }),
    }
}
