//! `symbolon sim`: a city that lives on simulated time, over a network that loses, doubles and delays, with the real use
//! cases, verifier, wallet and SQLite store inside; and after every step the question whether all is as it must be.
//!
//! The same seed gives the same city to the byte. Everything drawn is of streams of the seed, the service's own randomness
//! included; time is what the agenda says, and no clock is read; there is one event at a time on one thread, which waits for
//! each answer of the stores' writing threads and of verifying before it goes on. So a failing seed replays as it failed.

mod books;
mod city;
mod device;
mod draws;
mod holder;
mod log;
mod network;
#[cfg(test)]
mod tests;
mod town;
mod wires;

use crate::{cli, output::Output};
use anyhow::{Context, Result, ensure};
use city::{City, Counts, Size};
use serde_json::{Value, json};
use std::{fmt, process::ExitCode};
use symbolon_ccks::{P256, Secp256k1, Suite, SuiteId};
use wires::Tampering;

/// What came of a city.
#[derive(Clone, Debug)]
struct Lived {
    steps: u64,
    accepted: u64,
    arrived: u64,
    misused: u64,
    counts: Counts,
    /// SHA-256 of every line of the log.
    digest: String,
    #[cfg(test)]
    lines: Vec<String>,
}

/// What city is to live.
#[derive(Clone, Copy, Debug)]
struct Plan {
    seed: u64,
    days: u64,
    suite: SuiteId,
    size: Size,
}

/// Something was not as it must be.
#[derive(Debug)]
struct Failure {
    plan: Plan,
    day: u64,
    step: u64,
    what: String,
    /// The last events before.
    last: Vec<String>,
}

impl fmt::Display for Failure {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Plan { seed, days, suite, size } = self.plan;
        writeln!(formatter, "seed {seed}, day {}, step {}: {}", self.day, self.step, self.what)?;
        writeln!(formatter, "The last events:")?;
        self.last.iter().try_for_each(|line| writeln!(formatter, "  {line}"))?;
        let (suite, Size { cards, terminals }) = (suite.name(), size);
        write!(formatter, "To see it again: symbolon sim --city --seed {seed} --days {days} ")?;
        write!(formatter, "--cards {cards} --terminals {terminals} --suite {suite}")
    }
}

/// Has a city live.
///
/// # Errors
/// [`Failure`] where an invariant did not hold, or something that must work did not.
fn simulate(plan: Plan, tampering: Option<Tampering>) -> Result<Lived, Box<Failure>> {
    match plan.suite {
        SuiteId::P256Sha256 => simulate_with::<P256>(plan, tampering),
        SuiteId::Secp256k1Sha256 => simulate_with::<Secp256k1>(plan, tampering),
    }
}

fn simulate_with<S: Suite>(plan: Plan, tampering: Option<Tampering>) -> Result<Lived, Box<Failure>> {
    let outside = |error: anyhow::Error| {
        let what = format!("{error:#}");
        Box::new(Failure { plan, day: 1, step: 0, what, last: Vec::new() })
    };
    let runtime = tokio::runtime::Builder::new_current_thread().build();
    let runtime = runtime.context("cannot start a runtime").map_err(outside)?;
    runtime.block_on(async {
        let mut city = City::<S>::found(plan.seed, plan.size, tampering).await.map_err(outside)?;
        let lived = city.live(plan.days).await;
        lived.map_err(|error| {
            let (day, step, what) = (city.moment().day(), city.log.steps(), format!("{error:#}"));
            Box::new(Failure { plan, day, step, what, last: city.log.last() })
        })?;
        let (accepted, arrived, misused) = city.totals();
        let (steps, digest) = (city.log.steps(), city.log.digest());
        Ok(Lived {
            steps,
            accepted,
            arrived,
            misused,
            counts: city.counts,
            digest,
            #[cfg(test)]
            lines: city.log.all(),
        })
    })
}

impl Lived {
    fn to_json(&self, arguments: &cli::Sim) -> Value {
        json!({
            "seed": arguments.seed,
            "days": arguments.days,
            "suite": arguments.suite.name(),
            "cards": arguments.cards,
            "terminals": 3 * u64::from(arguments.terminals),
            "steps": self.steps,
            "taps_accepted": self.accepted,
            "records_arrived": self.arrived,
            "credentials_misused": self.misused,
            "counts": self.counts.counts,
            "declined": self.counts.declined,
            "log_digest": self.digest,
        })
    }

    fn to_text(&self, arguments: &cli::Sim) -> String {
        let mut text = format!(
            "Seed {}: {} days, {} steps; {} taps accepted, {} records arrived, {} credentials misused.\n",
            arguments.seed, arguments.days, self.steps, self.accepted, self.arrived, self.misused
        );
        let counts = self.counts.counts.iter().map(|(what, count)| format!("  {what}: {count}\n"));
        let declined = self.counts.declined.iter().map(|(what, count)| format!("  declined as {what}: {count}\n"));
        text.extend(counts.chain(declined));
        text.push_str(&format!("Everything was as it must be after every step. Log: {}\n", self.digest));
        text
    }
}

pub(crate) fn run(arguments: &cli::Sim, output: &Output) -> Result<ExitCode> {
    ensure!(arguments.city, "say what to simulate: --city");
    let size = Size { cards: arguments.cards, terminals: arguments.terminals };
    let plan = Plan { seed: arguments.seed, days: arguments.days, suite: arguments.suite, size };
    match simulate(plan, None) {
        Ok(lived) => {
            output.answer(&lived.to_text(arguments), &lived.to_json(arguments))?;
            Ok(ExitCode::SUCCESS)
        }
        Err(failure) => {
            let answer = json!({
                "seed": plan.seed, "days": plan.days, "suite": plan.suite.name(), "day": failure.day, "step": failure.step,
                "failure": failure.what, "last_events": failure.last,
            });
            output.answer_json(&answer)?;
            output.remark(&format!("error: {failure}"));
            Ok(ExitCode::FAILURE)
        }
    }
}
