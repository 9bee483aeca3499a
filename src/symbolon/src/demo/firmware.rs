//! A gate of the city in the emulator: the firmware takes a tap, its power fails, and the tap is still there.

use super::{
    citizen,
    city::{City, RunningCity, stream},
    enrolment::{EnrolledCard, EnrolledTerminal, Registrar},
    offline::purse,
    pseudonyms,
    refusals::GATE,
    schedule::{MOST_FOR_A_JOURNEY, station},
    story::Story,
};
use crate::{
    cli,
    commands::{ServicePort, sync},
    line::Line,
};
use anyhow::{Context, Result, anyhow, bail, ensure};
use indicatif::ProgressBar;
use rand_core::Rng;
use serde_json::{Value, json};
use std::{
    path::{Path, PathBuf},
    time::Duration,
};
use symbolon_ccks::{Authority, Sector, Suite, SuiteId, Time, prepare_parameters};
use symbolon_emulator::{
    block::{Asks, Provisioning},
    qemu::{Emulator, Qemu},
};
use symbolon_service::{Clock, links::ServiceRole};
use symbolon_tap::{Challenge, Kind, Outcome, apdu::CardCommand};
use symbolon_wallet::{Asked, CardApplication, Event, Keepsakes, KeptReceipt, MemoryPurseStore};

/// Makes the image, and fetches QEMU.
const MAKE: &str = "cargo xtask firmware report --image gate";
/// Those of the scene draw from another seed than the rest of the city, which stays as it is without them.
const SEED_APART: u64 = 1 << 63;
/// The random stream of the device and of the card held to it.
const SCENE_STREAM: u64 = (1 << 44) + 3;
/// How long the emulator runs at the longest, whatever becomes of the demo.
const LONGEST_SECONDS: u32 = 180;
/// How long the gate's reader may be silent, and how many commands a card answers for one tap.
const PATIENCE: Duration = Duration::from_secs(20);
const MOST_COMMANDS: usize = 100;
/// From one call for a card to the next, and how long a card may take.
const POLL_MILLISECONDS: u32 = 250;
const CARD_PATIENCE_MILLISECONDS: u32 = 20_000;

/// What the scene needs and the demo does not bring along.
pub(super) struct Tools {
    image: PathBuf,
    qemu: Qemu,
}

impl Tools {
    /// Looks for the image and for QEMU.
    pub(super) fn find(arguments: &cli::Demo) -> Result<Self> {
        let curve = match arguments.suite {
            SuiteId::P256Sha256 => "p256",
            SuiteId::Secp256k1Sha256 => "secp256k1",
        };
        let built = || Path::new("target/firmware").join(format!("gate-{curve}.elf"));
        let image = arguments.image.clone().unwrap_or_else(built);
        let here = Path::new("");
        let mut missing = Vec::new();
        if !image.is_file() {
            missing.push(format!("the gate's image {}", image.display()));
        }
        let qemu = Qemu::find(here);
        if qemu.is_none() {
            let folder = Qemu::folder(here);
            missing.push(format!("qemu-system-arm, neither on PATH nor in {}", folder.display()));
        }
        match qemu {
            Some(qemu) if missing.is_empty() => Ok(Self { image, qemu }),
            _ => bail!(
                "--firmware needs {}; found none. `{MAKE}` in the project's folder makes what is missing",
                missing.join(", and ")
            ),
        }
    }
}

/// What the scene came to.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Played {
    pub(super) accepted: u64,
    pub(super) receipts: u64,
    pub(super) records_after_power_cut: u64,
    pub(super) settled: u64,
}

impl Played {
    pub(super) fn to_json(&self) -> Value {
        json!({
            "accepted": self.accepted,
            "receipts": self.receipts,
            "records_after_power_cut": self.records_after_power_cut,
        })
    }
}

/// Plays the scene; the service runs meanwhile, and the gate speaks with it at its service port alone.
pub(super) async fn play<S: Suite>(
    city: &City,
    tools: &Tools,
    arguments: &cli::Demo,
    story: &Story<'_>,
) -> Result<Played> {
    story.chapter(13, "A gate with no operating system");
    story.say(
        "The metro sets one more gate up: a microcontroller (Cortex-M4) without an operating system, and without memory \
         that could be allocated. QEMU emulates the board. Its maker writes the gate's key and the authority's \
         parameters into it; the trust bundle, filter of revoked cards and all, comes through its service port. One more \
         citizen gets a card and a single pseudonym. The day's books are closed already; this tap is not in them.",
    );
    let running = city.start().await?;
    let registrar = Registrar::<S>::new(&running, arguments.seed ^ SEED_APART).await?;
    let (terminal, card) = enrol(city, &running, &registrar, arguments).await?;
    let authority = registrar.authority();
    let block = provisioning(city, &authority, &terminal, registrar.seed)?.encode();
    let mut emulator = Emulator::start(&tools.qemu, &tools.image, &block, LONGEST_SECONDS)
        .context("the emulator cannot be started")?;
    let line = emulator.service_line().with_context(|| format!("the gate does not start: {}", emulator.console()))?;
    let mut port = ServicePort::over(Line::over_socket(line));
    let public = running.public(ServiceRole::Attester)?;
    let sequence = sync::bring_bundle(&mut port, public, sync::Form::Compact(&[]), 0).await?;
    story.shown(
        "The trust bundle is brought to the gate.",
        &format!("verified and in its flash, sequence {}.", sequence.context("the gate had a trust bundle")?),
    );

    let mut reader = Line::over_socket(emulator.card_line().context("the gate has no reader")?);
    let receipt = hold(&authority, &card, &mut reader, city.clock().now(), registrar.seed)?;
    let accepted = u64::from(receipt.receipt().outcome() == Outcome::Accepted);
    let verdict = if accepted == 1 { "accepted" } else { "NOT accepted" };
    story.shown(
        "The citizen holds the card to the gate.",
        &format!("{verdict}. The card verified the gate's receipt, and keeps it."),
    );
    emulator.cut_power().context("the power cannot be cut")?;
    let status = port.status().context("the gate does not come back")?;
    story.shown(
        "The power fails right after the receipt, and comes back.",
        &format!("the gate's journal has {} tap, its bundle sequence is {}.", status.records, status.bundle_sequence),
    );

    // The board runs as fast as it can, and so ahead of the service's clock: what it took may not be of the future.
    city.clock().set_to(status.time.seconds().max(city.clock().seconds()));
    let (_, outcomes) = sync::settle(&mut port, &authority, running.public(ServiceRole::Exchange)?).await?;
    let left = port.status()?.records;
    story.shown(
        "The journal is uploaded through the service port.",
        &format!(
            "settled {}, refused {}. Acknowledged: the journal has {left}.",
            outcomes.settled,
            outcomes.refused_count()
        ),
    );
    ensure!(left == 0, "the gate does not free what was acknowledged");
    drop(emulator);
    running.stop().await?;
    Ok(Played { accepted, receipts: 1, records_after_power_cut: status.records.into(), settled: outcomes.settled })
}

/// One more gate, and one more citizen with a pseudonym.
async fn enrol<S: Suite>(
    city: &City,
    running: &RunningCity<'_>,
    registrar: &Registrar<S>,
    arguments: &cli::Demo,
) -> Result<(EnrolledTerminal<S>, EnrolledCard<S>)> {
    let metro = running.operator(Sector::Transport, ServiceRole::Attester)?;
    // The next number of a gate that no other terminal has.
    let number = (arguments.terminals as usize).next_multiple_of(3);
    let terminal = registrar.clone().terminal(number, metro).await?;
    let cards = registrar.cards(vec![citizen(0, 1)?], &ProgressBar::hidden()).await?;
    let issuance = pseudonyms::published(&registrar.trust_bundle().await?)?;
    let cards = pseudonyms::fetch(city, registrar, cards, &[1], &issuance, &ProgressBar::hidden()).await?;
    Ok((terminal, cards.into_iter().next().context("the citizen has no card")?))
}

/// What the gate's maker writes into it.
fn provisioning<S: Suite>(
    city: &City,
    authority: &Authority<'_, S>,
    terminal: &EnrolledTerminal<S>,
    seed: u64,
) -> Result<Provisioning> {
    let mut random = [0; 32];
    stream(seed, SCENE_STREAM).fill_bytes(&mut random);
    Ok(Provisioning {
        says_steps: false,
        needs_no_bundle: false,
        asks: Asks::Tap {
            kind: Kind::Entry as u8,
            sector: Sector::Transport as u8,
            amount: MOST_FOR_A_JOURNEY,
            reference: station(GATE),
        },
        first_time: Some(city.clock().now().seconds()),
        poll_milliseconds: POLL_MILLISECONDS,
        patience_milliseconds: CARD_PATIENCE_MILLISECONDS,
        seed: random,
        secret: *terminal.key.secret_bytes(),
        credential: *terminal.key.credential().context("a terminal has a credential")?.as_bytes(),
        authority_id: *authority.id().as_bytes(),
        own_key: Some(authority.own_key()),
        next_key: None,
        parameters: prepare_parameters(&city.parameters()?)?,
        cuts: Vec::new(),
    })
}

/// Holds the card to the reader until it has its receipt.
fn hold<S: Suite>(
    authority: &Authority<'_, S>,
    card: &EnrolledCard<S>,
    reader: &mut Line,
    now: Time,
    seed: u64,
) -> Result<KeptReceipt> {
    let keepsakes = Keepsakes::open(MemoryPurseStore::default())?;
    let mut application = CardApplication::new(purse(authority, card)?, keepsakes);
    let mut random = stream(seed, SCENE_STREAM + 1);
    let mut agree = |asked: &Asked<'_>| Some(asked.terms.amount()).filter(|amount| *amount == MOST_FOR_A_JOURNEY);
    for _ in 0..MOST_COMMANDS {
        let mut command = reader.receive(PATIENCE)?.context("the gate's reader is silent")?;
        // A gate that had called before calls again when nobody answers; a card hears who calls now.
        while let Some(later) = reader.receive(Duration::ZERO)? {
            command = later;
        }
        let now = asked_at(&command).unwrap_or(now);
        let answer = application.handle(&command, now, &mut random, &mut agree);
        reader.send(&answer.response)?;
        match answer.event {
            Event::ReceiptKept(receipt) => return Ok(*receipt),
            Event::Refused(why) => return Err(anyhow!("the card does not sign: {why}")),
            _ => {}
        }
    }
    bail!("the gate gives the card no receipt")
}

/// The time in a challenge: the wallet's clock is the gate's here, as the board runs ahead of any clock on a wall.
fn asked_at(command: &[u8]) -> Option<Time> {
    match CardCommand::parse(command).ok()? {
        CardCommand::Present { challenge } => {
            Challenge::parse(challenge).ok().map(|challenge| challenge.terms().time())
        }
        _ => None,
    }
}
