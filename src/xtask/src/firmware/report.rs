//! `cargo xtask firmware report`: what each image occupies, and how many instructions a tap takes.

use super::images::{self, Device, Image, SuiteName};
use super::rig::{LONGEST_SECONDS, PATIENCE, Rig};
use super::service::Service;
use crate::{for_suite, setup};
use anyhow::{Context, Result, bail, ensure};
use serde::Serialize;
use std::thread;
use std::time::{Duration, Instant};
use symbolon_ccks::Suite;
use symbolon_emulator::line::Line;
use symbolon_emulator::qemu::{Emulator, Qemu};

/// How many taps are measured; the dearest counts.
const TAPS: usize = 8;

/// Bytes a slot of the replay table.
const SLOT_BYTES: u64 = 24;
/// How many slots the images have: `REPLAY_SLOTS` of `firmware-sim/station`.
const SLOTS: u64 = 256;

/// What one image occupies and does.
#[derive(Clone, Debug, Serialize)]
pub struct Figures {
    /// gate, meter or gate-c.
    pub image: String,
    /// p256 or secp256k1.
    pub suite: String,
    /// Code and constants, without the authority's parameters.
    pub flash_bytes: u64,
    /// Variables, without the replay table and the stack.
    pub ram_bytes: u64,
    /// The replay table.
    pub replay_table_bytes: u64,
    /// The deepest that the stack was, from the start to the last tap.
    pub stack_bytes: u64,
    /// From the select response to the verdict, in the journal, signing the challenge left out.
    pub instructions_per_tap: u64,
    /// Where they go, in the dearest of the taps that were measured.
    pub steps: Steps,
}

/// The instructions of one tap, step by step.
#[derive(Clone, Copy, Debug, Default, Serialize)]
pub struct Steps {
    /// A voucher's verification, at a meter; 0 at a gate.
    pub voucher: u64,
    /// From the select response, or the voucher, to where the challenge is signed.
    pub preparing_challenge: u64,
    /// Signing the challenge.
    pub signing_challenge: u64,
    /// From the presentation to where the journal is written.
    pub deciding: u64,
    /// Writing the journal.
    pub journal: u64,
    /// From there to the verdict.
    pub concluding: u64,
    /// Signing the receipt.
    pub signing_receipt: u64,
}

impl Steps {
    /// What counts against the budget.
    fn without_signing(&self) -> u64 {
        self.voucher + self.preparing_challenge + self.deciding + self.journal + self.concluding
    }
}

/// Measures every image, or the one.
pub fn measure(only: Option<Device>) -> Result<Vec<Figures>> {
    images::set_up()?;
    let qemu = setup::qemu()?;
    let mut figures = Vec::new();
    for device in Device::ALL.into_iter().filter(|device| only.is_none_or(|only| only == *device)) {
        for suite in SuiteName::ALL {
            let image = images::build(device, suite)?;
            figures.push(for_suite!(suite, S => measure_image::<S>(&qemu, &image, device, suite)?));
        }
    }
    Ok(figures)
}

fn measure_image<S: Suite>(qemu: &Qemu, image: &Image, device: Device, suite: SuiteName) -> Result<Figures> {
    let rig = Rig::<S>::new(device, 1);
    let mut provisioning = rig.provisioning()?;
    provisioning.says_steps = true;
    let mut emulator = Emulator::start(qemu, &image.path, &provisioning.encode(), LONGEST_SECONDS)?;
    let mut service = Service::new(Line::new(emulator.service_line()?));
    service.bring_bundle(&rig.bundle(1)?)?;
    let mut line = Line::new(emulator.card_line()?);
    let mut card = rig.card(0)?;
    for tap in 0..TAPS {
        if device == Device::Meter {
            let voucher = rig.voucher(u32::try_from(tap)?)?;
            card.application.keepsakes().carry(&rig.city.authority, voucher.as_bytes())?;
        }
        card.hold(&mut line).with_context(|| format!("the image said:\n{}", emulator.console()))?;
    }
    ensure!(service.status()?.records == u32::try_from(TAPS)?, "the journal does not hold the taps");
    let (steps, stack_bytes) = steps(&whole_console(&emulator, device), device)?;
    let replay_table_bytes = SLOTS * SLOT_BYTES;
    Ok(Figures {
        image: device.to_string(),
        suite: suite.to_string(),
        flash_bytes: image.size.flash,
        ram_bytes: image.size.ram.saturating_sub(replay_table_bytes),
        replay_table_bytes,
        stack_bytes,
        instructions_per_tap: steps.without_signing(),
        steps,
    })
}

/// How many answers a card gives in a tap, each a step of the reader.
const fn answers(device: Device) -> usize {
    if matches!(device, Device::Meter) { 4 } else { 3 }
}

/// What the image said once it has said all: the card has its receipt before the terminal's last line is there.
fn whole_console(emulator: &Emulator, device: Device) -> String {
    let begun = Instant::now();
    loop {
        let console = emulator.console();
        if console.matches("step ").count() >= TAPS * answers(device) || begun.elapsed() > PATIENCE {
            return console;
        }
        thread::sleep(Duration::from_millis(10));
    }
}

/// Reads the lines `step DECIDING STORING CONCLUDING SIGNING STACK` of the console, one for each answer of a card: the
/// dearest tap, and the deepest stack.
fn steps(console: &str, device: Device) -> Result<(Steps, u64)> {
    let mut lines = Vec::new();
    for line in console.lines().filter_map(|line| line.strip_prefix("step ")) {
        let numbers = line.split(' ').map(str::parse).collect::<Result<Vec<u64>, _>>()?;
        let Ok([deciding, storing, concluding, signing, stack]) = <[u64; 5]>::try_from(numbers) else {
            bail!("the image said `{line}`");
        };
        lines.push(([deciding, storing, concluding, signing], stack));
    }
    let answers = answers(device);
    ensure!(lines.len() == TAPS * answers, "{} steps of {TAPS} taps:\n{console}", lines.len());
    let dearest = lines.chunks_exact(answers).map(of_tap).max_by_key(Steps::without_signing).unwrap_or_default();
    Ok((dearest, lines.iter().map(|(_, stack)| *stack).max().unwrap_or_default()))
}

/// One tap's steps, from the lines of a card's answers: to SELECT, at a meter to VOUCHER, to PRESENT and to RECEIPT.
fn of_tap(answers: &[([u64; 4], u64)]) -> Steps {
    let steps = |answer: usize| answers.get(answer).map_or([0; 4], |(steps, _)| *steps);
    let asking = answers.len().saturating_sub(3);
    let [before, writing, after, signing_challenge] = steps(asking);
    let [deciding, journal, concluding, signing_receipt] = steps(asking + 1);
    Steps {
        voucher: if asking > 0 { steps(0).iter().sum() } else { 0 },
        preparing_challenge: before + writing + after,
        signing_challenge,
        deciding,
        journal,
        concluding,
        signing_receipt,
    }
}

/// Fails when an image is above its budget.
pub fn check(figures: &[Figures]) -> Result<()> {
    const KIB: u64 = 1_024;
    let mut above = Vec::new();
    for figure in figures {
        let (flash, instructions) = match figure.suite.as_str() {
            "p256" => (96 * KIB, 7_000_000),
            _ => (176 * KIB, 3_200_000),
        };
        // At a meter a second signature is verified, the voucher's; the budget is a tap's.
        let instructions = if figure.image == "meter" { 2 * instructions } else { instructions };
        let budgets = [
            ("bytes of flash", figure.flash_bytes, flash),
            ("bytes of memory", figure.ram_bytes, 16 * KIB),
            ("bytes of stack", figure.stack_bytes, 10 * KIB),
            ("instructions a tap", figure.instructions_per_tap, instructions),
        ];
        for (what, used, budget) in budgets {
            if used > budget {
                above.push(format!("{} {}: {used} {what}, {budget} at most", figure.image, figure.suite));
            }
        }
    }
    ensure!(above.is_empty(), "above the budget:\n{}", above.join("\n"));
    Ok(())
}
