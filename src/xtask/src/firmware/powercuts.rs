//! `cargo xtask firmware powercuts`: the power cut at every flash operation of a terminal's day on the host, and at a
//! sample of them in the emulator.

use super::day::{self, Balance, CARDS};
use super::images::{self, Device, SuiteName};
use super::rig::Rig;
use crate::setup;
use anyhow::{Result, ensure};
use rand_chacha::{
    ChaCha20Rng,
    rand_core::{Rng, SeedableRng},
};
use serde::Serialize;
use std::{panic::resume_unwind, thread};
use symbolon_ccks::P256;
use symbolon_emulator::block::Cut;
use symbolon_emulator::qemu::Qemu;
use symbolon_flash_sim::{Effort, Image, PowerCuts, power_cuts};

/// How many cuts there are at least in the emulator, of each image.
const CUTS_AN_IMAGE: u64 = 68;
/// How many days that may take at most.
const MOST_DAYS: u64 = 60;
/// About how many operations on the flash a day has.
const OPERATIONS: u32 = 90;
/// How many cuts a day foresees: a terminal may come to its end before the last.
const CUTS_A_DAY: usize = 12;

/// What came of all cuts.
#[derive(Clone, Debug, Default, Serialize)]
pub struct Outcome {
    /// How often the power was cut.
    pub cuts: u64,
    /// Of these in the emulator.
    pub cuts_in_qemu: u64,
    /// Taps and vouchers that were gone after their receipt was given.
    pub lost: u64,
    /// Taps and vouchers that were accepted twice.
    pub doubled: u64,
    /// Terminals that did not go on.
    pub stuck: u64,
    /// What was seen of these.
    pub problems: Vec<String>,
}

impl Outcome {
    fn add_host(&mut self, cuts: PowerCuts) {
        self.cuts += cuts.cuts;
        self.lost += cuts.lost;
        self.doubled += cuts.doubled;
        self.stuck += cuts.stuck;
        self.problems.extend(cuts.problems);
    }

    fn add_day(&mut self, name: &str, day: Result<Balance>) {
        match day {
            Ok(balance) => {
                self.cuts += balance.cuts;
                self.cuts_in_qemu += balance.cuts;
                self.lost += balance.lost;
                self.doubled += balance.doubled;
                if balance.lost + balance.doubled > 0 {
                    self.problems.push(format!("{name}: {balance:?}"));
                }
            }
            Err(error) => {
                self.stuck += 1;
                self.problems.push(format!("{name}: {error:#}"));
            }
        }
    }

    /// Fails unless nothing was lost, nothing doubled and nothing got stuck.
    pub fn check(&self) -> Result<()> {
        ensure!(self.problems.is_empty() && self.lost + self.doubled + self.stuck == 0, "{}", self.problems.join("\n"));
        ensure!(self.cuts_in_qemu >= 200, "{} cuts in the emulator", self.cuts_in_qemu);
        Ok(())
    }
}

/// Cuts the power of all images, at the same time.
pub fn cut() -> Result<Outcome> {
    images::set_up()?;
    let qemu = setup::qemu()?;
    let built = Device::ALL.map(|device| Ok((device, images::build(device, SuiteName::P256)?)));
    let built = built.into_iter().collect::<Result<Vec<_>>>()?;
    let outcomes = thread::scope(|scope| {
        let cutting = built.iter().map(|(device, image)| scope.spawn(|| cut_image(&qemu, *device, image)));
        let cutting = cutting.collect::<Vec<_>>();
        cutting.into_iter().map(|one| one.join().unwrap_or_else(|panic| resume_unwind(panic))).collect::<Vec<_>>()
    });
    let mut outcome = Outcome::default();
    for one in outcomes {
        outcome.cuts += one.cuts;
        outcome.cuts_in_qemu += one.cuts_in_qemu;
        outcome.lost += one.lost;
        outcome.doubled += one.doubled;
        outcome.stuck += one.stuck;
        outcome.problems.extend(one.problems);
    }
    Ok(outcome)
}

fn cut_image(qemu: &Qemu, device: Device, image: &images::Image) -> Outcome {
    let mut outcome = Outcome::default();
    let is_meter = device == Device::Meter;
    // The gate in C has no other logic than the one in Rust that a host could run.
    match device {
        Device::Gate => outcome.add_host(power_cuts::<P256>(Image::Gate, Effort::Quick)),
        Device::Meter => outcome.add_host(power_cuts::<P256>(Image::Meter, Effort::Quick)),
        Device::GateC => {}
    }
    let rig = Rig::<P256>::new(device, CARDS);
    let mut random = ChaCha20Rng::seed_from_u64(device as u64);
    for number in 0..MOST_DAYS {
        if outcome.cuts_in_qemu >= CUTS_AN_IMAGE || outcome.stuck > 3 {
            break;
        }
        let cuts = cuts(number, &mut random);
        let day = day::run(qemu, &image.path, &rig, is_meter, &cuts);
        outcome.add_day(&format!("{device}, day {number}"), day);
    }
    outcome
}

/// When the power fails in a day. The first cut moves through the whole day from one day to the next; those that follow come
/// soon after a start, where a terminal puts right what the cut before has left, or at any time later.
fn cuts(day: u64, random: &mut ChaCha20Rng) -> Vec<Cut> {
    let mut below = |most: u32| random.next_u32() % most;
    (0..CUTS_A_DAY)
        .map(|index| {
            let operations = match (index, below(3)) {
                (0, _) => (u32::try_from(day).unwrap_or_default() * 7 + below(7)) % OPERATIONS,
                (_, 0) => below(3),
                (_, 1) => below(12),
                _ => below(25),
            };
            let is_prefix = below(2) == 0;
            let value = if is_prefix { below(256) } else { below(16) };
            Cut { operations, is_prefix, value: value as u16 }
        })
        .collect()
}
