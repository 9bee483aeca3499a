//! A terminal's day in the emulator, with power cuts in the middle of writes to its flash.
//!
//! Whoever stands around the terminal is a witness: cards know which taps they have a receipt of, the service knows
//! which records it was brought. At the end each tap must be there once.

use super::rig::{Card, LONGEST_SECONDS, PATIENCE, Rig, WATT_HOURS};
use super::service::{acknowledgement, records};
use anyhow::{Context, Result, anyhow, ensure};
use std::{
    collections::{BTreeMap, BTreeSet},
    path::Path,
    time::{Duration, Instant},
};
use symbolon_ccks::Suite;
use symbolon_emulator::block::Cut;
use symbolon_emulator::line::Line;
use symbolon_emulator::qemu::{Emulator, Qemu};
use symbolon_tap::Upload;
use symbolon_tap::apdu::port::{MeterCredit, PendingUpload, Piece, TerminalStatus};
use symbolon_tap::apdu::{PortCommand, Response, Status};

/// What happens in a day.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Step {
    /// A card is held to the reader until it has its receipt; at a meter it brings a voucher.
    Tap(usize),
    /// A trust bundle of this sequence is brought.
    Bundle(u64),
    /// What the journal has is fetched and acknowledged; the acknowledgement may get lost on its way.
    Upload {
        /// Whether the acknowledgement arrives.
        is_answered: bool,
    },
}

use Step::{Bundle, Tap};
const UNANSWERED: Step = Step::Upload { is_answered: false };
const UPLOAD: Step = Step::Upload { is_answered: true };

/// The day of both images.
pub const DAY: [Step; 20] = [
    Bundle(1),
    Tap(0),
    Tap(1),
    Tap(0),
    UNANSWERED,
    Tap(1),
    Tap(2),
    UPLOAD,
    Bundle(2),
    Tap(0),
    Tap(2),
    UPLOAD,
    UPLOAD,
    Tap(1),
    Tap(0),
    UNANSWERED,
    Bundle(3),
    Tap(2),
    Tap(1),
    UPLOAD,
];
/// How many cards the day has.
pub const CARDS: usize = 3;

/// How often it is looked for a restart while nothing comes.
const GLANCE: Duration = Duration::from_millis(20);
/// How often a step is tried: cuts end, and a day has at most as many as a block foresees.
const TRIES: usize = 200;

/// What came of a day.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Balance {
    /// How often the power failed.
    pub cuts: u64,
    /// Taps and vouchers that were gone after their receipt was given.
    pub lost: u64,
    /// Taps and vouchers that counted twice.
    pub doubled: u64,
}

/// The power failed before the answer came.
struct PowerFailed;

/// An answer, unless the power failed before it.
type Unless<T> = Result<Result<T, PowerFailed>>;

struct Day<'r, S: Suite> {
    rig: &'r Rig<S>,
    emulator: Emulator,
    reader: Line,
    port: Line,
    cards: Vec<Card<'r, S>>,
    is_meter: bool,
    /// How often the terminal started, as far as was noticed.
    starts: usize,
    /// Taps that ended with a receipt.
    taps: u32,
    /// What the service was brought, by the upload's digest: it takes each upload once.
    uploads: BTreeMap<[u8; 32], Vec<u8>>,
}

/// Runs a day in which the power fails as `cuts` say.
///
/// # Errors
/// When the terminal is stuck, or does anything else that it must not.
pub fn run<S: Suite>(qemu: &Qemu, image: &Path, rig: &Rig<S>, is_meter: bool, cuts: &[Cut]) -> Result<Balance> {
    let mut provisioning = rig.provisioning()?;
    provisioning.cuts = cuts.to_vec();
    let mut emulator = Emulator::start(qemu, image, &provisioning.encode(), LONGEST_SECONDS)?;
    let (reader, port) = (Line::new(emulator.card_line()?), Line::new(emulator.service_line()?));
    let cards = (0..CARDS).map(|index| rig.card(index)).collect::<Result<Vec<_>>>()?;
    let mut day = Day { rig, emulator, reader, port, cards, is_meter, starts: 0, taps: 0, uploads: BTreeMap::new() };
    for step in DAY {
        let done = day.step(step);
        let ending = day.emulator.ending().map(|ending| format!("the emulation has ended ({ending}); "));
        let ending = ending.unwrap_or_default();
        done.with_context(|| format!("at {step:?}, {ending}the terminal said:\n{}", day.emulator.console()))?;
    }
    // Until the journal is empty and everything acknowledged.
    while day.repeatedly(Day::upload)? {}
    day.balance()
}

impl<S: Suite> Day<'_, S> {
    fn step(&mut self, step: Step) -> Result<()> {
        match step {
            Tap(card) => self.tap(card),
            Bundle(sequence) => self.repeatedly(|day| day.bundle(sequence)),
            Step::Upload { is_answered: true } => self.repeatedly(Self::upload).map(drop),
            Step::Upload { is_answered: false } => self.repeatedly(Self::fetch).map(drop),
        }
    }

    /// Does something until the power does not fail in between.
    fn repeatedly<T>(&mut self, mut work: impl FnMut(&mut Self) -> Unless<T>) -> Result<T> {
        for _ in 0..TRIES {
            if let Ok(done) = work(self)? {
                return Ok(done);
            }
        }
        Err(anyhow!("the step does not come to its end"))
    }

    /// Holds a card to the reader until it has its receipt, through whatever restarts.
    fn tap(&mut self, index: usize) -> Result<()> {
        if self.is_meter {
            let voucher = self.rig.voucher(self.taps)?;
            let card = self.cards.get_mut(index).context("the day has no such card")?;
            card.application.keepsakes().carry(&self.rig.city.authority, voucher.as_bytes())?;
        }
        let card = self.cards.get_mut(index).context("the day has no such card")?;
        card.hold(&mut self.reader)?;
        self.taps += 1;
        Ok(())
    }

    fn bundle(&mut self, sequence: u64) -> Unless<()> {
        let bundle = self.rig.bundle(sequence)?;
        let Ok((status, data)) = self.ask(&PortCommand::Status)? else { return Ok(Err(PowerFailed)) };
        ensure!(status == Status::Success, "the port has no status: {status:?}");
        // It may have been taken before the power failed.
        if TerminalStatus::parse(&data)?.fields().bundle_sequence == sequence {
            return Ok(Ok(()));
        }
        let pieces = bundle.chunks(Piece::MAX).zip((0..).step_by(Piece::MAX));
        let pieces = pieces.filter_map(|(piece, offset)| Piece::new(offset, piece)).map(PortCommand::WriteBundle);
        let begin = std::iter::once(PortCommand::BeginBundle { parts: 1 });
        for command in begin.chain(pieces).chain([PortCommand::FinishBundle]) {
            let Ok((status, _)) = self.ask(&command)? else { return Ok(Err(PowerFailed)) };
            ensure!(status == Status::Success, "the port answers {command:?} with {status:?}");
        }
        Ok(Ok(()))
    }

    /// Fetches the pending upload and has the service settle it; `None` when there is nothing to upload.
    fn fetch(&mut self) -> Unless<Option<Vec<u8>>> {
        let pending = match self.ask(&PortCommand::WhichUpload)? {
            Ok((Status::Success, data)) => *PendingUpload::parse(&data)?,
            Ok((Status::NotFound, _)) => return Ok(Ok(None)),
            Ok((status, _)) => return Err(anyhow!("the port has no upload: {status:?}")),
            Err(PowerFailed) => return Ok(Err(PowerFailed)),
        };
        let mut bytes = Vec::new();
        for block in 0.. {
            if bytes.len() >= pending.length() as usize {
                break;
            }
            match self.ask(&PortCommand::ReadUpload(block))? {
                Ok((Status::Success, data)) => bytes.extend(data),
                Ok((status, _)) => return Err(anyhow!("the port has no block {block}: {status:?}")),
                Err(PowerFailed) => return Ok(Err(PowerFailed)),
            }
        }
        let upload = Upload::parse(&bytes)?;
        ensure!(upload.digest() == *pending.digest(), "the upload is not the one that was announced");
        upload.verify(&self.rig.city.authority).map_err(|_| anyhow!("the upload does not verify"))?;
        self.uploads.insert(upload.digest(), bytes.clone());
        Ok(Ok(Some(bytes)))
    }

    /// And brings the acknowledgement back; whether there was anything to upload.
    fn upload(&mut self) -> Unless<bool> {
        let upload = match self.fetch()? {
            Ok(Some(upload)) => upload,
            Ok(None) => return Ok(Ok(false)),
            Err(PowerFailed) => return Ok(Err(PowerFailed)),
        };
        let (acknowledgement, signature) = acknowledgement(self.rig, &upload)?;
        let command =
            PortCommand::Acknowledge { acknowledgement: acknowledgement.as_bytes(), signature: signature.as_bytes() };
        match self.ask(&command)? {
            Ok((Status::Success, _)) => Ok(Ok(true)),
            Ok((status, _)) => Err(anyhow!("the port refuses the acknowledgement: {status:?}")),
            Err(PowerFailed) => Ok(Err(PowerFailed)),
        }
    }

    /// Asks at the service port.
    fn ask(&mut self, command: &PortCommand<'_>) -> Unless<(Status, Vec<u8>)> {
        self.await_start()?;
        // What was asked before the power failed may have been answered nevertheless.
        while self.port.receive(Duration::ZERO)?.is_some() {}
        self.port.send(command.encode().as_slice())?;
        let begun = Instant::now();
        while begun.elapsed() < PATIENCE {
            if let Some(answer) = self.port.receive(GLANCE)? {
                let answer = Response::parse(&answer).map_err(|_| anyhow!("the port's answer is no response"))?;
                return Ok(Ok((answer.status(), answer.data().to_vec())));
            }
            let starts = self.seen_starts();
            if starts > self.starts {
                self.starts = starts;
                while self.port.receive(5 * GLANCE)?.is_some() {}
                return Ok(Err(PowerFailed));
            }
        }
        Err(anyhow!("the port does not answer {command:?} within {} s: the terminal is stuck", PATIENCE.as_secs()))
    }

    /// Waits for the first start, and notices restarts that went by while cards were held to the reader.
    fn await_start(&mut self) -> Result<()> {
        let begun = Instant::now();
        while self.seen_starts() == 0 {
            ensure!(!self.emulator.has_ended(), "the emulation ends before the terminal has started");
            ensure!(begun.elapsed() < PATIENCE, "the terminal does not start within {} s", PATIENCE.as_secs());
            std::thread::sleep(GLANCE);
        }
        self.starts = self.seen_starts();
        Ok(())
    }

    /// How often the terminal said that it is ready.
    fn seen_starts(&self) -> usize {
        self.emulator.console().matches("Ready.").count()
    }

    fn balance(&mut self) -> Result<Balance> {
        let receipts = self.cards.iter_mut().flat_map(|card| {
            let receipts = card.application.keepsakes().receipts().to_vec();
            receipts.into_iter().map(|receipt| {
                let record = *receipt.given().record();
                (record.presentation().holder().digest(), record.presentation().counter())
            })
        });
        let receipts = receipts.collect::<BTreeSet<_>>();
        let mut brought = BTreeMap::new();
        for upload in self.uploads.values() {
            for record in records(upload)? {
                let transaction = (record.presentation().holder().digest(), record.presentation().counter());
                *brought.entry(transaction).or_insert(0u64) += 1;
            }
        }
        let mut lost = receipts.iter().filter(|transaction| !brought.contains_key(*transaction)).count() as u64;
        // A tap in two uploads counts twice, and so does a second tap of a card that was held to the reader once.
        let twice = brought.values().map(|times| times - 1).sum::<u64>();
        let mut doubled = twice + (brought.len() as u64).saturating_sub(self.taps.into());
        if self.is_meter {
            let Ok((_, data)) = self.ask(&PortCommand::Meter)? else {
                return Err(anyhow!("a cut after the day's end"));
            };
            let credited = MeterCredit::parse(&data)?.credited();
            let sold = u64::from(self.taps) * u64::from(WATT_HOURS);
            lost += u64::from(credited < sold);
            doubled += u64::from(credited > sold);
        }
        let cuts = (self.seen_starts() as u64).saturating_sub(1);
        Ok(Balance { cuts, lost, doubled })
    }
}
