//! `symbolon demo`: the whole story on one machine, told as it happens, checked as it is told.

mod city;
mod cloning;
mod enrolment;
mod forgery;
mod offline;
mod refusals;
mod report;
mod schedule;
mod settling;
mod story;

use crate::{
    cli,
    commands::{proof_in_words, write_proof},
    output::Output,
    proof::{self, Checked, ProofFile},
};
use anyhow::{Context, Result, ensure};
use city::{City, operator_of};
use enrolment::{CardPlan, EnrolledCard, EnrolledTerminal, Registrar};
use offline::{Day, Terminals};
use refusals::{Cast, Shown, Stage};
use report::Report;
use schedule::{DAY_LENGTH_SECONDS, Schedule};
use settling::Settled;
use std::{process::ExitCode, sync::Arc};
use story::{Story, grouped};
use symbolon::with_suite;
use symbolon_ccks::{Authority, Sector, Sectors, Suite};
use symbolon_service::Clock;
use tokio::runtime::Runtime;

/// What citizens' cards allow for one tap and, unless the day needs more, in all; minor units.
const SPEND_LIMIT: u32 = 20_000;
const BUDGET: u32 = 200_000;
/// What is left on an account when the day is over.
const REMAINDER: u32 = 10_000;
/// The card that expires does so an hour into the day.
const EXPIRES_SECONDS: u64 = 3_600;
/// The scenes are played ten minutes after the day, and settlement begins an hour after it.
const SCENES_SECONDS: u64 = DAY_LENGTH_SECONDS + 600;
const SETTLEMENT_SECONDS: u64 = DAY_LENGTH_SECONDS + 3_600;
/// The random streams of the schedule and of the scenes.
const SCHEDULE_STREAM: u64 = 1 << 44;
const SCENES_STREAM: u64 = (1 << 44) + 1;

pub(crate) fn run(arguments: &cli::Demo, output: &Output) -> Result<ExitCode> {
    let story = Story::new(output);
    let report = with_suite!(arguments.suite, S => tell::<S>(arguments, &story))?;
    let failures = report.failures();
    report.tell(&story, &failures);
    output.answer_json(&report.to_json(&failures))?;
    for failure in &failures {
        output.remark(&format!("error: not as it must be: {failure}"));
    }
    Ok(if failures.is_empty() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

/// Everybody who has a key, and what terminals know when the service stops.
struct People<S: Suite> {
    authority: Arc<Authority<'static, S>>,
    citizens: Vec<EnrolledCard<S>>,
    cast: Cast<S>,
    terminals: Vec<EnrolledTerminal<S>>,
    bundle: Vec<u8>,
}

fn tell<S: Suite>(arguments: &cli::Demo, story: &Story<'_>) -> Result<Report> {
    let (cards, terminals) = (arguments.cards as usize, arguments.terminals as usize);
    let mut random = city::stream(arguments.seed, SCHEDULE_STREAM);
    let schedule = schedule::draw(&mut random, cards, terminals, arguments.taps as usize)?;
    let runtime = Runtime::new().context("cannot start the demo's threads")?;

    let city = ceremony(arguments, story)?;
    let people = runtime.block_on(enrol_everybody::<S>(&city, arguments, &schedule, story))?;
    let (day, shown, journals) = go_offline(&city, &people, arguments, &schedule, story)?;
    let settled = runtime.block_on(settle(&city, &people, &journals, arguments, story))?;
    let proofs = check_proofs(&city, &settled, story)?;
    if let Some(path) = city.kept_at() {
        story.say(&format!("Everything is kept in {}.", path.display()));
    }
    Ok(Report::new(arguments, day, shown, &journals, settled, proofs))
}

fn ceremony(arguments: &cli::Demo, story: &Story<'_>) -> Result<City> {
    story.chapter(1, "The key ceremony");
    story.say(
        "A city founds a key authority. It draws the secrets behind a public matrix of 1,024 points, seals them in a \
         file, and publishes the matrix. Everything that a gate, a meter or a counter will ever trust follows from one \
         number, the authority's id:",
    );
    let gates = (arguments.terminals as usize).div_ceil(3);
    let city = City::establish(arguments.suite, arguments.seed, gates, arguments.keep.as_deref())?;
    story.figures(&[
        ("curve", arguments.suite.name().to_owned()),
        ("authority id", format!("{:.32}..", city.authority_id().to_string())),
    ]);
    Ok(city)
}

async fn enrol_everybody<S: Suite>(
    city: &City,
    arguments: &cli::Demo,
    schedule: &Schedule,
    story: &Story<'_>,
) -> Result<People<S>> {
    story.chapter(2, "Cards and terminals come by their keys");
    let running = city.start().await?;
    story.say(
        "The service is up. A bank issues cards, and three operators (metro, waterworks, powergrid) set terminals up. \
         Each card and each terminal trades a one-time code for its key, in one round trip over an encrypted \
         connection. The authority never learns a card's secret key. Then one card is reported lost, and all terminals \
         load the newest list of revoked cards.",
    );
    let registrar = Registrar::<S>::new(&running, arguments.seed).await?;
    let progress = story.progress("enrolling terminals", arguments.terminals.into());
    let terminals = registrar.terminals(&running, arguments.terminals as usize, &progress).await?;
    let begun = std::time::Instant::now();
    let mut plans = schedule.spending.iter().map(|spending| citizen(*spending)).collect::<Result<Vec<_>>>()?;
    plans.extend(cast_plans(city)?);
    let progress = story.progress("enrolling cards", plans.len() as u64);
    let mut citizens = registrar.cards(plans, &progress).await?;
    let elapsed = begun.elapsed().as_secs_f64();
    let cast = citizens.split_off(schedule.spending.len());
    let [honest, expiring, revoked, water_only, cloned] = cast.try_into().ok().context("the cast has five cards")?;
    let cast = Cast { honest, expiring, revoked, water_only, cloned };
    registrar.revoke(&cast.revoked).await?;
    let bundle = registrar.trust_bundle().await?;
    running.stop().await?;
    let enrolled = citizens.len() as u64 + 5;
    story.figures(&[
        ("terminals enrolled", grouped(terminals.len() as u64)),
        ("citizens' cards enrolled", grouped(citizens.len() as u64)),
        ("further cards, for the scenes below", "5".to_owned()),
        ("cards a second", format!("{:.0}", enrolled as f64 / elapsed.max(0.001))),
    ]);
    Ok(People { authority: registrar.authority(), citizens, cast, terminals, bundle })
}

/// A citizen's card: its budget reaches for the day, and so does what its holder paid in.
fn citizen(spending: u64) -> Result<CardPlan> {
    let spending = u32::try_from(spending).ok().filter(|spending| *spending <= u32::MAX - REMAINDER);
    let spending =
        spending.context("one card would spend more in a day than money can be written; give more --cards")?;
    Ok(CardPlan {
        sectors: Sectors::ALL,
        spend_limit: SPEND_LIMIT,
        budget: BUDGET.max(spending),
        not_after: None,
        balance: spending + REMAINDER,
    })
}

/// The cards of the scenes, in the order of [`Cast`].
fn cast_plans(city: &City) -> Result<[CardPlan; 5]> {
    let honest = citizen(0)?;
    let now = city.clock().now();
    let month = 30 * 86_400;
    Ok([
        honest.clone(),
        CardPlan { not_after: Some(now.saturating_add(EXPIRES_SECONDS)), ..honest.clone() },
        honest.clone(),
        CardPlan { sectors: Sector::Water.into(), ..honest.clone() },
        CardPlan { spend_limit: 10_000, budget: 50_000, not_after: Some(now.saturating_add(month)), ..honest },
    ])
}

fn go_offline<S: Suite>(
    city: &City,
    people: &People<S>,
    arguments: &cli::Demo,
    schedule: &Schedule,
    story: &Story<'_>,
) -> Result<(Day, Shown, Vec<Vec<symbolon_tap::Record>>)> {
    story.chapter(3, "The service stops, the city goes on");
    story.say(
        "The service is stopped now: nothing listens any more, no terminal can ask anybody. It is Monday, 4 January \
         2027, 05:00, and citizens tap until 22:00: through the metro's gates, in and out; at the waterworks' counters \
         to pay a bill; at power kiosks to buy credit, which they then carry to their meter.",
    );
    let opening = city.clock().now();
    let mut memories = Terminals::<S>::memories(people.terminals.len());
    let terminals =
        Terminals::start(&people.authority, &people.terminals, &people.bundle, &mut memories, opening, arguments.seed)?;
    let progress = story.progress("tapping, offline", schedule.taps.len() as u64);
    let mut day = offline::live_the_day(
        &people.authority,
        &people.citizens,
        &terminals,
        &schedule.taps,
        arguments.seed,
        &progress,
    )?;
    let milliseconds = |duration: std::time::Duration| format!("{:.2} ms", duration.as_secs_f64() * 1e3);
    story.figures(&[
        ("taps", grouped(schedule.taps.len() as u64)),
        ("accepted", grouped(day.accepted)),
        ("what a card shows, bytes", symbolon_tap::Presentation::SIZE.to_string()),
        ("a terminal decides in (median)", milliseconds(offline::median(&mut day.verifying))),
        ("a whole tap computes for (median)", milliseconds(offline::median(&mut day.whole))),
    ]);

    story.chapter(4, "What is refused, and why");
    city.clock().set(SCENES_SECONDS);
    let mut stage = Stage {
        story,
        authority: &people.authority,
        terminals: &terminals,
        cast: &people.cast,
        now: city.clock().now(),
        random: city::stream(arguments.seed, SCENES_STREAM),
        shown: Shown::default(),
    };
    stage.play()?;
    story.chapter(5, "A cloned card, and what cannot be prevented offline");
    cloning::play(&mut stage)?;
    let shown = stage.shown;
    Ok((day, shown, terminals.journals()))
}

async fn settle<S: Suite>(
    city: &City,
    people: &People<S>,
    journals: &[Vec<symbolon_tap::Record>],
    arguments: &cli::Demo,
    story: &Story<'_>,
) -> Result<Settled> {
    story.chapter(6, "The service is back: settlement");
    city.clock().set(SETTLEMENT_SECONDS);
    let running = city.start().await?;
    story.say(
        "Every terminal uploads what it accepted. Then every terminal uploads it once more as it was, as after a lost \
         connection, and a third time packed in other batches. Each tap must be paid exactly once.",
    );
    let records: usize = journals.iter().map(Vec::len).sum();
    let progress = story.progress("settling", 3 * records as u64);
    let settled =
        settling::settle(&running, &people.authority, &people.terminals, journals, arguments.seed, &progress).await?;
    running.stop().await?;
    story.figures(&[
        ("taps uploaded", grouped(settled.uploaded)),
        ("settled", grouped(settled.first.settled)),
        ("found to be misuse, not paid", grouped(settled.first.misuse)),
        ("refused", grouped(settled.first.refused_count())),
        ("recognised the second time", grouped(settled.second.duplicates)),
        ("paid twice", grouped(settled.second.settled)),
    ]);
    Ok(settled)
}

/// Checks every proof with the published parameters alone; the service is down.
fn check_proofs(city: &City, settled: &Settled, story: &Story<'_>) -> Result<Vec<Checked>> {
    story.chapter(7, "The clone is caught");
    story.say(
        "Settlement found two transactions under one counter. That is a proof which anybody can check: the service is \
         down again, and the check below used the proof and the authority's published parameters, nothing else.",
    );
    let parameters = city.parameters()?;
    let mut checked = Vec::new();
    for proof in &settled.proofs {
        let found = proof::check(&ProofFile::from(proof), &parameters)?;
        story.quote(&proof_in_words(&found));
        if city.kept_at().is_some() {
            write_proof(&city.path().join("proofs"), proof)?;
        }
        checked.push(found);
    }
    ensure!(checked.len() == settled.proofs.len(), "a proof was not checked");
    story.say("The card is suspended, and the trust bundle that terminals load next lists it.");
    Ok(checked)
}

/// Every sector with the operator that collects for it.
fn collectors() -> impl Iterator<Item = (Sector, &'static str)> {
    Sector::ALL.into_iter().map(|sector| (sector, operator_of(sector)))
}
