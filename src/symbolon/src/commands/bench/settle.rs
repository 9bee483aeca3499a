//! `symbolon bench settle`: how many records settle a second, uploaded over gRPC and TLS into a service that is a process
//! of its own; beside it, in the same run, what bounds it: the same rows inserted by hand, the same uploads answered
//! unread, the same signatures verified and nothing else.

mod ceilings;
mod load;
mod past;
mod town;

use crate::{cli, output::Output};
use anyhow::{Context, Result, ensure};
use load::{Loaded, Served};
use serde_json::{Value, json};
use std::process::ExitCode;
use town::Town;

/// Records in an upload of what was settled before.
const RECORDS: usize = 1_000;
/// More than are settled in a second: so many are signed beforehand for each second of load.
const MOST_A_SECOND: u64 = 40_000;

const ROWS: [u64; 3] = [100_000, 1_000_000, 10_000_000];

pub(super) fn run(arguments: &cli::BenchSettle, output: &Output) -> Result<ExitCode> {
    super::warn_unless_optimised(output);
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().context("cannot start threads")?;
    let mut runs = Vec::new();
    for rows in arguments.rows.map_or(ROWS.to_vec(), |rows| vec![rows]) {
        output.remark(&format!("at {rows} rows: signing and filling"));
        let run = runtime.block_on(measure(rows, arguments, output))?;
        output.remark(&in_words(&run));
        runs.push(run);
    }
    let text = runs.iter().map(in_words).collect::<Vec<_>>().join("\n");
    let value = json!({
        "optimised": super::IS_OPTIMISED,
        "records_an_upload": arguments.records,
        "with_hints": !arguments.without_hints,
        "terminals": arguments.terminals,
        "pseudonyms": arguments.pseudonyms,
        "runs": runs,
    });
    output.answer(&text, &value)?;
    Ok(ExitCode::SUCCESS)
}

async fn measure(rows: u64, arguments: &cli::BenchSettle, output: &Output) -> Result<Value> {
    let town = Town::found()?;
    let day = Day::new(arguments)?;
    let work = town.sign(&day)?;
    past::fill(&town, rows)?;
    output.remark("loading");
    let before = ceilings::last_rows(&town.exchange())?;
    let service = Served::start(&town).await?;
    let loaded = service.load(&town, &work, arguments.seconds).await?;
    let not_posted = ceilings::not_posted(&town.exchange())?;
    let left = service.stop()?;
    output.remark("the ceilings");
    let rows_settled = ceilings::settlements(&town.exchange(), &before)?;
    ensure!(rows_settled == loaded.records, "{} records were answered and {rows_settled} are kept", loaded.records);
    let inserted = ceilings::insert_same_rows(&town.exchange(), &before, day.records)?;
    let streamed = ceilings::stream(&town, &work, arguments.seconds.min(3)).await?;
    let verified = ceilings::verify(&town, &work)?;
    let beside = Beside { inserted, streamed: streamed.per_second(), verified };
    Ok(report(rows, &loaded, not_posted, &beside, left))
}

/// What is signed before anything is measured.
struct Day {
    /// Terminals that upload at once.
    terminals: usize,
    /// Records in an upload.
    records: usize,
    /// Uploads of each terminal.
    uploads: usize,
    /// Different pseudonyms that tap, in turn: within an upload none taps twice.
    pseudonyms: usize,
    /// Whether the terminals know the y-coordinates.
    has_hints: bool,
}

impl Day {
    fn new(arguments: &cli::BenchSettle) -> Result<Self> {
        let records = arguments.records;
        let taps = usize::try_from(arguments.taps.unwrap_or(arguments.seconds * MOST_A_SECOND))?;
        let terminals = usize::from(arguments.terminals);
        let uploads = taps.div_ceil(records * terminals);
        let pseudonyms = usize::try_from(arguments.pseudonyms)?.min(uploads * records * terminals);
        Ok(Self { terminals, records, uploads, pseudonyms, has_hints: !arguments.without_hints })
    }
}

/// What settling is held against, records a second.
struct Beside {
    inserted: f64,
    streamed: f64,
    verified: f64,
}

fn report(rows: u64, loaded: &Loaded, not_posted: usize, beside: &Beside, server_seconds: f64) -> Value {
    json!({
        "rows_before": rows,
        "uploads": loaded.uploads(),
        "records_settled": loaded.records,
        "records_not_posted_yet": not_posted,
        "seconds": loaded.seconds,
        "records_per_second": loaded.per_second(),
        "upload_p50_milliseconds": loaded.quantile(0.5),
        "upload_p99_milliseconds": loaded.quantile(0.99),
        "upload_longest_milliseconds": loaded.quantile(1.0),
        "service_processor_seconds": server_seconds,
        "service_processor_microseconds_per_record": server_seconds * 1e6 / loaded.records.max(1) as f64,
        "same_rows_inserted_records_per_second": beside.inserted,
        "streamed_unread_records_per_second": beside.streamed,
        "verified_alone_records_per_second": beside.verified,
    })
}

fn in_words(run: &Value) -> String {
    let number = |name: &str| run[name].as_f64().unwrap_or_default();
    format!(
        "{:>10} rows before: {:>6.0} records/s; an upload: p50 {:.0} ms, p99 {:.0} ms, longest {:.0} ms; service {:.1} us \
         of processor a record; the same rows inserted by hand {:.0}/s; streamed unread {:.0}/s; verified and nothing \
         else {:.0}/s",
        number("rows_before"),
        number("records_per_second"),
        number("upload_p50_milliseconds"),
        number("upload_p99_milliseconds"),
        number("upload_longest_milliseconds"),
        number("service_processor_microseconds_per_record"),
        number("same_rows_inserted_records_per_second"),
        number("streamed_unread_records_per_second"),
        number("verified_alone_records_per_second"),
    )
}
