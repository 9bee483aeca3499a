//! `symbolon bench verify`: how long a signature takes, alone and in batches, beside what others take for theirs.
//!
//! Everything is measured on one thread, in rounds in which each thing has its turn, and medians over the rounds are told:
//! what else the machine does meanwhile hits all alike.

#[cfg(feature = "peers")]
mod peers;
mod records;

use crate::{cli, output::Output};
use anyhow::Result;
use records::{Signed, sign_records};
use serde_json::{Map, Value, json};
use std::{
    collections::BTreeMap,
    hint::black_box,
    process::ExitCode,
    time::{Duration, Instant},
};
use symbolon_ccks::{Backend, Bound, P256, Secp256k1, Suite, SuiteId};

/// How long each thing is repeated in a round, at least.
const TURN: Duration = Duration::from_millis(20);

/// Something to measure: what it is called, how many signatures it verifies at once, and how.
type Measured<'m> = (String, usize, Box<dyn FnMut() + 'm>);

pub(super) fn run(arguments: &cli::BenchVerify, output: &Output) -> Result<ExitCode> {
    super::warn_unless_optimised(output);
    let mut suites = Map::new();
    let mut words = String::new();
    for suite in [SuiteId::P256Sha256, SuiteId::Secp256k1Sha256] {
        if arguments.suite.is_some_and(|asked| asked != suite) {
            continue;
        }
        let figures = match suite {
            SuiteId::P256Sha256 => measure::<P256>(arguments, output)?,
            SuiteId::Secp256k1Sha256 => measure::<Secp256k1>(arguments, output)?,
        };
        words.push_str(&in_words(suite.name(), &figures));
        suites.insert(suite.name().to_owned(), figures);
    }
    let best = backend_name(Backend::best());
    let value = json!({
        "optimised": super::IS_OPTIMISED,
        "threads": 1,
        "rounds": arguments.rounds,
        "fastest_arithmetic": best,
        "suites": suites,
    });
    output.answer(&words, &value)?;
    Ok(ExitCode::SUCCESS)
}

fn backend_name(backend: Backend) -> &'static str {
    match backend {
        Backend::Ifma => "ifma",
        Backend::Portable => "portable",
    }
}

/// Medians, nanoseconds a signature, by what was measured.
fn measure<S: Suite>(arguments: &cli::BenchVerify, output: &Output) -> Result<Value> {
    let most = arguments.sizes.iter().copied().max().unwrap_or(1);
    output.remark(&format!("{}: signing {most} records", S::NAME));
    let signed = sign_records::<S>(most)?;
    output.remark(&format!("{}: measuring {} rounds", S::NAME, arguments.rounds));
    #[cfg(feature = "peers")]
    let peers = peers::Peers::new()?;
    let mut measured = batches(&signed, &arguments.sizes);
    measured.push(alone(&signed));
    #[cfg(feature = "peers")]
    measured.extend(peers.measured());

    let mut times = BTreeMap::<String, Vec<f64>>::new();
    for _ in 0..arguments.rounds {
        for (name, count, repeat) in &mut measured {
            times.entry(name.clone()).or_default().push(nanoseconds_each(*count, repeat));
        }
    }
    let medians = times.into_iter().map(|(name, times)| (name, median(times))).collect();
    Ok(report(&medians))
}

/// Batches of each size, with hints and without, with each arithmetic that this processor has.
fn batches<'s, S: Suite>(signed: &'s Signed<S>, sizes: &[usize]) -> Vec<Measured<'s>> {
    let backends = [Backend::Ifma, Backend::Portable].into_iter().filter(|backend| backend.is_available());
    let mut measured = Vec::<Measured<'s>>::new();
    for backend in backends {
        for (size, with_hints) in sizes.iter().flat_map(|size| [(*size, true), (*size, false)]) {
            let hints = if with_hints { "with_hints" } else { "without_hints" };
            let name = format!("batch/{}/{hints}/{size}", backend_name(backend));
            let mut calls = 0u64;
            let verify = move || {
                let claims = signed.claims(size, with_hints);
                calls += 1;
                let mut random = [0; 32];
                random[..8].copy_from_slice(&calls.to_be_bytes());
                let verdicts = signed.authority.verify_batch_with(backend, &claims, &random, Bound::default()).0;
                assert!(black_box(verdicts).iter().all(Result::is_ok), "every record is signed");
            };
            measured.push((name, size, Box::new(verify)));
        }
    }
    measured
}

fn alone<S: Suite>(signed: &Signed<S>) -> Measured<'_> {
    let mut index = 0;
    let verify = move || {
        index = (index + 1) % signed.records.len();
        signed.verify_alone(index).expect("every record is signed");
    };
    ("single".to_owned(), 1, Box::new(verify))
}

fn nanoseconds_each(count: usize, repeat: &mut dyn FnMut()) -> f64 {
    let start = Instant::now();
    let mut times = 0u32;
    loop {
        repeat();
        times += 1;
        let elapsed = start.elapsed();
        if elapsed >= TURN {
            return elapsed.as_nanos() as f64 / f64::from(times) / count as f64;
        }
    }
}

fn median(mut times: Vec<f64>) -> f64 {
    times.sort_by(f64::total_cmp);
    times.get(times.len() / 2).copied().unwrap_or(f64::NAN)
}

/// Peers, and what their figures are called.
const PEERS: [&str; 3] = ["ring_verify", "webpki_ring", "libsecp256k1_verify"];

fn report(medians: &BTreeMap<String, f64>) -> Value {
    let rounded = |nanoseconds: f64| json!(nanoseconds.round());
    let (mut batch, mut ratios) = (Map::new(), Map::new());
    for (name, nanoseconds) in medians {
        if let Some(path) = name.strip_prefix("batch/") {
            place(&mut batch, path, rounded(*nanoseconds));
            for peer in PEERS.iter().filter(|peer| medians.contains_key(**peer)) {
                let ratio = (medians[*peer] / nanoseconds * 100.0).round() / 100.0;
                place(&mut ratios, &format!("{peer}/{path}"), json!(ratio));
            }
        }
    }
    let figure = |name: &str| medians.get(name).map_or(Value::Null, |nanoseconds| rounded(*nanoseconds));
    json!({
        "batch_ns_per_record": batch,
        "single_ns": figure("single"),
        "ring_verify_ns": figure(PEERS[0]),
        "webpki_ring_ns": figure(PEERS[1]),
        "libsecp256k1_verify_ns": figure(PEERS[2]),
        "times_as_fast_as": ratios,
    })
}

/// Puts a value where a path of names leads.
fn place(object: &mut Map<String, Value>, path: &str, value: Value) {
    match path.split_once('/') {
        None => drop(object.insert(path.to_owned(), value)),
        Some((first, rest)) => {
            let inner = object.entry(first).or_insert_with(|| Value::Object(Map::new()));
            if let Value::Object(inner) = inner {
                place(inner, rest, value);
            }
        }
    }
}

fn in_words(suite: &str, figures: &Value) -> String {
    let mut words = format!("{suite}, nanoseconds a signature\n");
    let mut line = |name: &str, value: &Value| words.push_str(&format!("  {name:<44} {value:>10}\n"));
    for (name, value) in figures.as_object().into_iter().flatten() {
        match value {
            Value::Number(_) => line(name, value),
            Value::Object(_) => leaves(name, value, &mut line),
            _ => {}
        }
    }
    words
}

fn leaves(name: &str, value: &Value, line: &mut impl FnMut(&str, &Value)) {
    match value {
        Value::Object(inner) => inner.iter().for_each(|(key, value)| leaves(&format!("{name} {key}"), value, line)),
        _ => line(name, value),
    }
}
