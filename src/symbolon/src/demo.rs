//! `symbolon demo`: the whole story on one machine, told as it happens, checked as it is told.

mod attempt;
mod city;
mod cloning;
mod enrolment;
mod firmware;
mod forgery;
mod leftovers;
mod offline;
mod processes;
mod pseudonyms;
mod refusals;
mod report;
mod schedule;
mod settling;
mod story;
mod tracing;
mod watching;

use crate::{
    cli,
    commands::{proof_in_words, write_proof},
    output::Output,
    proof::{self, Checked, ProofFile},
};
use anyhow::{Context, Result, ensure};
use city::{City, RunningCity, operator_of};
use enrolment::{CardPlan, EnrolledCard, EnrolledTerminal, Registrar};
use firmware::Tools;
use offline::{Day, Terminals};
use refusals::{Cast, Shown, Stage};
use report::Report;
use schedule::{DAY_LENGTH_SECONDS, Schedule};
use settling::Settled;
use std::{process::ExitCode, sync::Arc};
use story::{Story, grouped};
use symbolon::{linking::Figures, with_suite};
use symbolon_ccks::{Authority, Sector, Sectors, Suite};
use symbolon_service::{Clock, links::ServiceRole};
use symbolon_tap::Record;
use tokio::runtime::Runtime;

/// What citizens' cards allow for one tap and, unless the day needs more, in all; minor units. A pseudonym is good for
/// one such tap.
const SPEND_LIMIT: u32 = 20_000;
const BUDGET: u32 = 200_000;
/// What is left on an account when the day is over.
const REMAINDER: u32 = 10_000;
/// The card that expires does so an hour into the day, two after it was enrolled.
const EXPIRES_SECONDS: u64 = 7_200;
/// The scenes are played ten minutes after the day, and settlement begins an hour after it.
const SCENES_SECONDS: u64 = DAY_LENGTH_SECONDS + 600;
const SETTLEMENT_SECONDS: u64 = DAY_LENGTH_SECONDS + 3_600;
/// What pseudonyms spent is summed within an hour after it settled, as the service is configured by default.
const SUMMED_SECONDS: u64 = SETTLEMENT_SECONDS + 3_600;
/// Pseudonyms that every card may have of a day, though none may need as many.
const LEAST_PER_PERIOD: u16 = 20;
/// The random streams of the schedule and of the scenes.
const SCHEDULE_STREAM: u64 = 1 << 44;
const SCENES_STREAM: u64 = (1 << 44) + 1;

pub(crate) fn run(arguments: &cli::Demo, output: &Output) -> Result<ExitCode> {
    let tools = arguments.firmware.then(|| Tools::find(arguments)).transpose()?;
    let story = Story::new(output);
    let report = with_suite!(arguments.suite, S => tell::<S>(arguments, tools.as_ref(), &story))?;
    let failures = report.failures();
    report.tell(&story, &failures);
    output.answer_json(&report.to_json(&failures))?;
    for failure in &failures {
        output.remark(&format!("error: not as it must be: {failure}"));
    }
    Ok(if failures.is_empty() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

/// Is one role of the service, for a demo whose roles are processes of their own.
pub(crate) fn run_role() -> Result<ExitCode> {
    processes::be_a_role()
}

/// Everybody who has a key, and what terminals know when the service stops.
struct People<S: Suite> {
    authority: Arc<Authority<'static, S>>,
    citizens: Vec<EnrolledCard<S>>,
    cast: Cast<S>,
    terminals: Vec<EnrolledTerminal<S>>,
    bundle: Vec<u8>,
    pseudonyms_issued: u64,
}

/// What became of the day: what was shown, and what every terminal has.
struct Lived {
    day: Day,
    shown: Shown,
    journals: Vec<Vec<Record>>,
}

/// What others see of the day.
struct Seen {
    /// How well taps can be linked; nothing, when there are too few to try.
    linking: Option<Figures>,
    /// Whether clearing saw nothing of a citizen but sums.
    clearing_is_blind: bool,
}

fn tell<S: Suite>(arguments: &cli::Demo, tools: Option<&Tools>, story: &Story<'_>) -> Result<Report> {
    let (cards, terminals) = (arguments.cards as usize, arguments.terminals as usize);
    let mut random = city::stream(arguments.seed, SCHEDULE_STREAM);
    let schedule = schedule::draw(&mut random, cards, terminals, arguments.taps as usize)?;
    let runtime = Runtime::new().context("cannot start the demo's threads")?;

    let city = ceremony(arguments, &schedule, story)?;
    let people = runtime.block_on(get_ready::<S>(&city, arguments, &schedule, story))?;
    let mut lived = go_offline(&city, &people, arguments, &schedule, story)?;
    let mut settled = runtime.block_on(settle(&city, &people, &lived.journals, arguments, story))?;
    let seen = runtime.block_on(look_around(&city, &people, &mut lived.day, &mut settled, arguments, story))?;
    let proofs = check_proofs(&city, &settled, story)?;
    let firmware = match tools {
        Some(tools) => Some(runtime.block_on(firmware::play::<S>(&city, tools, arguments, story))?),
        None => None,
    };
    if let Some(path) = city.kept_at() {
        story.say(&format!("Everything is kept in {}.", path.display()));
    }
    Ok(Report::new(arguments, lived, people.pseudonyms_issued, settled, seen, proofs, firmware))
}

fn ceremony(arguments: &cli::Demo, schedule: &Schedule, story: &Story<'_>) -> Result<City> {
    story.chapter(1, "The key ceremony");
    story.say(
        "A city founds a key authority. It draws the secrets behind a public matrix of 1,024 points, seals them in a \
         file, and publishes the matrix. Everything that a gate, a meter or a counter will ever trust follows from one \
         number, the authority's id:",
    );
    let gates = (arguments.terminals as usize).div_ceil(3);
    let per_period = schedule.pseudonyms.iter().copied().fold(LEAST_PER_PERIOD, u16::max);
    let keep = arguments.keep.as_deref();
    let city = City::establish(arguments.suite, arguments.seed, gates, per_period, keep, arguments.processes)?;
    story.figures(&[
        ("curve", arguments.suite.name().to_owned()),
        ("authority id", format!("{:.32}..", city.authority_id().to_string())),
    ]);
    Ok(city)
}

/// Everybody comes by keys, and wallets by pseudonyms; then a card is lost, and the service stops.
async fn get_ready<S: Suite>(
    city: &City,
    arguments: &cli::Demo,
    schedule: &Schedule,
    story: &Story<'_>,
) -> Result<People<S>> {
    let running = city.start().await?;
    let registrar = Registrar::<S>::new(&running, arguments.seed).await?;
    let (terminals, citizens, cast) = enrol_everybody(city, &running, &registrar, arguments, schedule, story).await?;
    let (citizens, cast, pseudonyms_issued) =
        fetch_pseudonyms(city, &registrar, citizens, cast, schedule, story).await?;
    registrar.revoke(&cast.revoked).await?;
    let bundle = registrar.trust_bundle_with_seeds().await?;
    running.stop().await?;
    Ok(People { authority: registrar.authority(), citizens, cast, terminals, bundle, pseudonyms_issued })
}

async fn enrol_everybody<S: Suite>(
    city: &City,
    running: &RunningCity<'_>,
    registrar: &Registrar<S>,
    arguments: &cli::Demo,
    schedule: &Schedule,
    story: &Story<'_>,
) -> Result<(Vec<EnrolledTerminal<S>>, Vec<EnrolledCard<S>>, Cast<S>)> {
    story.chapter(2, "Cards and terminals come by their keys");
    story.say(
        "The service is up. A bank issues cards, and three operators (metro, waterworks, powergrid) set terminals up. \
         Each card and each terminal trades a one-time code for its key, in one round trip over an encrypted \
         connection. The authority never learns a card's secret key.",
    );
    if arguments.processes {
        story.say(
            "Each of the service's six roles is a process of its own here, in a folder with nothing but what it needs, and \
             has its own keys and its own database. They talk to each other over mutually authenticated TLS.",
        );
    }
    let progress = story.progress("enrolling terminals", arguments.terminals.into());
    let terminals = registrar.terminals(running, arguments.terminals as usize, &progress).await?;
    let begun = std::time::Instant::now();
    let plan = |(spending, pseudonyms): (&u64, &u16)| citizen(*spending, *pseudonyms);
    let mut plans = schedule.spending.iter().zip(&schedule.pseudonyms).map(plan).collect::<Result<Vec<_>>>()?;
    plans.extend(cast_plans(city)?);
    let progress = story.progress("enrolling cards", plans.len() as u64);
    let mut citizens = registrar.cards(plans, &progress).await?;
    let elapsed = begun.elapsed().as_secs_f64();
    let cast = citizens.split_off(schedule.spending.len());
    let [honest, expiring, revoked, water_only, cloned] = cast.try_into().ok().context("the cast has five cards")?;
    let enrolled = citizens.len() as u64 + 5;
    story.figures(&[
        ("terminals enrolled", grouped(terminals.len() as u64)),
        ("citizens' cards enrolled", grouped(citizens.len() as u64)),
        ("further cards, for the scenes below", "5".to_owned()),
        ("cards a second", format!("{:.0}", enrolled as f64 / elapsed.max(0.001))),
    ]);
    Ok((terminals, citizens, Cast { honest, expiring, revoked, water_only, cloned }))
}

/// Every citizen's wallet fetches what its day needs, and the card that will be lost some that it never gets to use.
async fn fetch_pseudonyms<S: Suite>(
    city: &City,
    registrar: &Registrar<S>,
    mut citizens: Vec<EnrolledCard<S>>,
    cast: Cast<S>,
    schedule: &Schedule,
    story: &Story<'_>,
) -> Result<(Vec<EnrolledCard<S>>, Cast<S>, u64)> {
    story.chapter(3, "Wallets come by pseudonyms");
    story.say(
        "Nobody taps under a card's number. Each wallet makes keys of its own and seals each by itself to the issuer of \
         pseudonyms; the attester knows which card asks and cannot open them, and passes them on among those of many \
         cards. The issuer issues and does not know to whom. Two linkage authorities give each pseudonym its number \
         together, so that none of them knows it. Clearing sets money aside. From now on a wallet shows a fresh \
         pseudonym at every tap.",
    );
    let begun = std::time::Instant::now();
    let issuance = pseudonyms::published(&registrar.trust_bundle().await?)?;
    let mut wanted = schedule.pseudonyms.clone();
    wanted.push(leftovers::LEFTOVERS);
    citizens.push(cast.revoked);
    let progress = story.progress("fetching pseudonyms", citizens.len() as u64);
    let mut citizens = pseudonyms::fetch(city, registrar, citizens, &wanted, &issuance, &progress).await?;
    let revoked = citizens.pop().context("the lost card fetched too")?;
    let issued = wanted.iter().copied().map(u64::from).sum();
    story.figures(&[
        ("pseudonyms issued", grouped(issued)),
        ("pseudonyms a second", format!("{:.0}", issued as f64 / begun.elapsed().as_secs_f64().max(0.001))),
    ]);
    story.say("Then one card is reported lost, and all terminals load the newest trust bundle.");
    Ok((citizens, Cast { revoked, ..cast }, issued))
}

/// A citizen's card: its budget reaches for the day, and what its holder paid in for what is set aside for so many
/// pseudonyms.
fn citizen(spending: u64, pseudonyms: u16) -> Result<CardPlan> {
    let spending = u32::try_from(spending)
        .context("one card would spend more in a day than money can be written; give more --cards")?;
    Ok(CardPlan {
        sectors: Sectors::ALL,
        spend_limit: SPEND_LIMIT,
        budget: BUDGET.max(spending),
        not_after: None,
        balance: u32::from(pseudonyms) * SPEND_LIMIT + REMAINDER,
    })
}

/// The cards of the scenes, in the order of [`Cast`].
fn cast_plans(city: &City) -> Result<[CardPlan; 5]> {
    let honest = citizen(0, 0)?;
    let now = city.clock().now();
    let month = 30 * 86_400;
    Ok([
        honest.clone(),
        CardPlan { not_after: Some(now.saturating_add(EXPIRES_SECONDS)), ..honest.clone() },
        citizen(0, leftovers::LEFTOVERS)?,
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
) -> Result<Lived> {
    story.chapter(4, "The service stops, the city goes on");
    city.clock().set(0);
    story.say(
        "The service is stopped now: nothing listens any more, no terminal can ask anybody. It is Monday, 4 January \
         2027, 05:00, and citizens tap until 22:00: through the metro's gates, in and out; at the waterworks' counters \
         to pay a bill; at power kiosks to buy credit, which they then carry to their meter.",
    );
    let opening = city.clock().now();
    let mut rooms = Terminals::<S>::rooms(people.terminals.len(), &people.bundle)?;
    let terminals =
        Terminals::start(&people.authority, &people.terminals, &people.bundle, &mut rooms, opening, arguments.seed)?;
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
        ("pseudonyms shown", grouped(day.cards.len() as u64)),
        ("what a card shows, bytes", symbolon_tap::Presentation::SIZE.to_string()),
        ("a terminal decides in (median)", milliseconds(offline::median(&mut day.verifying))),
        ("a whole tap computes for (median)", milliseconds(offline::median(&mut day.whole))),
    ]);

    story.chapter(5, "What is refused, and why");
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
    story.chapter(6, "What a lost card had left");
    leftovers::play(&mut stage)?;
    story.chapter(7, "A cloned card, and what cannot be prevented offline");
    cloning::play(&mut stage)?;
    let shown = stage.shown;
    Ok(Lived { day, shown, journals: terminals.journals() })
}

async fn settle<S: Suite>(
    city: &City,
    people: &People<S>,
    journals: &[Vec<Record>],
    arguments: &cli::Demo,
    story: &Story<'_>,
) -> Result<Settled> {
    story.chapter(8, "The service is back: settlement");
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

/// An hour later, what pseudonyms spent is posted. What others see of it, and what it takes to see more.
async fn look_around<S: Suite>(
    city: &City,
    people: &People<S>,
    day: &mut Day,
    settled: &mut Settled,
    arguments: &cli::Demo,
    story: &Story<'_>,
) -> Result<Seen> {
    city.clock().set(SUMMED_SECONDS);
    let running = city.start().await?;
    settling::close_the_books(&running, settled).await?;
    let metro = watching::metro_records(&running).await?;
    // Somebody who travels a lot; where no one does, somebody.
    let traveller = watching::traveller(&metro, &day.cards);
    let of_traveller = metro.iter().find(|seen| day.cards.get(&seen.subject).copied() == traveller);
    let subject = of_traveller.map(|seen| seen.subject).or_else(|| day.first()).context("nobody tapped all day")?;
    let number = *day.cards.get(&subject).context("a pseudonym is nobody's")?;
    let citizen = people.citizens.get(number).context("the demo has no such card")?;
    let entries = watching::entries(running.auditor(ServiceRole::Clearing)?, &citizen.account).await?;

    story.chapter(9, "What the bus company sees, and what clearing sees");
    watching::tell_the_metros(&metro, number, &day.cards, &people.citizens, story);
    watching::tell_clearings(&citizen.account, &entries, story);
    story.chapter(10, "An attempt to link");
    let linking = attempt::play(std::mem::take(&mut day.observed), arguments.seed);
    attempt::tell(linking.as_ref(), story);
    story.chapter(11, "A case, opened by two officers");
    tracing::play(&running, subject, citizen, city.clock().now(), arguments.seed, story).await?;
    running.stop().await?;
    Ok(Seen { linking, clearing_is_blind: watching::is_blind(&entries) })
}

/// Checks every proof with the published parameters alone; the service is down.
fn check_proofs(city: &City, settled: &Settled, story: &Story<'_>) -> Result<Vec<Checked>> {
    story.chapter(12, "The clone is caught");
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
